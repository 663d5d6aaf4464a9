"""Sinks at a far side keep the contract against servers that pip and a package of Debian alone do not give."""

from __future__ import annotations

import pytest

from nbxfer.sinks.azure import AzureBlob
from nbxfer.sinks.far import Far
from nbxfer.sinks.gcs import GcsObject
from nbxfer.testing.far import FarContract
from nbxfer.wire.access import access
from nbxfer.wire.storage import Storage
from tests.servers.azurite import BOX, Azurite
from tests.servers.gcs import LAB, Gcs

pytestmark = pytest.mark.heavy


class TestAzure(FarContract):
    """Blobs of a container, by blocks, at Azurite."""

    @pytest.fixture(autouse=True)
    def _place(self, azurite: Azurite, request: pytest.FixtureRequest) -> None:
        self.server, self.name = azurite, f"folder/{request.node.name} ä.bin"

    def sink(self, op_id: str = "op-one") -> Far:
        storage = Storage({"connection_string": self.server.connection_string})
        return AzureBlob(access(f"az://{BOX}/{self.name}", storage=storage), op_id)

    def put(self, data: bytes) -> None:
        self.server.put(self.name, data)

    def final(self) -> bytes | None:
        return self.server.get(self.name)

    def beside(self) -> list[str]:
        """Blocks of one byte are what is left of those that were given up."""
        return [f"block of {size} bytes" for size in self.server.waiting(self.name) if size > 1]


class TestGcs(FarContract):
    """Objects of a bucket, composed of pieces, at an emulator."""

    @pytest.fixture(autouse=True)
    def _place(self, gcs: Gcs, request: pytest.FixtureRequest) -> None:
        self.server, self.folder = gcs, request.node.name
        self.name = f"{self.folder}/ä b.bin"

    def sink(self, op_id: str = "op-one") -> Far:
        return GcsObject(access(f"gs://{LAB}/{self.name}", storage=Storage(self.server.options)), op_id)

    def put(self, data: bytes) -> None:
        self.server.put(self.name, data)

    def final(self) -> bytes | None:
        return self.server.get(self.name)

    def beside(self) -> list[str]:
        return [name for name in self.server.names() if name.startswith(f"{self.folder}/") and name != self.name]
