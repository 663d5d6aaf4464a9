"""Client certificates: checked when they are given, loaded when a connection is made."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Union

from nbxfer.errors import InvalidRequest, NeedsAttention
from nbxfer.wire.credentials import KEYRING, is_reference
from nbxfer.wire.lookup import look_up

#: What ``cert=`` takes: the path of a PEM file with certificate and key, (path, key), or (path, key, password).
CertLike = Union[str, "os.PathLike[str]", Sequence[Union[str, "os.PathLike[str]", None]], None]


@dataclass(frozen=True)
class Certificate:
    """A client certificate: absolute ``paths`` of it and perhaps of its key; the password may be a reference."""

    paths: tuple[str, ...]
    password: str | None = field(default=None, repr=False)

    def look_up(self) -> str | None:
        """Give the password. Raises NeedsAttention where a reference leads nowhere."""
        return None if self.password is None else look_up(self.password)

    @property
    def reference(self) -> str | None:
        """Where the password is to be found; None where there is none, or it is a literal."""
        return self.password if self.password is not None and is_reference(self.password) else None


def parse_cert(cert: CertLike) -> Certificate | None:
    """Give the certificate; raise InvalidRequest where it cannot be loaded as it is given."""
    if cert is None:
        return None
    given: object = cert
    parts = [given] if isinstance(given, str | os.PathLike) else list(given) if isinstance(given, Sequence) else []
    texts = [os.fspath(part) if isinstance(part, str | os.PathLike) else part for part in parts]
    if not 1 <= len(texts) <= 3 or not isinstance(texts[0], str) or not all(isinstance(t, str | None) for t in texts):
        raise InvalidRequest(
            "cert= is neither a path nor (certificate, key) nor (certificate, key, password).",
            hint="Give the path of a PEM file, and of its key where that is another.",
        )
    paths = tuple(os.path.abspath(os.path.expanduser(t)) for t in texts[:2] if isinstance(t, str))
    password = texts[2] if len(texts) == 3 and isinstance(texts[2], str) else None
    made = Certificate(paths, password)
    _check(made)
    return made


def _check(certificate: Certificate) -> None:
    for path in certificate.paths:
        if not os.path.isfile(path):
            raise InvalidRequest(f"cert= names {path!r}, and there is no such file.", hint="Correct the path.")
    if certificate.password is not None and KEYRING.fullmatch(certificate.password):
        return  # asking the keyring may open a window: only when it is needed
    try:
        password = certificate.look_up()
    except NeedsAttention:
        return  # it may be set by then
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate.paths, password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            raise InvalidRequest(
                f"The key given in cert= is not that of {certificate.paths[0]!r}.", hint="Give the key that is."
            ) from None
        raise InvalidRequest(
            f"cert= names {certificate.paths[0]!r}, which cannot be loaded as a certificate with its key.",
            hint="Both have to be PEM; give cert=(certificate, key, password), and see that the password is right.",
        ) from None


def load(context: ssl.SSLContext, paths: tuple[str, ...], password: str | None) -> None:
    """Have ``context`` present the certificate. Raises OSError (ssl.SSLError), ValueError."""
    # With no password at all OpenSSL would ask for one on the terminal.
    context.load_cert_chain(paths[0], paths[1] if len(paths) > 1 else None, lambda: password or "")
