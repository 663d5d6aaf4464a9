"""The sources of stores keep what every source has to keep, each against a real server of its kind."""

from __future__ import annotations

import os
import threading
import uuid
import zipfile
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
from tests.servers import stores
from tests.servers.stores import PASSWORD, USER

NEVER = ("name", "claims", "surplus")
#: What a backend cannot do that has no server, which could break, stall or lie.
STEADY = (
    *NEVER, "no_ranges", "no_length", "early_end", "stop_while_nothing_is_answered", "stop_while_nothing_comes",
    "part_where_there_are_none", "part_of_no_version", "ranges_are_not_to_be_had", "ranges_of_what_has_no_length",
)  # fmt: skip


class Dated(SourceContract):
    """A kind of file that has a time of change, always."""

    @pytest.mark.parametrize("modified", [1_700_000_000.0])
    def test_modified(self, modified: float | None) -> None:
        """A file has a time of change, always."""
        super().test_modified(modified)


class TestMemory(SourceContract, cannot=(*STEADY, "modified")):
    """fsspec's files in memory: they can neither break nor stall."""

    @pytest.fixture(autouse=True)
    def _name(self, pool: Pool) -> Iterator[None]:
        import fsspec

        self.pool, self.fs, self.path = pool, fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}/a b#1.bin"
        yield
        self.fs.store.pop(self.path, None)

    def serve(self, served: Served) -> Source:
        known = self.fs.store.get(self.path)
        if served.missing:
            self.fs.store.pop(self.path, None)
        elif known is None or known.getvalue() != served.data:
            self.fs.pipe_file(self.path, served.data)
        return source(f"memory://{self.path.removeprefix('/')}", self.pool)


class TestLocal(Dated, cannot=STEADY):
    """A file of this machine."""

    @pytest.fixture(autouse=True)
    def _file(self, pool: Pool, tmp_path: Path) -> None:
        self.pool, self.path = pool, tmp_path / "a b#1.bin"

    def serve(self, served: Served) -> Source:
        if served.missing or not self.path.exists() or self.path.read_bytes() != served.data:
            put(self.path, served)  # the same bytes written again are another version: the inode has changed
        return source(f"file://{self.path}", self.pool)


class TestZip(SourceContract, cannot=(*STEADY, "modified")):
    """A member of an archive, which has a CRC and so a version."""

    @pytest.fixture(autouse=True)
    def _file(self, pool: Pool, tmp_path: Path) -> None:
        self.pool, self.path = pool, tmp_path / "a.zip"

    def serve(self, served: Served) -> Source:
        with zipfile.ZipFile(self.path, "w") as archive:
            archive.writestr("other.txt", "x")
            if not served.missing:
                archive.writestr("in/a b.bin", served.data)
        return source(f"zip://in/a b.bin::file://{self.path}", self.pool)


class TestS3(SourceContract, cannot=(*NEVER, "modified", "no_length", "ranges_of_what_has_no_length")):
    """An object of S3: moto's, with keys that no web URL could have."""

    @pytest.fixture(autouse=True)
    def _bucket(self, pool: Pool, moto: stores.Moto) -> Iterator[None]:
        self.pool, self.moto, self.key = pool, moto, f"{uuid.uuid4().hex}/a b?c#1%20.bin"
        yield
        self.moto.spoiling.served = Served()

    def serve(self, served: Served) -> Source:
        self.moto.spoiling.served = served
        if served.missing:
            self.moto.client.delete_object(Bucket="lab", Key=self.key)
        else:
            self.moto.client.put_object(Bucket="lab", Key=self.key, Body=served.data)
        return source(f"s3://lab/{self.key}", self.pool, self.moto.options)

    @pytest.mark.parametrize(
        ("url", "error", "words"),
        [
            ("s3://lab/folder", InvalidRequest, "is a folder"),
            ("s3://lab/none", SourceNotFound, "There is no s3://lab/none"),
            ("s3://nolab/x", SourceNotFound, "no bucket"),
        ],
    )
    def test_refusals(self, url: str, error: type[Exception], words: str) -> None:
        """A folder, a key and a bucket that are not there are called what they are."""
        self.moto.client.put_object(Bucket="lab", Key="folder/x", Body=b"x")
        with closing(source(url, self.pool, self.moto.options)) as asked, pytest.raises(error, match=words):
            asked.open(Want(), threading.Event())

    def test_no_credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where no credentials are to be found, that is said, and how to give some."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        options = {"endpoint_url": self.moto.endpoint}
        with (
            closing(source("s3://lab/none", self.pool, options)) as asked,
            pytest.raises(AccessDenied, match="may not be read") as caught,
        ):
            asked.open(Want(), threading.Event())
        assert "Give credentials" in (caught.value.hint or "")


class TestWebdav(Dated, cannot=(*NEVER, "no_length", "ranges_of_what_has_no_length")):
    """A file on a WebDAV server."""

    @pytest.fixture(autouse=True)
    def _file(self, pool: Pool, dav: stores.Dav) -> Iterator[None]:
        self.pool, self.dav, self.path = pool, dav, dav.folder / f"{uuid.uuid4().hex} b%20#.bin"
        yield
        self.dav.spoiling.served = Served()

    def serve(self, served: Served) -> Source:
        self.dav.spoiling.served = served
        put(self.path, served)
        url = f"webdav://127.0.0.1:{self.dav.port}/{self.path.name}"
        return source(url, self.pool, auth=(USER, PASSWORD))


class TestSftp(
    Dated,
    cannot=(*NEVER, "no_ranges", "no_length", "part_where_there_are_none", "ranges_are_not_to_be_had",
            "ranges_of_what_has_no_length"),
):  # fmt: skip
    """A file over SFTP, from asyncssh's server."""

    @pytest.fixture(autouse=True)
    def _file(self, pool: Pool, sftp: stores.Sftp) -> Iterator[None]:
        self.pool, self.sftp, self.path = pool, sftp, sftp.folder / f"{uuid.uuid4().hex} b#.bin"
        yield
        self.sftp.vices.served = Served()

    def serve(self, served: Served) -> Source:
        self.sftp.vices.served = served
        put(self.path, served)
        return source(f"sftp://127.0.0.1:{self.sftp.port}/{self.path.name}", self.pool, self.sftp.options())


class TestFtp(Dated, cannot=(*NEVER,)):
    """A file over FTP, from pyftpdlib."""

    @pytest.fixture(autouse=True)
    def _file(self, pool: Pool, ftp: stores.Ftp) -> Iterator[None]:
        self.pool, self.ftp, self.path = pool, ftp, ftp.folder / f"{uuid.uuid4().hex} b#.bin"
        yield
        self.ftp.vices.served = Served()

    def serve(self, served: Served) -> Source:
        self.ftp.vices.served = served
        put(self.path, served)
        return source(f"ftp://127.0.0.1:{self.ftp.port}/{self.path.name}", self.pool, auth=(USER, PASSWORD))
