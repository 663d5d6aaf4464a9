"""A reader is as careful as a download: it notices other bytes under one name, heeds limits, and costs nobody money."""

from __future__ import annotations

import io
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer.cache.shelf import Shelf
from nbxfer.engine import stretch
from nbxfer.errors import NeedsAttention, Offline, SourceChanged
from nbxfer.session import Session
from tests.noise import noise
from tests.servers import faults
from tests.servers.rogue import Rogue
from tests.servers.site import Reply, Site, Version, street

DATA, OTHER = noise(1, 900_000), noise(2, 900_000)
Sessions = Callable[[], Session]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one test."""
    monkeypatch.setenv("NBXFER_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site() -> Site:
    """One file, and a second version that the server calls by the same name."""
    return Site(Version(DATA), Version(OTHER))


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    """Where it is."""
    with Rogue(street({"x.bin": site})) as server:
        yield server.url("/x.bin")


def shifted(reply: Reply) -> None:
    """Send the bytes behind those that Content-Range tells."""
    if reply.span is not None and reply.span[0] > 0:
        start, last, _ = reply.span
        reply.body = reply.version.data[start + 1 : last + 2].ljust(last + 1 - start, b"!")


# -- other bytes under one name ----------------------------------------------------------------------------------------
def test_bytes_that_are_not_those_of_their_range(session: Session, site: Site, url: str, cache: Path) -> None:
    """Who reads on is told that the server sends other bytes than it says; opened anew nothing of them is left."""
    with session.open(url) as file:
        assert file.read(1000) == DATA[:1000]
        site.faults = [shifted]
        with pytest.raises(SourceChanged, match="not those that came before, though the server calls them the same"):
            file.read()
        with pytest.raises(SourceChanged):  # what it had may be what was wrong
            file.seek(0) or file.read(10)
    site.faults = []
    with session.open(url) as file:
        assert file.read() == DATA
    assert len(Shelf(cache).kept()) == 1


@pytest.mark.parametrize("behind", [False, True])
def test_what_was_read_elsewhere_is_held_against_what_lies_beside_it(
    session: Session, site: Site, url: str, behind: bool
) -> None:
    """What comes is compared with what is there before and behind it; all readers of it are told."""
    with session.open(url) as file, session.open(url) as other:
        file.seek(400_000)
        assert file.read(70_000) == DATA[400_000:470_000]
        assert other.read(10) == DATA[:10]
        site.change()
        file.seek(330_000 if behind else 470_000)
        with pytest.raises(SourceChanged):
            file.read(60_000 if behind else 100_000)
        with pytest.raises(SourceChanged):
            other.read(10)
        with session.open(url) as third:  # beside those that have not been closed yet
            assert third.read() == OTHER


def test_a_file_that_was_replaced_under_its_name(sessions: Sessions, site: Site, url: str) -> None:
    """What is kept is held against the first bytes when it is opened again: of another file nothing is believed."""
    with sessions().open(url) as file:
        assert file.read() == DATA
    site.change()
    asked = len(site.asked)
    with sessions().open(url) as file:
        assert file.read() == OTHER
        assert len(site.asked) - asked == 2, "the question, and what is missing"


def test_one_connection_of_several_lies(
    session: Session, site: Site, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stretches that come beside each other are held against each other, for no request more."""
    monkeypatch.setattr(stretch, "SHARE", 100_000)
    with session.open(url) as file:
        assert file.read() == DATA
    assert len(site.asked) == 1 + -(-(900_000 - 65_536) // 100_000)
    lying = Site(Version(DATA, '"2"'), faults=[faults.only(lambda reply: reply.number == 4, shifted)])
    with (
        Rogue(street({"y.bin": lying})) as server,
        session.open(server.url("/y.bin")) as file,
        pytest.raises(SourceChanged),
    ):
        file.read()


def test_right_or_an_error(session: Session) -> None:
    """However a server lies about its parts, who reads from the beginning gets right bytes, or is told."""
    told = 0
    for seed in range(12):
        dice = random.Random(seed)
        lie = faults.only(lambda reply, dice=dice: dice.random() < 0.3, shifted)  # type: ignore[misc]
        cut = faults.only(lambda reply, dice=dice: reply.number > 0 and dice.random() < 0.2, faults.halves)  # type: ignore[misc]
        site = Site(Version(DATA[:400_000], f'"{seed}"'), faults=[lie, cut])
        with Rogue(street({"x.bin": site})) as server, session.open(server.url("/x.bin")) as file:
            found = io.BytesIO()
            try:
                while piece := file.read(dice.choice([1000, 50_000, 130_000])):
                    found.write(piece)
                assert len(found.getvalue()) == 400_000
            except SourceChanged:
                told += 1
            assert DATA.startswith(found.getvalue()), seed
    assert 0 < told < 12


# -- how fast ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("own", [False, True])
def test_a_reader_keeps_to_the_limit(session: Session, url: str, own: bool) -> None:
    """The session's limit, and one of its own, hold for what a reader fetches."""
    options: dict[str, Any] = {"bandwidth": "1 MB/s"} if own else {}
    if not own:
        session.bandwidth = "1 MB/s"
    with session.open(url, **options) as file:
        begun = time.monotonic()
        assert file.read() == DATA
        assert time.monotonic() - begun > 0.6
    with session.open(url, **options) as file:
        begun = time.monotonic()
        assert file.read() == DATA
        assert time.monotonic() - begun < 0.5, "what is here costs nothing"


def test_who_waits_for_the_limit_can_be_ended(session: Session, url: str) -> None:
    """Closing it from another thread ends a reader that waits for its bytes to be allowed."""
    session.bandwidth = 100_000
    file = session.open(url)
    threading.Timer(0.3, file.close).start()
    begun = time.monotonic()
    with pytest.raises(ValueError, match="closed file"):
        file.read()
    assert time.monotonic() - begun < 5


# -- at what cost ------------------------------------------------------------------------------------------------------
def test_a_metered_network_is_asked_for_nothing(session: Session, site: Site, url: str) -> None:
    """Where the network is too dear a reader is told so at once; what is here can be read."""
    session.cost_policy = "unrestricted_only"
    session.network("metered")
    with pytest.raises(NeedsAttention, match=r"Not all of .* is here, and the network is metered") as told:
        session.open(url)
    assert "cost_policy='always'" in str(told.value)
    assert site.asked == []
    session.network("unrestricted")
    with session.open(url) as file:
        assert file.read(1000) == DATA[:1000]
        session.network("metered")
        asked = len(site.asked)
        assert file.read(1000) == DATA[1000:2000]
        with pytest.raises(NeedsAttention, match="metered"):
            file.read()
        with session.open(url) as other:
            assert other.read(1000) == DATA[:1000]
        assert len(site.asked) == asked
        with session.open(url, cost_policy="always") as other:
            assert other.read() == DATA
        session.network("unrestricted")
        file.seek(0)
        assert file.read() == DATA


def test_what_is_read_counts_for_the_budget(sessions: Sessions, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a monthly budget a reader uses what it fetches; when it is used up he is told, and nothing hangs."""
    monkeypatch.setenv("NBXFER_BUDGET", "300 kB")
    first = sessions()
    with first.open(url) as file:
        assert file.read(290_000) == DATA[:290_000]
        with pytest.raises(NeedsAttention, match="over its data limit"):
            file.read()
    first.close()
    with pytest.raises(NeedsAttention, match="over its data limit"), sessions().open(url) as file:
        file.read()


def test_no_way_out(session: Session, site: Site, url: str) -> None:
    """Without a network what leads out is not tried; what is on this machine needs none."""
    session.network("offline")
    with pytest.raises(Offline, match="no way out of this machine"):
        session.open("https://data.example/x.bin", proxy="")
    with session.open(url) as file:
        assert file.read() == DATA
