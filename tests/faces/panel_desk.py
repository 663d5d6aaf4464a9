"""A front desk for the panel's tests, imported inside their kernels: operations in every state, and some that move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Phase, Stall
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Entry, Published
from nbxfer.core.snapshot import Snapshot
from nbxfer.testing.session import FakeSession, snapshot
from tests.faces.payloads import ALL, NAMES

GB, MB = 1_000_000_000, 1_000_000


class PanelDesk(FakeSession):
    """Does at once what it is asked: the phase changes as the real machine's would. ``times`` are of the wishes."""

    def __init__(self, *snapshots: Snapshot, home: str = "/home/you/.local/state/nbxfer") -> None:
        self.times: list[float] = []
        super().__init__(snapshots, home)
        self.notebook = "/home/you/study.ipynb"

    def wish(self, op_id: str, verb: str, refused: Callable[[str], object] | None = None, **fields: Any) -> None:
        """Take a wish and grant it, unless it is to be refused."""
        self.times.append(time.time())
        super().wish(op_id, verb, refused, **fields)
        if (op_id, verb) in self.refuse:
            return
        if verb == "priority":
            old = self.board.get(op_id)
            assert old is not None
            self.change(op_id, old.phase, priority=fields["priority"])
            return
        phases = {
            "start": Phase.QUEUED,
            "pause": Phase.PAUSED,
            "resume": Phase.RUNNING,
            "retry": Phase.QUEUED,
            "cancel": Phase.CANCELED,
        }
        self.change(op_id, phases.get(verb, Phase.QUEUED), rate=None, eta=None, owner="ours", fault=None, due=None)

    def run(self, *op_ids: str, rate: float = 24 * MB) -> None:
        """Have these operations move, ten times a second, from a thread of its own."""

        def work() -> None:
            for _ in count():
                time.sleep(0.1)
                for op_id in op_ids:
                    old = self.board.get(op_id)
                    if old is not None and old.phase is Phase.RUNNING and old.total is not None:
                        here = min(old.total - 1, old.received + int(rate / 10))
                        eta = (old.total - here) / rate
                        self.change(op_id, Phase.RUNNING, received=here, rate=rate, eta=eta)

        threading.Thread(target=work, daemon=True).start()


def op(number: int, phase: Phase, name: str, host: str = "data.example.org", **fields: Any) -> Snapshot:
    """Give the snapshot of one operation."""
    return snapshot(
        f"{number:016x}",
        phase,
        url=f"https://{host}/sets/2026/{name}",
        destination=f"/home/you/data/{name}",
        notebook="/home/you/study.ipynb",
        **fields,
    )


def every_state() -> list[Snapshot]:
    """Give one operation in each state that a person may see."""
    broke = Fault("NetworkError", "The server closed the connection after 1.1 GB.", Remedy.RETRY)
    offline = Fault("Offline", "There is no route to archive.example.net.", Remedy.WAIT_ONLINE)
    taken = Fault("DestinationExists", "/home/you/data/results.csv is there already, and is another file.",
                  hint="Give if_exists='overwrite' to replace it, or another destination.")  # fmt: skip
    closed = Fault("NeedsAttention", "It needs credentials again: auth.", Remedy.PERSON,
                   hint="Go on with resume(headers=…, auth=…).")  # fmt: skip
    full = Fault("NoSpace", "/home has 1.2 GB left, 14 GB are needed.", Remedy.WAIT_ROOM)
    expired = Fault(
        "NeedsAttention",
        "https://bucket.s3.example.com/genome.bam… was answered with 403: the signed URL has expired.",
        Remedy.PERSON,
        http_status=403,
        hint="Go on with resume(url=…).",
    )
    absent = Fault(
        "SourceNotFound",
        "https://data.example.org/sets/2026/labels-v3.csv was answered with 404: there is nothing.",
        http_status=404,
        hint="Check the address.",
    )
    done = Published("/home/you/data/readme.md", 18_400, 0, "validator")
    proved = Published("/home/you/data/weights.safetensors", 4_950_000_000, 0, "digest")
    return [
        op(1, Phase.RUNNING, "imagenet-train.tar", received=62 * GB, total=148 * GB, rate=24.1 * MB, eta=3569.0),
        op(2, Phase.RUNNING, "stream.jsonl", "live.example.com", received=731 * MB, rate=3.4 * MB),
        op(18, Phase.RUNNING, "parallel.zarr.zip", received=33 * GB, total=80 * GB, rate=210 * MB, eta=224.0,
           held=RangeSet.of((n * 10 * GB, n * 10 * GB + size * GB) for n, size in enumerate((7, 5, 4, 6, 2, 3, 5, 1)))),
        op(3, Phase.STALLED, "corpus-07.parquet", received=1100 * MB, total=2400 * MB, fault=broke,
           due=time.time() + 42),
        op(4, Phase.PAUSED, "genome.bam", "bucket.s3.example.com", received=31 * GB, total=96 * GB, fault=expired),
        op(5, Phase.PAUSED, "video-archive.zip", received=3 * GB, total=9 * GB),
        op(6, Phase.VERIFYING, "sentinel-2.tif", "scenes.example.org", received=6 * GB, total=6 * GB),
        op(7, Phase.STALLED, "era5-2025.nc", "archive.example.net", received=0, total=3 * GB, fault=offline,
           stall=Stall.NO_NETWORK),
        op(8, Phase.STALLED, "model-70b.bin", received=26 * GB, total=40 * GB, fault=full, stall=Stall.SYSTEM),
        op(9, Phase.RUNNING, "lidar.laz", received=310 * MB, total=5 * GB, owner="orphaned"),
        op(10, Phase.QUEUED, "checkpoints.tar.zst"),
        op(11, Phase.FAILED, "labels-v3.csv", fault=absent),
        op(19, Phase.FAILED, "results.csv", received=1 * MB, total=1 * MB, fault=taken),
        op(20, Phase.PAUSED, "private.bin", "vault.example.org", received=2 * GB, total=8 * GB, fault=closed),
        op(12, Phase.CANCELED, "old-run.tar", received=40 * MB, total=700 * MB),
        op(13, Phase.DONE, "weights.safetensors", received=4_950_000_000, published=proved),
        op(14, Phase.DONE, "readme.md", received=18_400, published=done),
        op(15, Phase.PROBING, "tiles.mbtiles"),
        op(16, Phase.CREATED, "later.bin"),
        op(17, Phase.RUNNING, "shared.h5", received=2 * GB, total=4 * GB, rate=9 * MB, eta=220.0, owner="theirs"),
    ]  # fmt: skip


def showcase() -> list[Snapshot]:
    """Give a day's work: what runs, waits, needs somebody and is done."""
    story = tuple(
        Entry(1_764_000_000.0 + at, what, detail)
        for at, what, detail in (
            (0, "slot free", ""),
            (1, "probed", "8: ranges and a strong validator"),
            (47, "starved", "The server closed the connection after 900 MB."),
            (49, "condition met", ""),
            (50, "probed", "8: ranges and a strong validator"),
        )
    )
    lost = Fault("NetworkError", "The server closed the connection.", Remedy.RETRY)
    expired = Fault("NeedsAttention", "The signed URL has expired: bucket.s3.example.com answered 403.", Remedy.PERSON,
                    http_status=410, hint="Go on with resume(url=…).")  # fmt: skip
    spread = RangeSet.of(
        (n * 300 * MB, n * 300 * MB + size * MB) for n, size in enumerate((300, 240, 210, 150, 90, 60))
    )
    proved = Published("/home/you/data/weights.safetensors", 4_950_000_000, 0, "digest")
    return [
        op(1, Phase.RUNNING, "imagenet-train.tar", received=62 * GB, total=148 * GB, rate=24.1 * MB, eta=3569.0),
        op(2, Phase.RUNNING, "corpus-06.parquet", "hub.example.com", received=1050 * MB, total=2400 * MB,
           rate=11.4 * MB, eta=118.0, held=spread),
        op(3, Phase.STALLED, "corpus-07.parquet", "hub.example.com", received=900 * MB, total=2400 * MB, fault=lost,
           due=time.time() + 42, story=story, created=1_764_000_000.0),
        op(4, Phase.PAUSED, "genome.bam", "bucket.s3.example.com", received=31 * GB, total=96 * GB, fault=expired),
        op(5, Phase.PAUSED, "video-archive.zip", received=3 * GB, total=9 * GB),
        op(6, Phase.RUNNING, "model.pt", kind="upload", host="models.example.org", received=3 * GB, total=7 * GB,
           rate=31 * MB, eta=129.0),
        op(7, Phase.QUEUED, "checkpoints.tar.zst", "models.example.org", total=12 * GB),
        op(8, Phase.DONE, "weights.safetensors", "models.example.org", received=4_950_000_000, published=proved,
           changed=time.time() - 900),
    ]  # fmt: skip


def groups() -> list[Snapshot]:
    """Give two groups, an upload, a copy, and one that belongs to nobody."""
    shards = [
        op(100 + i, Phase.DONE if i < 5 else Phase.RUNNING if i < 8 else Phase.QUEUED, f"train-{i:03d}.parquet",
           received=640 * MB if i < 5 else 40 * MB * i if i < 8 else 0, total=640 * MB, group="imagenet shards",
           rate=9.1 * MB if 5 <= i < 8 else None, eta=38.0 if 5 <= i < 8 else None)
        for i in range(24)
    ]  # fmt: skip
    tiles = [
        op(200 + i, Phase.RUNNING if i else Phase.PAUSED, f"tile-{i}.tif", "scenes.example.org", total=900 * MB,
           received=(100 + 80 * i) * MB, group="sentinel tiles", rate=2.2 * MB if i else None, eta=90.0 if i else None)
        for i in range(4)
    ]  # fmt: skip
    up = {"kind": "upload", "host": "bucket.s3.example.com"}
    return [
        *shards,
        *tiles,
        op(300, Phase.RUNNING, "model.pt", **up, received=3 * GB, total=7 * GB, rate=31 * MB, eta=129.0),
        op(301, Phase.RUNNING, "b.parquet", kind="copy", received=1 * GB, total=2 * GB, rate=12 * MB, eta=83.0,
           priority=1),
        op(302, Phase.QUEUED, "after-that.csv"),
    ]  # fmt: skip


def hostile() -> list[Snapshot]:
    """Give three hundred operations whose every text is markup that would act."""
    states = (Phase.RUNNING, Phase.FAILED, Phase.PAUSED, Phase.STALLED, Phase.QUEUED)
    made = []
    for i, (text, name) in enumerate(zip(ALL, NAMES, strict=True)):
        fault = Fault("NeedsAttention", text, Remedy.PERSON, http_status=403, hint=text)
        base = op(1000 + i, states[i % 5], "x", fault=None if i % 5 in {0, 4} else fault, received=5, total=9)
        made.append(
            msgspec.structs.replace(
                base,
                name=name,
                host=text,
                source=text,
                destination=text,
                final_url=text,
                reason=text,
                group=text if i % 7 == 0 else "",
                notebook=base.notebook,
                story=(Entry(time.time(), text, text),),
                response=(("content-disposition", text),),
            )
        )
    return made


def many(number: int = 10_000) -> list[Snapshot]:
    """Give many operations, most of them over."""
    return [
        op(i, Phase.DONE, f"shard-{i:05d}.parquet", received=64 * MB, total=64 * MB)
        if i < number * 9 // 10
        else op(i, Phase.QUEUED, f"shard-{i:05d}.parquet", total=64 * MB)
        for i in range(number)
    ]


__all__ = ["PanelDesk", "every_state", "groups", "hostile", "many", "op", "showcase"]
