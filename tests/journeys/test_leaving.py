"""How programs end: kernels at once, scripts when the work is done, forked children without a word."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from nbxfer.demo.server import DemoServer
from tests.journeys.terminal import MIB, Terminal, sha256

SIZE = 4 * MIB

START = """
import nbxfer, time, sys
op = nbxfer.download({url!r}, "X")
while not op.snapshot.received:
    time.sleep(0.01)
print("under way", flush=True)
"""


def _ends(process: subprocess.Popen[str], within: float) -> tuple[str, str]:
    begin = time.monotonic()
    out, err = process.communicate(timeout=within + 20)
    assert time.monotonic() - begin < within, err
    return out, err


def test_a_script_waits_at_its_end_for_what_it_started(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """Nothing has to be said for a script to finish its downloads: the interpreter leaves when they are done."""
    server = serve(SIZE, 2.0 * SIZE)
    script = terminal.script(START.format(url=server.url))
    _, err = _ends(script, 20)
    assert script.returncode == 0, err
    assert sha256(terminal.folder / "X") == server.sha256
    assert "Traceback" not in err


def test_a_script_may_leave_at_once(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """With NBXFER_AT_EXIT=leave a running transfer is checkpointed, and the interpreter is gone within 5 s."""
    server = serve(64 * MIB, 4.0 * MIB)
    script = terminal.script(START.format(url=server.url), NBXFER_AT_EXIT="leave")
    assert script.stdout is not None
    assert script.stdout.readline() == "under way\n"
    _, err = _ends(script, 5)
    assert script.returncode == 0
    assert err == ""
    listed = terminal.run("ls", "--all")
    assert "X" in listed.stdout


def test_an_interrupt_leaves_a_waiting_script_resumable(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """Ctrl-C while a script waits at its end says how to go on, and `nbxfer resume --all` does."""
    server = serve(16 * MIB, 8.0 * MIB)
    script = terminal.script(START.format(url=server.url))
    assert script.stdout is not None
    assert script.stdout.readline() == "under way\n"
    time.sleep(0.3)
    script.send_signal(signal.SIGINT)
    _, err = _ends(script, 5)
    assert "nbxfer resume" in err
    assert "Traceback" not in err
    assert not (terminal.folder / "X").exists()
    resumed = terminal.run("resume", "--all")
    assert resumed.returncode == 0, resumed.stderr
    assert sha256(terminal.folder / "X") == server.sha256


def test_an_interrupted_script_leaves_at_once(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """Who interrupts result() wants the script to end: it does, says how to go on, and what has come is kept."""
    server = serve(64 * MIB, 1.0 * MIB)  # for each of the connections
    script = terminal.script(START.format(url=server.url) + "op.result()\n")
    assert script.stdout is not None
    assert script.stdout.readline() == "under way\n"
    time.sleep(0.5)
    script.send_signal(signal.SIGINT)
    _, err = _ends(script, 5)
    assert "nbxfer: left; to go on: nbxfer resume --all" in err
    assert server.sent < 32 * MIB


@pytest.mark.parametrize("way", ["wait", "result"])
def test_an_interrupt_stops_the_waiting_never_the_transfer(
    way: str, terminal: Terminal, serve: Callable[..., DemoServer]
) -> None:
    """KeyboardInterrupt comes out of wait() within 200 ms, and the download goes on."""
    server = serve(SIZE, SIZE / 40)  # a connection
    script = terminal.script(
        START.format(url=server.url)
        + f"""
import os, signal, threading
took = []
def interrupt():
    time.sleep(0.2)
    global sent
    sent = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)
while len(took) < 10 and not (took and min(took) < 0.2):  # a busy machine is late now and then, never early
    try:
        threading.Thread(target=interrupt).start()
        op.{way}()
    except KeyboardInterrupt:
        took.append(time.monotonic() - sent)
print("interrupted after", min(took) < 0.2, op.status.name, took)
before = op.snapshot.received
while op.snapshot.received == before:
    time.sleep(0.01)
print("it went on")
op.cancel()
"""
    )
    out, err = _ends(script, 20)
    assert "interrupted after True RUNNING" in out, out + err
    assert out.endswith("it went on\n"), out + err


def test_what_failed_and_nobody_looked_at_is_said_at_the_end(
    terminal: Terminal, serve: Callable[..., DemoServer]
) -> None:
    """A script that never asks how its downloads ended is told at its end which failed; one that asks is not."""
    missing = serve(1000).url.replace("data.bin", "there/is/nothing")
    ask = f"import nbxfer, time\nops = nbxfer.download([{missing!r} + str(n) for n in range(7)], 'many/')\n"
    script = terminal.script(f"{ask}while not ops.done(): time.sleep(0.05)\n")
    _, err = _ends(script, 20)
    lines = [line for line in err.splitlines() if line.startswith("nbxfer: ")]
    assert len(lines) == 6, err
    assert "nothing0: failed: " in lines[0]
    assert "nbxfer retry " in lines[0]
    assert lines[5] == "nbxfer: 2 more failed; to see them: nbxfer ls"
    waits = terminal.script(f"import nbxfer; nbxfer.download({missing!r} + 'x', 'X')\n")
    _, err = _ends(waits, 20)
    assert err.count("failed: ") == 1, err
    asks = terminal.script(f"import nbxfer; print(nbxfer.download({missing!r} + 'y', 'Y').exception())\n")
    out, err = _ends(asks, 20)
    assert out
    assert "failed" not in err


def test_a_forked_child_is_inert_and_may_have_a_session_of_its_own(
    terminal: Terminal, serve: Callable[..., DemoServer]
) -> None:
    """In the child the parent's handle raises ForkedError, leaving harms nothing, and a new Session works."""
    server = serve(SIZE, 2.0 * SIZE)
    script = terminal.script(
        START.format(url=server.url)
        + f"""
import os
pid = os.fork()
if pid == 0:
    try:
        op.pause()
    except nbxfer.ForkedError as error:
        print("child:", error, flush=True)
    with nbxfer.Session(home="own") as own:
        own.download({server.url!r}, "Y")
    sys.exit(0)
print("status", os.waitpid(pid, 0)[1], flush=True)
print(op.result().name)
"""
    )
    out, err = _ends(script, 30)
    assert "child: These transfers belong to the parent process." in out, out + err
    assert "status 0" in out, out + err
    assert sha256(terminal.folder / "X") == server.sha256
    assert sha256(terminal.folder / "Y") == server.sha256
    assert "Traceback" not in err


def test_a_paused_download_survives_the_end_of_its_script(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """What a person paused stays paused through the end of the process, and reattach does not wake it."""
    server = serve(SIZE, 1.0 * SIZE)
    script = terminal.script(START.format(url=server.url) + "op.pause()\n")
    _ends(script, 10)
    again = terminal.script(
        """
import nbxfer, time
[op] = nbxfer.reattach()
time.sleep(0.5)
print(op.status.name, op.reason)
op.resume()
print(op.result().name)
"""
    )
    out, err = _ends(again, 20)
    assert "PAUSED_BY_APPLICATION paused by you" in out, out + err
    assert sha256(terminal.folder / "X") == server.sha256
    assert server.sent <= SIZE + 12 * MIB
