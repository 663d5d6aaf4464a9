"""What is not installed is said before anything moves, with the extra that brings it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from nbxfer.errors import InvalidRequest
from nbxfer.session import Session
from nbxfer.wire import filesystems

CASES = [
    ("s3://bucket/key", "s3fs", "nbxfer[s3]"),
    ("gs://bucket/key", "gcsfs", "nbxfer[gcs]"),
    ("az://box/key", "adlfs", "nbxfer[azure]"),
    ("sftp://host/path", "asyncssh", "nbxfer[sftp]"),
    ("smb://host/share/path", "smbprotocol", "nbxfer[smb]"),
    ("hf://lab/model/path", "huggingface_hub", "nbxfer[hf]"),
]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Give a set of modules; those that are put into it are not installed."""
    gone: set[str] = set()
    find = importlib.util.find_spec

    def look(name: str, *more: Any) -> Any:
        return None if name in gone else find(name, *more)

    monkeypatch.setattr(filesystems, "find_spec", look)
    return gone


@pytest.mark.parametrize(("url", "module", "extra"), CASES)
@pytest.mark.parametrize("face", ["download", "open", "upload", "copy"])
def test_the_extra_is_named(
    session: Session, without: set[str], tmp_path: Any, url: str, module: str, extra: str, face: str
) -> None:
    """Whatever is asked of a store: who lacks its package is told which one, and what to type."""
    without.add(module)
    (tmp_path / "x").write_bytes(b"x")
    calls: dict[str, Callable[[], object]] = {
        "download": lambda: session.download(url, tmp_path / "y"),
        "open": lambda: session.open(url),
        "upload": lambda: session.upload(tmp_path / "x", url),
        "copy": lambda: session.copy(url, "memory://copied"),
    }
    with pytest.raises(InvalidRequest, match=module) as caught:
        calls[face]()
    assert extra in (caught.value.hint or "")
    assert not (tmp_path / "y").exists()
    assert not session.operations()


def test_in_a_chain(session: Session, without: set[str], tmp_path: Any) -> None:
    """A link of a chain is looked at, too."""
    without.add("s3fs")
    with pytest.raises(InvalidRequest, match="s3fs"):
        session.download("zip://a.csv::s3://bucket/all.zip", tmp_path / "y")
