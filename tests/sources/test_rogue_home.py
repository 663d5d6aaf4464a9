"""How soon one comes home from a server that keeps one waiting."""

from __future__ import annotations

import random
import threading
import time

import pytest

from nbxfer.core.probe import Want
from nbxfer.sources.base import Stopped, Stream
from tests.servers.reading import opened, read_all, source
from tests.servers.rogue import Asked, Rogue, Script, Wire, honest

DATA = random.Random(2).randbytes(300_000)
N = len(DATA)
HEAD = b"HTTP/1.1 200 OK\r\n"


def _silent(_: Asked, wire: Wire) -> None:
    wire.hang()


def _drips_the_head(_: Asked, wire: Wire) -> None:
    wire.drip(HEAD * 100, 0.03)


def _stops_in_the_body(_: Asked, wire: Wire) -> None:
    wire.answer(200, DATA, length=N * 2)
    wire.hang()


def _stops_in_a_chunk(_: Asked, wire: Wire) -> None:
    wire.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\nabc")
    wire.hang()


def _flows_for_ever(_: Asked, wire: Wire) -> None:
    wire.send(HEAD + b"\r\n")
    while wire.open:
        wire.send(DATA)


@pytest.mark.parametrize("script", [_silent, _drips_the_head, _stops_in_the_body, _stops_in_a_chunk, _flows_for_ever])
def test_stop(script: Script) -> None:
    """Whoever is told to stop comes home within 0.2 s, whatever the server does meanwhile."""
    stop, waiting = threading.Event(), threading.Event()
    home: list[float] = []
    with Rogue(script) as server:
        src = source(server.url())

        def work() -> None:
            stream: Stream | None = None
            view = memoryview(bytearray(1 << 20))
            try:
                waiting.set()
                stream = src.open(Want(), stop)
                assert stream is not None
                while stream.read_into(view):
                    pass
            except Stopped:
                home.append(time.monotonic())
            finally:
                if stream is not None:
                    stream.close()

        thread = threading.Thread(target=work)
        thread.start()
        waiting.wait()
        time.sleep(0.15)
        told = time.monotonic()
        stop.set()
        thread.join(5)
        src.close()
    assert home
    assert home[0] - told < 0.25


def test_stop_before_anything() -> None:
    """Told to stop beforehand, it asks nobody."""
    stop = threading.Event()
    stop.set()
    with Rogue(honest(DATA)) as server, pytest.raises(Stopped):
        source(server.url()).open(Want(), stop)
    assert not server.asked


def test_close_from_another_thread() -> None:
    """A stream may be closed under its reader, who then comes home as if stopped."""
    with Rogue(_stops_in_the_body) as server:
        stream = opened(source(server.url()))
        out: list[BaseException] = []

        def work() -> None:
            view = memoryview(bytearray(1 << 20))
            try:
                while stream.read_into(view):
                    pass
            except BaseException as error:
                out.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.15)
        stream.close()
        thread.join(2)
    assert [type(error) for error in out] == [Stopped]


def test_stop_on_a_kept_connection() -> None:
    """Told to stop while a kept connection is silent, it comes home, and that connection is not kept."""
    stop = threading.Event()

    def script(asked: Asked, wire: Wire) -> None:
        if asked.number:
            stop.set()
            return wire.hang()
        return honest(DATA)(asked, wire)

    with Rogue(script) as server:
        src = source(server.url())
        read_all(opened(src))
        with pytest.raises(Stopped):
            src.open(Want(), stop)
