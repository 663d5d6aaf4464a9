"""What is told where something was not done: the reason, and no more of the machinery than helps."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.policy import Retry
from nbxfer.demo.server import DemoServer
from nbxfer.errors import DestinationExists, InvalidTransferState, SourceNotFound, TransferTimeout
from nbxfer.session import Session
from nbxfer.session import waiting as the_wait
from nbxfer.wire.credentials import Bearer
from tests.servers.rogue import Asked, Rogue, Wire

Serve = Callable[..., DemoServer]


def test_a_wish_that_a_failed_one_does_not_take(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Who pauses what has failed reads why it failed, below a traceback of a few frames."""
    op = session.download(serve(10).url_of("missing").replace(".bin", ""), tmp_path / "x")
    assert isinstance(op.exception(10), SourceNotFound)
    with pytest.raises(InvalidTransferState, match=r"Why it failed: .* answered 404") as caught:
        op.pause()
    assert len(traceback.extract_tb(caught.value.__traceback__)) <= 5


def test_the_reasons_of_many(session: Session, serve: Serve, tmp_path: Path) -> None:
    """The text of what results() raises has the first reasons, and how many more there are."""
    server = serve(10)
    names = [f"{n}.bin" for n in range(5)]
    for name in names:
        (tmp_path / name).write_text("somebody's own")
    batch = session.download([*map(server.url_of, names), server.url], tmp_path)
    with pytest.raises(
        ExceptionGroup, match=r"5 of 6 transfers did not end well\. .*0\.bin is there already.* And 2"
    ) as c:
        batch.results(20)
    assert all(isinstance(error, DestinationExists) for error in c.value.exceptions)


def test_credentials_that_are_not_there(
    session: Session, serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait for a person is said where nobody seems to look, too, and its end says that it was one."""
    monkeypatch.setattr(the_wait, "SAY_AFTER", 0.1)
    monkeypatch.setattr(session, "patience", 60.0)
    op = session.download(serve(10).url, tmp_path / "x", auth=Bearer("env:NBXFER_TEST_NOT_SET"))
    with pytest.raises(TimeoutError, match=r"after 0\.6 s: it waits for a person\. The environment variable"):
        op.result(0.6)
    said = capsys.readouterr().err
    assert said.count("waits for you: The environment variable NBXFER_TEST_NOT_SET") == 1
    assert "60 s are waited" in said
    op.cancel()


def test_an_upload_to_a_server_that_never_comes_to_the_point(session: Session, tmp_path: Path) -> None:
    """A server that sends interim answers for ever is given as long as one that says nothing."""

    def interim(_: Asked, wire: Wire) -> None:
        while wire.open:
            wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            wire.wait(0.05)

    (tmp_path / "x").write_bytes(b"x" * 1000)
    with Rogue(interim) as rogue:
        once = Retry(tries=1, first=1)
        op = session.upload(tmp_path / "x", rogue.url(), timeout=0.2, retry=once)
        with pytest.raises(TransferTimeout, match="did not answer in time"):
            op.result(20)


def test_old_failures_of_others(sessions: Callable[[], Session], serve: Serve, tmp_path: Path) -> None:
    """``reattach(scope="all")`` gives what can go on, and of what has failed this notebook's alone."""
    server, first = serve(10), sessions()
    missing = server.url.replace("data.bin", "missing")
    first.notebook = "/elsewhere/work.ipynb"
    first.download(missing, tmp_path / "theirs").exception(10)
    waits = first.download(server.url, tmp_path / "waits", start=False)
    first.close()
    second = sessions()
    ours = second.download(missing, tmp_path / "ours")
    ours.exception(10)
    assert {op.id for op in second.reattach(scope="all")} == {ours.id, waits.id}
    waits_here = next(op for op in second.operations(scope="all") if op.id == waits.id)
    waits_here.cancel()


def test_a_source_that_never_answers_when_the_session_closes(session: Session, tmp_path: Path) -> None:
    """Who waits in ``open`` for a silent server is told at once that the session was closed."""
    heard = threading.Event()

    def silent(_: Asked, wire: Wire) -> None:
        heard.set()
        wire.hang()

    told: list[BaseException] = []

    def read(url: str) -> None:
        try:
            session.open(url)
        except InvalidTransferState as error:
            told.append(error)

    with Rogue(silent) as rogue:
        reader = threading.Thread(target=read, args=(rogue.url(),))
        reader.start()
        assert heard.wait(10)
        session.close()
        reader.join(5)
        assert not reader.is_alive()
    assert "was closed before" in str(told[0])
