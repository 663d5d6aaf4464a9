"""What is begun and not finished in a bucket: no listing of objects shows it, and it is paid for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from nbxfer.core.record import Ticket
from nbxfer.errors import SourceNotFound, TransferError
from nbxfer.sinks.far import Begun, Stop
from nbxfer.sinks.s3 import S3Object
from nbxfer.wire.access import Access


class S3Uploads:
    """The multipart uploads of a bucket that are open; ``access`` leads to any object in it. See Listing."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._asking = S3Object(access, "")

    def begun(self, prefix: str, stop: Stop) -> list[Begun]:
        """See Listing."""
        root = self._root
        found: list[Begun] = []
        more: dict[str, Any] = {}
        while True:
            page = self._asking.of_bucket("list_multipart_uploads", stop, Prefix=prefix.removeprefix(root), **more)
            for told in page.get("Uploads", ()):
                url = root + str(told["Key"])
                place = str(told["UploadId"])
                found.append(Begun(url, place, told["Initiated"].timestamp(), self._size(url, place, stop)))
            if not page.get("IsTruncated") or not page.get("NextKeyMarker"):
                return found
            more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page.get("NextUploadIdMarker", "")}

    @property
    def _root(self) -> str:
        scheme, _, rest = self._access.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}/"

    def _size(self, url: str, place: str, stop: Stop) -> int:
        """Give the bytes of its parts, of the first thousand of them; 0 where the store does not tell."""
        with suppress(TransferError):
            page = self._object(url).of_key("list_parts", stop, UploadId=place)
            return sum(int(part["Size"]) for part in page.get("Parts", ()))
        return 0

    def _object(self, url: str) -> S3Object:
        return S3Object(replace(self._access, url=url), "")

    def give_up(self, upload: Begun, stop: Stop) -> None:
        """See Listing."""
        with suppress(SourceNotFound):
            self._object(upload.url).discard(Ticket(0, upload.place, 1), stop)
