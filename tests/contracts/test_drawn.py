"""Stores that take an object of their own by themselves keep the contract of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Validator
from nbxfer.sinks.far import Far
from nbxfer.sinks.s3 import S3Object
from nbxfer.sinks.sftp import SftpFile
from nbxfer.sinks.webdav import DavFile
from nbxfer.testing.drawing import DrawnContract
from nbxfer.wire.access import Access, access
from nbxfer.wire.storage import Storage
from tests.contracts import places
from tests.servers import stores
from tests.servers.moto import BUCKET, Store


class SmallPieces(S3Object):
    """The sink as it is, with the smallest parts that a store takes."""

    drawn: ClassVar[int] = 5 * 1024 * 1024


class TestS3(places.InABucket, DrawnContract):
    """moto; it does not heed the condition, but a tag tells what was copied where it is all in one request."""

    @pytest.fixture(autouse=True)
    def _store(self, s3: Store) -> None:
        self.store = s3

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


class TestMemory(places.InMemory, DrawnContract):
    """A filesystem of fsspec that can copy."""

    size = 100_000
    binds = False

    def origin(self) -> Access:
        return access("memory://other/from.bin")

    def elsewhere(self) -> Access:
        return access("s3://bucket/from.bin")

    def put(self, data: bytes) -> Validator | None:
        self.fs.pipe_file("/other/from.bin", data)
        return None


class InAFolder(places.InAFolder, DrawnContract):
    """A server that shows a folder of this machine."""

    def put(self, data: bytes) -> Validator | None:
        path = Path(self.folder, f"{self.name} from")
        path.write_bytes(data)
        return None


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
