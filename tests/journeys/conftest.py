"""A throttled server that counts, and the command line as a process of its own."""

from __future__ import annotations

from tests.fixtures import serve, terminal

__all__ = ["serve", "terminal"]
