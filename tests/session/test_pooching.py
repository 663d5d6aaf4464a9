"""The downloader for pooch, with pooch itself."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pooch
import pytest

import nbxfer
from nbxfer.demo.madeup import MadeUp
from nbxfer.demo.server import DemoServer
from nbxfer.session import Session

MIB = 1 << 20


def test_retrieve(session: Session, serve: Callable[..., DemoServer], tmp_path: Path) -> None:
    """What pooch retrieves through it is the file, in pooch's own place, once."""
    server = serve(3 * MIB)
    known = f"sha256:{hashlib.sha256(MadeUp(3 * MIB).read(0, 3 * MIB)).hexdigest()}"
    get = nbxfer.pooch_downloader(session)
    path = pooch.retrieve(server.url, known, fname="x.bin", path=tmp_path / "pooch", downloader=get)
    assert Path(path).stat().st_size == 3 * MIB
    before = server.requests
    assert pooch.retrieve(server.url, known, fname="x.bin", path=tmp_path / "pooch", downloader=get) == path
    assert server.requests == before


def test_wrong_hash(session: Session, serve: Callable[..., DemoServer], tmp_path: Path) -> None:
    """Pooch refuses what does not add up, and leaves nothing behind."""
    server = serve(MIB)
    with pytest.raises(ValueError, match="hash"):
        pooch.retrieve(
            server.url,
            "sha256:" + "0" * 64,
            fname="x.bin",
            path=tmp_path / "p",
            downloader=nbxfer.pooch_downloader(session),
        )
    assert not (tmp_path / "p" / "x.bin").exists()


def test_is_available(session: Session, serve: Callable[..., DemoServer], tmp_path: Path) -> None:
    """Asked whether a file can be had, it says so without fetching it; a file to write to will do, too."""
    server = serve(MIB)
    base = server.url.rpartition("/")[0]
    name = server.url.rpartition("/")[2]
    catalogue = pooch.create(path=tmp_path / "p", base_url=base + "/", registry={name: None, "not-there/no": None})
    get = nbxfer.pooch_downloader(session)
    assert catalogue.is_available(name, downloader=get)
    assert not get("http://127.0.0.1:9/x", None, catalogue, check_only=True)
    got = io.BytesIO()
    get(server.url, got, catalogue)
    assert len(got.getvalue()) == MIB
