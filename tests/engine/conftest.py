"""Two kernels on one home, in one process: two sessions, each with an engine and an owner id of its own."""

from __future__ import annotations

from tests.fixtures import authority, ca, serve, sessions, trial

__all__ = ["authority", "ca", "serve", "sessions", "trial"]
