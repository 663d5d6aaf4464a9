"""What the demo server does with what is sent to it: it keeps names, sizes and digests, and throws the bytes away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from io import BufferedIOBase
from typing import Any, Final

_PIECE: Final = 256 * 1024
#: The longest form that is taken apart (bytes).
LARGEST: Final = 256 * 1024 * 1024


def pieces(file: BufferedIOBase, length: int | None) -> Iterator[bytes]:
    """Give a request's body in pieces: ``length`` bytes, or in chunks (RFC 9112 §7.1) where that is None."""
    while length is None:
        size = int(file.readline(64).split(b";")[0].strip() or b"0", 16)
        yield from _exactly(file, size)
        file.readline(8)
        if not size:
            return
    yield from _exactly(file, length)


def _exactly(file: BufferedIOBase, length: int) -> Iterator[bytes]:
    while length > 0:
        piece = file.read(min(_PIECE, length))
        if not piece:
            raise ConnectionError("the request's body ended early")
        length -= len(piece)
        yield piece


def received(path: str, method: str, kind: str, body: Iterator[bytes]) -> dict[str, Any]:
    """Take a body in; give what there is to say of it. A form (multipart) is taken apart."""
    seen: dict[str, Any] = {"path": path, "method": method, "type": kind}
    if kind.lower().startswith("multipart/"):
        whole = b"".join(body)
        return seen | {"size": len(whole), "parts": _parts(kind, whole)}
    digest, size = hashlib.sha256(), 0
    for piece in body:
        digest.update(piece)
        size += len(piece)
    return seen | {"size": size, "sha256": digest.hexdigest()}


def _parts(kind: str, whole: bytes) -> list[dict[str, Any]]:
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + whole)
    parts = []
    for part in form.iter_parts():
        data = part.get_payload(decode=True) or b""
        assert isinstance(data, bytes)
        name, file = part.get_param("name", header="content-disposition"), part.get_filename()
        one: dict[str, Any] = {"name": name, "type": part.get_content_type(), "size": len(data)}
        try:
            text = None if file else data.decode("utf-8")
        except UnicodeDecodeError:
            text = None  # a file without a name
        digest = hashlib.sha256(data).hexdigest()
        one |= {"file": file or "", "sha256": digest} if text is None else {"text": text}
        parts.append(one)
    return parts
