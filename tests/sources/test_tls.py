"""Whom TLS trusts: every way to fail has its own status, and none is tried again."""

from __future__ import annotations

import datetime as dt
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme

from nbxfer.core import faults
from nbxfer.errors import BadAnswer, CertificateRefused, InvalidRequest, NetworkError, TransferError, WebErrorStatus
from nbxfer.wire.access import access
from tests.servers.nginx import Nginx
from tests.servers.reading import fetch, opened, source
from tests.servers.rogue import Rogue, honest

DATA = bytes(range(256)) * 1000


def _context(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def _ago(days: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=days)


def _refusal(leaf: trustme.LeafCert, verify: str | bool, host: str = "127.0.0.1") -> CertificateRefused:
    with Rogue(honest(DATA), _context(leaf)) as server:
        with pytest.raises(CertificateRefused) as caught:
            opened(source(access(server.url("/x?token=hush", host), verify=verify)))
        assert not server.asked
    error = caught.value
    assert not error.retryable
    assert faults.of(error).remedy is faults.Remedy.GIVE_UP
    assert error.hint
    assert "hush" not in str(error)
    return error


def test_trusted(authority: trustme.CA, ca: str, tmp_path: Path) -> None:
    """A certificate for the host from a trusted authority is good; the bundle may be a file or a folder."""
    with Rogue(honest(DATA), _context(authority.issue_cert("127.0.0.1", "localhost"))) as server:
        assert fetch(access(server.url(), verify=ca))[1] == DATA
        assert fetch(access(server.url(host="localhost"), verify=ca))[1] == DATA
        folder = tmp_path / "ca"
        folder.mkdir()
        name = subprocess.run(
            ["openssl", "x509", "-noout", "-hash", "-in", ca], check=True, capture_output=True, text=True
        ).stdout.strip()
        (folder / f"{name}.0").write_bytes(Path(ca).read_bytes())
        assert fetch(access(server.url(), verify=str(folder)))[1] == DATA


def test_wrong_host(authority: trustme.CA, ca: str) -> None:
    """A certificate for another host."""
    for leaf, host in (
        (authority.issue_cert("example.org"), "localhost"),
        (authority.issue_cert("10.0.0.1"), "127.0.0.1"),
    ):
        error = _refusal(leaf, ca, host)
        assert error.status == WebErrorStatus.CERTIFICATE_COMMON_NAME_IS_INCORRECT
        assert "another host" in error.message


def test_expired(authority: trustme.CA, ca: str) -> None:
    """A certificate whose time is over, or has not begun."""
    over = authority.issue_cert("127.0.0.1", not_before=_ago(30), not_after=_ago(1))
    error = _refusal(over, ca)
    assert (error.status, "expired" in error.message) == (WebErrorStatus.CERTIFICATE_EXPIRED, True)
    early = authority.issue_cert("127.0.0.1", not_before=_ago(-1), not_after=_ago(-30))
    error = _refusal(early, ca)
    assert (error.status, "not valid yet" in error.message) == (WebErrorStatus.CERTIFICATE_EXPIRED, True)


def test_unknown_authority(authority: trustme.CA, ca: str) -> None:
    """A certificate from an authority that nobody trusts, by the given bundle and by the usual one."""
    stranger = trustme.CA().issue_cert("127.0.0.1")
    assert _refusal(stranger, ca).status == WebErrorStatus.CERTIFICATE_IS_INVALID
    assert _refusal(authority.issue_cert("127.0.0.1"), True).status == WebErrorStatus.CERTIFICATE_IS_INVALID


def test_trusted_by_the_environment(authority: trustme.CA, ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE says whom to trust, read anew for each connection."""
    with Rogue(honest(DATA), _context(authority.issue_cert("127.0.0.1"))) as server:
        with pytest.raises(CertificateRefused):
            opened(source(server.url()))
        monkeypatch.setenv("SSL_CERT_FILE", ca)
        assert fetch(server.url())[1] == DATA


def test_not_verified_when_told_so(authority: trustme.CA) -> None:
    """verify=False takes any certificate, for this operation only."""
    with Rogue(honest(DATA), _context(trustme.CA().issue_cert("example.org"))) as server:
        assert fetch(access(server.url(), verify=False))[1] == DATA
        with pytest.raises(CertificateRefused):
            opened(source(server.url()))


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    """A bundle that is not there, or holds no certificate, is named as the mistake."""
    (tmp_path / "no.pem").write_text("no")
    for path in ("no.pem", "absent.pem"):
        with pytest.raises(InvalidRequest, match=path):
            opened(source(access("https://127.0.0.1:1/", verify=str(tmp_path / path))))


@pytest.mark.servers
def test_no_tls_there(nginx: Nginx, ca: str) -> None:
    """Asking by https a server that speaks plain http fails as a connection."""
    with pytest.raises(BadAnswer):
        opened(source(access(nginx.url("/file.bin").replace("http:", "https:"), verify=ca)))


def test_plain_to_tls(authority: trustme.CA) -> None:
    """Asking by http a server that speaks TLS only is an error of ours, too."""
    with Rogue(honest(DATA), _context(authority.issue_cert("127.0.0.1"))) as server, pytest.raises(TransferError):
        opened(source(server.url().replace("https:", "http:")))


def test_cut_without_goodbye(authority: trustme.CA, ca: str) -> None:
    """Over TLS a body that ends with the connection must say goodbye, or it may have been cut (RFC 9112 §9.8)."""
    with (
        Rogue(
            lambda _, wire: wire.answer(200, DATA, length=None), _context(authority.issue_cert("127.0.0.1"))
        ) as server,
        pytest.raises(NetworkError),
    ):
        fetch(access(server.url(), verify=ca))
