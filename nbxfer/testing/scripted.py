"""A source that plays a script: what it has, what each question meets, when it breaks, stalls or becomes another."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterable

import msgspec

from nbxfer.core.names import safe_name
from nbxfer.core.probe import Claim, Probe, Validator, Want, same_version
from nbxfer.errors import BadAnswer, NetworkError, RangesRefused, SourceChanged, TransferError, WebErrorStatus
from nbxfer.sources.base import Stop, Stopped


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one question meets; what is not said here is honest.

    ``raises``: this instead of an answer. ``data``: from now on the source is this version. ``gone``: when the pinned
    version is not there any more, no body comes either (as with 412). ``whole``: the range is ignored. ``early``: the
    body begins so many bytes before what was asked. ``cut``: the connection breaks after so many bytes of the body.
    ``stall``: after so many bytes nothing more comes, until ``release``. ``silent``: no answer, until ``release``.
    """

    raises: TransferError | None = None
    data: bytes | None = None
    gone: bool = False
    whole: bool = False
    early: int = 0
    cut: int | None = None
    stall: int | None = None
    silent: bool = False


HONEST = Answer()


class ScriptedSource:
    """``data`` behind the answers of ``script``, one for each ``open``; after the last one all is honest.

    ``validator``: "strong", "weak" or "" (none). ``length``: "known", "chunked" (the end is told when it comes) or
    "closed" (it ends when the connection does). ``piece``: at most so many bytes a read. ``sleep`` is how it waits
    while nothing comes. ``name``, ``claims`` and ``modified`` are what it says of the file. What was asked is in
    ``wants``; ``given`` counts bytes, ``streams`` those that are open.
    """

    def __init__(
        self,
        data: bytes,
        script: Iterable[Answer | TransferError] = (),
        *,
        validator: str = "strong",
        ranges: bool = True,
        length: str = "known",
        piece: int = 64 * 1024,
        sleep: Callable[[float], None] = time.sleep,
        name: str = "",
        claims: tuple[Claim, ...] = (),
        modified: float | None = None,
    ) -> None:
        self.data = data
        self.script = [a if isinstance(a, Answer) else Answer(raises=a) for a in script]
        self.kind, self.ranges, self.length, self.piece, self.sleep = validator, ranges, length, piece, sleep
        self.name, self.claims, self.modified = name, claims, modified
        self.wants: list[Want] = []
        self.given = 0
        self.streams = 0
        self.closed = False
        self._released = threading.Event()
        self._lock = threading.Lock()

    @property
    def validator(self) -> Validator | None:
        """What names the version that is served now."""
        if not self.kind:
            return None
        tag = f'"{zlib.crc32(self.data):08x}-{len(self.data)}"'
        return Validator("etag", tag if self.kind == "strong" else f"W/{tag}", strong=self.kind == "strong")

    def release(self) -> None:
        """Let everything that is stalled or silent go on."""
        self._released.set()

    def wait(self, stop: Stop) -> bool:
        """Wait a moment for ``release``; say whether it came. Raises Stopped."""
        if stop.is_set():
            raise Stopped
        if not self._released.is_set():
            self.sleep(0.02)
        return self._released.is_set()

    def open(self, want: Want, stop: Stop) -> ScriptedStream | None:
        """Answer as the script says."""
        with self._lock:
            self.wants.append(want)
            answer = self.script.pop(0) if self.script else HONEST
            if answer.data is not None:
                self.data = answer.data
        if stop.is_set():
            raise Stopped
        while answer.silent and not self.wait(stop):
            pass
        if answer.raises is not None:
            raise answer.raises
        return self._answer(want, stop, answer)

    def _answer(self, want: Want, stop: Stop, answer: Answer) -> ScriptedStream | None:
        data, validator = self.data, self.validator
        if want.unless is not None and want.unless == validator:
            return None
        size = len(data) if self.length == "known" else None
        other = same_version(want.pinned, validator) is False
        other = other or (want.size is not None and want.size != len(data))
        if other and (answer.gone or want.part):
            raise SourceChanged("The source is not the version that was begun.")
        start, stop_at = want.start, len(data) if want.stop is None else min(want.stop, len(data))
        whole = answer.whole or not self.ranges or start > stop_at
        if want.part or want.ranged:
            self._must_give_ranges(want, whole=whole)
        if other or whole:
            start, stop_at = 0, len(data)
        start = start if want.part else max(0, start - answer.early)
        claims = self.claims if (start, stop_at) == (0, len(data)) else ()
        probe = Probe(
            size, validator, self.ranges, start, 206 if start else 200, "scripted://source/data",
            name=safe_name(self.name), claims=claims, modified=self.modified,
        )  # fmt: skip
        return ScriptedStream(self, probe, restarted=other, body=data[start:stop_at], answer=answer, stop=stop)

    def _must_give_ranges(self, want: Want, *, whole: bool) -> None:
        """Refuse where no range is given, or nothing ties one to the version."""
        if want.part:
            if whole or want.pinned is None or not want.pinned.strong or self.kind != "strong":
                raise RangesRefused("The source gives no parts.")
        elif want.pinned is None and want.size is None:
            if self.length != "known":
                lack = WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT
                raise BadAnswer("The source does not say how long it is.", status=lack)
            if whole and self.data:
                raise BadAnswer("The source gives no ranges.", status=WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT)

    def count(self, *, given: int = 0, streams: int = 0) -> None:
        """Take note of bytes that were given, and of streams opened and closed."""
        with self._lock:
            self.given += given
            self.streams += streams

    def close(self) -> None:
        """Let go."""
        self.closed = True


class ScriptedStream:
    """One body of a scripted source."""

    def __init__(
        self, source: ScriptedSource, probe: Probe, *, restarted: bool, body: bytes, answer: Answer, stop: Stop
    ) -> None:
        self.probe, self.restarted = probe, restarted
        self._source, self._body, self._answer, self._stop = source, body, answer, stop
        self._at = 0
        self._open = True
        source.count(streams=1)

    @property
    def length_proven(self) -> bool:
        """Whether the end was announced."""
        return self._source.length != "closed"

    def read_into(self, buffer: memoryview) -> int:
        """Fill some of ``buffer``, as the script says."""
        assert self._open, "read after close"
        if self._stop.is_set():
            raise Stopped
        stall, cut = self._answer.stall, self._answer.cut
        end = min(len(self._body) if n is None else n for n in (stall, cut, len(self._body)))
        if stall is not None and self._at >= stall:
            if not self._source.wait(self._stop):
                return -1
            end = len(self._body) if cut is None else min(cut, len(self._body))
        got = min(len(buffer), self._source.piece, max(0, end - self._at))
        if got == 0 and cut is not None and cut < len(self._body):
            raise NetworkError("The connection broke.")
        buffer[:got] = self._body[self._at : self._at + got]
        self._at += got
        self._source.count(given=got)
        return got

    def close(self) -> None:
        """Let the connection go."""
        if self._open:
            self._open = False
            self._source.count(streams=-1)
