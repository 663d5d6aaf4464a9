"""Every manifest keeps the contract: the one in a folder, and its twin in memory."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import msgspec
import pytest

from nbxfer.core.lease import LAPSED_AFTER, Process
from nbxfer.manifest import machine
from nbxfer.manifest.base import Manifest
from nbxfer.manifest.folder import FolderManifest
from nbxfer.manifest.memory import MemoryHome, MemoryManifest
from nbxfer.testing.manifests import ManifestContract


class TestFolder(ManifestContract):
    """On a disk, with a process table that the test rules."""

    @pytest.fixture(autouse=True)
    def _empty(self, tmp_path: Path) -> None:
        self.home = tmp_path / "home"
        self.gone: set[int] = set()
        self.numbers = itertools.count(100)

    def process(self) -> FolderManifest:
        me = msgspec.structs.replace(machine.this_owner("a.ipynb"), process=Process(next(self.numbers), "then"))
        return FolderManifest(self.home, me=me, lives=lambda process: process.pid > 0 and process.pid not in self.gone)

    def kill(self, manifest: Manifest) -> None:
        self.gone.add(manifest.me.process.pid)

    def silence(self, manifest: Manifest) -> None:
        path = self.home / "owners" / f"{manifest.me.id}.json"
        then = path.stat().st_mtime - LAPSED_AFTER - 1
        os.utime(path, (then, then))


class TestMemory(ManifestContract):
    """In memory."""

    @pytest.fixture(autouse=True)
    def _empty(self) -> None:
        self.home = MemoryHome()

    def process(self) -> MemoryManifest:
        return MemoryManifest(self.home)

    def kill(self, manifest: Manifest) -> None:
        self.home.kill(manifest.me.id)

    def silence(self, manifest: Manifest) -> None:
        self.home.silence(manifest.me.id)
