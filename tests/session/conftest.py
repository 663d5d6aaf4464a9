"""Sessions on one home, and servers that count."""

from __future__ import annotations

from tests.fixtures import serve, sessions

__all__ = ["serve", "sessions"]
