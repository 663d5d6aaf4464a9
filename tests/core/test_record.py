"""What is stored of an operation."""

from __future__ import annotations

import msgspec
import pytest

from nbxfer.core import events as ev
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import AFTER_A_CRASH, Phase
from nbxfer.core.probe import Probe
from nbxfer.core.record import Before, Record
from tests.core.life import V1, Life, upto

BEFORE = Before(50, 123, ours=True, validator=V1, integrity="digest")
PHASES = "created queued running stalled failed verifying committing done canceling canceled paused".split()


@pytest.mark.parametrize("where", PHASES)
def test_what_was_stored_is_loaded(where: str) -> None:
    """A record that is loaded gives the same record again, but for what a crash ends."""
    life = Life(before=BEFORE, start=where != "created", checksum="sha256:00", headers=(("Accept", "*/*"),))
    life.come_to(where)
    stored = life.stored()
    assert stored == life.op.record()
    again = Operation.load(stored, life.now).record()
    ended = stored.phase in (Phase.STALLED, Phase.RUNNING, Phase.VERIFYING)
    expected = msgspec.structs.replace(stored, phase=AFTER_A_CRASH[stored.phase])
    if ended:
        expected = msgspec.structs.replace(expected, fault=None, stall=None, due=None)
    assert again == expected
    assert Operation.load(stored, life.now, crashed=False).record() == stored


def test_before_becomes_the_result() -> None:
    """A file that is left as it is is published as it was."""
    published = BEFORE.published("/x", revalidated=False)
    assert (published.path, published.size, published.mtime_ns, published.integrity) == ("/x", 50, 123, "digest")
    assert published.revalidated is False
    assert published.atomic


def test_defaults_take_no_room() -> None:
    """What was never touched does not stand in the record."""
    fields = msgspec.json.decode(msgspec.json.encode(Life().op.record()))
    assert set(fields) == {"id", "epoch", "spec", "phase", "created", "changed"}
    assert set(fields["spec"]) == {"kind", "url", "destination", "identity"}


def test_a_record_of_fewer_fields() -> None:
    """A record that knows less than this version is read."""
    life = Life()
    life.running()
    life.tell(ev.BlocksLanded(life.serial, upto(10)))
    fields = msgspec.json.decode(msgspec.json.encode(life.op.record()))
    del fields["tied"]
    assert msgspec.convert(fields, Record).tied is False


def test_what_many_answers_have_in_common_is_kept_once() -> None:
    """Of a hundred thousand answers of one server, equal headers and texts are one thing in memory."""
    ops = []
    for number in range(2):
        op = Life().op
        etag = f'"v{number}"'
        told = Probe(10, final_url=op.spec.url, headers=(("server", "nginx"), ("etag", etag)))
        op.take(msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=Probe))  # each brings texts of its own
        assert op.response == (("server", "nginx"), ("etag", etag))
        assert op.final_url is op.spec.url
        ops.append(op)
    first, second = ops
    assert first.response[0] is second.response[0]
    assert first.response[1] != second.response[1]
