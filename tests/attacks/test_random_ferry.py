"""The servers that the dice put together, asked by a mover for many small files: each is right, or there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbxfer.engine.crossing import Crossing
from nbxfer.session import Batch
from tests.attacks.test_random_servers import Mischief, judge
from tests.journeys.test_ferry import aboard, ferried
from tests.servers.trial import Trial, hurry

#: Good files that come first, so that the server is known; files of one test; tests of the soak.
GOOD, MANY, SOAK = 40, 80, 100


@pytest.fixture
def crowd(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    """Give a session whose mover is asked again and again, however odd a server shows itself."""
    monkeypatch.setenv("NBXFER_MOVERS", "always")
    monkeypatch.setattr("nbxfer.engine.pier.ODD", 1 << 30)
    monkeypatch.setattr(Crossing, "serves", lambda self, host, now: True)
    hurry(monkeypatch, stall_after=0.3)
    with Trial(home, tmp_path, running=24, per_host=24) as trial:
        yield trial


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, SOAK))])
def test_right_or_absent(seed: int, crowd: Trial) -> None:
    """No wrong byte, no name before its time, a clear error, nothing lost; and the good ones are brought."""
    aboard(crowd.session)
    good = [crowd.ask(crowd.put(bytes([n]) * 5000), start=False) for n in range(GOOD)]
    Batch(good).resume()
    assert Batch(good).wait(60, progress=False)
    crowd.session._engine.dispatcher.slots.small = lambda host: True
    sites = [Mischief(n) for n in range(2 * 10**6 + (seed + 1) * MANY, 2 * 10**6 + (seed + 2) * MANY)]
    for n, site in enumerate(sites):
        crowd.add(site, f"s{n}")
    options = [site.options() for site in sites]
    ops = [crowd.ask(site, start=False, **more) for site, more in zip(sites, options, strict=True)]
    Batch(ops).resume()
    assert Batch(ops).wait(60, progress=False), "it does not end"
    for site, op, more in zip(sites, ops, options, strict=True):
        judge(crowd, site, op, more)
    assert not Batch(good).failed
    assert len(ferried(crowd.session, ops)) > MANY // 4
    assert crowd.session._engine.work.hosts._taken.total() <= 24
    crowd.remembered(*good, *ops)
