"""The demo does what it says, with a real kernel that is really killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nbxfer.core.phases import TRANSITIONS, Phase
from nbxfer.demo import drawing, play
from nbxfer.demo import kernel as kernels
from nbxfer.demo.kernel import CellFailed, Kernel
from nbxfer.demo.server import DemoServer
from nbxfer.errors import TransferError

MIB = 1024 * 1024


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the play's file small, and its connections slow: three seconds a run over eight of them.

    What is left after half of it is still enough for several connections.
    """
    monkeypatch.setattr(play, "SIZE", 48 * MIB)
    monkeypatch.setattr(play, "RATE", 2_000_000)


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
    with DemoServer(size=4 * MIB, rate=1_000_000) as server:  # so little comes over one connection
        play.main(server.url)
    said, _ = capfd.readouterr()
    assert f"SHA-256 {server.sha256}" in said
    assert "fetched twice: " in said


def test_a_file_that_is_too_small(capfd: pytest.CaptureFixture[str]) -> None:
    """What is done at once cannot be killed half-way: the demo says so, and how to mend it."""
    with DemoServer(size=1000) as server, pytest.raises(TransferError, match="Take a larger file"):
        play.main(server.url)
    assert "SIGKILL" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        ((0, None, False, "asking the server", 0), "did not get half-way: asking the server"),
        ((5, 9, True, "complete", 0), "done before it could be killed"),
    ],
)
def test_never_half_way(tmp_path: Path, look: tuple[int, int | None, bool, str, int], sentence: str) -> None:
    """A download that hangs, or is over at once, ends the play with a sentence."""
    with pytest.raises(TransferError, match=sentence):
        play.Play(tmp_path, play.Subject("http://127.0.0.1/", patience=0.0))._half(lambda: look)


def test_it_does_not_go_on(tmp_path: Path) -> None:
    """When the new kernel's operation fails, the play says why."""
    gone = play.Play(tmp_path, play.Subject("http://127.0.0.1/"))
    with Kernel(tmp_path, {}) as kernel:
        kernel.run("class op:\n class snapshot:\n  received, total, reason, phase = 1, 2, 'it is gone', 'failed'")
        kernel.run("op.done = lambda: False")
        with pytest.raises(TransferError, match="did not go on: it is gone"):
            gone._until(kernel, lambda phase: phase == "done")


def test_wrong_bytes_are_said(tmp_path: Path) -> None:
    """The play does not trust its subject: a wrong SHA-256 is an error."""
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(TransferError, match="SHA-256 of x is wrong"):
        play.Play(tmp_path, play.Subject("http://127.0.0.1/", sha256="0" * 64))._check(tmp_path / "x", 0, 0)


def test_the_script_ends_early(tmp_path: Path) -> None:
    """A script that dies by itself is not waited for."""
    dead = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"], text=True)
    dead.wait()
    with pytest.raises(TransferError, match="exit code 7"):
        play.Play(tmp_path, play.Subject("http://127.0.0.1/"))._look(tmp_path / "x", dead)


def test_kernel(tmp_path: Path) -> None:
    """A kernel is a process of this interpreter that says what its cells print, and how they fail."""
    with Kernel(tmp_path, {"NBXFER_HOME": "elsewhere"}) as kernel:
        assert kernel.run("import sys; print(sys.executable)").strip() == sys.executable
        assert kernel.run("import os; print(os.environ['NBXFER_HOME'])") == "elsewhere\n"
        with pytest.raises(CellFailed, match="ZeroDivisionError"):
            kernel.run("1 / 0")
        kernel.kill()
        assert kernel.process.returncode == -9


def test_a_kernel_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that does not leave when it is asked is not left behind."""
    monkeypatch.setattr(kernels, "LEAVE_WITHIN", 0.1)
    with Kernel(tmp_path, {}) as kernel:
        os.kill(kernel.process.pid, signal.SIGSTOP)
    assert kernel.process.returncode == -9


def test_a_kernel_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that is not ready in time is killed, and a sentence says where to look."""
    monkeypatch.setattr(kernels, "START_WITHIN", 0.1)
    kernel = Kernel(tmp_path, {})
    os.kill(kernel.process.pid, signal.SIGSTOP)
    with pytest.raises(TransferError, match="kernel did not start"), kernel:
        pass
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
