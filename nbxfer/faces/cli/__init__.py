"""The command line: one command a wish, words for people, JSON for programs.

It knows the front desk, words and the bar; it may not know the engine, the manifest or the network. Everything heavy
is imported inside the commands, so that ``--help`` and ``ls`` answer at once. The shell calls ``main``; no traceback
leaves it, and every exit code is one of exits.py.
"""

from __future__ import annotations

from nbxfer.faces.cli.app import main

__all__ = ["main"]
