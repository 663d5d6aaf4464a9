"""The demo does what it says, with a real kernel that is really killed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from nbxfer.core.phases import TRANSITIONS, Phase
from nbxfer.demo import drawing, play
from nbxfer.demo.kernel import CellFailed, Kernel
from nbxfer.demo.server import DemoServer
from nbxfer.errors import TransferError

MIB = 1024 * 1024


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the play's file small: three seconds a run instead of seven."""
    monkeypatch.setattr(play, "SIZE", 24 * MIB)
    monkeypatch.setattr(play, "RATE", 8_000_000)


@pytest.mark.usefixtures("short")
def test_play(capfd: pytest.CaptureFixture[str]) -> None:
    """A kernel and a script are killed half-way; both downloads finish, with the right bytes, and say so."""
    play.main()
    said, shown = capfd.readouterr()
    assert said.count("the SHA-256 is right") == 2
    assert "SIGKILL at" in said
    assert "under the final name nothing is there yet" in said
    assert re.search(r"reattach\(\) found .* \((\d+)%\)", said)
    assert said.count("sent twice, by the server's count") == 2
    assert "make lab" in said
    assert "data.bin" in shown or "second.bin" in shown, "the script has a bar"


def test_play_with_a_url_of_ones_own(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a URL nothing is known beforehand: the digest is told, and what was fetched twice comes from nbxfer."""
    monkeypatch.setattr(play.Play, "in_a_script", lambda self: None)
    with DemoServer(size=16 * MIB, rate=8_000_000) as server:
        play.main(server.url)
    said, _ = capfd.readouterr()
    assert f"SHA-256 {server.sha256}" in said
    assert "fetched twice: " in said


def test_a_file_that_is_too_small(capfd: pytest.CaptureFixture[str]) -> None:
    """What is done at once cannot be killed half-way: the demo says so, and how to mend it."""
    with DemoServer(size=1000) as server, pytest.raises(TransferError, match="Take a larger file"):
        play.main(server.url)
    assert "SIGKILL" not in capfd.readouterr().out


def test_kernel(tmp_path: Path) -> None:
    """A kernel is a process of this interpreter that says what its cells print, and how they fail."""
    with Kernel(tmp_path, {"NBXFER_HOME": "elsewhere"}) as kernel:
        assert kernel.run("import sys; print(sys.executable)").strip() == sys.executable
        assert kernel.run("import os; print(os.environ['NBXFER_HOME'])") == "elsewhere\n"
        with pytest.raises(CellFailed, match="ZeroDivisionError"):
            kernel.run("1 / 0")
        kernel.kill()
        assert kernel.process.returncode == -9


def test_kernel_needs_jupyter_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no kernel can be started, a sentence says what to install."""
    monkeypatch.setitem(sys.modules, "jupyter_client.blocking.client", None)
    with pytest.raises(TransferError, match=r"pip install 'nbxfer\[demo\]'"):
        Kernel(tmp_path, {})


def test_drawing() -> None:
    """The picture has a box for every phase and an arrow for every way from one to another."""
    picture = drawing.phases_svg()
    pairs = {(start, end) for (start, _), end in TRANSITIONS.items()}
    assert picture.count("<rect") == len(Phase) + 1
    assert picture.count("marker-end") == len(pairs)
    assert "running → stalled: starved" in picture
