"""What is wanted of a source, and what it says of itself: the values between the decision and the wire."""

from __future__ import annotations

import msgspec


class Validator(msgspec.Struct, frozen=True, gc=False):
    """What tells two versions of a source apart (RFC 9110 §8.8).

    ``kind`` is "etag", "modified" (HTTP) or a store's own word (generation, version id …). Only a ``strong`` one
    proves that two byte ranges belong together.
    """

    kind: str
    value: str
    strong: bool = True


class Want(msgspec.Struct, frozen=True, gc=False):
    """One request: the bytes from ``start``, up to ``stop`` (exclusive; None: to the end).

    With ``pinned`` or ``size`` the answer must be of that version. ``overlap`` of the first bytes are here already
    and are only compared with the disk. With ``unless`` nothing is wanted when the source is still that version.
    ``part`` is one of several requests for one version: no other answer than that part of it will do. ``ranged``: the
    answer has to show that ranges can be had.
    """

    start: int = 0
    stop: int | None = None
    pinned: Validator | None = None
    size: int | None = None
    overlap: int = 0
    unless: Validator | None = None
    part: bool = False
    ranged: bool = False


class Claim(msgspec.Struct, frozen=True, gc=False):
    """What the server says that the whole object adds up to: ``checksum`` is "sha256:hex".

    ``by`` is an integrity word: "server digest" (Repr-Digest, RFC 9530) or "store checksum".
    """

    by: str
    checksum: str


class Probe(msgspec.Struct, frozen=True, gc=False):
    """What the first answer says: everything that later answers are held against.

    ``size`` is in bytes, None when the server does not say; ``start`` is the offset of the first byte of the open
    body; ``ranges`` says whether other ranges may be asked for; ``headers`` are an allow-list, lower case. ``name`` is
    the file name that the server gives, made safe ("": none); ``modified`` is Unix time.
    """

    size: int | None = None
    validator: Validator | None = None
    ranges: bool = False
    start: int = 0
    http_status: int | None = None
    final_url: str = ""  # safe form only
    media_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    name: str = ""
    claims: tuple[Claim, ...] = ()  # the best first
    modified: float | None = None


def same_version(old: Validator | None, new: Validator | None) -> bool | None:
    """Say whether two validators name the same version; None where they cannot tell.

    How strong they are is left out: the same date gets stronger as time goes by (RFC 9110 §8.8.2.2).
    """
    if old is None or new is None or old.kind != new.kind:
        return None
    return old.value == new.value
