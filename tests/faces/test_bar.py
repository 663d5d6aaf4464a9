"""The bar: what is on the screen while somebody waits."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Callable, Iterator

import pytest

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import bar as bars
from nbxfer.faces.bar import Bar
from nbxfer.faces.words import width
from nbxfer.testing.session import snapshot

BROKE = Fault("NetworkError", "The connection broke.", Remedy.RETRY)


class Clock:
    """A clock that is wound by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal:
    """A pseudo-terminal, and what was written to it."""

    def __init__(self, columns: int, coding: str = "utf-8") -> None:
        self._there, here = pty.openpty()
        fcntl.ioctl(here, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.stream = io.TextIOWrapper(os.fdopen(here, "wb", 0), encoding=coding, write_through=True)

    def lines(self) -> list[str]:
        """Give every state that the current line had since the last call."""
        os.set_blocking(self._there, False)
        data = b""
        try:
            while chunk := os.read(self._there, 65536):
                data += chunk
        except (BlockingIOError, OSError):
            pass
        text = data.decode().replace("\r\n", "\n")
        return [line.rstrip() for line in text.split("\r") if line.strip()]

    def close(self) -> None:
        """Hang up."""
        self.stream.close()
        os.close(self._there)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Terminal]]:
    """Give a maker of terminals."""
    monkeypatch.setenv("TERM", "xterm")
    made: list[Terminal] = []

    def make(columns: int = 100, coding: str = "utf-8") -> Terminal:
        made.append(Terminal(columns, coding))
        return made[-1]

    yield make
    for one in made:
        one.close()


def play(screen: Terminal, *scenes: list[Snapshot], clock: Clock | None = None) -> list[str]:
    """Show each scene, ten seconds apart; give the last state of the line in each, and after the end."""
    clock = clock or Clock()
    stage: list[Snapshot] = []
    bar = Bar(lambda: stage, stream=screen.stream, clock=clock)
    shown = []
    for scene in scenes:
        stage[:] = scene
        clock.now += 10
        bar.refresh()
        shown += screen.lines()[-1:]
    bar.close()
    return [*shown, *screen.lines()[-1:]]


def plain(lines: list[str]) -> list[str]:
    """Give the lines without the bar itself."""
    return [re.sub(r" \|[^|]*\| ", "  ", line) for line in lines]


# -- on a screen ---------------------------------------------------------------------------------------------------
def test_one(terminal: Callable[..., Terminal]) -> None:
    """One operation shows its name, its bytes and its speed; a wait shows its reason; the end says what it took."""
    whole = 3_400_000_000
    shown = play(
        terminal(100),
        [snapshot(phase="probing")],
        [snapshot(received=1_700_000_000, total=whole, rate=10.3e6, eta=165.0)],
        [snapshot(phase="stalled", received=1_700_000_000, total=whole, fault=BROKE)],
        [snapshot(phase="done", received=whole, total=whole)],
    )
    assert shown[1].count("█") > 10
    assert plain(shown) == [
        "data.tar.gz  asking the server",
        "data.tar.gz  50 %  1.7 of 3.4 GB, 10.3 MB/s, 2 min 45 s left",
        "data.tar.gz  50 %  1.7 of 3.4 GB, will try again: The connection broke.",
        "data.tar.gz 100 %  3.4 GB, done: no checksum known",
        "data.tar.gz 100 %  3.4 GB in 40 s, done: no checksum known",
    ]


def test_bytes_go_down_when_it_began_again(terminal: Callable[..., Terminal]) -> None:
    """A restart takes the bar back, and nothing else."""
    shown = play(
        terminal(100),
        [snapshot(received=90, total=100, rate=1.0, eta=10.0)],
        [snapshot(received=10, total=100, rate=1.0, eta=90.0, restarts=1)],
    )
    assert [line.split("%")[0] for line in shown] == ["data.tar.gz  90 ", "data.tar.gz  10 ", "data.tar.gz  10 "]


def test_a_size_that_is_told_late(terminal: Callable[..., Terminal]) -> None:
    """While the size is unknown there is neither bar nor percent; then there are."""
    shown = play(terminal(100), [snapshot(received=5_000, rate=10.0)], [snapshot(received=5_000, total=10_000)])
    assert shown[0] == "data.tar.gz  5.0 kB, 10 B/s"
    assert shown[1].startswith("data.tar.gz  50 % |█")


def test_many(terminal: Callable[..., Terminal]) -> None:
    """Many operations share one bar: by files until every size is known, then by bytes; failures are counted."""
    known = [snapshot(str(i), received=25, total=100, rate=5.0) for i in range(4)]
    gone = Fault("SourceNotFound", "It is gone.")
    shown = play(
        terminal(100),
        [*known[:2], snapshot("2", "queued"), snapshot("3", "queued")],
        known,
        [*known[:2], snapshot("2", "stalled", total=100, fault=BROKE), snapshot("3", "failed", total=100, fault=gone)],
        [*(snapshot(str(i), "done", total=100) for i in range(3)), snapshot("3", "failed", total=100, fault=gone)],
    )
    assert plain(shown) == [
        "0 of 4 done  12 %  50 B, 10 B/s",
        "0 of 4 done  25 %  100 of 400 B, 20 B/s, 15 s left",
        "0 of 4 done, 1 failed  16 %  50 of 300 B, 10 B/s, 25 s left",
        "3 of 4 done, 1 failed 100 %  300 B",
        "3 of 4 done, 1 failed 100 %  300 B in 40 s",
    ]


def test_many_that_wait(terminal: Callable[..., Terminal]) -> None:
    """Where none of many runs, the bar says what they wait for."""
    shown = play(terminal(100), [snapshot(str(i), "stalled", received=5, total=10, fault=BROKE) for i in range(3)])
    assert plain(shown)[0] == "0 of 3 done  50 %  15 of 30 B, 3 × will try again: The connection broke."


@pytest.mark.parametrize("columns", [8, 30, 60, 80, 200])
def test_no_line_wraps(terminal: Callable[..., Terminal], columns: int) -> None:
    """On a screen of any width the line fits; a name in wide characters counts as wide as it is."""
    for name in ("census-2020-long-name-of-a-file-part-0001.parquet", "数据" * 40, "{0}{evil}"):
        screen = terminal(columns)
        shown = play(
            screen,
            [snapshot(name=name, received=123_000_000, total=3_400_000_000, rate=10.3e6, eta=165.0)],
            [snapshot(name=name, phase="stalled", received=5, total=10, fault=BROKE)],
        )
        assert all(width(line.rstrip("\n")) <= columns for line in shown), shown


def test_an_old_terminal(terminal: Callable[..., Terminal]) -> None:
    """A terminal that knows only ASCII gets ASCII."""
    shown = play(terminal(100, "ascii"), [snapshot(name="größe.bin", received=50, total=100, rate=1.0)])
    assert shown[0].isascii()
    assert shown[0].startswith("gr??e.bin  50 % |####")


def test_a_terminal_that_goes_away(terminal: Callable[..., Terminal], caplog: pytest.LogCaptureFixture) -> None:
    """When the terminal is closed the bar ends, and whoever waits notices nothing."""
    clock = Clock()
    screen = terminal()
    bar = Bar(lambda: [snapshot(received=5, total=10)], stream=screen.stream, clock=clock)
    bar.refresh()
    screen.stream.close()
    for _ in range(3):
        clock.now += 1
        bar.refresh()
    bar.close()
    assert [r for r in caplog.records if r.levelno > logging.DEBUG] == []


def test_a_look_that_fails(terminal: Callable[..., Terminal]) -> None:
    """Whatever goes wrong while looking, waiting goes on."""

    def look() -> list[Snapshot]:
        raise RuntimeError

    bar = Bar(look, stream=terminal().stream)
    bar.refresh()
    bar.close()


def test_it_is_calm(terminal: Callable[..., Terminal]) -> None:
    """However often it is refreshed, it draws ten times a second at most."""
    clock, screen, looks = Clock(), terminal(), []

    def look() -> list[Snapshot]:
        looks.append(clock.now)
        return [snapshot(received=5, total=10)]

    bar = Bar(look, stream=screen.stream, clock=clock)
    for _ in range(1000):
        clock.now += 0.001
        bar.refresh()
    assert len(looks) <= 11
    bar.close()


def test_no_thread(terminal: Callable[..., Terminal]) -> None:
    """The bar starts no thread: whoever waits is the only one who writes."""
    before = threading.active_count()
    play(terminal(), [snapshot(received=5, total=10)])
    assert threading.active_count() == before


def test_room_for_a_line(terminal: Callable[..., Terminal]) -> None:
    """Between two refreshes the bar can be taken away, for a line to be written in its place."""
    clock, screen = Clock(), terminal()
    bar = Bar(lambda: [snapshot(received=5, total=10)], stream=screen.stream, clock=clock)
    bar.clear()
    bar.refresh()
    screen.lines()
    bar.clear()
    assert screen.lines() == []
    bar.refresh()  # at once: what was taken away comes back
    assert screen.lines()[-1].startswith("data.tar.gz  50 %")
    bar.close()


def test_who_says_why(terminal: Callable[..., Terminal]) -> None:
    """The last line says why it failed, unless somebody else will."""
    failed = snapshot(phase="failed", received=5, total=10, fault=BROKE)
    for say_why, end in ((True, "5 of 10 B, failed: The connection broke."), (False, "5 of 10 B, failed")):
        screen = terminal()
        Bar(lambda: [failed], stream=screen.stream, say_why=say_why).close()
        assert screen.lines()[-1].endswith(end)


# -- without a screen ----------------------------------------------------------------------------------------------
def test_log(caplog: pytest.LogCaptureFixture) -> None:
    """Where there is no screen, a line a minute goes to the log, and one at the end."""
    caplog.set_level(logging.INFO, "nbxfer")
    clock, stream = Clock(), io.StringIO()
    stage = [snapshot(received=5, total=10, rate=1.0, eta=5.0)]
    bar = Bar(lambda: stage, stream=stream, clock=clock)
    for _ in range(150):
        clock.now += 1
        bar.refresh()
    stage[0] = snapshot(phase="done", received=10, total=10)
    bar.close()
    assert caplog.messages == [
        "data.tar.gz: 5 of 10 B, 1 B/s, 5 s left",
        "data.tar.gz: 5 of 10 B, 1 B/s, 5 s left",
        "data.tar.gz: 10 B, the last 5 B in 2 min 30 s, done: no checksum known",
    ]
    assert {getattr(record, "op_id", None) for record in caplog.records} == {"3f2a9c"}
    assert stream.getvalue() == ""


def test_thousands(caplog: pytest.LogCaptureFixture) -> None:
    """Ten thousand are one line, with files and bytes."""
    caplog.set_level(logging.INFO, "nbxfer")
    stage = [snapshot(f"{i:08x}", "done" if i < 4000 else "queued", total=10) for i in range(10_000)]
    bar = Bar(lambda: stage, stream=io.StringIO())
    bar.close()
    assert caplog.messages == ["4000 of 10000 done: 40.0 of 100 kB"]


def test_a_look_that_takes_long_is_taken_seldom(terminal: Callable[..., Terminal]) -> None:
    """However many there are, looking at them costs a twentieth of the time at most."""
    clock, looks = Clock(), []

    def look() -> list[Snapshot]:
        looks.append(clock.now)
        clock.now += 0.03
        return [snapshot(received=5, total=10)]

    bar = Bar(look, stream=terminal(80).stream, clock=clock)
    for _ in range(300):
        clock.now += 0.01
        bar.refresh()
    bar.close()
    assert 4 <= len(looks) <= 7


def test_an_empty_stage(caplog: pytest.LogCaptureFixture) -> None:
    """Where there is nothing to show, nothing is shown."""
    bar = Bar(list, stream=io.StringIO())
    bar.refresh()
    bar.close()
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("variables", "on_screen", "elsewhere"),
    [
        ({}, "bar", "log"),
        ({"NBXFER_PROGRESS": "off"}, "off", "off"),
        ({"NBXFER_PROGRESS": "log"}, "log", "log"),
        ({"NBXFER_PROGRESS": "BAR"}, "bar", "bar"),
        ({"NBXFER_PROGRESS": "loud"}, "bar", "log"),
        ({"TQDM_DISABLE": "1", "NBXFER_PROGRESS": "bar"}, "off", "off"),
        ({"TQDM_DISABLE": "0"}, "bar", "log"),
        ({"TERM": "dumb"}, "log", "log"),
    ],
)
def test_modes(
    terminal: Callable[..., Terminal],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    on_screen: str,
    elsewhere: str,
) -> None:
    """NBXFER_PROGRESS and TQDM_DISABLE say how progress shows itself, else whether there is a screen."""
    screen = terminal()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (bars.mode(screen.stream), bars.mode(io.StringIO())) == (on_screen, elsewhere)


def test_off(terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off, it writes nothing and does not even look."""
    monkeypatch.setenv("NBXFER_PROGRESS", "off")
    screen = terminal()

    def look() -> list[Snapshot]:
        raise AssertionError

    bar = Bar(look, stream=screen.stream)
    bar.refresh()
    bar.close()
    assert screen.lines() == []


# -- in a notebook -------------------------------------------------------------------------------------------------
def test_in_a_notebook() -> None:
    """In a kernel the bar is a widget that ends green when done, red when something failed, blue when one left."""
    code = """
from nbxfer.faces.bar import Bar
from nbxfer.testing.session import snapshot
from nbxfer.core.faults import Fault
for end in ("done", "failed", "running"):
    shown = [snapshot(received=5, total=10, rate=1.0, eta=5.0)]
    bar = Bar(lambda: shown)
    bar.refresh()
    first = [child.value for child in bar._tqdm.container.children]
    shown[0] = snapshot(phase=end, received=10 if end == "done" else 5, total=10, rate=1.0, fault=Fault("X", "Why."))
    bar.close()
    left, middle, right = bar._tqdm.container.children
    print(*first, middle.bar_style, right.value, sep="|")
"""
    shown = [re.sub(r",[^,]* in .*", "", line) for line in run_cell(code).replace("\u2007", " ").splitlines()]
    half = "data.tar.gz  50 % |500.0| 5 of 10 B, 1 B/s, 5 s left"
    assert shown == [f"{half}|success| 10 B", f"{half}|danger| 5 of 10 B, failed: Why.", f"{half}|info| 5 of 10 B"]


def run_cell(code: str) -> str:
    """Run a cell in a real kernel; give what it printed."""
    import nbclient
    import nbformat

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    outputs: list[dict[str, str]] = book.cells[0].outputs
    return "".join(out["text"] for out in outputs if out["output_type"] == "stream" and out["name"] == "stdout")
