"""@tus/server on this machine: the reference server of tus, which keeps what it gets in a folder."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.servers.processes import ServerProcess, free_port

_HOME: Final = Path(sys.prefix) / "npm" / "node_modules"
_PROGRAM: Final = """
import {Server} from "%(home)s/@tus/server/dist/index.js"
import {FileStore} from "%(home)s/@tus/file-store/dist/index.js"
const server = new Server({path: "/files", datastore: new FileStore({directory: "%(folder)s"})})
server.listen({host: "127.0.0.1", port: %(port)d})
"""


class Tus(ServerProcess):
    """The server. Skips the test where it is not installed."""

    def __init__(self, folder: Path) -> None:
        node = shutil.which("node")
        if node is None or not (_HOME / "@tus" / "server").exists():
            pytest.skip("@tus/server is not installed: make test-servers")
        port, self.kept, program = free_port(), folder / "kept", folder / "server.mjs"
        self.kept.mkdir()
        program.write_text(_PROGRAM % {"home": _HOME, "folder": self.kept, "port": port})
        super().__init__([node, str(program)], port, folder / "log")

    @property
    def url(self) -> str:
        """Where uploads are begun."""
        return f"tus://127.0.0.1:{self.port}/files"

    def uploads(self, name: str) -> list[tuple[int, bytes]]:
        """Give the length that was announced of each upload of that name, and what has come of it."""
        found = []
        for told in sorted(self.kept.glob("*.json"), key=lambda path: path.stat().st_mtime):
            said = json.loads(told.read_text())
            if said.get("metadata", {}).get("filename") == name and told.with_suffix("").exists():
                found.append((int(said["size"]), told.with_suffix("").read_bytes()))
        return found
