"""Snapshots with sensible values, for tests of what is shown."""

from __future__ import annotations

from typing import Any

import msgspec

from nbxfer.core.phases import Phase, Stall
from nbxfer.core.record import Published, Record
from nbxfer.core.snapshot import Snapshot, picture
from nbxfer.core.spec import Spec

_RECORD = frozenset(Record.__struct_fields__)
_SPEC = frozenset(Spec.__struct_fields__)


def snapshot(op_id: str = "3f2a9c", phase: Phase | str = Phase.RUNNING, **fields: Any) -> Snapshot:
    """Give a snapshot with sensible values; ``fields`` are those of Spec, of Record or of Snapshot.

    ``total`` may be said for the record's ``size``. Reason and status follow from the rest unless they are given.
    """
    fields = dict(fields)
    if "total" in fields:
        fields["size"] = fields.pop("total")
    spec_fields: dict[str, Any] = {k: fields.pop(k) for k in list(fields) if k in _SPEC and k != "id"}
    record_fields: dict[str, Any] = {k: fields.pop(k) for k in list(fields) if k in _RECORD and k not in _SPEC}
    spec_fields.setdefault("kind", "download")
    spec_fields.setdefault("url", "https://data.example/data.tar.gz")
    spec_fields.setdefault("destination", "/home/you/data.tar.gz")
    spec_fields.setdefault("identity", spec_fields["url"])
    phase = Phase(phase)
    record_fields.setdefault("epoch", 1)
    record_fields.setdefault("created", 1_700_000_000.0)
    record_fields.setdefault("changed", 1_700_000_000.0)
    if phase is Phase.STALLED:
        record_fields.setdefault("stall", Stall.RETRY_WAIT)
    if phase is Phase.DONE:
        size = record_fields.setdefault("size", record_fields.get("received", 0))
        record_fields.setdefault("received", size)
        record_fields.setdefault("published", Published(spec_fields["destination"], size, 0))
    record = Record(id=op_id, spec=Spec(**spec_fields), phase=phase, **record_fields)
    shown = picture(record, rate=fields.pop("rate", None), owner=fields.pop("owner", "ours"))
    return msgspec.structs.replace(shown, **fields)
