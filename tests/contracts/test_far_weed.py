"""The sink for S3 keeps the contract against SeaweedFS, which holds more of the letter than an emulator does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nbxfer.sinks.far import Far
from nbxfer.sinks.s3 import S3Object
from nbxfer.testing.far import FarContract
from nbxfer.wire.access import access
from nbxfer.wire.storage import Storage
from tests.servers.moto import BUCKET, Store
from tests.servers.weed import Weed

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a store that speaks S3, once it takes a bucket: it listens before it is ready."""
    with Weed(tmp_path_factory.mktemp("weed")) as server:
        yield server.ready()


class TestSeaweed(FarContract):
    """Objects of a bucket, by multipart uploads."""

    @pytest.fixture(autouse=True)
    def _place(self, weed: Store, request: pytest.FixtureRequest) -> None:
        self.store, self.key = weed, f"folder/{request.node.name} ä.bin"

    def sink(self, op_id: str = "op-one") -> Far:
        return S3Object(access(f"s3://{BUCKET}/{self.key}", storage=Storage(self.store.options)), op_id)

    def put(self, data: bytes) -> None:
        self.store.put(self.key, data)

    def final(self) -> bytes | None:
        return self.store.get(self.key)

    def beside(self) -> list[str]:
        return [key for key in self.store.open_uploads() if key == self.key]
