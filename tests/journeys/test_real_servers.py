"""Real nginx, Apache and Caddy, as Debian ships them: what they do with ranges, tags, codings and names."""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

import pytest
import trustme

from nbxfer.core.phases import Phase
from nbxfer.errors import BadAnswer
from nbxfer.session import Session
from tests.journeys.terminal import MIB, Terminal, sha256, until
from tests.servers import apache, caddy, nginx

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

BIG: Final = 48 * MIB
OLD: Final = 1_700_000_000  # when the files were made: a tag of the last second is weak, as it should be
#: What people call their files; each is asked for percent-encoded, and lands under its own name.
NAMES: Final = [
    "with space.bin", "plus+plus.bin", "ünïcödé.bin", "日本語.bin", "emoji😀.bin", "per%cent.bin", "per%20cent.bin",
    "semi;colon.bin", "hash#.bin", "question?.bin", "single'quote.bin", 'double"quote.bin', "at@host.bin",
    "amp&ersand.bin", "equals=.bin", "tilde~.bin", "[brackets](1).bin", "$dollar.bin", "comma,.bin", "a:b.bin",
    "no_extension", "..dots..bin", "-dash.bin", "x" * 120 + ".bin",
]  # fmt: skip


class Web(Protocol):
    """What the servers have in common."""

    def url(self, path: str, *, secure: bool = False) -> str:
        """Give the URL of a path."""
        ...

    def parts(self) -> int:
        """Give how often a part was sent."""
        ...


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    """Give a folder that other users may look into: Apache started by root serves as somebody else.

    pytest's own folders are private, and nothing that was not made here may be opened up for that.
    """
    with tempfile.TemporaryDirectory(prefix="nbxfer-servers-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def root(public: Path) -> Path:
    """Give the folder that all of them serve."""
    folder = public / "www"
    folder.mkdir()
    dice = random.Random(4)
    (folder / "big.bin").write_bytes(dice.randbytes(BIG))
    (folder / "small.bin").write_bytes(dice.randbytes(10_000))
    (folder / "empty.bin").write_bytes(b"")
    (folder / "text.txt").write_bytes(b"The quick brown fox.\n" * 50_000)
    for name in NAMES:
        (folder / name).write_bytes(name.encode())
    for path in folder.iterdir():
        os.utime(path, (OLD, OLD))
    return folder


@pytest.fixture(scope="module", params=["nginx", "apache", "caddy"])
def web(request: pytest.FixtureRequest, public: Path, root: Path, authority: trustme.CA) -> Iterator[Web]:
    """Give a running server, http and https."""
    run = Path(tempfile.mkdtemp(prefix=f"{request.param}-", dir=public))
    certificate = run / "server.pem"
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    kind, found = {
        "nginx": (nginx.Nginx, nginx.PROGRAM),
        "apache": (apache.Apache, apache.PROGRAM),
        "caddy": (caddy.Caddy, caddy.PROGRAM),
    }[request.param]
    if found is None:
        pytest.skip(f"{request.param} is not installed")
    with kind(root, run, certificate) as server:
        yield server


@pytest.fixture
def session(sessions: Callable[[], Session]) -> Session:
    """Give a session."""
    return sessions()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("secure", [False, True])
def test_a_large_file_over_several_connections(
    web: Web, secure: bool, ca: str, root: Path, session: Session, tmp_path: Path
) -> None:
    """A large file comes over several connections, right, and known to be one version throughout."""
    before = web.parts()
    op = session.download(web.url("/big.bin", secure=secure), tmp_path / "X", verify=ca)
    assert sha256(op.result(120)) == sha256(root / "big.bin")
    assert op.progress.integrity == "validator"
    assert op.progress.restarts == 0
    assert web.parts() - before >= 2, op.explain()


@pytest.mark.parametrize("name", ["small.bin", "empty.bin", "text.txt"])
def test_small_files(web: Web, name: str, root: Path, session: Session, tmp_path: Path) -> None:
    """Small files, none, and text that the server would like to compress come as they lie there."""
    op = session.download(web.url(f"/{name}"), tmp_path / "X")
    assert op.result(30).read_bytes() == (root / name).read_bytes()
    assert op.progress.integrity == "validator"


def test_a_kill_half_way(web: Web, root: Path, terminal: Terminal) -> None:
    """The process is killed half-way, twice; what goes on from there is right."""
    target = terminal.folder / "X"
    get = ("get", web.url("/big.bin"), "-o", str(target), "--bandwidth", "24 MB/s")
    for args in (get, ("resume", "--all")):
        process = terminal.start(*args)
        until(lambda: any(_allocated(p) > MIB for p in terminal.folder.glob(".X*.part")))
        process.kill()
        process.communicate()
        assert not target.exists()
    ended = terminal.run("resume", "--all", timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert sha256(target) == sha256(root / "big.bin")


def _allocated(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def test_asked_again(web: Web, root: Path, session: Session, tmp_path: Path) -> None:
    """A finished file is asked about, and comes again only when it is another: in place of the old one, whole."""
    name = f"again-{random.randrange(10**9)}.bin"
    for data in (b"old" * 1000, b"new!" * 1000):
        (root / name).write_bytes(data)
        os.utime(root / name, (OLD + len(data),) * 2)
        for time in range(2):
            op = session.download(web.url(f"/{name}"), tmp_path / "X")
            assert op.result(30).read_bytes() == data
            assert op.snapshot.received == len(data)
            assert ("still is the newest" in op.explain() or "still the newest" in op.explain()) is (time == 1), (
                op.explain()
            )


def test_another_version_half_way(web: Web, root: Path, session: Session, tmp_path: Path) -> None:
    """A file that is replaced while it is fetched, and again while that is paused: one version, whole."""
    name = f"change-{random.randrange(10**9)}.bin"

    def put(seed: int) -> bytes:
        data = random.Random(seed).randbytes(24 * MIB)
        aside = root / f".{name}"
        aside.write_bytes(data)
        os.utime(aside, (OLD + seed,) * 2)
        os.replace(aside, root / name)
        return data

    versions = [put(0)]
    op = session.download(web.url(f"/{name}"), tmp_path / "X", bandwidth="16 MB/s")
    until(lambda: op.snapshot.received > 4 * MIB)
    versions.append(put(1))
    until(lambda: op.snapshot.received > 6 * MIB)
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    versions.append(put(2))
    op.bandwidth = None
    op.resume()
    assert sha256(op.result(60)) == _digest(versions[2])
    (root / name).unlink()


def test_codings_are_not_asked_for(web: Web, root: Path, session: Session, tmp_path: Path) -> None:
    """A server that compresses where it may sends the bytes as they are, for that is what it is asked for."""
    path = "/encoded/text.txt" if isinstance(web, caddy.Caddy) else "/text.txt"
    op = session.download(web.url(path), tmp_path / "X")
    assert op.result(30).read_bytes() == (root / "text.txt").read_bytes()


@pytest.mark.parametrize("web", ["apache"], indirect=True)  # the others cannot be told to
def test_a_coding_that_is_forced(web: Web, session: Session, tmp_path: Path) -> None:
    """A server that compresses whatever it is asked for is refused: its ranges and its length are not the file's."""
    op = session.download(web.url("/forced/text.txt"), tmp_path / "X")
    error = op.exception(30)
    assert isinstance(error, BadAnswer)
    assert "gzip" in str(error)
    assert not op.path.exists()


@pytest.mark.parametrize(
    ("web", "path"), [("apache", "/weak/big.bin"), ("apache", "/untagged/big.bin"), ("caddy", "/untagged/big.bin")],
    indirect=["web"],
)  # fmt: skip
def test_weak_and_missing_tags(web: Web, path: str, root: Path, session: Session, tmp_path: Path) -> None:
    """Without a strong tag, a strong date ties parts together; without that, one connection does."""
    op = session.download(web.url(path), tmp_path / "X")
    assert sha256(op.result(60)) == sha256(root / "big.bin")
    assert op.progress.integrity == ("nothing" if "weak" in path else "validator")


@pytest.mark.parametrize("name", NAMES)
def test_names(web: Web, name: str, session: Session, tmp_path: Path) -> None:
    """What a file is called on the server is what it is called here, however its URL has to be written."""
    op = session.download(web.url("/" + quote(name)), f"{tmp_path}/")
    assert op.result(30).name == name
    assert op.path.read_bytes() == name.encode()


def test_many(web: Web, root: Path, session: Session, tmp_path: Path) -> None:
    """Three hundred files at once come over a handful of connections."""
    ops = [session.download(web.url("/small.bin"), tmp_path / f"X{i}") for i in range(300)]
    for op in ops:
        assert op.result(60).read_bytes() == (root / "small.bin").read_bytes()
