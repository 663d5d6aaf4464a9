"""Snapshots in little room: of a hundred thousand operations that wait or are over, nearly all say nearly the same.

What many have in common is one *form* for all of them, a snapshot that is blank where they differ. A row
has the form and what is its own. Nothing is lost: ``whole`` gives the very snapshot that was put in.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from nbxfer.core.phases import Phase
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.core.record import Entry, Published
from nbxfer.core.snapshot import Snapshot

#: So many forms are known at once; where there are more, little would be gained.
FORMS: Final = 256

_EMPTY: Final = RangeSet()
_encode_into = msgspec.msgpack.Encoder().encode_into
_decode = msgspec.msgpack.Decoder().decode


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """One that has not begun. Its texts are those of its spec, and cost nothing."""

    form: Snapshot
    id: str
    source: str
    destination: str
    created: float


class Over(msgspec.Struct, frozen=True, gc=False):
    """One that is complete or canceled; ``own`` is what it does not share."""

    form: Snapshot
    id: str
    own: bytes


class Rows:
    """Makes rows, and knows their forms."""

    def __init__(self) -> None:
        self._forms: dict[Snapshot, Snapshot] = {}
        self._last: Snapshot | None = None
        self._room = bytearray()

    def row(self, shown: Snapshot) -> Snapshot | Waiting | Over:
        """Give the row of a snapshot; the snapshot itself where it is none of many."""
        if shown.fault is not None or shown.name != _name(shown.destination):
            return shown
        if shown.phase in (Phase.QUEUED, Phase.CREATED):
            form = self._form(_blank(shown))
            made = Waiting(form, shown.id, shown.source, shown.destination, shown.created)
            return made if whole(made) == shown else shown
        if shown.phase in (Phase.DONE, Phase.CANCELED):
            try:
                _encode_into(_own(shown), self._room)
            except (UnicodeEncodeError, OverflowError):  # a name that is no Unicode, a number that is none of bytes
                return shown
            return Over(self._form(_common(shown)), shown.id, bytes(self._room))  # which is no longer than it has to be
        return shown

    def _form(self, blank: Snapshot) -> Snapshot:
        if blank == self._last:  # as a rule
            return self._last
        if len(self._forms) >= FORMS:
            self._forms.clear()
        self._last = form = self._forms.setdefault(blank, blank)
        return form


def whole(row: Snapshot | Waiting | Over) -> Snapshot:
    """Give the snapshot of a row."""
    if type(row) is Waiting:
        return msgspec.structs.replace(
            row.form,
            id=row.id,
            name=_name(row.destination),
            source=row.source,
            destination=row.destination,
            created=row.created,
            changed=row.created,
            place=row.created,
        )
    return _over(row) if type(row) is Over else row  # type: ignore[return-value]


def _name(destination: str) -> str:
    return destination.replace("\\", "/").rpartition("/")[2]


def _blank(shown: Snapshot) -> Snapshot:
    return msgspec.structs.replace(
        shown, id="", name="", source="", destination="", created=0.0, changed=0.0, place=0.0
    )


def _common(shown: Snapshot) -> Snapshot:
    published = shown.published
    if published is not None:
        published = msgspec.structs.replace(published, path="", size=0, mtime_ns=0, version="")
    return msgspec.structs.replace(
        shown,
        id="",
        name="",
        source="",
        destination="",
        created=0.0,
        changed=0.0,
        place=0.0,
        final_url="",
        received=0,
        total=None,
        held=_EMPTY,
        published=published,
        response=tuple([(name, "") for name, _ in shown.response]),
        story=tuple([Entry(0.0, entry.what, entry.detail) for entry in shown.story]),
    )


def _own(shown: Snapshot) -> tuple[Any, ...]:
    done, held = shown.published, shown.held.ranges
    usual = len(held) == 1 and (held[0].start, held[0].stop) == (0, shown.received)
    return (
        shown.source,
        shown.destination,
        shown.created,
        shown.changed,
        None if shown.place == shown.created else shown.place,
        None if shown.final_url == shown.source else shown.final_url,
        shown.received,
        shown.total,
        None if usual else [(one.start, one.stop) for one in held],
        None if done is None else (None if done.path == shown.destination else done.path, done.size, done.mtime_ns),
        None if done is None else done.version,
        [value for _, value in shown.response],
        [entry.at for entry in shown.story],
    )


def _over(row: Over) -> Snapshot:
    form = row.form
    source, destination, created, changed, place, url, received, total, held, done, version, values, times = _decode(
        row.own
    )
    published: Published | None = None
    if form.published is not None:
        path, size, mtime_ns = done
        path = destination if path is None else path
        published = msgspec.structs.replace(form.published, path=path, size=size, mtime_ns=mtime_ns, version=version)
    ranges = [(0, received)] if held is None else held
    return msgspec.structs.replace(
        form,
        id=row.id,
        name=_name(destination),
        source=source,
        destination=destination,
        created=created,
        changed=changed,
        place=created if place is None else place,
        final_url=source if url is None else url,
        received=received,
        total=total,
        held=RangeSet(tuple([ByteRange(start, stop) for start, stop in ranges])),
        published=published,
        response=tuple([(name, value) for (name, _), value in zip(form.response, values, strict=True)]),
        story=tuple([Entry(at, told.what, told.detail) for at, told in zip(times, form.story, strict=True)]),
    )
