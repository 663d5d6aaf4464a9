"""Sinks at a far side keep the contract against Debian's own servers, and against the reference server of tus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from nbxfer.core.policy import Patience
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Seal
from nbxfer.sinks.far import Far
from nbxfer.sinks.ftp import FtpFile
from nbxfer.sinks.sftp import SftpFile
from nbxfer.sinks.tus import TusUpload
from nbxfer.testing.drawing import DrawnContract
from nbxfer.testing.far import OTHER, SMALL, FarContract, Given
from nbxfer.wire.access import Access, access
from nbxfer.wire.ssh import close_idle
from nbxfer.wire.storage import Storage
from tests.contracts import test_drawn, test_far
from tests.servers import shares
from tests.servers.tusd import Tus

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def vsftpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shares.Share]:
    """Give a folder that vsftpd lets anybody write to."""
    with shares.vsftpd(tmp_path_factory.mktemp("vsftpd"), writable=True) as running:
        yield running


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shares.Share]:
    """Give OpenSSH's server."""
    with shares.sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running
        close_idle()


class TestVsftpd(test_far.InAFolder):
    """vsftpd."""

    @pytest.fixture(autouse=True)
    def _server(self, vsftpd: shares.Share) -> None:
        self.port, self.folder = vsftpd.port, vsftpd.folder

    def sink(self, op_id: str = "op-one") -> Far:
        return FtpFile(access(f"ftp://127.0.0.1:{self.port}/sub/{self.name}/deep/thing.bin"), op_id)


class TestOpenSsh(test_far.InAFolder):
    """OpenSSH's sftp."""

    @pytest.fixture(autouse=True)
    def _server(self, sshd: shares.Share) -> None:
        self.server, self.folder = sshd, sshd.folder

    def sink(self, op_id: str = "op-one") -> Far:
        place = f"sftp://127.0.0.1:{self.server.port}{self.folder}/{self.name}/deep/thing.bin"
        return SftpFile(access(place, storage=Storage(self.server.options)), op_id)


class TestOpenSshCopies(test_drawn.InAFolder, DrawnContract):
    """The same, which copies by itself (copy-data, since OpenSSH 9.0)."""

    binds = False

    @pytest.fixture(autouse=True)
    def _server(self, sshd: shares.Share) -> None:
        self.server, self.folder = sshd, sshd.folder / "copies"
        self.folder.mkdir(exist_ok=True)

    def _way(self, path: str, host: str = "127.0.0.1") -> Access:
        place = f"sftp://{host}:{self.server.port}{self.folder}/{path}"
        return access(place, storage=Storage(self.server.options))

    def sink(self, op_id: str = "op-one") -> Far:
        return SftpFile(self._way(f"{self.name}/deep/thing.bin"), op_id)

    def origin(self) -> Access:
        return self._way(f"{self.name} from")

    def elsewhere(self) -> Access:
        return self._way(f"{self.name} from", "localhost")


@pytest.fixture(scope="module")
def tus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tus]:
    """Give the reference server of tus."""
    with Tus(tmp_path_factory.mktemp("tus")) as server:
        yield server


class TestTus(FarContract):
    """@tus/server. Each upload is a thing of its own: nothing stands at a destination, and nothing is replaced."""

    @pytest.fixture(autouse=True)
    def _place(self, tus: Tus, request: pytest.FixtureRequest) -> None:
        self.server, self.name = tus, request.node.name

    def sink(self, op_id: str = "op-one") -> Far:
        return TusUpload(access(self.server.url), self.name, Patience())

    def final(self) -> bytes | None:
        whole = [data for size, data in self.server.uploads(self.name) if size == len(data)]
        return whole[-1] if whole else None

    def beside(self) -> list[str]:
        cut = [size for size, data in self.server.uploads(self.name) if size != len(data)]
        return [f"a part of {size} bytes" for size in cut]

    def test_large(self) -> None:
        """Pieces make one upload, in order; it is complete with the last of them, and not before."""
        with closing(self.sink()) as far:
            ticket = self.begun(far, self.large)
            for start, stop in self.pieces(ticket, self.large):
                assert self.final() is None
                far.put(ticket, Given(self.large, start, stop), len(self.large), self.stop)
            far.publish(ticket, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
        assert self.final() == self.large
        assert self.beside() == []

    def test_what_stands(self) -> None:
        """Two uploads of one name are two things."""
        self.sent(OTHER)
        self.sent(SMALL)
        assert [data for _, data in self.server.uploads(self.name)] == [OTHER, SMALL]

    def test_what_stands_is_kept(self) -> None:
        """Nothing is ever replaced."""
        self.sent(OTHER)
        self.sent(SMALL, replace=False)
        assert [data for _, data in self.server.uploads(self.name)] == [OTHER, SMALL]

    def test_discarded(self) -> None:
        """What is given up leaves nothing; it may be given up twice."""
        with closing(self.sink()) as far:
            ticket = self.begun(far, self.large)
            far.put(ticket, Given(self.large, *self.pieces(ticket, self.large)[0]), len(self.large), self.stop)
            far.discard(ticket, self.stop)
        with closing(self.sink()) as far:
            far.discard(ticket, self.stop)
            assert not far.held(ticket, len(self.large), RangeSet(), self.stop)
        assert self.server.uploads(self.name) == []

    def test_two_at_once(self) -> None:
        """Two uploads beside each other do not meet."""
        with closing(self.sink()) as one, closing(self.sink()) as two:
            first, second = self.begun(one, self.large), self.begun(two, SMALL)
            one.put(first, Given(self.large, *self.pieces(first, self.large)[0]), len(self.large), self.stop)
            self.send(two, second, SMALL)
            two.publish(second, Seal(len(SMALL), 0, 0), replace=True, stop=self.stop)
            for start, stop in self.pieces(first, self.large)[1:]:
                one.put(first, Given(self.large, start, stop), len(self.large), self.stop)
            one.publish(first, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
        assert sorted(len(data) for _, data in self.server.uploads(self.name)) == sorted((len(SMALL), len(self.large)))
