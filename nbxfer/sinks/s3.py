"""S3 and what speaks like it: parts in any order, beside each other, made into one object when all are there.

An upload of several parts is known by its id; which parts are there is the store's word (ListParts). One that fits into
a single part is held in memory and put in one request when it is published. Each part is sent with its MD5, and the
store's tags are held against ours. An object of ours carries a mark, so that an answer that was lost can be made up for
by a look at what is there. Where a store asks for its own keys (SSE-KMS, SSE-C) a tag is no MD5, and proves nothing.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from typing import Any, ClassVar, Final

from nbxfer.core.probe import Claim
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import (
    BadAnswer,
    DestinationExists,
    InvalidRequest,
    NetworkError,
    ServerBusy,
    SourceChanged,
    SourceNotFound,
    TransferError,
    TransferTimeout,
)
from nbxfer.sinks import s3parts
from nbxfer.sinks.far import Body, Bytes, Cut, Far, Standing, Stop
from nbxfer.wire import storing
from nbxfer.wire.access import Access
from nbxfer.wire.filesystems import instance

#: The place of an upload that is a single put.
WHOLE: Final = "put"
MARK: Final = "nbxfer"
#: Seconds for one request about no bytes, and for one that completes an upload.
SHORT: Final = 60.0
LONG: Final = 600.0

#: What may follow on an answer that did not come.
_LOST: Final = (NetworkError, TransferTimeout, ServerBusy, BadAnswer)


class S3Object(Far):
    """One object of a bucket. ``mark`` names this upload among all."""

    lanes: ClassVar[int] = 8
    proves: ClassVar[bool] = True

    def __init__(self, access: Access, mark: str) -> None:
        self._access, self._mark, self.shown = access, mark, access.safe_url
        self._url = access.url
        self._fs: Any = None
        self._making = threading.Lock()
        self._tags: dict[int, str] = {}  # of the parts that are there
        self._whole: Bytes | None = None
        self._target = {"Bucket": "", "Key": ""}

    def __repr__(self) -> str:
        return f"<object {self.shown}>"

    # -- asking ------------------------------------------------------------------------------------------------------
    def _call(self, method: str, stop: Stop | None, within: float = SHORT, **given: Any) -> dict[str, Any]:
        with storing.translated(self.shown):
            fs = self._made()
            try:
                answer: dict[str, Any] = storing.call(
                    storing.loop_of(fs), lambda: fs._call_s3(method, **self._target, **given), stop, within
                )
            except storing.GivenUp:
                raise Cut from None
        return answer

    def _made(self) -> Any:
        with self._making:
            if self._fs is None:
                fs, path = instance(self._url, s3parts.ours(self._access.storage))
                fs.retries = 1  # the machine above tries again, and says so
                bucket, _, key = path.partition("/")
                self._target = {"Bucket": bucket, "Key": key}
                self._fs = fs
            return self._fs

    def check(self) -> None:
        """See Far."""
        bucket, _, key = self._url.partition("://")[2].partition("/")
        if not bucket or not key or key.endswith("/"):
            raise InvalidRequest(f"{self.shown} names no object.", hint="Give one like s3://bucket/folder/name.")
        if len(key.encode()) > 1024:
            raise InvalidRequest(f"The key of {self.shown} is longer than 1,024 bytes.", hint="Give a shorter one.")

    def standing(self, stop: Stop) -> Standing | None:
        """See Far."""
        try:
            head = self._call("head_object", stop)
        except SourceNotFound:
            self._call_bucket(stop)
            return None
        tag, parted = s3parts.MD5.fullmatch(str(head.get("ETag", ""))), 0
        plain = tag is not None and not head.get("SSEKMSKeyId") and not head.get("SSECustomerAlgorithm")
        if tag is not None and plain and tag[2]:
            parted = self._part_size(stop)
        claims = (Claim("store checksum", f"md5:{tag[1]}{tag[2] or ''}"),) if tag and plain else ()
        modified = head.get("LastModified")
        return Standing(
            int(head.get("ContentLength", 0)),
            s3parts.version(head),
            claims if parted or not (tag and tag[2]) else (),
            parted,
            modified.timestamp() if modified is not None else None,
            str(head.get("Metadata", {}).get(MARK, "")),
        )

    def _part_size(self, stop: Stop) -> int:
        """Give the size of the first part of what is there; 0 where the store does not say."""
        try:
            head = self._call("head_object", stop, PartNumber=1)
        except TransferError:
            return 0
        return int(head.get("ContentLength", 0)) if head.get("PartsCount", 2) > 1 else 0

    def _call_bucket(self, stop: Stop) -> None:
        """Tell a missing bucket from a missing key. Who may not ask that finds out when it is written to."""
        fs, bucket = self._made(), self._target["Bucket"]
        try:
            with storing.translated(self.shown):
                storing.call(storing.loop_of(fs), lambda: fs._call_s3("head_bucket", Bucket=bucket), stop, SHORT)
        except storing.GivenUp:
            raise Cut from None
        except SourceNotFound:
            raise SourceNotFound(
                f"There is no bucket {bucket!r} at the store.", http_status=404, hint="Check the URL, or make it first."
            ) from None
        except TransferError as error:
            if isinstance(error, NetworkError | TransferTimeout | ServerBusy):
                raise

    # -- uploads -----------------------------------------------------------------------------------------------------
    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """See Far."""
        unit = s3parts.unit_of(size, self.shown)
        self._tags, self._whole = {}, None
        if size is not None and size <= unit:
            return Ticket(epoch, WHOLE, unit)
        answer = self._call("create_multipart_upload", stop, Metadata={MARK: self._name(epoch)})
        return Ticket(epoch, str(answer["UploadId"]), unit)

    def _name(self, epoch: int) -> str:
        return f"{self._mark}.{epoch}"

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""
        if ticket.place == WHOLE:
            return RangeSet.of([(0, len(self._whole))]) if self._whole is not None else RangeSet()
        try:
            return self._listed(ticket, size, stop)
        except SourceNotFound:
            return None
        except BadAnswer as error:
            if error.http_status in (405, 501) and self._tags:  # it cannot list them: what this process knows has to do
                return RangeSet.of(s3parts.spans(self._tags, ticket.unit, size))
            return None

    def _listed(self, ticket: Ticket, size: int | None, stop: Stop) -> RangeSet:
        tags: dict[int, str] = {}
        marker = 0
        while True:
            page = self._call("list_parts", stop, UploadId=ticket.place, PartNumberMarker=marker)
            for part in page.get("Parts", ()):
                number = int(part["PartNumber"])
                start, stop_at = s3parts.span(number, ticket.unit, size)
                if int(part["Size"]) == stop_at - start:
                    tags[number] = str(part["ETag"])
            if not page.get("IsTruncated") or int(page.get("NextPartNumberMarker") or 0) <= marker:
                break
            marker = int(page["NextPartNumberMarker"])
        self._tags = tags
        return RangeSet.of(s3parts.spans(tags, ticket.unit, size))

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        data = body.whole()
        if ticket.place == WHOLE:
            self._whole = data
            return
        number = body.start // ticket.unit + 1
        if number > s3parts.PARTS:
            raise InvalidRequest(f"{self.shown} would need more than {s3parts.PARTS} parts.", hint="Give expect_size.")
        md5 = hashlib.md5(data.view, usedforsecurity=False).digest()
        answer = self._call(
            "upload_part",
            stop,
            LONG,
            UploadId=ticket.place,
            PartNumber=number,
            Body=data,
            ContentMD5=base64.b64encode(md5).decode(),
        )
        tag = str(answer["ETag"])
        s3parts.compare(tag, md5.hex(), answer, self.shown)
        self._tags[number] = tag

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far."""
        mark, there = self._name(ticket.epoch), self.standing(stop)
        if there is not None and there.mark == mark:  # the answer was lost
            return self._done(there, seal)
        if there is not None and not replace:
            raise DestinationExists(f"{self.shown} is there already.", hint="Give if_exists='overwrite' to replace it.")
        only_new = {} if replace else {"IfNoneMatch": "*"}
        try:
            if ticket.place == WHOLE:
                self._put_whole(ticket, seal, stop, only_new)
            else:
                self._complete(ticket, seal, stop, only_new)
        except _LOST as error:
            if error.http_status in (409, 412):
                raise DestinationExists(f"{self.shown} is there already.", hint="Give another destination.") from None
            there = self.standing(stop)
            if there is None or there.mark != mark:
                raise
        there = self.standing(stop)
        if there is None or there.size != seal.size:
            raise BadAnswer(f"{self.shown} is not there as it was sent.", hint="Try again.")
        return self._done(there, seal)

    def _done(self, there: Standing, seal: Seal) -> Published:
        self._whole = None
        return Published(self._url_stored, there.size, 0, version=there.version)

    @property
    def _url_stored(self) -> str:
        return self.shown

    def _put_whole(self, ticket: Ticket, seal: Seal, stop: Stop, only_new: dict[str, str]) -> None:
        data = self._whole
        if data is None or len(data) != seal.size:
            raise SourceChanged("What was to be put is not in memory any more.")
        data.seek(0)
        md5 = hashlib.md5(data.view, usedforsecurity=False).digest()
        answer = self._call(
            "put_object",
            stop,
            LONG,
            Body=data,
            ContentMD5=base64.b64encode(md5).decode(),
            Metadata={MARK: self._name(ticket.epoch)},
            **only_new,
        )
        s3parts.compare(str(answer.get("ETag", "")), md5.hex(), answer, self.shown)

    def _complete(self, ticket: Ticket, seal: Seal, stop: Stop, only_new: dict[str, str]) -> None:
        count = max(1, -(-seal.size // ticket.unit))
        if len(self._tags) < count:
            try:
                self._listed(ticket, seal.size, stop)
            except SourceNotFound:
                raise SourceChanged("The upload is not there any more.") from None
        if set(self._tags) != set(range(1, count + 1)):
            raise SourceChanged("Some parts of the upload are not there any more.")
        parts = [{"PartNumber": n, "ETag": self._tags[n]} for n in range(1, count + 1)]
        try:
            answer = self._call(
                "complete_multipart_upload",
                stop,
                LONG,
                UploadId=ticket.place,
                MultipartUpload={"Parts": parts},
                **only_new,
            )
        except SourceNotFound:
            there = self.standing(stop)
            if there is None or there.mark != self._name(ticket.epoch):
                raise SourceChanged("The upload is not there any more.") from None
            return
        tags = [s3parts.MD5.fullmatch(tag) for tag in self._tags.values()]
        if all(tag is not None and not tag[2] for tag in tags):
            whole = hashlib.md5(usedforsecurity=False)
            for n in range(1, count + 1):
                whole.update(bytes.fromhex(self._tags[n].strip('"')))
            s3parts.compare(str(answer.get("ETag", "")), f"{whole.hexdigest()}-{count}", answer, self.shown)

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far."""
        self._whole, self._tags = None, {}
        if ticket.place != WHOLE:
            try:
                self._call("abort_multipart_upload", None, UploadId=ticket.place)
            except SourceNotFound:
                return
