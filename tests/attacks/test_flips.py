"""A source that changes at any byte: what is published is one version, whole."""

from __future__ import annotations

import random
from typing import Final

import pytest

from tests.servers import faults
from tests.servers.site import Fault, Site, Version
from tests.servers.trial import Trial

SIZE: Final = 257
SHARED: Final = 200_000
NEW, OLD = random.Random(5).randbytes(SIZE), random.Random(6).randbytes(SIZE)


def _changing(trial: Trial, k: int, old: Version, new: Version) -> Site:
    """Give a file that is replaced when ``k`` bytes of it have been sent, and breaks off there."""
    site = trial.put(old, new)
    site.faults = [faults.only(faults.first, faults.breaks_at(k)), faults.changes_after(site)]
    return site


#: One way of telling versions apart is tried at every byte; the soak tries each of them at every byte.
_KINDS: Final = ("tag", "weak", "date", "length", "nothing")
_SHARES: Final = [
    ("tag", 1),
    *((kind, 7) for kind in _KINDS[1:]),
    *(pytest.param(kind, 1, marks=pytest.mark.soak) for kind in _KINDS[1:]),
]


@pytest.mark.parametrize(("kind", "step"), _SHARES)
def test_a_version_that_ends_at_any_byte(kind: str, step: int, trial: Trial) -> None:
    """The server's file is replaced after each number of bytes; whatever tells versions apart, none is ever mixed."""
    made = {
        "tag": (Version(OLD, '"1"'), Version(NEW, '"2"')),
        "weak": (Version(OLD, 'W/"1"'), Version(NEW, 'W/"2"')),
        "date": (
            Version(OLD, None, "Sun, 01 Nov 2026 10:00:00 GMT"),
            Version(NEW, None, "Sun, 01 Nov 2026 11:00:00 GMT"),
        ),
        "length": (Version(OLD, None), Version(NEW + b"!", None)),
        "nothing": (Version(OLD, None), Version(NEW, None)),
    }[kind]
    places = sorted({*range(0, SIZE + 1, step), 1, SIZE - 1, SIZE})
    sites = [_changing(trial, k, *made) for k in places]
    ops = [trial.ask(site) for site in sites]
    for k, site, op in zip(places, sites, ops, strict=True):
        assert op.wait(30, progress=False)
        trial.holds(site, op)
        assert op.error is None, k
        assert op.path.read_bytes() == (made[0].data if k >= SIZE else made[1].data), k
        assert len(site.asked) <= 4, k
    trial.remembered(*ops)


@pytest.mark.parametrize("n", range(1, 12))
def test_a_version_that_ends_at_any_request(n: int, small_blocks: None, trial: Trial) -> None:
    """While several connections share a file it is replaced, after each number of answers: one version, whole."""
    old, new = random.Random(n).randbytes(SHARED), random.Random(-n).randbytes(SHARED + n % 2)
    site = trial.put(Version(old, '"1"'), Version(new, '"2"'))
    site.faults = [faults.slow(4e6, 8192), faults.changes_after(site, n)]
    assert trial.fetch(site) is None
    assert trial.path(site).read_bytes() in (old, new)


@pytest.mark.parametrize("deaf", [faults.ignores_conditions, faults.ignores_range, faults.ignores_all])
def test_a_version_that_ends_under_a_deaf_server(deaf: Fault, small_blocks: None, trial: Trial) -> None:
    """The same against a server that does not hear the conditions by which a change is noticed."""
    old, new = random.Random(1).randbytes(SHARED), random.Random(2).randbytes(SHARED)
    for n in range(1, 6):
        site = trial.put(Version(old, '"1"'), Version(new, '"2"'))
        site.faults = [deaf, faults.slow(8e6, 8192), faults.changes_after(site, n)]
        assert trial.fetch(site) is None
        assert trial.path(site).read_bytes() in (old, new)
