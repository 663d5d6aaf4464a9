"""The line of a record: it comes back as it was, and what was damaged or planted is not believed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import Phase, Stall
from nbxfer.core.policy import Patience, Retry
from nbxfer.core.probe import Claim, Validator
from nbxfer.core.record import Before, Entry, Published, Record, Seal
from nbxfer.core.spec import Spec
from nbxfer.errors import InvalidRequest
from nbxfer.manifest import lines
from nbxfer.manifest.lines import MAX_LINE
from nbxfer.manifest.tail import Tail
from nbxfer.testing.manifests import a_record, after

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_numbers = st.integers(0, 2**63 - 1)
_times = st.floats(0, 4e9)
_pairs = st.lists(st.tuples(_texts, _texts), max_size=3).map(tuple)
_validators = st.none() | st.builds(Validator, _texts, _texts, st.booleans())
_faults = st.builds(Fault, _texts, _texts, st.sampled_from(Remedy), st.integers(0, 1999), hint=st.none() | _texts)
_specs = st.builds(
    Spec,
    kind=st.just("download"),
    url=_texts.map("https://data.example/".__add__),
    destination=_texts.filter(lambda t: "\0" not in t).map("/".__add__),
    identity=_texts,
    headers=_pairs,
    references=_pairs,
    checksum_at=st.none() | _texts.map("https://sums.example/".__add__),
    believe=st.booleans(),
    naming=st.sampled_from(["url", "server", "auto"]),
    refresh=st.just("") | _texts,
    cert=st.lists(_texts, max_size=2).map(tuple),
    proxy=st.none() | _texts,
    trust_env=st.booleans(),
    http2=st.booleans(),
    max_size=st.none() | _numbers,
    preserve_mtime=st.booleans(),
    random_access=st.booleans(),
    connections=st.none() | st.integers(1, 99),
    bandwidth=st.none() | _numbers,
    deadline=st.none() | _times,
    adopted=st.booleans(),
    retry=st.builds(Retry, st.integers(0, 99)),
    patience=st.builds(Patience, _times),
    verify=st.booleans() | _texts,
)
_epochs = st.integers(1, 99)
_records = st.builds(
    Record,
    id=st.text("0123456789abcdef", min_size=8, max_size=32),
    epoch=_epochs,
    spec=_specs,
    phase=st.sampled_from(Phase),
    created=_times,
    changed=_times,
    size=st.none() | _numbers,
    validator=_validators,
    received=_numbers,
    stall=st.none() | st.sampled_from(Stall),
    due=st.none() | _times,
    fault=st.none() | _faults,
    before=st.none() | st.builds(Before, _numbers, _numbers, st.booleans(), _validators),
    seal=st.none() | st.builds(Seal, _numbers, _numbers, _numbers),
    published=st.none() | st.builds(Published, _texts, _numbers, _numbers),
    response=_pairs,
    story=st.lists(st.builds(Entry, _times, _texts, _texts), max_size=3).map(tuple),
    tied=st.booleans(),
    claims=st.lists(st.builds(Claim, _texts, _texts), max_size=3).map(tuple),
    listed=st.none() | _texts,
    modified=st.none() | _times,
    refreshes=st.integers(0, 99),
)


def _named(record: Record, name: str) -> Record:
    """Give a record whose server has given the file another name, and whose part is the former owner's still."""
    folder = record.spec.destination.rpartition("/")[0]
    named = f"{folder}/{name}" if name else ""
    return msgspec.structs.replace(record, named=named, unproven=record.epoch - 1)


_names = _texts.filter(lambda t: "\0" not in t and "/" not in t)
records = st.builds(_named, _records, _names)


def read(path: Path, data: bytes) -> Tail:
    """Give what a journal of these bytes says."""
    path.unlink(missing_ok=True)  # to cut and rewrite a file would wait for the disk
    path.write_bytes(data)
    tail = Tail()
    assert tail.follow(str(path))
    return tail


def received(tail: Tail) -> dict[str, int]:
    """Give what counts as the state of each operation: its bytes."""
    return {op_id: record.received for op_id in tail.best if (record := tail.record(op_id)) is not None}


@settings(max_examples=60)
@given(record=records, seq=st.integers(1, 10**9))
def test_a_record_comes_back(record: Record, seq: int) -> None:
    """Whatever a record says, it says the same after it was written and read; and its line has no other newline."""
    line = lines.encode(record, seq)
    assert line.index(b"\n") == len(line) - 1
    found = lines.stored(line[:-1])
    assert found is not None
    assert found[0] == record.id
    assert found[1][:2] == (record.epoch, seq)
    assert lines.decode(found[1]) == record
    assert list(lines.pieces(line[:-1])) == [line[:-1]]


@settings(max_examples=60)
@given(record=records, data=st.data())
def test_a_damaged_line_is_not_believed(record: Record, data: st.DataObject) -> None:
    """A line with one byte changed, lost or added is no line of ours."""
    line = lines.encode(record, 1)[:-1]
    at = data.draw(st.integers(0, len(line) - 1))
    flip = data.draw(st.integers(1, 255))
    assert lines.stored(line[:at] + bytes([line[at] ^ flip]) + line[at + 1 :]) is None
    assert lines.stored(line[:at] + line[at + 1 :]) is None
    assert lines.stored(line[: at + 1] + b"0" + line[at + 1 :]) in (None, lines.stored(line))
    assert lines.stored(line[:at]) is None


def history(operations: int, each: int) -> list[Record]:
    """Give the records of a journal, in the order of writing; ``received`` tells how new one is."""
    first = [a_record(f"/data/{n}") for n in range(operations)]
    return [after(record, received=news) for news in range(1, each + 1) for record in first]


def fits(found: dict[str, int], written: list[Record], *, lost: int) -> bool:
    """Say whether every operation is there with its newest record, or for ``lost`` of them with the one before."""
    newest: dict[str, int] = {}
    for record in written:
        newest[record.id] = record.received
    behind = {op_id: news - found.get(op_id, 0) for op_id, news in newest.items()}
    return set(behind.values()) <= {0, 1} and sum(behind.values()) <= lost


def full(destination: str) -> Record:
    """Give a record in which every field says something."""
    record = a_record(
        destination,
        "stalled",
        size=100,
        validator=Validator("etag", '"v1"'),
        stall=Stall.RETRY_WAIT,
        due=1.7e9,
        fault=Fault("NetworkError", "It broke.", Remedy.RETRY, 10, hint="Wait."),
        before=Before(9, 8, ours=True, validator=Validator("etag", '"v0"')),
        response=(("etag", '"v1"'),),
        story=(Entry(1.7e9, "probed", "8 connections"),),
        named=f"{destination}.named",
        claims=(Claim("server digest", "sha256:00"),),
        listed="sha256:00",
        modified=1.6e9,
        refreshes=1,
    )
    spec = msgspec.structs.replace(
        record.spec,
        needs=("auth",),
        references=(("proxy_auth", "env:PROXY"),),
        checksum_at="https://data.example/SHA256SUMS",
        naming="server",
        refresh="module:function",
        cert=("/c.pem",),
        proxy="http://proxy:3128",
        max_size=1000,
        connections=4,
        bandwidth=5_000_000,
        deadline=1.8e9,
        adopted=True,
    )
    return msgspec.structs.replace(record, spec=spec)


def test_flipped_at_every_byte_of_full_records(tmp_path: Path) -> None:
    """The same where every field says something, and for a large journal, at a sample of their bytes."""
    written = [after(record, received=n) for n in (1, 2) for record in (full("/data/1"), full("/data/2"))]
    written = [msgspec.structs.replace(r, id=written[n % 2].id) for n, r in enumerate(written)]
    _flip_each(tmp_path, written, 7, (0x01, 0x2A))
    large = [full(f"/data/{n}") for n in range(200)]
    _flip_each(tmp_path, [after(r, received=n) for n in (1, 2) for r in large], 9973, (0x01, 0x80, 0x2A))


def _flip_each(tmp_path: Path, written: list[Record], step: int, flips: tuple[int, ...]) -> None:
    data = b"".join(lines.encode(record, seq) for seq, record in enumerate(written, 1))
    for flip in flips:
        for at in range(0, len(data), step):
            damaged = bytearray(data)
            damaged[at] ^= flip
            tail = read(tmp_path / "j", bytes(damaged))
            assert fits(received(tail), written, lost=1), (at, flip)
    for at in range(0, len(data), max(1, len(data) // 500)):
        tail = read(tmp_path / "j", data[:at])
        whole = data[:at].count(b"\n") + (data[at : at + 1] == b"\n")  # a line is whole without its newline
        assert received(tail) == {record.id: record.received for record in written[:whole]}, at


def test_flipped_at_every_byte(tmp_path: Path) -> None:
    """Whichever byte of a journal is flipped, at most one operation loses its newest record, and none is lost."""
    written = history(3, 3)
    data = b"".join(lines.encode(record, seq) for seq, record in enumerate(written, 1))
    for flip in (0x01, 0x80, 0x2A):  # the last one turns a space into a newline
        for at in range(len(data)):
            damaged = bytearray(data)
            damaged[at] ^= flip
            tail = read(tmp_path / "j", bytes(damaged))
            assert fits(received(tail), written, lost=1), (at, flip)


def test_cut_at_every_offset(tmp_path: Path) -> None:
    """Wherever a journal ends, everything that had been written whole before is there."""
    written = history(3, 3)
    each = [lines.encode(record, seq) for seq, record in enumerate(written, 1)]
    data = b"".join(each)
    ends = [sum(map(len, each[: n + 1])) - 1 for n in range(len(each))]  # a line is whole without its newline
    for at in range(len(data) + 1):
        whole = sum(end <= at for end in ends)
        expected = {record.id: record.received for record in written[:whole]}
        assert received(read(tmp_path / "j", data[:at])) == expected


def test_a_piece_is_missing_anywhere(tmp_path: Path) -> None:
    """Whatever piece of up to a line's length was zeroed, cut out or doubled, only the lines it touched are gone."""
    written = history(40, 3)
    data = b"".join(lines.encode(record, seq) for seq, record in enumerate(written, 1))
    for at in range(0, len(data), 977):
        for length in (1, 100, 300):
            for middle in (b"", bytes(length), data[at : at + length] * 2, b"\n" * length):
                tail = read(tmp_path / "j", data[:at] + middle + data[at + length :])
                assert fits(received(tail), written, lost=2), (at, length, middle[:3])


def test_read_as_it_grows(tmp_path: Path) -> None:
    """A journal that is read while it is written, in whatever pieces it comes, says the same as one read at once."""
    written = history(3, 3)
    data = b"junk" * 7 + b"\n" + b"".join(lines.encode(record, seq) for seq, record in enumerate(written, 1))
    path = tmp_path / "j"
    path.write_bytes(b"")
    tail = Tail()
    for at in range(0, len(data) + 7, 7):
        with path.open("ab") as file:
            file.write(data[at : at + 7])
        assert tail.follow(str(path))
    assert received(tail) == received(read(tmp_path / "k", data))
    assert len(received(tail)) == 3


def test_replaced_and_cut(tmp_path: Path) -> None:
    """A journal that was replaced, or cut, is read from its beginning."""
    one, two = a_record("/1"), a_record("/2")
    path = tmp_path / "j"
    tail = Tail()
    path.write_bytes(lines.encode(one, 1) * 3)
    assert tail.follow(str(path))
    (tmp_path / "new").write_bytes(lines.encode(two, 2))
    (tmp_path / "new").rename(path)
    assert tail.follow(str(path))
    assert set(tail.best) == {two.id}
    path.write_bytes(b"")
    assert tail.follow(str(path))
    assert not tail.best
    path.unlink()
    assert not tail.follow(str(path))


# -- what others may have planted ------------------------------------------------------------------------------------
def forged(**changes: Any) -> bytes:
    """Give a line with a good checksum around a record with these fields (``None`` takes one away)."""
    fields = json.loads(msgspec.json.encode(a_record(id="a" * 16)))
    spec = changes.pop("spec", {})
    fields["spec"].update(spec)
    fields.update(changes)
    return sealed(json.dumps({k: v for k, v in fields.items() if v is not None}).encode())


def sealed(record: bytes, op_id: str = "a" * 16, form: int = 1, epoch: int = 1) -> bytes:
    """Give a line with a good checksum around anything."""
    from crc32c import crc32c

    start = b'{"format":%d,"crc":"' % form
    rest = b'","seq":9,"id":"%b","epoch":%d,"record":%b}' % (op_id.encode(), epoch, record)
    return b"%b%08x%b\n" % (start, crc32c(rest, crc32c(start)), rest)


HOSTILE = {
    "deep": sealed(b'{"id":' * 9000),
    "deep lists": sealed(b"[" * 60_000 + b"]" * 1000),
    "deep and unknown": sealed(b'{"extra":%b,"id":"%b"}' % (b"[" * 30_000 + b"]" * 30_000, b"a" * 16)),
    "nan": sealed(b'{"created":NaN}'),
    "infinite": sealed(b'{"created":1e999}'),
    "digits": sealed(b'{"received":' + b"9" * 60_000 + b"}"),
    "huge number": forged(received=2**63),
    "negative": forged(size=-1),
    "text for a number": forged(received="1"),
    "no list": forged(story={"a": 1}),
    "null": sealed(b"null"),
    "array": sealed(b"[]"),
    "empty": sealed(b""),
    "half": sealed(b'{"id":"aaaa'),
    "not utf-8": sealed(b'{"id":"\xff\xfe"}'),
    "unknown phase": forged(phase="exploding"),
    "missing spec": sealed(b'{"id":"aaaaaaaaaaaaaaaa","epoch":1}'),
    "other id inside": forged(id="b" * 16),
    "other epoch inside": forged(epoch=7),
    "epoch zero": sealed(msgspec.json.encode(a_record(id="a" * 16, epoch=0)), epoch=0),
    "fresh in the future": forged(fresh_since=2),
    "relative destination": forged(spec={"destination": "x"}),
    "destination with NUL": forged(spec={"destination": "/a\0b"}),
    "a protocol nobody speaks": forged(spec={"url": "ldap://host/x"}),
    "a chain as source": forged(spec={"url": "simplecache::https://a/"}),
    "no protocol": forged(spec={"url": "/etc/passwd"}),
    "a class path": forged(spec={"url": "os.system:now"}),
    "a local file of checksums": forged(spec={"checksum_at": "file:///etc/passwd"}),
    "named into another folder": forged(named="/etc/passwd"),
    "named with a NUL": forged(named="/data/a\0b"),
    "unproven in the future": forged(unproven=1),
    "unproven below zero": forged(unproven=-1),
    "connections below zero": forged(spec={"connections": -1}),
    "handed to a path": forged(handed_to="../../x"),
    "long": sealed(b'"' + b"x" * MAX_LINE + b'"'),
    "very long": b"x" * 5_000_000 + b"\n",
    "marks": b'{"format":' * 50_000 + b"\n",
    "zeros": bytes(100_000),
    "newlines": b"\n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_lines(name: str, tmp_path: Path) -> None:
    """Nothing that stands in a journal raises, is shown, or hides another operation; nothing is imported for it."""
    modules = set(sys.modules)
    good = a_record()
    tail = read(tmp_path / "j", HOSTILE[name] + lines.encode(good, 1) + HOSTILE[name])
    assert received(tail) == {good.id: 0}
    assert tail.done("/data/a.bin") is None
    assert set(sys.modules) == modules


@pytest.mark.parametrize("op_id", ["../../etc/x", "A" * 16, "a" * 7, "a" * 33, "a" * 16 + "/", "", "a" * 15 + "\n"])
def test_ids_that_are_none(op_id: str, tmp_path: Path) -> None:
    """An id that is not eight to thirty-two hexadecimal digits is no id, neither read nor written."""
    record = a_record(id=op_id)
    assert received(read(tmp_path / "j", sealed(msgspec.json.encode(record), op_id))) == {}
    with pytest.raises(InvalidRequest):
        lines.encode(record, 1)


@settings(max_examples=100)
@given(junk=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_record_under_a_good_checksum(junk: bytes) -> None:
    """Whatever stands where the record should be, decoding gives a record or None."""
    found = lines.stored(sealed(junk)[:-1])
    assert found is None or lines.decode(found[1]) is None


# -- other versions --------------------------------------------------------------------------------------------------
def test_a_newer_format_hides_what_is_older(tmp_path: Path) -> None:
    """An operation whose newest record is of another version is not shown; one gone further in ours is."""
    older, newer = a_record("/1"), a_record("/2", epoch=3)
    data = lines.encode(older, 1) + lines.encode(newer, 2)
    foreign = sealed(b'{"anything":[1,2]}', older.id, 2, 2) + sealed(b"null", newer.id, 2, 2)
    tail = read(tmp_path / "j", data + foreign)
    assert received(tail) == {newer.id: 0}
    assert tail.foreign == foreign.splitlines()


def test_a_damaged_newer_line_hides_nothing(tmp_path: Path) -> None:
    """A line whose format was flipped into a newer one hides nothing, and is not thrown away either."""
    record = a_record()
    line = lines.encode(record, 1)
    flipped = lines.encode(after(record, received=5), 2).replace(b'"format":1', b'"format":3')
    tail = read(tmp_path / "j", line + flipped)
    assert received(tail) == {record.id: 0}
    assert tail.foreign == [flipped[:-1]]


#: Lines as the first version wrote them, before records could say anything of connections, names and claims.
OLD = [
    (
        b'{"format":1,"crc":"e1c4f798","seq":1,"id":"0123456789abcdef","epoch":3,"record":{"id":"0123456789abcdef",'
        b'"epoch":3,"spec":{"kind":"download","url":"https://data.example/a.bin","destination":"/data/a.bin",'
        b'"identity":"https://data.example/a.bin","needs":["auth"],"headers":[["Accept","*/*"]],"references":'
        b'[["auth","env:TOKEN"]],"checksum":"sha256:0000000000000000000000000000000000000000000000000000000000000000",'
        b'"if_exists":"overwrite","recoverable":[403],"verify":false,"expect_size":100,"priority":1,"retry":'
        b'{"tries":20,"first":8,"base":0.5,"cap":60.0,"used":0},"notebook":"/n.ipynb","app":"lab"},"phase":"stalled",'
        b'"created":1700000000.0,"changed":1700000009.0,"fresh_since":2,"size":100,"validator":{"kind":"etag",'
        b'"value":"\\"v1\\"","strong":true},"received":40,"refetched":5,"restarts":1,"retries":2,"verified_by":'
        b'"validator","stall":"retry wait","due":1700000020.0,"fault":{"error":"NetworkError","message":"It broke.",'
        b'"remedy":"retry","status":10,"http_status":null,"retry_after":null,"hint":"Wait."},"before":{"size":9,'
        b'"mtime_ns":8,"ours":true,"validator":{"kind":"etag","value":"\\"v1\\"","strong":true},"integrity":"digest"},'
        b'"response":[["etag","\\"v1\\""]],"http_status":206,"final_url":"https://cdn.example/a.bin","story":'
        b'[[1700000000.0,"probed","one stream"]],"tied":true}}\n'
    ),
    (
        b'{"format":1,"crc":"5db494ff","seq":2,"id":"fedcba9876543210","epoch":1,"record":{"id":"fedcba9876543210",'
        b'"epoch":1,"spec":{"kind":"download","url":"https://data.example/b.bin","destination":"/data/b.bin",'
        b'"identity":"https://data.example/b.bin"},"phase":"done","created":1700000000.0,"changed":1700000001.0,'
        b'"size":7,"received":7,"seal":{"size":7,"device":1,"inode":2,"digest":"sha256:00","crc32c":null},'
        b'"published":{"path":"/data/b.bin","size":7,"mtime_ns":123,"integrity":"digest","atomic":false,'
        b'"revalidated":false}}}\n'
    ),
]


def test_what_the_first_version_wrote_is_read(tmp_path: Path) -> None:
    """A journal of the version before is read whole; what it does not say has its default; it can be gone on with."""
    tail = read(tmp_path / "j", b"".join(OLD))
    stalled, done = (tail.record(op_id) for op_id in ("0123456789abcdef", "fedcba9876543210"))
    assert stalled is not None
    assert done is not None
    assert (stalled.size, stalled.received, stalled.epoch, stalled.fresh_since) == (100, 40, 3, 2)
    assert (stalled.spec.references, stalled.spec.needs) == ((("auth", "env:TOKEN"),), ("auth",))
    assert (stalled.spec.connections, stalled.spec.naming, stalled.spec.believe) == (None, "url", True)
    assert (stalled.named, stalled.claims, stalled.unproven, stalled.refreshes) == ("", (), 0, 0)
    assert stalled.before is not None
    assert stalled.tied
    assert tail.done("/data/b.bin") == done
    again = Operation.load(stalled, 1.7e9 + 100)
    again.validate()
    assert again.phase is Phase.QUEUED
    assert again.record().spec == stalled.spec
    line = lines.encode(stalled, 1)
    assert lines.decode(lines.stored(line[:-1])[1]) == stalled  # type: ignore[index]


def test_fields_that_are_not_known_are_passed_over(tmp_path: Path) -> None:
    """A record may have fields of a later version, at every depth: what is known of it is read."""
    fields = json.loads(msgspec.json.encode(full("/data/a.bin")))
    record = msgspec.convert(fields, Record)
    for part in (fields, fields["spec"], fields["validator"], fields["fault"], fields["before"], fields["claims"][0]):
        part["later"] = {"deep": [1, 2, {"x": None}]}
    line = sealed(json.dumps(fields).encode(), record.id)
    assert read(tmp_path / "j", line).record(record.id) == record


# -- bounds ----------------------------------------------------------------------------------------------------------
def test_a_record_that_is_too_long_loses_what_is_for_showing(tmp_path: Path) -> None:
    """A record that would be too long for its line is stored without its response, then without its story."""
    story = tuple(Entry(1.0, "x" * 1000) for _ in range(16))
    record = a_record(story=story, response=(("x", "y" * 60_000),))
    found = read(tmp_path / "j", lines.encode(record, 1)).record(record.id)
    assert found == msgspec.structs.replace(record, response=())
    claimed = msgspec.structs.replace(record, claims=(Claim("server digest", "x" * MAX_LINE),))
    bare = msgspec.structs.replace(record, response=(), story=())
    assert read(tmp_path / "j", lines.encode(claimed, 1)).record(record.id) == bare
    much = msgspec.structs.replace(record, story=story * 5, response=())
    assert read(tmp_path / "j", lines.encode(much, 1)).record(record.id) == msgspec.structs.replace(much, story=())


def test_a_record_that_cannot_be_stored() -> None:
    """A record that is too long even so, or whose destination is not Unicode, is refused with its reason."""
    record = a_record("/" + "x" * MAX_LINE)
    with pytest.raises(InvalidRequest, match="64 KiB") as error:
        lines.encode(record, 1)
    assert error.value.op_id == record.id
    with pytest.raises(InvalidRequest, match="not Unicode"):
        lines.encode(a_record("/\udc80"), 1)
