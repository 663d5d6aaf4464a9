"""What the panel is told: which rows, in which words, in how many messages. By hand: no thread, kernel or browser."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.completion import Notice
from nbxfer.core.phases import LIVE, Cause, Phase, may
from nbxfer.core.ranges import RangeSet
from nbxfer.core.surroundings import NetworkCostType, Surroundings
from nbxfer.errors import InvalidTransferState
from nbxfer.faces.panel import feed, hearing, rows
from nbxfer.session import culling
from nbxfer.testing.session import FakeSession, snapshot
from tests.faces.panel_desk import PanelDesk, every_state, op


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


def test_the_first_keyframe_is_repeated_until_somebody_answers() -> None:
    """What is sent before the front end listens is lost; so it is sent again, a few times, and not for ever."""
    line = Line(PanelDesk(*every_state()))
    sent = line.steps(60, 0.05)
    assert len(sent) == len(feed.REPEATS)
    assert all(m["first"] and len(m["rows"]) == len(every_state()) for m in sent)
    assert line.feed.step() is None

    line = Line(PanelDesk(*every_state()))
    line.steps(0.05)
    line.feed.hello()
    assert len(line.steps(60, 0.05)) == 1


def test_ten_messages_a_second_while_somebody_looks() -> None:
    """At most ten messages a second go to a front end that looks, none to nobody; the last is the truth."""
    desk = FakeSession([snapshot("1", received=0, total=10_000)])
    line = Line(desk)
    line.feed.hello()
    line.steps(1)
    for seconds, least, most in ((2, 15, 20), (feed.LOOKS_FOR, 0, 620), (10, 0, 0)):
        for count in range(int(seconds * 50)):
            desk.change("1", Phase.RUNNING, received=count)
            desk.board.flush(urgent=True)
            line.steps(0.02)
        sent = [m for m in line.sent if m["live"]]
        line.sent.clear()
        assert least <= len(sent) <= most, (seconds, len(sent))
    desk.change("1", Phase.RUNNING, received=9_999)
    desk.board.flush(urgent=True)
    assert line.steps(3) == []
    line.feed.hello(keyframe=False)
    first, last = line.steps(3)
    assert first["live"] == [[0, 9_999, 10_000, None, None, []]]
    assert first["rows"] == []
    assert last["live"] == first["live"]
    assert last["rows"], "told whole at rest, whatever was lost"
    assert [m["serial"] for m in line.sent] == sorted(m["serial"] for m in line.sent)


def test_one_that_looks_is_enough() -> None:
    """Of two pages one may be hidden: the other is told all the same; no crowd of pages costs memory."""
    desk = FakeSession([snapshot("1", received=0, total=10_000)])
    line = Line(desk)
    line.feed.hello("a")
    line.feed.hello("b", keyframe=False)
    line.steps(0.2)
    line.feed.hello("b", keyframe=False, visible=False)
    desk.change("1", Phase.RUNNING, received=1)
    assert len(line.steps(0.3)) == 1
    line.feed.hello("a", keyframe=False, visible=False)
    desk.change("1", Phase.RUNNING, received=2)
    assert line.steps(0.3) == []
    for number in range(100):
        line.feed.hello(f"page {number}")
    assert len(line.feed._viewers) == feed.VIEWERS


def test_stories_are_told_when_asked_for() -> None:
    """The details of a row are told to who has them open; of what is not shown here nothing is told."""
    theirs = snapshot("2", notebook="/elsewhere.ipynb", owner="theirs")
    line = Line(FakeSession([snapshot("1"), theirs]))
    told: list[tuple[dict[str, Any], bytes]] = []
    line.feed._send = lambda content, buffers: told.append((content, buffers[0]))
    line.feed.hello()
    line.feed.tell_story("1")
    line.feed.tell_story("2")
    line.steps(0.3)
    stories = [(content["id"], text.decode()) for content, text in told if content["t"] == "story"]
    assert [op_id for op_id, _ in stories] == ["1"]
    assert "asked for" in stories[0][1]


def test_what_other_kernels_do_is_followed_while_somebody_looks() -> None:
    """The panel reads what others have written, now and then, and follows what they run; not when nobody looks."""
    desk = FakeSession([snapshot("1", owner="theirs"), snapshot("2", Phase.DONE, owner="theirs"), snapshot("3")])
    line = Line(desk)
    line.feed._look_around()
    assert (desk.refreshed, desk.attended) == (0, [])
    line.feed.hello()
    line.feed._look_around()
    line.feed._look_around()
    assert (desk.refreshed, desk.attended) == (1, ["1"])
    line.now += feed.OTHERS_EVERY
    line.feed._look_around()
    assert desk.refreshed == 2


def test_a_kernel_that_will_be_culled_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its server ends resting kernels before all is done, the head says so while there is something to do."""
    monkeypatch.setattr(culling, "known", lambda: culling.Culling(600.0))
    desk = FakeSession([snapshot("1", total=9, rate=1.0, eta=5000.0)])
    line = Line(desk)
    line.feed.hello()
    line.feed._look_around()
    assert "10 min" in line.steps(0.2)[0]["top"]["warning"]
    for now in (snapshot("1", total=9, rate=1.0, eta=50.0), snapshot("1", Phase.DONE)):
        desk.show(now)
        line.now += feed.OTHERS_EVERY
        line.feed._look_around()
        line.steps(1.5)
        assert line.sent[-1]["top"]["warning"] == ""


def test_a_home_that_cannot_be_read_costs_no_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the folder of others cannot be read, the panel goes on with what it knows."""
    desk = FakeSession([snapshot("1")])
    line = Line(desk)
    line.feed.hello()
    for error in (InvalidTransferState("No."), RuntimeError("worse")):
        monkeypatch.setattr(desk, "refresh", lambda error=error: (_ for _ in ()).throw(error))
        line.feed._look_around()
        line.now += feed.OTHERS_EVERY
    assert len(line.steps(0.2)) == 1


def test_the_head_is_told_what_is_around() -> None:
    """The limit and the network are told when they change, also where no row does."""
    desk = FakeSession([snapshot("1", Phase.PAUSED)])
    line = Line(desk)
    line.feed.hello()
    (message,) = line.steps(0.2)
    assert message["top"] == {"limit": None, "around": "", "warning": ""}
    desk.bandwidth = 5_000_000
    desk.surroundings = Surroundings(cost=NetworkCostType.FIXED, who="you\x1b[31m")  # type: ignore[attr-defined]
    (message,) = line.steps(1.5)
    assert message["top"] == {
        "limit": 5_000_000,
        "around": "Network unknown, metered, free up to a limit (seen by you�[31m)",
        "warning": "",
    }
    assert line.steps(5) == []


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
    assert message["live"] == [[0, 50, 100, None, None, []]]
    desk.change("1", Phase.PAUSED, received=50)
    (message,) = line.steps(0.2)
    assert [(r["n"], r["word"], r["why"], r["verbs"]) for r in message["rows"]] == [
        (0, "Paused", " by you", ["resume", "cancel"])
    ]
    assert set(message["rows"][0]).isdisjoint({"group", "kind", "where", "due", "priority", "ways"}), "as usual"


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


def test_a_refusal_is_shown_in_its_row() -> None:
    """What the desk refuses is said where the person looks."""
    desk = FakeSession([snapshot("1")])
    desk.refuse["1", "pause"] = InvalidTransferState("Too late.")
    line = Line(desk)
    line.feed.hello()
    line.steps(0.2)
    assert hearing.hear(desk, line.feed, {"t": "wish", "id": "1", "verb": "pause"}) == "ok"
    (message,) = line.steps(0.2)
    assert message["notes"] == [["1", "Too late."]]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("owner", ["ours", "theirs", "orphaned"])
def test_buttons_fit_the_phase(phase: Phase, owner: str) -> None:
    """No button is shown that the table of phases has no arrow for; and every row reads as a sentence."""
    shown = snapshot("1", phase, owner=owner, received=5, total=10)
    verbs = rows.verbs(shown)
    causes = {
        "start": Cause.START,
        "pause": Cause.PAUSE,
        "resume": Cause.RESUME,
        "retry": Cause.RETRY,
        "cancel": Cause.CANCEL,
    }
    assert ("ask" in verbs) == (owner == "theirs" and phase in LIVE - {Phase.CREATED})
    assert "priority" not in verbs or phase in LIVE
    for verb in set(verbs) - {"ask", "priority"}:
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
    assert found["later.bin"].verbs == ("start", "cancel")
    assert found["labels-v3.csv"].verbs == ("retry", "cancel")
    assert sentences["weights.safetensors"] == "done: Done: its checksum is right"
    assert found["weights.safetensors"].verbs == ()
    assert found["shared.h5"].where == "run by another kernel"
    assert "ask" in found["shared.h5"].verbs
    assert found["genome.bam"].ways == ("url", "auth")
    assert "resume(" not in found["genome.bam"].why, "there is a button"
    assert found["model-70b.bin"].ways == ("room",)
    assert found["labels-v3.csv"].ways == ("url",)
    assert found["results.csv"].ways == ("replace",)
    assert found["private.bin"].ways == ("auth",)
    assert found["imagenet-train.tar"].ways == ()


@pytest.mark.parametrize(
    ("held", "pieces"),
    [
        ([], ()),
        ([(0, 500)], ()),
        ([(500, 1000)], (50, 100)),
        ([(0, 200), (500, 700)], (0, 20, 50, 70)),
        ([(0, 200), (204, 700)], (0, 70)),
        ([(0, 4), (500, 504)], ()),
        ([(0, 1000)], ()),
        ([(n * 20, n * 20 + 10) for n in range(50)], tuple(range(100))),
        ([(n * 2, n * 2 + 1) for n in range(500)], (0, 100)),
    ],
)
def test_a_bar_with_holes(held: list[tuple[int, int]], pieces: tuple[int, ...]) -> None:
    """Where bytes come in several places the bar shows them, in hundredths; without a hole it is one bar."""
    shown = snapshot("1", received=5, total=1000, held=RangeSet.of(held))
    assert rows.live(0, shown).pieces == pieces


@given(st.sets(st.integers(0, 400)), st.integers(1, 10**12))
def test_pieces_are_few_and_in_order(cuts: set[int], scale: int) -> None:
    """However many holes there are, and however large the file is, a bar has fifty pieces at most."""
    points = sorted(cuts)
    held = [(a * scale, b * scale) for a, b in zip(points[::2], points[1::2], strict=False)]
    pieces = rows.live(0, snapshot("1", total=400 * scale, held=RangeSet.of(held))).pieces
    assert list(pieces) == sorted(set(pieces))
    assert len(pieces) % 2 == 0
    assert len(pieces) <= 100
    assert all(0 <= at <= 100 for at in pieces)


def test_a_renamed_notebook_finds_its_own() -> None:
    """A notebook without operations shows those of its folder, and says from which notebook they are."""
    old = snapshot("1", notebook="/books/old.ipynb", owner="orphaned")
    desk = FakeSession([old, snapshot("2", notebook="/else/old.ipynb", owner="orphaned")])
    desk.notebook = "/books/new.ipynb"
    assert rows.chosen(desk, None) == [old]
    assert rows.row(0, old, 0.0, desk.notebook).where == "from old.ipynb"
    desk.show(snapshot("3", notebook="/books/new.ipynb"))
    assert [s.id for s in rows.chosen(desk, None)] == ["3"]


def test_a_notice_is_told_once_also_to_who_does_not_look() -> None:
    """What transfers have come to is told to a page in the background as well; but not before a page listens."""
    line = Line(PanelDesk(*every_state()))
    notice = Notice("n1", time.time(), True, "3 transfers are done", "a, b, c", browser=True)
    line.feed._desk.board.announce(notice)
    assert not [m for m in line.steps(3) if m["t"] == "bell"]
    line.feed.hello(visible=False)
    told = [m for m in line.steps(3) if m["t"] == "bell"]
    assert told == [{"t": "bell", "id": "n1", "browser": True, "title": notice.title, "text": "a, b, c", "ok": True}]
    line.feed.hello()
    line.feed._desk.board.announce(msgspec.structs.replace(notice, id="n2", at=notice.at + 1, browser=False))
    assert [m["id"] for m in line.steps(3) if m["t"] == "bell"] == ["n2"]
