"""The objects below a prefix of a store, over a filesystem of fsspec's kind: page by page where the store has pages.

Object stores are asked for all that begins with a prefix at once; with ``enter`` that is less than everything, folder
by folder. What fsspec calls a folder is one, also in a store that only pretends.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

from nbxfer.core.tree.listed import Listed, Passed
from nbxfer.wire import fsread

_MD5: Final = re.compile(r'"?([0-9a-f]{32})"?')
#: Objects of one page: as many as stores give.
PAGE: Final = 1000
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
        wanted = {
            "Bucket": bucket,
            "Prefix": prefix,
            "MaxKeys": PAGE,
            **({} if flat else {"Delimiter": "/"}),
            **more,
            **fs.req_kw,
        }
        page = fs.call_s3("list_objects_v2", **wanted)
        objects = [_object(o["Key"], cut, {**o, "size": o["Size"]}) for o in page.get("Contents", [])]
        yield [o for o in objects if o is not None], [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        if not page.get("IsTruncated") or not page.get("NextContinuationToken"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def _gcs(fs: Any, bucket: str, prefix: str, cut: int, *, flat: bool) -> _Pages:
    more: dict[str, Any] = {}
    while True:
        wanted = {"prefix": prefix, "maxResults": PAGE, **({} if flat else {"delimiter": "/"}), **more}
        page = fs.call("GET", "b/{}/o", bucket, json_out=True, **wanted)
        objects = [_object(o["name"], cut, {**o, "size": int(o["size"])}) for o in page.get("items", [])]
        yield [o for o in objects if o is not None], list(page.get("prefixes", []))
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
            made = _object(blob["name"], cut, dict(blob))
            objects += [made] if made is not None else []
        yield objects, folders


async def _next_page(pages: AsyncIterator[Any]) -> list[Any] | None:
    async for page in pages:
        return [blob async for blob in page]
    return None


def _on_loop(fs: Any, wanted: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(wanted, fs.loop).result()


_PAGES: Final[Mapping[str, Callable[..., _Pages]]] = {"s3": _s3, "gs": _gcs, "gcs": _gcs, "abfs": _azure, "az": _azure}


def _object(key: str, cut: int, told: Mapping[str, Any]) -> Listed | Passed | None:
    """Give one object; None for the mark that a folder leaves of itself."""
    path = key[cut:]
    if path.endswith("/") and told["size"]:
        return Passed(path, "an object whose name ends in a slash")
    return _listed(path, told) if path and not path.endswith("/") else None


def _listed(path: str, told: Mapping[str, Any]) -> Listed:
    """Give a file as its store describes it; its version is called as the source will call it."""
    size, version, modified = fsread.describe(told, time.time())
    return Listed(path, size, modified, _digest(told), version)


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
                yield _listed(_below(name, cut), told)
            else:
                yield Passed(_below(name, cut), f"no ordinary file ({kind})")
        if not found and folder != top:
            yield Passed(_below(folder, cut), "an empty folder")
        waiting += reversed(below)


def _below(path: str, cut: int) -> str:
    return path[cut:].lstrip("/")


def _digest(told: Mapping[str, Any]) -> str | None:
    """Give the digest of the whole content as a listing tells it, "md5:hex" or "sha256:hex".

    The ETag of S3 is an MD5 where the object was not sent in parts (and where it is encrypted it is none: it differs).
    """
    lfs = told.get("lfs")
    sha256 = lfs.get("sha256") if isinstance(lfs, Mapping) else None
    if isinstance(sha256, str):
        return f"sha256:{sha256}"
    if found := _MD5.fullmatch(str(told.get("ETag", ""))):
        return f"md5:{found[1]}"
    raw = told.get("md5Hash") or (told.get("content_settings") or {}).get("content_md5")
    try:
        raw = base64.b64decode(raw, validate=True) if isinstance(raw, str) else raw
    except binascii.Error:
        return None
    return f"md5:{bytes(raw).hex()}" if isinstance(raw, bytes | bytearray) and len(raw) == 16 else None


def one(fs: Any, path: str) -> Listed | None:
    """Give the object at a path under its own name; None where it is a folder. Raises what the filesystem raises."""
    fs.invalidate_cache()
    told = fs.info(path)
    if told.get("type") != "file":
        return None
    return _listed(path.rpartition("/")[2], told)
