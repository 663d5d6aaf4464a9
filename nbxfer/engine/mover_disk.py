"""What a mover does with small files on the disk: into a part, together to the disk, and to their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nbxfer.core import faults
from nbxfer.core.probe import Probe
from nbxfer.engine import digests
from nbxfer.engine import mover_words as words
from nbxfer.errors import TransferError
from nbxfer.sinks import together
from nbxfer.sinks.base import Part
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sinks.together import Shelf


class Landed(NamedTuple):
    """A file that is in its part, and not synced yet."""

    errand: words.Errand
    probe: Probe
    part: Part
    size: int
    checksum: str


def land(errand: words.Errand, body: memoryview, probe: Probe) -> Landed | None:
    """Put a whole file into its part; None where something is wrong, which shows again when the kernel does it."""
    algorithm, checksum = errand.algorithm, ""
    if not algorithm and errand.believe and probe.claims:
        algorithm = probe.claims[0].checksum.partition(":")[0]
    if algorithm and digests.known(algorithm):
        digest = digests.begin(algorithm)
        digest.update(body)
        checksum = f"{algorithm}:{digest.hexdigest()}"
    part: Part | None = None
    try:
        part = LocalFile(errand.destination, errand.op_id).create(errand.epoch, len(body))
        part.write_at(0, body)
    except TransferError:
        if part is not None:
            part.close()
        return None
    return Landed(errand, probe, part, len(body), checksum)


def sealed(landed: Sequence[Landed]) -> tuple[list[words.Catch], list[int]]:
    """Have them on the disk, and close them; give those that are, and the numbers of those that are not."""
    catches: list[words.Catch] = []
    missed: list[int] = []
    for one, wrong in zip(landed, together.sync([one.part for one in landed]), strict=True):
        try:
            if wrong is not None:
                raise wrong
            catches.append(words.Catch(one.errand.number, one.probe, one.part.seal(one.size, None), one.checksum))
        except TransferError:
            missed.append(one.errand.number)
        finally:
            one.part.close()
    return catches, missed


def named(word: words.Names) -> list[words.Given]:
    """Give them their names, and come back when these are on the disk."""
    given: list[words.Given] = []
    with Shelf() as shelf:
        shelf.umask = word.mask
        for one in word.names:
            try:
                done = LocalFile(one.path, one.op_id).publish_into(shelf, one.epoch, one.seal, None)
                given.append(words.Given(one.number, done))
            except TransferError as error:
                given.append(words.Given(one.number, None, faults.of(error)))
        wrong = shelf.sync()
    return [_or_lost(one, wrong) for one in given] if wrong else given


def _or_lost(one: words.Given, wrong: dict[str, TransferError]) -> words.Given:
    """Give it, unless the folder that the name is in could not be synced."""
    if one.published is None or (error := wrong.get(one.published.path.rpartition("/")[0])) is None:
        return one
    return words.Given(one.number, None, faults.of(error))
