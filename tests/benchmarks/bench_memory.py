"""How far a process grows in one transfer of a large object of S3: ``python tests/benchmarks/bench_memory.py``.

Each in a process of its own, whose libraries were loaded by a small transfer of the same kind before. SeaweedFS serves;
without it (`make test-servers` installs it) there is nothing to measure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

MIB = 1 << 20
LARGE = 512 * MIB


def _memory(field: str) -> float:
    """Give a line of /proc/self/status, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def child(kind: str, options: dict[str, object], folder: Path) -> None:
    """Do one transfer after another of its kind, and print how much more the large one took at its peak."""
    import nbxfer

    def one(name: str) -> None:
        if kind == "download":
            nbxfer.download(f"s3://lab/{name}", folder / f"got-{name}", storage_options=options).result()
        elif kind == "upload":
            nbxfer.upload(folder / name, f"s3://lab/put-{name}", storage_options=options).result()
        else:
            nbxfer.copy(f"s3://lab/{name}", f"s3://lab/copy-{name}", storage_options=options).result()

    one("small")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here (proc(5))
    before = _memory("VmRSS")
    one("large")
    print(
        f"{kind} of {LARGE // MIB} MiB | {before:.0f} MiB before | {_memory('VmHWM') - before:.0f} MiB more at its peak"
    )


def main() -> None:
    """Print one line a kind of transfer."""
    from tests.servers.weed import Weed

    if not Path(sys.prefix, "bin", "weed").exists():
        print("SeaweedFS is not installed: make test-servers")
        return
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as name:
        folder = Path(name)
        (folder / "small").write_bytes(b"x" * 1000)
        with (folder / "large").open("wb") as file:
            for _ in range(LARGE // MIB):
                file.write(os.urandom(MIB))
        with Weed(folder) as server:
            store = server.ready()
            for each in ("small", "large"):
                store.client.upload_file(str(folder / each), "lab", each)
            for kind in ("download", "upload", "copy inside"):
                env = {**os.environ, "NBXFER_HOME": str(folder / kind), "NBXFER_PROGRESS": "off"}
                words = [sys.executable, __file__, kind, json.dumps(store.options), name]
                subprocess.run(words, check=True, env=env)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        child(sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
