"""The sink for S3 keeps the contract against SeaweedFS, which holds more of the letter than an emulator does."""

from __future__ import annotations

import pytest

from nbxfer.sinks.far import Far
from nbxfer.sinks.s3 import S3Object
from nbxfer.testing.far import FarContract
from nbxfer.wire.access import access
from nbxfer.wire.storage import Storage
from tests.contracts import places
from tests.servers.moto import BUCKET, Store

pytestmark = pytest.mark.heavy


class TestSeaweed(places.InABucket, FarContract):
    """Objects of a bucket, by multipart uploads."""

    @pytest.fixture(autouse=True)
    def _store(self, weed: Store) -> None:
        self.store = weed

    def sink(self, op_id: str = "op-one") -> Far:
        return S3Object(access(f"s3://{BUCKET}/{self.key}", storage=Storage(self.store.options)), op_id)

    def put(self, data: bytes) -> None:
        self.store.put(self.key, data)
