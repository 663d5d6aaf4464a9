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
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final

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
from nbxfer.sinks.far import PIECE, Body, Bytes, Cut, Far, Standing, Stop
from nbxfer.wire import storing
from nbxfer.wire.access import Access
from nbxfer.wire.filesystems import instance

WHOLE: Final = "put"
MARK: Final = "nbxfer"
#: What the service takes at most; blocks of large blobs are whole numbers of STEP bytes.
BLOCKS: Final = 50_000
LARGEST: Final = BLOCKS * 4000 * 1024 * 1024
STEP: Final = 1024 * 1024
#: Of a blob whose size nobody knows: 16 MiB blocks make up to 781 GiB.
UNKNOWN: Final = 16 * 1024 * 1024
#: Seconds for a request about no bytes, and for one with bytes.
SHORT: Final = 60.0
LONG: Final = 600.0
#: What may follow on an answer that did not come.
_LOST: Final = (NetworkError, TransferTimeout, ServerBusy, BadAnswer)
#: With every request: the machine above tries again, and says so.
_ONCE: Final = {"retry_total": 0}


class AzureBlob(Far):
    """One blob of a container. ``mark`` names this upload among all."""

    lanes: ClassVar[int] = 8
    proves: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def __init__(self, access: Access, mark: str) -> None:
        self._access, self._mark, self.shown = access, mark, access.safe_url
        self._made: tuple[Any, Any] | None = None
        self._making = threading.Lock()
        self._whole: Bytes | None = None

    def __repr__(self) -> str:
        return f"<blob {self.shown}>"

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
            self._look_for_container(stop)
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

    def _look_for_container(self, stop: Stop) -> None:
        """Tell a missing container from a missing blob. Who may not ask that finds out when it is written to."""

        def look(blob: Any) -> Coroutine[Any, Any, Any]:
            client = self._client()[0].service_client.get_container_client(blob.container_name)
            return client.get_container_properties(**_ONCE)  # type: ignore[no-any-return]

        try:
            self._call(look, stop)
        except SourceNotFound:
            raise SourceNotFound(
                f"There is no container for {self.shown}.", http_status=404, hint="Check the URL, or make it first."
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
            return Ticket(epoch, secrets.token_hex(8), UNKNOWN)
        if size > LARGEST:
            raise InvalidRequest(
                f"{size} bytes are more than a blob may have ({LARGEST}), so {self.shown} cannot take them.",
                hint="Send it in several files.",
            )
        unit = max(PIECE, -(size // -(BLOCKS * STEP)) * STEP)
        return Ticket(epoch, WHOLE if size <= unit else secrets.token_hex(8), unit)

    def _name(self, ticket: Ticket) -> str:
        return f"{self._mark}.{ticket.epoch}"

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""
        if ticket.place == WHOLE:
            return RangeSet.of([(0, len(self._whole))]) if self._whole is not None else RangeSet()
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

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        data = body.whole()
        if ticket.place == WHOLE:
            self._whole = data
            return
        number = body.start // ticket.unit
        if number >= BLOCKS:
            raise InvalidRequest(f"{self.shown} would need more than {BLOCKS} blocks.", hint="Give expect_size.")
        self._stage(ticket, number, data, stop)

    def _stage(self, ticket: Ticket, number: int, data: Bytes, stop: Stop | None) -> None:
        name = _block(ticket, number)
        data.seek(0)
        self._call(
            lambda blob: blob.stage_block(name, data, len(data), validate_content=True, **_ONCE),
            stop,
            LONG,
        )

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far."""
        mark, there = self._name(ticket), self.standing(stop)
        if there is not None and there.mark == mark:  # the answer was lost
            return self._done(there)
        if there is not None and not replace:
            raise DestinationExists(f"{self.shown} is there already.", hint="Give if_exists='overwrite' to replace it.")
        given: dict[str, Any] = {"metadata": {MARK: mark}, **_ONCE}
        if not replace:
            given["headers"] = {"If-None-Match": "*"}
        try:
            if ticket.place == WHOLE:
                self._put_whole(seal, given, stop)
            else:
                self._commit(ticket, seal, given, stop)
        except _LOST as error:
            if error.http_status in (409, 412) and not replace:
                raise DestinationExists(f"{self.shown} is there already.", hint="Give another destination.") from None
            there = self.standing(stop)
            if there is None or there.mark != mark:
                raise
        there = self.standing(stop)
        if there is None or there.size != seal.size:
            raise BadAnswer(f"{self.shown} is not there as it was sent.", hint="Try again.")
        return self._done(there)

    def _done(self, there: Standing) -> Published:
        self._whole = None
        return Published(self.shown, there.size, 0, version=there.version)

    def _put_whole(self, seal: Seal, given: dict[str, Any], stop: Stop) -> None:
        if self._whole is None or len(self._whole) != seal.size:
            raise SourceChanged("What was to be put is not in memory any more.")
        data = self._whole
        data.seek(0)
        self._call(
            lambda blob: blob.upload_blob(data, length=len(data), overwrite=True, validate_content=True, **given),
            stop,
            LONG,
        )

    def _commit(self, ticket: Ticket, seal: Seal, given: dict[str, Any], stop: Stop) -> None:
        count = -(-seal.size // ticket.unit)
        held = self.held(ticket, seal.size, RangeSet(), stop)
        if held is None or held.total != seal.size:
            raise SourceChanged("Some blocks of the upload are not there any more.")
        names = [_block(ticket, number) for number in range(count)]
        self._call(lambda blob: blob.commit_block_list(names, **given), stop, LONG)

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far. The service cannot be told to forget a block: each is made one byte, and is gone within a week."""
        self._whole = None
        if ticket.place != WHOLE:
            for number, size in self._blocks(ticket, None).items():
                if size > 1:
                    self._stage(ticket, number, Bytes(1), None)


def _block(ticket: Ticket, number: int) -> str:
    """Give the name of a block: 16 digits of the nonce, and 6 of its number, so that all are of one length."""
    return f"{ticket.place}{number:06d}"
