"""One or ten thousand: lists, mappings, and the batch that they give."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.errors import (
    AccessDenied,
    ChecksumMismatch,
    DestinationExists,
    InvalidRequest,
    InvalidTransferState,
    SourceNotFound,
)
from nbxfer.session import Batch, Operation, Session
from tests.journeys.terminal import MIB, sha256, until

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]


def urls_of(server: DemoServer, count: int) -> list[str]:
    """Give some URLs of one server, with names of their own."""
    return [server.url_of(f"{n}.bin") for n in range(count)]


@pytest.mark.parametrize("kind", ["list", "tuple", "generator", "keys"])
def test_several_land_in_one_folder(session: Session, serve: Serve, tmp_path: Path, kind: str) -> None:
    """Whatever gives URLs will do; dest is a folder then, also without a slash; results come in the order asked."""
    server = serve(1000)
    urls = urls_of(server, 5)
    given = {"list": urls, "tuple": tuple(urls), "generator": (u for u in urls), "keys": dict.fromkeys(urls).keys()}
    batch = session.download(given[kind], tmp_path / "data")
    assert isinstance(batch, Batch)
    assert batch.results(20) == [tmp_path / "data" / f"{n}.bin" for n in range(5)]
    assert {sha256(path) for path in batch.results()} == {server.sha256}
    assert batch.done()


def test_one_url_is_an_operation_and_none_are_an_empty_batch(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A text is one source; a list is a batch, whatever its length, and one of a single URL lands in a folder."""
    url = serve(10).url
    assert isinstance(session.download(url, tmp_path / "x"), Operation)
    one = session.download([url], tmp_path / "folder")
    assert one.results(10) == [tmp_path / "folder" / "data.bin"]
    none = session.download([], tmp_path)
    assert (len(none), none.results(), none.wait(), none.done()) == (0, [], True, True)
    assert none.progress.fraction is None
    assert list(none.as_completed()) == []
    assert asyncio.run(_awaited(none)) == []


def test_a_mapping_says_where_each_lands(session: Session, serve: Serve, tmp_path: Path) -> None:
    """{url: destination}: a file, a folder, or None for the name of the URL; what is relative is below dest."""
    a, b, c, d = urls_of(serve(1000), 4)
    batch = session.download({a: "one", b: "sub/", c: None, d: tmp_path / "away" / "four"}, tmp_path / "data")
    wanted = [tmp_path / "data/one", tmp_path / "data/sub/1.bin", tmp_path / "data/2.bin", tmp_path / "away/four"]
    assert batch.results(20) == wanted
    assert not session.download({}, tmp_path)


def test_the_same_cell_again_is_the_same_operations(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A list asked for again joins what is under way, also from another kernel; a URL that is in it twice is once."""
    server = serve(MIB, MIB / 4)
    urls = urls_of(server, 3)
    first, other = sessions(), sessions()
    batch = first.download(urls, tmp_path)
    again = first.download([*urls, urls[0]], tmp_path)
    assert [o.id for o in again] == [*(o.id for o in batch), batch[0].id]
    assert again.progress.count == 3
    assert [o.id for o in other.download(urls, tmp_path)] == [o.id for o in batch]
    batch.cancel()
    until(lambda: batch.progress.done == 0 and batch.done())


def test_a_finished_list_is_revalidated(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Run again when all is there: a request each, and no bytes."""
    server = serve(MIB)
    urls = urls_of(server, 4)
    session.download(urls, tmp_path).results(20)
    sent = server.sent
    again = session.download(urls, tmp_path)
    assert again.results(20) == [tmp_path / f"{n}.bin" for n in range(4)]
    assert server.sent == sent


def test_what_cannot_be_at_the_moment_does_not_stop_the_others(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Somebody's file in the way makes one operation that has failed; asked again it is the same one, and retry helps
    when the file has gone.
    """
    urls = urls_of(serve(1000), 3)
    (tmp_path / "1.bin").write_text("mine")
    batch = session.download(urls, tmp_path)
    with pytest.raises(ExceptionGroup) as caught:
        batch.results(20)
    assert [type(e) for e in caught.value.exceptions] == [DestinationExists]
    assert (tmp_path / "1.bin").read_text() == "mine"
    assert (tmp_path / "0.bin").exists()
    assert (tmp_path / "2.bin").exists()
    assert [o.id for o in batch.failed] == [batch[1].id]
    assert batch[1].status is TransferStatus.ERROR
    assert session.download(urls, tmp_path)[1].id == batch[1].id
    with pytest.raises(DestinationExists):
        batch[1].retry()
    batch.retry()
    assert batch.failed
    (tmp_path / "1.bin").unlink()
    batch.retry()
    assert len(batch.results(20)) == 3
    assert sha256(tmp_path / "1.bin") == sha256(tmp_path / "0.bin")


def test_what_is_in_the_way_is_replaced_when_a_person_says_so(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """One wish replaces the file that an operation failed for, also in the next kernel; no other one is replaced so."""
    server = serve(1000)
    urls = urls_of(server, 2)
    (tmp_path / "0.bin").write_text("mine")
    (tmp_path / "1.bin").write_text("mine, too")
    first = sessions()
    batch = first.download(urls, tmp_path)
    assert batch.wait(20)
    first.steer(batch[0].id, "replace")
    assert sha256(batch[0].result(20)) == server.sha256
    with pytest.raises(InvalidTransferState, match="in its way"):
        first.steer(batch[0].id, "replace")
    first.close()
    second = sessions()
    refused: list[str] = []
    second.wish(batch[1].id, "replace", refused.append)
    until(lambda: second.snapshot(batch[1].id).phase is Phase.DONE, 20)
    assert sha256(tmp_path / "1.bin") == server.sha256
    assert refused == []


def test_a_refused_one_is_remembered_and_joined_by_the_next_kernel(
    sessions: Sessions, serve: Serve, tmp_path: Path
) -> None:
    """After a restart the same list gives the same operation that says what is in the way, not one more."""
    url = serve(1000).url_of("x.bin")
    (tmp_path / "x.bin").write_text("mine")
    first = sessions()
    [refused] = first.download([url], tmp_path)
    first.close()
    second = sessions()
    assert [o.id for o in second.download([url], tmp_path)] == [refused.id]
    assert second.operations(scope="all")[0].status is TransferStatus.ERROR


def test_the_destination_of_another_transfer_is_left_to_it(session: Session, serve: Serve, tmp_path: Path) -> None:
    """In a list, too: the one that came first goes on and ends well; the newcomer says who was there."""
    server = serve(MIB, MIB)
    first = session.download(server.url_of("x.bin"), tmp_path / "x.bin")
    batch = session.download([server.url_of("x.bin") + "?v=2"], tmp_path)
    assert isinstance(batch[0].exception(5), DestinationExists)
    assert batch[0].id != first.id
    with pytest.raises(DestinationExists, match="another transfer"):
        batch[0].retry()
    assert session.download(server.url_of("x.bin"), tmp_path / "x.bin").id == first.id
    assert sha256(first.result(10)) == server.sha256


def test_a_mistyped_url_holds_no_destination(session: Session, serve: Serve, tmp_path: Path) -> None:
    """What failed without a byte is no reason to refuse the corrected URL the same name."""
    server = serve(1000)
    wrong = session.download(server.url.replace("data.bin", "missing"), tmp_path / "Y")
    assert isinstance(wrong.exception(10), SourceNotFound)
    assert session.download(server.url, tmp_path / "Y").result(10) == tmp_path / "Y"


def test_a_folder_that_may_not_be_written(
    session: Session, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of all is refused at once; one destination of a mapping is that one's failure."""
    urls = urls_of(serve(1000), 2)
    locked = tmp_path / "locked"
    locked.mkdir()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(locked) and real(path, mode))
    with pytest.raises(AccessDenied):
        session.download(urls, locked)
    batch = session.download({urls[0]: tmp_path / "a", urls[1]: locked / "b"})
    assert batch[0].result(10) == tmp_path / "a"
    assert isinstance(batch[1].exception(10), AccessDenied)


def test_nothing_is_started_when_one_item_is_wrong(session: Session, serve: Serve, tmp_path: Path) -> None:
    """The sentence names the item; the server sees no request, and the folder stays empty."""
    server = serve(1000)
    with pytest.raises(InvalidRequest, match=r"Item 3 of 3 .*: nonsense"):
        session.download([*urls_of(server, 2), "nonsense://host/x"], tmp_path)
    running = session.download(server.url_of("0.bin"), tmp_path / "0.bin", start=False)
    with pytest.raises(InvalidTransferState, match="fetched already"):
        session.download(urls_of(server, 2), tmp_path, on_duplicate="error")
    assert len(session.operations(scope="all")) == 1
    running.cancel()
    assert server.requests == 0
    assert list(tmp_path.iterdir()) == []


def test_an_endless_iterable_ends(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives URLs without end is told so, instead of filling the memory."""
    monkeypatch.setattr("nbxfer.session.request.MOST_SOURCES", 10)

    def forever() -> object:
        while True:
            yield "http://host/x"

    with pytest.raises(InvalidRequest, match="more than 10 URLs"):
        session.download(forever(), tmp_path)  # type: ignore[call-overload]


def test_checksums_by_url(session: Session, serve: Serve, tmp_path: Path) -> None:
    """{url: checksum}: each is held against its own; one that has none is held against nothing of a person's."""
    server = serve(1000)
    urls = urls_of(server, 3)
    batch = session.download(urls, tmp_path, checksum={urls[0]: server.sha256, urls[1]: "sha256:" + "0" * 64})
    assert batch.wait(20)
    assert batch[0].progress.integrity == "digest"
    assert isinstance(batch[1].error, ChecksumMismatch)
    assert batch[2].result().exists()


def test_a_batch_tells_how_far_all_are(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Totals of bytes and files, a time that is left while they run, and all of it at the end."""
    server = serve(MIB, MIB / 2)
    batch = session.download(urls_of(server, 3), tmp_path)
    until(lambda: batch.progress.rate is not None and batch.progress.total is not None, 10)
    totals = batch.progress
    assert totals.total == 3 * MIB
    assert totals.eta is not None
    assert totals.fraction is not None
    assert 0 < totals.fraction < 1
    assert batch.wait(20)
    totals = batch.progress
    assert (totals.count, totals.done, totals.failed) == (3, 3, 0)
    assert totals.received == totals.total == 3 * MIB
    assert totals.fraction == 1.0


def test_as_completed_gives_the_first_one_first(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Each is given once, when it is over; who has no more time is told how many are left."""
    slow, quick = serve(MIB, MIB), serve(100)
    batch = session.download([slow.url_of("slow.bin"), quick.url_of("quick.bin")], tmp_path)
    with pytest.raises(TimeoutError, match="1 of 2"):
        assert [o.path.name for o in batch.as_completed(0.3)] == ["quick.bin"]
    assert [o.path.name for o in batch.as_completed(20)] == ["quick.bin", "slow.bin"]


async def _awaited(batch: Batch) -> list[Path]:
    return await batch


def test_a_batch_is_awaited(session: Session, serve: Serve, tmp_path: Path) -> None:
    """``await batch`` is results(), in order, while the loop goes on."""
    batch = session.download(urls_of(serve(MIB, 2 * MIB), 2), tmp_path)
    assert asyncio.run(_awaited(batch)) == [tmp_path / "0.bin", tmp_path / "1.bin"]


def test_start_and_to_frame(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Nothing moves before start(); a table needs pandas, and says so where there is none."""
    server = serve(1000)
    batch = session.download(urls_of(server, 2), tmp_path, start=False)
    assert all(o.snapshot.phase is Phase.CREATED for o in batch)
    batch.start()
    batch.results(20)
    try:
        import pandas  # type: ignore[import-untyped, unused-ignore]  # noqa: F401, ICN001
    except ImportError:
        with pytest.raises(InvalidRequest, match="needs pandas"):
            batch.to_frame()
    else:
        frame = batch.to_frame()
        assert list(frame["status"]) == ["completed", "completed"]
        assert list(frame["received"]) == [1000, 1000]


def test_a_session_waits_for_its_lists(home: Path, serve: Serve, tmp_path: Path) -> None:
    """Leaving the context waits for every item, and raises what failed."""
    server = serve(1000)
    missing = server.url.replace("data.bin", "missing")
    with pytest.raises(ExceptionGroup) as caught, Session(home=home) as session:
        session.download([*urls_of(server, 3), missing], tmp_path)
    assert [type(e) for e in caught.value.exceptions] == [SourceNotFound]
    assert len(list(tmp_path.iterdir())) == 3


def test_thousands_are_asked_for_in_one_go(session: Session, tmp_path: Path) -> None:
    """2,000 URLs take well under a second, and as long again when they are there already."""
    urls = [f"http://127.0.0.1:9/{n}.bin" for n in range(2000)]
    session.download(urls[0], tmp_path / "warm", start=False)
    best = 9.0
    for _ in range(3):
        begin = time.process_time()
        batch = session.download(urls, tmp_path, start=False)
        best = min(best, time.process_time() - begin)
    assert len({o.id for o in batch}) == 2000
    assert best < 1.0
    best = 9.0
    for _ in range(3):
        begin = time.process_time()
        assert not batch.wait(0.3, progress=False)
        best = min(best, time.process_time() - begin)
    assert best < 1.5  # with coverage; asking each of them again and again would take many times that


def test_to_wait_in_vain_for_many_costs_little(session: Session, tmp_path: Path) -> None:
    """A wait that ends before they do looks at each a few times, not once for each of the others."""
    asked = [0]

    class Counting(str):
        __slots__ = ()

        def __hash__(self) -> int:
            asked[0] += 1
            return super().__hash__()

    batch = session.download([f"http://127.0.0.1:9/{n}.bin" for n in range(300)], tmp_path, start=False)
    counting = [Operation(session, Counting(op.id)) for op in batch]
    assert not Batch(counting).wait(0, progress=False)
    assert asked[0] < 100 * len(counting)
