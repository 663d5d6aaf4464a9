"""Google's objects on this machine: an emulator, and plain requests beside nbxfer that look into it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from tests.servers.processes import ServerProcess, free_port

LAB: Final = "lab"


class Gcs(ServerProcess):
    """gcp-storage-emulator with a bucket LAB. Skips the test where it is not installed."""

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("gcsfs")
        program = shutil.which("gcp-storage-emulator", path=str(Path(sys.prefix, "bin")))
        if program is None:
            pytest.skip("gcp-storage-emulator is not installed: make test-servers")
        port = free_port()
        command = [program, "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory", "--default-bucket", LAB]
        super().__init__(command, port, folder / "log")
        self.endpoint = f"http://127.0.0.1:{port}"
        self._objects = f"{self.endpoint}/storage/v1/b/{LAB}/o"

    @property
    def options(self) -> dict[str, Any]:
        """What a person gives as storage_options."""
        return {"endpoint_url": self.endpoint, "token": "anon", "project": "test"}

    def get(self, name: str) -> bytes | None:
        """Give what is there."""
        answer = httpx.get(f"{self._objects}/{quote(name, safe='')}", params={"alt": "media"})
        return None if answer.status_code == 404 else answer.raise_for_status().content

    def put(self, name: str, data: bytes) -> None:
        """Put something there."""
        place = f"{self.endpoint}/upload/storage/v1/b/{LAB}/o"
        kind = {"Content-Type": "application/octet-stream"}
        httpx.post(place, params={"uploadType": "media", "name": name}, content=data, headers=kind).raise_for_status()

    def names(self) -> list[str]:
        """Give the names of all objects."""
        return [str(item["name"]) for item in httpx.get(self._objects).json().get("items", ())]
