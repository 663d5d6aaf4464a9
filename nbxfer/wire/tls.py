"""Whom to trust: one TLS context for each way of verifying, made once, for reading a CA bundle takes 10 ms."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

import httpx

from nbxfer.errors import InvalidRequest


def context(verify: bool | str) -> ssl.SSLContext:  # noqa: FBT001 (the option of that name)
    """Give the context for ``verify``: True, False, or the path of a CA bundle or folder.

    True is as httpx reads it: SSL_CERT_FILE, SSL_CERT_DIR, else certifi's bundle. Raises InvalidRequest where the
    path holds no certificates.
    """
    if isinstance(verify, bool):
        return _made(verify, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    try:
        return _made(verify, os.stat(verify).st_mtime_ns)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise InvalidRequest(
            f"verify={verify!r} is no file or folder of CA certificates.", hint="Give the path of a PEM bundle."
        ) from None


@lru_cache(maxsize=32)
def _made(verify: bool | str, *_told_apart_by: object) -> ssl.SSLContext:  # noqa: FBT001
    if isinstance(verify, bool):
        made = httpx.create_ssl_context(verify)
    elif os.path.isdir(verify):
        made = ssl.create_default_context(capath=verify)
    else:
        made = ssl.create_default_context(cafile=verify)
    made.set_alpn_protocols(["http/1.1"])
    return made
