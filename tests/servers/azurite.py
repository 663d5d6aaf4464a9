"""Azure's blobs on this machine: Azurite, and its own client beside nbxfer that looks into it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers.processes import ServerProcess, free_port

NPM: Final = Path(sys.prefix) / "npm" / "node_modules" / ".bin"
BOX: Final = "box"
#: The account that Azurite has for everybody; its key is in Microsoft's documentation.
ACCOUNT: Final = "devstoreaccount1"
KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite(ServerProcess):
    """Azurite with a container BOX. Skips the test where it is not installed."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("azurite-blob", path=str(NPM))
        if program is None:
            pytest.skip("azurite is not installed: make test-servers")
        port = free_port()
        command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "-l", str(folder / "azurite")]
        super().__init__([*command, "--skipApiVersionCheck", "--disableTelemetry"], port, folder / "log")
        account = f"AccountName={ACCOUNT};AccountKey={KEY}"
        endpoint = f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        self.connection_string = f"DefaultEndpointsProtocol=http;{account};{endpoint}"

    def start(self) -> None:
        """Start it, and make the container."""
        blob = pytest.importorskip("azure.storage.blob")
        super().start()
        self.service: Any = blob.BlobServiceClient.from_connection_string(self.connection_string)
        self.service.create_container(BOX)

    def stop(self) -> None:
        """End it."""
        self.service.close()
        super().stop()

    def get(self, name: str) -> bytes | None:
        """Give what is there."""
        client = self.service.get_blob_client(BOX, name)
        return bytes(client.download_blob().readall()) if client.exists() else None

    def put(self, name: str, data: bytes) -> None:
        """Put something there."""
        self.service.get_blob_client(BOX, name).upload_blob(data, overwrite=True)

    def access(self) -> str:
        """Give what it was asked, a line a request."""
        return self.log.read_text()

    def names(self) -> list[str]:
        """Give the names of all blobs."""
        return [str(blob.name) for blob in self.service.get_container_client(BOX).list_blobs()]

    def waiting(self, name: str) -> list[int]:
        """Give the sizes of the blocks that are in no blob yet."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            _, blocks = self.service.get_blob_client(BOX, name).get_block_list("uncommitted")
        except ResourceNotFoundError:
            return []
        return [int(block.size) for block in blocks]
