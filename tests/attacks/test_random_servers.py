"""Servers put together by the dice: whatever they do, the file under the final name is right, or there is none.

A seed gives one file and up to three ways to be wrong, each at some of the answers; blocks are small, so that files of
a few hundred kilobytes are shared by connections. The one lie that nobody can notice is left out (site.Reply).
"""

from __future__ import annotations

import collections
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from nbxfer.core.phases import Phase
from nbxfer.session import Operation
from tests.servers import faults
from tests.servers.rogue import Asked
from tests.servers.site import Fault, Reply, Site, Version
from tests.servers.trial import MOST_REQUESTS, Trial, hurry

#: Transfers in `make test`, in the soak, and of one test.
ROUNDS, SOAK, BATCH = 500, 100_000, 250
SIZES: Final = (0, 1, 100, 5_000, 70_000, 200_000, 300_001)
DATES: Final = ("Sun, 01 Nov 2026 10:00:00 GMT", "Sun, 01 Nov 2026 11:00:00 GMT")

Dice = random.Random


def _some(dice: Dice, size: int) -> list[Fault]:
    """Give every fault there is, with what the dice say of its details."""
    n = dice.choice((0, 16, 100, 3_000, 20_000, 150_000))
    if size > 5_000 and 0 < n < 3_000:
        n = 3_000  # a few bytes at a time are progress, too, and would go on for long
    status = dice.choice((201, 204, 302, 400, 401, 403, 404, 410, 412, 416, 429, 500, 502, 503, 504, 507, 999))
    return [
        faults.ignores_range, faults.ignores_conditions, faults.ignores_all, faults.drops_range_with_if_range,
        faults.no_accept_ranges, faults.shifts(dice.randrange(3), dice.choice((-1, 1, 1000, -1000))),
        faults.shifts(dice.randrange(3), dice.choice((-1, 1))), faults.no_content_range, faults.unknown_total,
        faults.another_tag, faults.weak_tag, faults.no_validator, faults.coded, faults.multipart,
        faults.refuses(status), faults.busy(dice.choice((429, 503))), faults.login_page, faults.claims(),
        faults.claims(bytes(32)), faults.early_hints, faults.breaks_at(n), faults.breaks_at(n, "reset"),
        faults.breaks_at(max(n, 20_000), "hang"), faults.halves, faults.halves, faults.surplus,
        faults.length_beside(dice.choice((-1, 1, 1000))), faults.no_length, faults.chunks, faults.both_framings,
        faults.slow(2e6),
    ]  # fmt: skip


class Mischief(Site):
    """A file of one or two versions, and a server that is wrong when the dice say so."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        size = dice.choice(SIZES)
        kind = dice.choice(("tag", "tag", "tag", "weak", "date", "nothing"))
        made = []
        for i in range(2):
            tag = {"tag": f'"{i}"', "weak": f'W/"{i}"'}.get(kind)
            more = dice.choice((0, 0, 1, 4096)) if i else 0
            made.append(Version(dice.randbytes(size + more), tag, DATES[i] if kind == "date" else None))
        super().__init__(*made)
        whens = (lambda _: True, faults.first, faults.later, faults.ranged, faults.part, lambda _: dice.random() < 0.5)
        chosen = dice.sample(_some(dice, size), dice.choice((0, 1, 1, 2, 2, 3)))
        self.faults = [faults.only(dice.choice(whens), fault) for fault in chosen]
        self.flips = dice.choice((0.0, 0.0, 0.0, 0.1, 0.5))

    def answer(self, asked: Asked, number: int) -> Reply:
        """Give an answer that may be wrong in every way that can be noticed."""
        if self.dice.random() < self.flips:
            self.change()
        reply = super().answer(asked, number)
        if not reply.tells_on_itself():
            reply = Reply(self.version, asked, number)
            reply.say(500)
        return reply

    def options(self) -> dict[str, Any]:
        """Give the options of who fetches it: now and then a person knows what the file should be."""
        if self.dice.random() < 0.2:
            return {"checksum": "sha256:" + hashlib.sha256(self.versions[0].data).hexdigest()}
        return {"expect_size": len(self.versions[0].data)} if self.dice.random() < 0.1 else {}

    def __repr__(self) -> str:
        names = [getattr(fault, "__name__", "fault") for fault in self.faults]
        sizes = [len(version.data) for version in self.versions]
        return f"{names}, flips {self.flips}, {sizes} bytes, {self.versions[0].tag} {self.versions[0].modified}"


def judge(trial: Trial, site: Mischief, op: Operation, options: dict[str, Any]) -> None:
    """See that everything holds that must."""
    trial.holds(site, op)
    if op.snapshot.phase is Phase.DONE and options:
        assert op.path.read_bytes() == site.versions[0].data or len(op.path.read_bytes()) == options.get("expect_size")
    assert len(site.asked) <= MOST_REQUESTS


def run(seeds: range, trial: Trial) -> collections.Counter[str]:
    """Fetch a file of each seed; give how they ended."""
    sites = {seed: Mischief(seed) for seed in seeds}
    asked: list[tuple[int, Mischief, Operation, dict[str, Any]]] = []
    for seed, site in sites.items():
        trial.add(site, f"s{seed}")
        options = site.options()
        asked.append((seed, site, trial.ask(site, **options), options))
    ended: collections.Counter[str] = collections.Counter()
    for seed, site, op, options in asked:
        try:
            assert op.wait(60, progress=False), f"it does not end\n{op.explain()}"
            judge(trial, site, op, options)
        except AssertionError as wrong:
            raise AssertionError(f"seed {seed}: {site!r}, {options}\n{wrong}") from None
        ended[type(op.error).__name__ if op.error else "right"] += 1
    trial.remembered(*(op for *_, op, _ in asked))
    return ended


@pytest.fixture
def crowd(home: Path, tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    """Give a session that has no patience, but many transfers at once."""
    hurry(monkeypatch, stall_after=0.3)
    with Trial(home, tmp_path, running=24, per_host=24) as trial:
        yield trial


@pytest.mark.parametrize("batch", range(ROUNDS // BATCH))
def test_right_or_absent(batch: int, crowd: Trial) -> None:
    """500 transfers from servers that misbehave at random: no wrong byte, no name before its time, a clear error."""
    ended = run(range(batch * BATCH, (batch + 1) * BATCH), crowd)
    print(dict(ended))
    assert ended["right"] > BATCH / 2  # or it would prove little


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("batch", range(SOAK // BATCH))
def test_right_or_absent_for_long(batch: int, crowd: Trial) -> None:
    """The same 100,000 times, with other seeds."""
    run(range(10**6 + batch * BATCH, 10**6 + (batch + 1) * BATCH), crowd)
