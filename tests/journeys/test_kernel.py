"""Real kernels: killed, interrupted, restarted, shut down."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from nbxfer.demo.server import DemoServer
from tests.journeys.kernels import Kernel, kernel
from tests.journeys.terminal import MIB, sha256, until

__all__ = ["kernel"]  # the fixture of this file

SIZE = 32 * MIB


def test_a_killed_kernel_s_download_is_finished_by_the_next(
    kernel: Callable[[], Kernel], serve: Callable[..., DemoServer], tmp_path: Path
) -> None:
    """SIGKILL half-way, a new kernel, reattach(): the file is right, and little was fetched twice."""
    server = serve(SIZE, SIZE / 12)  # for each of the connections
    first = kernel()
    first.run(f"import nbxfer; op = nbxfer.download({server.url!r}, 'X')")
    until(lambda: server.sent > SIZE // 2)
    os.kill(first.pid, signal.SIGKILL)
    assert not (tmp_path / "X").exists()
    second = kernel()
    printed = second.run(
        "import nbxfer\nbatch = nbxfer.reattach()\nprint(len(batch), batch.wait(60, progress=False), batch[0].error)"
    )
    assert printed == "1 True None\n"
    assert sha256(tmp_path / "X") == server.sha256
    assert server.sent <= SIZE + 24 * MIB
    assert "taken over" in second.run("print(batch[0].snapshot.story)")


#: Says that it waits; prints when the waiting ended, as Unix time.
WAITING = """
import time
try:
    print("waiting", flush=True)
    {cell}
except BaseException as error:
    print(type(error).__name__, time.time())
"""


def test_an_interrupt_stops_the_cell_never_the_transfer(
    kernel: Callable[[], Kernel], serve: Callable[..., DemoServer], tmp_path: Path
) -> None:
    """Interrupting wait() returns within 200 ms, `await op` within 300; the download goes on, and printed nothing."""
    server = serve(SIZE, SIZE / 60)  # a connection, of which there may be eight
    one = kernel()
    assert one.run(f"import nbxfer; op = nbxfer.download({server.url!r}, 'X', connections=1)") == ""
    for cell, name, limit in (("op.wait()", "KeyboardInterrupt", 0.2), ("await op", "CancelledError", 0.3)):
        took: list[float] = []
        while len(took) < 10 and not (took and min(took) < limit):  # a busy machine is late now and then, never early
            sent = one.send(WAITING.format(cell=cell))
            assert one.says(sent) == "waiting\n"
            time.sleep(0.1)
            begin = time.time()
            one.manager.interrupt_kernel()
            one.reply(sent)
            said = one._printed(sent).split()
            assert said[-2] == name
            took.append(float(said[-1]) - begin)
        assert min(took) < limit, took
    assert one.run("print(op.status.name)") == "RUNNING\n"
    before = one.run("print(op.progress.received)")
    time.sleep(1)
    assert int(one.run("print(op.progress.received)")) > int(before)


def test_waiting_in_a_cell_does_not_flood(kernel: Callable[[], Kernel], serve: Callable[..., DemoServer]) -> None:
    """A bar that is waited with sends a few messages a second, and awaiting none."""
    server = serve(SIZE, SIZE / 60)
    one = kernel()
    one.run(f"import nbxfer; op = nbxfer.download({server.url!r}, 'X', connections=1)")
    for cell, most in (
        ("op.wait(3)", 60),
        ("import asyncio\ntry: await asyncio.wait_for(op, 3)\nexcept TimeoutError: 0", 0),
    ):
        sent = one.send(cell)
        one.reply(sent)
        said = [message["msg_type"] for message in one._said(sent)]
        assert len([kind for kind in said if kind in ("comm_msg", "stream", "display_data")]) <= most, said


def test_two_notebooks_on_one_download_see_the_same(
    kernel: Callable[..., Kernel], serve: Callable[..., DemoServer], tmp_path: Path
) -> None:
    """The second joins the first, sees it as run by another kernel, pauses it there, and has it handed over here."""
    server = serve(8 * MIB, 1.0 * MIB)
    cell = f"import nbxfer, time; op = nbxfer.download({server.url!r}, 'X', connections=1)"
    one, two = kernel(), kernel(JPY_SESSION_NAME=str(tmp_path / "other.ipynb"))
    one.run(cell)
    until(lambda: server.sent > MIB // 2)
    two.run(f"{cell}\n%load_ext nbxfer")
    assert two.run("print(op.snapshot.owner)") == "theirs\n"
    two.run("op.pause()\nwhile op.status.name != 'PAUSED_BY_APPLICATION': time.sleep(0.05); op._session.refresh()")
    assert one.run("time.sleep(0.2); print(op.status.name)") == "PAUSED_BY_APPLICATION\n"
    assert "asked for" in two.run("%xfer ask $op.id")
    two.run("while op.snapshot.owner != 'ours': time.sleep(0.05)")
    one.run("while op.snapshot.owner == 'ours': time.sleep(0.05)")
    server.rate = None
    two.run("op.status.name.startswith('PAUSED') and op.resume()\nop.result(60)", 60)
    assert sha256(tmp_path / "X") == server.sha256
    assert one.run("print(op.wait(30, progress=False), op.status.name)", 40) == "True COMPLETED\n"
    assert server.sent <= 12 * MIB


def test_who_waits_for_himself_is_told_so(kernel: Callable[..., Kernel]) -> None:
    """A cell that waits for credentials that are not set says what it waits for, whichever way it waits."""
    one = kernel()
    one.run("import nbxfer\nop = nbxfer.download('http://127.0.0.1:9/x.bin', 'd/', auth=nbxfer.Bearer('env:NOPE'))")
    for cell in ("op.result()", "await op"):
        sent = one.send(cell)
        time.sleep(3)
        one.manager.interrupt_kernel()
        assert one.reply(sent)["status"] == "error"
        assert "nbxfer: x.bin waits for you: The environment variable NOPE, which holds" in one._printed(sent), cell


def test_a_kernel_that_is_shut_down_leaves_at_once(
    kernel: Callable[[], Kernel], serve: Callable[..., DemoServer], tmp_path: Path
) -> None:
    """A kernel does not wait for its downloads; what had come is checkpointed, and the next kernel goes on."""
    server = serve(SIZE, SIZE / 4)
    one = kernel()
    one.run(f"import nbxfer; op = nbxfer.download({server.url!r}, 'X')")
    until(lambda: server.sent > SIZE // 3)
    begin = time.monotonic()
    one.manager.shutdown_kernel(now=False)
    assert time.monotonic() - begin < 5
    two = kernel()
    listed = two.run("import nbxfer\nprint([o.status.name for o in nbxfer.operations()])")
    assert listed == "['ORPHANED']\n"
    assert server.sent < SIZE * 0.9, "listing starts nothing"
    # Running the same cell again is enough.
    assert two.run(f"op = nbxfer.download({server.url!r}, 'X'); print(op.result(60).name)", 60) == "X\n"
    assert sha256(tmp_path / "X") == server.sha256
    assert server.sent <= SIZE + 12 * MIB


def test_a_busy_cell_does_not_stop_a_download(
    kernel: Callable[[], Kernel], serve: Callable[..., DemoServer], tmp_path: Path
) -> None:
    """Beside a pure-Python loop a download at 16 MB/s arrives while the loop runs."""
    server = serve(16 * MIB, 16.0 * MIB)
    one = kernel()
    one.run(f"import nbxfer, time; op = nbxfer.download({server.url!r}, 'X')")
    one.run("end = time.monotonic() + 4\nwhile time.monotonic() < end: sum(i * i for i in range(1000))", 30)
    assert one.run("print(op.status.name)") == "COMPLETED\n"
    assert sha256(tmp_path / "X") == server.sha256
