"""Sessions on one home, and servers that count."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nbxfer.session import Session
from tests.faces.jupyter import lab, tab
from tests.fixtures import serve, sessions, terminal

__all__ = ["lab", "serve", "sessions", "tab", "terminal"]


@pytest.fixture
def session(sessions: Callable[[], Session]) -> Session:
    """Give one session."""
    return sessions()
