"""Azure's block blobs: blocks in any order, beside each other, made into one blob by a list of their names.

Blocks that are in no list yet lie at the blob's own name, where nobody sees them, for a week. The service has no ids of
uploads: those of one blob share a place. So each of ours has a nonce of its own, which is the ticket, and with which
the name of each of its blocks begins; all names are of one length, as the service demands. Whoever publishes at that
place has the service throw away all other blocks (``alone``).

What fits into one block is held in memory and put in one request. Each request carries its MD5, and the service refuses
what does not fit. A blob of ours carries the mark that objects of S3 do, so that a lost answer can be made up for.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final

from nbxfer.core.probe import Claim, Validator
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.core.record import Seal, Ticket
from nbxfer.errors import ChecksumMismatch, InvalidRequest, SourceChanged, SourceNotFound, TransferError
from nbxfer.sinks.far import Bytes, Cut, Standing, Stop, Unwilling
from nbxfer.sinks.objects import LONG, MARK, SHORT, WHOLE, StoreObject, drawing
from nbxfer.wire import storing
from nbxfer.wire.access import Access
from nbxfer.wire.filesystems import instance
from nbxfer.wire.located import azure as located
from nbxfer.wire.located.base import Wish

#: What the service takes at most.
BLOCKS: Final = 50_000
#: With every request: the machine above tries again, and says so.
_ONCE: Final = {"retry_total": 0}


class AzureBlob(StoreObject):
    """One blob of a container. ``mark`` names this upload among all."""

    alone: ClassVar[bool] = True
    most: ClassVar[int] = BLOCKS
    largest: ClassVar[int] = BLOCKS * 4000 * 1024 * 1024
    piece: ClassVar[str] = "block"
    kind: ClassVar[str] = "a blob"

    def __init__(self, access: Access, mark: str) -> None:
        super().__init__(access, mark)
        self._made: tuple[Any, Any] | None = None

    # -- asking ------------------------------------------------------------------------------------------------------
    def _client(self) -> tuple[Any, Any]:
        """Give the filesystem, and its client for the blob."""
        with self._making:
            if self._made is None:
                fs, path = instance(self._access.url, self._access.storage)
                container, blob, _ = fs.split_path(path)
                self._made = fs, fs.service_client.get_blob_client(container, blob)
            return self._made

    def _call(self, make: Callable[[Any], Coroutine[Any, Any, Any]], stop: Stop | None, within: float = SHORT) -> Any:
        """Give what the service answers. Raises TransferError, Cut."""
        try:
            fs, client = self._client()
            return storing.call(storing.loop_of(fs), lambda: make(client), stop, within)
        except storing.GivenUp:
            raise Cut from None
        except TransferError:
            raise
        except Exception as error:  # noqa: BLE001 (the client raises what it likes)
            raise self._ours(error) from None

    def _ours(self, error: Exception) -> TransferError:
        word = storing.code(error)[1]
        if word == "InvalidBlockList":
            return SourceChanged("Some blocks of the upload are not there any more.")
        if word == "Md5Mismatch":
            return ChecksumMismatch(
                f"{self.shown} has got other bytes than were sent.", hint="Try again; if it stays so, ask the service."
            )
        if word == "InvalidBlobOrBlock":
            return InvalidRequest(
                f"Another program has an unfinished upload at {self.shown}, which ours cannot stand beside.",
                hint="Let that be finished, or give another destination.",
            )
        return storing.translate(error, self.shown)

    def check(self) -> None:
        """See Far."""
        container, _, blob = self._access.url.partition("://")[2].partition("/")
        if not container or not blob or blob.endswith("/"):
            raise InvalidRequest(f"{self.shown} names no blob.", hint="Give one like az://container/folder/name.")
        if len(blob) > 1024:
            raise InvalidRequest(
                f"The name of {self.shown} is longer than 1,024 characters.", hint="Give a shorter one."
            )

    def standing(self, stop: Stop) -> Standing | None:
        """See Far."""
        try:
            found = self._call(lambda blob: blob.get_blob_properties(**_ONCE), stop)
        except SourceNotFound:
            self._look_around(lambda: self._call(self._of_container, stop), f"container for {self.shown}")
            return None
        md5 = found.content_settings.content_md5
        claims = (Claim("store checksum", f"md5:{bytes(md5).hex()}"),) if md5 and len(md5) == 16 else ()
        modified = found.last_modified
        return Standing(
            int(found.size),
            str(found.etag),
            claims,
            modified=modified.timestamp() if modified is not None else None,
            mark=str((found.metadata or {}).get(MARK, "")),
        )

    def _of_container(self, blob: Any) -> Coroutine[Any, Any, Any]:
        client = self._client()[0].service_client.get_container_client(blob.container_name)
        return client.get_container_properties(**_ONCE)  # type: ignore[no-any-return]

    # -- uploads -----------------------------------------------------------------------------------------------------
    def _place(self, ticket: Ticket, stop: Stop) -> str:
        """See StoreObject. It is not begun at all: the names of the blocks say whose they are."""
        return secrets.token_hex(8)

    def _spans(self, ticket: Ticket, size: int | None, stop: Stop) -> RangeSet:
        """See StoreObject."""
        spans = []
        for number, bytes_there in self._blocks(ticket, stop).items():
            start = number * ticket.unit
            until = start + ticket.unit if size is None else min(start + ticket.unit, size)
            if bytes_there == until - start:
                spans.append((start, until))
        return RangeSet.of(spans)

    def _blocks(self, ticket: Ticket, stop: Stop | None) -> dict[int, int]:
        """Give the sizes of this upload's blocks, by their numbers; those that are in no blob yet."""
        try:
            _, waiting = self._call(lambda blob: blob.get_block_list("uncommitted", **_ONCE), stop)
        except SourceNotFound:
            return {}
        names = {str(block.id): int(block.size) for block in waiting}
        own = {name.removeprefix(ticket.place): size for name, size in names.items() if name.startswith(ticket.place)}
        return {int(number): size for number, size in own.items() if number.isdecimal()}

    def _send(self, ticket: Ticket, number: int, data: Bytes, stop: Stop) -> None:
        """See StoreObject."""
        self._stage(ticket, number, data, stop)

    def _stage(self, ticket: Ticket, number: int, data: Bytes, stop: Stop | None) -> None:
        name = _block(ticket, number)
        data.seek(0)
        self._call(
            lambda blob: blob.stage_block(name, data, len(data), validate_content=True, **_ONCE),
            stop,
            LONG,
        )

    def _given(self, ticket: Ticket, *, replace: bool) -> dict[str, Any]:
        given: dict[str, Any] = {"metadata": {MARK: self._name(ticket)}, **_ONCE}
        return given if replace else {**given, "headers": {"If-None-Match": "*"}}

    def _put_whole(self, ticket: Ticket, data: Bytes, stop: Stop, *, replace: bool) -> None:
        """See StoreObject."""
        data.seek(0)
        given = self._given(ticket, replace=replace)
        self._call(
            lambda blob: blob.upload_blob(data, length=len(data), overwrite=True, validate_content=True, **given),
            stop,
            LONG,
        )

    def _complete(self, ticket: Ticket, seal: Seal, stop: Stop, *, replace: bool) -> None:
        """See StoreObject."""
        count = -(-seal.size // ticket.unit)
        if self._spans(ticket, seal.size, stop).total != seal.size:
            raise SourceChanged("Some blocks of the upload are not there any more.")
        names, given = [_block(ticket, number) for number in range(count)], self._given(ticket, replace=replace)
        if self.origin is not None:
            metadata, settings = self._like(stop)
            given |= {"metadata": {**metadata, **given["metadata"]}, "content_settings": settings}
        self._call(lambda blob: blob.commit_block_list(names, **given), stop, LONG)

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far. The service cannot be told to forget a block: each is made one byte, and is gone within a week."""
        self._whole, self._takes = None, False
        if ticket.place != WHOLE:
            for number, size in self._blocks(ticket, None).items():
                if size > 1:
                    self._stage(ticket, number, Bytes(1), None)

    # -- out of the same account ---------------------------------------------------------------------------------------
    def _like(self, stop: Stop) -> tuple[dict[str, str], Any]:
        """Give the metadata of the blob that is copied, and what is said of its bytes."""
        assert self.origin is not None
        fs = self._client()[0]
        container, name, _ = fs.split_path(fs._strip_protocol(self.origin.url))
        source = fs.service_client.get_blob_client(container, name)
        with drawing():
            found = self._call(lambda _: source.get_blob_properties(**_ONCE), stop)
        return {k: v for k, v in (found.metadata or {}).items() if k.lower() != MARK}, located.settings(found)

    def _source(self, stop: Stop) -> tuple[str, str | None]:
        """Give the URL by which the service gets at the blob, and the bearer's word that goes with it."""
        assert self.origin is not None

        def tick() -> None:
            if stop.is_set():
                raise Cut

        way = located.locate(Wish(self.origin, tick)).access
        return way.url, next((value for name, value in way.headers if name == "Authorization"), None)

    def _draw_piece(self, ticket: Ticket, span: ByteRange, size: int, pinned: Validator | None, stop: Stop) -> None:
        """See StoreObject (Put Block From URL)."""
        number = self._number(ticket, span.start)
        url, bearer = self._source(stop)
        bound = {"x-ms-source-if-match": pinned.value} if pinned is not None and pinned.strong else {}
        more: dict[str, Any] = {"source_authorization": bearer} if bearer else {}
        with drawing():
            self._call(
                lambda blob: blob.stage_block_from_url(
                    _block(ticket, number), url, span.start, len(span), headers=bound, **more, **_ONCE
                ),
                stop,
                LONG,
            )

    def _draw_whole(self, ticket: Ticket, seal: Seal, pinned: Validator | None, stop: Stop, *, replace: bool) -> None:
        """See StoreObject (Copy Blob From URL: it is done when it is answered, or not at all)."""
        url, bearer = self._source(stop)
        given = self._given(ticket, replace=replace)
        given["metadata"] = {**self._like(stop)[0], **given["metadata"]}
        if pinned is not None and pinned.strong:
            given |= located.bound(pinned.value)
        if bearer:
            given["source_authorization"] = bearer
        with drawing():
            answer = self._call(lambda blob: blob.start_copy_from_url(url, requires_sync=True, **given), stop, LONG)
        if answer.get("copy_status") != "success":
            raise Unwilling("the service did not do it at once")


def _block(ticket: Ticket, number: int) -> str:
    """Give the name of a block: 16 digits of the nonce, and 6 of its number, so that all are of one length."""
    return f"{ticket.place}{number:06d}"
