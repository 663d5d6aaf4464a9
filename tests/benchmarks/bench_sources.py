"""Stores as sources, beside those who do it otherwise: ``python tests/benchmarks/bench_sources.py``.

In one run, taken in turns, medians of three: a large object of S3 (moto, in a process of its own) by nbxfer, s3fs and
obstore; many small ones by nbxfer and s3fs; a file over SFTP (asyncssh's server) by nbxfer and sshfs, where that is
installed; and how far the process grows in a large download. With ``--weed`` SeaweedFS stands in for moto.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from nbxfer.session import Session  # noqa: E402  (run from a plain checkout)

LARGE, SMALL, MANY, TURNS = 256 << 20, 10_000, 2000, 3


def serve(kind: str, folder: Path) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start a server in a process of its own; give what it says of itself."""
    if kind == "weed":
        return _weed(folder)
    script = (
        "import sys, time, pathlib; sys.path.insert(0, sys.argv[1]); from tests.servers import stores\n"
        "d = pathlib.Path(sys.argv[3])\n"
        "with (stores.moto() if sys.argv[2] == 's3' else stores.sftp(d / 'served', d)) as s:\n"
        "    print(s.endpoint if sys.argv[2] == 's3' else f'{s.port} {s.known_hosts}', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(ROOT), kind, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.readline().split()
    if kind == "s3":
        return process, {"endpoint_url": said[0], "key": "lab", "secret": "l4b-w0rd"}
    return process, {"port": int(said[0]), "known_hosts": said[1], "username": "lab", "password": "l4b-w0rd"}


def _weed(folder: Path) -> tuple[subprocess.Popen[Any], dict[str, Any]]:
    """Start SeaweedFS, where it is installed (`make test-servers` does that): a real store, and not in memory."""
    from tests.servers.weed import Weed

    kept = folder / "weed"
    kept.mkdir()
    server = Weed(kept)
    server.start()
    store = server.ready()
    return server.process, {"endpoint_url": store.endpoint, "key": store.key, "secret": store.secret}


def measured(name: str, runs: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Run each in turns; print and give the median seconds of each."""
    took: dict[str, list[float]] = {who: [] for who in runs}
    for _ in range(TURNS):
        for who, run in runs.items():
            begun = time.perf_counter()
            run()
            took[who].append(time.perf_counter() - begun)
    medians = {who: statistics.median(times) for who, times in took.items()}
    ours = medians["nbxfer"]
    print(name, *(f"{who} {t:.2f} s ({t / ours:.2f})" for who, t in medians.items()), sep=" | ", flush=True)
    return medians


def main() -> None:
    """Print one line a job: who, the median, and its ratio to nbxfer's."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    os.environ["NBXFER_CACHE_DIR"] = str(folder / "cache")
    os.environ["NBXFER_PROGRESS"] = "off"
    (folder / "served").mkdir()
    session = Session(home=folder / "home")
    number = iter(range(10**6))
    s3, options = serve("weed" if "--weed" in sys.argv else "s3", folder)
    ssh, way = serve("sftp", folder)
    try:
        _s3(session, folder, options, number)
        _sftp(session, folder, way, number)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak of this process, peers and all: {peak:.0f} MiB")
    finally:
        session.close()
        for process in (s3, ssh):
            process.kill()
            process.wait()
        subprocess.run(["rm", "-rf", str(folder)], check=False)


def _s3(session: Session, folder: Path, options: dict[str, Any], number: Any) -> None:
    import obstore
    import s3fs
    from obstore.store import S3Store

    fs = s3fs.S3FileSystem(**options)
    block = os.urandom(1 << 20)
    fs.pipe_file("lab/large", block * (LARGE >> 20))
    store = S3Store(
        "lab", endpoint=options["endpoint_url"], access_key_id=options["key"], secret_access_key=options["secret"],
        region="us-east-1", client_options={"allow_http": True},
    )  # fmt: skip

    def ours() -> None:
        session.download("s3://lab/large", folder / f"o{next(number)}", storage_options=options).result()

    def by_obstore() -> None:
        with open(folder / f"b{next(number)}", "wb") as file:
            file.writelines(obstore.get(store, "large").stream(min_chunk_size=8 << 20))

    measured("S3, 256 MiB", {
        "nbxfer": ours,
        "s3fs": lambda: fs.get_file("lab/large", str(folder / f"f{next(number)}")),
        "obstore": by_obstore,
    })  # fmt: skip
    _clear(folder)
    names = [f"many/{n}" for n in range(MANY)]
    fs.pipe({f"lab/{name}": block[:SMALL] for name in names})

    def many() -> None:
        batch = session.download(
            [f"s3://lab/{name}" for name in names], folder / f"m{next(number)}", storage_options=options
        )
        batch.results()

    def by_s3fs() -> None:
        where = folder / f"n{next(number)}"
        where.mkdir()
        fs.get([f"lab/{name}" for name in names], [str(where / str(n)) for n in range(MANY)])

    measured(f"S3, {MANY} of 10 kB", {"nbxfer": many, "s3fs": by_s3fs})


def _sftp(session: Session, folder: Path, way: dict[str, Any], number: Any) -> None:
    (folder / "served" / "large").write_bytes(os.urandom(1 << 20) * 128)
    os.utime(folder / "served" / "large", (1_700_000_000, 1_700_000_000))
    own = {name: value for name, value in way.items() if name != "port"}
    url = f"sftp://127.0.0.1:{way['port']}/large"
    runs: dict[str, Callable[[], None]] = {
        "nbxfer": lambda: session.download(url, folder / f"s{next(number)}", storage_options=own).result() and None
    }
    if importlib.util.find_spec("sshfs") is not None:
        from sshfs import SSHFileSystem

        fs = SSHFileSystem("127.0.0.1", **{**way, "known_hosts": None})
        runs["sshfs"] = lambda: fs.get_file("/large", str(folder / f"h{next(number)}"))
    measured("SFTP, 128 MiB", runs)


def _clear(folder: Path) -> None:
    for path in folder.glob("[obf][0-9]*"):
        path.unlink()


if __name__ == "__main__":
    main()
