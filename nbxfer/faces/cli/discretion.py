"""What a command line gives away: which of its words are secrets, and who else can read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from nbxfer.faces.cli.desk import Call

#: Words of which one stands in the name of nearly every header that carries a secret.
_SECRET: Final = re.compile(r"auth|cookie|token|key|secret|passw|session|credential|signature", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def shown_user(user: str) -> str:
    """Give a name as it can be shown."""
    from nbxfer.faces.words import clean

    return clean(user, 60)


def secret_names(headers: Iterable[str]) -> list[str]:
    """Give the names of those headers that seem to carry a secret."""
    return [name for name in map(name_of, headers) if _SECRET.search(name)]


def name_of(header: str) -> str:
    """Give what stands before the colon, if that can be a name (RFC 9110, 5.6.2); else "", for it may be a secret."""
    name, colon, _ = header.partition(":")
    return name.strip() if colon and _TOKEN.fullmatch(name.strip()) else ""


def for_one_server(urls: Sequence[str], headers: Iterable[str], user: str | None) -> None:
    """Refuse to tell several servers one secret: it is of one of them, and the others would learn it."""
    from nbxfer.core.url import safe_url, server

    if user is not None and ":" in user:
        raise click.UsageError("--user takes a name alone; the password is asked for in the terminal.")
    secret = "--user" if user is not None else next((f"the header {name}" for name in secret_names(headers)), None)
    servers = {server(safe_url(url)) for url in urls}
    if secret is not None and len(servers) > 1:
        raise click.UsageError(
            f"These URLs are of {len(servers)} servers, and {shown_user(secret)} would be told to each of them. "
            "Run it once for each server; or use --netrc, which knows whose is whose."
        )


def warn(call: Call, given: dict[str, Any], urls: Sequence[str]) -> None:
    """Say which secrets stand in the command line, where everybody on this machine can see them."""
    typed = [one for one in given["headers"] if not one.startswith("@")]
    seen = [f"the header {shown_user(name)}" for name in secret_names(typed)]
    better = ["--header @FILE reads headers from a file."] if seen else []
    if any(map(_has_password, given.get("typed", urls))):
        seen.append("the password in the URL")
        better.append("--user asks for a password, and --netrc looks it up.")
    if _has_password(given.get("proxy") or ""):
        seen.append("the proxy's password")
        better.append("HTTPS_PROXY is read from the environment.")
    if seen:
        there = f"{' and '.join(seen)} {'is' if len(seen) == 1 else 'are'} there to be read"
        call.pen.say(f"others on this machine can see command lines, and in this one {there}. {' '.join(better)}")


def _has_password(url: str) -> bool:
    user, mark, _ = url.rpartition("://")[2].partition("/")[0].rpartition("@")
    return bool(mark) and ":" in user
