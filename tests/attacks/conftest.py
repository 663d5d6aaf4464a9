"""Sessions on one home, servers that count, and processes that can be stopped and killed."""

from __future__ import annotations

from tests.fixtures import serve, sessions, terminal

__all__ = ["serve", "sessions", "terminal"]
