"""``nbxfer::URL`` for everybody who speaks fsspec: what is read of the URL is fetched, and kept for the next time.

``nbxfer::https://host/x.parquet``, ``nbxfer::s3://bucket/key``, ``zip://member::nbxfer::sftp://host/a.zip``. What says
how to get at the source goes where fsspec wants it, under the source's protocol: ``storage_options={"s3": {…}}``;
what is for nbxfer (``complete``, ``headers``, ``auth`` …) under ``"nbxfer"``. Only reading; listings, and anything
else that is asked of files that are not opened, the source's own filesystem answers.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any, BinaryIO, Self

from fsspec.implementations.chained import ChainedFileSystem

from nbxfer.session import Session, default

_WEB = ("http", "https")


class NbxferFileSystem(ChainedFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Files behind ``target_protocol``, read through nbxfer. ``session`` is the kernel's own unless one is given."""

    protocol = "nbxfer"
    #: ``fo`` is the URL: with it in the token each would make an instance of its own.
    _strip_tokenize_options = ("fo",)

    def __init__(
        self,
        target_protocol: str | None = None,
        target_options: Mapping[str, Any] | None = None,
        fs: Any = None,
        fo: str | None = None,
        complete: bool = False,  # noqa: FBT001, FBT002 (an option of that name)
        session: Session | None = None,
        **options: Any,
    ) -> None:
        own = {name: options.pop(name) for name in ("asynchronous", "loop", "batch_size") if name in options}
        if own.get("asynchronous"):
            own["asynchronous"] = False  # who asks for that wraps what blocks
        options.pop("skip_instance_cache", None)
        super().__init__(**own)
        if target_protocol is None and fs is not None:
            target_protocol = fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0]
        if target_protocol is None:
            raise ValueError("nbxfer:: wants a URL behind it: nbxfer::https://host/file")
        self.target_protocol, self.target_options = target_protocol, dict(target_options or {})
        self.complete, self.options = complete, options
        #: For fsspec.open_local: whole files have a path.
        self.local_file = complete
        self._given, self._session = fs, session
        self._target: Any = fs

    @property
    def fs(self) -> Any:
        """The source's own filesystem, made when it is asked for."""
        if self._target is None:
            import fsspec

            self._target = fsspec.filesystem(self.target_protocol, **self.target_options)
        return self._target

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        text = os.fspath(path)
        return text.removeprefix("nbxfer::").removeprefix("nbxfer://")

    def _url(self, path: str) -> str:
        text = self._strip_protocol(path)
        if "://" in text:
            return str(text)
        return f"{self.target_protocol}://{text}"

    def _path(self, path: str) -> Any:
        return self.fs._strip_protocol(self._url(path))

    # -- reading -----------------------------------------------------------------------------------------------------
    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        """Give a file to read; a text one where ``mode`` asks for it."""
        if "w" in mode or "a" in mode or "x" in mode or "+" in mode:
            raise NotImplementedError("nbxfer:: only reads. To send a file, call nbxfer.upload().")
        if "b" not in mode:
            import io

            text = {name: more.pop(name) for name in ("encoding", "errors", "newline") if name in more}
            return io.TextIOWrapper(self.open(path, "rb", **more), **text)
        compression = more.pop("compression", None)
        file = self._open(path)
        if compression is None:
            return file
        from fsspec.compression import compr
        from fsspec.core import get_compression

        return compr[get_compression(path, compression)](file, mode="rb")

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        session = self._session if self._session is not None else default()
        options = dict(self.options)
        if self.target_protocol in _WEB:
            options = {**self._of_the_web(), **options}
        elif self._given is not None:
            options.setdefault("filesystem", self._given)
        elif self.target_options:
            options.setdefault("storage_options", self.target_options)
        file: Any = session.open(self._url(path), complete=self.complete, **options)
        return _Whole(file, path) if self.complete and not hasattr(file, "name") else file

    def _of_the_web(self) -> dict[str, Any]:
        """Give our words for fsspec's options of the web; what only aiohttp understands is for its own requests."""
        given = self.target_options.get("client_kwargs") or {}
        headers = {**dict(given.get("headers") or {}), **dict(self.target_options.get("headers") or {})}
        return {"headers": headers} if headers else {}

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """Give the bytes from ``start`` to ``end``; negative ones count from the end."""
        with self._open(path) as file:
            size = file.seek(0, os.SEEK_END)
            begin = 0 if start is None else start if start >= 0 else max(size + start, 0)
            stop = size if end is None else end if end >= 0 else size + end
            file.seek(begin)
            piece: bytes = file.read(max(min(stop, size) - begin, 0))
            return piece

    def get_file(self, rpath: str, lpath: Any, callback: Any = None, outfile: Any = None, **_: Any) -> None:
        """Copy a file here."""
        with self._open(rpath) as file:
            if outfile is not None:
                shutil.copyfileobj(file, outfile, 1 << 20)
                return
            if os.path.isdir(lpath):
                return
            with open(lpath, "wb") as local:
                shutil.copyfileobj(file, local, 1 << 20)

    # -- looking -----------------------------------------------------------------------------------------------------
    def info(self, path: str, **more: Any) -> dict[str, Any]:
        """Give what is known of a file."""
        if self.target_protocol in _WEB:
            with self._open(path) as file:
                return {"name": self._url(path), "size": file.seek(0, os.SEEK_END), "type": "file"}
        found: dict[str, Any] = self.fs.info(self._path(path), **more)
        return found

    def exists(self, path: str, **more: Any) -> bool:
        """Say whether there is such a file."""
        if self.target_protocol in _WEB:
            try:
                self.info(path)
            except FileNotFoundError:
                return False
            return True
        return bool(self.fs.exists(self._path(path), **more))

    def isfile(self, path: str) -> bool:
        """Say whether it is a file."""
        return self.exists(path) if self.target_protocol in _WEB else bool(self.fs.isfile(self._path(path)))

    def isdir(self, path: str) -> bool:
        """Say whether it is a folder; of the web nobody can tell."""
        return False if self.target_protocol in _WEB else bool(self.fs.isdir(self._path(path)))

    def ls(self, path: str, detail: bool = True, **more: Any) -> list[Any]:  # noqa: FBT001, FBT002 (fsspec's way)
        """List a folder."""
        found: list[Any] = self.fs.ls(self._path(path), detail=detail, **more)
        return found

    def ukey(self, path: str) -> str:
        """Give what changes when the file does."""
        return str(self.fs.ukey(self._path(path)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process without the session, and with what is needed to make it there."""
        return _again, (type(self), self.target_protocol, self.target_options, self._given, self.complete, self.options)


def _again(
    cls: type[NbxferFileSystem],
    protocol: str,
    target: dict[str, Any],
    fs: Any,
    complete: bool,  # noqa: FBT001 (a field)
    options: dict[str, Any],
) -> NbxferFileSystem:
    return cls(target_protocol=protocol, target_options=target, fs=fs, complete=complete, **options)


class _Whole:
    """A file that is fetched as a whole: ``name`` is where it lies on this machine, once all of it does."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file, self._path = file, path

    @property
    def name(self) -> str:
        """The path of the whole file; waits for it."""
        reader: Any = self._file
        return str(reader.raw._operation.result())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)
