"""The panel without a kernel and a browser: what it says, what it hears, what it leaves in a notebook's file."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import comm
import ipywidgets
import pytest
from comm.base_comm import BaseComm

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Phase
from nbxfer.errors import InvalidRequest
from nbxfer.faces.panel import bundle, control, panel, rows, static, widget
from nbxfer.faces.panel.feed import KERNEL
from nbxfer.session import Session
from nbxfer.session.group import Group
from nbxfer.testing.session import FakeSession, snapshot
from tests.faces.jupyter import until
from tests.faces.panel_desk import every_state, groups, op
from tests.servers.rogue import Asked, Rogue, Wire, honest

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


def test_a_page_of_the_kernel_before_counts_for_nothing(said: list[Any], kernel: FakeKernel) -> None:
    """Widgets are announced again until a page says that it has this kernel's; an older one may go on speaking."""
    shown = panel(FakeSession([]))
    before = len(said)
    for content in ({"t": "hello"}, {"t": "hello", "kernel": "another"}):
        kernel.hear({"uid": shown.uid} | content)
        assert widget.announce_again()
    opened = [data["state"] for kind, data, _ in said[before:] if kind == "comm_open"]
    assert [state.get("uid") for state in opened] == [None, shown.uid] * 2, "the layout comes first"
    kernel.hear({"uid": shown.uid, "t": "hello", "kernel": KERNEL})
    assert not widget.announce_again()


def test_traits_are_a_uid_and_flags(said: list[Any], kernel: FakeKernel, canary: Callable[[str], str]) -> None:
    """What a notebook may store of the widget says nothing of the operations; no message has a secret."""
    desk = secretive(canary)
    shown = panel(desk)
    bundle(desk, ["1"])
    assert shown._feed is not None
    shown._feed.step()
    state = next(data["state"] for kind, data, _ in said if kind == "comm_open" and "uid" in data["state"])
    own = {k: v for k, v in state.items() if not k.startswith("_") and k not in ("layout", "tabbable", "tooltip")}
    assert own == {"uid": shown.uid, "only": "", "control": True, "kernel": KERNEL}
    assert len(state["_esm"]) < 60_000
    assert "x.bin" in repr(said)
    for name in ("user", "token", "query"):
        assert canary(name) not in repr(said)
    assert canary("query")[:12] not in repr(shown) + str(bundle(desk))


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


# -- what it hears -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", sorted(rows.VERBS - {"priority", "ask", "first"}))
def test_verbs_reach_the_desk(said: list[Any], kernel: FakeKernel, verb: str) -> None:
    """The verbs arrive over the control channel and over the comm, with nothing added."""
    desk = FakeSession(every_state())
    desk.notebook = "/home/you/study.ipynb"
    shown = panel(desk)
    wish = {"t": "wish", "id": f"{1:016x}", "verb": verb, "fields": {"url": "https://evil.example"}}
    assert kernel.hear({"uid": shown.uid} | wish) == "ok"
    shown.comm.handle_msg({"content": {"data": {"method": "custom", "content": wish}}, "buffers": []})
    assert desk.asked == [(f"{1:016x}", verb, {})] * 2


def said_by_a_page(shown: Any, content: object) -> None:
    """Have a front end say something over the comm."""
    shown.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


FIRST = f"{1:016x}"
WISH = {"t": "wish", "id": FIRST, "verb": "pause"}


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"t": "wish", "id": FIRST, "verb": "cancel", "keep": True}, ("cancel", {"delete_partial": False})),
        ({"t": "wish", "id": FIRST, "verb": "cancel", "keep": False}, ("cancel", {})),
        ({"t": "wish", "id": FIRST, "verb": "pause", "keep": True}, ("pause", {})),
        ({"t": "wish", "id": FIRST, "verb": "priority", "priority": 1}, ("priority", {"priority": 1})),
        ({"t": "wish", "id": FIRST, "verb": "ask"}, ("ask", {})),
        ({"t": "give", "id": FIRST, "verb": "resume", "url": " https://new.example/x "},
         ("resume", {"url": "https://new.example/x"})),
        ({"t": "give", "id": FIRST, "verb": "retry", "user": "me", "password": "p"}, ("retry", {"auth": ("me", "p")})),
        ({"t": "give", "id": FIRST, "verb": "resume", "token": "abc\n"},
         ("resume", {"headers": {"Authorization": "Bearer abc"}})),
    ],
)  # fmt: skip
def test_what_a_click_may_add(
    said: list[Any], kernel: FakeKernel, content: dict[str, Any], wanted: tuple[str, dict[str, Any]]
) -> None:
    """Some wishes have a choice in them, and some what a person has typed; each arrives as the desk knows it."""
    desk = FakeSession(every_state())
    desk.notebook = "/home/you/study.ipynb"
    shown = panel(desk)
    assert kernel.hear({"uid": shown.uid} | content) == "ok"
    assert desk.asked == [(FIRST, *wanted)]


def test_secrets_come_by_the_control_channel_alone(
    said: list[Any], kernel: FakeKernel, canary: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    """What is typed is taken from no comm, and is in no message, trait, log or static output afterwards."""
    desk = FakeSession([snapshot("1")])
    shown = panel(desk)
    typed = {"t": "give", "id": "1", "verb": "resume", "user": "me", "password": canary("password"),
             "url": f"https://h.example/x?sig={canary('sig')}"}  # fmt: skip
    said_by_a_page(shown, typed)
    assert desk.asked == []
    assert kernel.hear({"uid": shown.uid} | typed) == "ok"
    assert desk.asked == [("1", "resume", {"url": typed["url"], "auth": ("me", canary("password"))})]
    for broken in (typed | {"verb": "eval"}, typed | {"user": 7}, typed | {"id": "2"}):
        assert kernel.hear({"uid": shown.uid} | broken) == "unknown"
    assert shown._feed is not None
    shown._feed.hello()
    shown._feed.step()
    kept = repr(said) + caplog.text + repr(shown) + repr(shown.get_state()) + str(bundle(desk)) + repr(kernel.replies)
    assert canary("password") not in kept
    assert canary("sig") not in kept


def test_a_closed_door_is_opened_from_the_panel(
    said: list[Any], kernel: FakeKernel, canary: Callable[[str], str], tmp_path: Path
) -> None:
    """A real download that a server refuses goes on when user and password are typed into its row."""

    def guarded(asked: Asked, wire: Wire) -> None:
        if asked.headers.get("authorization") != "Basic " + base64.b64encode(f"me:{secret}".encode()).decode():
            return wire.answer(401, b"who?", 'WWW-Authenticate: Basic realm="x"')
        return honest(b"x" * 1000)(asked, wire)

    secret = canary("typed")
    with Rogue(guarded) as server, Session() as session:
        operation = session.download(server.url("/x.bin"), tmp_path / "x.bin")
        assert operation.wait(20, progress=False)
        shown = panel(session)
        assert shown._feed is not None
        (row,) = [rows.row(0, s, 0.0, session.notebook) for s in shown._feed.shown()]
        assert "auth" in row.ways
        assert row.verbs[0] == "retry"
        typed = {"t": "give", "id": operation.id, "verb": "retry", "user": "me", "password": secret}
        assert kernel.hear({"uid": shown.uid} | typed) == "ok"
        until(operation.path.exists, 20)
        assert operation.result(20).read_bytes() == b"x" * 1000
        assert secret not in repr(said) + operation.explain()


def test_what_waits_in_a_group_is_moved_to_its_top(said: list[Any], kernel: FakeKernel, tmp_path: Path) -> None:
    """One click lets an operation of a group and its followers go first; one in no group says why not."""
    with Rogue(honest(b"x")) as server, closing(Session()) as session:
        Group("letters", session=session)
        urls = [server.url(f"/{name}.bin") for name in "abc"]
        batch = session.download(urls, tmp_path, group="letters", start=False)
        alone = session.download(server.url("/alone.bin"), tmp_path / "alone.bin", start=False)
        shown = panel(session)
        feed = shown._feed
        assert feed is not None
        for op_id in (batch[2].id, alone.id):
            assert kernel.hear({"uid": shown.uid, "t": "wish", "id": op_id, "verb": "first"}) == "ok"

        def first() -> str:
            return min((rows.row(0, s, 0.0) for s in feed.shown() if s.group), key=lambda row: row.place).name

        until(lambda: first() == "c.bin", 10)
        until(lambda: any("in no group" in text for _, text in feed._notes), 10)


def test_many_at_once(said: list[Any], kernel: FakeKernel) -> None:
    """Pause all and Resume all mean what a view or a group shows, and leave alone what first needs a person."""
    states = every_state()
    desk = FakeSession([*states, *groups()])
    desk.notebook = "/home/you/study.ipynb"
    shown = panel(desk)
    names = {s.id: s.name for s in desk.board.all()}

    def asked(content: dict[str, Any]) -> set[str]:
        desk.asked.clear()
        assert kernel.hear({"uid": shown.uid, "t": "all"} | content) == "ok"
        assert {verb for _, verb, _ in desk.asked} <= {content["verb"]}
        return {names[op_id] for op_id, _, _ in desk.asked}

    assert "imagenet-train.tar" in asked({"verb": "pause"})
    assert "shared.h5" not in asked({"verb": "pause"}), "another kernel's"
    resumed = asked({"verb": "resume"})
    assert {"video-archive.zip", "lidar.laz", "tile-0.tif"} == resumed
    assert asked({"verb": "resume", "group": "sentinel tiles"}) == {"tile-0.tif"}
    assert asked({"verb": "pause", "group": "no such group"}) == set()
    bundle(desk, [states[0].id, states[1].id])
    assert shown._feed is not None
    (key,) = shown._feed._scopes
    assert asked({"verb": "pause", "only": key}) == {"imagenet-train.tar", "stream.jsonl"}
    assert asked({"verb": "pause", "only": states[0].id}) == {"imagenet-train.tar"}


def test_the_limit(said: list[Any], kernel: FakeKernel) -> None:
    """The limit is set in the words of the desk, and what it cannot read is said in the head."""

    class Choosy(FakeSession):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "bandwidth" and value == "much":
                raise InvalidRequest("'much' is no speed.")
            super().__setattr__(name, value)

    desk = Choosy([snapshot("1")])
    shown = panel(desk)
    assert kernel.hear({"uid": shown.uid, "t": "limit", "rate": "5 MB/s"}) == "ok"
    assert desk.bandwidth == "5 MB/s"
    assert kernel.hear({"uid": shown.uid, "t": "limit", "rate": 7}) == "ok"
    assert kernel.hear({"uid": shown.uid, "t": "limit", "rate": "much"}) == "refused"
    assert desk.bandwidth == 7
    assert shown._feed is not None
    assert shown._feed._notes == [("", "'much' is no speed.")]
    assert kernel.hear({"uid": shown.uid, "t": "limit", "rate": None}) == "ok"
    assert desk.bandwidth is None


@pytest.mark.parametrize(
    "content",
    [
        None, 7, "pause", [], {}, {"t": "wish"}, {"t": "wish", "id": FIRST},
        {"t": "wish", "id": FIRST, "verb": "hand-over"}, WISH | {"id": "x" * 300}, WISH | {"keep": "yes"},
        {"t": "wish", "id": FIRST, "verb": "__class__"}, {"t": "wish", "id": FIRST, "verb": ["pause"]},
        {"t": "wish", "id": [FIRST], "verb": "pause"}, {"t": "wish", "id": "2", "verb": "pause"},
        {"t": "wish", "id": "../1", "verb": "pause"}, {"t": "eval", "id": FIRST, "verb": "pause"},
        {"t": {"a": 1}}, {"t": "wish", "id": FIRST, "verb": "priority"},
        {"t": "wish", "id": FIRST, "verb": "priority", "priority": 3}, {"t": "story", "id": "2"}, {"t": "story"},
        {"t": "all", "verb": "start"}, {"t": "all", "verb": "pause", "only": "2"}, {"t": "all", "verb": 7},
        {"t": "limit", "rate": 0}, {"t": "limit", "rate": -5}, {"t": "limit", "rate": [1]}, {"t": "limit", "rate": 1.5},
        {"t": "give", "id": FIRST, "verb": "cancel"}, {"t": "give", "id": "2", "verb": "resume"},
        {"t": "hello", "who": 7}, {"t": "see", "visible": "maybe"},
        [[[[[]]]]], {"t": "wish", "id": FIRST, "verb": {"a": [{}] * 50}},
    ],
)  # fmt: skip
def test_anything_else_is_dropped_and_logged(
    said: list[Any], kernel: FakeKernel, content: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that has no known form, or names nothing known, changes nothing, raises nothing, and is logged."""
    desk = FakeSession([snapshot(FIRST)])
    shown = panel(desk)
    said_by_a_page(shown, content)
    assert "was dropped" in caplog.text
    assert kernel.hear(content) == "unknown"
    assert kernel.hear({"uid": shown.uid} | content if isinstance(content, dict) else content) == "unknown"
    assert kernel.hear({"uid": "other"} | WISH) == "unknown"
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
    assert data["text/plain"].startswith("nbxfer: data.tar.gz: running, 50 %, 5 of 10 B, as of 2")


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
    import nbclient
    import nbformat

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
