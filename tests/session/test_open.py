"""A file that is read while it comes: right bytes or an error that says why, and no longer a wait than needed."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase
from nbxfer.core.ranges import BLOCK
from nbxfer.demo.madeup import MadeUp
from nbxfer.demo.server import DemoServer
from nbxfer.errors import (
    ForkedError,
    InvalidRequest,
    InvalidTransferState,
    SourceChanged,
    SourceNotFound,
    StorageFailed,
    TransferCanceled,
)
from nbxfer.session import Operation, Session
from nbxfer.session.reader import AHEAD, Reader
from tests.journeys.terminal import MIB, sha256, until

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]


def begun(session: Session, server: DemoServer, path: Path, received: int = MIB) -> Operation:
    """Give a transfer of which some bytes have come."""
    op = session.download(server.url, path)
    until(lambda: op.snapshot.received >= received)
    return op


def paused(op: Operation) -> Operation:
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    return op


# -- bytes -------------------------------------------------------------------------------------------------------------
def test_reading_to_the_end(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Read from its beginning while it comes, a file is the file; its end is the end."""
    server = serve(3 * MIB + 11, 6.0 * MIB)
    op = session.download(server.url, tmp_path / "X")
    with op.open() as file:
        assert file.readable()
        assert file.seekable()
        assert not file.writable()
        assert file.read() == server.data.read(0, server.size)
        assert file.read(1) == b""
        assert file.tell() == server.size
    assert op.result(10).stat().st_size == server.size


def test_only_what_is_missing_is_waited_for(session: Session, serve: Serve, tmp_path: Path) -> None:
    """What has come is given at once, and so is the size, long before all is here."""
    server = serve(64 * MIB, 2.0 * MIB)
    op = begun(session, server, tmp_path / "X")
    begin = time.monotonic()
    with op.open() as file:
        assert file.read(1000) == server.data.read(0, 1000)
        assert file.seek(0, os.SEEK_END) == server.size
        assert file.seek(-5, os.SEEK_CUR) == server.size - 5
        assert file.seek(500) == 500
        assert file.read(100) == server.data.read(500, 600)
    assert time.monotonic() - begin < 2
    assert op.snapshot.received < server.size // 4
    op.cancel()


def test_many_readers_in_many_threads(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Readers are independent of each other: each has its own position, and reads what it asks for."""
    server = serve(4 * MIB, 8.0 * MIB)
    op = session.download(server.url, tmp_path / "X")
    wrong: list[object] = []

    def read(seed: int) -> None:
        dice = random.Random(seed)
        try:
            with op.open() as file:
                for _ in range(30):
                    at, length = dice.randrange(server.size), dice.choice([1, 100, 70_000])
                    file.seek(at)
                    if file.read(length) != server.data.read(at, at + length):
                        wrong.append((seed, at, length))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert op.wait(10, progress=False)


@pytest.mark.parametrize("connections", [1, 8])
def test_what_is_wanted_comes_first(session: Session, serve: Serve, tmp_path: Path, connections: int) -> None:
    """The end of a large file can be read when little of it has come: the fetch is re-ordered for its readers."""
    server = serve(256 * MIB, 32.0 * MIB / connections)
    op = session.download(server.url, tmp_path / "X", connections=connections)
    until(lambda: op.snapshot.received > 0)
    with op.open() as file:
        for at in (server.size - 1000, 128 * MIB + 5, 200 * MIB + 5):
            file.seek(at)
            assert file.read(1000) == server.data.read(at, at + 1000)
    assert op.snapshot.received < server.size // 2
    op.cancel()


# -- how it fares ------------------------------------------------------------------------------------------------------
def test_a_reader_outlives_the_transfer(session: Session, serve: Serve, tmp_path: Path) -> None:
    """The same reader goes on when the file gets its name, and when somebody removes it after that."""
    server = serve(2 * MIB, 4.0 * MIB)
    op = session.download(server.url, tmp_path / "X")
    with op.open() as file:
        assert file.read(10) == server.data.read(0, 10)
        op.result(10).unlink()
        assert file.read() == server.data.read(10, server.size)
        assert file.seek(-3, os.SEEK_END) == server.size - 3


def test_a_finished_file_is_just_a_file(session: Session, serve: Serve, tmp_path: Path) -> None:
    """When it is finished, what is opened is the file itself; one that is gone is said to be gone."""
    op = session.download(serve(1000).url, tmp_path / "X")
    op.result(10)
    with op.open() as file:
        assert os.path.samestat(os.fstat(file.fileno()), (tmp_path / "X").stat())
    (tmp_path / "X").unlink()
    with pytest.raises(StorageFailed, match="cannot be read now"):
        op.open()


def test_a_reader_that_comes_late_to_its_first_byte(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Opened while it came, and read when it is finished; or when the finished file is gone, which is said."""
    server = serve(MIB, 4.0 * MIB)
    op = session.download(server.url, tmp_path / "X")
    with op.open() as early, op.open() as late:
        op.result(10)
        assert early.read() == server.data.read(0, server.size)
        (tmp_path / "X").write_bytes(b"somebody's own")
        with pytest.raises(StorageFailed, match="not there any more as it was finished"):
            late.read()


def test_a_paused_transfer(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Of a paused transfer what has come can be read; who wants more is told to let it go on, and does not wait."""
    server = serve(8 * MIB, 4.0 * MIB)
    op = paused(begun(session, server, tmp_path / "X"))
    held = op.snapshot.received
    with op.open() as file:
        assert file.read(held - 100) == server.data.read(0, held - 100)
        with pytest.raises(InvalidTransferState, match="resume"):
            file.read()
        op.resume()
        file.seek(held)
        assert file.read() == server.data.read(held, server.size)


def test_paused_under_a_reader(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Who waits while somebody pauses is told so; what it had open is still there."""
    server = serve(8 * MIB, 1.0 * MIB)
    op = begun(session, server, tmp_path / "X", 1)
    threading.Timer(0.3, op.pause).start()
    with op.open() as file:
        with pytest.raises(InvalidTransferState, match="paused"):
            file.read()
        file.seek(0)
        assert file.read(100) == server.data.read(0, 100)


def test_one_that_was_not_started(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Reading starts nothing: that is said, and the reader is good once it is started."""
    server = serve(1000)
    op = session.download(server.url, tmp_path / "X", start=False)
    with op.open() as file:
        for asks in (lambda: file.read(1), lambda: file.seek(0, os.SEEK_END)):
            with pytest.raises(InvalidTransferState, match="start"):
                asks()
        assert server.requests == 0
        op.start()
        assert file.read() == server.data.read(0, 1000)


def test_one_that_failed(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Of a failed transfer a reader gets the error that it failed with, which is an OSError where that is one."""
    server = serve(1000)
    op = session.download(server.url_of("data.bin").replace("data.bin", "nothing"), tmp_path / "X")
    with op.open() as file:
        with pytest.raises(SourceNotFound) as caught:
            file.read()
        assert isinstance(caught.value, OSError)
        assert caught.value.op_id == op.id


def test_one_that_was_canceled(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A canceled transfer gives nothing more; what a reader had open it still has."""
    server = serve(8 * MIB, 4.0 * MIB)
    op = begun(session, server, tmp_path / "X")
    with op.open() as file:
        assert file.read(10) == server.data.read(0, 10)
        op.cancel()
        until(op.cancelled)
        assert file.read(1000) == server.data.read(10, 1010)
        with pytest.raises(TransferCanceled):
            file.read()
    with op.open() as file, pytest.raises(TransferCanceled):
        file.read(1)


def test_two_versions_never_meet(session: Session, serve: Serve, tmp_path: Path) -> None:
    """When the source changes, a reader of the old version ends; one that has read nothing reads the new one."""
    server = serve(4 * MIB, 4.0 * MIB)
    op = paused(begun(session, server, tmp_path / "X"))
    with op.open() as reads, op.open() as waits, op.open() as knows:
        assert reads.read(100) == server.data.read(0, 100)
        assert knows.seek(0, os.SEEK_END) == 4 * MIB
        server.change(size=5 * MIB)
        op.resume()
        until(lambda: op.progress.restarted)
        assert waits.read() == server.data.read(0, 5 * MIB)
        reads.seek(3 * MIB)
        knows.seek(3 * MIB)
        for old in (reads, knows):
            with pytest.raises(SourceChanged, match="another version"):
                old.read(1)


def test_a_revalidated_file(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A reader of a transfer that finds its file unchanged reads that file."""
    server = serve(1000)
    session.download(server.url, tmp_path / "X").result(10)
    op = session.download(server.url, tmp_path / "X", start=False)
    with op.open() as file:
        op.start()
        op.result(10)
        assert file.read() == server.data.read(0, 1000)


# -- who reads ---------------------------------------------------------------------------------------------------------
def test_an_interrupt_ends_the_waiting(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Ctrl-C in a cell that waits for bytes comes through at once, and stops no transfer; the reader is still good."""
    server = serve(MIB, 200_000.0)
    op = begun(session, server, tmp_path / "X", 1)
    with op.open() as file:
        file.seek(MIB - 10)
        threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,)).start()
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            file.read()
        assert time.monotonic() - begin < 1.5
        assert op.running()
        file.seek(0)
        assert file.read(10) == server.data.read(0, 10)
    op.cancel()


def test_a_forked_child_reads_nothing(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A forked child has the parent's readers, and is told that they are not its own."""
    op = paused(begun(session, serve(8 * MIB, 4.0 * MIB), tmp_path / "X"))
    with op.open() as file:
        file.read(10)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                file.seek(MIB // 2)
                file.read(10)
            except ForkedError:
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0


def test_not_on_the_thread_that_moves_bytes(session: Session, serve: Serve, tmp_path: Path) -> None:
    """The loop's own thread cannot wait for itself: it is told so, and nothing hangs."""
    op = session.download(serve(MIB, 0.5 * MIB).url, tmp_path / "X")
    told: list[object] = []

    def read(_: object) -> None:
        try:
            with op.open() as file:
                file.read(10)
        except InvalidTransferState as error:
            told.append(error)

    unsubscribe = session.board.subscribe(read)
    until(lambda: bool(told))
    unsubscribe()
    assert "cannot wait for itself" in str(told[0])
    op.cancel()


def test_another_kernel_runs_it(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """What another kernel fetches can be read here as it comes, to its end."""
    server = serve(4 * MIB, 4.0 * MIB)
    theirs = begun(sessions(), server, tmp_path / "X")
    op = sessions().find(theirs.id)
    assert op.snapshot.owner == "theirs"
    with op.open() as file:
        assert file.read() == server.data.read(0, server.size)
    with op.open() as file:
        assert file.read(5) == server.data.read(0, 5)


def test_nobody_runs_it(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """What an interrupted transfer has left can be read; for more somebody has to go on with it."""
    server = serve(8 * MIB, 4.0 * MIB)
    first, second = sessions(), sessions()
    op = begun(first, server, tmp_path / "X")
    kept = op.open()
    first.close()
    kept.seek(7 * MIB)
    with kept, pytest.raises(InvalidTransferState, match="closed"):
        kept.read(1)
    [again] = second.operations(scope="all")
    assert again.snapshot.owner == "orphaned"
    with again.open() as file:
        assert file.read(MIB // 2) == server.data.read(0, MIB // 2)
        with pytest.raises(InvalidTransferState, match="reattach"):
            file.read()
        second.reattach(scope="all")
        file.seek(7 * MIB)
        assert file.read() == server.data.read(7 * MIB, 8 * MIB)


# -- what libraries expect of a file -----------------------------------------------------------------------------------
def test_other_ways_of_opening(session: Session, serve: Serve, tmp_path: Path) -> None:
    """It is read as bytes; whoever wants text wraps it, and whoever wants to write is refused."""
    op = session.download(serve(1000).url, tmp_path / "X", start=False)
    for mode in ("r", "wb", "ab", "r+b", "", None):
        with pytest.raises(InvalidRequest, match="mode"):
            op.open(mode)  # type: ignore[arg-type]  # what a person may write


def test_it_behaves_like_a_file(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Positions before the beginning, unknown ways to seek, and closed files are refused as of any file."""
    op = paused(begun(session, serve(8 * MIB, 4.0 * MIB), tmp_path / "X"))
    file = op.open()
    raw = file.raw
    assert isinstance(raw, Reader)
    with pytest.raises(OSError, match="Invalid argument"):
        file.seek(-1)
    with pytest.raises(OSError, match="Invalid argument"):
        file.seek(-9 * MIB, os.SEEK_END)
    with pytest.raises(ValueError, match="whence"):
        raw.seek(0, 7)
    with pytest.raises(io.UnsupportedOperation):
        file.fileno()
    assert raw.readinto(bytearray()) == 0
    assert file.seek(100 * MIB) == 100 * MIB
    assert file.read(10) == b""
    assert op.id[:8] in repr(raw)
    file.close()
    file.close()
    refused: list[Callable[[], object]] = [lambda: raw.readinto(bytearray(1)), raw.tell, lambda: raw.seek(0)]
    for late in refused:
        with pytest.raises(ValueError, match="closed"):
            late()


class Shown(DemoServer):
    """Serves one file of our own making."""

    def __init__(self, body: bytes, rate: float) -> None:
        super().__init__(len(body), rate)
        self.data = Body(body)  # type: ignore[assignment]  # it has what the answers need of one


class Body:
    """A file in memory, with what the server asks of one."""

    seed = 0

    def __init__(self, body: bytes) -> None:
        self.body, self.size = body, len(body)

    def read(self, start: int, stop: int) -> bytes:
        """Give some of it."""
        return self.body[start:stop]


@pytest.mark.parametrize(("connections", "most"), [(1, 0.2), (8, 0.4)])  # half of it where nothing else runs
def test_a_member_of_a_large_zip(session: Session, tmp_path: Path, connections: int, most: float) -> None:
    """Of a large archive on a slow line one small member can be read when little of it has come."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(40):
            archive.writestr(f"large{number}", random.Random(number).randbytes(4 * MIB))
            if number == 30:
                archive.writestr("small.txt", b"what is looked for" * 10)
    body = made.getvalue()
    with Shown(body, 24.0 * MIB / connections) as server:
        op = session.download(server.url, tmp_path / "X.zip", connections=connections)
        with op.open() as file, zipfile.ZipFile(file) as archive:
            assert archive.read("small.txt") == b"what is looked for" * 10
        print(f"{server.sent / len(body):.1%} sent, {op.snapshot.received / len(body):.1%} here")
        assert server.sent < len(body) * most
        op.cancel()


def test_a_column_of_a_parquet_file(session: Session, tmp_path: Path) -> None:
    """What pandas and pyarrow pyarrow read is what is fetched first."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    numpy = pytest.importorskip("numpy")
    frame = pandas.DataFrame({f"c{n}": numpy.random.default_rng(n).random(500_000) for n in range(16)})
    made = io.BytesIO()
    frame.to_parquet(made, compression=None)
    with Shown(made.getvalue(), 16.0 * MIB) as server:
        op = session.download(server.url, tmp_path / "X.parquet", connections=1)
        with op.open() as file:
            column = pandas.read_parquet(file, columns=["c11"])
        assert column["c11"].equals(frame["c11"])
        assert op.snapshot.received < server.size * 0.75
        with op.open() as file:
            assert pandas.read_parquet(file).equals(frame)


def test_a_dataset_of_an_hdf5_file(session: Session, tmp_path: Path) -> None:
    """A dataset can be read by h5py while the rest is missing."""
    h5py = pytest.importorskip("h5py")
    numpy = pytest.importorskip("numpy")
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        for number in range(8):
            file[f"set{number}"] = numpy.full(1_000_000, number, dtype="f8")
    with Shown(made.getvalue(), 32.0 * MIB) as server:
        op = session.download(server.url, tmp_path / "X.h5")
        with op.open() as stream, h5py.File(stream, "r") as file:
            assert float(file["set5"][1234]) == 5
        assert op.wait(10, progress=False)


def test_readahead_grows_with_use(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A reader that jumps wants a block; one that reads on wants more and more, and one that jumps again less."""
    op = session.download(serve(1000).url, tmp_path / "X", start=False)
    with op.open() as file:
        raw = file.raw
        assert isinstance(raw, Reader)
        raw._size = 100 * BLOCK
        raw._at = 5 * BLOCK + 7
        raw._want(1)
        assert raw._wanted is not None
        assert (raw._wanted.start, raw._wanted.stop) == (5 * BLOCK + 7, 6 * BLOCK)
        raw._run = 2 * BLOCK
        raw._want(1)
        assert raw._wanted.stop == 8 * BLOCK
        raw._run = 50 * BLOCK
        raw._want(1)
        assert raw._wanted.stop == 6 * BLOCK + AHEAD
        raw._run = 0
        raw._want(10 * BLOCK)
        assert raw._wanted.stop == 16 * BLOCK
        raw._at = 100 * BLOCK - 1
        raw._want(10 * BLOCK)
        assert raw._wanted.stop == 100 * BLOCK


def test_never_a_byte_of_two_versions(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Whatever happens to source and transfer, a reader gets right bytes of one version, or an error."""
    server = serve(9 * MIB + 77, 6.0 * MIB)
    versions = [server.data]
    op = session.download(server.url, tmp_path / "X", checksum=False)
    over, wrong, read = threading.Event(), list[object](), [0]

    def reader(seed: int) -> None:
        dice = random.Random(seed)
        while not over.is_set():
            alive = list(range(99))
            with op.open() as file:
                try:
                    for _ in range(20):
                        at, length = dice.randrange(9 * MIB), dice.choice([1, 1000, 300_000])
                        file.seek(at)
                        data = file.read(length)
                        known = [v for v in alive if v < len(versions)]
                        alive = [v for v in known if versions[v].read(at, at + length) == data]
                        read[0] += 1
                        if not alive:
                            wrong.append((seed, at, length))
                except (SourceChanged, InvalidTransferState, StorageFailed):
                    time.sleep(0.01)
                except Exception as error:
                    wrong.append(error)

    threads = [threading.Thread(target=reader, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    dice = random.Random(1)
    try:
        for turn in range(6):
            time.sleep(dice.random() * 0.4)
            with contextlib.suppress(InvalidTransferState):
                op.pause()
            if turn in (1, 3):
                until(lambda: op.snapshot.phase in (Phase.PAUSED, Phase.DONE))
                versions.append(MadeUp(9 * MIB + 77 + turn, turn))
                server.change(seed=turn, size=9 * MIB + 77 + turn)
            time.sleep(dice.random() * 0.1)
            with contextlib.suppress(InvalidTransferState):
                op.resume()
        assert op.wait(30, progress=False)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert read[0] > 50
    assert sha256(op.result(1)) == versions[-1].sha256
