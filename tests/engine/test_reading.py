"""How an operation stands for its readers: here, elsewhere, over, and unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase
from nbxfer.demo.server import DemoServer
from nbxfer.engine.reading import Looking, on_loop
from nbxfer.engine.windows import Coming, Finished, Kept
from nbxfer.errors import InvalidTransferState
from nbxfer.session import Session
from tests.journeys.terminal import MIB, until

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]


def test_what_fails_on_the_loop_fails_here(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """Whatever is asked of the loop, its answer or its error comes to whoever asked; a closed session has none."""
    session = sessions()
    session.download(serve(10).url, tmp_path / "X").result(10)
    assert on_loop(session._engine, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        on_loop(session._engine, lambda: 1 / 0)
    session.close()
    with pytest.raises(InvalidTransferState, match="closed"):
        on_loop(session._engine, lambda: 7)


def test_through_which_window(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """What is open here is seen as it comes; what rests, as it was kept; what is finished, whole."""
    session, server = sessions(), serve(4 * MIB, 4.0 * MIB)
    op = session.download(server.url, tmp_path / "X", start=False)
    looking = Looking(session._engine, op.id)
    sight = looking.look()
    assert sight is not None
    assert (sight.owner, sight.job, looking.window(sight, None)) == ("ours", None, None)
    op.start()
    until(lambda: op.snapshot.received > MIB)
    sight = looking.look()
    assert sight is not None
    coming = looking.window(sight, None)
    assert isinstance(coming, Coming)
    assert looking.window(sight, coming) is coming
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED and coming.over)
    sight = looking.look()
    assert sight is not None
    assert looking.window(sight, coming) is coming
    kept = looking.window(sight, None)
    assert isinstance(kept, Kept)
    assert looking.window(sight, kept) is kept
    kept.until = 0.0
    again = looking.window(sight, kept)
    assert isinstance(again, Kept)
    assert again is not kept
    op.resume()
    op.result(10)
    sight = looking.look()
    assert sight is not None
    assert looking.window(sight, coming) is coming
    assert coming.end(0) == server.size
    whole = looking.window(sight, None)
    assert isinstance(whole, Finished)
    for window in (coming, kept, again, whole):
        window.close()


def test_finished_elsewhere(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """What another kernel has finished, and left, is found in the history."""
    first, second = sessions(), sessions()
    server = serve(4 * MIB, 4.0 * MIB)
    theirs = first.download(server.url, tmp_path / "X")
    until(lambda: theirs.snapshot.received > 0)
    op = second.find(theirs.id)
    looking = Looking(second._engine, op.id)
    sight = looking.look()
    assert sight is not None
    assert sight.owner == "theirs"
    theirs.result(10)
    first.close()
    looking._next = 0.0
    sight = looking.look()
    assert sight is not None
    assert sight.record.phase is Phase.DONE
    with op.open() as file:
        assert file.read() == server.data.read(0, server.size)


def test_known_to_nobody(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """An operation that nobody has heard of is none."""
    session = sessions()
    session.download(serve(10).url, tmp_path / "X").result(10)
    assert Looking(session._engine, "0123456789abcdef").look() is None
