"""What is written where: results on standard output, everything else in sentences on standard error.

Log lines of other threads are kept until the waiting thread has taken its bar off the screen.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Protocol

import click

from nbxfer.faces.cli.dialect import in_shell

if TYPE_CHECKING:
    from nbxfer.core.snapshot import Snapshot


class Bar(Protocol):
    """What shows progress."""

    def refresh(self) -> None:
        """Show how things stand."""
        ...

    def clear(self) -> None:
        """Make room for a line."""
        ...

    def close(self) -> None:
        """Leave the final line."""
        ...


class Pen:
    """Writes for one run of the program."""

    def __init__(self) -> None:
        self.json = self.quiet = self.verbose = False
        self._lines: _Lines | None = None

    def setup(self, *, json: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        """Take the command's options; begin to listen to the log."""
        self.json, self.quiet, self.verbose = json, quiet, verbose
        self._lines = _Lines(logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING)

    def close(self) -> None:
        """Write what is left of the log, and listen no more."""
        if self._lines is not None:
            self.drain()
            self._lines.stop()
            self._lines = None

    # -- standard output -------------------------------------------------------------------------------------------
    def out(self, text: str) -> None:
        """Write a result."""
        click.echo(text)

    def row(self, **fields: object) -> None:
        """Write one JSON object on a line of its own."""
        click.echo(json.dumps(fields, default=str))

    def snapshot(self, snapshot: Snapshot) -> None:
        """Write the JSON line of an operation."""
        self.row(
            id=snapshot.id,
            status=snapshot.status.name,
            received=snapshot.received,
            total=snapshot.total,
            path=snapshot.published.path if snapshot.published else snapshot.destination,
            error=fault_words(snapshot) or None,
        )

    def path(self, path: str) -> None:
        """Write a file's path: byte for byte for a program, cleaned for a screen."""
        from nbxfer.faces.words import clean

        click.echo(clean(path, 4096) if sys.stdout.isatty() else os.fsencode(path))

    # -- standard error --------------------------------------------------------------------------------------------
    def say(self, text: str) -> None:
        """Write a sentence that a quiet person can do without."""
        if not self.quiet:
            click.echo(f"nbxfer: {text}", err=True)

    def fail(self, text: str) -> None:
        """Write a sentence that has to be read; it may come from outside."""
        from nbxfer.faces.words import clean

        click.echo(f"nbxfer: {in_shell(clean(text, 1000))}", err=True)

    def drain(self, bar: Bar | None = None) -> None:
        """Write the log lines that have come, above the bar."""
        if self._lines is None or not self._lines.waiting:
            return
        if bar is not None:
            bar.clear()
        while self._lines.waiting:
            click.echo(self._lines.waiting.popleft(), err=True)


def fault_words(snapshot: Snapshot) -> str:
    """Give the sentence of what went wrong, or keeps it waiting; empty where nothing does."""
    from nbxfer.faces.words import clean

    fault = snapshot.fault
    if fault is None:
        return ""
    return in_shell(clean(f"{fault.message} {fault.hint}" if fault.hint else fault.message, 1000), snapshot.id)


class _Lines(logging.Handler):
    """Keeps log lines, cleaned, for whoever may write."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.waiting: deque[str] = deque(maxlen=1000)
        self._loggers = {
            logging.getLogger("nbxfer"): level,
            # The line a minute that stands for a bar is wanted unless quiet.
            logging.getLogger("nbxfer.progress"): max(level, logging.INFO) if level > logging.WARNING else logging.INFO,
        }
        self._levels = {logger: logger.level for logger in self._loggers}
        for logger, wanted in self._loggers.items():
            logger.setLevel(wanted)
        logging.getLogger("nbxfer").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        from nbxfer.faces.words import clean

        about = f" [{op_id[:8]}]" if isinstance(op_id := getattr(record, "op_id", None), str) else ""
        word = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        self.waiting.append(in_shell(clean(f"nbxfer:{about} {word}{record.getMessage()}", 1000)))

    def stop(self) -> None:
        """Listen no more; leave the loggers as they were."""
        logging.getLogger("nbxfer").removeHandler(self)
        for logger, level in self._levels.items():
            logger.setLevel(level)
