"""nbxfer beside those who bring files otherwise, in one run: tables of each job, and one of the ratios that matter.

Run: python tests/benchmarks/bench_peers.py [--quick] [--jobs large,small] [--peers nbxfer,aria2c] [--rounds 3]
[--size MIB] [--home FOLDER]. The whole takes about eleven minutes on two quiet cores; ``--quick`` (small sizes, one
round) shows in one that everything works, and its figures say nothing. It needs nginx; missing peers are skipped.

Python's peers and nbxfer run in a fresh process each time, which has imported them and has fetched a small file;
programs pay for their start. Beside a busy loop and at one connection's pace a run is cut after some seconds, and what
came by then counts. nbxfer's homes are on the disk that ``--home`` names (default: the folder for temporary files).
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import in_kernel, moving, records
from tests.benchmarks.stage import MIB, QUICK, Scale, Stage, installed
from tests.benchmarks.tables import Figure, summary
from tests.servers import nginx

JOBS = {
    "large": moving.large,
    "busy": moving.busy,
    "paced": moving.paced,
    "small": moving.small,
    "asking": in_kernel.asking,
    "cell": in_kernel.busy_cell,
    "memory": in_kernel.memory,
    "safety": moving.safety,
    "records": records.records,
}


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def main() -> None:
    """Do the jobs and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: does it work?")
    parser.add_argument("--jobs", type=_words, default=list(JOBS), help=f"some of {','.join(JOBS)}")
    parser.add_argument("--peers", type=_words, default=[], help="some of those that the tables show")
    parser.add_argument("--rounds", type=int, help="how often each is asked (3)")
    parser.add_argument("--size", type=int, help="MiB of the large file (1024)")
    parser.add_argument("--home", type=Path, help="the folder for nbxfer's homes")
    asked = parser.parse_args()
    if unknown := [job for job in asked.jobs if job not in JOBS]:
        parser.error(f"there is no job {unknown[0]}")
    if nginx.PROGRAM is None:
        sys.exit("There are no figures without nginx (Debian, Ubuntu: sudo apt-get install nginx-light).")
    scale = QUICK if asked.quick else Scale()
    if asked.rounds:
        scale = replace(scale, rounds=asked.rounds)
    if asked.size:
        scale = replace(scale, size=asked.size * MIB)
    begin = time.monotonic()
    print(f"CPython {platform.python_version()}, {platform.system()} {platform.release()}, {in_kernel.cores()}")
    names = installed(asked.peers)
    figures: list[Figure] = []
    with Stage(scale, asked.home) as stage:
        for job in asked.jobs:
            started = time.monotonic()
            try:
                figures += JOBS[job](stage, names)
            except Exception as error:  # the others are of use without it
                print(f"\n== {job} failed: {type(error).__name__}: {error}")
                figures.append(Figure(f"{job}: failed", None, "", made_of=type(error).__name__))
            print(f"   ({job}: {time.monotonic() - started:.0f} s)", flush=True)
    print(
        f"\n{time.strftime('%Y-%m-%d')}, {in_kernel.cores()}, rounds: {scale.rounds}; {time.monotonic() - begin:.0f} s"
    )
    if asked.quick:
        print("Small sizes and one round: these figures say nothing of speed.")
    summary(figures)


if __name__ == "__main__":
    main()
