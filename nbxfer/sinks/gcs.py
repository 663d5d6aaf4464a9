"""Google Cloud Storage: objects of a piece each, beside each other, composed into one.

A session of the service's own kind is known by a URL that lets anybody write, which may not be written down; and it
takes one piece after the other. So pieces are small objects of their own, below a temporary name next to the final one
(``….part/000000``): their names can be told from the operation alone, and what is there is what the listing says. They
are composed, 32 at a time, to one that is held against the sum (CRC32C) of all pieces; then that gets the final name,
and a mark in its metadata with which an answer that was lost can be made up for. What fits into one piece is held in
memory and put in one request, with its sum.
"""

from __future__ import annotations

import asyncio
import base64
import json
import posixpath
import secrets
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar, Final

from crc32c import crc32c

from nbxfer.core.crc import combine
from nbxfer.core.probe import Claim, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Seal, Ticket
from nbxfer.errors import ChecksumMismatch, InvalidRequest, SourceChanged, SourceNotFound
from nbxfer.sinks.far import Bytes, Standing, Stop, Unwilling
from nbxfer.sinks.gcsplace import GcsPlace
from nbxfer.sinks.objects import LONG, MARK, WHOLE, drawing

PARTS: Final = "parts"
#: Objects that are composed at once, and what they are at most.
AT_ONCE: Final = 32
MOST: Final = AT_ONCE**3


class GcsObject(GcsPlace):
    """One object of a bucket."""

    most: ClassVar[int] = MOST
    largest: ClassVar[int] = 5 * 1024**4
    piece: ClassVar[str] = "piece"

    def check(self) -> None:
        """See Far."""
        bucket, _, key = self._access.url.partition("://")[2].partition("/")
        if not bucket or not key or key.endswith("/"):
            raise InvalidRequest(f"{self.shown} names no object.", hint="Give one like gs://bucket/folder/name.")
        self._bucket, self._key = bucket, key
        if len(self._part(Ticket(999_999), 0).encode()) > 1024:
            raise InvalidRequest(f"The name of {self.shown} is too long.", hint="Give a shorter one.")

    def standing(self, stop: Stop) -> Standing | None:
        """See Far."""
        self._made()
        try:
            found = self._ask("GET", "b/{}/o/{}", self._bucket, self._key, stop=stop)
        except SourceNotFound:
            bucket = self._bucket
            self._look_around(lambda: self._ask("GET", "b/{}", bucket, stop=stop), f"bucket {bucket!r}")
            return None
        changed, told = found.get("updated"), (("md5", "md5Hash"), ("crc32c", "crc32c"))
        sums = [f"{kind}:{base64.b64decode(found[name]).hex()}" for kind, name in told if found.get(name)]
        return Standing(
            int(found["size"]),
            str(found.get("generation", "")),
            tuple(Claim("store checksum", each) for each in sums),
            modified=datetime.fromisoformat(changed).timestamp() if changed else None,
            mark=str(found.get("metadata", {}).get(MARK, "")),
        )

    # -- uploads -----------------------------------------------------------------------------------------------------
    def _place(self, ticket: Ticket, stop: Stop) -> str:
        """See StoreObject. The temporary name follows from the operation."""
        return PARTS

    def _below(self, ticket: Ticket) -> str:
        folder, name = posixpath.split(self._key)
        return posixpath.join(folder, f".{name[:40]}.{self._name(ticket)}.part/")

    def _part(self, ticket: Ticket, number: int, level: str = "") -> str:
        return f"{self._below(ticket)}{level}{number:06d}"

    def _listed(self, ticket: Ticket, stop: Stop | None) -> dict[str, dict[str, Any]]:
        """Give all that is below the temporary name, by what it is called there."""
        self._made()
        found: dict[str, dict[str, Any]] = {}
        below, token = self._below(ticket), None
        while True:
            page = self._ask("GET", "b/{}/o", self._bucket, stop=stop, prefix=below, pageToken=token)
            found |= {item["name"].removeprefix(below): item for item in page.get("items", ())}
            token = page.get("nextPageToken")
            if not token:
                return found

    def _spans(self, ticket: Ticket, size: int | None, stop: Stop) -> RangeSet:
        """See StoreObject."""
        spans = []
        for name, item in self._listed(ticket, stop).items():
            if name.isdecimal():
                start = int(name) * ticket.unit
                until = start + ticket.unit if size is None else min(start + ticket.unit, size)
                if int(item["size"]) == until - start:
                    spans.append((start, until))
        return RangeSet.of(spans)

    def _send(self, ticket: Ticket, number: int, data: Bytes, stop: Stop) -> None:
        """See StoreObject."""
        with data.view as view:
            wanted = crc32c(view)
        self._made()
        name, kind = self._part(ticket, number), {"Content-Type": "application/octet-stream"}
        self._compare(self._upload("media", data, stop, name=name, headers=kind), wanted)

    def _compare(self, answer: dict[str, Any], wanted: int) -> None:
        if answer.get("crc32c") not in (None, _said(wanted)):
            raise ChecksumMismatch(
                f"{self.shown} has got other bytes than were sent.", hint="Try again; if it stays so, ask the service."
            )

    def _put_whole(self, ticket: Ticket, data: Bytes, stop: Stop, *, replace: bool) -> None:
        """See StoreObject."""
        with data.view as view:
            told = {"name": self._key, "metadata": {MARK: self._name(ticket)}, "crc32c": _said(crc32c(view))}
            border = secrets.token_hex(16)
            parts = ("application/json; charset=UTF-8", json.dumps(told).encode()), ("application/octet-stream", view)
            text = b"".join(
                b"".join((f"--{border}\r\nContent-Type: {kind}\r\n\r\n".encode(), data, b"\r\n"))
                for kind, data in parts
            )
        text += f"--{border}--".encode()
        body = Bytes(len(text))
        with body.view as view:
            view[:] = text
        kind = {"Content-Type": f'multipart/related; boundary="{border}"'}
        self._upload("multipart", body, stop, headers=kind, **_only_new(replace=replace))

    def _complete(self, ticket: Ticket, seal: Seal, stop: Stop, *, replace: bool) -> None:
        """See StoreObject."""
        items, wanted = self._listed(ticket, stop), 0
        count = -(-seal.size // ticket.unit)
        for number in range(count):
            item = items.get(f"{number:06d}", {"size": -1})
            size = min(ticket.unit, seal.size - number * ticket.unit)
            if int(item["size"]) != size:
                raise SourceChanged("Some pieces of the upload are not there any more.")
            wanted = combine(wanted, int.from_bytes(base64.b64decode(item["crc32c"])), size)
        names, level = [self._part(ticket, number) for number in range(count)], 0
        while len(names) > 1:
            level += 1
            groups = [names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)]
            names = [self._part(ticket, number, f"{level}-") for number in range(len(groups))]
            for name, group in zip(names, groups, strict=True):
                answer = self._composed(name, group, {}, stop)
        if level:
            self._compare(answer, wanted)
        more = {"metadata": {MARK: self._name(ticket)}}
        self._composed(self._key, names, more, stop, **_only_new(replace=replace))

    def _composed(self, name: str, group: list[str], more: dict[str, Any], stop: Stop, **given: str) -> dict[str, Any]:
        told = {
            "sourceObjects": [{"name": each} for each in group],
            "destination": {"contentType": "application/octet-stream", **more},
        }
        place = "b/{}/o/{}/compose"
        answer: dict[str, Any] = self._ask(
            "POST", place, self._bucket, name, stop=stop, within=LONG, json=told, **given
        )
        return answer

    def _published(self, ticket: Ticket, stop: Stop) -> None:
        """See StoreObject."""
        self.discard(ticket, stop)

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far."""
        self._whole, self._takes = None, False
        if ticket.place == WHOLE:
            return
        names = [f"{self._below(ticket)}{name}" for name in self._listed(ticket, None)]

        async def gone(fs: Any, name: str) -> None:
            with suppress(FileNotFoundError):
                await fs._call("DELETE", "b/{}/o/{}", self._bucket, name)

        async def all_gone(fs: Any, some: list[str]) -> None:
            await asyncio.gather(*(gone(fs, name) for name in some))

        for at in range(0, len(names), AT_ONCE):
            some = names[at : at + AT_ONCE]
            self._run(lambda fs, some=some: all_gone(fs, some), None)  # type: ignore[misc]

    # -- out of the same service ---------------------------------------------------------------------------------------
    def _unit(self, size: int | None) -> int:
        """Give the bytes of a piece: what the service copies by itself it copies whole."""
        unit = super()._unit(size)
        return max(unit, size) if size is not None and self.origin is not None else unit

    def _draw_whole(self, ticket: Ticket, seal: Seal, pinned: Validator | None, stop: Stop, *, replace: bool) -> None:
        """See StoreObject. A copy within one place and class is done at once; else it is asked until it is."""
        assert self.origin is not None
        fs = self._made()
        bucket, key, _ = fs.split_path(fs._strip_protocol(self.origin.url))
        generation = pinned.value.strip('"') if pinned is not None else ""
        bound = {"sourceGeneration": generation, "ifSourceGenerationMatch": generation} if generation.isdigit() else {}
        with drawing():
            had = self._ask("GET", "b/{}/o/{}", bucket, key, stop=stop)
            told = {name: had[name] for name in _TRAITS if had.get(name)}
            told["metadata"] = {**had.get("metadata", {}), MARK: self._name(ticket)}
            token = None
            while True:
                answer = self._ask(
                    "POST", "b/{}/o/{}/rewriteTo/b/{}/o/{}", bucket, key, self._bucket, self._key, stop=stop,
                    within=LONG, json=told, rewriteToken=token, **bound, **_only_new(replace=replace),
                )  # fmt: skip
                token = answer.get("rewriteToken")
                if answer.get("done"):
                    break
                if not token:
                    raise Unwilling("the service does not say how it goes on")
        made, wanted = answer.get("resource", {}), had.get("crc32c")
        if str(had.get("generation", "")) == generation and wanted and made.get("crc32c") not in (None, wanted):
            raise ChecksumMismatch(f"{self.shown} has other bytes than what it is a copy of.", hint="Try again.")


#: What is said of an object beside its bytes, and goes with a copy of it.
_TRAITS: Final = ("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType")


def _only_new(*, replace: bool) -> dict[str, str]:
    return {} if replace else {"ifGenerationMatch": "0"}


def _said(crc: int) -> str:
    """Give a sum as the service writes it."""
    return base64.b64encode(crc.to_bytes(4)).decode()
