"""FTP (RFC 959, RFC 3659): one control connection a body, passive mode, a body from any byte on.

A body that is left in the middle is left by closing the data connection and reading the *one* reply that follows (426
or 226). ABOR is never sent: some servers answer it twice, and ProFTPD not at all.
"""

from __future__ import annotations

import contextlib
import ftplib
import socket
import ssl
import threading
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from nbxfer.core.url import safe_url
from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    InvalidRequest,
    NetworkError,
    ServerBusy,
    SourceNotFound,
    TransferError,
)
from nbxfer.wire.access import Access
from nbxfer.wire.bridge import Tick, crew
from nbxfer.wire.credentials import Basic
from nbxfer.wire.fsread import a_folder, translated
from nbxfer.wire.lookup import user_and_password
from nbxfer.wire.tls import context

#: Seconds that the control connection may be silent, and that a body is waited for at once.
TIMEOUT: Final = 60.0
SLICE: Final = 0.1
#: Control connections that one source has at most, and keeps.
MOST: Final = 16


class Facts(NamedTuple):
    """What a server says of a file: size (bytes) and time of change (Unix time)."""

    size: int | None
    mtime: float | None


class Server:
    """The way to one file on one server. Blocking; several threads may ask at once."""

    def __init__(self, access: Access) -> None:
        self._access, self.where = access, safe_url(access.url)
        scheme, _, rest = access.url.partition("://")
        place, _, self.path = rest.partition("/")
        self._host, colon, port = place.rpartition("@")[2].partition(":")
        self._port = int(port) if colon and port.isdigit() else 21
        self._tls = scheme.lower() == "ftps"
        self._idle: list[ftplib.FTP] = []
        self._lock = threading.Lock()
        self._closed = False

    def call(self, make: Any, tick: Tick, late: Any = None) -> Any:
        """Give what ``make`` gives; it may block, and is waited for in slices. Raises TransferError."""

        def made() -> Any:
            try:
                return make()
            except TransferError:
                raise
            except Exception as error:  # noqa: BLE001 (ftplib raises many kinds)
                raise self.translated(error) from None

        return crew("ftp", 64).call(made, tick, late)

    def line(self) -> ftplib.FTP:
        """Give a control connection that is logged in, a kept one where there is one that still answers."""
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            if kept is None:
                return self._connected()
            try:
                kept.voidcmd("NOOP")
            except (OSError, EOFError, ftplib.Error):
                _hang_up(kept)
            else:
                return kept

    def _connected(self) -> ftplib.FTP:
        options = self._access.storage.resolved() if self._access.storage is not None else {}
        credential = self._access.credential
        user, password = str(options.get("username") or ""), str(options.get("password") or "")
        if isinstance(credential, Basic):
            user, password = user_and_password(credential)
        elif credential is not None:
            raise InvalidRequest("auth= is no user and password.", hint="Give ('user', 'password').")
        encoding = str(options.get("encoding") or "utf-8")
        tls = self._tls or bool(options.get("tls"))
        line = self._line(encoding, tls=tls)
        try:
            line.connect(self._host, self._port, timeout=TIMEOUT)
            line.login(user or "anonymous", password or ("" if user else "anonymous@"))
            if isinstance(line, ftplib.FTP_TLS):
                line.prot_p()
            line.voidcmd("TYPE I")
        except BaseException:
            _hang_up(line)
            raise
        return line

    def _line(self, encoding: str, *, tls: bool) -> ftplib.FTP:
        if not tls:
            return ftplib.FTP(encoding=encoding)  # noqa: S321 (it is what the person asked for)
        trust = context(self._access.verify, trust_env=self._access.trust_env)
        return ftplib.FTP_TLS(context=trust, encoding=encoding)  # noqa: S321 (its control and its bodies are enciphered)

    def give_back(self, line: ftplib.FTP) -> None:
        """Keep a control connection that nothing is under way on."""
        with self._lock:
            if not self._closed and len(self._idle) < MOST:
                self._idle.append(line)
                return
        _hang_up(line)

    def facts(self, line: ftplib.FTP) -> Facts:
        """Give what the file is now. Raises SourceNotFound, InvalidRequest for a folder."""
        try:
            size = line.size(self.path)
        except ftplib.error_perm as error:
            if not str(error).startswith("550"):
                size = None  # it does not know SIZE
            elif self._is_folder(line):
                raise a_folder(self.where) from None
            else:
                raise SourceNotFound(
                    f"There is no {self.where}, or it may not be read.", hint="Check the URL."
                ) from None
        return Facts(size, self._mtime(line))

    def _is_folder(self, line: ftplib.FTP) -> bool:
        try:
            before = line.pwd()
            line.cwd(self.path)
            line.cwd(before)
        except ftplib.error_perm:
            return False
        return True

    def _mtime(self, line: ftplib.FTP) -> float | None:
        try:
            said = line.voidcmd(f"MDTM {self.path}").partition(" ")[2].strip()
            return datetime.strptime(said[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
        except (ftplib.error_perm, ValueError):
            return None

    def restarts(self, line: ftplib.FTP) -> bool:
        """Say whether the server can begin a body elsewhere than at its first byte (REST)."""
        try:
            line.sendcmd("REST 1")
            line.sendcmd("REST 0")
        except ftplib.error_perm:
            return False
        return True

    def body(self, line: ftplib.FTP, start: int) -> tuple[socket.socket, bool]:
        """Open the body from ``start``; say also whether it begins there (else at byte 0: no REST is known)."""
        try:
            return line.transfercmd(f"RETR {self.path}", start or None), True
        except ftplib.error_perm as error:
            if not start or not str(error).startswith(("500", "501", "502", "504")):
                raise
            return line.transfercmd(f"RETR {self.path}"), False

    def translated(self, error: Exception) -> TransferError:
        """Give our error for one of ftplib's; the server's words are not repeated."""
        code = str(error)[:3] if isinstance(error, ftplib.Error) else ""
        if code == "530":
            return AccessDenied(f"{self.where}: the log-in was refused.", hint="Give auth=('user', 'password').")
        if code == "550":
            return SourceNotFound(f"There is no {self.where}, or it may not be read.", hint="Check the URL.")
        if code[:1] == "4":
            return ServerBusy(f"{self.where} is not to be had at the moment ({code}).")
        if isinstance(error, ftplib.Error):
            return BadAnswer(f"{self.where} cannot be read ({code or 'an unreadable answer'}).", hint="Check the URL.")
        if isinstance(error, EOFError):
            return NetworkError(f"The connection to {self.where} broke.")
        return translated(error, self.where)

    def reopen(self) -> None:
        """Be of use again after ``close``."""
        with self._lock:
            self._closed = False

    def close(self) -> None:
        """Let the kept connections go."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for line in idle:
            _hang_up(line)


class Body:
    """An open data connection. One reader."""

    def __init__(self, server: Server, line: ftplib.FTP, data: socket.socket) -> None:
        self._server, self._line, self._data = server, line, data
        data.settimeout(SLICE)
        self._ended = False

    def read_into(self, buffer: memoryview) -> int:
        """Give the number of bytes that are in ``buffer`` now; 0 at the end, -1 where none came in 0.1 s."""
        try:
            return self._data.recv_into(buffer)
        except (TimeoutError, ssl.SSLWantReadError):
            return -1
        except (OSError, ssl.SSLError) as error:
            raise self._server.translated(error) from None

    def facts(self, tick: Tick) -> Facts:
        """Take the reply that ends the body, and give what the file is now."""

        def ask() -> Facts:
            self._end()
            return self._server.facts(self._line)

        found: Facts = self._server.call(ask, tick)
        return found

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._data.close()
            reply = self._line.getmultiline()  # one: 226, or 426 where it was left in the middle
            if reply[:1] not in "245":
                raise ftplib.error_reply(reply)  # noqa: S321 (an error, not a call)

    def close(self) -> None:
        """Leave it; the control connection is kept where it is in step. Never raises, and waits for nobody."""

        def leave() -> None:
            try:
                self._line.sock.settimeout(5)  # type: ignore[union-attr]  # an open one has a socket
                self._end()
                self._line.sock.settimeout(TIMEOUT)  # type: ignore[union-attr]
            except Exception:  # noqa: BLE001 (whatever it is, this connection is not used again)
                _hang_up(self._line)
            else:
                self._server.give_back(self._line)

        crew("ftp-ends", 8).begin(leave)


def _hang_up(line: ftplib.FTP) -> None:
    with contextlib.suppress(Exception):
        line.close()
