"""What is asked, what comes back as its head tells it, and the four things that may be done with it. Values only."""

from __future__ import annotations

from typing import Final

import msgspec

from nbxfer.core.probe import Probe, Validator, Want
from nbxfer.errors import TransferError
from nbxfer.sources import digests, disposition, metadata
from nbxfer.sources.metadata import Headers
from nbxfer.wire.headers import kept

#: Several ranges in one body: never asked for, and never taken (RFC 9110 §14.6).
MEDIA_PARTS: Final = "multipart/byteranges"
#: Which digests of the whole are welcome (RFC 9530 §4): those that processors are good at.
WANT_DIGEST: Final = ("Want-Repr-Digest", "sha-256=10, sha-512=9")


class Ask(msgspec.Struct, frozen=True):
    """One question: ``want``, with a Range or without, tied to the version or not, only if changed or in any case."""

    want: Want
    ranged: bool
    tied: bool
    conditional: bool

    @classmethod
    def first(cls, want: Want) -> Ask:
        """Give the question to begin with: as much as ``want`` allows to say."""
        ranged = want.start > 0 or want.stop is not None or want.part or want.ranged
        tied = ranged and want.pinned is not None and want.pinned.strong  # RFC 9110 §13.1.5: never a weak one
        return cls(want, ranged, tied, want.unless is not None)

    def headers(self) -> list[tuple[str, str]]:
        """Give the fields that say it."""
        want, fields = self.want, []
        if self.ranged:
            last = "" if want.stop is None else want.stop - 1
            fields.append(("Range", f"bytes={want.start}-{last}"))
        if self.tied and want.pinned is not None:
            fields.append((self._tie(want.pinned), want.pinned.value))
        if self.conditional and want.unless is not None:
            by_tag = want.unless.kind == "etag"
            fields.append(("If-None-Match" if by_tag else "If-Modified-Since", want.unless.value))
        if not self.ranged or self.proving:
            fields.append(WANT_DIGEST)
        return fields

    def _tie(self, pinned: Validator) -> str:
        """Give the condition: a part of another version is of no use at all, so a refusal is better than a body."""
        if not self.want.part:
            return "If-Range"
        return "If-Match" if pinned.kind == "etag" else "If-Unmodified-Since"

    @property
    def proving(self) -> bool:
        """Whether the answer has to show that ranges can be had: only of a version that is not known to have them."""
        return self.want.ranged and self.want.pinned is None and self.want.size is None

    def untied(self) -> Ask:
        """Give the same question without the condition."""
        return msgspec.structs.replace(self, tied=False)

    def whole(self) -> Ask:
        """Give the plain question for all of it."""
        return msgspec.structs.replace(self, ranged=False, tied=False)


class Reply(msgspec.Struct, frozen=True):
    """An answer as its head tells it; ``where`` is the safe URL and ``path`` the path of who answered."""

    status: int
    headers: Headers
    where: str = ""
    path: str = ""
    now: float = 0.0  # Unix time

    @property
    def media(self) -> str:
        """The media type, lower case, without parameters."""
        return (metadata.field(self.headers, "content-type") or "").split(";")[0].strip().lower()

    def probe(
        self, size: int | None, validator: Validator | None, *, start: int, ranges: bool, whole: bool = False
    ) -> Probe:
        """Give what is kept of it. ``whole``: its body is all of the object, so that its digests are the object's."""
        return Probe(
            size,
            validator,
            ranges,
            start,
            self.status,
            self.where,
            self.media[:100],
            kept(self.headers),
            disposition.filename(self.headers),
            digests.claims(self.headers) if whole else (),
            metadata.modified(self.headers),
        )


class Take(msgspec.Struct, frozen=True):
    """Use the body: ``length`` bytes of it (None: to its end). ``restarted``: it is of another version."""

    probe: Probe
    length: int | None
    restarted: bool = False


class AskAgain(msgspec.Struct, frozen=True):
    """Drop the body and ask more simply; ``why`` is for the log."""

    ask: Ask
    why: str


class Unchanged(msgspec.Struct, frozen=True):
    """The source still is the version ``want.unless``."""


class Refuse(msgspec.Struct, frozen=True):
    """No use for it."""

    error: TransferError


Verdict = Take | AskAgain | Unchanged | Refuse
