"""The jobs that need a real kernel: does it answer, what does a busy cell leave, what does it grow by."""

from __future__ import annotations

import ast
import json
import math
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self

import psutil
from jupyter_client.manager import KernelManager

from tests.benchmarks.one_run import landed
from tests.benchmarks.stage import MIB, ROOT, Run, Stage
from tests.benchmarks.tables import Figure, against, in_turns, median, show

#: Seconds between two questions.
PAUSE = 0.01

_LOAD = """
import os, threading, time, nbxfer
session, moved, stop = nbxfer.Session(), [], threading.Event()
def load():
    number = 0
    while not stop.is_set():
        path = session.download({url!r}, {folder!r} + str(number), verify={ca!r}).result()
        moved.append((time.perf_counter(), path.stat().st_size))
        os.unlink(path)
        number += 1
thread = threading.Thread(target=load)
thread.start()
"""
_STOP = """
stop.set()
thread.join()
print(sum(size for _, size in moved[1:]) / (moved[-1][0] - moved[0][0]) if len(moved) > 1 else 0.0)
session.close()
"""


class Kernel:
    """A kernel as a front end has it, for as long as it is entered."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def __enter__(self) -> Self:
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(cwd=str(ROOT), env=self._environ, stderr=subprocess.DEVNULL)
        self._client: Any = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    @property
    def pid(self) -> int:
        """The process."""
        provisioner: Any = self._manager.provisioner
        return int(provisioner.pid)

    def run(self, code: str, timeout: float = 120) -> str:
        """Run a cell; give what it printed. Raises RuntimeError where it raised."""
        printed: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                printed.append(message["content"]["text"])

        reply = self._client.execute_interactive(code, output_hook=hear, timeout=timeout)["content"]
        if reply["status"] != "ok":
            raise RuntimeError(f"{reply['ename']}: {reply['evalue']}")
        return "".join(printed)

    def ask(self) -> float:
        """Give the seconds until ``1+1`` is answered."""
        begin = time.perf_counter()
        sent = self._client.execute("1+1", store_history=False)
        while self._client.get_shell_msg(timeout=60)["parent_header"].get("msg_id") != sent:
            pass
        return time.perf_counter() - begin

    def answers(self, seconds: float) -> list[float]:
        """Ask for so long; give the answers' times, the quickest first."""
        found, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            found.append(self.ask())
            time.sleep(PAUSE)
        return sorted(found)

    def resident(self) -> tuple[int, int]:
        """Give the bytes in memory of the kernel and its children: RSS, and PSS (which counts shared pages once)."""
        rss = pss = 0
        kernel = psutil.Process(self.pid)
        for process in (kernel, *kernel.children(recursive=True)):
            with suppress(psutil.Error):  # it has just ended
                used = process.memory_full_info()
                rss, pss = rss + used.rss, pss + used.pss
        return rss, pss


def _share(times: Sequence[float], part: float) -> float:
    return times[max(0, math.ceil(part * len(times)) - 1)] * 1000


def asking(stage: Stage, names: Sequence[str]) -> list[Figure]:
    """How long ``1+1`` takes while a thread of the kernel fetches one file after the other by nbxfer."""
    figures, seconds = [], stage.scale.asking
    print("\n== 1+1 in a kernel, ms")
    for scheme in ("nothing", "http", "https"):
        url = stage.server.url("/big.bin", secure=scheme == "https")
        folder = stage.folder()
        folder.mkdir()
        rate = 0.0
        with Kernel(stage.environ()) as kernel:
            if scheme != "nothing":
                kernel.run(_LOAD.format(url=url, folder=f"{folder}/", ca=str(stage.ca)))
                kernel.answers(seconds / 10)  # until it is under way
            times = kernel.answers(seconds)
            if scheme != "nothing":
                rate = float(kernel.run(_STOP)) / 1e6
        p50, p99 = _share(times, 0.5), _share(times, 0.99)
        note = f"at {rate:,.0f} MB/s; p50 {p50:.1f}, most {times[-1] * 1000:.1f} ms, n = {len(times)}"
        print(f"{scheme:14}p50 {p50:6.1f}  p99 {p99:6.1f}  {note}", flush=True)
        if scheme != "nothing":
            figures.append(Figure(f"1+1 in a kernel that fetches by {scheme}: p99", p99, "ms", most=100, made_of=note))
        stage.clear(folder)
    return figures


def busy_cell(stage: Stage, names: Sequence[str]) -> list[Figure]:
    """A busy cell in a real kernel, beside nbxfer; aria2c beside a loop in the same rounds."""
    figures = []
    for secure in (False, True):
        what = f"beside a busy cell of a kernel, {'https' if secure else 'http'}"
        url = stage.server.url("/big.bin", secure=secure)

        def program(*, secure: bool = secure) -> Run:
            return stage.run("aria2c", "/big.bin", secure=secure, busy=True, limit=stage.scale.busy_limit)

        def cell(url: str = url) -> Run:
            folder = stage.folder()
            job = stage.job("nbxfer", [url], folder, stage.scale.busy_limit, busy=True)
            return stage.checked(folder, ["/big.bin"], lambda: _in_a_cell(stage, job))

        fetches: dict[str, Callable[[], Run]] = {"nbxfer": cell}
        if "aria2c" in names:
            fetches["aria2c"] = program
        runs = in_turns(stage.scale.rounds, fetches)
        show(what, runs, references=("aria2c",))
        kept = against(
            f"{what}: what the cell keeps", runs, "aria2c", lambda rs: median(rs, lambda run: run.kept or 0.0), 0.9,
            "of its speed",
        )  # fmt: skip
        figures += [against(what, runs, "aria2c", least=1.0), kept]
    return figures


def _in_a_cell(stage: Stage, job: dict[str, Any]) -> dict[str, Any]:
    code = f"import json\nfrom tests.benchmarks import one_run\nprint(json.dumps(one_run.run({job!r})))"
    with Kernel(stage.environ()) as kernel:
        try:
            result: dict[str, Any] = json.loads(kernel.run(code))
        except RuntimeError as error:
            return {"failed": str(error)[:200]}
        return result


def memory(stage: Stage, names: Sequence[str]) -> list[Figure]:
    """What a kernel and its children grow by while a sparse file of 10 GiB comes, over eight connections."""
    scale, folder = stage.scale, stage.folder()
    folder.mkdir()
    url, highest, came = stage.server.url("/sparse.bin"), (0, 0), 0
    with Kernel(stage.environ()) as kernel:
        kernel.run("1 + 1")
        bare = kernel.resident()
        kernel.run("import nbxfer; session = nbxfer.Session()")
        kernel.run(f"op = session.download({url!r}, {str(folder / 'sparse.bin')!r}, connections=8)")
        end = time.monotonic() + 3 * scale.limit
        while came < scale.stop_at and time.monotonic() < end:
            now = kernel.resident()
            highest = (max(highest[0], now[0]), max(highest[1], now[1]))
            came = landed(folder)
            time.sleep(0.02)
        state, error = ast.literal_eval(kernel.run("print((op.status.name, str(op.error or '')))"))
        kernel.run("op.cancel(); session.close()")
    stage.clear(folder)
    rss, pss = ((most - before) / MIB for most, before in zip(highest, bare, strict=True))
    note = f"RSS; PSS {pss:.0f}; the bare kernel has {bare[0] / MIB:.0f}; {came // MIB:,} MiB came, then it was {state}"
    print(f"\n== memory: {rss:.0f} MiB over the bare kernel ({note}) {error}", flush=True)
    whole = rss if came >= scale.stop_at else None
    return [Figure(f"a file of {scale.sparse // 2**30} GiB in a kernel", whole, "MiB", most=64, made_of=note)]


def cores() -> str:
    """Give what a reader of the figures has to know of the machine."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, load {load}"
