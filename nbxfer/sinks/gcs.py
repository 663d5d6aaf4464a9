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
from nbxfer.core.probe import Claim
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import (
    BadAnswer,
    ChecksumMismatch,
    DestinationExists,
    InvalidRequest,
    NetworkError,
    ServerBusy,
    SourceChanged,
    SourceNotFound,
    TransferError,
    TransferTimeout,
)
from nbxfer.sinks.far import PIECE, Body, Bytes, Standing, Stop
from nbxfer.sinks.gcsplace import LONG, GcsPlace

WHOLE: Final = "put"
PARTS: Final = "parts"
MARK: Final = "nbxfer"
#: Objects that are composed at once, and what they are at most; pieces are whole numbers of STEP bytes.
AT_ONCE: Final = 32
MOST: Final = AT_ONCE**3
LARGEST: Final = 5 * 1024**4
STEP: Final = 1024 * 1024
UNKNOWN: Final = 16 * 1024 * 1024
_LOST: Final = (NetworkError, TransferTimeout, ServerBusy, BadAnswer)


class GcsObject(GcsPlace):
    """One object of a bucket."""

    lanes: ClassVar[int] = 8
    proves: ClassVar[bool] = True

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
            self._look_for_bucket(stop)
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

    def _look_for_bucket(self, stop: Stop) -> None:
        """Tell a missing bucket from a missing object. Who may not ask that finds out when it is written to."""
        try:
            self._ask("GET", "b/{}", self._bucket, stop=stop)
        except SourceNotFound:
            raise SourceNotFound(
                f"There is no bucket {self._bucket!r}.", http_status=404, hint="Check the URL, or make it first."
            ) from None
        except (NetworkError, TransferTimeout, ServerBusy):
            raise
        except TransferError:
            return

    # -- uploads -----------------------------------------------------------------------------------------------------
    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """See Far."""
        self._whole = None
        if size is None:
            return Ticket(epoch, PARTS, UNKNOWN)
        if size > LARGEST:
            raise InvalidRequest(
                f"{size} bytes are more than an object may have ({LARGEST}, 5 TiB), so {self.shown} cannot take them.",
                hint="Send it in several files.",
            )
        unit = max(PIECE, -(size // -(MOST * STEP)) * STEP)
        return Ticket(epoch, WHOLE if size <= unit else PARTS, unit)

    def _name(self, ticket: Ticket) -> str:
        return f"{self._mark}.{ticket.epoch}"

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

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""
        if ticket.place == WHOLE:
            return RangeSet.of([(0, len(self._whole))]) if self._whole is not None else RangeSet()
        spans = []
        for name, item in self._listed(ticket, stop).items():
            if name.isdecimal():
                start = int(name) * ticket.unit
                until = start + ticket.unit if size is None else min(start + ticket.unit, size)
                if int(item["size"]) == until - start:
                    spans.append((start, until))
        return RangeSet.of(spans)

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        data = body.whole()
        if ticket.place == WHOLE:
            self._whole = data
            return
        number = body.start // ticket.unit
        if number >= MOST:
            raise InvalidRequest(f"{self.shown} would need more than {MOST} pieces.", hint="Give expect_size.")
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

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far."""
        mark, there = self._name(ticket), self.standing(stop)
        if there is None or there.mark != mark:  # else the answer was lost
            if there is not None and not replace:
                raise DestinationExists(
                    f"{self.shown} is there already.", hint="Give if_exists='overwrite' to replace it."
                )
            only_new = {} if replace else {"ifGenerationMatch": "0"}
            try:
                if ticket.place == WHOLE:
                    self._put_whole(seal, mark, only_new, stop)
                else:
                    self._compose(ticket, seal, only_new, stop)
            except (*_LOST, DestinationExists):
                there = self.standing(stop)
                if there is None or there.mark != mark:
                    raise
            there = self.standing(stop)
        if there is None or there.size != seal.size:
            raise BadAnswer(f"{self.shown} is not there as it was sent.", hint="Try again.")
        self._whole = None
        with suppress(TransferError):  # it has its name; what cannot be removed is not worth an error
            self.discard(ticket, stop)
        return Published(self.shown, there.size, 0, version=there.version)

    def _put_whole(self, seal: Seal, mark: str, only_new: dict[str, str], stop: Stop) -> None:
        if self._whole is None or len(self._whole) != seal.size:
            raise SourceChanged("What was to be put is not in memory any more.")
        with self._whole.view as view:
            told = {"name": self._key, "metadata": {MARK: mark}, "crc32c": _said(crc32c(view))}
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
        self._upload("multipart", body, stop, headers=kind, **only_new)

    def _compose(self, ticket: Ticket, seal: Seal, only_new: dict[str, str], stop: Stop) -> None:
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
        self._compare(answer, wanted)
        self._composed(self._key, names, {"metadata": {MARK: self._name(ticket)}}, stop, **only_new)

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

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far."""
        self._whole = None
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


def _said(crc: int) -> str:
    """Give a sum as the service writes it."""
    return base64.b64encode(crc.to_bytes(4)).decode()
