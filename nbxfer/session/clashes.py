"""Several sources of one call that would land on one name, or that nobody can tell apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nbxfer.core import url as urls
from nbxfer.errors import InvalidRequest
from nbxfer.session import destination as where

if TYPE_CHECKING:
    from nbxfer.session.request import Request


def refuse(asked: Iterable[Request]) -> None:
    """Refuse two sources on one name; what the server will name gets a place of its own to wait in."""
    taken: dict[str, Request] = {}
    for request in asked:
        other = taken.setdefault(request.destination, request)
        if other.identity == request.identity:
            _refuse_a_guess(other, request)
            continue
        if request.naming != "url":
            request.destination = where.aside(request.destination, request.identity)
            taken[request.destination] = request
            continue
        raise InvalidRequest(
            f"{urls.safe_url(other.url)} and {urls.safe_url(request.url)} would both land on {request.destination}.",
            hint="Give {url: destination}, so that each has a name of its own.",
        )


def _refuse_a_guess(one: Request, other: Request) -> None:
    """Refuse two URLs that differ only in what may be a secret, or may tell two sources apart."""
    if one.options.key is None and one.url != other.url and urls.guessed(one.url) != urls.guessed(other.url):
        name = urls.guessed(other.url)[0].partition("=")[0] if urls.guessed(other.url) else "a token"
        raise InvalidRequest(
            f"Two of the URLs, {urls.safe_url(one.url)}, differ only in {name}, which may be a secret of one source.",
            hint="Give {url: destination} and key= for each, where they are two; only one of them, where it is one.",
        )
