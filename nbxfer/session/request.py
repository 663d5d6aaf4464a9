"""From what a person wrote to what can be done: one request or ten thousand, checked before anything moves."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NoReturn, Protocol

import msgspec

from nbxfer.core import url as urls
from nbxfer.core.policy import Patience, Retry
from nbxfer.core.spec import Spec
from nbxfer.core.stores import is_store, scheme
from nbxfer.errors import AccessDenied, InvalidRequest, TransferError
from nbxfer.session import clashes
from nbxfer.session import destination as where
from nbxfer.session import options as wording
from nbxfer.session.options import Options
from nbxfer.session.proofs import Proof, Proofs, mirrors_of, source_url
from nbxfer.sinks.forms import Form
from nbxfer.wire.access import Access, access
from nbxfer.wire.headers import split_headers
from nbxfer.wire.storage import read_storage

#: A path as a person may write it.
Path_ = str | os.PathLike[str]
#: Sources of one call: an endless iterable has to end somewhere.
MOST_SOURCES: Final = 1_000_000
_USUAL: Final = Retry()
_PATIENCE: Final = Patience()


class Request(msgspec.Struct):
    """One transfer as asked for, checked. ``url``, ``target`` and what ``options`` holds may be secret: memory only.

    ``destination`` is absolute, or the stored form of ``target``, the URL of a far destination ("": a file here).
    ``naming`` is "url" where the name is settled, else "server" or "auto". ``refused`` says why it cannot be done at
    the moment, where that is one of many.
    """

    url: str
    destination: str
    identity: str
    options: Options
    naming: str = "url"
    proof: Proof = Proof()
    refused: TransferError | None = None
    kind: str = "download"
    target: str = ""
    form: Form | None = None
    mirrors: tuple[str, ...] = ()  # whole URLs

    @property
    def main(self) -> str:
        """The URL that headers, credentials and the like are for: an upload's target, else the source."""
        return self.target if self.kind == "upload" else self.url

    def __repr__(self) -> str:
        return f"Request({urls.safe_url(self.url)!r}, {self.destination!r})"


class Seat(Protocol):
    """Who asks: every operation carries both."""

    notebook: str
    app: str


# -- one --------------------------------------------------------------------------------------------------------------
def read(url: object, dest: object, given: Mapping[str, Any]) -> Request:
    """Check one request; raise InvalidRequest, UnknownOption or AccessDenied, with a sentence that says what to do."""
    options = wording.read(given)
    text = source_url(url)
    proofs = Proofs(options.checksum, [text])
    identity = identity_of(text, options)
    place = where.place(dest, options.into, options.name)
    place.check()
    return _request(text, place, identity, options, proofs)


def _request(url: str, place: where.Place, identity: str, options: Options, proofs: Proofs) -> Request:
    name = options.name if options.name is not None else "url"
    path = place.file(url, name)
    naming = name if name in where.SERVER_NAMES else "url"
    if naming == "auto" and os.path.splitext(path)[1]:
        naming = "url"
    return Request(url, path, identity, options, naming, proofs.of(url), mirrors=mirrors_of(url, options.mirrors))


def identity_of(url: str, options: Options) -> str:
    """Give what makes two requests ask for the same source."""
    if options.key is not None:
        return f"key:{options.key}"
    storage = read_storage(url, options.storage_options, options.filesystem)
    place = f" at {storage.place}" if storage is not None and storage.place else ""
    return urls.identity(url, options.secret_query) + place


# -- many -------------------------------------------------------------------------------------------------------------
def read_all(sources: object, dest: object, given: Mapping[str, Any]) -> list[Request]:
    """Check many requests, in order: of an iterable of URLs, or of a mapping of URLs to destinations.

    Raises InvalidRequest, which names the item, and UnknownOption; then none of them is done. AccessDenied is raised
    for the folder of all; of a single destination it is written down in ``refused``.
    """
    options = wording.read(given)
    items = list(_items(sources))
    if len(items) > MOST_SOURCES:
        raise InvalidRequest(f"These are more than {MOST_SOURCES} URLs.", hint="Ask for them in several calls.")
    several = len(items) > 1
    if several and options.mirrors and not isinstance(options.mirrors, Mapping):
        raise InvalidRequest("mirrors= are of one file, and there are several.", hint="Give {url: [mirror, …]}.")
    if several and options.key is not None:
        raise InvalidRequest("key= names one source, and there are several.", hint="Leave it out.")
    if several and options.name not in (None, "url", *where.SERVER_NAMES) and not isinstance(sources, Mapping):
        raise InvalidRequest(
            f"name={options.name!r} is one name, and there are several files.", hint="Give {url: destination}."
        )
    shared = where.place(dest, options.into, options.name, several=True)
    shared.check()
    proofs = Proofs(options.checksum, [url for url, _ in items if isinstance(url, str)])
    asked: list[Request] = []
    for number, (url, own) in enumerate(items, 1):
        try:
            asked.append(_one_of_many(url, own, shared, options, proofs))
        except InvalidRequest as error:
            _say_which(number, len(items), url, error)
    clashes.refuse(asked)
    return asked


def _items(sources: object) -> Iterator[tuple[object, object]]:
    hint = "Give one URL, several, or {url: destination}."
    if isinstance(sources, bytes | bytearray | memoryview | os.PathLike) or not isinstance(sources, Iterable):
        raise InvalidRequest(f"The URL is of type {type(sources).__name__}, not a text.", hint=hint)
    if isinstance(sources, Mapping):
        yield from itertools.islice(sources.items(), MOST_SOURCES + 1)
    else:
        for url in itertools.islice(sources, MOST_SOURCES + 1):
            yield url, None


def _one_of_many(url: object, own: object, shared: where.Place, options: Options, proofs: Proofs) -> Request:
    text = source_url(url)
    identity = identity_of(text, options)
    if own is None:
        return _request(text, shared, identity, options, proofs)
    place = where.place(own, None, options.name, below=shared.path)
    request = _request(text, place, identity, options, proofs)
    try:
        place.check()
    except AccessDenied as error:
        request.refused = error
    return request


def _say_which(number: int, count: int, url: object, error: InvalidRequest) -> NoReturn:
    if count == 1:
        raise error
    shown = f" ({urls.safe_url(url)})" if isinstance(url, str) else ""
    raise type(error)(f"Item {number} of {count}{shown}: {error.message}", hint=error.hint) from None


# -- what is written down -------------------------------------------------------------------------------------------
def ways_in(asked: Sequence[Request]) -> list[Access]:
    """Give how to get at each source, with every secret in it. Raises InvalidRequest.

    One secret goes to one server: credentials, cookies and headers for several of them are refused, unless they say
    themselves whom they are for (netrc, a cookie jar).
    """
    made: dict[tuple[str, str, int], Access] = {}
    ways: list[Access] = []
    for number, request in enumerate(asked, 1):
        url = request.main
        known = None if "@" in url else made.get(urls.origin(url))
        try:
            ways.append(replace(known, url=url) if known is not None else _way_in(request))
        except InvalidRequest as error:
            _say_which(number, len(asked), url, error)
        if "@" not in url:
            made.setdefault(urls.origin(url), ways[-1])
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


def spec(request: Request, access: Access, seat: Seat, target: Access | None = None) -> Spec:
    """Give the part of a request that may be written down."""
    options, proof = request.options, request.proof
    stored, cut = urls.stored_url(request.url, options.secret_query)
    if request.target:
        cut = (*cut, *urls.stored_url(request.target, options.secret_query)[1])
        cut = (*cut, *(target.needs if target is not None else ()))
        cut = (*cut, *(("parts",) if request.form is not None else ()))
    patience = _PATIENCE
    if options.timeout is not None:
        patience = msgspec.structs.replace(patience, connect=options.timeout, response=options.timeout)
    return Spec(
        kind=request.kind,
        url=stored,
        destination=request.destination,
        identity=request.identity,
        needs=tuple(dict.fromkeys((*cut, *access.needs))),
        headers=split_headers(access.headers)[0],
        references=access.references,
        checksum=proof.checksum,
        checksum_at=proof.listed_at,
        believe=proof.believe,
        naming=request.naming,
        if_exists=options.if_exists,
        recoverable=options.recoverable,
        mirrors=tuple(urls.stored_url(mirror, options.secret_query)[0] for mirror in request.mirrors),
        refresh=options.refresh if isinstance(options.refresh, str) else "memory" if options.refresh else "",
        verify=access.verify,
        cert=access.cert,
        proxy=access.proxy,
        trust_env=access.trust_env,
        http2=access.http2,
        expect_size=options.expect_size,
        max_size=options.max_size,
        preserve_mtime=options.preserve_mtime,
        random_access=options.random_access,
        storage=access.storage.stored if access.storage is not None else "",
        method=options.method or ("POST" if request.form is not None else ""),
        content_type=options.content_type,
        target=target.storage.stored if target is not None and target.storage is not None else "",
        connections=options.connections,
        bandwidth=options.bandwidth,
        not_before=options.not_before,
        deadline=options.deadline,
        priority=options.priority,
        group=options.group or "",
        cost_policy=options.cost_policy,
        retry=options.retry or _USUAL,
        patience=patience,
        notebook=seat.notebook,
        app=seat.app,
    )
