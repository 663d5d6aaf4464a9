"""The pipe between kernel and mover: frames of msgpack, and descriptors beside them."""

from __future__ import annotations

import os
import select
import socket
import struct
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from nbxfer.engine import mover_words as words
from nbxfer.engine import platform

_LENGTH: Final = struct.Struct("<I")
#: The longest frame (bytes): the ranges of a part with 100,000 holes, and a head of 64 KiB.
LONGEST: Final = 8 * 1024 * 1024


class Channel:
    """One end of the pipe between kernel and mover. Sending and receiving are each for one thread at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setblocking(False)
        self._unread = bytearray()
        self._unsent: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._descriptors: deque[int] = deque()

    def put(self, message: words.Words, descriptors: Sequence[int] = ()) -> None:
        """Send a message, or keep it until there is room (``flush``); ``descriptors`` are closed when sent.

        Raises OSError where nobody is there.
        """
        data = words.encode(message)
        self._unsent.append((_LENGTH.pack(len(data)) + data, tuple(descriptors)))
        self.flush()

    def flush(self) -> bool:
        """Send what is kept; say whether nothing is left."""
        while self._unsent:
            data, descriptors = self._unsent[0]
            try:
                sent = platform.send(self.sock, data, descriptors)
            except BlockingIOError:
                return False
            for descriptor in descriptors:
                os.close(descriptor)
            if sent < len(data):
                self._unsent[0] = (data[sent:], ())
            else:
                self._unsent.popleft()
        return True

    def take(self) -> tuple[list[words.Words], bool]:
        """Give what has come, and whether the other side is still there. Never waits. Raises OSError, ValueError."""
        there = True
        while True:
            try:
                data, descriptors = platform.receive(self.sock, 65536)
            except BlockingIOError:
                break
            self._descriptors.extend(descriptors)
            if not data:
                there = False
                break
            self._unread += data
        return list(self._frames()), there

    def _frames(self) -> Iterable[words.Words]:
        while len(self._unread) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._unread)
            if length > LONGEST:
                raise ValueError("a frame is longer than any can be")
            if len(self._unread) < _LENGTH.size + length:
                return
            frame = bytes(self._unread[_LENGTH.size : _LENGTH.size + length])
            del self._unread[: _LENGTH.size + length]
            yield words.decode(frame)

    def descriptor(self) -> int:
        """Give the next descriptor that came; who takes it closes it."""
        return self._descriptors.popleft()

    def wait(self, seconds: float, *others: int) -> None:
        """Wait until something has come, here or at ``others``, or what is kept can be sent."""
        watch = select.poll()
        watch.register(self.sock, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        for other in others:
            watch.register(other, select.POLLIN)
        watch.poll(seconds * 1000)

    def close(self) -> None:
        """Close, with what came and nobody took. Never raises."""
        for descriptor in (*self._descriptors, *(fd for _, fds in self._unsent for fd in fds)):
            os.close(descriptor)
        self._descriptors.clear()
        self._unsent.clear()
        self.sock.close()
