"""A body of several parts (RFC 2046 §5.1, RFC 7578): texts, and the file that is sent, between boundaries."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from nbxfer.errors import InvalidRequest

#: What a boundary may be made of (RFC 2046 §5.1.1), without what needs care.
BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]+")
_BAD: Final = re.compile(r"[\r\n\0]")


class Field(msgspec.Struct, frozen=True):
    """One part: ``text``, or (None) the file. ``name`` and ``filename`` go into its head ("": none)."""

    text: str | None
    name: str = ""
    filename: str = ""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Form:
    """Parts in order, exactly one of which is the file. ``subtype`` is that of multipart/….

    Raises InvalidRequest for what cannot be written down so.
    """

    def __init__(self, fields: Sequence[Field], subtype: str = "form-data", boundary: str = "") -> None:
        files = [field for field in fields if field.text is None]
        if len(files) != 1:
            raise InvalidRequest(
                f"parts= have {len(files)} files, and one is sent at a time.",
                hint="Give the file that is uploaded once: Part.file(name).",
            )
        if not _TOKEN.fullmatch(subtype):
            raise InvalidRequest(
                f"multipart={subtype!r} is no media type.", hint="Give 'form-data', 'mixed', 'related' …"
            )
        if boundary and not BOUNDARY.fullmatch(boundary):
            raise InvalidRequest("boundary= has characters that a boundary may not have.", hint="Leave it out.")
        for field in fields:
            for value in (field.name, field.filename, field.content_type, *(t for pair in field.headers for t in pair)):
                if _BAD.search(value):
                    raise InvalidRequest("A part has a line break in its name or headers.", hint="Take it out.")
            if boundary and field.text is not None and f"--{boundary}" in field.text:
                raise InvalidRequest("The boundary stands in one of the texts.", hint="Leave boundary= out.")
        self._fields, self._subtype = tuple(fields), subtype
        self._boundary = boundary or f"nbxfer-{secrets.token_hex(16)}"

    @property
    def content_type(self) -> str:
        """The media type of the whole, with its boundary."""
        quoted = f'"{self._boundary}"' if re.search(r"[^0-9A-Za-z'_.+-]", self._boundary) else self._boundary
        return f"multipart/{self._subtype}; boundary={quoted}"

    def _head(self, field: Field) -> str:
        lines = [f"--{self._boundary}"]
        given = {name.lower() for name, _ in field.headers}
        form = self._subtype == "form-data"
        if (form or field.name or field.filename) and "content-disposition" not in given:  # RFC 2183, RFC 7578
            words = "form-data" if form else "attachment"
            if form or field.name:
                words += f'; name="{_quoted(field.name)}"'
            if field.filename:
                words += f'; filename="{_quoted(field.filename)}"'
            lines.append(f"Content-Disposition: {words}")
        kind = field.content_type or ("application/octet-stream" if field.text is None else "")
        if kind and "content-type" not in given:
            lines.append(f"Content-Type: {kind}")
        lines += [f"{name}: {value}" for name, value in field.headers]
        return "\r\n".join(lines) + "\r\n\r\n"

    def _sides(self) -> tuple[bytes, bytes]:
        """Give what stands before the file's bytes, and behind them."""
        before, behind, here = "", "", False
        for field in self._fields:
            piece = self._head(field) + (f"{field.text}\r\n" if field.text is not None else "")
            if here:
                behind += piece
            else:
                before += piece
            here = here or field.text is None
        return before.encode(), f"\r\n{behind}--{self._boundary}--\r\n".encode()

    def around(self, file: Iterator[bytes], size: int | None) -> tuple[Iterator[bytes], int | None]:
        """Give the body with ``file`` in its place, and its length where the file's (bytes) is known."""
        before, behind = self._sides()

        def whole() -> Iterator[bytes]:
            yield before
            yield from file
            yield behind

        return whole(), None if size is None else len(before) + size + len(behind)


def _quoted(text: str) -> str:
    """Give a name as browsers write it into a quoted string (WHATWG, multipart/form-data)."""
    return text.replace("\\", "\\\\").replace('"', "%22")
