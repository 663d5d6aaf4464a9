"""A cell run again: what is there already for this source and destination, and what follows.

Claims lead to the operation that works on a destination, history to the one that finished it. Neither has to be
right for the bytes to be right; they only save traffic.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from nbxfer.core import url as urls
from nbxfer.core.lease import Hold
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.record import Before, Record
from nbxfer.core.spec import Spec
from nbxfer.errors import DestinationExists, InvalidTransferState
from nbxfer.manifest.base import Found, Manifest
from nbxfer.session import destination as where
from nbxfer.session.survey import Claims, Survey


class Decision(msgspec.Struct):
    """Join ``found``, or begin a new operation to ``destination`` with ``before`` in its place.

    ``named`` is the path of what is there where a server had named it; "": it is the destination.
    """

    destination: str
    found: Found | None = None
    before: Before | None = None
    named: str = ""


class Records:
    """Where that is looked up: this process's own operations (``live``), claims, journals, history."""

    def __init__(self, manifest: Manifest, live: Callable[[str], Found | None]) -> None:
        self._manifest, self._live = manifest, live
        self._interrupted: dict[str, Found] | None = None
        self._claims = Claims(manifest.claim_keys).may_have

    def at(self, destination: str, survey: Survey | None = None) -> Found | None:
        """Give the unfinished operation for a destination, as it stands now; whose claim nobody sees, has none."""
        found = self._live(destination)
        if found is None and (survey.claimed if survey is not None else self._claims)(destination):
            found = self._claimed(destination)
        found = found or self._left(destination)
        return found if found is not None and found.record.phase not in FINAL else None

    def finished(self, destination: str) -> Record | None:
        """Give the operation that finished a destination last."""
        return self._manifest.finished(destination)

    def _claimed(self, destination: str) -> Found | None:
        claim = self._manifest.claimed(destination)
        return self._manifest.look(claim.op_id, claim.owner) if claim is not None else None

    def _left(self, destination: str) -> Found | None:
        """Give what was unfinished in somebody's journal when this process first looked.

        Claims lead to it faster, and to what came later; but a claim may be missing, and a part must not be lost for
        that.
        """
        if self._interrupted is None:
            found = self._manifest.scan()
            self._interrupted = {f.record.spec.destination: f for f in found if f.record.phase not in FINAL}
        seen = self._interrupted.get(destination)
        return self._manifest.look(seen.record.id, seen.owner) if seen is not None else None


def decide(records: Records, spec: Spec, on_duplicate: str, survey: Survey | None = None) -> Decision:
    """Say what to do. Raises DestinationExists, InvalidTransferState, AccessDenied.

    A list has a ``survey``: what that has not seen is not looked for.
    """
    if spec.naming == "url":
        found = _in_the_way(records.at(spec.destination, survey), spec)
        if found is None and survey is not None and not spec.far and not survey.there(spec.destination):
            return Decision(spec.destination)
    else:
        spec, found = _waiting_place(records, spec)
    if found is None:
        return _anew(records, spec)
    path, other = spec.destination, found.record
    if other.spec.identity != spec.identity:
        if spec.if_exists == "unique":
            return Decision(_free(records, path))
        raise DestinationExists(
            f"{path} is the destination of another transfer, from {urls.safe_url(other.spec.url)}.",
            op_id=other.id,
            hint=f"Give another destination, or cancel that one: nbxfer cancel {other.id[:8]}",
        )
    if on_duplicate == "error":
        raise InvalidTransferState(
            f"{path} is being fetched already.", op_id=other.id, hint="Leave on_duplicate out to join it."
        )
    return _again(records, spec, found)


def _in_the_way(found: Found | None, spec: Spec) -> Found | None:
    """Leave another source's transfer aside that has failed without a byte: a mistyped URL holds no destination."""
    if found is None or found.record.spec.identity == spec.identity:
        return found
    return None if found.record.phase is Phase.FAILED and not found.record.received else found


def _waiting_place(records: Records, spec: Spec) -> tuple[Spec, Found | None]:
    """Give the spec with the path under which a source waits for the name that its server gives, and who is there."""
    paths = (spec.destination, where.aside(spec.destination, spec.identity))
    there = [_in_the_way(records.at(path), spec) for path in paths]
    for path, found in zip(paths, there, strict=True):
        if found is not None and found.record.spec.identity == spec.identity:
            return moved(spec, path), found
    for path in paths:
        done = records.finished(path)
        if done is not None and done.spec.identity == spec.identity:
            return moved(spec, path), None
    number = 0 if there[0] is None and not os.path.lexists(paths[0]) else 1
    return moved(spec, paths[number]), there[number]


def _anew(records: Records, spec: Spec) -> Decision:
    path = landed = spec.destination
    finished = None
    if spec.naming == "url" and not spec.far and where.is_free(path):
        return Decision(path)
    if spec.naming != "url" or spec.far or os.path.lexists(path):
        finished = records.finished(path)
        if spec.naming != "url" and finished is not None and finished.published is not None:
            landed = finished.published.path
    if spec.if_exists == "unique" and os.path.lexists(landed):
        return Decision(path if landed != path else _free(records, path))
    before = where.before(landed, spec, finished)
    return Decision(path, None, before, landed if before is not None and landed != path else "")


def _again(records: Records, spec: Spec, found: Found) -> Decision:
    """Join what is there; the options that are given now count, as far as they still can."""
    record, path = found.record, spec.destination
    if record.phase in (Phase.FAILED, Phase.PAUSED):
        landed = record.named or path
        there = os.path.lexists(landed)
        if spec.if_exists == "unique" and there:
            return Decision(_free(records, path))
        return Decision(path, found, where.before(landed, spec, records.finished(path) if there else None))
    asked, had = spec.checksum or spec.checksum_at, record.spec.checksum or record.spec.checksum_at
    if asked is not None and asked != had and (had is not None or found.hold is Hold.THEIRS):
        raise InvalidTransferState(
            f"{path} is being fetched already, with {'another' if had else 'no'} checksum.",
            op_id=record.id,
            hint="Wait for its end and run this again: what is there is held against the checksum then. "
            f"Or cancel it: nbxfer cancel {record.id[:8]}",
        )
    return Decision(path, found, record.before)


def look_again(records: Records, failed: Record) -> Before | None:
    """Say what stands at the destination of an operation that failed for it. Raises DestinationExists."""
    path = failed.spec.destination
    found = _in_the_way(records.at(path), failed.spec)
    if found is not None and found.record.id != failed.id and found.record.phase is not Phase.FAILED:
        raise DestinationExists(f"{path} is the destination of another transfer.", op_id=failed.id, hint="Wait for it.")
    return where.before(failed.named or path, failed.spec, records.finished(path))


def _free(records: Records, path: str) -> str:
    """Give a name that neither a file nor a running transfer has."""
    taken = Path(path)
    while True:
        free = where.unique(taken)
        if records.at(str(free)) is None:
            return str(free)
        number = 1 + sum(1 for _ in free.parent.glob(f"{glob.escape(taken.stem)} (*"))
        taken = taken.with_name(f"{taken.stem} ({number}){taken.suffix}")


def moved(spec: Spec, destination: str) -> Spec:
    """Give the spec with another destination."""
    return spec if spec.destination == destination else msgspec.structs.replace(spec, destination=destination)
