"""Sessions on one home, and servers that count."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nbxfer.session import Session
from tests.fixtures import serve, sessions, terminal

__all__ = ["serve", "sessions", "terminal"]


@pytest.fixture
def session(sessions: Callable[[], Session]) -> Session:
    """Give one session."""
    return sessions()
