"""Servers that count and servers that misbehave, sessions, and the command line as a process of its own."""

from __future__ import annotations

from tests.fixtures import authority, ca, impatient, serve, sessions, small_blocks, terminal, trial

__all__ = ["authority", "ca", "impatient", "serve", "sessions", "small_blocks", "terminal", "trial"]
