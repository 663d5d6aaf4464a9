"""Folders of servers that speak SFTP, FTP and WebDAV: what is in one, told as fsspec tells it.

Over the same connections, host keys and credentials as the files themselves. Each class has of a filesystem of fsspec
what a listing needs: ``ls``, ``info``, ``protocol``. Nothing is kept, so every answer is fresh. Blocking.
"""

from __future__ import annotations

import contextlib
import ftplib
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import httpx

from nbxfer.core import stores
from nbxfer.core.url import safe_url
from nbxfer.errors import BadAnswer, InvalidRequest
from nbxfer.wire import ftp, ssh, tls
from nbxfer.wire.access import Access
from nbxfer.wire.credentials import Basic
from nbxfer.wire.located import webdav
from nbxfer.wire.lookup import user_and_password

Told = dict[str, Any]
_KINDS: Final = {"file": "file", "dir": "directory"}
#: The most that is read of one answer to PROPFIND (bytes).
_MOST: Final = 256 << 20
_ASKED: Final = (
    b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/>'
    b"<getetag/></prop></propfind>"
)


def opened(access: Access) -> tuple[Any, str] | None:
    """Give what lists the server of ``access``, and the path there; None for any other kind of store."""
    maker = _MAKERS.get(stores.scheme(access.url))
    if maker is None or len(stores.links(access.url)) > 1:
        return None
    made = maker(access)
    return made, made.top


class Folders:
    """What all of them have of a filesystem of fsspec."""

    protocol = ""
    root_marker = "/"
    top = ""

    def invalidate_cache(self) -> None:
        """There is none."""

    def close(self) -> None:
        """Let the connections go. Never raises."""

    def ls(self, path: str, detail: bool = True) -> list[Told]:  # noqa: FBT001, FBT002 (as fsspec calls it)
        """Give what is in a folder. Raises FileNotFoundError, TransferError."""
        raise NotImplementedError

    def info(self, path: str) -> Told:
        """Give what is said of one path. Raises FileNotFoundError, TransferError."""
        above, _, name = path.rstrip("/").rpartition("/")
        found = [told for told in self.ls(above or "/") if told["name"].rpartition("/")[2] == name]
        if not found:
            raise FileNotFoundError(path)
        return found[0]


class SftpFolders(Folders):
    """Folders over SFTP."""

    protocol = "sftp"

    def __init__(self, access: Access) -> None:
        self._host = ssh.Host(access)
        self.top = self._host.path.rstrip("/")

    def close(self) -> None:
        """See above."""
        self._host.let_go()

    def ls(self, path: str, detail: bool = True) -> list[Told]:  # noqa: FBT001, FBT002
        """See above. A link to a file is that file; one to a folder is neither."""
        found: list[Told] = self._host._ask(self._ls(path), _never)
        return found

    async def _ls(self, path: str) -> list[Told]:
        import asyncssh

        sftp = await self._host._sftp()
        told: list[Told] = []
        try:
            entries = await sftp.readdir(path or "/")
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            raise FileNotFoundError(path) from None
        for entry in entries:
            name = entry.filename if isinstance(entry.filename, str) else entry.filename.decode(errors="replace")
            if name in (".", ".."):
                continue
            whole, attrs = f"{path.rstrip('/')}/{name}", entry.attrs
            link = stat.S_ISLNK(attrs.permissions or 0)
            if link:
                with contextlib.suppress(asyncssh.SFTPError):
                    attrs = await sftp.stat(whole)
            told.append(_of_attrs(whole, attrs, link=link))
        return told


def _of_attrs(name: str, attrs: Any, *, link: bool) -> Told:
    mode = attrs.permissions or stat.S_IFREG
    kind = "file" if stat.S_ISREG(mode) else "directory" if stat.S_ISDIR(mode) and not link else "other"
    fine = (getattr(attrs, "mtime_ns", None) or 0) / 1e9
    mtime = attrs.mtime + fine if attrs.mtime is not None else None
    return {"name": name, "type": kind, "size": attrs.size, "mtime": mtime}


class FtpFolders(Folders):
    """Folders over FTP: MLSD (RFC 3659), and where a server does not know it, LIST as most write it."""

    protocol = "ftp"

    def __init__(self, access: Access) -> None:
        self._server = ftp.Server(access)
        self.top = "/" + self._server.path.strip("/") if self._server.path.strip("/") else ""

    def close(self) -> None:
        """See above."""
        self._server.close()

    def ls(self, path: str, detail: bool = True) -> list[Told]:  # noqa: FBT001, FBT002
        """See above."""
        found: list[Told] = self._server.call(lambda: list(self._ls(path or "/")), _never)
        return found

    def _ls(self, path: str) -> Iterator[Told]:
        line = self._server.line()
        try:
            found = _entries(line, path)
        except ftplib.error_perm as error:
            if str(error)[:3] != "550":
                raise
            raise FileNotFoundError(path) from None
        finally:
            self._server.give_back(line)
        for name, facts in found:
            kind = facts.get("type", "").lower()
            if kind in ("cdir", "pdir") or name in (".", ".."):
                continue
            size = facts.get("size", "")
            yield {
                "name": f"{path.rstrip('/')}/{name.rpartition('/')[2]}",
                "type": _KINDS.get(kind, "directory" if kind == "directory" else "other"),
                "size": int(size) if str(size).isdigit() else None,
                "mtime": _of_ftp(facts.get("modify", "")),
            }


def _entries(line: ftplib.FTP, path: str) -> list[tuple[str, dict[str, str]]]:
    try:
        return list(line.mlsd(path, ["type", "size", "modify"]))
    except ftplib.error_perm as error:
        if str(error)[:3] not in ("500", "501", "502", "504"):
            raise
    from fsspec.implementations.ftp import _mlsd2

    line.cwd(path)  # LIST of what is not there may answer with nothing
    found: list[tuple[str, dict[str, str]]] = _mlsd2(line, path)
    return found


def _of_ftp(text: str) -> float | None:
    try:
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


class DavFolders(Folders):
    """Folders over WebDAV: PROPFIND of depth 1 (RFC 4918 §9.1)."""

    protocol = "webdav"

    def __init__(self, access: Access) -> None:
        options = access.storage.resolved() if access.storage is not None else {}
        self._where, self._base = safe_url(access.url), webdav.http_url(access.url, options)
        self._prefix = unquote(urlsplit(self._base).path).rstrip("/")
        self.top = self._prefix
        credential = access.credential or webdav._auth(options)
        if credential is not None and not isinstance(credential, Basic):
            raise InvalidRequest("auth= is no user and password.", hint="Give ('user', 'password').")
        self._client = httpx.Client(
            auth=user_and_password(credential) if credential is not None else None,
            verify=tls.context(access.verify, trust_env=access.trust_env),
            headers=access.headers_for(ours=True),
            trust_env=access.trust_env,
            proxy=access.proxy or None,
            timeout=60,
            follow_redirects=False,
        )

    def close(self) -> None:
        """See above."""
        self._client.close()

    def ls(self, path: str, detail: bool = True) -> list[Told]:  # noqa: FBT001, FBT002
        """See above."""
        url = httpx.URL(self._base).copy_with(path=(path.rstrip("/") or "") + "/")
        answer = self._client.request("PROPFIND", url, content=_ASKED, headers={"Depth": "1"})
        if answer.status_code in (404, 410):
            raise FileNotFoundError(path)
        answer.raise_for_status()
        if answer.status_code != 207 or len(answer.content) > _MOST:
            raise BadAnswer(f"{self._where} cannot be listed ({answer.status_code}).", hint="Is it a WebDAV server?")
        try:
            tree = ET.fromstring(answer.content)  # noqa: S314 (expat bounds what entities may grow to)
        except ET.ParseError:
            raise BadAnswer(f"{self._where} cannot be listed: its answer cannot be read.") from None
        return [told for node in tree.iter("{DAV:}response") if (told := _of_dav(node, path)) is not None]


def _of_dav(node: ET.Element, path: str) -> Told | None:
    name = unquote(urlsplit((node.findtext("{DAV:}href") or "").strip()).path).rstrip("/")
    if name == path.rstrip("/") or not name.startswith(path.rstrip("/") + "/"):
        return None  # the folder itself; or what is not in it, whatever the server thinks
    folder = node.find(".//{DAV:}resourcetype/{DAV:}collection") is not None
    size, modified = node.findtext(".//{DAV:}getcontentlength") or "", node.findtext(".//{DAV:}getlastmodified")
    when = None
    with contextlib.suppress(ValueError, TypeError):
        when = parsedate_to_datetime(modified or "").timestamp()
    told: Told = {"name": name, "type": "directory" if folder else "file", "mtime": when}
    if not folder:
        told |= {"size": int(size) if size.strip().isdigit() else None, "etag": node.findtext(".//{DAV:}getetag")}
    return told


def _never() -> None:
    """Stop for nobody: who lists is a person's own thread, which Ctrl-C interrupts."""


_MAKERS: Final[dict[str, Callable[[Access], Folders]]] = {
    **dict.fromkeys(("sftp", "ssh"), SftpFolders),
    **dict.fromkeys(("ftp", "ftps"), FtpFolders),
    **dict.fromkeys(("webdav", "webdavs", "dav", "davs"), DavFolders),
}
