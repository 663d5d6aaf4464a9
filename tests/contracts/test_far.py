"""Every sink at a far side keeps the contract, against its real server."""

from __future__ import annotations

import pytest

from nbxfer.core.policy import Patience
from nbxfer.sinks.far import Far
from nbxfer.sinks.ftp import FtpFile
from nbxfer.sinks.s3 import S3Object
from nbxfer.sinks.sftp import SftpFile
from nbxfer.sinks.webdav import DavFile
from nbxfer.testing.far import FarContract
from nbxfer.wire.access import access
from nbxfer.wire.storage import Storage
from tests.contracts import places
from tests.servers import stores
from tests.servers.moto import BUCKET, Store


class TestS3(places.InABucket, FarContract):
    """Objects of a bucket, by multipart uploads."""

    @pytest.fixture(autouse=True)
    def _store(self, s3: Store) -> None:
        self.store = s3

    def sink(self, op_id: str = "op-one") -> Far:
        way = access(f"s3://{BUCKET}/{self.key}", storage=Storage(self.store.options))
        return S3Object(way, op_id)

    def put(self, data: bytes) -> None:
        self.store.put(self.key, data)


class TestMemory(places.InMemory, FarContract):
    """A filesystem of fsspec that is no more than that."""

    def put(self, data: bytes) -> None:
        self.fs.pipe_file("/folder/thing.bin", data)


class InAFolder(places.InAFolder, FarContract):
    """A server that shows a folder of this machine."""

    def put(self, data: bytes) -> None:
        self._final.parent.mkdir(parents=True, exist_ok=True)
        self._final.write_bytes(data)


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
