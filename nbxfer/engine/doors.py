"""How the engine comes by sources and sinks: the one place that knows every kind of them.

It keeps what lives in memory only, the access of each operation. httpx is loaded when the first source is made, on a
worker thread, not when the package is imported.
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from nbxfer.core.lifecycle import Operation
from nbxfer.core.policy import Patience
from nbxfer.core.spec import Spec
from nbxfer.core.stores import is_store
from nbxfer.core.url import safe_url, stored_url
from nbxfer.engine.lists import Lists
from nbxfer.engine.rebuilt import RefreshFunction, imported, rebuilt
from nbxfer.engine.refresh import Renewed
from nbxfer.errors import BadAnswer, InvalidRequest, TransferTimeout
from nbxfer.sinks.base import Sink
from nbxfer.sinks.far import Far
from nbxfer.sinks.forms import Form
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sources.base import Source, Stopped
from nbxfer.wire.access import Access, access
from nbxfer.wire.certificates import parse_cert
from nbxfer.wire.cookies import parse_cookies
from nbxfer.wire.credentials import parse_auth, parse_proxy_auth
from nbxfer.wire.headers import parse_headers, split_headers
from nbxfer.wire.pool import Pool
from nbxfer.wire.storage import of_record

if TYPE_CHECKING:
    from nbxfer.engine.passages import Passages
    from nbxfer.sources.brief import Brief, Passage
    from nbxfer.sources.briefly import Briefly


class Doors:
    """Sources by URL, sinks by destination."""

    def __init__(self, requests: float | None = None) -> None:
        """Make doors; ``requests`` a second to one host."""
        self._accesses: dict[str, Access] = {}
        self._common: dict[str, Access] = {}  # of those whose own is this one, with the URL of their spec
        self._targets: dict[str, Access] = {}
        self._forms: dict[str, Form] = {}
        self._refreshes: dict[str, RefreshFunction] = {}
        self._mirrors: dict[str, dict[str, str]] = {}  # whole URLs by stored ones
        self._lists = Lists()
        self._pool = Pool(requests=requests)  # many files of one server need few connections
        self._briefly: Briefly | None = None
        self._apart: Passages | None = None

    @property
    def requests(self) -> float | None:
        """Requests a second to one host, None for no limit; may be set at any time."""
        return self._pool.frequency.rate

    @requests.setter
    def requests(self, rate: float | None) -> None:
        self._pool.frequency.rate = rate

    def give(
        self,
        op_id: str,
        access: Access,
        refresh: RefreshFunction | None = None,
        target: Access | None = None,
        form: Form | None = None,
        mirrors: Mapping[str, str] | None = None,
        *,
        common: bool = False,
    ) -> None:
        """Remember how to get at the far side of an operation, and whom to ask when that has expired.

        Of a copy between two far sides ``access`` is the source's, ``target`` that of where it goes. Where ``refresh``
        is None, the one that was given before stays. ``mirrors`` gives whole URLs for their stored form. ``common``:
        it holds for all files of a server whose URLs are stored whole, and of each it is to be had with its own URL.
        """
        known, other = (self._common, self._accesses) if common else (self._accesses, self._common)
        other.pop(op_id, None)
        known[op_id] = access
        if mirrors:
            self._mirrors[op_id] = dict(mirrors)
        if target is not None:
            self._targets[op_id] = target
        if form is not None:
            self._forms[op_id] = form
        if refresh is not None:
            self._refreshes[op_id] = refresh

    def forget(self, op_id: str) -> None:
        """Drop what was remembered."""
        self._accesses.pop(op_id, None)
        self._common.pop(op_id, None)
        self._targets.pop(op_id, None)
        self._forms.pop(op_id, None)
        self._mirrors.pop(op_id, None)
        self._refreshes.pop(op_id, None)

    def close(self) -> None:
        """Let the connections go that are kept for the next request."""
        from nbxfer.sources.registry import close_idle

        self._pool.close()
        close_idle()

    # -- sources and sinks ---------------------------------------------------------------------------------------
    def source(self, op: Operation) -> Source:
        """Give the source of an operation. Raises what the wire raises."""
        from nbxfer.sources.localfile import LocalSource
        from nbxfer.sources.registry import for_access

        spec = op.spec
        if spec.kind == "upload":
            return LocalSource(spec.url.partition("://")[2])
        asks_for_pages = any(name.lower() == "accept" for name, _ in spec.headers)
        sure = spec.checksum is not None or spec.checksum_at is not None or spec.expect_size is not None
        return for_access(
            self._access(op.id, spec),
            spec.patience,
            self._pool,
            page_ok=sure or asks_for_pages,
            destination=os.path.basename(spec.destination),
        )

    def brief(self, op_id: str, spec: Spec) -> Brief | None:
        """Begin a request that waits for nothing; None where that cannot be had. One thread at a time."""
        from nbxfer.sources.briefly import Briefly

        if self._briefly is None:
            self._briefly = Briefly(self._pool)
        return self._briefly.ask(self._access(op_id, spec), spec.patience, os.path.basename(spec.destination))

    def passage(self, op_id: str, spec: Spec) -> Passage | None:
        """Say how another process asks for a small file; None where it cannot. One thread at a time."""
        from nbxfer.engine.passages import Passages

        if self._apart is None:
            self._apart = Passages(self._pool)
        common = self._common.get(op_id) if op_id not in self._mirrors else None
        return self._apart.of(spec, common, lambda: self._access(op_id, spec))

    def reading(self, access: Access, patience: Patience) -> Source:
        """Give a source that belongs to no operation: of somebody who reads here and there."""
        from nbxfer.sources.registry import for_access

        return for_access(access, patience, self._pool)

    def sink(self, op: Operation) -> Sink | Far:
        """Give the sink of an operation."""
        spec = op.spec
        if not spec.far:
            return LocalFile(spec.destination, op.id)
        from nbxfer.sinks.registry import for_access

        far = for_access(self.destination(op.id, spec), op.id, spec, self._forms.get(op.id))
        if spec.kind == "copy" and far.draws(origin := self._access(op.id, spec)):
            far.origin = origin
        return far

    def destination(self, op_id: str, spec: Spec) -> Access:
        """Give the way in to where a transfer goes that is sent, as far as this process knows it."""
        if spec.kind == "upload":
            return self._access(op_id, spec)
        return self._targets.get(op_id) or Access(spec.destination, storage=of_record(spec.target))

    def small(self, spec: Spec, url: str, most: int, op_id: str = "", stop: threading.Event | None = None) -> bytes:
        """Give a small file (a list of checksums) from ``url``, at most ``most`` bytes; one request for many who ask.

        It is asked for as the operation's source is; what is bound to that one's origin goes to no other. Without
        ``op_id`` only what is stored can be used. Raises what a source raises; BadAnswer where it is longer; Stopped.
        """
        way = self._access(op_id, spec).towards(url)
        stop = stop if stop is not None else threading.Event()
        return self._lists.get((way, most), lambda: self._fetched(way, spec, most, stop), stop)

    def _fetched(self, way: Access, spec: Spec, most: int, stop: threading.Event) -> bytes:
        from nbxfer.sources.refusals import refusal
        from nbxfer.wire.client import Client

        until = time.monotonic() + spec.patience.response

        def tick() -> None:
            if stop.is_set():
                raise Stopped
            if time.monotonic() > until:
                raise TransferTimeout(f"{way.safe_url} did not come in time.")

        answer = Client(way, spec.patience, self._pool).get((), tick)
        try:
            coding = next((v for n, v in answer.headers if n == "content-encoding"), "identity")
            if answer.status != 200 or coding.lower() not in ("identity", ""):
                raise refusal(answer.status, answer.headers, answer.safe_url, time.time())
            room = memoryview(bytearray(most + 1))
            filled = 0
            while got := answer.read_into(room[filled:]):
                tick()
                filled += max(got, 0)
                if filled > most:
                    raise BadAnswer(
                        f"{answer.safe_url} is longer than {most} bytes, which is no small file.", hint="Check its URL."
                    )
            return bytes(room[:filled])
        finally:
            answer.close()

    # -- secrets -------------------------------------------------------------------------------------------------
    def missing(self, op: Operation) -> tuple[str, ...]:
        """Name the secrets that were given to a process that is gone."""
        return () if op.id in self._accesses or op.id in self._common else op.spec.needs

    def refresh_of(self, op_id: str, spec: Spec) -> RefreshFunction | None:
        """Give the person's function; None where there is none in this process. Raises NeedsAttention."""
        if (given := self._refreshes.get(op_id)) is not None:
            return given
        return None if spec.refresh in ("", "memory") else imported(spec.refresh)

    def renew(self, op_id: str, spec: Spec, given: Mapping[str, Any]) -> Renewed:
        """Put new access in force; give the stored form of a new URL, what is not stored, and headers and references.

        ``given`` has some of GIVEN_ANEW, each only where it is new. What is not given stays, as far as it
        may go to a new URL's origin. Raises InvalidRequest, and has then changed nothing.
        """
        old = self._access(op_id, spec)
        if spec.kind == "upload" and "url" in given and stored_url(str(given["url"]))[0] != spec.destination:
            raise InvalidRequest(
                "An upload stays with its destination; only what signs its URL can be given anew.",
                hint="Begin another upload for another place.",
            )
        if unknown := set(given) - set(_READERS) - {"url"}:
            raise InvalidRequest(f"{min(unknown)} cannot be given anew.", hint=f"Give {', '.join(GIVEN_ANEW)}.")
        url = given.get("url", old.url)
        if not isinstance(url, str):
            raise InvalidRequest(f"The new URL is of type {type(url).__name__}, not a text.")
        if is_store(url) != is_store(old.url):
            raise InvalidRequest(f"{safe_url(url)} is of another kind.", hint="Give a URL of the same file.")
        access(url, trust_env=old.trust_env)  # says what is wrong with it
        fresh = {_FIELDS.get(name, name): _READERS[name](given[name]) for name in given if name != "url"}
        kept = old.without_rivals(fresh)
        made = dataclasses.replace(kept.towards(url) if "url" in given else kept, **fresh)
        made.check()
        lost = () if op_id in self._accesses or op_id in self._common else _not_given(spec.needs, given)
        self.give(op_id, made)
        stored, cut = stored_url(made.url)
        needs = tuple(dict.fromkeys((*cut, *made.needs, *lost)))
        return (
            stored if "url" in given and spec.kind != "upload" else None,
            needs,
            split_headers(made.headers)[0],
            made.references,
        )

    def _access(self, op_id: str, spec: Spec) -> Access:
        mirror = self._mirrors.get(op_id, {}).get(spec.url)  # where it has turned to one
        if (common := self._common.get(op_id)) is not None:
            return common.towards(mirror or spec.url)
        if (known := self._accesses.get(op_id)) is None:
            return rebuilt(spec)
        return known if mirror is None else known.towards(mirror)


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "headers": parse_headers,
    "auth": parse_auth,
    "cookies": parse_cookies,
    "proxy_auth": parse_proxy_auth,
    "cert": parse_cert,
}
#: What an access calls otherwise.
_FIELDS: Final = {"cert": "certificate"}
#: What a person may give anew when it has expired, or was lost with a process.
GIVEN_ANEW: Final = ("url", *_READERS)


def _not_given(needs: tuple[str, ...], given: Mapping[str, Any]) -> tuple[str, ...]:
    """Give those needs of a process that is gone that are still not met."""
    met = set(given) | ({"userinfo"} if given.keys() & {"url", "auth"} else set())
    return tuple(need for need in needs if need.replace("header ", "headers ").split(" ")[0] not in met)
