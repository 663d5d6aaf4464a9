"""The objects below a prefix of a store, over a filesystem of fsspec's kind: page by page where the store has pages.

Object stores are asked for all that begins with a prefix at once; with ``enter`` that is less than everything, folder
by folder. What fsspec calls a folder is one, also in a store that only pretends.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from nbxfer.core.tree.listed import Listed, Passed

_MD5: Final = re.compile(r'"?([0-9a-f]{32})"?')
#: A folder of a listing: its path, with a slash.
_Folder = str
#: One page: what is in it, and the mark of the next.
_Pages = Iterator[tuple[list[Listed | Passed], list[_Folder]]]


def listing(fs: Any, top: str, enter: Callable[[str], bool] | None) -> Iterator[Listed | Passed]:
    """Give the objects below ``top`` (a path of ``fs``, without a slash at its end), fresh.

    ``enter`` is asked about each folder below (a path relative to ``top``); without it everything is wanted. Raises
    what the filesystem raises.
    """
    fs.invalidate_cache()
    pages = _PAGES.get(_protocol(fs))
    if pages is None:
        yield from _walk(fs, top, enter)
        return
    bucket, _, prefix = top.partition("/")
    prefix = prefix and prefix + "/"
    waiting = [prefix]
    while waiting:
        below: list[str] = []
        for found, folders in pages(fs, bucket, waiting.pop(), len(prefix), flat=enter is None):
            yield from found
            below += [f for f in folders if enter is None or enter(f[len(prefix) : -1])]
        waiting += reversed(below)


def _protocol(fs: Any) -> str:
    told = fs.protocol
    return str(told if isinstance(told, str) else told[0])


# -- page by page ------------------------------------------------------------------------------------------------------
def _s3(fs: Any, bucket: str, prefix: str, cut: int, *, flat: bool) -> _Pages:
    more: dict[str, Any] = {}
    while True:
        wanted = {"Bucket": bucket, "Prefix": prefix, **({} if flat else {"Delimiter": "/"}), **more, **fs.req_kw}
        page = fs.call_s3("list_objects_v2", **wanted)
        found = [_object(o["Key"], cut, o["Size"], o.get("LastModified"), _md5(o.get("ETag"))) for o in
                 page.get("Contents", [])]  # fmt: skip
        yield [f for f in found if f is not None], [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        if not page.get("IsTruncated") or not page.get("NextContinuationToken"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def _gcs(fs: Any, bucket: str, prefix: str, cut: int, *, flat: bool) -> _Pages:
    more: dict[str, Any] = {}
    while True:
        wanted = {"prefix": prefix, "maxResults": 1000, **({} if flat else {"delimiter": "/"}), **more}
        page = fs.call("GET", "b/{}/o", bucket, json_out=True, **wanted)
        found = [_object(o["name"], cut, int(o["size"]), o.get("updated"), _base64_md5(o.get("md5Hash"))) for o in
                 page.get("items", [])]  # fmt: skip
        yield [f for f in found if f is not None], list(page.get("prefixes", []))
        if not page.get("nextPageToken"):
            return
        more = {"pageToken": page["nextPageToken"]}


def _azure(fs: Any, bucket: str, prefix: str, cut: int, *, flat: bool) -> _Pages:
    client = fs.service_client.get_container_client(bucket)
    found = client.list_blobs(name_starts_with=prefix) if flat else client.walk_blobs(prefix, delimiter="/")
    pages: AsyncIterator[Any] = found.by_page()
    while (page := _on_loop(fs, _next_page(pages))) is not None:
        objects: list[Listed | Passed] = []
        folders = []
        for blob in page:
            if "last_modified" not in blob:  # a prefix, which has a name alone
                folders.append(str(blob["name"]))
                continue
            digest = (blob.get("content_settings") or {}).get("content_md5")
            made = _object(blob["name"], cut, blob["size"], blob["last_modified"], _hex_md5(digest))
            objects += [made] if made is not None else []
        yield objects, folders


async def _next_page(pages: AsyncIterator[Any]) -> list[Any] | None:
    async for page in pages:
        return [blob async for blob in page]
    return None


def _on_loop(fs: Any, wanted: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(wanted, fs.loop).result()


_PAGES: Final[Mapping[str, Callable[..., _Pages]]] = {"s3": _s3, "gs": _gcs, "gcs": _gcs, "abfs": _azure, "az": _azure}


def _object(key: str, cut: int, size: int, modified: Any, digest: str | None) -> Listed | Passed | None:
    """Give one object; None for the mark that a folder leaves of itself."""
    path = key[cut:]
    if path.endswith("/") and size:
        return Passed(path, "an object whose name ends in a slash")
    return Listed(path, size, _seconds(modified), digest) if path and not path.endswith("/") else None


# -- folder by folder --------------------------------------------------------------------------------------------------
def _walk(fs: Any, top: str, enter: Callable[[str], bool] | None) -> Iterator[Listed | Passed]:
    top = top.rstrip("/")
    cut = len(top)
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            found = sorted(fs.ls(folder or fs.root_marker, detail=True), key=lambda told: str(told["name"]))
        except (FileNotFoundError, PermissionError) as error:
            if folder == top:
                raise
            gone = isinstance(error, FileNotFoundError)
            yield Passed(
                _below(folder, cut), "a folder that has just gone" if gone else "a folder that may not be read"
            )
            continue
        below: list[str] = []
        for told in found:
            name, kind = str(told["name"]).rstrip("/"), told.get("type")
            if name == folder.rstrip("/"):  # some stores list a folder as a part of itself
                continue
            if kind == "directory":
                below += [name] if enter is None or enter(_below(name, cut)) else []
            elif kind == "file":
                yield Listed(_below(name, cut), _size(told), _changed(told), _digest(told))
            else:
                yield Passed(_below(name, cut), f"no ordinary file ({kind})")
        if not found and folder != top:
            yield Passed(_below(folder, cut), "an empty folder")
        waiting += reversed(below)


def _below(path: str, cut: int) -> str:
    return path[cut:].lstrip("/")


def _size(told: Mapping[str, Any]) -> int | None:
    size = told.get("size")
    return size if type(size) is int and size >= 0 else None


def _changed(told: Mapping[str, Any]) -> float | None:
    names = ("LastModified", "mtime", "modified", "last_modified", "updated", "created", "date_time")
    return next((at for name in names if (at := _seconds(told.get(name))) is not None), None)


def _seconds(value: Any) -> float | None:
    """Give Unix seconds of what a store calls a time; None where that cannot be read."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            return None
    return None


def _digest(told: Mapping[str, Any]) -> str | None:
    if isinstance(lfs := told.get("lfs"), Mapping) and isinstance(lfs.get("sha256"), str):
        return f"sha256:{lfs['sha256']}"
    return None


def _md5(etag: str | None) -> str | None:
    """Give the MD5 that an ETag is, of what was not sent in parts (where it is encrypted it is none, and differs)."""
    found = _MD5.fullmatch(etag or "")
    return f"md5:{found[1]}" if found else None


def _base64_md5(text: str | None) -> str | None:
    try:
        return _hex_md5(base64.b64decode(text or "", validate=True))
    except binascii.Error:
        return None


def _hex_md5(raw: bytes | bytearray | None) -> str | None:
    return f"md5:{bytes(raw).hex()}" if raw is not None and len(raw) == 16 else None
