"""What a file is held against, as a person may say it with ``checksum=``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from nbxfer.core import checksums, stores
from nbxfer.core import url as urls
from nbxfer.errors import InvalidRequest

SCHEMES: Final = ("http", "https")
#: Characters of a URL; servers take half of that.
LONGEST_URL: Final = 16_384


def source_url(url: object) -> str:
    """Give the text of a URL that can be fetched, of the web or of a store; raise InvalidRequest for any other."""
    text = _text(url)
    if not stores.is_store(text):
        return web_url(text)
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise InvalidRequest("The URL has a control character in it.", hint="Give it without.")
    return text


def web_url(url: object) -> str:
    """Give the text of a URL of the web; raise InvalidRequest for any other."""
    text = _text(url)
    scheme = urls.parse(text).scheme.lower()
    if scheme not in SCHEMES:
        raise InvalidRequest(f"{scheme}:// cannot be fetched for this.", hint="Give an http:// or https:// URL.")
    return text


def _text(url: object) -> str:
    if not isinstance(url, str):
        raise InvalidRequest(
            f"The URL is of type {type(url).__name__}, not a text.", hint="Give one like 'https://host/path'."
        )
    if len(url) > LONGEST_URL:
        raise InvalidRequest(f"The URL is {len(url)} characters long; {LONGEST_URL} are the most.")
    return url


class Proof(msgspec.Struct, frozen=True):
    """What a file is held against: a checksum ("sha256:hex"), the URL of a list of them, the server's own word."""

    checksum: str | None = None
    listed_at: str | None = None
    believe: bool = True


class Proofs:
    """``checksum=`` for every URL of one call: one text, False, or a mapping by URL."""

    def __init__(self, given: object, sources: list[str]) -> None:
        self._by_url: dict[str, Proof] | None = None
        self._all = Proof()
        if isinstance(given, Mapping):
            known = set(sources)
            for url in given:
                if url not in known:
                    name = urls.safe_url(url) if isinstance(url, str) else f"one of type {type(url).__name__}"
                    raise InvalidRequest(
                        f"checksum has an entry for {name}, which is not asked for.", hint="Give it for the URLs here."
                    )
            self._by_url = {url: proof(value) for url, value in given.items()}
            return
        self._all = proof(given)
        if self._all.checksum is not None and len(set(sources)) > 1:
            raise InvalidRequest(
                "checksum is that of one file, and there are several.",
                hint="Give {url: checksum}, or the URL of a list of checksums.",
            )

    def of(self, url: str) -> Proof:
        """Give what holds for one URL; nothing where the mapping has no entry."""
        return self._all if self._by_url is None else self._by_url.get(url, Proof())


def proof(value: object) -> Proof:
    """Read one value of ``checksum=``: a checksum, the URL of a list of them, False, or None. Raises InvalidRequest."""
    if value is None:
        return Proof()
    if value is False:
        return Proof(believe=False)
    if not isinstance(value, str) or "://" not in value:
        return Proof(checksums.read(value))
    stored, cut = urls.stored_url(web_url(value))
    if cut:
        raise InvalidRequest(
            f"checksum={urls.safe_url(value)} has a secret in it, which would not be kept.",
            hint="Give a URL without one, or the checksum itself.",
        )
    return Proof(listed_at=stored)


def mirrors_of(url: str, value: object) -> tuple[str, ...]:
    """Give the mirrors of one URL: ``value`` is a list, or a mapping of URLs to lists. Raises InvalidRequest."""
    if isinstance(value, Mapping):
        value = value.get(url)
    if not value:
        return ()
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple | set | frozenset):
        raise InvalidRequest(f"mirrors= is of type {type(value).__name__}.", hint="Give a list of URLs.")
    if stores.is_store(url):
        raise InvalidRequest("mirrors= are for files of the web.", hint="Leave it out.")
    return tuple(mirror for mirror in dict.fromkeys(web_url(one) for one in given) if mirror != url)
