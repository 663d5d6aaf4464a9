"""A file to be, and system calls that fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbxfer.sinks.localfile import LocalFile

Fail = Callable[..., None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that is not there yet."""
    return tmp_path / "data.bin"


@pytest.fixture
def sink(path: Path) -> LocalFile:
    """Give the sink of that file."""
    return LocalFile(path, "op1")


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Let a system call fail with one errno; ``times`` times, then be itself."""

    def fail(name: str, number: int, times: int = 10**9) -> None:
        real, left = getattr(os, name), [times]

        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] >= 0:
                raise OSError(number, os.strerror(number))
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, call)

    return fail
