"""What the tests of manifests are made of: records in one line, and processes that live, die and fall silent."""

from __future__ import annotations

import secrets
from typing import Any, Final

import msgspec

from nbxfer.core.phases import Phase
from nbxfer.core.record import Published, Record
from nbxfer.core.spec import Spec
from nbxfer.manifest.base import Manifest

_TIME: Final = 1_700_000_000.0


def a_record(destination: str = "/data/a.bin", phase: Phase | str = Phase.QUEUED, **fields: Any) -> Record:
    """Give the record of a download to ``destination``, under an id of its own unless one is given."""
    url = f"https://data.example{destination}"
    fields = {"id": secrets.token_hex(8), "epoch": 1, "created": _TIME, "changed": _TIME, **fields}
    if phase == Phase.DONE:
        fields.setdefault("published", Published(destination, 10, 1))
    return Record(spec=Spec("download", url, destination, url), phase=Phase(phase), **fields)


def after(record: Record, **changes: Any) -> Record:
    """Give the record a second later, with ``changes``; a phase may be given as its word."""
    if "phase" in changes:
        changes["phase"] = Phase(changes["phase"])
        if changes["phase"] is Phase.DONE:
            changes.setdefault("published", Published(record.spec.destination, 10, 1))
    return msgspec.structs.replace(record, **{"changed": record.changed + 1, **changes})


def ids(manifest: Manifest) -> list[str]:
    """Give the ids of all operations that a process sees."""
    return [found.record.id for found in manifest.scan()]


class ManifestWorld:
    """What the suite asks of whoever uses it."""

    def process(self) -> Manifest:
        """Give the manifest of another process of the same home. It has not begun."""
        raise NotImplementedError

    def kill(self, manifest: Manifest) -> None:
        """Let that process be dead."""
        raise NotImplementedError

    def silence(self, manifest: Manifest) -> None:
        """Let that process's heartbeat have lapsed, though it lives."""
        raise NotImplementedError

    def writer(self, *records: Record) -> Manifest:
        """Give the manifest of another process that has begun, and has these records."""
        manifest = self.process()
        manifest.begin()
        manifest.append(records)
        return manifest

    def heir(self, victim: Manifest, *records: Record) -> tuple[Manifest, list[Record]]:
        """Kill one process and let another take over; give it and what it got."""
        self.kill(victim)
        heir = self.writer(*records)
        got = heir.take_over(victim.me.id)
        assert got is not None
        return heir, got
