"""The command line with a real engine, a real server and real signals, in processes of its own."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from nbxfer.demo.server import DemoServer
from nbxfer.faces.cli import main
from tests.servers.processes import uncounted

SIZE = 6_000_000


class Shell:
    """Runs ``nbxfer`` as a shell would; what still runs at the end is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *args: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command."""
        process = subprocess.Popen(
            [sys.executable, "-m", "nbxfer", *args],
            cwd=self.folder,
            env={**uncounted(), "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def __call__(self, *args: str, **variables: str) -> tuple[int, str, str]:
        """Run a command; give exit code, standard output and standard error."""
        process = self.start(*args, **variables)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def until(self, received: int) -> str:
        """Wait until the first unfinished download has so many bytes; give its id."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for line in self("ls", "--json")[1].splitlines():
                row = json.loads(line)
                if row["received"] >= received:
                    return str(row["id"])
        raise AssertionError("it did not get so far")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Give a shell in an empty folder."""
    shell = Shell(tmp_path)
    yield shell
    for process in shell.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def server() -> Iterator[DemoServer]:
    """Give a server that takes twenty seconds for its file: a busy machine needs some for each command."""
    with DemoServer(SIZE, rate=300_000) as server:
        yield server


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_interrupted_and_resumed(shell: Shell, server: DemoServer, signum: signal.Signals) -> None:
    """A signal ends the program by itself within two seconds; what it advises goes on without losing a byte."""
    first = shell.start("get", server.url, "-o", "x.bin", "-q")
    op_id = shell.until(500_000)
    first.send_signal(signum)
    begun = time.monotonic()
    out, err = first.communicate(timeout=10)
    assert (first.returncode, out) == (-signum, "")
    assert time.monotonic() - begun < 2.0
    assert err == f"nbxfer: interrupted; what has come is saved. To go on: nbxfer resume {op_id[:8]}\n"
    assert not (shell.folder / "x.bin").exists()
    server.rate = None
    assert shell("resume", op_id[:8], "-q") == (0, f"{shell.folder}/x.bin\n", "")
    assert (shell.folder / "x.bin").stat().st_size == SIZE
    assert server.sent <= SIZE + 1_000_000
    assert [p.name for p in shell.folder.iterdir()] == ["x.bin"]


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.05])
@pytest.mark.parametrize(
    "pair", [(signal.SIGINT, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)], ids=["INT+TERM", "INT+INT"]
)
def test_interrupted_twice(
    shell: Shell, server: DemoServer, pair: tuple[signal.Signals, signal.Signals], pause: float
) -> None:
    """Two signals, however close, end the program by one of them, and it is said how to go on."""
    first = shell.start("get", server.url, "-o", "x.bin", "-q")
    op_id = shell.until(100_000)
    first.send_signal(pair[0])
    time.sleep(pause)
    first.send_signal(pair[1])
    out, err = first.communicate(timeout=10)
    assert (-first.returncode in pair, out) == (True, "")
    assert err == f"nbxfer: interrupted; what has come is saved. To go on: nbxfer resume {op_id[:8]}\n"


def test_what_was_there(shell: Shell, server: DemoServer) -> None:
    """The same command again fetches nothing, and says so, whether the server was asked or the file was skipped."""
    server.rate = None
    assert "of one version" in shell("get", server.url)[2]
    sent = server.sent
    for args in ([], ["--if-exists", "skip"]):
        code, _, err = shell("get", server.url, *args)
        assert (code, err.endswith("6.0 MB, done: it was there already, nothing fetched\n")) == (0, True), err
    assert server.sent - sent < 1_000


def test_steered_from_beside(shell: Shell, server: DemoServer) -> None:
    """What one terminal downloads, another pauses, resumes and cancels."""
    server.rate = 200_000  # slow enough for three commands on a busy machine
    first = shell.start("get", server.url, "-o", "x.bin")
    op_id = shell.until(100_000)
    code, out, err = shell("pause", op_id[:4])
    assert (code, err) == (0, "")
    assert out.startswith("x.bin: ")
    assert out.endswith("paused by you\n")
    paused = shell("ls", "--json")[1]
    assert json.loads(paused)["status"] == "PAUSED_BY_APPLICATION"
    code, out, err = shell("resume", op_id[:4], "--no-wait")
    assert (code, err) == (0, "")
    code, out, err = shell("cancel", "--all")
    assert (code, out.startswith("x.bin: "), err) == (0, True, "")
    assert first.wait(10) == 1
    assert list(shell.folder.iterdir()) == []


def test_paused_then_ended(shell: Shell, server: DemoServer) -> None:
    """What was paused from beside, and whose program then ended, goes on when it is asked to."""
    server.rate = 200_000  # slow enough for three commands on a busy machine
    first = shell.start("get", server.url, "-o", "x.bin", "-q")
    op_id = shell.until(100_000)
    shell("pause", op_id)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=10)
    server.rate = None
    assert shell("resume", "--all", "-q") == (0, f"{shell.folder}/x.bin\n", "")


def test_noted_then_started(shell: Shell, server: DemoServer) -> None:
    """What was only noted down asks the server for nothing, until it is resumed."""
    server.rate = None
    code, out, _ = shell("get", server.url, "-n")
    assert (code, server.requests) == (0, 0)
    assert shell("resume", out.strip(), "-q")[0] == 0
    assert server.sent == SIZE


def test_several(shell: Shell, server: DemoServer) -> None:
    """Several land in one folder; what the server does not have costs exit code 4, and the others arrive."""
    server.rate = None
    missing = server.url.replace("data.bin", "missing")
    code, out, err = shell("get", server.url_of("a.bin"), missing, server.url_of("b.bin"), "-o", "here", "--json")
    assert code == 4
    rows = sorted((Path(row["path"]).name, row["status"]) for row in map(json.loads, out.splitlines()))
    assert rows == [("a.bin", "COMPLETED"), ("b.bin", "COMPLETED"), ("missing", "ERROR")]
    assert "404" in err
    assert sorted(p.name for p in (shell.folder / "here").iterdir()) == ["a.bin", "b.bin"]


def test_a_list(shell: Shell, server: DemoServer) -> None:
    """A list lands where its lines say, below the folder of all; the same list again asks for no byte twice."""
    server.rate = None
    lines = [server.url_of("a.bin"), f"{server.url_of('b.bin')}\tdeep/other name.bin", "# done"]
    (shell.folder / "list.txt").write_text("\n".join(lines))
    code, out, err = shell("get", "-i", "list.txt", "-o", "here", "-q")
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()) == [f"{shell.folder}/here/a.bin", f"{shell.folder}/here/deep/other name.bin"]
    sent = server.sent
    assert shell("get", "-i", "list.txt", "-o", "here", "-q")[0] == 0
    assert server.sent - sent <= 1_000_000


def test_two_for_one_name(shell: Shell, server: DemoServer) -> None:
    """Two URLs that would land on one name are refused before anything moves."""
    code, out, err = shell("get", server.url_of("a.bin"), f"{server.url_of('a.bin')}?v=2", "-o", "here")
    assert (code, out, server.requests) == (2, "", 0)
    assert "a.bin" in err
    assert not (shell.folder / "here").exists()


def test_the_story_after_the_end(shell: Shell, server: DemoServer) -> None:
    """What a program did can be told when it has left, and what failed can be cleaned away."""
    server.rate = None
    missing = server.url.replace("data.bin", "missing")
    assert shell("get", server.url, missing, "-q")[0] == 4
    rows = [json.loads(line) for line in shell("ls", "--all", "--json")[1].splitlines()]
    assert sorted(row["status"] for row in rows) == ["COMPLETED", "ERROR"]
    done, failed = sorted(rows, key=lambda row: str(row["status"]))
    code, out, err = shell("explain", done["id"][:6], failed["id"])
    assert (code, err) == (0, "")
    assert "the server answered: " in out
    assert f"nbxfer retry {failed['id'][:8]}" in out
    assert shell("clean", "--older-than", "0s")[0] == 2
    code, out, err = shell("clean", "--older-than", "0s", "--yes")
    assert (code, err.startswith("nbxfer: ")) == (0, True), (out, err)
    assert shell("ls", "--json")[1] == ""
    assert (shell.folder / "data.bin").exists()


def test_another_programs_part(shell: Shell, server: DemoServer) -> None:
    """What another program began is gone on with, and is right; its own file is left as it is."""
    server.rate = None
    with urllib.request.urlopen(server.url) as answer:
        begun = answer.read(4_000_000)
    part = shell.folder / "data.bin.crdownload"
    part.write_bytes(begun)
    sent = server.sent
    code, out, err = shell("adopt", str(part), server.url, "--checksum", f"sha256:{server.sha256}", "-q")
    assert (code, out, err) == (0, f"{shell.folder}/data.bin\n", "")
    assert hashlib.sha256((shell.folder / "data.bin").read_bytes()).hexdigest() == server.sha256
    assert server.sent - sent <= SIZE - 4_000_000 + 1_000_000
    assert part.read_bytes() == begun


def test_wrong_values(server: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option's wrong value is a sentence in the terminal's own words, before the server hears of it."""
    monkeypatch.chdir(tmp_path)
    for option, value, words in (
        ("--bandwidth", "fast", "--bandwidth"),
        ("--max-size", "5 parsecs", "--max-size"),
        ("--deadline", "-5", "--deadline"),
        ("--proxy", "gopher://x", "--proxy"),
        ("--cookies", "/nowhere", "cookie"),
        ("--cert", "/nowhere", "--cert"),
        ("--cacert", "/nowhere", "--cacert"),
        ("--checksum", "sha256:12", "--checksum"),
        ("-x", "0", "--connections"),
        ("--name", "a/b", "--name"),
    ):
        ended = CliRunner().invoke(main, ["get", server.url, option, value, "-o", "here/"], prog_name="nbxfer")
        assert (ended.exit_code, ended.stdout, "Traceback" in ended.stderr) == (2, "", False), (option, ended.stderr)
        assert words in ended.stderr, (option, ended.stderr)
    assert server.requests == 0


def test_a_closed_pipe(shell: Shell, server: DemoServer) -> None:
    """When whoever reads us leaves, we end without a traceback."""
    command = f"{sys.executable} -m nbxfer --help | true"
    ended = subprocess.run(
        ["sh", "-c", command], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ended.stderr


_LIGHT = """
import sys
from click.testing import CliRunner
from nbxfer.faces.cli import main
CliRunner().invoke(main, sys.argv[1:])
print(*sorted({"httpx", "h11", "tqdm", "anyio", "asyncio", "msgspec", "ipywidgets", "ssl"} & set(sys.modules)))
"""


def test_help_is_light() -> None:
    """Help answers at once: nothing heavy is imported for it."""
    run = subprocess.run([sys.executable, "-c", _LIGHT, "get", "--help"], capture_output=True, text=True, check=True,
                         cwd=Path(__file__).parents[2])  # fmt: skip
    assert run.stdout == "\n"


def test_a_list_is_light(tmp_path: Path) -> None:
    """To list what there is, nothing is imported that speaks to servers or runs transfers."""
    words = ["--home", str(tmp_path), "ls"]
    run = subprocess.run([sys.executable, "-c", _LIGHT, *words], capture_output=True, text=True, check=True,
                         cwd=Path(__file__).parents[2])  # fmt: skip
    assert run.stdout == "msgspec\n"


@pytest.mark.parametrize("command", [["--help"], ["ls"]], ids=" ".join)
def test_it_starts_fast(shell: Shell, command: list[str]) -> None:
    """Help and list load nothing heavy: 0.1 and 0.2 s here; the bound leaves room for coverage and slow machines."""
    best = 9.0
    for _ in range(5):  # the best of a few: other work on the machine is no cost of ours
        process = shell.start(*command)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        best = min(best, used.ru_utime + used.ru_stime)
    assert best <= 1.0, f"{best:.2f} s"
