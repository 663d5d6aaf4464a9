"""From what a person wrote to what can be done: one request or ten thousand, checked before anything moves."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn, Protocol

import msgspec

from nbxfer.core import url as urls
from nbxfer.errors import AccessDenied, InvalidRequest, TransferError
from nbxfer.session import clashes
from nbxfer.session import destination as where
from nbxfer.session import options as wording
from nbxfer.session.options import Options
from nbxfer.session.proofs import LONGEST_URL, Proof, Proofs, mirrors_of, source_url
from nbxfer.sinks.forms import Form
from nbxfer.wire.storage import read_storage

#: A path as a person may write it.
Path_ = str | os.PathLike[str]
#: Sources of one call: an endless iterable has to end somewhere.
MOST_SOURCES: Final = 1_000_000
#: Names of up to so many characters need no closer look, if they are plain.
_SHORT: Final = 63


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
    server: str = ""  # "https://host:port" of a plain URL (url.plain_server) that holds nothing of its own, else ""

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
    mirrors = mirrors_of(url, options.mirrors)
    server = "" if mirrors else urls.plain_server(url)
    return Request(url, path, identity, options, naming, proofs.of(url), mirrors=mirrors, server=server)


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
    plain = _Plain(shared, options, proofs)
    asked: list[Request] = []
    for number, (url, own) in enumerate(items, 1):
        try:
            asked.append((own is None and plain.request(url)) or _one_of_many(url, own, shared, options, proofs))
        except InvalidRequest as error:
            say_which(number, len(items), url, error)
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


class _Plain:
    """The short way for what most lists are made of: plain URLs that land in one folder, under their own names."""

    def __init__(self, shared: where.Place, options: Options, proofs: Proofs) -> None:
        self._folder = os.path.join(shared.path, "")
        self._options, self._proofs = options, proofs
        more = (options.key, options.storage_options, options.filesystem, options.mirrors or None)
        self._serves = options.name in (None, "url") and all(one is None for one in more)
        self._servers: dict[str, bool] = {}  # whether its URLs are what they are known by

    def request(self, url: object) -> Request | None:
        """Give the request for a URL; None where it needs a closer look."""
        if not self._serves or not isinstance(url, str) or "%" in url or len(url) > LONGEST_URL:
            return None
        server, name = urls.plain_server(url), url.rpartition("/")[2]
        if not server or len(name) > _SHORT or name in ("", ".", ".."):
            return None
        if (known := self._servers.get(server)) is None:
            known = self._servers[server] = identity_of(url, self._options) == url
        if not known:
            return None
        return Request(url, self._folder + name, url, self._options, proof=self._proofs.of(url), server=server)


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


def say_which(number: int, count: int, url: object, error: InvalidRequest) -> NoReturn:
    """Raise what is wrong with one of several, with a word on which it is."""
    if count == 1:
        raise error
    shown = f" ({urls.safe_url(url)})" if isinstance(url, str) else ""
    raise type(error)(f"Item {number} of {count}{shown}: {error.message}", hint=error.hint) from None
