"""Lock files: what is written is read back, and what would lead astray is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbxfer.core import lockfile
from nbxfer.core.lockfile import Frozen
from nbxfer.core.probe import Validator
from nbxfer.errors import InvalidRequest

ONE = Frozen("a/b.bin", "https://host/b.bin", 5, "0" * 64, 1.5, "https://cdn/b.bin", Validator("etag", '"v"'), 1.0)


def _text(**changes: Any) -> bytes:
    """Give the text of a lock file of one file, with changes to it."""
    lock = json.loads(lockfile.written((ONE,)))
    lock["files"][0] |= changes
    return json.dumps(lock).encode()


def test_there_and_back() -> None:
    """What is written is read back the same."""
    files = (ONE, Frozen("c.bin", "https://host/c.bin", 0, "f" * 64, 2.0))
    assert lockfile.read(lockfile.written(files), "data.lock") == files


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "", "C:\\x", "c:x", "a\\b", "a\nb", "a/", "con", "a/NUL.txt",
        "a/b.", " a", "a\u202eb",
    ],
)  # fmt: skip
def test_paths_that_lead_astray(path: str) -> None:
    """A path that leaves the folder, on whatever system, is refused."""
    with pytest.raises(InvalidRequest, match="would write"):
        lockfile.read(_text(path=path), "data.lock")


@pytest.mark.parametrize("path", ["a", "a/b", "data (1).bin", ".hidden", "ä/ö.txt", "a..b", "console"])
def test_paths_that_are_well(path: str) -> None:
    """Ordinary names are ordinary."""
    assert lockfile.read(_text(path=path), "data.lock")[0].path == path


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"[1]", b"\xff", _text(sha256="0"), _text(size=-1), _text(more=1), _text(url="x" * 9000),
        lockfile.written((ONE,)).replace(b"lock/1", b"lock/2"),
    ],
)  # fmt: skip
def test_what_is_no_lock_file(text: bytes) -> None:
    """What does not fit the schema is refused whole."""
    with pytest.raises(InvalidRequest, match="no lock file"):
        lockfile.read(text, "data.lock")


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock file that is too long is not read, and no two files may have one name, in whatever case."""
    twice = lockfile.written((ONE, Frozen("A/B.bin", "https://host/c.bin", 0, "f" * 64, 2.0)))
    with pytest.raises(InvalidRequest, match="twice"):
        lockfile.read(twice, "data.lock")
    monkeypatch.setattr(lockfile, "LONGEST", 10)
    with pytest.raises(InvalidRequest, match="longer"):
        lockfile.read(twice, "data.lock")
