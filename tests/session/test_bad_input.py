"""What cannot be done as written is refused at once, with a sentence that says what to do, and nothing has moved."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nbxfer
from nbxfer.demo.server import DemoServer
from nbxfer.errors import AccessDenied, DestinationExists, InvalidRequest, TransferError, UnknownOption
from nbxfer.session import Session

URL = "http://127.0.0.1:9/data.bin"

BAD: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("no scheme", ("data.bin",), {}, "not an absolute URL"),
    ("a number", (7,), {}, "not a text"),
    ("another scheme", ("gopher://host/x",), {}, "gopher:// cannot be fetched"),
    ("a store", ("s3://bucket/key",), {}, "s3:// cannot be fetched"),
    ("no host", ("http:///x",), {}, "absolute URL"),
    ("a blank", ("http://host/a b",), {}, "blank"),
    ("a port that is none", ("http://host:99999/x",), {}, "cannot be read"),
    ("no name", ("http://host/folder/",), {}, "does not name a file"),
    ("a name that climbs", ("http://host/a/..%2f..%2fetc",), {}, "does not name a file"),
    ("misspelt option", (URL,), {"chekcsum": "x"}, "Did you mean 'checksum'"),
    ("unknown option", (URL,), {"zzzz": 1}, "The options are"),
    ("both places", (URL, "x"), {"into": "y"}, "both say where it lands"),
    ("both names", (URL, "x/file"), {"name": "other"}, "both name the file"),
    ("a name that is no text", (URL, "x\udcff"), {}, "not a usable path"),
    ("a very long URL", ("http://host/" + "x" * 20_000,), {}, "characters long"),
    ("a name with a slash", (URL,), {"name": "a/b"}, "not a file name"),
    ("a URL as destination", (URL, "s3://bucket/x"), {}, "downloads land in files"),
    ("a number as destination", (URL, 3), {}, "not a path"),
    ("a long name", (URL, "x" * 300), {}, "longer than 255 bytes"),
    ("a short checksum", (URL,), {"checksum": "sha256:12"}, "not a sha256"),
    ("an unknown checksum", (URL,), {"checksum": "crc99:00"}, "names no algorithm"),
    ("an odd checksum", (URL,), {"checksum": 5}, "not a text"),
    ("if_exists", (URL,), {"if_exists": "maybe"}, "if_exists='maybe' is unknown"),
    ("on_duplicate", (URL,), {"on_duplicate": "maybe"}, "on_duplicate='maybe'"),
    ("priority", (URL,), {"priority": "urgent"}, "priority='urgent'"),
    ("priority as a flag", (URL,), {"priority": True}, "priority=True"),
    ("recoverable", (URL,), {"recoverable": {200}}, "codes from 400 to 599"),
    ("size", (URL,), {"expect_size": -1}, "expect_size=-1"),
    ("half a byte", (URL,), {"expect_size": 1.5}, "whole number"),
    ("timeout", (URL,), {"timeout": 0}, "timeout=0"),
    ("endless timeout", (URL,), {"timeout": float("nan")}, "timeout=nan"),
    ("retry", (URL,), {"retry": 3}, "nbxfer.Retry"),
    ("start", (URL,), {"start": "no"}, "start='no'"),
    ("CA bundle", (URL,), {"verify": "/nowhere/ca.pem"}, "does not exist"),
    ("verify", (URL,), {"verify": 3.0}, "neither True, False nor a path"),
    ("secret_query", (URL,), {"secret_query": [1]}, "no list of names"),
    ("a header that is ours", (URL,), {"headers": {"Range": "bytes=0-"}}, "Range"),
    ("a broken header", (URL,), {"headers": {"X-A": "b\r\nC: d"}}, "X-A"),
    ("auth", (URL,), {"auth": 5}, "auth="),
]


@pytest.mark.parametrize(("args", "options", "says"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_it_is_refused_with_a_sentence(
    args: tuple[Any, ...],
    options: dict[str, Any],
    says: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Every wrong value raises InvalidRequest before anything moves, and leaves no trace on the disk."""
    monkeypatch.chdir(tmp_path)
    session = Session(home=home)
    with pytest.raises(InvalidRequest) as caught:
        session.download(*args, **options)
    assert says in str(caught.value)
    assert str(caught.value).rstrip().endswith((".", "…", "'", '"', ")", "?", "…/file' or name='…'."))
    assert list(tmp_path.iterdir()) == []
    assert not session._engine.running
    session.close()


def test_a_misspelt_option_is_a_type_error_too() -> None:
    """Who catches TypeError for an unknown keyword still does."""
    with pytest.raises(TypeError):
        nbxfer.download(URL, no_such_option=1)
    assert issubclass(UnknownOption, TypeError)


def test_a_folder_below_a_file_is_refused(home: Path, tmp_path: Path) -> None:
    """Nothing can be put below an ordinary file."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InvalidRequest, match="is a file, so nothing can be put below it"):
        Session(home=home).download(URL, tmp_path / "file" / "x")


def test_a_folder_that_may_not_be_written_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence comes at once, not after 40 GB."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(AccessDenied, match="may not be written"):
        Session(home=home).download(URL, tmp_path / "x")


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "foreign file"])
def test_what_is_not_ours_is_not_replaced(kind: str, home: Path, tmp_path: Path) -> None:
    """A link, a pipe or somebody's file at the destination is refused, and left as it is."""
    target = tmp_path / "X"
    if kind == "link":
        target.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(target)
    elif kind == "foreign file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "data.bin").mkdir()
    with pytest.raises(DestinationExists, match="is there already"):
        Session(home=home).download(URL, target)


def test_a_home_that_cannot_be_made_is_said_at_once(tmp_path: Path) -> None:
    """The home below a file: one sentence, no traceback of somebody else's library."""
    (tmp_path / "file").write_text("")
    session = Session(home=tmp_path / "file" / "home")
    with pytest.raises(TransferError):
        session.download(URL, tmp_path / "x")


def test_secrets_are_in_no_error(home: Path, canary: Callable[[str], str], tmp_path: Path) -> None:
    """Whatever is wrong with a request, its userinfo, query and headers are not repeated."""
    url = f"http://u:{canary('userinfo')}@host/a b?sig={canary('sig')}"
    for given in ({}, {"headers": {"X-Key": canary("header") + "\n"}}, {"auth": (canary("auth"), 3)}):
        for bad in (url, url.replace("a b", "ab")):
            if bad == url or given:
                with pytest.raises(TransferError) as caught:
                    Session(home=home).download(bad, tmp_path / "x", **given)
                assert "nbxfercanary" not in repr(caught.value) + str(caught.value)


def test_operations_and_find_say_what_is_wrong(home: Path, serve: Callable[..., DemoServer]) -> None:
    """An unknown status, scope or group is refused with the words that are known."""
    session = Session(home=home)
    with pytest.raises(InvalidRequest, match="running"):
        session.operations(status="dancing")
    with pytest.raises(InvalidRequest, match="notebook"):
        session.operations(scope="galaxy")
    with pytest.raises(InvalidRequest, match="no groups"):
        session.operations(group="g")
    assert session.operations(status="completed") == []
    assert session.operations(status=5) == []
