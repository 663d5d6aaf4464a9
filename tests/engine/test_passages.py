"""What is remembered of how one file is asked for is what would have been found out for the next."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from nbxfer.core.policy import Patience
from nbxfer.core.spec import Spec
from nbxfer.engine.passages import Passages
from nbxfer.sources.brief import Passage
from nbxfer.sources.briefly import HOLDS, Briefly
from nbxfer.testing.clock import HandWoundClock
from nbxfer.wire.access import Access
from nbxfer.wire.pool import Pool
from nbxfer.wire.prepared import Prepared

PREPARED = Prepared(int(socket.AF_INET), ("127.0.0.1", 1), "h", 80, b"/", ((b"Host", b"h"),))
COMMON = Access("http://h/first")


class Asked:
    """Stands for Briefly, which would need a line to a server, and counts who has come to it."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.prepared: Prepared | None = PREPARED

    def passage(self, access: Access, patience: Patience) -> Passage:
        self.urls.append(access.url)
        return Passage("http://h", access.url.removeprefix("http://h"), patience, self.prepared)


def spec(path: str, server: str = "http://h") -> Spec:
    url = server + path
    return Spec("download", url, "/tmp/x", url)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def clock() -> HandWoundClock:
    return HandWoundClock()


@pytest.fixture
def of(asked: Asked, clock: HandWoundClock) -> Callable[..., Passage | None]:
    """Give what asks for a file, with what is common to all of its server."""
    passages = Passages(Pool(), clock)
    passages._briefly = cast("Briefly", asked)
    return lambda one, common=COMMON: passages.of(one, common, lambda: Access(one.url))


def test_the_next_file_of_a_server(of: Callable[..., Passage | None], asked: Asked, clock: HandWoundClock) -> None:
    """It is asked for as the one before it, by its own path, until that was found out too long ago."""
    first, second = of(spec("/a.bin")), of(spec("/b/c-2.tar.gz"))
    assert first is not None
    assert second == first._replace(path="/b/c-2.tar.gz")
    assert asked.urls == ["http://h/a.bin"]
    clock.wind(HOLDS)
    assert of(spec("/d")) == first._replace(path="/d")
    assert asked.urls == ["http://h/a.bin", "http://h/d"]


@pytest.mark.parametrize(
    "path", ["/a?b", "/%61", "/a/../b", "/./a", "/", "//a", "/a/", "/ä", "/.hidden", "/a b", "/a'"]
)
def test_a_path_that_may_be_sent_otherwise(of: Callable[..., Passage | None], asked: Asked, path: str) -> None:
    """Whatever could be escaped, joined or cut on its way to the request is looked at each time."""
    of(spec("/a.bin"))
    of(spec(path))
    assert asked.urls == ["http://h/a.bin", f"http://h{path}"]


def test_another_way_in(of: Callable[..., Passage | None], asked: Asked) -> None:
    """Another server, patience or access, one of its own, or no line: nothing of what is remembered holds."""
    of(spec("/a"))
    of(spec("/b"), Access("http://h/first", headers=(("X", "1"),)))
    of(spec("/c"))
    of(msgspec.structs.replace(spec("/d"), patience=Patience(response=1.0)))
    of(spec("/e", "http://other"))
    of(spec("/f"), None)
    asked.prepared = None
    of(spec("/g"))
    of(spec("/h"))
    assert [url.rpartition("/")[2] for url in asked.urls] == list("abcdefgh")
