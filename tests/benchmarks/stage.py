"""Where the peers run: a server, what it serves, and processes that fetch it, one after the other.

The files, nginx and the destinations are in a memory file system; nbxfer's home is on a disk, for it syncs.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

from tests.benchmarks.peers import PEERS
from tests.benchmarks.yardstick import name_of
from tests.servers.nginx import Nginx

ROOT = Path(__file__).resolve().parents[2]
SHM = Path("/dev/shm")
MIB = 2**20
SMALL = 10 * 1024
#: Bytes a second that a connection gets below /paced/.
PACED = 20_000_000


@dataclass(frozen=True)
class Scale:
    """How big everything is: ``size``, ``paced``, ``stop_at`` in bytes, ``limit``, ``asking`` in seconds."""

    rounds: int = 3
    size: int = 1024 * MIB
    paced: int = 640 * MIB
    small: int = 5_000
    growing: tuple[int, ...] = (100, 1_000, 10_000)
    limit: float = 20.0
    busy_limit: float = 3.0
    asking: float = 8.0
    sparse: int = 10 * 1024 * MIB
    stop_at: int = 2 * 1024 * MIB
    queued: int = 10_000


QUICK = Scale(1, 64 * MIB, 48 * MIB, 200, (50, 100, 500), 5.0, 1.0, 1.0, 1024 * MIB, 128 * MIB, 500)


@dataclass(frozen=True)
class Run:
    """How one run went: seconds, bytes, CPU-seconds; ``kept``: how much of its own speed the loop beside it kept.

    ``cut``: it was ended by its limit, and ``bytes`` are those that had come. ``failed`` says what went wrong.
    """

    seconds: float = 0.0
    bytes: int = 0
    cpu: float = 0.0
    kept: float | None = None
    cut: bool = False
    failed: str = ""
    files: int = 0  # that were fetched

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.bytes / self.seconds if self.seconds else 0.0


class Stage:
    """A running nginx with ``/big.bin``, ``/paced/paced.bin``, ``/small/000000`` and so on, ``/sparse.bin``."""

    def __init__(self, scale: Scale, home: Path | None = None) -> None:
        self.scale = scale
        self._folder = tempfile.TemporaryDirectory(prefix="nbxfer-bench-", dir=SHM if SHM.is_dir() else None)
        self._disk = tempfile.TemporaryDirectory(prefix="nbxfer-bench-", dir=home)
        self.root, self.disk = Path(self._folder.name), Path(self._disk.name)
        self._runs = 0

    def __enter__(self) -> Self:
        www, run = self.root / "www", self.root / "run"
        for folder in (www, run, www / "small", self.root / "got"):
            folder.mkdir()
        self._fill(www)
        authority = trustme.CA()
        self.ca = self.root / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(run / "server.pem"))
        self.server = Nginx(www, run, run / "server.pem", http2=False, log=False, paced=PACED)
        self.server.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.server.__exit__(kind, error, None)
        self._folder.cleanup()
        self._disk.cleanup()

    def _fill(self, www: Path) -> None:
        with (www / "big.bin").open("wb") as file:
            for _ in range(self.scale.size // MIB):
                file.write(os.urandom(MIB))
        with (www / "paced.bin").open("wb") as file:
            file.write(os.urandom(MIB) * (self.scale.paced // MIB))
        for number in range(max(self.scale.small, *self.scale.growing)):
            (www / "small" / f"{number:06}").write_bytes(os.urandom(SMALL))
        (www / "sparse.bin").symlink_to(self.disk / "sparse.bin")
        with (self.disk / "sparse.bin").open("wb") as file:
            file.truncate(self.scale.sparse)

    # -- places --------------------------------------------------------------------------------------------------
    def folder(self) -> Path:
        """Give the path of a folder to fetch into, which is not there yet."""
        self._runs += 1
        return self.root / "got" / str(self._runs)

    def clear(self, folder: Path) -> None:
        """Remove what was fetched there, and the home of that run."""
        for path in (folder, folder.with_suffix(".warm"), folder.with_suffix(".list")):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        shutil.rmtree(self.disk / f"home{folder.name}", ignore_errors=True)

    def environ(self) -> dict[str, str]:
        """Give the environment of a process that fetches: a new home, nobody's configuration, our certificate."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("NBXFER_", "COV", "JPY_"))}
        mine = {"SSL_CERT_FILE": str(self.ca), "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(self.disk / "config")}
        return {**kept, **mine, "NBXFER_HOME": str(self.disk / f"home{self._runs}")}

    # -- runs ----------------------------------------------------------------------------------------------------
    def job(self, peer: str, urls: Sequence[str], folder: Path, limit: float, **more: bool) -> dict[str, Any]:
        """Give a job for one_run."""
        warm = self.server.url("/small/000000")
        return {"peer": peer, "urls": list(urls), "folder": str(folder), "limit": limit, "warm": warm} | {
            "many": more.get("many", False),
            "busy": more.get("busy", False),
        }

    def run(
        self,
        peer: str,
        *paths: str,
        secure: bool = False,
        many: bool = False,
        busy: bool = False,
        limit: float | None = None,
        under: Sequence[str] = (),
    ) -> Run:
        """Have a peer fetch ``paths`` in a process of its own, ``under`` another program (strace); check the bytes."""
        folder, most = self.folder(), limit or self.scale.limit
        urls = [self.server.url(path, secure=secure) for path in paths]
        return self.checked(folder, paths, lambda: self._process(peer, urls, folder, most, under, many, busy))

    def _process(
        self, peer: str, urls: list[str], folder: Path, most: float, under: Sequence[str], many: bool, busy: bool
    ) -> dict[str, Any]:
        job = self.root / "job.json"  # 10,000 URLs are too long for a command line
        job.write_text(json.dumps(self.job(peer, urls, folder, most, many=many, busy=busy)))
        command = [*under, sys.executable, "-m", "tests.benchmarks.one_run", str(job)]
        process = subprocess.Popen(
            command, env=self.environ(), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            said, complained = process.communicate(timeout=most + 60)
        except subprocess.TimeoutExpired:
            return {"failed": f"it did not come back within {most + 60:.0f} s"}
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        lines = said.decode().splitlines()
        if not lines:
            return {"failed": (complained.decode().strip().splitlines() or ["it said nothing"])[-1][:200]}
        found: dict[str, Any] = json.loads(lines[-1])
        return found

    def checked(self, folder: Path, paths: Sequence[str], result: Callable[[], dict[str, Any]]) -> Run:
        """Take a result of one_run, look whether the bytes are right, and remove them."""
        try:
            found = Run(**result())
            if found.failed:
                return found
            whole = [path for path in paths if self._right(path, folder / name_of(path))]
            if len(whole) < len(paths) and not found.cut:
                return Run(failed=f"{len(paths) - len(whole)} of {len(paths)} files are missing or wrong")
            return Run(**{**vars(found), "files": len(whole)})
        finally:
            self.clear(folder)

    def _right(self, path: str, got: Path) -> bool:
        """Look at both ends and at 16 places between them."""
        served = self.root / "www" / path.removeprefix("/paced/").lstrip("/")
        if not got.exists() or got.stat().st_size != served.stat().st_size:
            return False
        size = served.stat().st_size
        with served.open("rb") as ours, got.open("rb") as theirs:
            for at in (0, max(0, size - 65536), *(random.randrange(size) for _ in range(16 if size > MIB else 0))):
                ours.seek(at)
                theirs.seek(at)
                if ours.read(65536) != theirs.read(65536):
                    return False
        return True


def installed(wanted: Sequence[str] = ()) -> list[str]:
    """Give the peers that are here, of those that are wanted; say which are not."""
    names = [name for name in PEERS if name in wanted or (not wanted and "+" not in name and ":" not in name)]
    for name in names:
        if PEERS[name].missing:
            print(f"{name}: {PEERS[name].needs} is not installed here, skipped")
    return [name for name in names if not PEERS[name].missing]
