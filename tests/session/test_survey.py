"""What stands in the way of a list: folders are read, and what is seen there counts as it does for one file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.phases import Phase
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest
from nbxfer.manifest.layout import key
from nbxfer.session import Session, request
from nbxfer.session import options as wording
from nbxfer.session.destination import Place
from nbxfer.session.proofs import Proofs
from nbxfer.session.survey import MORE, SEVERAL, Survey
from tests.journeys.terminal import until

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]
COUNT = SEVERAL + 20


def _claims(*destinations: str) -> Callable[[int], set[str] | None]:
    return lambda most: {key(one) for one in destinations}


def _asked_often(seen: Survey, folder: str) -> Survey:
    """Give a survey that has come to read the folder, and the claims."""
    for number in range(SEVERAL):
        assert seen.there(f"{folder}/{number}.bin")
        assert seen.claimed(f"{folder}/{number}.bin")
    return seen


def test_a_folder_is_read_once_many_want_it(tmp_path: Path) -> None:
    """The first few are looked at one by one; then what the folder does not have is not looked for."""
    (tmp_path / "here").write_text("x")
    seen = _asked_often(Survey(_claims(f"{tmp_path}/here"), COUNT), str(tmp_path))
    assert [seen.there(f"{tmp_path}/{name}") for name in ("here", "gone")] == [True, False]
    assert [seen.claimed(f"{tmp_path}/{name}") for name in ("here", "gone")] == [True, False]


def test_a_name_that_a_file_system_may_take_for_another_is_looked_at(tmp_path: Path) -> None:
    """Cases may count or not, letters may be written in two ways: what could be the same file is looked at."""
    (tmp_path / "Here.BIN").write_text("x")
    (tmp_path / "\N{KELVIN SIGN}.bin").write_text("x")
    seen = _asked_often(Survey(_claims(), COUNT), str(tmp_path))
    looked_at = ["here.bin", "k.bin", "é.bin", "e\u0301.bin", "x" * 200]
    assert [seen.there(f"{tmp_path}/{name}") for name in looked_at] == [True] * len(looked_at)
    assert not seen.there(f"{tmp_path}/there.bin")


def test_what_comes_later_is_seen_a_moment_later(tmp_path: Path) -> None:
    """A listing is believed for a moment only: a list of a hundred thousand takes longer than that."""
    seen = _asked_often(Survey(_claims(), COUNT), str(tmp_path))
    assert not seen.there(f"{tmp_path}/late")
    (tmp_path / "late").write_text("x")
    assert not seen.there(f"{tmp_path}/late")
    seen._folders[str(tmp_path)].until = 0.0
    assert seen.there(f"{tmp_path}/late")


def test_what_cannot_be_read_is_looked_at_one_by_one(tmp_path: Path) -> None:
    """Of a folder that is too large to be read, or is none, nothing is known; one that is not there has no files."""
    for number in range(MORE + 5):
        (tmp_path / f"{number}").touch()
    (tmp_path / "file").write_text("x")
    seen = _asked_often(Survey(lambda most: None, 0), str(tmp_path))
    assert seen.there(f"{tmp_path}/other")
    assert seen.claimed(f"{tmp_path}/other")
    assert _asked_often(seen, f"{tmp_path}/file").there(f"{tmp_path}/file/x")
    assert not _asked_often(seen, f"{tmp_path}/none").there(f"{tmp_path}/none/x")
    assert not _asked_often(seen, "").there("/no such file at the root")
    name = next(name for name in os.listdir("/") if name.isascii())
    assert seen.there(f"/{name}")


def test_a_long_list_finds_what_is_there_and_who_is_at_it(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """In a list of many, too, a strange file is not replaced, and what another kernel fetches is joined."""
    server = serve(100)
    urls = [server.url_of(f"{number}.bin") for number in range(COUNT)]
    (tmp_path / f"{COUNT - 1}.bin").write_text("mine")
    one, other = sessions(), sessions()
    mine = one.download(urls[COUNT - 3 : COUNT - 1], tmp_path, start=False)
    for destination in (f"{tmp_path}/{COUNT - 3}.bin", f"{tmp_path}/{COUNT - 2}.bin"):
        _until_claimed(one, destination)
    batch = other.download(urls, tmp_path, start=False)
    assert [o.id for o in batch[-3:-1]] == [o.id for o in mine]
    assert [o.snapshot.phase for o in batch].count(Phase.FAILED) == 1
    assert batch[-1].snapshot.phase is Phase.FAILED
    assert (tmp_path / f"{COUNT - 1}.bin").read_text() == "mine"


def _until_claimed(session: Session, destination: str) -> None:
    until(lambda: session._manifest.claimed(destination) is not None)


@given(
    st.sampled_from(
        ["https://h.example/", "http://h:81/a/", "http://h:80/a/", "https://u:p@h/", "https://h/a?b=", "s3://b/k/", ""]
    ),
    st.text("aB0.%2Fé/;?#~ ", max_size=8),
    st.sampled_from([{}, {"name": "server"}, {"key": "k"}, {"checksum": False}, {"mirrors": ["https://m/x"]}]),
)
def test_the_short_way_gives_what_the_long_one_does(begin: str, rest: str, more: dict[str, Any]) -> None:
    """What needs no closer look is asked for exactly as a closer look would have it."""
    url, place, options = begin + rest, Place("/data", folder=True), wording.read(more)
    short = request._Plain(place, options, Proofs(options.checksum, [url])).request(url)
    if short is None:
        return
    assert short == request._one_of_many(url, None, place, options, Proofs(options.checksum, [url]))


def test_what_has_something_of_its_own_goes_the_long_way(tmp_path: Path) -> None:
    """Secrets, stores, long names and options that are for one file are looked at closely, and refused as ever."""
    place, options = Place(str(tmp_path), folder=True), wording.read({})
    plain = request._Plain(place, options, Proofs(None, []))
    assert plain.request("https://h.example/a.bin") is not None
    for url in (7, "https://h.example/", "https://h.example/..", "https://h/" + "a" * 20_000, "https://h:443/a"):
        assert plain.request(url) is None
    with pytest.raises(InvalidRequest, match="Item 2 of 2"):
        request.read_all(["https://h/a", "https://h/"], tmp_path, {})
