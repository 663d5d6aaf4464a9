"""One non-blocking socket, plain or TLS: it waits in slices, so that whoever waits can be told to come home."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, cast

from nbxfer.errors import TransferTimeout
from nbxfer.wire.nested import Nested

#: The longest that anything here waits before it calls ``tick`` again (seconds).
POLL: Final = 0.1

#: Called between two slices of waiting; comes home by raising.
Tick = Callable[[], None]


def ready(sock: socket.socket | Nested, *, write: bool = False, seconds: float = 0.0) -> bool:
    """Say whether ``sock`` can be read (or written) within ``seconds``; true for a closed or broken one as well."""
    if not hasattr(select, "poll"):  # Windows
        readers, writers = ([], [sock]) if write else ([sock], [])
        return any(select.select(readers, writers, [sock], seconds))
    watch = select.poll()
    watch.register(sock, select.POLLOUT if write else select.POLLIN)
    return bool(watch.poll(seconds * 1000))


class Line:
    """A connected socket. Errors leave as they are; the callers in this room translate them.

    ``heard`` says whether a byte has come since it was last set to False; ``public`` whether the other side has an
    address that the whole internet can reach. ``session`` is what a protocol keeps between two requests. ``asked`` is a
    request that has been sent over it and that nobody has read the whole answer to; ``come`` what has come of that.
    """

    def __init__(self, sock: socket.socket | Nested, *, public: bool) -> None:
        self.sock = sock
        self.session: Any = None
        self.asked = b""
        self.come = b""
        self._broken: OSError | None = None  # a reset shows itself once only, and looks like an end after that
        self._wants_write = False  # TLS may have to write before it can read, and the other way round
        self.public = public
        self.heard = False

    def take(self, view: memoryview) -> int:
        """Give the bytes that are there already: their number, 0 at the end, -1 when there are none yet."""
        if self.come:
            got = min(len(self.come), len(view))
            view[:got], self.come = self.come[:got], self.come[got:]
            self.heard = True
            return got
        if self._broken is not None:
            raise self._broken
        try:
            got = self.sock.recv_into(view)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._wants_write = False
            return -1
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return -1
        self.heard = self.heard or got > 0
        return got

    def fill(self, view: memoryview) -> int:
        """Wait at most ``POLL`` for bytes, then take what there is, as long as there is room; like ``take``.

        Over TLS one read gives one record of 16 KiB at most: hence the loop.
        """
        got = self.take(view)
        if got < 0:
            ready(self.sock, write=self._wants_write, seconds=POLL)
            got = self.take(view)
        if got <= 0:
            return got
        filled, room = got, len(view)
        # One record after the other, by the shortest way: there are 65,000 in a gigabyte.
        read = self.sock.read if isinstance(self.sock, ssl.SSLSocket) else None
        try:
            while filled < room:
                rest = view[filled:]
                got = self.sock.recv_into(rest) if read is None else cast("int", read(room, rest))
                if got <= 0:  # an end shows itself again at the next call
                    break
                filled += got
        except (BlockingIOError, ssl.SSLWantReadError):
            self._wants_write = False
        except ssl.SSLWantWriteError:
            self._wants_write = True
        except OSError as error:  # what came before it counts: many servers end TLS without goodbye
            self._broken = error
        return filled

    def send(self, data: bytes, deadline: float, tick: Tick) -> None:
        """Send all of ``data``; raise TransferTimeout when that is not done by ``deadline`` (monotonic)."""
        view = memoryview(data)
        while view:
            tick()
            try:
                view = view[self.sock.send(view) :]
                continue
            except (BlockingIOError, ssl.SSLWantWriteError):
                write = True
            except ssl.SSLWantReadError:
                write = False
            in_time(deadline, "The server did not take the request in time.")
            ready(self.sock, write=write, seconds=POLL)

    def offer(self, data: memoryview) -> int:
        """Send what there is room for at this moment; give how many bytes of ``data`` that was."""
        try:
            return self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0

    @property
    def speaks_h2(self) -> bool:
        """Whether the server has chosen HTTP/2 (RFC 9113 §3.2)."""
        return isinstance(self.sock, ssl.SSLSocket | Nested) and self.sock.selected_alpn_protocol() == "h2"

    @property
    def fileno(self) -> int:
        """The descriptor to wait for; -1 where it is closed."""
        return self.sock.fileno()

    def quiet(self) -> bool:
        """Say whether another request may go over it: still open, and nothing has come that nobody asked for."""
        if self._broken is not None or self.asked or self.come:
            return False
        try:
            # A TLS socket may have session tickets to read, which are no bytes of a body.
            return self.take(memoryview(bytearray(1))) < 0
        except OSError:
            return False

    def close(self) -> None:
        """Close at once. Never raises."""
        try:
            self.sock.close()
        except OSError:  # a reset that had not been seen yet
            return


def in_time(deadline: float, sentence: str) -> None:
    """Raise TransferTimeout with ``sentence`` when ``deadline`` (monotonic) is over."""
    if time.monotonic() >= deadline:
        raise TransferTimeout(sentence)
