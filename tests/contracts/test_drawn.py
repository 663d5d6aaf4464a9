"""Stores that take an object of their own by themselves keep the contract of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Validator
from nbxfer.sinks.far import Far
from nbxfer.sinks.filesystem import FilesystemObject
from nbxfer.sinks.s3 import S3Object
from nbxfer.sinks.sftp import SftpFile
from nbxfer.sinks.webdav import DavFile
from nbxfer.testing.drawing import DrawnContract
from nbxfer.wire.access import Access, access
from nbxfer.wire.storage import Storage
from tests.servers import stores
from tests.servers.moto import BUCKET, Moto, Store


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a store that speaks S3."""
    with Moto(tmp_path_factory.mktemp("moto") / "log") as server:
        server.store.bucket()
        yield server.store


class SmallPieces(S3Object):
    """The sink as it is, with the smallest parts that a store takes."""

    drawn: ClassVar[int] = 5 * 1024 * 1024


class TestS3(DrawnContract):
    """moto; it does not heed the condition, but a tag tells what was copied where it is all in one request."""

    @pytest.fixture(autouse=True)
    def _place(self, s3: Store, request: pytest.FixtureRequest) -> None:
        self.store, self.key = s3, f"folder/{request.node.name} ä.bin"

    def _way(self, key: str) -> Access:
        return access(f"s3://{BUCKET}/{key}", storage=Storage(self.store.options))

    def sink(self, op_id: str = "op-one") -> Far:
        return SmallPieces(self._way(self.key), op_id)

    def origin(self) -> Access:
        return self._way(f"{self.key} from")

    def elsewhere(self) -> Access:
        return access(self.origin().url, storage=Storage({**self.store.options, "key": "somebody else's"}))

    def put(self, data: bytes) -> Validator | None:
        self.store.put(f"{self.key} from", data)
        head = self.store.client.head_object(Bucket=BUCKET, Key=f"{self.key} from")
        return Validator("etag", head["ETag"])

    def final(self) -> bytes | None:
        return self.store.get(self.key)

    def beside(self) -> list[str]:
        return [key for key in self.store.open_uploads() if key == self.key]


class TestMemory(DrawnContract):
    """A filesystem of fsspec that can copy."""

    size = 100_000
    binds = False

    @pytest.fixture(autouse=True)
    def _empty(self) -> Iterator[None]:
        import fsspec

        self.fs = fsspec.filesystem("memory")
        yield
        self.fs.store.clear()
        self.fs.pseudo_dirs[:] = [""]

    def sink(self, op_id: str = "op-one") -> Far:
        return FilesystemObject(access("memory://folder/thing.bin"), op_id)

    def origin(self) -> Access:
        return access("memory://other/from.bin")

    def elsewhere(self) -> Access:
        return access("s3://bucket/from.bin")

    def put(self, data: bytes) -> Validator | None:
        self.fs.pipe_file("/other/from.bin", data)
        return None

    def final(self) -> bytes | None:
        found = self.fs.store.get("/folder/thing.bin")
        return None if found is None else bytes(found.getvalue())

    def beside(self) -> list[str]:
        return [path for path in self.fs.store if path not in ("/folder/thing.bin", "/other/from.bin")]


class InAFolder(DrawnContract):
    """A server that shows a folder of this machine."""

    folder: Path

    @pytest.fixture(autouse=True)
    def _name(self, request: pytest.FixtureRequest) -> None:
        self.name = request.node.name.replace("[", "-").replace("]", "")

    @property
    def _final(self) -> Path:
        return Path(self.folder, self.name, "deep", "thing.bin")

    def put(self, data: bytes) -> Validator | None:
        path = Path(self.folder, f"{self.name} from")
        path.write_bytes(data)
        return None

    def final(self) -> bytes | None:
        return self._final.read_bytes() if self._final.exists() else None

    def beside(self) -> list[str]:
        there = self._final.parent
        return [path.name for path in there.iterdir() if path != self._final] if there.exists() else []


class TestSftp(InAFolder):
    """asyncssh's own server, which has copy-data."""

    binds = False

    @pytest.fixture(autouse=True)
    def _server(self, sftp: stores.Sftp) -> None:
        self.server, self.folder = sftp, sftp.folder

    def _way(self, path: str, host: str = "127.0.0.1") -> Access:
        return access(f"sftp://{host}:{self.server.port}/{path}", storage=Storage(self.server.options()))

    def sink(self, op_id: str = "op-one") -> Far:
        return SftpFile(self._way(f"{self.name}/deep/thing.bin"), op_id)

    def origin(self) -> Access:
        return self._way(f"{self.name} from")

    def elsewhere(self) -> Access:
        return self._way(f"{self.name} from", "localhost")


class TestWebDav(InAFolder):
    """wsgidav."""

    binds = False

    @pytest.fixture(autouse=True)
    def _server(self, dav: stores.Dav) -> None:
        self.port, self.folder = dav.port, dav.folder

    def _way(self, path: str) -> Access:
        return access(f"webdav://127.0.0.1:{self.port}/{path}", auth=(stores.USER, stores.PASSWORD))

    def sink(self, op_id: str = "op-one") -> Far:
        return DavFile(self._way(f"{self.name}/deep/thing.bin"), op_id, Patience())

    def origin(self) -> Access:
        return self._way(f"{self.name} from")

    def elsewhere(self) -> Access:
        return replace(self.origin(), auth=None)
