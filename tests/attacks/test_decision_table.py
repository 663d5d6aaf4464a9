"""Every row of the decision table, from the first request to the final name.

Each way in which a server can be wrong is tried at three moments: in every answer, in the answers to a resume, and in
the answers to those of several connections that share a file. The file is right or absent, and the error says why.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Final

import pytest

from nbxfer.core.phases import TransferStatus
from nbxfer.errors import WebErrorStatus as Web
from tests.journeys.terminal import until
from tests.servers import faults
from tests.servers.site import Fault, Version
from tests.servers.trial import Trial, explained

DATA: Final = random.Random(8).randbytes(200_000)
OTHER: Final = random.Random(9).randbytes(200_000)
N: Final = len(DATA)

GOOD: Final = Version(DATA)
#: Class of the error, its status, its HTTP code; the first is "" where the file is right.
End = tuple[str, int, int | None]
RIGHT: Final[End] = ("", 0, None)
BROKEN: Final[End] = ("NetworkError", Web.CONNECTION_ABORTED, None)
INVALID: Final = Web.ERROR_HTTP_INVALID_SERVER_RESPONSE
NOT_HERE: Final = Web.UNEXPECTED_STATUS_CODE


@dataclass(frozen=True)
class Row:
    """One way to be wrong, and how a transfer ends that meets it at each moment."""

    fault: Fault
    fresh: End = RIGHT
    resumed: End = RIGHT
    part: End = RIGHT
    version: Version = GOOD

    @property
    def name(self) -> str:
        """Give a word for it."""
        return getattr(self.fault, "__name__", "fault") + ("" if self.version.tag else "_untagged")


def right(_: object) -> None:
    """Do nothing wrong."""


ROWS: Final = [
    Row(right),
    Row(right, version=Version(DATA, None)),
    Row(right, version=Version(DATA, None, "Sun, 01 Nov 2026 10:00:00 GMT")),
    Row(right, version=Version(DATA, 'W/"v1"')),
    Row(faults.ignores_range),
    Row(faults.ignores_conditions),
    Row(faults.ignores_all),
    Row(faults.drops_range_with_if_range),
    Row(faults.no_accept_ranges),
    *(Row(faults.shifts(which, by)) for which in range(2) for by in (-1, 1, 10**6, -(10**6))),
    # Parts that do not fit the whole, as behind some load balancers, are left: over one connection it does not matter.
    *(Row(faults.shifts(2, by)) for by in (-1, 1, 10**6)),
    Row(faults.shifts(2, -(10**6))),
    Row(faults.no_content_range),
    Row(faults.unknown_total),
    Row(faults.another_tag),
    Row(faults.weak_tag),
    Row(faults.no_validator),
    Row(faults.multipart),
    Row(faults.early_hints),
    Row(faults.halves),
    Row(faults.breaks_at(70_001, "reset")),
    Row(faults.surplus),
    Row(faults.no_length),
    Row(faults.chunks),
    Row(faults.coded, fresh=("BadAnswer", INVALID, 200)),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_in_every_answer(row: Row, trial: Trial) -> None:
    """A server that is wrong from its first answer on."""
    site = trial.put(row.version)
    site.faults = [row.fault]
    assert explained(trial.fetch(site)) == row.fresh


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_in_the_answer_to_a_resume(row: Row, trial: Trial) -> None:
    """A server that is right until the connection breaks half-way, and wrong whenever a range is asked for."""
    site = trial.put(row.version)
    site.faults = [faults.only(faults.first, faults.breaks_at(N // 2)), faults.only(faults.ranged, row.fault)]
    assert explained(trial.fetch(site)) == row.resumed


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_in_the_answer_to_one_of_several(row: Row, small_blocks: None, trial: Trial) -> None:
    """A server that is right on one connection, and wrong to those that share the file."""
    site = trial.put(row.version)
    strong = row.version.modified is not None or (row.version.tag or "W/")[:2] != "W/"
    site.faults = [*([faults.waits_for_parts()] if strong else []), faults.only(faults.part, row.fault)]
    assert explained(trial.fetch(site)) == row.part
    parts = [asked for asked in site.asked if not {"if-match", "if-unmodified-since"}.isdisjoint(asked.headers)]
    assert bool(parts) == strong


#: Statuses without a usable body, and how they end a transfer that meets them at once, with how many requests.
REFUSALS: Final[list[tuple[int, End, int]]] = [
    (201, ("BadAnswer", NOT_HERE, 201), 1),
    (204, ("BadAnswer", NOT_HERE, 204), 1),
    (205, ("BadAnswer", NOT_HERE, 205), 1),
    (206, ("BadAnswer", NOT_HERE, 206), 1),
    (300, ("BadAnswer", Web.UNEXPECTED_REDIRECTION, 300), 1),
    (302, ("BadAnswer", Web.UNEXPECTED_REDIRECTION, 302), 1),
    (304, ("BadAnswer", Web.UNEXPECTED_REDIRECTION, 304), 1),
    (400, ("BadAnswer", 400, 400), 1),
    (401, ("AccessDenied", 401, 401), 1),
    (403, ("AccessDenied", 403, 403), 1),
    (404, ("SourceNotFound", 404, 404), 1),
    (407, ("AccessDenied", Web.PROXY_AUTH, 407), 1),
    (408, ("ServerBusy", 408, 408), 4),
    (410, ("SourceNotFound", 410, 410), 1),
    (412, ("BadAnswer", 412, 412), 1),
    (416, ("BadAnswer", 416, 416), 1),
    (425, ("ServerBusy", Web.UNEXPECTED_CLIENT_ERROR, 425), 4),
    (429, ("ServerBusy", Web.UNEXPECTED_CLIENT_ERROR, 429), 4),
    (451, ("BadAnswer", Web.UNEXPECTED_CLIENT_ERROR, 451), 1),
    (500, ("ServerBusy", 500, 500), 4),
    (501, ("BadAnswer", 501, 501), 1),
    (502, ("ServerBusy", 502, 502), 4),
    (503, ("ServerBusy", 503, 503), 4),
    (504, ("ServerBusy", 504, 504), 4),
    (507, ("BadAnswer", Web.UNEXPECTED_SERVER_ERROR, 507), 1),
    (999, ("BadAnswer", NOT_HERE, 999), 1),
]


@pytest.mark.parametrize(("status", "end", "requests"), REFUSALS, ids=lambda value: str(value).split(",")[0])
def test_a_status_instead_of_a_file(status: int, end: End, requests: int, trial: Trial) -> None:
    """Each status has its error, its own number where Windows has one, and only what may pass is tried again."""
    site = trial.put(DATA)
    site.faults = [faults.refuses(status)]
    assert explained(trial.fetch(site)) == end
    assert len(site.asked) == requests


@pytest.mark.parametrize(
    ("status", "end", "requests"),
    [
        (400, ("BadAnswer", 400, 400), 2),
        (401, ("AccessDenied", 401, 401), 2),
        (403, ("AccessDenied", 403, 403), 2),
        (404, ("SourceNotFound", 404, 404), 3),
        (410, ("SourceNotFound", 410, 410), 3),
        (503, ("ServerBusy", 503, 503), 6),
    ],
)
def test_a_status_half_way(status: int, end: End, requests: int, trial: Trial) -> None:
    """What is refused after bytes have come keeps its part; a file that is gone is asked for more than once."""
    site = trial.put(DATA)
    site.faults = [
        faults.only(faults.first, faults.breaks_at(N // 2)),
        faults.only(faults.later, faults.refuses(status)),
    ]
    op = trial.ask(site)
    assert op.wait(20, progress=False)
    trial.holds(site, op)
    assert explained(op.error) == end
    assert len(site.asked) == requests
    assert op.snapshot.received == N // 2
    trial.remembered(op)


def test_a_pause_where_it_is_asked_for(trial: Trial) -> None:
    """With recoverable= an expired URL waits with status 8, and a new one goes on from where it was."""
    site, fresh = trial.put(DATA), trial.put(DATA)
    site.faults = [faults.only(faults.first, faults.breaks_at(N // 2)), faults.only(faults.later, faults.refuses(403))]
    op = trial.ask(site, recoverable={403})
    until(lambda: op.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR)
    assert not op.path.exists()
    op.resume(url=trial.url(fresh))
    assert op.result(20).read_bytes() == DATA
    assert [asked.range for asked in fresh.asked] == [(N // 2 - 4096, None)]


@pytest.mark.parametrize("wait", ["0", "1", "Mon, 02 Nov 2026 10:00:01 GMT", "Mon, 02 Nov 1998 10:00:00 GMT", "soon"])
@pytest.mark.parametrize("status", [429, 503])
def test_come_back_later(status: int, wait: str, trial: Trial) -> None:
    """Retry-After is obeyed in seconds and as a date, and then the file is fetched."""
    site = trial.put(DATA)
    site.faults = [faults.only(faults.first, faults.busy(status, wait=wait))]
    begun = time.monotonic()
    assert trial.fetch(site) is None
    took = time.monotonic() - begun
    assert took >= 1 if wait.endswith(("1", ":01 GMT")) else took < 1


@pytest.mark.parametrize(
    ("locations", "end"),
    [
        ("/{0}/a", ("BadAnswer", Web.REDIRECT_FAILED, None)),
        ("//{1}/{0}/a", ("BadAnswer", Web.REDIRECT_FAILED, None)),
        ("file:///etc/passwd", ("BadAnswer", Web.REDIRECT_FAILED, None)),
        ("data:,x", ("BadAnswer", Web.REDIRECT_FAILED, None)),
        ("ftp://{1}/a", ("BadAnswer", Web.REDIRECT_FAILED, None)),
        ("http://[::1", ("BadAnswer", Web.REDIRECT_FAILED, None)),
        ("http://{1}:99999/a", ("BadAnswer", Web.REDIRECT_FAILED, None)),
        ("", ("BadAnswer", Web.REDIRECT_FAILED, None)),
    ],
)
def test_redirects_that_lead_nowhere(locations: str, end: End, trial: Trial) -> None:
    """Circles, other schemes and what is no URL end in an error; nothing but the web is asked."""
    site = trial.put(DATA)
    site.faults = [faults.moves_to(locations.format(trial.name(site), f"127.0.0.1:{trial.server.port}"))]
    assert explained(trial.fetch(site)) == end
