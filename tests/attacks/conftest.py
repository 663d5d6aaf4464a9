"""Servers that count, sessions on one home, transfers on trial."""

from __future__ import annotations

from tests.fixtures import impatient, serve, sessions, small_blocks, terminal, trial

__all__ = ["impatient", "serve", "sessions", "small_blocks", "terminal", "trial"]
