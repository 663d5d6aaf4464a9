"""Who else brings files: programs and Python libraries, each called as its own documentation would.

``PEERS`` has them in the order of the tables. What is missing here is skipped, with a line (``Peer.missing``). The
certificate of the server is trusted through ``SSL_CERT_FILE``.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks import yardstick
from tests.benchmarks.yardstick import LANES, PIECE, name_of

#: Requests at once where many small files are fetched by a loop or a program.
AT_ONCE = 16


@dataclass(frozen=True)
class Peer:
    """A program, or a library of this Python: how it fetches one file, and many into a folder.

    A program gives its command line; a library does it, and comes back when all is there. None: it has no such thing.
    """

    name: str
    needs: str
    one: Callable[[str, Path], Any]
    many: Callable[[Sequence[str], Path], Any] | None = None
    program: bool = False

    @property
    def missing(self) -> bool:
        """Whether it is not installed here."""
        return (shutil.which(self.needs) if self.program else importlib.util.find_spec(self.needs)) is None


def _ca() -> str:
    return os.environ["SSL_CERT_FILE"]


# -- nbxfer -----------------------------------------------------------------------------------------------------------
@functools.cache
def _session(movers: str = "auto") -> Any:
    import nbxfer

    os.environ["NBXFER_MOVERS"] = movers
    return nbxfer.Session()  # NBXFER_HOME says where


def _nbxfer_one(url: str, target: Path, movers: str = "auto") -> None:
    _session(movers).download(url, target, verify=_ca()).result()


def _nbxfer_many(urls: Sequence[str], folder: Path) -> None:
    _session().download(urls, folder, verify=_ca()).results()


# -- programs ---------------------------------------------------------------------------------------------------------
def _listed(folder: Path, text: str) -> str:
    path = folder.with_suffix(".list")
    path.write_text(text)
    return str(path)


def _aria2c_one(url: str, target: Path) -> list[str]:
    lanes = [f"-x{LANES}", f"-s{LANES}", "-k1M"]
    return [*_aria2c(), *lanes, "-d", str(target.parent), "-o", target.name, url]


def _aria2c_many(urls: Sequence[str], folder: Path) -> list[str]:
    return [*_aria2c(), f"-j{AT_ONCE}", "-d", str(folder), "-i", _listed(folder, "\n".join(urls))]


def _aria2c() -> list[str]:
    return ["aria2c", "--no-conf", "-q", "--file-allocation=none", f"--ca-certificate={_ca()}"]


def _curl_one(url: str, target: Path) -> list[str]:
    return ["curl", "-q", "-sS", "--fail", "--cacert", _ca(), "-o", str(target), url]


def _curl_many(urls: Sequence[str], folder: Path) -> list[str]:
    listed = _listed(folder, "".join(f'url = "{url}"\noutput = "{folder / name_of(url)}"\n' for url in urls))
    return ["curl", "-q", "-sS", "-Z", "--parallel-max", str(AT_ONCE), "--fail", "-K", listed]


def _rclone_one(url: str, target: Path) -> list[str]:
    return ["rclone", "--config", os.devnull, "copyurl", url, str(target)]


# -- libraries that have a loop ---------------------------------------------------------------------------------------
async def _spread(get: Callable[[str], Coroutine[Any, Any, None]], urls: Sequence[str]) -> None:
    rest: Iterator[str] = iter(urls)

    async def go() -> None:
        for url in rest:
            await get(url)

    await asyncio.gather(*(go() for _ in range(AT_ONCE)))


async def _aiohttp(targets: dict[str, Path]) -> None:
    aiohttp = importlib.import_module("aiohttp")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as client:

        async def get(url: str) -> None:
            async with client.get(url) as answer:
                answer.raise_for_status()
                with targets[url].open("wb") as file:
                    async for piece in answer.content.iter_chunked(PIECE):
                        file.write(piece)

        await _spread(get, list(targets))


async def _httpx(targets: dict[str, Path]) -> None:
    httpx = importlib.import_module("httpx")
    async with httpx.AsyncClient(timeout=None) as client:

        async def get(url: str) -> None:
            async with client.stream("GET", url) as answer:
                answer.raise_for_status()
                with targets[url].open("wb") as file:
                    async for piece in answer.aiter_bytes():
                        file.write(piece)

        await _spread(get, list(targets))


def _looped(fetch: Callable[[dict[str, Path]], Coroutine[Any, Any, None]]) -> tuple[Any, Any]:
    return (
        lambda url, target: asyncio.run(fetch({url: target})),
        lambda urls, folder: asyncio.run(fetch({url: folder / name_of(url) for url in urls})),
    )


def _fsspec(urls: Sequence[str], targets: Sequence[Path]) -> None:
    importlib.import_module("aiohttp")
    files = importlib.import_module("fsspec").filesystem("http", skip_instance_cache=True)
    files.get(list(urls), [str(target) for target in targets])


def _parfive(targets: dict[str, Path]) -> None:
    parfive = importlib.import_module("parfive")
    loader = parfive.Downloader(max_conn=LANES, max_splits=LANES, progress=False)
    for url, target in targets.items():
        loader.enqueue_file(url, path=str(target.parent), filename=target.name)
    errors = loader.download().errors
    assert not errors, errors[0]


def _pypdl_one(url: str, target: Path) -> None:
    loader = importlib.import_module("pypdl").Pypdl()
    assert loader.start(url=url, file_path=str(target), segments=LANES, display=False), "it gave up"


# -- obstore: Rust under Python's threads -----------------------------------------------------------------------------
@functools.cache
def _store(scheme: str, netloc: str) -> Any:
    options = {"allow_http": True, "root_certificate": Path(_ca()).read_bytes(), "timeout": "300s"}
    return importlib.import_module("obstore.store").HTTPStore.from_url(f"{scheme}://{netloc}", client_options=options)


def _obstore_one(url: str, target: Path) -> None:
    obstore, at = importlib.import_module("obstore"), urlsplit(url)
    store, path = _store(at.scheme, at.netloc), at.path[1:]
    size = obstore.head(store, path)["size"]
    fd = os.open(target, os.O_CREAT | os.O_WRONLY)

    def fetch(start: int) -> None:
        os.pwrite(fd, obstore.get_range(store, path, start=start, end=min(start + 2 * PIECE, size)), start)

    yardstick.each(fetch, range(0, size, 2 * PIECE), 4)
    os.close(fd)


def _obstore_many(urls: Sequence[str], folder: Path) -> None:
    obstore, at = importlib.import_module("obstore"), urlsplit(urls[0])
    store = _store(at.scheme, at.netloc)
    yardstick.each(
        lambda u: (folder / name_of(u)).write_bytes(obstore.get(store, urlsplit(u).path[1:]).bytes()), urls, LANES
    )


PEERS = {
    peer.name: peer
    for peer in (
        Peer("nbxfer", "nbxfer", _nbxfer_one, _nbxfer_many),
        Peer("threads", "http", yardstick.one, yardstick.many),
        Peer("aria2c", "aria2c", _aria2c_one, _aria2c_many, program=True),
        Peer("curl", "curl", _curl_one, _curl_many, program=True),
        Peer("rclone", "rclone", _rclone_one, program=True),
        Peer("obstore", "obstore", _obstore_one, _obstore_many),
        Peer("aiohttp", "aiohttp", *_looped(_aiohttp)),
        Peer(
            "fsspec", "aiohttp", lambda u, t: _fsspec([u], [t]), lambda us, f: _fsspec(us, [f / name_of(u) for u in us])
        ),
        Peer("httpx", "httpx", *_looped(_httpx)),
        Peer(
            "parfive", "parfive", lambda u, t: _parfive({u: t}), lambda us, f: _parfive({u: f / name_of(u) for u in us})
        ),
        Peer("pypdl", "pypdl", _pypdl_one),
        # These only where they are asked for by name.
        *(Peer(f"nbxfer:{use}", "nbxfer", functools.partial(_nbxfer_one, movers=use)) for use in ("never", "always")),
        Peer("threads+crc", "crc32c", yardstick.one_with_crc),
    )
}
