"""S3 and what speaks like it: parts in any order, beside each other, made into one object when all are there.

An upload of several parts is known by its id; which parts are there is the store's word (ListParts). Each part is sent
with its MD5, and the store's tags are held against ours. Where a store asks for its own keys (SSE-KMS, SSE-C) a tag is
no MD5, and proves nothing. Of an object of the same store it takes parts, or the whole, by itself (UploadPartCopy,
CopyObject), bound to the tag of the version.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

from nbxfer.core.probe import Claim, Validator
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.core.record import Seal, Ticket
from nbxfer.errors import BadAnswer, ChecksumMismatch, InvalidRequest, SourceChanged, SourceNotFound, TransferError
from nbxfer.sinks import s3parts
from nbxfer.sinks.far import Bytes, Cut, Standing, Stop, Unwilling
from nbxfer.sinks.objects import LONG, MARK, SHORT, WHOLE, StoreObject, drawing
from nbxfer.wire import storing
from nbxfer.wire.access import Access
from nbxfer.wire.filesystems import instance


class S3Object(StoreObject):
    """One object of a bucket. ``mark`` names this upload among all."""

    most: ClassVar[int] = s3parts.PARTS
    largest: ClassVar[int] = s3parts.LARGEST
    piece: ClassVar[str] = "part"

    def __init__(self, access: Access, mark: str) -> None:
        super().__init__(access, mark)
        self._fs: Any = None
        self._tags: dict[int, str] = {}  # of the parts that are there
        self._traits: dict[str, Any] | None = None  # of the object that is copied
        self._target = {"Bucket": "", "Key": ""}

    # -- asking ------------------------------------------------------------------------------------------------------
    def _call(self, method: str, stop: Stop | None, within: float = SHORT, **given: Any) -> dict[str, Any]:
        return self._asked(method, stop, within, lambda: {**self._target, **given})

    def _asked(
        self, method: str, stop: Stop | None, within: float, given: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        with storing.translated(self.shown):
            fs = self._made()
            try:
                answer: dict[str, Any] = storing.call(
                    storing.loop_of(fs), lambda: fs._call_s3(method, **given()), stop, within
                )
            except storing.GivenUp:
                raise Cut from None
        return answer

    def of_bucket(self, method: str, stop: Stop, **given: Any) -> dict[str, Any]:
        """Ask something of the bucket, not of the object. Raises TransferError, Cut."""
        return self._asked(method, stop, SHORT, lambda: {"Bucket": self._target["Bucket"], **given})

    def of_key(self, method: str, stop: Stop, **given: Any) -> dict[str, Any]:
        """Ask something of the object. Raises TransferError, Cut."""
        return self._call(method, stop, **given)

    def _made(self) -> Any:
        with self._making:
            if self._fs is None:
                fs, path = instance(self._access.url, s3parts.ours(self._access.storage))
                fs.retries = 1  # the machine above tries again, and says so
                bucket, _, key = path.partition("/")
                self._target = {"Bucket": bucket, "Key": key}
                self._fs = fs
            return self._fs

    def check(self) -> None:
        """See Far."""
        bucket, _, key = self._access.url.partition("://")[2].partition("/")
        if not bucket or not key or key.endswith("/"):
            raise InvalidRequest(f"{self.shown} names no object.", hint="Give one like s3://bucket/folder/name.")
        if len(key.encode()) > 1024:
            raise InvalidRequest(f"The key of {self.shown} is longer than 1,024 bytes.", hint="Give a shorter one.")

    def standing(self, stop: Stop) -> Standing | None:
        """See Far."""
        try:
            head = self._call("head_object", stop)
        except SourceNotFound:
            bucket = self._target["Bucket"]
            self._look_around(lambda: self.of_bucket("head_bucket", stop), f"bucket {bucket!r} at the store")
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

    # -- uploads -----------------------------------------------------------------------------------------------------
    def _place(self, ticket: Ticket, stop: Stop) -> str:
        """See StoreObject."""
        answer = self._call("create_multipart_upload", stop, **self._told(ticket, stop))
        return str(answer["UploadId"])

    def _told(self, ticket: Ticket, stop: Stop) -> dict[str, Any]:
        """Give what is said of the object: our mark, and what was said of the one that it is a copy of."""
        traits = dict(self._like(stop)) if self.origin is not None else {}
        return {**traits, "Metadata": {**traits.get("Metadata", {}), MARK: self._name(ticket)}}

    def _forget(self) -> None:
        """See StoreObject."""
        self._tags = {}

    def _spans(self, ticket: Ticket, size: int | None, stop: Stop) -> RangeSet | None:
        """See StoreObject."""
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

    def _send(self, ticket: Ticket, number: int, data: Bytes, stop: Stop) -> None:
        """See StoreObject."""
        md5 = hashlib.md5(data.view, usedforsecurity=False).digest()
        answer = self._call(
            "upload_part",
            stop,
            LONG,
            UploadId=ticket.place,
            PartNumber=number + 1,
            Body=data,
            ContentMD5=base64.b64encode(md5).decode(),
        )
        tag = str(answer["ETag"])
        s3parts.compare(tag, md5.hex(), answer, self.shown)
        self._tags[number + 1] = tag

    def _put_whole(self, ticket: Ticket, data: Bytes, stop: Stop, *, replace: bool) -> None:
        """See StoreObject."""
        data.seek(0)
        md5 = hashlib.md5(data.view, usedforsecurity=False).digest()
        answer = self._call(
            "put_object",
            stop,
            LONG,
            Body=data,
            ContentMD5=base64.b64encode(md5).decode(),
            Metadata={MARK: self._name(ticket)},
            **_only_new(replace=replace),
        )
        s3parts.compare(str(answer.get("ETag", "")), md5.hex(), answer, self.shown)

    def _complete(self, ticket: Ticket, seal: Seal, stop: Stop, *, replace: bool) -> None:
        """See StoreObject."""
        count = max(1, -(-seal.size // ticket.unit))
        if len(self._tags) < count or self.origin is not None:  # of those that it took itself it tells the size
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
                **_only_new(replace=replace),
            )
        except SourceNotFound:
            there = self.standing(stop)
            if there is None or there.mark != self._name(ticket):
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
        self._whole, self._tags, self._takes = None, {}, False
        if ticket.place != WHOLE:
            try:
                self._call("abort_multipart_upload", None, UploadId=ticket.place)
            except SourceNotFound:
                return

    # -- out of the same store -----------------------------------------------------------------------------------------
    def _source(self) -> dict[str, str]:
        assert self.origin is not None
        bucket, _, key = str(self._made()._strip_protocol(self.origin.url)).partition("/")
        return {"Bucket": bucket, "Key": key}

    def _like(self, stop: Stop) -> dict[str, Any]:
        if self._traits is None:
            self._made()
            with drawing():
                given: dict[str, Any] = {**self._source()}
                self._traits = s3parts.traits(self._call("head_object", stop, **given))
        return self._traits

    def _draw_piece(self, ticket: Ticket, span: ByteRange, size: int, pinned: Validator | None, stop: Stop) -> None:
        """See StoreObject."""
        number = self._number(ticket, span.start) + 1
        with drawing():
            answer = self._call(
                "upload_part_copy",
                stop,
                LONG,
                UploadId=ticket.place,
                PartNumber=number,
                CopySource=self._source(),
                CopySourceRange=f"bytes={span.start}-{span.stop - 1}",
                **s3parts.bound(pinned),
            )
        tag = str(answer.get("CopyPartResult", {}).get("ETag", ""))
        if not tag:  # it has taken it for a part without bytes
            raise Unwilling("the store does not know of it")
        self._tags[number] = tag

    def _draw_whole(self, ticket: Ticket, seal: Seal, pinned: Validator | None, stop: Stop, *, replace: bool) -> None:
        """See StoreObject."""
        told, more = self._told(ticket, stop), _only_new(replace=replace)
        with drawing():
            answer = self._call(
                "copy_object",
                stop,
                LONG,
                CopySource=self._source(),
                MetadataDirective="REPLACE",
                **told,
                **s3parts.bound(pinned),
                **more,
            )
        if pinned is not None and (wanted := s3parts.MD5.fullmatch(pinned.value)) is not None and not wanted[2]:
            try:
                s3parts.compare(str(answer.get("CopyObjectResult", {}).get("ETag", "")), wanted[1], answer, self.shown)
            except ChecksumMismatch:  # the store has not heeded the condition
                raise SourceChanged("What was copied is another version.") from None


def _only_new(*, replace: bool) -> dict[str, str]:
    return {} if replace else {"IfNoneMatch": "*"}
