"""The sources of the clouds keep what every source has to keep: Azurite, an emulator of Google's, a hub."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest

from nbxfer.core.probe import Want
from nbxfer.errors import AccessDenied, InvalidRequest, SourceNotFound
from nbxfer.sources.base import Source
from nbxfer.testing.sources import Served, SourceContract, read_all
from nbxfer.wire.pool import Pool
from tests.contracts.reaching import source
from tests.servers import clouds

pytestmark = pytest.mark.heavy

_NEVER = ("name", "claims", "surplus", "modified", "no_length", "ranges_of_what_has_no_length")


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clouds.Azure]:
    """Azurite."""
    with clouds.azurite(tmp_path_factory.mktemp("azure")) as running:
        yield running


@pytest.fixture(scope="module")
def google() -> Iterator[clouds.Google]:
    """An emulator of Google Cloud Storage."""
    with clouds.google() as running:
        yield running


class TestAzure(SourceContract, cannot=_NEVER):
    """A blob of Azurite, with a name that no web URL could have."""

    @pytest.fixture(autouse=True)
    def _blob(self, pool: Pool, azure: clouds.Azure) -> Iterator[None]:
        self.pool, self.azure, self.key = pool, azure, f"{uuid.uuid4().hex}/a b#1%20.bin"
        self.data: bytes | None = None
        yield
        azure.spoiling.served = Served()

    def serve(self, served: Served) -> Source:
        self.azure.spoiling.served = served
        data = None if served.missing else served.data
        if data is not None and data != self.data:
            self.azure.box.upload_blob(self.key, data, overwrite=True)
        self.data = data
        return source(f"az://box/{self.key}", self.pool, self.azure.options)

    def test_folder(self) -> None:
        """A folder where a file is meant is called so; and so is a container that is not there."""
        self.serve(Served(data=b"x"))
        with (
            closing(source(f"az://box/{self.key.partition('/')[0]}", self.pool, self.azure.options)) as folder,
            pytest.raises(InvalidRequest, match="is a folder"),
        ):
            folder.open(Want(), threading.Event())
        with (
            closing(source("az://nobox/x", self.pool, self.azure.options)) as nowhere,
            pytest.raises(SourceNotFound, match="no bucket"),
        ):
            nowhere.open(Want(), threading.Event())


class TestGoogle(SourceContract, cannot=_NEVER):
    """An object of the emulator, whose generation is told by what stands before it as Google tells it."""

    @pytest.fixture(autouse=True)
    def _object(self, pool: Pool, google: clouds.Google) -> Iterator[None]:
        self.pool, self.google, self.key = pool, google, f"{uuid.uuid4().hex}/a b?c#1%20.bin"
        yield
        google.spoiling.served = Served()
        google.generations = True

    def serve(self, served: Served) -> Source:
        self.google.spoiling.served = served
        self.google.generations = served.validator
        self.google.put(self.key, None if served.missing else served.data)
        return source(f"gs://lab/{self.key}", self.pool, self.google.options)


class TestHub(SourceContract, cannot=_NEVER):
    """A file of a hub, that leads to a content network; no token goes there."""

    @pytest.fixture(autouse=True)
    def _hub(self, pool: Pool, canary: str) -> Iterator[None]:
        pytest.importorskip("huggingface_hub")
        self.pool, self.key = pool, "data/a b#1%20.bin"
        with clouds.hub(f"hf_{canary}") as self.hub:
            yield
            assert not [asked for asked in self.hub.asked if "Authorization" in asked or "Cookie" in asked]

    def serve(self, served: Served) -> Source:
        self.hub.spoiling.served = served
        self.hub.files = {} if served.missing else {self.key: served.data}
        return self.source(self.hub.token)

    def source(self, token: str | bool) -> Source:
        """Give the file, asked for with ``token``."""
        options = {"endpoint": self.hub.endpoint, "token": token}
        return source(f"hf://{self.hub.REPO}/{self.key}", self.pool, options)

    def test_token_is_needed(self) -> None:
        """Who has no token, or a wrong one, is told what is missing."""
        self.serve(Served(data=b"x"))
        with closing(self.source("hf_wrong")) as wrong, pytest.raises(AccessDenied, match="may not be read") as caught:
            wrong.open(Want(), threading.Event())
        assert "storage_options" in (caught.value.hint or "")
        assert self.hub.refused

    def test_one_commit(self) -> None:
        """What is open goes on being of its commit's version, or says that there is another."""
        source = self.serve(Served(data=b"x" * 5000))
        with closing(source), self.opened(source, Want()) as stream:
            assert read_all(stream) == b"x" * 5000
            assert dict(stream.probe.headers)["etag"]
