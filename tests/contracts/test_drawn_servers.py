"""Stores that take an object of their own by themselves, against servers that pip alone does not give."""

from __future__ import annotations

import pytest

from nbxfer.core.probe import Validator
from nbxfer.sinks.azure import AzureBlob
from nbxfer.sinks.far import Far
from nbxfer.sinks.gcs import GcsObject
from nbxfer.testing.drawing import DrawnContract
from nbxfer.wire.access import Access, access
from nbxfer.wire.storage import Storage
from tests.contracts import test_drawn
from tests.servers.azurite import BOX, Azurite
from tests.servers.gcs import LAB, Gcs
from tests.servers.moto import Store

pytestmark = pytest.mark.heavy


class TestSeaweed(test_drawn.TestS3):
    """SeaweedFS, which holds more of the letter than an emulator."""

    @pytest.fixture(autouse=True)
    def _store(self, weed: Store) -> None:
        self.store = weed


class TestGcs(DrawnContract):
    """An emulator; it does not heed the generation that it is told."""

    binds = False

    @pytest.fixture(autouse=True)
    def _place(self, gcs: Gcs, request: pytest.FixtureRequest) -> None:
        self.server, self.folder = gcs, request.node.name
        self.name = f"{self.folder}/ä b.bin"

    def _way(self, name: str) -> Access:
        return access(f"gs://{LAB}/{name}", storage=Storage(self.server.options))

    def sink(self, op_id: str = "op-one") -> Far:
        return GcsObject(self._way(self.name), op_id)

    def origin(self) -> Access:
        return self._way(f"{self.name} from")

    def elsewhere(self) -> Access:
        return access(self.origin().url, storage=Storage({**self.server.options, "project": "other"}))

    def put(self, data: bytes) -> Validator | None:
        self.server.put(f"{self.name} from", data)
        return None

    def final(self) -> bytes | None:
        return self.server.get(self.name)

    def beside(self) -> list[str]:
        ours = (self.name, f"{self.name} from")
        return [name for name in self.server.names() if name.startswith(f"{self.folder}/") and name not in ours]


class TestAzure(DrawnContract):
    """Azurite, which copies whole blobs, and knows no blocks from a URL."""

    @pytest.fixture(autouse=True)
    def _place(self, azurite: Azurite, request: pytest.FixtureRequest) -> None:
        self.server, self.name = azurite, f"folder/{request.node.name} ä.bin"

    def _way(self, name: str) -> Access:
        return access(f"az://{BOX}/{name}", storage=Storage({"connection_string": self.server.connection_string}))

    def sink(self, op_id: str = "op-one") -> Far:
        return AzureBlob(self._way(self.name), op_id)

    def origin(self) -> Access:
        return self._way(f"{self.name} from")

    def elsewhere(self) -> Access:
        return access(self.origin().url, storage=Storage({"connection_string": "another"}))

    def put(self, data: bytes) -> Validator | None:
        self.server.put(f"{self.name} from", data)
        found = self.server.service.get_blob_client(BOX, f"{self.name} from").get_blob_properties()
        return Validator("etag", found.etag)

    def final(self) -> bytes | None:
        return self.server.get(self.name)

    def beside(self) -> list[str]:
        return [f"block of {size} bytes" for size in self.server.waiting(self.name) if size > 1]
