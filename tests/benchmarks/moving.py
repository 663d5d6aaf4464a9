"""The jobs in which bytes move from one server to one place, and others do the same beside nbxfer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial

from tests.benchmarks.peers import PEERS
from tests.benchmarks.stage import MIB, PACED, Run, Stage
from tests.benchmarks.tables import Figure, against, files, in_turns, median, rate, ratio, show
from tests.benchmarks.yardstick import LANES

#: Microseconds by which a sync is held up, where a slow disk is played; the calls that wait for one.
SLOW_SYNC, SYNCS = 10_000, "fdatasync,fsync,syncfs"


def _kept(runs: Sequence[Run]) -> float | None:
    return median(runs, lambda run: run.kept or 0.0)


def _all(names: Sequence[str], fetch: Callable[[str], Run]) -> dict[str, Callable[[], Run]]:
    return {name: partial(fetch, name) for name in names}


def large(stage: Stage, names: Sequence[str]) -> list[Figure]:
    """One large file while nothing else is computed."""
    figures = []
    for secure, least in ((False, 1.5), (True, 1.0)):
        what = f"one file of {stage.scale.size // MIB:,} MiB, {'https' if secure else 'http'}, idle"

        def fetch(name: str, *, secure: bool = secure) -> Run:
            return stage.run(name, "/big.bin", secure=secure)

        runs = in_turns(stage.scale.rounds, _all(names, fetch))
        show(what, runs)
        figures += [against(what, runs, "aria2c", least=least), against(what, runs, "threads", least=0.85)]
        if not secure:
            spent = median(runs.get("nbxfer", []), lambda run: run.cpu / run.bytes * 1e9)
            figures.append(Figure(what, spent, "CPU-s/GB", most=1.0))
    return figures


def busy(stage: Stage, names: Sequence[str]) -> list[Figure]:
    """The same while the process (for programs: another one) computes in pure Python."""
    figures = []
    for secure in (False, True):
        what = f"the same beside a busy loop, {'https' if secure else 'http'}"

        def fetch(name: str, *, secure: bool = secure) -> Run:
            return stage.run(name, "/big.bin", secure=secure, busy=True, limit=stage.scale.busy_limit)

        runs = in_turns(stage.scale.rounds, _all(names, fetch))
        show(f"{what}; kept: of the loop's own speed", runs)
        figures.append(against(what, runs, "aria2c", least=1.0))
        figures.append(against(f"{what}: what the loop keeps", runs, "aria2c", _kept, least=0.9, unit="of its speed"))
    return figures


def paced(stage: Stage, names: Sequence[str]) -> list[Figure]:
    """A server that gives each connection 20 MB/s."""
    names = [name for name in names if name in ("nbxfer", "threads", "aria2c", "curl", "obstore")]
    fetches = _all(names, lambda name: stage.run(name, "/paced/paced.bin", limit=2 + stage.scale.paced / PACED / 4))
    runs = in_turns(stage.scale.rounds, fetches)
    show(f"a server that gives {PACED / 1e6:.0f} MB/s a connection", runs)
    ours = rate(runs.get("nbxfer", []))
    made_of = f"{(ours or 0) / 1e6:.0f} MB/s"
    return [
        Figure(
            f"{PACED / 1e6:.0f} MB/s a connection, {LANES} of them",
            ratio(ours, LANES * PACED), "× nominal", least=0.95, made_of=made_of,
        )
    ]  # fmt: skip


def small(stage: Stage, names: Sequence[str]) -> list[Figure]:
    """Many small files in one call; nbxfer's are durable, theirs are not. Then the same for other numbers of files."""
    names = [name for name in names if PEERS[name].many is not None]
    fetch = _small(stage, stage.scale.small)
    runs = in_turns(stage.scale.rounds, _all(names, fetch))
    what = f"{stage.scale.small:,} × 10 KiB"
    show(what, runs, "files/s")
    ours = files(runs.get("nbxfer", []))
    figures = [
        Figure(what, ours, "files/s", least=5_000),
        against(f"{what} (the stretch)", runs, "aria2c", files, 1.0, "files/s"),
    ]
    if "nbxfer" not in names:
        return figures
    sizes = {f"{count:,}": count for count in stage.scale.growing}
    fetches = {label: partial(_small(stage, count), "nbxfer") for label, count in sizes.items()}
    growing = in_turns(stage.scale.rounds, fetches, anchors=list(sizes))
    show("nbxfer, as many files as stand on the left", growing, "files/s")
    *_, fewer, most = sizes
    return [*figures, against(f"{most} files, × {fewer}", growing, fewer, files, 0.85, "files/s", ours=most)]


def _small(stage: Stage, count: int) -> Callable[[str], Run]:
    paths = [f"/small/{number:06}" for number in range(count)]
    return lambda name: stage.run(name, *paths, many=True)


def safety(stage: Stage, names: Sequence[str]) -> list[Figure]:
    """What block checksums and checkpoints cost.

    There is no switch for them. So the yardstick with and without a CRC-32C of each 4 MiB says what checksums must
    cost, and nbxfer under strace, with and without 10 ms more in each sync, what waiting for a disk costs: in each
    fdatasync (of the part, while it grows and at its end), and in each sync of anything (folder and journal, too).
    """
    fetches: dict[str, Callable[[], Run]] = {
        name: partial(stage.run, name, "/big.bin") for name in ("nbxfer", "threads", "threads+crc")
    }
    if shutil.which("strace"):
        for name, slowed in (("strace", ""), ("slow fdatasync", "fdatasync"), ("slow syncs", SYNCS)):
            under = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={SYNCS}"]
            under += ["-e", f"inject={slowed}:delay_enter={SLOW_SYNC}"] if slowed else []
            fetches[name] = partial(stage.run, "nbxfer", "/big.bin", under=under)
    else:
        print("strace is not installed here: no slow syncs")
    runs = in_turns(stage.scale.rounds, fetches, anchors=list(fetches))
    show("what being safe costs; below the third line: nbxfer", runs, references=("threads", "strace"))
    return [
        against("10 ms more in each fdatasync", runs, "strace", least=0.9, ours="slow fdatasync"),
        against("10 ms more in every sync there is", runs, "strace", ours="slow syncs"),
        against("plain threads that take CRC-32C, too", runs, "threads", ours="threads+crc"),
        against("nbxfer, with all that it does", runs, "threads+crc"),
    ]
