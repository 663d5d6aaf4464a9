"""A cell run again: what is there already for this source and destination, and what follows.

Claims lead to the operation that works on a destination, history to the one that finished it. Neither has to be
right for the bytes to be right; they only save traffic.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path

import msgspec

from nbxfer.core import url as urls
from nbxfer.core.lease import Hold
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.record import Before
from nbxfer.core.spec import Spec
from nbxfer.errors import DestinationExists, InvalidTransferState
from nbxfer.manifest.base import Found, Manifest
from nbxfer.session import destination as where
from nbxfer.session.request import Options


class Decision(msgspec.Struct):
    """Join ``found``, or begin a new operation to ``destination`` with ``before`` in its place."""

    destination: str
    found: Found | None = None
    before: Before | None = None


class Interrupted:
    """What was unfinished in somebody's journal when this process first looked, by destination.

    Claims lead to it faster, and to what came later; but a claim may be missing, and a part must not be lost for that.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._found: dict[str, Found] | None = None

    def at(self, destination: str) -> Found | None:
        """Give the unfinished operation for a destination, as it stands now."""
        if self._found is None:
            found = self._manifest.scan()
            self._found = {f.record.spec.destination: f for f in found if f.record.phase not in FINAL}
        seen = self._found.pop(destination, None)
        return self._manifest.look(seen.record.id, seen.owner) if seen is not None else None


def decide(manifest: Manifest, spec: Spec, options: Options, known: Found | None, interrupted: Interrupted) -> Decision:
    """Say what to do. Raises DestinationExists, InvalidTransferState."""
    path = spec.destination
    found = known or _claimed(manifest, path) or interrupted.at(path)
    if found is not None and found.record.phase not in FINAL:
        if found.record.spec.identity != spec.identity:
            if options.if_exists == "unique":
                return Decision(_free(manifest, path))
            raise DestinationExists(
                f"{path} is the destination of another transfer, from {urls.safe_url(found.record.spec.url)}.",
                op_id=found.record.id,
                hint=f"Give another destination, or cancel that one: nbxfer cancel {found.record.id[:8]}",
            )
        if options.on_duplicate == "error":
            raise InvalidTransferState(
                f"{path} is being fetched already.", op_id=found.record.id, hint="Leave on_duplicate out to join it."
            )
        return _again(manifest, spec, options, found)
    if options.if_exists == "unique" and os.path.lexists(path):
        return Decision(_free(manifest, path))
    finished = manifest.finished(path) if os.path.lexists(path) else None
    return Decision(path, None, where.before(Path(path), options.if_exists, options.checksum, finished, spec.identity))


def _again(manifest: Manifest, spec: Spec, options: Options, found: Found) -> Decision:
    """Join what is there; the options that are given now count, as far as they still can."""
    record, path = found.record, spec.destination
    if record.phase in (Phase.FAILED, Phase.PAUSED):
        if options.if_exists == "unique" and os.path.lexists(path):
            return Decision(_free(manifest, path))
        finished = manifest.finished(path) if os.path.lexists(path) else None
        before = where.before(Path(path), options.if_exists, options.checksum, finished, spec.identity)
        return Decision(path, found, before)
    old = record.spec.checksum
    if options.checksum is not None and options.checksum != old and (old is not None or found.hold is Hold.THEIRS):
        raise InvalidTransferState(
            f"{path} is being fetched already, with {'another' if old else 'no'} checksum.",
            op_id=record.id,
            hint="Wait for its end and run this again: what is there is held against the checksum then. "
            f"Or cancel it: nbxfer cancel {record.id[:8]}",
        )
    return Decision(path, found, record.before)


def _claimed(manifest: Manifest, path: str) -> Found | None:
    claim = manifest.claimed(path)
    return manifest.look(claim.op_id, claim.owner) if claim is not None else None


def _free(manifest: Manifest, path: str) -> str:
    """Give a name that neither a file nor a running transfer has."""
    taken = Path(path)
    while True:
        free = where.unique(taken)
        found = _claimed(manifest, str(free))
        if found is None or found.record.phase in FINAL:
            return str(free)
        number = 1 + sum(1 for _ in free.parent.glob(f"{glob.escape(taken.stem)} (*"))
        taken = taken.with_name(f"{taken.stem} ({number}){taken.suffix}")


def moved(spec: Spec, destination: str) -> Spec:
    """Give the spec with another destination."""
    return msgspec.structs.replace(spec, destination=destination)
