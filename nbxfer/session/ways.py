"""How to get at what was asked for: every secret is in it, and one secret goes to one server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nbxfer.core import url as urls
from nbxfer.core.stores import is_store, scheme
from nbxfer.errors import InvalidRequest
from nbxfer.session.request import Request, say_which
from nbxfer.wire.access import Access, access
from nbxfer.wire.storage import read_storage


def ways_in(asked: Sequence[Request]) -> list[Access]:
    """Give how to get at each source, with every secret in it. Raises InvalidRequest.

    Requests that name the same ``server`` are given one and the same way: its URL is that of one of them.

    One secret goes to one server: credentials, cookies and headers for several of them are refused, unless they say
    themselves whom they are for (netrc, a cookie jar).
    """
    made: dict[tuple[str, str, int], Access] = {}
    of_servers: dict[str, Access] = {}
    ways: list[Access] = []
    for number, request in enumerate(asked, 1):
        if request.server and (known := of_servers.get(request.server)) is not None:
            ways.append(known)
            continue
        url = request.main
        known = None if "@" in url else made.get(urls.origin(url))
        try:
            ways.append(replace(known, url=url) if known is not None else _way_in(request))
        except InvalidRequest as error:
            say_which(number, len(asked), url, error)
        if "@" not in url:
            made.setdefault(urls.origin(url), ways[-1])
        if request.server:
            of_servers[request.server] = ways[-1]
    first, *others = made.values() or ways[:1]
    for other in others:
        kept = first.towards(other.url)
        if (kept.headers, kept.auth, kept.cookies) != (other.headers, other.auth, other.cookies):
            raise InvalidRequest(
                f"The credentials would go to {first.safe_url} and to {other.safe_url}, which are different servers.",
                hint="Ask for the files of each server in a call of its own.",
            )
    return ways


def _way_in(request: Request) -> Access:
    o = request.options
    return access(
        request.main,
        o.headers,
        o.auth,
        o.verify,
        cookies=o.cookies,
        proxy=o.proxy,
        proxy_auth=o.proxy_auth,
        trust_env=o.trust_env,
        cert=o.cert,
        http2=o.http2,
        storage=read_storage(request.main, side(request, request.main), o.filesystem),
    )


def way_out(request: Request) -> Access | None:
    """Give how to get at where a copy goes; None where nothing but the main way in is needed. Raises InvalidRequest."""
    if not request.target or request.kind == "upload":
        return None
    o = request.options
    storage = read_storage(request.target, side(request, request.target), None) if is_store(request.target) else None
    return access(request.target, proxy=o.proxy, trust_env=o.trust_env, storage=storage)


def side(request: Request, url: str) -> object:
    """Give the storage options that are for ``url``: of {protocol: options} its own, else all of them.

    Options that are not by protocol belong to both sides where both are of one kind, else to the one that is a store.
    """
    given = request.options.storage_options
    names = {scheme(u) for u in (request.url, request.target) if u}
    if not isinstance(given, Mapping) or not given or not request.target or not set(given) <= names:
        return given if is_store(url) and scheme(url) not in ("file", "local") else None
    return given.get(scheme(url)) if all(isinstance(own, Mapping) for own in given.values()) else given
