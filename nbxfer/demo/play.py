"""The play: a download is killed half-way, twice, and nothing is lost. Every figure that is printed was measured."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from nbxfer.demo.kernel import Kernel
from nbxfer.demo.server import DemoServer
from nbxfer.errors import TransferError
from nbxfer.faces.words import size_words

SIZE = 256 * 1024 * 1024  # bytes: long enough to be killed in the middle, short enough to wait for
RATE = 8_000_000  # bytes a second of each connection

_LOOK = """\
import json
now = op.snapshot
print(json.dumps([now.received, now.total, op.done(), now.reason, now.phase]))
"""
_SCRIPT = """\
import sys
import nbxfer

op = nbxfer.download(*sys.stdin.read().splitlines())
op.wait()  # shows the bar
op.result()
"""


class Subject(NamedTuple):
    """What is downloaded. ``sha256`` and ``sent`` (the bytes that the server has sent so far) where we can know."""

    url: str
    sha256: str | None = None
    sent: Callable[[], int] | None = None
    patience: float = 3600.0  # seconds


class Play:
    """One evening: a folder that is removed afterwards, a subject, two acts."""

    def __init__(self, folder: Path, subject: Subject) -> None:
        self.folder, self.subject = folder, subject
        self.home = folder / "home"
        self.environment = {"NBXFER_HOME": str(self.home), "JPY_SESSION_NAME": str(folder / "demo.ipynb")}

    def in_a_kernel(self) -> None:
        """Kill a notebook's kernel half-way; a new kernel goes on."""
        target = self.folder / "first.bin"
        before = self._sent()
        print("\nIn a notebook: the kernel dies half-way")
        with Kernel(self.folder, self.environment) as kernel:
            begun = time.perf_counter()
            kernel.run(f"import nbxfer; op = nbxfer.download({self.subject.url!r}, {str(target)!r})")
            tick(f"started in a kernel (pid {kernel.process.pid}); the cell was back after {since(begun)}")
            received, total, cells = self._half(lambda: json.loads(kernel.run(_LOOK)))
            kernel.kill()
            named = "something is there already!" if target.exists() else "nothing is there yet"
            tick(f"the kernel answered {cells} cells meanwhile, then: SIGKILL at {share(received, total)}")
            tick(f"under the final name {named}")
        with Kernel(self.folder, self.environment) as kernel:
            kernel.run("import nbxfer; batch = nbxfer.reattach(); op = batch[0]")
            begun = time.perf_counter()
            received, total = self._until(kernel, lambda phase: phase not in ("queued", "probing"))
            tick(f"a new kernel (pid {kernel.process.pid}): reattach() found {share(received, total)} on the disk")
            self._until(kernel, lambda phase: phase == "done")
            twice = int(kernel.run("print(op.snapshot.refetched)"))
        tick(f"finished {since(begun)} later")
        self._check(target, before, twice)

    def _until(self, kernel: Kernel, reached: Callable[[str], bool]) -> tuple[int, int | None]:
        """Look into the kernel until its operation is as far as that; give the bytes that are here, and all."""
        deadline = time.monotonic() + self.subject.patience
        while True:
            received, total, _, reason, phase = json.loads(kernel.run(_LOOK))
            if reached(phase):
                return received, total
            if phase in ("failed", "canceled", "paused") or time.monotonic() > deadline:
                raise TransferError(f"It did not go on: {reason}.")
            time.sleep(0.05)

    def in_a_script(self) -> None:
        """Kill a script half-way; the command line goes on."""
        target = self.folder / "second.bin"
        before = self._sent()
        print("\nIn a script, with a bar: the process dies half-way", flush=True)
        environment = {**os.environ, **self.environment, "NBXFER_PROGRESS": "bar"}
        script = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT], cwd=self.folder, env=environment, stdin=subprocess.PIPE, text=True
        )
        assert script.stdin is not None
        script.stdin.write(f"{self.subject.url}\n{target}\n")
        script.stdin.close()
        try:
            received, total, _ = self._half(lambda: self._look(target, script))
        finally:
            script.send_signal(signal.SIGKILL)
            script.wait()
        print(file=sys.stderr, flush=True)
        tick(f"SIGKILL at {share(received, total)}; now: nbxfer resume --all")
        command = [sys.executable, "-m", "nbxfer", "resume", "--all"]
        resumed = subprocess.run(command, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL, check=False)
        if resumed.returncode:
            raise TransferError(f"nbxfer resume ended with exit code {resumed.returncode}.")
        self._check(target, before, self._find(target)[4])

    def _half(self, look: Callable[[], Any]) -> tuple[int, int | None, int]:
        """Wait until half is here; where the size is unknown, for five seconds. Give bytes, size, and looks taken."""
        looks, begun = 0, time.monotonic()
        while True:
            received, total, done, reason, *_ = look()
            looks += 1
            waited = time.monotonic() - begun
            if done or (total and received >= total):
                raise TransferError(
                    f"It was done before it could be killed ({reason}).", hint="Take a larger file for this."
                )
            if received and (received * 2 >= total if total else waited > 5):
                return received, total, looks
            if waited > self.subject.patience:
                raise TransferError(f"It did not get half-way: {reason}.")
            time.sleep(0.05)

    def _look(self, target: Path, script: subprocess.Popen[str]) -> tuple[int, int | None, bool, str, int]:
        if script.poll() is not None:
            raise TransferError(f"The script ended early, with exit code {script.returncode}.")
        return self._find(target)

    def _find(self, target: Path) -> tuple[int, int | None, bool, str, int]:
        import nbxfer

        with contextlib.closing(nbxfer.Session(home=self.home)) as session:
            for op in session.operations(scope="all"):
                shot = op.snapshot
                if shot.destination == str(target):
                    return shot.received, shot.total, op.done(), shot.reason, shot.refetched
        return 0, None, False, "not begun", 0

    def _sent(self) -> int:
        return self.subject.sent() if self.subject.sent else 0

    def _check(self, target: Path, before: int, twice: int) -> None:
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = target.stat().st_size
        if self.subject.sha256 is None:
            tick(f"{size_words(size)}, SHA-256 {digest}")
        elif digest == self.subject.sha256:
            tick(f"{size_words(size)}, and the SHA-256 is right: {digest[:16]}…")
        else:
            raise TransferError(f"The SHA-256 of {target.name} is wrong: {digest}.", hint="Please report this.")
        if self.subject.sent:
            twice = max(0, self._sent() - before - size)
            tick(f"sent twice, by the server's count: {size_words(twice)} ({twice / size:.1%})")
        else:
            tick(f"fetched twice: {size_words(twice)} ({twice / size:.1%})")


def tick(text: str) -> None:
    """Say that a step is done."""
    print(f"  ✓ {text}", flush=True)


def since(begun: float) -> str:
    """Give the time since ``begun`` (of perf_counter)."""
    return f"{time.perf_counter() - begun:.2f} s"


def share(received: int, total: int | None) -> str:
    """Give how much is here."""
    return f"{size_words(received)} of {size_words(total)} ({received / total:.0%})" if total else size_words(received)


@contextlib.contextmanager
def subject(url: str | None) -> Iterator[Subject]:
    """Give what to download: the URL of the person, or made-up data from a throttled server on this machine."""
    if url is not None:
        yield Subject(url)
        return
    with DemoServer(size=SIZE, rate=RATE) as server:
        speed = f"{size_words(RATE)}/s a connection"
        print(f"A server on this machine: {size_words(SIZE)} of made-up data, {speed}, {server.url}")
        yield Subject(server.url, server.sha256, lambda: server.sent, patience=120.0)


def main(url: str | None = None) -> None:
    """Show it all; with ``url``, on a file of the person's own. Raises TransferError where it does not go well."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="nbxfer-demo-") as folder, subject(url) as chosen:
        play = Play(Path(folder).resolve(), chosen)
        play.in_a_kernel()
        play.in_a_script()
    print(f"\nThat took {time.perf_counter() - begun:.0f} s, and everything it made has been removed.")
    print("Next: make lab opens JupyterLab on the quickstart (notebooks/01_first_transfer.ipynb).")
