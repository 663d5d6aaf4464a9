"""Completion tasks and notices of these tests: each leaves a line in a file that the environment names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbxfer.core.completion import Notice
    from nbxfer.session.completion import Completed

#: The variable that names the file.
FILE = "NBXFER_TEST_TASKS"


def _note(line: str) -> None:
    fd = os.open(os.environ[FILE], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)


def done(completed: Completed) -> None:
    """Write down that it was called, and how it ended."""
    how = completed.outcome
    _note(f"{completed.id} attempt {completed.attempt}: {how.done} done, {how.failed} failed, {how.canceled} canceled")


def retry(completed: Completed) -> None:
    """Try again what has failed, and write down how often that was."""
    for op in completed.failed:
        op.retry()
    _note(f"retried {len(completed.failed)}")


def broken(completed: Completed) -> None:
    """Fail."""
    raise LookupError(f"no rest after {completed!r}")


def told(notice: Notice) -> None:
    """Write a notice down."""
    _note(f"{'good' if notice.ok else 'bad'}: {notice.title} | {notice.text}")
