"""Two processes and one kill: the promise that the whole house is built for."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.demo.server import DemoServer
from tests.journeys.terminal import MIB, Terminal, kill_at_random, sha256, until

SIZE = 48 * MIB
RATE = 24.0 * MIB
#: Kills in all, and kills of one round, with a home of its own; then as many of a download over one connection.
KILLS, A_ROUND, ALONE = 100, 10, 20
#: Rounds that `make test` plays: of either kind half. The soak plays the others.
PLAYED = (0, 1, 2, 3, 4, 10)
#: Bytes a second of each connection where several share the file: what they do is what is to be killed.
SHARED = 3.0 * MIB


def _kill_at(terminal: Terminal, args: tuple[str, ...], after: float) -> bool:
    """Run a command and kill it after some seconds; give whether it was still running."""
    process = terminal.start(*args)
    try:
        process.wait(after)
    except Exception:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    process.communicate()
    return False


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "seed",
    [pytest.param(n, marks=[] if n in PLAYED else pytest.mark.soak) for n in range((KILLS + ALONE) // A_ROUND)],
)
def test_a_download_survives_kills_at_random_moments(
    seed: int, terminal: Terminal, serve: Callable[..., DemoServer]
) -> None:
    """Whatever moment the process is killed at, the file ends up right, and was never there before its end."""
    chance, alone = random.Random(seed), seed >= KILLS // A_ROUND
    kills = number = 0
    while kills < A_ROUND:
        server = serve(SIZE, RATE if alone else SHARED)
        target = terminal.folder / f"X{number}"
        number += 1
        get = ("get", server.url, "-o", str(target), *(["-x", "1"] if alone else []))
        args: tuple[str, ...] = get
        while kills < A_ROUND and _kill_at(terminal, args, 0.1 + chance.random() * 0.9):
            kills += 1
            if target.exists():  # it may have been published a moment before the kill: then it is whole
                assert sha256(target) == server.sha256
            # Killed before it was accepted, nothing is known of it yet: it is asked for again.
            args = ("resume", "--all") if server.requests else get
        ended = terminal.run("resume", "--all")
        if not target.exists():
            ended = terminal.run(*get)
        assert ended.returncode == 0, ended.stderr
        assert sha256(target) == server.sha256
        assert server.sent <= SIZE + 64 * MIB
    assert _leftovers(terminal.folder) == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, 10))])
def test_a_list_of_small_files_survives_kills_at_random_moments(
    seed: int, terminal: Terminal, serve: Callable[..., DemoServer]
) -> None:
    """However often it is killed, each file ends up right, and no name is ever there without its bytes."""
    chance = random.Random(seed)
    server = serve(10_000)
    out = terminal.folder / "out"
    get = ("get", *(server.url_of(f"{n}.bin") for n in range(300)), "-o", f"{out}/")
    kill_at_random(terminal, server, get, out, chance, [range(1, 31)] * 10)
    assert server.requests <= 300 + 10 * 40  # what had its name, or was to get it, is not asked for again
    ended = terminal.run(*get, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert len(list(out.iterdir())) == 300
    assert {sha256(path) for path in out.iterdir()} == {server.sha256}


def _leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".part")]


def test_two_processes_ask_for_the_same_file_and_the_server_sends_it_once(
    terminal: Terminal, serve: Callable[..., DemoServer]
) -> None:
    """The second joins the first, and both are told when it is done."""
    server = serve(SIZE, RATE)
    target = terminal.folder / "X"
    first = terminal.start("get", server.url, "-o", str(target))
    until(lambda: server.sent > MIB)
    second = terminal.start("get", server.url, "-o", str(target))
    assert first.wait(60) == 0
    assert second.wait(60) == 0, second.communicate()
    assert sha256(target) == server.sha256
    # The first body is left where other connections go on: what was on its way then comes in vain.
    assert server.sent <= SIZE + 24 * MIB


def test_the_one_that_joined_finishes_when_the_owner_dies(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """The owner is killed half-way; the other notices, takes over and goes on from the part."""
    server = serve(SIZE, RATE / 2)
    target = terminal.folder / "X"
    first = terminal.start("get", server.url, "-o", str(target))
    until(lambda: server.sent > SIZE // 4)
    second = terminal.start("get", server.url, "-o", str(target))
    until(lambda: server.sent > SIZE // 2)
    first.kill()
    first.communicate()
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, out + err
    assert sha256(target) == server.sha256
    # What eight connections had in their buffers and had not written down is fetched again.
    assert server.sent <= SIZE + 48 * MIB


def test_a_stale_owner_that_wakes_up_harms_nothing(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """An owner is stopped, its heartbeat lapses, another takes over; when it wakes it stops and only watches."""
    server = serve(SIZE, RATE / 2)
    target = terminal.folder / "X"
    stale = terminal.start("get", server.url, "-o", str(target))
    until(lambda: server.sent > SIZE // 4)
    stale.send_signal(signal.SIGSTOP)
    time.sleep(0.2)  # a heartbeat may be under way
    for owner in (terminal.home / "owners").glob("*.json"):
        os.utime(owner, (time.time() - 3600,) * 2)
    fresh = terminal.start("resume", "--all")
    until(lambda: server.sent > 2 * SIZE // 4)
    stale.send_signal(signal.SIGCONT)
    out, err = fresh.communicate(timeout=60)
    assert fresh.returncode == 0, out + err
    assert sha256(target) == server.sha256
    stale.wait(60)
    assert sha256(target) == server.sha256
    assert _leftovers(terminal.folder) == []
