"""Groups: what is in one is listed, ordered, run and steered together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.groups import Behavior
from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest, InvalidTransferState
from nbxfer.session import Batch, Group, Operation, Session
from tests.journeys.terminal import MIB, Terminal, sha256, until

Serve = Callable[..., DemoServer]
Sessions = Callable[[], Session]

SIZE, RATE = 400_000, 1_000_000
BIG = 2_000_000  # bytes: too much to be fetched with the question


def five(session: Session, server: DemoServer, folder: Path, **options: object) -> Batch:
    """Ask for A, B, C, D, E."""
    return session.download([server.url_of(f"{n}.bin") for n in "ABCDE"], folder, **options)


def ended(operations: Batch) -> str:
    """Give the letters in the order in which they were done."""
    assert all(o.snapshot.phase is Phase.DONE for o in operations)
    return "".join(o.path.stem for o in sorted(operations, key=lambda o: o.snapshot.changed))


def test_what_is_in_a_group_is_listed_by_its_name(session: Session, tmp_path: Path) -> None:
    """The name of a group filters; "" stands for what is in none; a snapshot says it."""
    atlas = session.group("atlas")
    one = session.download("http://localhost:9/a", tmp_path / "a", start=False, group="atlas")
    other = session.download("http://localhost:9/b", tmp_path / "b", start=False)
    two = session.download("http://localhost:9/c", tmp_path / "c", start=False, group=atlas)
    assert one.snapshot.group == "atlas"
    assert [o.id for o in session.operations(group="atlas")] == [one.id, two.id]
    assert [o.id for o in session.operations(group="")] == [other.id]
    assert (len(atlas), [o.id for o in atlas]) == (2, [one.id, two.id])
    assert "parallel, 2 operations, 0 over" in repr(atlas)


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", 7, b"atlas"])
def test_what_names_no_group_is_refused(session: Session, tmp_path: Path, name: object) -> None:
    """A group's name can be read by a person."""
    with pytest.raises(InvalidRequest, match="names no group"):
        session.download("http://localhost:9/a", tmp_path / "a", group=name)


def test_an_unknown_group_is_refused_at_once(session: Session, tmp_path: Path) -> None:
    """A group that nobody has made has no rule: a slip of the pen does not run everything at once."""
    session.group("atlas")
    for ask in (
        lambda: session.download("http://localhost:9/a", tmp_path / "a", group="atlsa"),
        lambda: session.download(["http://localhost:9/a"], tmp_path, group="atlsa"),
        lambda: session.operations(group="atlsa"),
    ):
        with pytest.raises(InvalidRequest, match=r"There is no group 'atlsa'.*The groups here are: 'atlas'"):
            ask()
    assert session.operations() == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"behavior": "in a row"}, "is unknown"),
        ({"behavior": 2}, "is unknown"),
        ({"max_parallel": 0}, "let nothing through"),
        ({"max_parallel": 1.5}, "no whole number"),
        ({"behavior": "serialized-strict", "max_parallel": 2}, "one at a time, not 2"),
    ],
)
def test_contradictions_are_refused(session: Session, given: dict[str, object], words: str) -> None:
    """What cannot hold for a group is refused, and nothing is written down."""
    with pytest.raises(InvalidRequest, match=words):
        session.group("atlas", **given)  # type: ignore[arg-type]
    assert session.rule_of_group("atlas") is None


def test_one_at_a_time(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A serialized group has one body open at a time, and ends in the order of asking."""
    server = serve(SIZE, RATE * 2)
    group = session.group("line", "serialized")
    batch = five(session, server, tmp_path, group=group)
    assert group.wait(30, progress=False)
    assert ended(batch) == "ABCDE"
    assert server.most_open == 1
    assert group.results() == [o.path for o in batch]


def test_the_current_one_and_its_followers_go_first(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Of a serialized five with C made current, the order of completion is C D E A B; what A had is kept."""
    server = serve(BIG, BIG * 1.5)
    batch = five(session, server, tmp_path, group=session.group("line", "serialized"))
    until(lambda: batch[0].snapshot.received > 100_000)
    batch[2].make_current()
    assert batch.wait(30, progress=False)
    assert ended(batch) == "CDEAB"
    assert server.most_open <= 2  # one that is being broken off, and the next
    assert server.sent_of("/A.bin") < BIG * 1.5
    assert not batch[0].snapshot.restarted
    assert any(entry.what == "made room" for entry in batch[0].snapshot.story)
    assert {sha256(o.path) for o in batch} == {server.sha256}


def test_high_ones_run_beside_the_line(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Three of default priority and a high one: at most one and one have a body open at the server."""
    server = serve(SIZE, RATE)
    session.group("line", "serialized")
    batch = session.download([server.url_of(f"{n}.bin") for n in "ABC"], tmp_path, group="line")
    high = session.download(server.url_of("H.bin"), tmp_path, group="line", priority="high")
    until(lambda: high.status is TransferStatus.RUNNING)
    assert batch[0].status is TransferStatus.RUNNING
    assert batch.wait(30, progress=False)
    assert high.wait(30, progress=False)
    assert server.most_open == 2


def test_strictly_one_at_a_time(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A strict line lets nothing run beside it: a high one is the next, no more."""
    server = serve(BIG, BIG * 3.0)
    session.group("line", "serialized-strict")
    urls = [server.url_of("A.bin", BIG * 0.7), server.url_of("B.bin"), server.url_of("C.bin")]
    batch = session.download(urls, tmp_path, group="line")
    until(lambda: batch[0].snapshot.received > 0)
    high = session.download(server.url_of("H.bin"), tmp_path, group="line", priority="high")
    everything = Batch([*batch, high])
    assert everything.wait(30, progress=False)
    assert ended(everything) == "AHBC"
    assert server.most_open == 1


def test_at_most_so_many(session: Session, serve: Serve, tmp_path: Path) -> None:
    """max_parallel bounds a group, not what is in none; it is changed live."""
    server = serve(SIZE, RATE)
    group = session.group("few", max_parallel=2)
    batch = five(session, server, tmp_path, group="few")
    until(lambda: sum(o.running() for o in batch) == 2)
    time.sleep(0.2)
    assert server.most_open == 2
    group.max_parallel = None
    until(lambda: server.most_open >= 4)
    assert batch.wait(30, progress=False)


def test_moving_in_the_line(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Any place can be had, also before and after another; what runs makes room for whoever comes before it."""
    server = serve(BIG, BIG * 2.0)
    group = session.group("line", "serialized")
    a, b, c, d, e = batch = five(session, server, tmp_path, group=group)
    until(lambda: a.snapshot.received > 0)
    group.move(e, 0)
    group.move(b, -1)
    group.move(d, before=c)
    group.move(c, after=b)
    assert "".join(o.path.stem for o in group) == "EADBC"
    assert group.wait(30, progress=False)
    assert ended(batch) == "EADBC"
    for wrong in ({}, {"to": 1, "before": b}, {"to": True}):
        with pytest.raises(InvalidRequest, match="takes one place"):
            group.move(a, **wrong)
    with pytest.raises(InvalidTransferState, match="no place in the order: it is done"):
        group.move(a, 0)


def test_who_has_no_place(session: Session, tmp_path: Path) -> None:
    """What is in no group has no followers; what is in another one has no place in this."""
    group = session.group("line")
    other = session.download("http://localhost:9/b", tmp_path / "b", start=False)
    one = session.download("http://localhost:9/a", tmp_path / "a", start=False, group=group)
    with pytest.raises(InvalidTransferState, match="is in no group"):
        other.make_current()
    with pytest.raises(InvalidRequest, match="is not in the group"):
        group.make_current(other)
    with pytest.raises(InvalidTransferState, match="does not wait in the group"):
        group.move(one, before=other)


def test_a_priority_that_changes_makes_room(session: Session, serve: Serve, tmp_path: Path) -> None:
    """When the high one beside a serialized line becomes one of default priority, one of the two makes room."""
    server = serve(4 * MIB, RATE)
    session.group("line", "serialized")
    high, low = session.download([server.url_of("H.bin"), server.url_of("D.bin")], tmp_path, group="line", start=False)
    high.priority = 1
    high.start()
    low.start()
    until(lambda: high.running() and low.running() and low.snapshot.received > 0)
    high.priority = "default"
    until(lambda: low.status is TransferStatus.IDLE)
    assert high.running()
    assert low.snapshot.received > 0


def test_steering_a_group(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A group is paused without letting anybody else begin, goes on, and is canceled, as a whole."""
    server = serve(BIG, BIG / 2.0)
    group = session.group("line", "serialized")
    batch = five(session, server, tmp_path, group=group)
    until(lambda: batch[0].snapshot.received > 0)
    group.pause()
    until(lambda: all(o.status is TransferStatus.PAUSED_BY_APPLICATION for o in batch))
    assert server.requests == server.requests_of("/A.bin")
    group.resume()
    until(batch[0].running)
    assert group.progress.count == 5
    group.cancel()
    assert group.wait(10, progress=False)
    assert group.done()
    assert group.progress.done == 0
    assert server.requests == server.requests_of("/A.bin")


def test_what_holds_for_a_group_is_kept(sessions: Sessions, tmp_path: Path) -> None:
    """Another process, and one after a restart, see the group, its rule and its order."""
    first = sessions()
    group = first.group("line", "serialized", 3)
    batch = first.download([f"http://localhost:9/{n}" for n in "abc"], tmp_path, group=group, start=False)
    batch[1].make_current()
    second = sessions()
    there = second.group("line")
    assert (there.behavior, there.max_parallel) == (Behavior.SERIALIZED, 3)
    assert [o.path.name for o in there] == ["b", "c", "a"]
    there.make_current(second.find(batch[2].id))  # the first one runs it, and is asked
    until(lambda: [o.path.name for o in group] == ["c", "a", "b"])
    first.close()
    third = sessions()
    with pytest.raises(InvalidTransferState, match="reattach"):
        third.find(batch[0].id).make_current()
    third.reattach(scope="all")
    assert [o.path.name for o in Group("line", session=third)] == ["c", "a", "b"]
    assert third.group("line", "parallel").behavior is Behavior.PARALLEL
    assert third.group("line").max_parallel == 3


def test_a_time_before_which_nothing_moves(session: Session, serve: Serve, tmp_path: Path) -> None:
    """With not_before the server sees no request before that time, and the operation says what it waits for."""
    server = serve(1000)
    op: Operation = session.download(server.url, tmp_path / "x", not_before=1.5)
    until(lambda: op.reason == "waiting for its time")
    assert op.status is TransferStatus.IDLE
    assert op.snapshot.due is not None
    time.sleep(0.6)
    assert server.requests == 0
    assert op.result(10).stat().st_size == 1000
    assert any(entry.what == "its time has come" for entry in op.snapshot.story)


def test_a_deadline_before_its_beginning(session: Session, tmp_path: Path) -> None:
    """Times that contradict each other are refused at once."""
    with pytest.raises(InvalidRequest, match=r"deadline.* not_before"):
        session.download("http://localhost:9/a", tmp_path / "a", not_before=60, deadline=30)
    with pytest.raises(InvalidRequest, match="is no time"):
        session.download("http://localhost:9/a", tmp_path / "a", not_before="noon")
    assert session.operations() == []


def test_a_group_in_a_terminal(session: Session, terminal: Terminal, serve: Serve, tmp_path: Path) -> None:
    """A terminal lists a group in its order, and holds it up, while a notebook runs it."""
    server = serve(BIG * 40, BIG / 4.0)
    batch = five(session, server, tmp_path, group=session.group("line", "serialized"))
    other = session.download(server.url_of("other.bin"), tmp_path / "other")
    until(lambda: batch[0].snapshot.received > 0 and other.running())
    session.group("line").move(batch[4], 1)
    listed = terminal.run("ls", "--group", "line", "--json")
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == [batch[n].id for n in (0, 4, 1, 2, 3)]
    held = terminal.run("pause", "--group", "line")
    assert held.returncode == 0, held.stderr
    until(lambda: all(o.status is TransferStatus.PAUSED_BY_APPLICATION for o in batch))
    assert other.running()
    assert terminal.run("ls", "--group", "lien").returncode == 2
    assert terminal.run("pause", "--all", "--group", "line").returncode == 2
    Batch([*batch, other]).cancel()
