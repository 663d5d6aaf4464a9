"""Words: what people read is short, true and cannot steer their terminal."""

from __future__ import annotations

import itertools
import re
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Phase, Stall
from nbxfer.core.plan import plan
from nbxfer.core.probe import Probe, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Entry, Published
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words
from nbxfer.faces.words.story import explain
from nbxfer.testing.session import snapshot

UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15, "EB": 1e18}
EVIL = "a\x1b[2J\x1b]0;pwned\x07b\r\nc\u202egnp.exe\u200b\x9b31m\ud800"
BROKE = Fault("NetworkError", "The connection to data.example broke.", Remedy.RETRY)
EXPIRED = Fault("AccessDenied", "The server says that the signature has expired (403).", http_status=403)
BUSY = Fault("ServerBusy", "data.example has asked everybody to wait (429).", Remedy.RETRY, http_status=429)
LATE = Fault(
    "TransferTimeout",
    "The deadline is over.",
    hint="What has come is kept: retry() goes on from there, without a deadline.",
)
LOCKED = Fault("NeedsAttention", "It needs credentials again: auth.", Remedy.PERSON, hint="Give them with resume().")


# -- amounts -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_949, "99.9 kB"), (99_960, "100 kB"), (999_499, "999 kB"),
        (999_500, "1.0 MB"), (1_234_000_000, "1.2 GB"), (5e12, "5.0 TB"), (3e21, "3000 EB"), (None, "unknown size"),
    ],
)  # fmt: skip
def test_sizes(count: float | None, text: str) -> None:
    """Sizes have three figures at most, and decimal units."""
    assert words.size_words(count) == text


@given(st.integers(0, 10**18))
def test_sizes_are_near(count: int) -> None:
    """A size in words is within 5 % of the truth, and never says 1000 of a smaller unit."""
    number, unit = words.size_words(count).split()
    assert float(number) < 1000
    assert abs(float(number) * UNITS[unit] - count) <= 0.05 * count


@pytest.mark.parametrize(
    ("received", "total", "text"),
    [
        (1_234_000_000, 3_400_000_000, "1.2 of 3.4 GB"), (123_000_000, 3_400_000_000, "123 MB of 3.4 GB"),
        (5, None, "5 B"), (5_000, 5_000, "5.0 kB"), (0, 10, "0 of 10 B"), (0, 0, "0 B"),
    ],
)  # fmt: skip
def test_amounts(received: int, total: int | None, text: str) -> None:
    """How much of how much is said with one unit where one is enough."""
    assert words.amount_words(received, total) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (-3, "0 s"), (0.44, "0.4 s"), (3.0, "3 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min"),
        (123, "2 min 3 s"), (3599.6, "1 h"), (3900, "1 h 5 min"), (86_400, "1 d"), (187_200, "2 d 4 h"),
    ],
)  # fmt: skip
def test_times(seconds: float, text: str) -> None:
    """Times have two units at most."""
    assert words.time_words(seconds) == text


@given(st.floats(0, 1e9))
def test_times_round_to_something_near(seconds: float) -> None:
    """A time in words is never off by more than its smaller unit."""
    unit = {"s": 1, "min": 60, "h": 3600, "d": 86400}
    parts = words.time_words(seconds).split()
    said = sum(float(number) * unit[name] for number, name in zip(parts[::2], parts[1::2], strict=True))
    smaller = {"d": 3600, "h": 60, "min": 1, "s": 1}[parts[1]]
    assert abs(said - seconds) <= smaller


def test_no_time_is_promised_that_nobody_can_know() -> None:
    """Where the speed is unknown, or would take months, no time is said."""
    assert words.eta_words(None) == ""
    assert words.eta_words(1e12) == ""
    assert words.eta_words(0.2) == "1 s left"
    assert words.rate_words(None) == ""
    assert words.rate_words(10_300_000) == "10.3 MB/s"


def test_percent_is_never_early() -> None:
    """100 % is said of nothing that still lacks a byte."""
    assert words.percent_words(snapshot(received=9_999, total=10_000)) == "99 %"
    assert words.percent_words(snapshot(phase="done", total=10_000)) == "100 %"
    assert words.percent_words(snapshot(received=5)) == ""


# -- text from outside ---------------------------------------------------------------------------------------------
def steering(text: str) -> list[str]:
    """Give the characters that would steer a terminal or a reader."""
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}]


@given(st.text(), st.integers(1, 200))
def test_clean(text: str, limit: int) -> None:
    """Whatever comes in, what comes out is one line of visible characters, no wider than wanted."""
    out = words.clean(text, limit)
    assert not steering(out)
    assert words.width(out) <= limit
    assert words.clean(out, limit) == out


def test_marks_do_not_pile_up() -> None:
    """A thousand combining marks do not climb over the lines above."""
    assert words.clean("e" + "\u0301" * 1000 + "x") == "e\u0301\u0301x"


@given(st.text(st.characters(exclude_categories=["C", "Z", "M"])), st.integers(1, 60))
def test_cuts_keep_to_their_columns(text: str, columns: int) -> None:
    """What is cut fits, wide characters counted twice; what fits is not touched."""
    for out in (words.cut(text, columns), words.cut_middle(text, columns)):
        assert words.width(out) <= columns
        assert out == text or "…" in out
    assert words.width(words.pad(words.cut(text, columns), columns)) == columns


def test_the_end_of_a_long_name_is_kept() -> None:
    """Two parts of one data set can be told apart when they are cut."""
    assert words.cut_middle("census-2020-part-0001.parquet", 21) == "census-202…01.parquet"


def evil_snapshots() -> list[Snapshot]:
    """Give snapshots in which every text from outside is hostile, one a phase."""
    fault = Fault("BadAnswer", EVIL, Remedy.GIVE_UP, hint=EVIL)
    story = (Entry(1_700_000_000.0, EVIL, EVIL), Entry(1_700_000_001.0, "gave up", EVIL))
    return [
        snapshot(EVIL, phase, name=EVIL, source=EVIL, destination=EVIL, reason=EVIL, fault=fault, story=story)
        for phase in Phase
    ]


def test_nothing_hostile_gets_through() -> None:
    """File names, server texts and hints that carry escape sequences show as text in every form of words."""
    for shown in evil_snapshots():
        for text in (
            words.line(shown),
            words.status_words(shown, time.time()),
            words.table([shown], 80),
            explain(shown),
        ):
            assert not steering(text.replace("\n", "")), text


# -- states --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"phase": "created"}, "not started"),
        ({"phase": "queued"}, "queued"),
        ({"phase": "probing"}, "asking the server"),
        ({"phase": "running", "owner": "theirs"}, "running: in another process"),
        ({"phase": "stalled", "fault": BROKE, "due": 108.0},
         "will try again in 8 s: The connection to data.example broke."),
        ({"phase": "stalled", "fault": BROKE, "due": 99.0}, "trying again: The connection to data.example broke."),
        ({"phase": "stalled", "fault": BROKE, "stall": Stall.NO_NETWORK},
         "waiting for the network: The connection to data.example broke."),
        ({"phase": "stalled", "fault": EXPIRED, "story": (Entry(0.0, "refresh", "asked"),)},
         "asking for a new URL or credentials: The server says that the signature has expired (403)."),
        ({"phase": "stalled", "fault": BUSY, "due": 112.0},
         "will try again in 12 s: data.example has asked everybody to wait (429)."),
        ({"phase": "failed", "fault": LATE},
         "failed: The deadline is over. What has come is kept: retry() goes on from there, without a deadline."),
        ({"phase": "paused"}, "paused by you"),
        ({"phase": "paused", "fault": LOCKED},
         "needs you: It needs credentials again: auth. Give them with resume()."),
        ({"phase": "running", "owner": "orphaned"}, "interrupted: the process that ran it is gone"),
        ({"phase": "created", "owner": "orphaned"}, "not started"),
        ({"phase": "paused", "owner": "orphaned"}, "paused by you"),
        ({"phase": "verifying"}, "checking what has arrived"),
        ({"phase": "failed", "fault": BROKE}, "failed: The connection to data.example broke."),
        ({"phase": "canceled"}, "canceled"),
        ({"phase": "done", "total": 5}, "done: no checksum known"),
        ({"phase": "done", "total": 5, "published": Published("/x", 5, 0, "digest")}, "done: its checksum is right"),
        ({"phase": "done", "total": 5, "published": Published("/x", 5, 0, "server digest")},
         "done: the server's own checksum is right"),
        ({"phase": "done", "total": 5, "published": Published("/x", 5, 0, "store checksum")},
         "done: the store's checksum is right"),
        ({"phase": "done", "total": 5, "published": Published("/x", 5, 0, "digest", revalidated=False)},
         "done: not revalidated: the server could not be asked"),
    ],
)  # fmt: skip
def test_states(fields: dict[str, Any], text: str) -> None:
    """Each state is told with its reason, once."""
    assert words.status_words(snapshot(**fields), now=100.0) == text


def test_every_state_has_words() -> None:
    """There is no phase, owner or fault for which a face stays silent."""
    for phase, owner, fault in itertools.product(Phase, ("ours", "theirs", "orphaned"), (None, BROKE, LOCKED)):
        shown = snapshot(phase=phase, owner=owner, fault=fault, total=10)
        assert words.state_words(shown)
        assert len(words.line(shown)) > len("data.tar.gz: ")
        assert re.search(r"What now: \S.*\.$", explain(shown))


def test_a_line() -> None:
    """A running operation is one line that says how far, how fast and how long."""
    shown = snapshot(received=1_234_000_000, total=2_700_000_000, rate=10.3e6, eta=123.0)
    assert words.line(shown) == "data.tar.gz: 45 %, 1.2 of 2.7 GB, 10.3 MB/s, 2 min 3 s left"


def test_a_summary() -> None:
    """Many operations are one line that says what became of them."""
    shown = [
        snapshot("a", "done", total=10),
        snapshot("b", "failed", total=10, fault=BROKE),
        snapshot("c", "running", received=5, total=10),
        snapshot("d", "paused", received=5, total=10, fault=LOCKED),
    ]
    assert words.summary(shown) == "1 of 4 done, 1 failed, 1 waiting for you; 20 of 30 B"


# -- many ----------------------------------------------------------------------------------------------------------
@given(st.sets(st.text("0123456789abcdef", min_size=8, max_size=16), min_size=1, max_size=30))
def test_short_ids(ids: set[str]) -> None:
    """A short id names one operation: no other begins with it, unless it is the whole of the other."""
    for whole, short in words.short_ids(ids).items():
        assert whole.startswith(short)
        assert [other for other in ids if other.startswith(short) and not other.startswith(whole)] == []


@given(st.integers(60, 200), st.text(min_size=1, max_size=80), st.integers(0, 10**12))
def test_tables_keep_to_their_columns(columns: int, name: str, total: int) -> None:
    """A table is never wider than the screen, whatever the files are called."""
    shown = [snapshot(f"{i:016x}", phase, total=total, name=name, fault=BROKE) for i, phase in enumerate(Phase)]
    lines = words.table(shown, columns, 0.0).splitlines()
    assert len(lines) == len(shown) + 1
    assert max(map(words.width, lines)) <= columns


@given(st.integers(50, 200), st.text(min_size=1, max_size=400), st.integers(0, 10**12))
def test_nothing_of_a_state_is_lost(columns: int, said: str, total: int) -> None:
    """Where the whole state is wanted, it goes on below, within the screen, and no word of it is cut."""
    shown = snapshot("1" * 16, "failed", total=total, fault=Fault("BadAnswer", said))
    lines = words.table([shown], columns, 0.0, whole=True).splitlines()
    assert max(map(words.width, lines)) <= columns
    together = "".join("".join(lines[1:]).split())
    assert together.endswith("".join(words.status_words(shown).split()))


def test_a_state_goes_on_below() -> None:
    """A long state is wrapped under where it began; on a narrow screen under the file's name."""
    shown = snapshot("1" * 16, "failed", name="a.csv", total=5, fault=LATE)
    assert words.table([shown], 70, whole=True).splitlines() == [
        "ID        FILE   SIZE           STATE",
        "11111111  a.csv  0 of 5 B  0 %  failed: The deadline is over. What has",
        "                                come is kept: retry() goes on from",
        "                                there, without a deadline.",
    ]
    assert words.table([shown], 50, whole=True).splitlines()[1:3] == [
        "11111111  a.csv  0 of 5 B  0 %",
        "          failed: The deadline is over. What has",
    ]


@given(st.text(max_size=300), st.integers(2, 80))
def test_wrapping(text: str, columns: int) -> None:
    """Wrapped lines fit, and say the same."""
    lines = words.wrap(text, columns)
    assert max(map(words.width, lines)) <= columns
    assert "".join(lines).replace(" ", "") == "".join(text.split()).replace(" ", "")


# -- the story -----------------------------------------------------------------------------------------------------
def test_a_story() -> None:
    """The story says when what happened and why, what it cost, and what to do now."""
    at = 1_700_000_000.0
    shown = snapshot(
        "3f2a9c1b00000000",
        "failed",
        received=1_000_000,
        total=4_000_000,
        created=at,
        refetched=4_194_304,
        retries=3,
        restarts=1,
        fault=Fault("SourceChanged", "The source changed 4 times.", hint="Try again when it has settled."),
        story=(
            Entry(at, "slot free"),
            Entry(at + 1, "probed", "one stream: the server offers no ranges"),
            Entry(at + 9, "starved", "The connection broke."),
            Entry(at + 86_400, "gave up", "The source changed 4 times."),
        ),
    )
    assert explain(shown, time.gmtime) == (
        "data.tar.gz (3f2a9c1b00000000): failed: The source changed 4 times. Try again when it has settled.\n"
        "  from  https://data.example/data.tar.gz\n"
        "  to    /home/you/data.tar.gz\n"
        "\n"
        "2023-11-14\n"
        "  22:13:20  asked for\n"
        "  22:13:20  its turn: asking the server\n"
        "  22:13:21  the server answered: one stream, because the server offers no ranges\n"
        "  22:13:29  had to wait: The connection broke.\n"
        "2023-11-15\n"
        "  22:13:20  gave up: The source changed 4 times.\n"
        "\n"
        "Here: 1.0 of 4.0 MB.\n"
        "Cost: 4.2 MB fetched twice, tried again 3 times, gave up bytes that had come once.\n"
        "What now: Try again when it has settled. op.retry(), or nbxfer retry 3f2a9c1b, "
        "goes on from the 1.0 MB that were kept."
    )


def test_what_nobody_can_count() -> None:
    """Of a process that was killed the last moment is lost to the count; the story says so."""
    shown = snapshot(phase="done", story=(Entry(1_700_000_000.0, "taken over", "its kernel was gone"),))
    assert "; not counted: what came in the last moment of the process that was gone." in explain(shown, time.gmtime)


def test_the_story_of_what_was_checked() -> None:
    """A finished operation says by what the file was known to be right."""
    done = Published("/home/you/data.tar.gz", 5, 0, "digest")
    story = (Entry(0.0, "verified", "digest"), Entry(1.0, "committed", "digest"))
    text = explain(snapshot(phase="done", published=done, story=story))
    assert "checked: against the checksum" in text
    assert "the file has its name\n" in text
    assert "its checksum is right" in text
    assert text.endswith("What now: use /home/you/data.tar.gz.")


@pytest.mark.parametrize(
    ("what", "detail", "line"),
    [
        ("probed", "up to 8 connections: ranges and a strong validator",
         ("the server answered: up to 8 connections, because the server gives parts, "
         "and each can be proved to be of one version")),
        ("probed", "one connection: the server does not say how long it is",
         "the server answered: one connection, because the server does not say how long it is"),
        ("probed", "one connection, as asked", "the server answered: one connection, as asked"),
        ("verified", "server digest", "checked: against the server's own checksum"),
        ("verified", "store checksum", "checked: against the store's checksum"),
        ("named by the server", "report.pdf", "the server gave the file its name: report.pdf"),
        ("named anew", "report (1).pdf", "that name was taken; the file is now: report (1).pdf"),
        ("refresh", "asked for a new URL or credentials", "it has expired: asked for a new URL or credentials"),
        ("restarted", "the source has another version now",
         "gave up bytes that had come: the source has another version now"),
    ],
)  # fmt: skip
def test_what_happened(what: str, detail: str, line: str) -> None:
    """Each thing that happens is told so that it can be read aloud."""
    assert f"  {line}\n" in explain(snapshot(story=(Entry(0.0, what, detail),)))


def test_every_plan_is_told_with_its_reason() -> None:
    """However many connections there are, the story says why, in words that need no knowledge of HTTP."""
    strong, weak = Validator("etag", '"a"'), Validator("etag", '"a"', strong=False)
    big = 100 * 2**20
    probes = [Probe(), Probe(big), Probe(big, weak, ranges=True), Probe(5, strong, ranges=True)]
    probes.append(Probe(big, strong, ranges=True))
    told = {plan(probe, RangeSet(), 8).why for probe in probes} | {plan(probes[-1], RangeSet(), 8, alone=True).why}
    assert len(told) == 6
    for why in told:
        text = explain(snapshot(story=(Entry(0.0, "probed", why),)))
        assert re.search(r"the server answered: (up to \d+ connections|one connection), because \w", text)
        assert "validator" not in text


@pytest.mark.parametrize(
    ("phase", "fault", "advice"),
    [
        ("failed", LATE, ("What has come is kept: op.retry(), or nbxfer retry 3f2a9c, goes on from there, "
                         "without a deadline.")),
        ("failed", BROKE, "op.retry(), or nbxfer retry 3f2a9c, goes on."),
        ("paused", Fault("NeedsAttention", "No.", Remedy.PERSON, hint="Go on with resume(url=…)."),
         "op.resume(url=…) in a notebook, or nbxfer resume 3f2a9c --url NEW-URL in a terminal, goes on."),
        ("paused", Fault("NeedsAttention", "No.", Remedy.PERSON, hint="Go on with resume(headers=…, auth=…)."),
         ("op.resume(headers=…, auth=…) in a notebook, or nbxfer resume 3f2a9c --header @FILE in a terminal, "
         "goes on.")),
        ("paused", Fault("NeedsAttention", "No.", Remedy.PERSON, hint="Set TOKEN."),
         "Set TOKEN. Then op.resume(), or nbxfer resume 3f2a9c."),
    ],
)  # fmt: skip
def test_what_to_do_now(phase: str, fault: Fault, advice: str) -> None:
    """The story ends with what to do, in a notebook and in a terminal, each said once."""
    assert explain(snapshot(phase=phase, fault=fault, destination="/a b")).endswith(f"What now: {advice}")
