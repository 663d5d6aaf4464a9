"""Whose turn it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.groups import RANK
from nbxfer.core.queue import Queue


def drain(queue: Queue) -> list[str]:
    out = []
    while (op_id := queue.pop()) is not None:
        out.append(op_id)
    return out


def test_order() -> None:
    """High goes before default, default before low, and each in the order of asking."""
    queue = Queue()
    for op_id, priority in [("a", 0), ("b", 2), ("c", 1), ("d", 0), ("e", 1)]:
        queue.push(op_id, priority)
    assert len(queue) == 5
    assert drain(queue) == ["c", "e", "a", "d", "b"]
    assert len(queue) == 0


def test_queued_again() -> None:
    """The newest place counts; who left does not get a turn."""
    queue = Queue()
    for op_id in "abc":
        queue.push(op_id)
    queue.push("c", 1)
    queue.discard("a")
    queue.discard("unknown")
    assert drain(queue) == ["c", "b"]


def test_unknown_priority() -> None:
    """A priority that this version does not know is the default one."""
    queue = Queue()
    queue.push("low", 2)
    queue.push("strange", 77)
    assert drain(queue) == ["strange", "low"]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from([0, 1, 2, None]))))
def test_model(asked: list[tuple[str, int | None]]) -> None:
    """Whatever is asked in whatever order, each is served once, by the last thing that it asked for."""
    queue, model = Queue(), dict[str, int]()
    for op_id, priority in asked:
        model.pop(op_id, None)
        if priority is None:
            queue.discard(op_id)
        else:
            queue.push(op_id, priority)
            model[op_id] = priority
    assert len(queue) == len(model)
    assert drain(queue) == sorted(model, key=lambda op_id: RANK[model[op_id]])


def test_a_full_host_is_passed() -> None:
    """Who waits for a host that has no room holds nobody else up, and keeps its place."""
    queue = Queue()
    for op_id, host in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "x")]:
        queue.push(op_id, host=host)
    assert queue.pop(lambda host: host == "x") == "c"
    assert queue.passed == {"x"}
    assert queue.pop(lambda host: host == "x") is None
    queue.discard("b")
    queue.push("e", priority=1, host="x")
    assert [queue.pop() for _ in range(4)] == ["e", "a", "d", None]
    assert queue.passed == set()


def test_an_earlier_place_counts_no_more() -> None:
    """Who is queued again with another priority is not called twice."""
    queue = Queue()
    queue.push("a", host="x")
    queue.push("b", host="x")
    queue.push("a", priority=2, host="x")
    queue.push("c", priority=1, host="x")
    assert [queue.pop() for _ in range(4)] == ["c", "b", "a", None]


def test_the_firsts() -> None:
    """Who is first of each host and group is told without taking anybody out, whoever has left meanwhile."""
    queue = Queue()
    for op_id, host, group in [("a", "x", ""), ("b", "x", ""), ("c", "y", ""), ("d", "x", "g"), ("e", "z", "")]:
        queue.push(op_id, host=host, group=group)
    assert queue.firsts(9) == ["a", "c", "d", "e"]
    assert queue.firsts(2) == ["a", "c"]
    for gone in "ae":
        queue.discard(gone)
    assert queue.firsts(9) == ["b", "c", "d"]
    assert [queue.pop() for _ in range(4)] == ["b", "c", "d", None]
    assert queue.firsts(9) == []


def test_places_within_a_priority() -> None:
    """Who has a smaller place goes first, whenever it came; who comes to the same place comes behind."""
    queue = Queue()
    for op_id, priority, place in [("a", 0, 5.0), ("b", 0, 3.0), ("c", 1, 9.0), ("d", 0, 3.0)]:
        queue.push(op_id, priority, place=place)
    assert drain(queue) == ["c", "b", "d", "a"]


def test_a_group_without_room_is_passed() -> None:
    """Whom its group bars holds up nobody of another group; a host is not called full for that."""
    queue = Queue()
    for op_id, group in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "")]:
        queue.push(op_id, group=group, host="h")
    asked: list[tuple[str, str]] = []

    def barred(group: str, op_id: str) -> bool:
        asked.append((group, op_id))
        return group == "x"

    assert [queue.pop(barred=barred) for _ in range(3)] == ["c", "d", None]
    assert queue.passed == set()
    assert ("x", "b") not in asked
    assert drain(queue) == ["a", "b"]
