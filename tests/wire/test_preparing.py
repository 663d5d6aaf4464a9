"""What a mover is told of TLS is what this process goes by itself: the two are made in two places."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
import trustme

from nbxfer.wire import prepared, preparing, tls
from nbxfer.wire.access import access


def _seen(context: ssl.SSLContext) -> tuple[object, ...]:
    """Give all that decides whom a context trusts, and how it speaks; of a folder nothing is read before it is used."""
    roots = sorted(str(root.get("serialNumber")) for root in context.get_ca_certs())
    return (
        context.verify_mode, context.check_hostname, context.verify_flags, context.minimum_version,
        context.maximum_version, context.options, context.keylog_filename, roots,
    )  # fmt: skip


@pytest.mark.parametrize("trust_env", [True, False])
@pytest.mark.parametrize("how", ["usual", "unchecked", "file", "folder"])
@pytest.mark.parametrize("variable", ["", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"])
def test_a_mover_trusts_whom_this_process_trusts(
    how: str, variable: str, trust_env: bool, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an option or a variable says, both contexts check alike, by the same roots."""
    folder, bundle = tmp_path / "roots", tmp_path / "roots.pem"
    folder.mkdir()
    authority.cert_pem.write_to_path(bundle)
    values = {"SSL_CERT_FILE": bundle, "SSL_CERT_DIR": folder, "SSLKEYLOGFILE": tmp_path / "keys"}
    for name in values:
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, os.fspath(values[variable]))
    named: dict[str, bool | str] = {"usual": True, "unchecked": False, "file": str(bundle), "folder": str(folder)}
    verify = named[how]
    way = access("https://h.example/x", verify=verify, trust_env=trust_env)
    ours = tls.context(way.verify, trust_env=way.trust_env)
    theirs = prepared.context(preparing._trust(way))
    assert _seen(theirs) == _seen(ours)
