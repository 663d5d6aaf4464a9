"""The panel without a kernel and a browser: what it says, what it hears, what it leaves in a notebook's file."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import comm
import ipywidgets
import nbclient
import nbformat
import pytest
from comm.base_comm import BaseComm

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Cause, Phase, may
from nbxfer.errors import InvalidTransferState
from nbxfer.faces.panel import bundle, control, feed, panel, rows, static, widget
from nbxfer.testing.session import FakeSession, snapshot
from tests.faces.panel_desk import PanelDesk, every_state, op

VIEW = "application/vnd.jupyter.widget-view+json"
ROOT = Path(__file__).resolve().parents[2]


class FakeComm(BaseComm):  # type: ignore[misc]
    """A comm that writes down what would go to the front ends."""

    said: list[tuple[str, Any, list[bytes]]]

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        """Write a message down."""
        self.said.append((msg_type, data, list(buffers or [])))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Any, list[bytes]]]]:
    """Give what the widgets of this test said to the front ends; ends their threads."""
    said: list[tuple[str, Any, list[bytes]]] = []
    monkeypatch.setattr(FakeComm, "said", said, raising=False)
    monkeypatch.setattr(comm, "create_comm", FakeComm)
    monkeypatch.setattr(comm, "get_comm_manager", lambda: SimpleNamespace(
        register_comm=lambda _: None, unregister_comm=lambda _: None))  # fmt: skip
    yield said
    for made in (*widget._panels.values(), *widget._views.values()):
        made.close()
    widget._panels.clear()
    widget._views.clear()
    ipywidgets.Widget.close_all()


class FakeKernel:
    """As much of ipykernel as the panel touches; ``replies`` are the contents of what it answered."""

    def __init__(self) -> None:
        self.control_handlers: dict[str, Callable[..., None]] = {}
        self.replies: list[Any] = []
        self.session = SimpleNamespace(send=lambda stream, kind, content, parent, ident: self.replies.append(content))

    def hear(self, content: object) -> str:
        """Take a message from the control channel; give the status of the reply."""
        self.control_handlers["nbxfer_request"](None, [b"x"], {"content": content})
        status: str = self.replies[-1]["status"]
        return status


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    """Give a kernel that the panel finds."""
    found = FakeKernel()
    monkeypatch.setattr(control, "kernel", lambda: found)
    return found


class Line:
    """A feed by hand: its clock, and what it sent, unpacked."""

    def __init__(self, desk: FakeSession) -> None:
        self.now = 1000.0
        self.sent: list[dict[str, Any]] = []
        self.feed = feed.Feed(desk, self.take, lambda: self.now)

    def take(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        """Write a message down."""
        (body,) = buffers
        self.sent.append(content | json.loads(body))

    def steps(self, seconds: float, every: float = 0.01) -> list[dict[str, Any]]:
        """Let time go by; give what was sent meanwhile."""
        before = len(self.sent)
        end = self.now + seconds
        while self.now < end:
            self.feed.step()
            self.now += every
        return self.sent[before:]


# -- what it costs, what it is -------------------------------------------------------------------------------------
def test_naming_the_panel_costs_nothing() -> None:
    """Neither nbxfer nor nbxfer.faces.panel brings ipywidgets in; only a panel does."""
    script = "import sys, nbxfer, nbxfer.faces.panel; print({'ipywidgets', 'anywidget', 'IPython'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_one_panel_for_a_notebook(said: list[Any], kernel: FakeKernel) -> None:
    """Asked for again it is the same panel; its id follows from home and notebook, also after closing."""
    desk = FakeSession(every_state(), home="/a")
    first = panel(desk)
    assert panel(desk) is first
    assert desk.refreshed == 2
    assert panel(FakeSession(home="/a")).model_id == first.model_id
    assert panel(FakeSession(home="/b")).model_id != first.model_id
    first.close()
    second = panel(desk)
    assert second is not first
    assert second.model_id == widget.open_panel(desk).model_id
    assert second.model_id in {data["state"]["uid"] for kind, data, _ in said if kind == "comm_open" and "state" in data
                               and "uid" in data["state"]}  # fmt: skip


def test_another_session_takes_the_panel_over(said: list[Any], kernel: FakeKernel) -> None:
    """A new session of the same home goes on in the same widget: closing the old one would close its outputs."""
    first = panel(FakeSession(home="/a"))
    desk = FakeSession([snapshot("1")], home="/a")
    assert panel(desk) is first
    assert "data.tar.gz" in repr(first)
    assert kernel.hear({"uid": first.uid, "t": "wish", "id": "1", "verb": "pause"}) == "ok"
    assert desk.asked == [("1", "pause", {})]


# -- what it tells -------------------------------------------------------------------------------------------------
def secretive(canary: Callable[[str], str]) -> FakeSession:
    """Give a desk whose operation was asked for with secrets wherever they can be."""
    url = f"https://me:{canary('user')}@host.example/x.bin?token={canary('token')}&v={canary('query')}"
    return FakeSession([snapshot("1", url=url, destination="/home/you/x.bin", total=10)])


def test_traits_are_a_uid_and_flags(said: list[Any], kernel: FakeKernel, canary: Callable[[str], str]) -> None:
    """What a notebook may store of the widget says nothing of the operations; no message has a secret."""
    desk = secretive(canary)
    shown = panel(desk)
    bundle(desk, ["1"])
    assert shown._feed is not None
    shown._feed.step()
    state = next(data["state"] for kind, data, _ in said if kind == "comm_open" and "uid" in data["state"])
    own = {k: v for k, v in state.items() if not k.startswith("_") and k not in ("layout", "tabbable", "tooltip")}
    assert own == {"uid": shown.uid, "only": "", "control": True}
    assert "x.bin" in repr(said)
    for name in ("user", "token", "query"):
        assert canary(name) not in repr(said)
    assert canary("query")[:12] not in repr(shown) + str(bundle(desk))


def test_the_first_keyframe_is_repeated_until_somebody_answers() -> None:
    """What is sent before the front end listens is lost; so it is sent again, a few times, and not for ever."""
    line = Line(PanelDesk(*every_state()))
    sent = line.steps(60, 0.05)
    assert len(sent) == len(feed.REPEATS)
    assert all(m["first"] and len(m["rows"]) == 17 for m in sent)
    assert line.feed.step() is None

    line = Line(PanelDesk(*every_state()))
    line.steps(0.05)
    line.feed.hello()
    assert len(line.steps(60, 0.05)) == 1


def test_ten_messages_a_second_while_somebody_looks() -> None:
    """At most ten messages a second go to a front end that looks, two to nobody; the last is the truth."""
    desk = FakeSession([snapshot("1", received=0, total=10_000)])
    line = Line(desk)
    line.feed.hello()
    line.steps(1)
    for seconds, least, most in ((2, 15, 20), (feed.LOOKS_FOR, 0, 620), (10, 18, 21)):
        for count in range(int(seconds * 50)):
            desk.change("1", Phase.RUNNING, received=count)
            desk.board.flush(urgent=True)
            line.steps(0.02)
        sent = [m for m in line.sent if m["live"]]
        line.sent.clear()
        assert least <= len(sent) <= most, (seconds, len(sent))
    desk.change("1", Phase.RUNNING, received=9_999)
    desk.board.flush(urgent=True)
    last = line.steps(3)[-1]
    assert last["live"][0][2] == "10.0 kB" or last["live"][0][2] == "10.0 of 10.0 kB"
    assert last["rows"], "told whole at rest, whatever was lost"
    assert [m["serial"] for m in line.sent] == sorted(m["serial"] for m in line.sent)


def test_only_what_changed_is_told() -> None:
    """News are short: figures each time, names and reasons when they change."""
    desk = FakeSession([snapshot("1", received=0, total=100), snapshot("2", received=0, total=100)])
    line = Line(desk)
    line.feed.hello()
    line.steps(0.2)
    desk.change("1", Phase.RUNNING, received=50)
    desk.board.flush(urgent=True)
    (message,) = line.steps(0.2)
    assert message["rows"] == []
    assert message["live"] == [[0, 0.5, "50 of 100 B", "", ""]]
    desk.change("1", Phase.PAUSED, received=50)
    (message,) = line.steps(0.2)
    assert [(r["n"], r["word"], r["why"], r["verbs"]) for r in message["rows"]] == [
        (0, "Paused", " by you", ["resume", "cancel"])
    ]


def test_a_long_list_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than one message may hold come in several, numbered through, and the next one waits for them."""
    monkeypatch.setattr(feed, "CHUNK", 10)
    line = Line(FakeSession(op(i, Phase.QUEUED, f"{i}.bin") for i in range(25)))
    line.feed.hello()
    sent = line.steps(0.05)
    assert [(m["first"], m["last"], len(m["rows"])) for m in sent] == [(True, False, 10), (False, False, 10),
                                                                       (False, True, 5)]  # fmt: skip
    assert [r["n"] for m in sent for r in m["rows"]] == list(range(25))
    line.feed.hello()
    assert line.steps(0.2) == []
    assert len(line.steps(0.2)) == 3


def test_only_this_notebook_and_this_kernel() -> None:
    """What other notebooks do is not shown here, unless a view asks for it."""
    theirs = snapshot("2", notebook="/elsewhere.ipynb", owner="theirs")
    desk = FakeSession([snapshot("1", notebook="/elsewhere.ipynb"), theirs])
    line = Line(desk)
    line.feed.hello()
    (message,) = line.steps(0.2)
    assert [r["id"] for r in message["rows"]] == ["1"]
    assert not line.feed.knows("2")
    line.feed.scope("key", ["2"])
    (message,) = line.steps(0.2)
    assert [r["id"] for r in message["rows"]] == ["1", "2"]
    assert message["scopes"] == {"key": ["2"]}
    assert line.feed.knows("2")


def test_a_face_may_die(caplog: pytest.LogCaptureFixture) -> None:
    """When the way to the front end breaks, that is said once, in the log, and nothing else suffers."""
    desk = FakeSession([snapshot("1")])

    def broken(content: dict[str, Any], buffers: list[bytes]) -> None:
        raise OSError("the comm is closed")

    now = 0.0
    fed = feed.Feed(desk, broken, lambda: now)
    for _ in range(3):
        fed.hello()
        fed.step()
        now += 1
    assert sum("could not be told" in r.message for r in caplog.records) == 1


def test_the_writer_is_a_thread_of_its_own(said: list[Any], kernel: FakeKernel) -> None:
    """The thread that posts news never waits for a front end; the panel's thread ends with the panel."""
    desk = FakeSession([snapshot("1")])
    shown = panel(desk)
    threads = [t for t in threading.enumerate() if t.name == "nbxfer-panel"]
    assert len(threads) == 1
    assert threads[0].daemon
    shown.close()
    threads[0].join(5)
    assert not threads[0].is_alive()


def test_the_totals_are_of_what_goes_on() -> None:
    """The header adds up what is wanted; its time left is never shorter than the slowest one's."""
    slow = snapshot("1", received=10_000_000, total=20_000_000, rate=1e6, eta=10.0)
    fast = snapshot("2", received=0, total=9_000_000, rate=9e6, eta=1.0)
    lost = snapshot("3", Phase.FAILED, received=7, total=9)
    desk = FakeSession([slow, fast, lost])
    line = Line(desk)
    line.feed.hello()
    (message,) = line.steps(0.2)
    assert message["sum"] == {"size": "10.0 of 29.0 MB", "rate": "10.0 MB/s", "left": "10 s left", "fraction": 0.3448}
    desk.show(snapshot("4", Phase.QUEUED))
    (message,) = line.steps(0.2)
    assert message["sum"] == {"size": "10.0 MB", "rate": "10.0 MB/s", "left": "", "fraction": None}
    for op_id in "1234":
        desk.change(op_id, Phase.CANCELED, rate=None, eta=None)
    message = line.steps(0.5)[-1]
    assert message["sum"] == {"size": "", "rate": "", "left": "", "fraction": None}


# -- what it hears -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", sorted(rows.VERBS))
def test_verbs_reach_the_desk(said: list[Any], kernel: FakeKernel, verb: str) -> None:
    """The four verbs arrive over the control channel and over the comm, with nothing added."""
    desk = FakeSession(every_state())
    desk.notebook = "/home/you/study.ipynb"
    shown = panel(desk)
    wish = {"t": "wish", "id": f"{1:016x}", "verb": verb, "fields": {"url": "https://evil.example"}}
    assert kernel.hear({"uid": shown.uid} | wish) == "ok"
    shown.comm.handle_msg({"content": {"data": {"method": "custom", "content": wish}}, "buffers": []})
    assert desk.asked == [(f"{1:016x}", verb, {})] * 2


@pytest.mark.parametrize(
    "content",
    [
        None, 7, "pause", [], {}, {"t": "wish"}, {"t": "wish", "id": "1"}, {"t": "wish", "id": "1", "verb": "start"},
        {"t": "wish", "id": "1", "verb": "__class__"}, {"t": "wish", "id": "1", "verb": ["pause"]},
        {"t": "wish", "id": ["1"], "verb": "pause"}, {"t": "wish", "id": "2", "verb": "pause"},
        {"t": "wish", "id": "../1", "verb": "pause"}, {"t": "eval", "id": "1", "verb": "pause"},
        {"t": {"a": 1}}, {"t": "wish", "id": "1", "verb": "priority"},
    ],
)  # fmt: skip
def test_anything_else_is_ignored(said: list[Any], kernel: FakeKernel, content: Any) -> None:
    """A message that is none of the four verbs on a known id changes nothing and raises nothing."""
    desk = FakeSession([snapshot("1")])
    shown = panel(desk)
    shown.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})
    assert kernel.hear(content) == "unknown"
    assert kernel.hear({"uid": shown.uid} | content if isinstance(content, dict) else content) == "unknown"
    assert kernel.hear({"uid": "other", "t": "wish", "id": "1", "verb": "pause"}) == "unknown"
    kernel.control_handlers["nbxfer_request"](None, [], None)
    assert desk.asked == []


def test_traits_set_from_outside_change_nothing(said: list[Any], kernel: FakeKernel) -> None:
    """A page that rewrites the uid steers nothing else: the kernel never reads it back."""
    desk, other = FakeSession([snapshot("1")], home="/a"), FakeSession([snapshot("1")], home="/b")
    first, second = panel(desk), panel(other)
    first.set_state({"uid": second.uid})
    wish = {"t": "wish", "id": "1", "verb": "pause"}
    first.comm.handle_msg({"content": {"data": {"method": "custom", "content": wish}}, "buffers": []})
    assert (len(desk.asked), len(other.asked)) == (1, 0)


def test_a_refusal_is_shown_in_its_row() -> None:
    """What the desk refuses is said where the person looks."""
    desk = FakeSession([snapshot("1")])
    desk.refuse["1", "pause"] = InvalidTransferState("Too late.")
    line = Line(desk)
    line.feed.hello()
    line.steps(0.2)
    assert control.hear(desk, line.feed, {"t": "wish", "id": "1", "verb": "pause"}) == "refused"
    (message,) = line.steps(0.2)
    assert message["notes"] == [["1", "Too late."]]


def test_a_comm_is_mended_where_that_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both faults of comms over subshells are mended; a kernel without these names is left as it is."""
    heard: list[Any] = []
    seven_four = SimpleNamespace(
        _reply_subshell_for=lambda data, default: None, _msg_callback=heard.append, handle_msg=lambda m: 1 / 0
    )
    control.mend(seven_four)
    assert seven_four._reply_subshell_for({}, "asked for") == "asked for"
    seven_four.handle_msg("news")
    assert heard == ["news"]
    seven_four._msg_callback = None
    seven_four.handle_msg("nobody listens")
    bare = SimpleNamespace()
    control.mend(bare)
    assert vars(bare) == {}


def test_kernels_without_a_control_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no kernel, or one of another make, the panel knows that it has only the comm."""
    for found in (None, SimpleNamespace(), SimpleNamespace(control_handlers={}, session=None)):
        monkeypatch.setattr(control, "kernel", lambda found=found: found)
        assert not control.install(lambda uid, content: "ok")


# -- rows ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("owner", ["ours", "theirs", "orphaned"])
def test_buttons_fit_the_phase(phase: Phase, owner: str) -> None:
    """No button is shown that the table of phases has no arrow for; and every row reads as a sentence."""
    shown = snapshot("1", phase, owner=owner, received=5, total=10)
    verbs = rows.verbs(shown)
    causes = {"pause": Cause.PAUSE, "resume": Cause.RESUME, "retry": Cause.RETRY, "cancel": Cause.CANCEL}
    for verb in verbs:
        assert may(phase, causes[verb]) or (verb == "pause" and phase is Phase.VERIFYING) or owner == "orphaned"
    assert ("cancel" in verbs) == may(phase, Cause.CANCEL)
    row = rows.row(0, shown, 0.0)
    assert row.word[0].isupper()
    assert not row.why.startswith(": :")


def test_rows_of_every_state() -> None:
    """Each state has its tone and its sentence."""
    found = {s.name: rows.row(0, s, s.due - 42 if s.due else 0.0, s.notebook) for s in every_state()}
    sentences = {name: f"{row.tone}: {row.word}{row.why}" for name, row in found.items()}
    assert sentences["imagenet-train.tar"] == "run: Running"
    assert sentences["corpus-07.parquet"].startswith("wait: Will try again{due}: The server closed")
    assert found["corpus-07.parquet"].due == 42.0
    assert sentences["genome.bam"].startswith("person: Needs you: https://bucket")
    assert sentences["video-archive.zip"] == "pause: Paused by you"
    assert sentences["era5-2025.nc"].startswith("wait: Waiting for the network")
    assert sentences["lidar.laz"].startswith("orphan: Interrupted: ")
    assert found["lidar.laz"].verbs == ("resume", "cancel")
    assert found["labels-v3.csv"].verbs == ("retry", "cancel")
    assert sentences["weights.safetensors"] == "done: Done: its checksum is right"
    assert found["weights.safetensors"].verbs == ()
    assert found["shared.h5"].where == "run by another kernel"


def test_a_renamed_notebook_finds_its_own() -> None:
    """A notebook without operations shows those of its folder, and says from which notebook they are."""
    old = snapshot("1", notebook="/books/old.ipynb", owner="orphaned")
    desk = FakeSession([old, snapshot("2", notebook="/else/old.ipynb", owner="orphaned")])
    desk.notebook = "/books/new.ipynb"
    assert rows.chosen(desk, None) == [old]
    assert rows.row(0, old, 0.0, desk.notebook).where == "from old.ipynb"
    desk.show(snapshot("3", notebook="/books/new.ipynb"))
    assert [s.id for s in rows.chosen(desk, None)] == ["3"]


# -- what stays in the file ----------------------------------------------------------------------------------------
def test_the_table_is_clean(canary: Callable[[str], str]) -> None:
    """The table in the file is text: nothing foreign is markup, nothing names a folder, a query or a server's words."""
    fault = Fault("NeedsAttention", "https://h/x was answered with 403 for /home/you.", Remedy.PERSON, http_status=403)
    evil = op(1, Phase.PAUSED, "<img src=x onerror=alert(1)>.bin", fault=fault, received=1, total=2)
    html = static.html([evil, secretive(canary).board.all()[0]])
    assert "<img" not in html
    assert "&lt;img src=x" in html
    assert "needs you (NeedsAttention 403)" in html
    for private in ("/home/you", "https://", "answered", "token", "data-", "style", canary("token")):
        assert private not in html


def test_the_table_ends_somewhere() -> None:
    """Of a long list the table shows a hundred rows and counts the rest; of an empty one it says so."""
    html = static.html([op(i, Phase.QUEUED, f"{i}.bin") for i in range(130)])
    assert html.count("<tr>") == 102
    assert "and 30 more" in html
    assert static.html([]) == "<p>No transfers.</p>"
    assert static.plain([]) == "nbxfer: no transfers"


def test_a_bundle_without_a_kernel_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal there is nothing to open a widget for."""
    monkeypatch.setattr(control, "kernel", lambda: None)
    data = bundle(FakeSession([snapshot("1", received=5, total=10)]), ["1"])
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"] == "nbxfer: data.tar.gz: running, 50 %, 5 of 10 B"


def test_bundles(said: list[Any], kernel: FakeKernel) -> None:
    """An operation, a batch and the panel have each their view, with the same id whenever they are asked for."""
    desk = FakeSession([snapshot("1"), snapshot("2")])
    ids = [bundle(desk, which)[VIEW]["model_id"] for which in (None, ["1"], ["1", "2"], ["2"], ["1", "2"])]
    assert len(set(ids)) == 4
    assert ids[2] == ids[4]
    assert panel(desk)._repr_mimebundle_()[0][VIEW]["model_id"] == ids[0]
    state = {data["state"]["only"] for kind, data, _ in said if kind == "comm_open" and "only" in data["state"]}
    assert {"", "1", "2"} < state
    assert all(len(only) in (0, 1, 32) for only in state)


def test_an_executed_notebook_keeps_no_secret(canary: Callable[[str], str], tmp_path: Path) -> None:
    """When nbclient runs a notebook, it stores all traits and outputs: a table is in them, and no secret."""
    url = f"https://me:{canary('user')}@host.example/x.bin?token={canary('token')}"
    code = (
        "import os\nfrom nbxfer.faces.panel import panel\nfrom nbxfer.testing.session import FakeSession, snapshot\n"
        "desk = FakeSession([snapshot('1', url=os.environ.pop('URL'), destination=os.environ.pop('DEST'), total=10)])\n"
        "panel(desk)"
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    client = nbclient.NotebookClient(book, timeout=60, kernel_name="python3")
    env = {
        "URL": url,
        "DEST": "/home/you/x.bin",
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    client.execute(env=env, cwd=str(ROOT))
    stored = json.dumps(book)
    assert "widget-state+json" in stored
    assert "x.bin" in stored
    assert canary("user") not in stored
    assert canary("token") not in stored
    assert "/home/you" not in stored
