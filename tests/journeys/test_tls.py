"""Whom a transfer trusts, from first byte to last: each way to fail has its status, and is never tried again."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import trustme

from nbxfer.core.phases import Phase
from nbxfer.errors import CertificateRefused
from nbxfer.errors import WebErrorStatus as Web
from nbxfer.session import Session
from tests.journeys.terminal import until
from tests.servers import faults
from tests.servers.rogue import Rogue
from tests.servers.site import Reply, Site, Version

DATA: Final = random.Random(11).randbytes(300_000)


def _context(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def _day(n: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=n)


LEAVES: Final[dict[str, tuple[Callable[[trustme.CA], trustme.LeafCert], int]]] = {
    "wrong host": (lambda ca: ca.issue_cert("example.org"), Web.CERTIFICATE_COMMON_NAME_IS_INCORRECT),
    "expired": (
        lambda ca: ca.issue_cert("127.0.0.1", not_before=_day(-30), not_after=_day(-1)),
        Web.CERTIFICATE_EXPIRED,
    ),
    "unknown": (lambda _: trustme.CA().issue_cert("127.0.0.1"), Web.CERTIFICATE_IS_INVALID),
}


@pytest.mark.parametrize("why", LEAVES)
def test_a_certificate_that_is_refused(
    why: str, authority: trustme.CA, ca: str, sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """One connection, no request, no file; the status says which of the three it was."""
    make, status = LEAVES[why]
    site = Site(Version(DATA))
    with Rogue(site, _context(make(authority))) as server:
        op = sessions().download(server.url("/x.bin?token=hush"), tmp_path / "X", verify=ca)
        error = op.exception(20)
        assert isinstance(error, CertificateRefused)
        assert (error.status, error.retryable) == (status, False)
        assert error.hint
        assert "hush" not in f"{error} {op.explain()}"
        assert (server.connections, site.asked) == (1, [])
    assert op.snapshot.retries == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("why", LEAVES)
def test_a_certificate_that_turns_bad_half_way(
    why: str, authority: trustme.CA, ca: str, sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """A server that shows another certificate on a resume is refused there; the part is kept, and nothing was asked."""
    make, status = LEAVES[why]
    good, bad = _context(authority.issue_cert("127.0.0.1")), _context(make(authority))
    site = Site(Version(DATA))
    with Rogue(site, good) as server:

        def turn(reply: Reply) -> None:
            server._tls = bad
            faults.breaks_at(100_000)(reply)

        site.faults = [turn]
        op = sessions().download(server.url("/x.bin"), tmp_path / "X", verify=ca)
        error = op.exception(20)
        assert isinstance(error, CertificateRefused)
        assert error.status == status
        assert len(site.asked) == 1
        kept = op.snapshot.received
        assert 0 < kept <= 100_000
        assert not op.path.exists()
        server._tls, site.faults = good, []
        op.retry()
        assert op.result(20).read_bytes() == DATA
        assert site.asked[-1].range == (kept - 4096, None)


def test_parts_over_tls(
    small_blocks: None, authority: trustme.CA, ca: str, sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """Several connections share a file over TLS, each verified, each tied to one version."""
    site = Site(Version(DATA))
    site.faults = [faults.waits_for_parts()]
    with Rogue(site, _context(authority.issue_cert("127.0.0.1"))) as server:
        op = sessions().download(server.url("/x.bin"), tmp_path / "X", verify=ca)
        assert hashlib.sha256(op.result(30).read_bytes()).digest() == hashlib.sha256(DATA).digest()
        assert server.connections > 1
    assert {asked.headers.get("if-match") for asked in site.asked[1:]} == {'"v1"'}


def test_a_body_that_is_cut_off_inside_tls(
    authority: trustme.CA, ca: str, sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """Without a length, only TLS's goodbye tells the end from a cut: without it, nothing gets its name."""
    site = Site(Version(DATA, None))
    site.faults = [faults.no_length]
    with Rogue(site, _context(authority.issue_cert("127.0.0.1"))) as server:
        op = sessions().download(server.url("/x.bin"), tmp_path / "X", verify=ca)
        until(lambda: op.snapshot.phase in (Phase.STALLED, Phase.FAILED))
        assert not op.path.exists()
        server.goodbye = True
        assert op.result(40).read_bytes() == DATA
