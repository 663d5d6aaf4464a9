"""The extension in real kernels: what it offers, what it does when asked, and that it does nothing unasked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbxfer.demo.server import DemoServer
from nbxfer.errors import AccessDenied, InvalidRequest
from nbxfer.faces.notebook import announcing, startup
from nbxfer.session import Session
from tests.fixtures import serve, sessions
from tests.journeys.kernels import Kernel, kernel
from tests.journeys.terminal import MIB, sha256, until

__all__ = ["kernel", "serve", "sessions"]  # the fixtures of this file

VIEW = "application/vnd.jupyter.widget-view+json"
LOAD = "%load_ext nbxfer"


def killed(kernel: Callable[..., Kernel], server: DemoServer, name: str = "X") -> int:
    """Let a kernel begin a download, and kill it half-way; give what the server has sent when it has noticed."""
    one = kernel()
    one.run(f"import nbxfer; op = nbxfer.download({server.url!r}, {name!r}); op")
    until(lambda: server.sent > MIB)
    os.kill(one.pid, signal.SIGKILL)
    return settled(server)


def settled(server: DemoServer) -> int:
    """Give what the server has sent, once it sends no more to who is gone."""
    seen = -1
    while seen != server.sent:
        seen = server.sent
        time.sleep(0.3)
    return seen


def parts(folder: Path) -> list[str]:
    """Give the names of the part files that lie about."""
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


def test_what_was_interrupted_is_offered_once_and_nothing_moves(
    kernel: Callable[..., Kernel], serve: Callable[..., DemoServer], tmp_path: Path
) -> None:
    """Below the first cell stands what an earlier kernel left, in three faces; no request is sent until one is chosen.

    The saved output of the operation is fed again before anything is asked for.
    """
    server = serve(16 * MIB, 500_000)
    asked = killed(kernel, server)
    two = kernel()
    offer, rows = two.shown(LOAD)
    assert "1 transfer of this notebook is unfinished (1 interrupted; " in offer["text/plain"]
    assert "nbxfer.reattach()" in offer["text/html"]
    assert offer[VIEW]["model_id"] != rows[VIEW]["model_id"]
    assert "X: interrupted" in rows["text/plain"]
    alive = two.run("import ipywidgets; print(sorted(ipywidgets.Widget._active_widgets if hasattr(ipywidgets.Widget,"
                    " '_active_widgets') else ipywidgets.widgets.widget._instances))")  # fmt: skip
    assert offer[VIEW]["model_id"] in alive
    assert two.shown("1 + 1") == [{"text/plain": "2"}]
    assert two.shown(LOAD) == []
    assert server.sent == asked
    assert (
        two.run("print(nbxfer.operations()[0].status.name)".replace("nbxfer", "__import__('nbxfer')")) == "ORPHANED\n"
    )
    assert two.run("%xfer ls").splitlines()[1].split()[1] == "X"
    assert two.run("%xfer resume --all").startswith("X: ")
    server.rate = None
    two.run("import nbxfer; nbxfer.operations()[0].result(60)", 60)
    assert sha256(tmp_path / "X") == server.sha256
    assert two.run("%xfer ls") == "nothing is unfinished.\n"


CHOOSE = """
from nbxfer.faces.panel import offer
(it,) = offer._offers.values()
said = []
it.send = lambda content: said.append(content)
it.about(it._op_ids)
it._hear({{"t": "choose", "choice": ["resume"]}})
it._hear({{"t": "run", "code": "1/0"}}); it._hear(7)
it._hear({{"t": "choose", "choice": "{choice}"}})
it._hear({{"t": "choose", "choice": "discard"}})
print(said[1]["said"])
"""


@pytest.mark.parametrize("choice", ["resume", "discard"])
def test_one_choice(
    kernel: Callable[..., Kernel], serve: Callable[..., DemoServer], tmp_path: Path, choice: str
) -> None:
    """One of three ways is taken, once: left as it is; on to the end; given up, its part deleted, no server asked."""
    server = serve(8 * MIB, 500_000)
    sent = killed(kernel, server)
    two = kernel()
    two.run(LOAD)
    assert two.run(CHOOSE.format(choice="keep")).startswith("Left as it is")
    assert two.run("import nbxfer, time\nop = nbxfer.operations()[0]\nprint(op.status.name)") == "ORPHANED\n"
    assert len(parts(tmp_path)) == 1
    printed = two.run(CHOOSE.format(choice=choice))
    if choice == "resume":
        assert printed == "Going on with 1 transfer.\n"
        two.run("while op.status.name == 'ORPHANED': time.sleep(0.05)")
        server.rate = None
        two.run("op.result(60)", 60)
        assert sha256(tmp_path / "X") == server.sha256
        return
    assert printed == "Discarding 1 transfer.\n"
    two.run("op.wait(20, progress=False)")
    assert two.run("print(op.status.name)") == "CANCELED\n"
    until(lambda: not parts(tmp_path))
    assert server.sent == sent


def test_words_for_who_would_rather_not_write_python(
    kernel: Callable[..., Kernel], serve: Callable[..., DemoServer], tmp_path: Path
) -> None:
    """%xfer downloads, lists, steers and explains; what it cannot do is said in one sentence, without a traceback."""
    slow, quick = serve(16 * MIB, 500_000), serve(100_000)
    one = kernel()
    one.run(LOAD)
    assert VIEW in one.shown(f"%xfer {slow.url} slow.bin")[0]
    assert VIEW in one.shown(f"%%xfer many/\n# two of them\n{quick.url}\n\n{quick.url.replace('data', 'more')}")[0]
    assert one.run("import nbxfer; o, *more = nbxfer.operations(); [m.result(30) for m in more]; print(len(more))") == (
        "2\n"
    )
    assert sorted(p.name for p in (tmp_path / "many").iterdir()) == ["data.bin", "more.bin"]
    op_id = one.run("print(o.id)").strip()
    assert "slow.bin" in one.run(f"%xfer pause {op_id[:6]}")
    one.run("import time\nwhile o.status.name == 'RUNNING': time.sleep(0.02)")
    assert "paused" in one.run("%xfer ls")
    one.run("%xfer resume --all")
    assert "asked for" in one.run(f"%xfer explain {op_id[:6]}")
    one.run(f"%xfer cancel {op_id[:6]}")
    one.run("o.wait(20, progress=False)")
    assert one.run("%xfer ls") == "nothing is unfinished.\n"
    assert "canceled" in one.run("%xfer ls --all")
    assert one.run("%xfer --help") == one.run("%xfer")
    for wrong, sentence in {
        "%xfer 'oops": "could not be read",
        "%xfer frobnicate": "knows no 'frobnicate'",
        "%xfer pause": "of which?",
        "%xfer pause ffffffffff": "No transfer's id begins",
        "%xfer ls --bogus": "does not know '--bogus'",
        "%xfer panel now": "takes nothing more",
        f"%xfer {quick.url} a b": "one URL and one destination",
        "%xfer gopher://x/y": "gopher",
        "%%xfer a b\nhttps://x": "takes one folder",
        "%%xfer a/\n# nothing": "no URL below",
        "%%xfer a/\nhttps://x/a b": "a blank in it",
    }.items():
        printed = one.run(wrong)
        assert printed.startswith("nbxfer: "), wrong
        assert sentence in printed, wrong
        assert "Traceback" not in printed
    assert one.run("%xfer").startswith("%xfer URL")
    one.run("%unload_ext nbxfer")
    assert one.run("print('xfer' in get_ipython().magics_manager.magics['line'])") == "False\n"


def test_a_startup_file_is_written_and_removed_by_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the explicit command writes it, only ours is removed or replaced, and it says what it is."""
    program = [sys.executable, "-m", "nbxfer"]
    ran = subprocess.run([*program, "install-startup"], capture_output=True, text=True, check=True)
    written = Path(ran.stdout.strip())
    assert written == startup.path()
    assert str(written).startswith(os.environ["IPYTHONDIR"])
    assert "load_ipython_extension" in written.read_text()
    assert startup.install() == written, "twice is as good as once"
    subprocess.run([*program, "uninstall-startup"], capture_output=True, check=True)
    assert not written.exists()
    again = subprocess.run([*program, "uninstall-startup"], capture_output=True, text=True, check=True)
    assert "It was not installed." in again.stderr
    written.write_text("my_own = 1\n")
    for door in (startup.install, startup.uninstall):
        with pytest.raises(InvalidRequest, match="was not written by nbxfer"):
            door()
    assert written.read_text() == "my_own = 1\n"
    for name in ("", "..", "a/b"):
        with pytest.raises(InvalidRequest, match="no name of a profile"):
            startup.path(name)
    blocked = home / "file"
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("")
    monkeypatch.setenv("IPYTHONDIR", str(blocked))
    with pytest.raises(AccessDenied, match="not a writable location"):
        startup.install()


def test_with_the_startup_file_outputs_live_before_a_cell_is_run(
    kernel: Callable[..., Kernel], serve: Callable[..., DemoServer]
) -> None:
    """A new kernel makes the widgets of the saved outputs by itself, under their old ids, and offers what is left."""
    startup.install()
    server = serve(8 * MIB, 500_000)
    one = kernel()
    shown = one.shown(f"import nbxfer; op = nbxfer.download({server.url!r}, 'X'); op")
    shown += one.shown("nbxfer.panel()")
    ids = {bundle[VIEW]["model_id"] for bundle in shown}
    until(lambda: server.sent > MIB)
    os.kill(one.pid, signal.SIGKILL)
    sent = settled(server)
    two = kernel()
    known: dict[str, Any] = two.reply(two.client.comm_info("jupyter.widget"))["comms"]
    assert ids <= set(known)
    assert len(two.shown("2 + 2")) == 3, "its value, the offer, the row"
    assert server.sent == sent


def test_who_connects_while_a_kernel_starts_is_told_of_the_widgets_again(
    kernel: Callable[..., Kernel], serve: Callable[..., DemoServer]
) -> None:
    """What was announced before a page listened is lost; where none has answered, it comes once more, layouts first."""
    startup.install()
    one = kernel()
    shown = one.shown(f"import nbxfer; op = nbxfer.download({serve(8 * MIB, 500_000).url!r}, 'X'); op")
    ids = {shown[0][VIEW]["model_id"]}
    os.kill(one.pid, signal.SIGKILL)
    two = kernel()
    opened: dict[str, dict[str, Any]] = {}
    while not ids <= set(opened):
        message = two.client.get_iopub_msg(timeout=20)
        if message["msg_type"] == "comm_open":
            opened[message["content"]["comm_id"]] = message["content"]["data"]["state"]
    (view,) = ids
    assert opened[view]["_model_module"] == "anywidget"
    assert opened[view]["layout"].removeprefix("IPY_MODEL_") in opened


def test_where_nothing_is_remembered_nothing_is_loaded(kernel: Callable[..., Kernel]) -> None:
    """The extension costs a kernel without transfers no import of the front desk, and says nothing."""
    one = kernel()
    assert one.shown(LOAD) == []
    assert one.run("import sys; print('nbxfer.session' in sys.modules, 'ipywidgets' in sys.modules)") == "False False\n"


def test_a_home_that_cannot_be_read_keeps_no_kernel_from_starting(kernel: Callable[..., Kernel], home: Path) -> None:
    """Whatever is wrong with our folder or our settings, the extension loads, and the person's cells run."""
    home.mkdir(parents=True)
    (home / "journals").mkdir()
    (home / "journals" / "0123456789abcdef.jsonl").write_bytes(b"\xff\x00{]\n" * 40)
    (home / "outputs").mkdir()
    (home / "outputs" / "x.jsonl").write_bytes(b"{}\n\xff")
    one = kernel(NBXFER_BANDWIDTH="a lot")
    assert one.shown(LOAD) == []
    assert one.run("print(1)") == "1\n"


def test_the_home_is_looked_at_without_the_front_desk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    """Only where the home surely holds nothing is the front desk left alone; a file may say that it is elsewhere."""
    monkeypatch.delitem(sys.modules, "nbxfer.session", raising=False)
    assert announcing._nothing_there()
    monkeypatch.delenv("NBXFER_HOME")
    assert announcing._nothing_there()
    settings = Path(os.environ["XDG_CONFIG_HOME"], "nbxfer", "config.toml")
    settings.parent.mkdir(parents=True)
    settings.write_text("")
    assert not announcing._nothing_there()
    monkeypatch.setenv("NBXFER_HOME", str(tmp_path / "full"))
    (tmp_path / "full" / "outputs").mkdir(parents=True)
    assert announcing._nothing_there()
    (tmp_path / "full" / "outputs" / "x").write_text("")
    assert not announcing._nothing_there()


def test_outputs_are_remembered_and_bounded(sessions: Callable[[], Session]) -> None:
    """What a notebook shows is remembered for its next kernel, the newest hundred; damage costs a line, no more."""
    session = sessions()
    for number in range(130):
        session.keep_output(f"{number:032x}", "u", "view", "", (f"{number:016x}",))
    session.keep_output("same", "u", "panel", "", ())
    session.keep_output("same", "u", "panel", "", ())
    session.keep_output("too many", "u", "view", "", tuple(f"{n:016x}" for n in range(501)))
    kept = session.kept_outputs(session.notebook)
    assert [k.model for k in kept][-2:] == [f"{129:032x}", "same"]
    assert len(kept) == 100
    assert session.kept_outputs("/another.ipynb") == []
    (path,) = (session.home / "outputs").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes()[:-9] + b'\n{"model": 7}\n[]\n\xff\n')
    assert len(session.kept_outputs(session.notebook)) == 99
    os.utime(path, (1, 1))
    session.notebook = "/home/you/new.ipynb"
    session.keep_output("first", "u", "panel", "", ())
    assert not path.exists(), "who was not seen for half a year is forgotten"
