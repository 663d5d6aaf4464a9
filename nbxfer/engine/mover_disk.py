"""What a mover does with small files on the disk: into a part, together to the disk, and to their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nbxfer.core import faults
from nbxfer.core.probe import Probe
from nbxfer.engine import digests
from nbxfer.engine import mover_words as words
from nbxfer.errors import TransferError
from nbxfer.sinks import together, tray
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sinks.partfile import PartFile, Slip
from nbxfer.sinks.together import Shelf
from nbxfer.sinks.tray import Tray


class Landed(NamedTuple):
    """A file that is in its part, and not synced yet."""

    errand: words.Errand
    probe: Probe
    part: PartFile | Slip
    size: int
    checksum: str


def land(into: Tray, errand: words.Errand, body: memoryview, probe: Probe) -> Landed | None:
    """Put a whole file into its part; None where something is wrong, which shows again when the kernel does it."""
    algorithm, checksum = errand.algorithm, ""
    if not algorithm and errand.believe and probe.claims:
        algorithm = probe.claims[0].checksum.partition(":")[0]
    if algorithm and digests.known(algorithm):
        digest = digests.begin(algorithm)
        digest.update(body)
        checksum = f"{algorithm}:{digest.hexdigest()}"
    part = (into.put(errand.destination, errand.op_id, body) if errand.epoch == 1 else None) or _written(errand, body)
    return Landed(errand, probe, part, len(body), checksum) if part is not None else None


def _written(errand: words.Errand, body: memoryview) -> PartFile | None:
    part: PartFile | None = None
    try:
        part = LocalFile(errand.destination, errand.op_id).create(errand.epoch, len(body))
        part.write_at(0, body)
    except TransferError:
        if part is not None:
            part.close()
        return None
    return part


def sealed(landed: Sequence[Landed], mask: int) -> tuple[list[words.Catch], list[int]]:
    """Have them on the disk, and close them; give those that are, and the numbers of those that are not.

    ``mask`` is the umask that they are to be named under, as far as is known: their mode is set while they are open.
    """
    catches: list[words.Catch] = []
    missed: list[int] = []
    for one, wrong in zip(landed, together.sync([one.part for one in landed]), strict=True):
        part = one.part
        try:
            if wrong is not None:
                raise wrong
            seal = part.seal(0o666 & ~mask) if isinstance(part, Slip) else part.seal(one.size, None)
            catches.append(words.Catch(one.errand.number, one.probe, seal, one.checksum))
        except TransferError:
            missed.append(one.errand.number)
        finally:
            part.close()
    return catches, missed


def named(word: words.Names) -> list[words.Given]:
    """Give them their names, and come back when these are on the disk."""
    given: list[words.Given] = []
    with Shelf() as shelf:
        shelf.umask = word.mask
        for one in word.names:
            done = tray.named(shelf, one.path, one.op_id, one.seal) if one.epoch == 1 else None
            given.append(words.Given(one.number, done) if done is not None else _named(shelf, one))
        wrong = shelf.sync()
    return [_or_lost(one, wrong) for one in given] if wrong else given


def _named(shelf: Shelf, one: words.Naming) -> words.Given:
    try:
        return words.Given(one.number, LocalFile(one.path, one.op_id).publish_into(shelf, one.epoch, one.seal, None))
    except TransferError as error:
        return words.Given(one.number, None, faults.of(error))


def _or_lost(one: words.Given, wrong: dict[str, TransferError]) -> words.Given:
    """Give it, unless the folder that the name is in could not be synced."""
    if one.published is None or (error := wrong.get(one.published.path.rpartition("/")[0])) is None:
        return one
    return words.Given(one.number, None, faults.of(error))
