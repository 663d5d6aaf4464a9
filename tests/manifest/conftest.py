"""A home of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbxfer.manifest.folder import FolderManifest


@pytest.fixture
def manifest(tmp_path: Path) -> Iterator[FolderManifest]:
    """Give a manifest that has begun."""
    made = FolderManifest(tmp_path / "home")
    made.begin()
    yield made
    made.end()
