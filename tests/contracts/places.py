"""Where the sinks of the contracts write to, looked at without them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbxfer.sinks.far import Far
from nbxfer.sinks.filesystem import FilesystemObject
from nbxfer.wire.access import access
from tests.servers.moto import Store


class InABucket:
    """An object of a store that speaks S3; a class that has this gives ``store``."""

    store: Store
    key: str

    @pytest.fixture(autouse=True)
    def _key(self, request: pytest.FixtureRequest) -> None:
        self.key = f"folder/{request.node.name} ä.bin"

    def final(self) -> bytes | None:
        return self.store.get(self.key)

    def beside(self) -> list[str]:
        return [key for key in self.store.open_uploads() if key == self.key]


class InMemory:
    """A file of fsspec's filesystem in memory; a copy is made of another one there."""

    @pytest.fixture(autouse=True)
    def _empty(self) -> Iterator[None]:
        import fsspec

        self.fs = fsspec.filesystem("memory")
        yield
        self.fs.store.clear()
        self.fs.pseudo_dirs[:] = [""]

    def sink(self, op_id: str = "op-one") -> Far:
        return FilesystemObject(access("memory://folder/thing.bin"), op_id)

    def final(self) -> bytes | None:
        found = self.fs.store.get("/folder/thing.bin")
        return None if found is None else bytes(found.getvalue())

    def beside(self) -> list[str]:
        return [path for path in self.fs.store if path not in ("/folder/thing.bin", "/other/from.bin")]


class InAFolder:
    """A file below a folder of this machine that a server shows; a class that has this gives ``folder``."""

    folder: Path

    @pytest.fixture(autouse=True)
    def _name(self, request: pytest.FixtureRequest) -> None:
        self.name = request.node.name.replace("[", "-").replace("]", "")

    @property
    def _final(self) -> Path:
        return Path(self.folder, self.name, "deep", "thing.bin")

    def final(self) -> bytes | None:
        return self._final.read_bytes() if self._final.exists() else None

    def beside(self) -> list[str]:
        there = self._final.parent
        return [path.name for path in there.iterdir() if path != self._final] if there.exists() else []
