"""SFTP over asyncssh: connections that several streams share, host keys checked, several reads under way at once.

All of it lives on fsspec's loop thread; who calls from a worker thread waits in slices (bridge.py). A connection stays
for a little while after its last stream, for the next file of the same host.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import threading
from collections import deque
from collections.abc import Callable
from concurrent import futures
from typing import Any, Final, NamedTuple

from nbxfer.core.url import safe_url
from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    CertificateRefused,
    InvalidRequest,
    NetworkError,
    SourceNotFound,
    TransferError,
    WebErrorStatus,
)
from nbxfer.wire.access import Access
from nbxfer.wire.bridge import Tick, awaited
from nbxfer.wire.credentials import Basic
from nbxfer.wire.fsread import a_folder, translated
from nbxfer.wire.lookup import user_and_password

#: Bytes of one read, and how many are under way at once for one stream.
PIECE: Final = 1 << 20
WINDOW: Final = 4
#: Seconds that a connection is kept when nobody uses it.
KEPT: Final = 20.0


class Facts(NamedTuple):
    """What a server says of a file: size (bytes) and time of change (Unix time)."""

    size: int | None
    mtime: float | None


def loop() -> asyncio.AbstractEventLoop:
    """Give the loop that all of this lives on."""
    from fsspec.asyn import get_loop

    found: asyncio.AbstractEventLoop = get_loop()
    return found


class Shared:
    """One connection to one host as one user. Only the loop's thread touches it."""

    def __init__(self, connection: Any, sftp: Any) -> None:
        self.connection, self.sftp = connection, sftp
        self.users = 0
        self.lost = False


_shared: dict[tuple[object, ...], Shared] = {}
_opening: dict[tuple[object, ...], asyncio.Lock] = {}


class Host:
    """The way to one server. Blocking; several threads may ask at once."""

    def __init__(self, access: Access) -> None:
        self._access, self.where = access, safe_url(access.url)
        rest = access.url.partition("://")[2]
        place, _, path = rest.partition("/")
        self._host, colon, port = place.rpartition("@")[2].partition(":")
        self._port = int(port) if colon and port.isdigit() else 22
        self.path = path.removeprefix("~/") if path.startswith("~/") else f"/{path}"
        self._used: Shared | None = None
        self._lock = threading.Lock()

    def facts(self, tick: Tick) -> Facts:
        """Give what the file is now. Raises TransferError."""
        found: Facts = self._ask(self._facts(), tick)
        return found

    def open(self, tick: Tick) -> Any:
        """Give an open handle."""
        return self._ask(self._open(), tick)

    def pieces(self, handle: Any, start: int, stop: int | None) -> Pieces:
        """Give what reads a handle from ``start`` to ``stop``."""
        return Pieces(handle, start, stop, self._translated)

    def ask(self, make: Callable[[Any], Any], tick: Tick) -> Any:
        """Give what the coroutine gives that ``make`` gives of an SFTP client. Raises TransferError."""

        async def made() -> Any:
            return await make(await self._sftp())

        return self._ask(made(), tick)

    def _ask(self, coroutine: Any, tick: Tick) -> Any:
        return awaited(self._told(coroutine), loop(), tick)

    async def _told(self, coroutine: Any) -> Any:
        try:
            return await coroutine
        except TransferError:
            raise
        except Exception as error:  # noqa: BLE001 (asyncssh raises many kinds)
            raise self._translated(error) from None

    def doubt(self) -> None:
        """Take note that the connection does not answer: nobody else is to wait for it."""
        with self._lock:
            if self._used is not None:
                self._used.lost = True

    def let_go(self) -> None:
        """Have the connection closed soon, unless somebody else uses it."""
        with self._lock:
            used, self._used = self._used, None
        if used is not None:
            loop().call_soon_threadsafe(_left, used)

    # -- on the loop -------------------------------------------------------------------------------------------------
    async def _facts(self) -> Facts:
        attrs = await (await self._sftp()).stat(self.path)
        if attrs.permissions is not None and stat.S_ISDIR(attrs.permissions):
            raise a_folder(self.where)
        fine = (getattr(attrs, "mtime_ns", None) or 0) / 1e9
        return Facts(attrs.size, attrs.mtime + fine if attrs.mtime is not None else None)

    async def _open(self) -> Any:
        return await (await self._sftp()).open(self.path, "rb", block_size=PIECE)

    async def _sftp(self) -> Any:
        if self._used is not None and not self._used.lost and not self._used.connection.is_closed():
            return self._used.sftp
        options = self._options()
        key = (os.getpid(), self._host, self._port, repr(sorted(options.items(), key=lambda pair: pair[0])))
        async with _opening.setdefault(key, asyncio.Lock()):
            found = _shared.get(key)
            if found is None or found.lost or found.connection.is_closed():
                found = _shared[key] = await _connected(self._host, self._port, options)
        found.users += 1
        with self._lock:
            self._used = found
        return found.sftp

    def _options(self) -> dict[str, Any]:
        given = dict(self._access.storage.resolved()) if self._access.storage is not None else {}
        for name in ("host", "port", "use_listings_cache", "timeout"):
            given.pop(name, None)
        credential = self._access.credential
        if isinstance(credential, Basic):
            user, password = user_and_password(credential)
            given.update({"username": user} if user else {}, **({"password": password} if password else {}))
        elif credential is not None:
            raise InvalidRequest("auth= is no user and password.", hint="Give ('user', 'password'), or keys by agent.")
        return given

    def _translated(self, error: Exception) -> TransferError:
        return of_ssh(error, self.where)


async def _connected(host: str, port: int, options: dict[str, Any]) -> Shared:
    import asyncssh

    more = {"connect_timeout": 60, "keepalive_interval": 15, **options}
    connection = await asyncssh.connect(host, port, **more)
    try:
        return Shared(connection, await connection.start_sftp_client())
    except BaseException:
        connection.close()
        raise


def _left(used: Shared) -> None:
    used.users -= 1
    if not used.users:
        loop().call_later(KEPT, _close, used)


def _close(used: Shared) -> None:
    if not used.users:
        used.lost = True
        used.connection.close()


def close_idle() -> None:
    """Close the connections that nobody uses, and wait for that a little. Never raises."""
    if not _shared:
        return

    async def close() -> None:
        for key, used in list(_shared.items()):
            if not used.users:
                used.lost = True
                _shared.pop(key, None)
                used.connection.close()
                await asyncio.wait_for(used.connection.wait_closed(), 2)

    with contextlib.suppress(Exception):
        asyncio.run_coroutine_threadsafe(close(), loop()).result(3)


class Pieces:
    """A file read ahead: WINDOW reads under way, given in order. One reader."""

    def __init__(
        self, handle: Any, start: int, stop: int | None, translate: Callable[[Exception], TransferError]
    ) -> None:
        self._handle, self._next, self._stop, self._translate = handle, start, stop, translate
        self._asked: deque[tuple[int, futures.Future[bytes]]] = deque()
        self._begun = memoryview(b"")
        self._end = False

    def read_into(self, buffer: memoryview) -> int:
        """Give the number of bytes that are in ``buffer`` now; 0 at the end, -1 where none came in 0.1 s."""
        if not self._begun and not self._fill():
            return 0 if self._end else -1
        got = min(len(buffer), len(self._begun))
        buffer[:got] = self._begun[:got]
        self._begun = self._begun[got:]
        return got

    def _fill(self) -> bool:
        while len(self._asked) < WINDOW and not self._end and (self._stop is None or self._next < self._stop):
            size = PIECE if self._stop is None else min(PIECE, self._stop - self._next)
            read = asyncio.run_coroutine_threadsafe(self._handle.read(size, self._next), loop())
            self._asked.append((size, read))
            self._next += size
        if not self._asked:
            self._end = True
            return False
        size, read = self._asked[0]
        if not futures.wait([read], 0.1).done:
            return False
        self._asked.popleft()
        try:
            piece = read.result()
        except Exception as error:  # noqa: BLE001 (asyncssh raises many kinds)
            raise self._translate(error) from None
        if len(piece) > size:
            raise BadAnswer("The server gave more bytes than it was asked for.")
        if len(piece) < size:  # its end: what was asked for behind it has nothing
            self._end = True
            self._forget()
        self._begun = memoryview(piece)
        return bool(piece)

    def _forget(self) -> None:
        for _, read in self._asked:
            read.cancel()
        self._asked.clear()

    def close(self) -> None:
        """Let the handle go. Never raises, and waits for nobody."""
        self._forget()
        asyncio.run_coroutine_threadsafe(_closed(self._handle), loop())


async def _closed(handle: Any) -> None:
    try:
        await asyncio.wait_for(handle.close(), 10)
    except Exception:  # noqa: BLE001 (it was only read; the connection may be gone)
        return


def of_ssh(error: Exception, where: str) -> TransferError:
    """Give our error for one of asyncssh's; its texts are not repeated."""
    import asyncssh

    if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath):
        return SourceNotFound(f"There is no {where}.", hint="Check the URL.")
    if isinstance(error, asyncssh.SFTPPermissionDenied):
        return AccessDenied(f"{where} may not be read.", hint="Log in as somebody who may.")
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return CertificateRefused(
            f"The host key of {where} is not known here, or is another one than it was.",
            status=WebErrorStatus.CERTIFICATE_IS_INVALID,
            hint="Add it to ~/.ssh/known_hosts, or give storage_options={'known_hosts': 'path of a file that has it'}.",
        )
    if isinstance(error, asyncssh.PermissionDenied):
        return AccessDenied(f"{where}: the log-in was refused.", hint="Give auth=('user', 'password'), or a key.")
    if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection | asyncssh.DisconnectError):
        return NetworkError(f"The connection to {where} broke.", status=WebErrorStatus.CONNECTION_ABORTED)
    if isinstance(error, asyncssh.SFTPError):
        return BadAnswer(f"{where} cannot be read ({type(error).__name__}).", hint="Check the URL.")
    return translated(error, where)
