"""The body of an answer that was judged: it ends where it was said to. Movers read by it too, so no httpx here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from nbxfer.core.probe import Probe
from nbxfer.errors import NetworkError, WebErrorStatus
from nbxfer.sources.base import Stopped
from nbxfer.sources.question import Take
from nbxfer.wire.prepared import Prepared


class Answered(Protocol):
    """An answer with its body, not yet read: wire.client.Answer, wire.prepared.Reply."""

    safe_url: str

    @property
    def proven(self) -> bool:
        """Whether the body's end is announced."""
        ...

    def read_into(self, view: memoryview) -> int:
        """See wire.body.Body. Raises TransferError."""
        ...

    def prepared(self) -> Prepared | None:
        """Give the request as values."""
        ...

    def close(self) -> None:
        """Let the line go. Never raises."""
        ...


class HttpStream:
    """An open body. One reader; ``close`` may come from another thread. ``begun`` has been read of it already."""

    def __init__(self, answer: Answered, take: Take, tick: Callable[[], None], begun: bytes = b"") -> None:
        self.probe: Probe = take.probe
        self.restarted: bool = take.restarted
        self._answer, self._tick = answer, tick
        self._left = take.length
        self._begun = memoryview(begun)
        self._proven = answer.proven or take.length is not None
        # A reader may be waiting in the socket: closing its descriptor under it could hand it another line's bytes.
        self._lock = threading.Lock()
        self._closed = False

    @property
    def length_proven(self) -> bool:
        """See Stream."""
        return self._proven

    def read_into(self, buffer: memoryview) -> int:
        """See Stream. Raises Stopped once it is closed, too."""
        with self._lock:
            self._tick()
            if self._closed:
                raise Stopped
            if not buffer:  # no room is no end
                return -1
            if self._left is None:
                return self._next(buffer)
            if not self._left:
                return 0
            got = self._next(buffer[: self._left])
            if not got:
                raise NetworkError(
                    f"{self._where} ended {self._left} bytes early.", status=WebErrorStatus.CONNECTION_ABORTED
                )
            self._left -= max(got, 0)
            return got

    def _next(self, buffer: memoryview) -> int:
        if not self._begun:
            return self._answer.read_into(buffer)
        got = min(len(buffer), len(self._begun))
        buffer[:got] = self._begun[:got]
        self._begun = self._begun[got:]
        return got

    @property
    def _where(self) -> str:
        return f"The body from {self._answer.safe_url}"

    def prepared(self) -> Prepared | None:
        """Give the request that this is the answer to, as values; None where it cannot be told so."""
        return self._answer.prepared()

    def close(self) -> None:
        """See Stream. Waits for a reader to come out, which takes it 0.1 s at most."""
        with self._lock:
            self._closed = True
            self._answer.close()

    def __repr__(self) -> str:
        return f"<HttpStream of {self._answer.safe_url} from byte {self.probe.start}>"
