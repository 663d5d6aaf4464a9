"""Files of Debian's own servers, samba and vsftpd, keep what every source has to keep. They cannot be spoiled."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nbxfer.core.probe import Want
from nbxfer.errors import AccessDenied, InvalidRequest, SourceNotFound
from nbxfer.sources.base import Source
from nbxfer.testing.sources import Served, SourceContract
from nbxfer.wire.pool import Pool
from tests.contracts.reaching import put, source
from tests.servers import shares

pytestmark = pytest.mark.heavy

_NEVER = (
    "name", "claims", "surplus", "no_ranges", "no_length", "early_end", "stop_while_nothing_is_answered",
    "stop_while_nothing_comes", "part_where_there_are_none", "ranges_are_not_to_be_had",
    "ranges_of_what_has_no_length",
)  # fmt: skip


class OfFiles(SourceContract, cannot=_NEVER):
    """What both have in common."""

    pool: Pool
    share: shares.Share
    path: Path

    @pytest.mark.parametrize("modified", [1_700_000_000.0])
    def test_modified(self, modified: float | None) -> None:
        """A file has a time of change, always."""
        super().test_modified(modified)

    def refused(self, url: str, error: type[Exception], words: str, **more: str) -> None:
        """Look that ``url`` cannot be had, and that it is said why."""
        options = {**self.share.options, **more}
        with closing(source(url, self.pool, options)) as asked, pytest.raises(error, match=words):
            asked.open(Want(), threading.Event())


@pytest.fixture(scope="module")
def samba(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shares.Share]:
    """Run smbd."""
    with shares.samba(tmp_path_factory.mktemp("samba")) as running:
        yield running


@pytest.fixture(scope="module")
def vsftpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shares.Share]:
    """Run vsftpd."""
    with shares.vsftpd(tmp_path_factory.mktemp("vsftpd")) as running:
        yield running


class TestSamba(OfFiles):
    """A file of a share."""

    @pytest.fixture(autouse=True)
    def _file(self, pool: Pool, samba: shares.Share) -> None:
        self.pool, self.share, self.path = pool, samba, samba.folder / f"{uuid.uuid4().hex} b#.bin"

    def serve(self, served: Served) -> Source:
        put(self.path, served)
        return source(self.url(self.path.name), self.pool, self.share.options)

    def url(self, name: str) -> str:
        """Give the URL of what is in the share."""
        return f"smb://127.0.0.1:{self.share.port}/lab/{name}"

    def test_refusals(self) -> None:
        """A folder, a share that is not there, a user that it does not know: each is called what it is."""
        (self.share.folder / "folder").mkdir(exist_ok=True)
        self.refused(self.url("folder"), InvalidRequest, "is a folder")
        self.refused(self.url("x").replace("/lab/", "/none/"), SourceNotFound, "There is no")
        self.refused(self.url("x"), AccessDenied, "may not be read", username="other")


class TestVsftpd(OfFiles):
    """A file over FTP."""

    @pytest.fixture(autouse=True)
    def _file(self, pool: Pool, vsftpd: shares.Share) -> None:
        self.pool, self.share, self.path = pool, vsftpd, vsftpd.folder / f"{uuid.uuid4().hex} b#.bin"

    def serve(self, served: Served) -> Source:
        put(self.path, served)
        return source(self.url(f"sub/{self.path.name}"), self.pool)

    def url(self, path: str) -> str:
        """Give the URL of what is shown."""
        return f"ftp://127.0.0.1:{self.share.port}/{path}"

    def test_refusals(self) -> None:
        """A folder, and a name that is not there, are called what they are."""
        self.refused(self.url("sub"), InvalidRequest, "is a folder")
        self.refused(self.url("sub/none"), SourceNotFound, "There is no")
