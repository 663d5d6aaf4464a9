"""TLS inside TLS: what is needed to talk privately to a server through a proxy that is itself reached by TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final, TypeVar, cast

T = TypeVar("T")

#: Bytes of the outer stream that are read at once: one record of TLS, and its frame.
_RECORD: Final = 17 * 1024


class Nested:
    """The inner of two TLS connections; to a Line it looks like a socket that does not block.

    Raises SSLWantReadError and SSLWantWriteError for what the *outer* one waits for, and else as ssl.SSLSocket does.
    """

    def __init__(self, outer: ssl.SSLSocket | Nested, trust: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trust.wrap_bio(self._in, self._out, server_hostname=host)
        self._unsent = memoryview(b"")
        self._room = memoryview(bytearray(_RECORD))

    def fileno(self) -> int:
        """Give the descriptor to wait for."""
        return self._outer.fileno()

    def selected_alpn_protocol(self) -> str | None:
        """Give the protocol that the server has chosen (RFC 7301)."""
        return self._tls.selected_alpn_protocol()

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        self._run(self._tls.do_handshake)

    def recv_into(self, view: memoryview) -> int:
        """Give how many bytes are in ``view`` now; 0 at the end that the server announced."""
        return self._run(lambda: cast("int", self._tls.read(len(view), view)))  # with a buffer it gives their number

    def send(self, data: memoryview) -> int:
        """Take some of ``data``; give how many bytes."""
        self._flush()  # first: what was taken before has to go out before more is taken
        return self._run(lambda: self._tls.write(data))

    def close(self) -> None:
        """Close both."""
        self._outer.close()

    def _run(self, call: Callable[[], T]) -> T:
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                self._flush()
                got = self._outer.recv_into(self._room)
                if got:
                    self._in.write(self._room[:got])
                else:
                    self._in.write_eof()
                continue
            self._try_flush()
            return result

    def _flush(self) -> None:
        """Hand on what the inner one has to say. Raises SSLWantWriteError while there is no room."""
        while self._unsent or self._out.pending:
            if not self._unsent:
                self._unsent = memoryview(self._out.read())
            self._unsent = self._unsent[self._outer.send(self._unsent) :]

    def _try_flush(self) -> None:
        try:
            self._flush()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return  # with the next call
