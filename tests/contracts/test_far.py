"""Every sink at a far side keeps the contract, against its real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbxfer.core.policy import Patience
from nbxfer.sinks.far import Far
from nbxfer.sinks.filesystem import FilesystemObject
from nbxfer.sinks.ftp import FtpFile
from nbxfer.sinks.s3 import S3Object
from nbxfer.sinks.sftp import SftpFile
from nbxfer.sinks.webdav import DavFile
from nbxfer.testing.far import FarContract
from nbxfer.wire.access import access
from nbxfer.wire.storage import Storage
from tests.servers import stores
from tests.servers.moto import BUCKET, Moto, Store


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a store that speaks S3."""
    with Moto(tmp_path_factory.mktemp("moto") / "log") as server:
        server.store.bucket()
        yield server.store


class TestS3(FarContract):
    """Objects of a bucket, by multipart uploads."""

    @pytest.fixture(autouse=True)
    def _place(self, s3: Store, request: pytest.FixtureRequest) -> None:
        self.store, self.key = s3, f"folder/{request.node.name} ä.bin"

    def sink(self, op_id: str = "op-one") -> Far:
        way = access(f"s3://{BUCKET}/{self.key}", storage=Storage(self.store.options))
        return S3Object(way, op_id)

    def put(self, data: bytes) -> None:
        self.store.put(self.key, data)

    def final(self) -> bytes | None:
        return self.store.get(self.key)

    def beside(self) -> list[str]:
        return [key for key in self.store.open_uploads() if key == self.key]


class TestMemory(FarContract):
    """A filesystem of fsspec that is no more than that."""

    @pytest.fixture(autouse=True)
    def _empty(self) -> Iterator[None]:
        import fsspec

        self.fs = fsspec.filesystem("memory")
        yield
        self.fs.store.clear()
        self.fs.pseudo_dirs[:] = [""]

    def sink(self, op_id: str = "op-one") -> Far:
        return FilesystemObject(access("memory://folder/thing.bin"), op_id)

    def put(self, data: bytes) -> None:
        self.fs.pipe_file("/folder/thing.bin", data)

    def final(self) -> bytes | None:
        found = self.fs.store.get("/folder/thing.bin")
        return None if found is None else bytes(found.getvalue())

    def beside(self) -> list[str]:
        return [path for path in self.fs.store if path != "/folder/thing.bin"]


class InAFolder(FarContract):
    """A server that shows a folder of this machine."""

    folder: Path

    @pytest.fixture(autouse=True)
    def _name(self, request: pytest.FixtureRequest) -> None:
        self.name = request.node.name.replace("[", "-").replace("]", "")

    @property
    def _final(self) -> Path:
        return Path(self.folder, self.name, "deep", "thing.bin")

    def put(self, data: bytes) -> None:
        self._final.parent.mkdir(parents=True, exist_ok=True)
        self._final.write_bytes(data)

    def final(self) -> bytes | None:
        return self._final.read_bytes() if self._final.exists() else None

    def beside(self) -> list[str]:
        there = self._final.parent
        return [path.name for path in there.iterdir() if path != self._final] if there.exists() else []


class TestFtp(InAFolder):
    """pyftpdlib."""

    @pytest.fixture(autouse=True)
    def _server(self, ftp: stores.Ftp) -> None:
        self.port, self.folder = ftp.port, ftp.folder

    def sink(self, op_id: str = "op-one") -> Far:
        place = f"ftp://127.0.0.1:{self.port}/{self.name}/deep/thing.bin"
        return FtpFile(access(place, auth=(stores.USER, stores.PASSWORD)), op_id)


class TestSftp(InAFolder):
    """asyncssh's own server."""

    @pytest.fixture(autouse=True)
    def _server(self, sftp: stores.Sftp) -> None:
        self.server, self.folder = sftp, sftp.folder

    def sink(self, op_id: str = "op-one") -> Far:
        place = f"sftp://127.0.0.1:{self.server.port}/{self.name}/deep/thing.bin"
        return SftpFile(access(place, storage=Storage(self.server.options())), op_id)


class TestWebDav(InAFolder):
    """wsgidav."""

    @pytest.fixture(autouse=True)
    def _server(self, dav: stores.Dav) -> None:
        self.port, self.folder = dav.port, dav.folder

    def sink(self, op_id: str = "op-one") -> Far:
        place = f"webdav://127.0.0.1:{self.port}/{self.name}/deep/thing.bin"
        return DavFile(access(place, auth=(stores.USER, stores.PASSWORD)), op_id, Patience())
