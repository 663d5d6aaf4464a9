"""What cannot be done as written is refused at once, with a sentence that says what to do, and nothing has moved."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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
    ("another scheme", ("gopher://host/x",), {}, "gopher:// is no protocol"),
    ("a store that is nearly one", ("sftpp://h/k",), {}, "Did you mean sftp://?"),
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
    ("a short checksum", (URL,), {"checksum": "sha256:12"}, "is no sha256"),
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
    ("an empty folder", (URL,), {"into": ""}, "into is an empty text"),
    ("a name that is no text", (URL,), {"name": 5}, "name is of type int"),
    ("a key that says nothing", (URL,), {"key": ""}, "names no source"),
    ("a checksum that is yes", (URL,), {"checksum": True}, "not a text"),
    ("a checksum of another URL", (URL,), {"checksum": {"http://host/y": "00" * 32}}, "which is not asked for"),
    ("a list of checksums elsewhere", (URL,), {"checksum": "ftp://host/SUMS"}, "ftp:// cannot be fetched for this"),
    ("sizes that contradict", (URL,), {"expect_size": 2, "max_size": 1}, "expect_size is more than max_size"),
    ("a size in bits", (URL,), {"max_size": "5 Mb"}, "may mean bits"),
    ("a size that is a speed", (URL,), {"expect_size": "5 MB/s"}, "no amount of bytes"),
    ("a speed of nothing", (URL,), {"bandwidth": 0}, "let nothing through"),
    ("a speed in words", (URL,), {"bandwidth": "fast"}, "no amount of bytes"),
    ("no connections", (URL,), {"connections": 0}, "whole number from 1 up"),
    ("connections as a flag", (URL,), {"connections": True}, "connections=True"),
    ("a flag in words", (URL,), {"http2": "yes"}, "neither True nor False"),
    ("a flag as a number", (URL,), {"preserve_mtime": 1}, "neither True nor False"),
    ("random access to nothing", (URL,), {"random_access": None}, "neither True nor False"),
    ("trust in a word", (URL,), {"trust_env": "no"}, "neither True nor False"),
    ("a deadline that is over", (URL,), {"deadline": datetime(2020, 1, 1, tzinfo=UTC)}, "over already"),
    ("a deadline without a zone", (URL,), {"deadline": datetime(2090, 1, 1)}, "in which zone"),  # noqa: DTZ001
    ("a deadline in words", (URL,), {"deadline": "tomorrow"}, "is no time"),
    ("a deadline that was", (URL,), {"deadline": timedelta(seconds=-1)}, "over already"),
    ("a timeout in words", (URL,), {"timeout": "5s"}, "no number of seconds"),
    ("a policy of nothing", (URL,), {"retry": nbxfer.Retry(tries=0)}, "cannot be followed"),
    ("a policy of texts", (URL,), {"retry": nbxfer.Retry(base="1")}, "cannot be followed"),  # type: ignore[arg-type]
    ("codes as a text", (URL,), {"recoverable": "403"}, "codes from 400 to 599"),
    ("refresh that is nothing", (URL,), {"refresh": 5}, "is no function"),
    ("refresh that is not there", (URL,), {"refresh": "nbxfer.nowhere:f"}, "cannot be imported"),
    ("refresh without a function", (URL,), {"refresh": "nbxfer"}, "names no function"),
    ("refresh of this notebook", (URL,), {"refresh": "__main__:f"}, "names no function"),
    ("refresh that is a value", (URL,), {"refresh": "nbxfer:__version__"}, "is no function"),
    ("refresh that waits", (URL,), {"refresh": asyncio.sleep}, "coroutine function"),
    ("headers as a number", (URL,), {"headers": 5}, "neither a mapping nor pairs"),
    ("half a header", (URL,), {"headers": [("A",)]}, "no pair"),
    ("cookies as a number", (URL,), {"cookies": 5}, "cookies="),
    ("cookies that are not there", (URL,), {"cookies": "/nowhere/cookies.txt"}, "cannot be read"),
    ("a proxy as a number", (URL,), {"proxy": 5}, "proxy="),
    ("a proxy of another kind", (URL,), {"proxy": "ftp://host"}, "of a kind that is not known"),
    ("credentials for no proxy", (URL,), {"proxy": "", "proxy_auth": ("u", "p")}, "no proxy is to be used"),
    ("a certificate that is not there", (URL,), {"cert": "/nowhere/cert.pem"}, "no such file"),
    ("no URL at all", (None,), {}, "not a text"),
    ("a path as URL", (Path("x"),), {}, "not a text"),
    ("bytes as URL", (b"http://host/x",), {}, "not a text"),
    ("a list with a number in it", ([URL, 7],), {}, "Item 2 of 2: The URL is of type int"),
    ("a list with a folder in it", ([URL, "http://host/d/"],), {}, "Item 2 of 2 (http://host/d/): "),
    ("a list with another scheme", (["xftp://host/x", URL],), {}, "Item 1 of 2 (xftp://host/x): xftp:// is no"),
    ("a list on one name", ([URL, URL.replace("9", "8")],), {}, "would both land on"),
    ("a list with one name", ([URL, URL + "2"],), {"name": "x"}, "one name, and there are several"),
    ("a list with one key", ([URL, URL + "2"],), {"key": "k"}, "names one source"),
    ("a list with one checksum", ([URL, URL + "2"],), {"checksum": "00" * 32}, "that of one file"),
    ("a list with a wrong option", ([URL, URL + "2"],), {"if_exists": "no"}, "if_exists='no' is unknown"),
    ("a mapping to a number", ({URL: 5},), {}, "dest is of type int"),
    ("a mapping on one name", ({URL: "x", URL + "2": "x"},), {}, "would both land on"),
    ("a mapping to both names", ({URL: "x/file"},), {"name": "other"}, "both name the file"),
    ("one secret for two servers", ([URL, "http://host/y"],), {"auth": ("u", "p")}, "different servers"),
    ("one cookie for two servers", ([URL, "http://host/y"],), {"cookies": {"a": "b"}}, "different servers"),
    ("one header for two servers", ([URL, "http://host/y"],), {"headers": {"X-Key": "b"}}, "different servers"),
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
    with pytest.raises(InvalidRequest, match="no group"):
        session.operations(group="g")
    assert session.operations(status="completed") == []
    assert session.operations(status=5) == []
