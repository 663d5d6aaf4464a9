"""Rogue answers put together by the dice: the bytes given are right, or one of our errors is raised. Nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Validator, Want
from nbxfer.errors import TransferError
from nbxfer.sources.base import Stream
from nbxfer.sources.http import HttpSource
from nbxfer.wire.access import access
from tests.servers.reading import GO_ON
from tests.servers.rogue import Asked, Rogue, Wire

ROUNDS = 500
BATCH = 50
PATIENCE = Patience(connect=5, response=2)

Dice = random.Random


class Version:
    """One version of the file: what is true when its validator is shown."""

    def __init__(self, dice: Dice, number: int) -> None:
        self.data = dice.randbytes(dice.choice([0, 1, 100, 5_000, 70_000]))
        self.tag = f'"v{number}"'


class World:
    """What the server has, and in which ways it is wrong, for one round.

    It may be wrong in every way but one: it does not show other bytes under a tag in an answer without a fault.
    That nobody could notice without a digest.
    """

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.versions = [Version(dice, i) for i in range(2)]
        self.tagged = dice.random() < 0.8
        self.faults: list[Callable[[Answer], None]] = dice.sample(FAULTS, dice.choice([0, 1, 1, 2, 3]))
        self.flips = dice.random() < 0.3

    def serve(self, asked: Asked, wire: Wire) -> None:
        """Answer one request."""
        version = self.versions[asked.number % 2 if self.flips else 0]
        answer = Answer(self, version, asked)
        for fault in self.faults:
            if self.dice.random() < 0.7:
                fault(answer)
        answer.send(wire)


class Answer:
    """An answer that begins as the right one, and is then spoiled."""

    def __init__(self, world: World, version: Version, asked: Asked) -> None:
        self.dice, self.asked, self.truth = world.dice, asked, version.data
        data, span = version.data, asked.range
        self.span: list[int] | None
        tag = version.tag if world.tagged else None
        if asked.headers.get("if-match", tag) != tag and self.dice.random() < 0.7:  # some servers do not know it
            self.status, self.body, self.span = 412, b"", None
        elif span is not None and asked.headers.get("if-range", tag) == tag and span[0] < len(data):
            last = len(data) - 1 if span[1] is None else min(span[1], len(data) - 1)
            self.status, self.body = 206, data[span[0] : last + 1]
            self.span = [span[0], last, len(data)]
        else:
            self.status, self.body, self.span = 200, data, None
        self.lines = [f"ETag: {tag}"] if tag else []
        self.length: int | None = len(self.body)
        self.early, self.late = b"", b""
        self.chunked = self.reset = self.cut = False

    def send(self, wire: Wire) -> None:
        """Put it on the wire, unless it has become a lie that is told without a fault."""
        if self._smooth_lie():
            wire.send(b"HTTP/1.1 2")
            return wire.close()
        lines = [f"HTTP/1.1 {self.status} X", *self.lines]
        if self.span is not None:
            lines.append("Content-Range: bytes {}-{}/{}".format(*self.span))
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
            self.body = b"".join(
                b"%x\r\n%s\r\n" % (len(p), p) for p in (self.body[i : i + 999] for i in range(0, len(self.body), 999))
            )
            self.body += b"" if self.cut else b"0\r\n\r\n"
        elif self.length is not None:
            lines.append(f"Content-Length: {self.length}")
        wire.send(self.early + "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body + self.late)
        if self.reset:
            wire.reset()
        elif self.cut or (self.length is None and not self.chunked):
            wire.close()

    def _smooth_lie(self) -> bool:
        """Say whether bytes are shown that are not the version's, and nothing contradicts them."""
        if any(line.startswith("Content-Encoding") for line in self.lines):
            return False
        start, stop = 0, len(self.truth)
        if self.status == 206 and self.span is not None:
            start, stop = self.span[0], self.span[1] + 1
            if self.span[2] != len(self.truth) or (not self.chunked and self.length not in (None, stop - start)):
                return False
        shown, whole = self.body + self.late, True
        if self.chunked:
            shown, whole = self.body, not self.cut
        elif self.length is not None:
            shown, whole = shown[: self.length], len(shown) >= self.length
        if self.status == 206:
            shown = shown[: max(stop - start, 0)]
        true = self.truth[max(start, 0) : stop]
        return shown != true[: len(shown)] or (whole and len(shown) < len(true))


def _truncate(a: Answer) -> None:
    a.body, a.cut = a.body[: a.dice.randint(0, max(len(a.body) - 1, 0))], True


def _cut_or_reset(a: Answer) -> None:
    _truncate(a)
    a.reset = a.dice.random() < 0.5


def _surplus(a: Answer) -> None:
    a.late = a.dice.randbytes(a.dice.choice([1, 100, 20_000]))


def _wrong_length(a: Answer) -> None:
    if a.length is not None:
        a.length, a.cut = max(a.length + a.dice.choice([-1, 1, 1000]), 0), True


def _no_length(a: Answer) -> None:
    a.length = None
    a.lines = [line for line in a.lines if not line.startswith("Content-Length")]


def _chunks(a: Answer) -> None:
    a.chunked = True


def _two_lengths(a: Answer) -> None:
    if a.length is not None:
        a.lines.append(f"Content-Length: {a.length + 5}")


def _both_framings(a: Answer) -> None:
    a.chunked = True
    a.lines.append(f"Content-Length: {len(a.body)}")


def _wrong_span(a: Answer) -> None:
    if a.span is not None:
        a.span[a.dice.randrange(3)] += a.dice.choice([-1, 1, 1000, -1000])


def _no_span(a: Answer) -> None:
    a.span = None


def _another_tag(a: Answer) -> None:
    if a.status == 206:
        a.lines = [f'ETag: {a.dice.choice(["W/", ""])}"other"']


def _coded(a: Answer) -> None:
    a.lines.append("Content-Encoding: gzip")
    a.body = b"\x1f\x8b" + a.body
    a.length = len(a.body)


def _status(a: Answer) -> None:
    a.status = a.dice.choice([100, 102, 199, 201, 204, 206, 300, 302, 304, 401, 403, 404, 412, 416, 429, 500, 503, 999])
    a.lines += a.dice.choice([[], ["Retry-After: 5"], ["Location: /again"], ["Location: http://[::1"]])


def _multipart(a: Answer) -> None:
    if a.status == 206:
        a.lines.append("Content-Type: multipart/byteranges; boundary=x")


def _noise(a: Answer) -> None:
    a.early = a.dice.choice(
        [b"\r\n", b"\x00\xff", b"HTTP/1.1 103 X\r\n\r\n" * a.dice.choice([1, 50]), b"HTTP/0.9 hello\r\n"]
    )


def _odd_headers(a: Answer) -> None:
    a.lines += a.dice.choice(
        [["X: " + "y" * 100_000], ["Bad Header: x"], [": x"], ["Date: never"], ["Last-Modified: \xff"], ["X: \xe9"]]
    )


FAULTS: list[Callable[[Answer], None]] = [
    _truncate, _cut_or_reset, _surplus, _wrong_length, _no_length, _chunks, _two_lengths, _both_framings, _wrong_span,
    _no_span, _another_tag, _coded, _status, _multipart, _noise, _odd_headers,
]  # fmt: skip


def _want(dice: Dice, world: World) -> Want:
    known = world.versions[0]
    if dice.random() < 0.3 or not known.data:
        return Want()
    start = dice.randrange(len(known.data))
    pinned = Validator("etag", known.tag) if world.tagged else None
    kind = dice.random()
    if kind < 0.4:
        stop = dice.choice([None, start + 1, dice.randint(start + 1, len(known.data))])
        return Want(start, stop, pinned, len(known.data), part=True)
    if kind < 0.5:
        return Want(ranged=True)
    return Want(start=start, pinned=pinned, size=len(known.data), overlap=min(start, 10))


def _read(stream: Stream, dice: Dice) -> tuple[bytes, TransferError | None]:
    got = bytearray()
    try:
        while True:
            view = memoryview(bytearray(dice.choice([1000, 65536])))
            n = stream.read_into(view)
            if n == 0:
                return bytes(got), None
            got += view[: max(n, 0)]
    except TransferError as error:
        return bytes(got), error
    finally:
        stream.close()


def _check(want: Want, world: World, stream: Stream, got: bytes, error: TransferError | None) -> None:
    """Hold what was given against the only truth there is: the version whose tag was shown."""
    probe = stream.probe
    tag = probe.validator.value if probe.validator is not None else None
    # A tag that belongs to no version was made up: then any of them may be meant, but only one of them.
    truths = [v.data for v in world.versions if v.tag == tag] or [v.data for v in world.versions]
    if want.part:
        assert (stream.restarted, probe.start, tag) == (False, want.start, want.pinned and want.pinned.value)
        assert want.stop is None or len(got) <= want.stop - want.start
    if not stream.restarted:
        assert probe.start <= want.start
        if want.pinned is not None and tag is not None:
            assert tag == want.pinned.value
    else:
        assert probe.start == 0
    if error is None and stream.length_proven and probe.http_status == 200:
        assert any(got == truth[probe.start :] for truth in truths)
    elif stream.length_proven:
        assert any(truth[probe.start :].startswith(got) for truth in truths)


@pytest.mark.parametrize("batch", range(ROUNDS // BATCH))
def test_right_bytes_or_our_error(batch: int) -> None:
    """500 rounds of seeded mischief: right bytes or our error; bytes of two versions never, a wrong part never."""
    worlds: list[World] = []

    def script(asked: Asked, wire: Wire) -> None:
        worlds[-1].serve(asked, wire)

    with Rogue(script) as server:
        src = HttpSource(access(server.url()), PATIENCE)
        for seed in range(batch * BATCH, (batch + 1) * BATCH):
            dice = random.Random(seed)
            world = World(dice)
            worlds.append(world)
            server.asked.clear()
            want = _want(dice, world)
            try:
                stream = src.open(want, GO_ON)
            except TransferError:
                continue
            assert stream is not None, seed
            got, failed = _read(stream, dice)
            try:
                _check(want, world, stream, got, failed)
            except AssertionError as wrong:
                names = [fault.__name__ for fault in world.faults]
                raise AssertionError(f"seed {seed}: {names}, {want}, {stream.probe}, {failed!r}") from wrong
        src.close()
