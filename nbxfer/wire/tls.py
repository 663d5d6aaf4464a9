"""Whom to trust, and who we are: one TLS context for each way, made once, for reading a CA bundle takes 10 ms."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

import httpx

from nbxfer.errors import InvalidRequest, NeedsAttention
from nbxfer.wire.certificates import Certificate, load


def context(
    verify: bool | str,  # noqa: FBT001 (the option of that name)
    *,
    trust_env: bool = True,
    certificate: Certificate | None = None,
    http2: bool = False,
) -> ssl.SSLContext:
    """Give the context for ``verify``: True, False, or the path of a CA bundle or folder.

    True is as httpx reads it: SSL_CERT_FILE, SSL_CERT_DIR where ``trust_env``, else certifi's bundle. Raises
    InvalidRequest where the path holds no certificates, NeedsAttention where the client's own cannot be had.
    """
    words = [os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")] if trust_env else []
    password = certificate.look_up() if certificate is not None else None
    try:
        changed = [verify if isinstance(verify, bool) else os.stat(verify).st_mtime_ns]
    except (OSError, ValueError):
        raise _no_bundle(verify) from None
    changed += [_age(path) for path in certificate.paths] if certificate is not None else []
    return _made(verify, trust_env, certificate, password, http2, *words, *changed)


def _age(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _no_bundle(verify: bool | str) -> InvalidRequest:  # noqa: FBT001
    return InvalidRequest(
        f"verify={verify!r} is no file or folder of CA certificates.", hint="Give the path of a PEM bundle."
    )


@lru_cache(maxsize=32)
def _made(
    verify: bool | str,  # noqa: FBT001
    trust_env: bool,  # noqa: FBT001
    certificate: Certificate | None,
    password: str | None,
    http2: bool,  # noqa: FBT001
    *_told_apart_by: object,
) -> ssl.SSLContext:
    try:
        if isinstance(verify, bool):
            made = httpx.create_ssl_context(verify=verify, trust_env=trust_env)
        elif os.path.isdir(verify):
            made = ssl.create_default_context(capath=verify)
        else:
            made = ssl.create_default_context(cafile=verify)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        if isinstance(verify, bool):
            raise InvalidRequest(
                "The CA certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read.",
                hint="Correct the variable, or give verify= the path of a PEM bundle.",
            ) from None
        raise _no_bundle(verify) from None
    if not trust_env:
        made.keylog_filename = None  # type: ignore[assignment] # the library sets it from SSLKEYLOGFILE
    if certificate is not None:
        try:
            load(made, certificate.paths, password)
        except (OSError, ValueError):
            raise NeedsAttention(
                f"The client certificate {certificate.paths[0]!r} cannot be loaded any more.",
                hint="Put it back with its key, or give cert= again.",
            ) from None
    made.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    return made
