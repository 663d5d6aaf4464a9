"""``freeze`` and ``restore``: a lock file of what was fetched, and the same files anew from it."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbxfer.core import lockfile
from nbxfer.core.lockfile import Frozen
from nbxfer.core.phases import Phase
from nbxfer.core.record import Record
from nbxfer.core.url import safe_url
from nbxfer.engine.recheck import file_digest
from nbxfer.errors import InvalidRequest, StorageFailed, UnknownOption
from nbxfer.session import destination as where
from nbxfer.session.batch import Batch, several
from nbxfer.session.operation import Operation

if TYPE_CHECKING:
    from nbxfer.session.desk import Session

log = logging.getLogger("nbxfer")

Path_ = str | os.PathLike[str]
#: What a lock file says itself.
_SAID = frozenset(("checksum", "expect_size", "into", "name", "dest"))


def freeze(session: Session, path: Path_, operations: object, root: Path_ | None) -> Path:
    """Write a lock file of finished downloads; give its path. See Session.freeze."""
    target = Path(where._path("path", path))
    if not target.parent.is_dir():  # before files of many gigabytes are read for their digest
        raise InvalidRequest(
            f"{target} cannot be written: the folder {target.parent} is not there.",
            hint="Make it, or give another path.",
        )
    named = operations is not None
    records = _named(session, operations) if named else _all(session)
    kept: list[Record] = []
    for record in records:
        if where.untouched(record):
            kept.append(record)
        elif named:
            raise InvalidRequest(
                f"{record.spec.destination} is not there as it was fetched.", hint="Fetch it again, or leave it out."
            )
        else:
            log.warning("%s is not there as it was fetched; it is left out", record.spec.destination)
    if not kept:
        raise InvalidRequest("There is nothing to freeze: no finished download is there.", hint="Download first.")
    paths = [_landed(record) for record in kept]
    folder = where._path("root", root) if root is not None else os.path.commonpath([os.path.dirname(p) for p in paths])
    files = tuple(sorted((_frozen(r, p, folder) for r, p in zip(kept, paths, strict=True)), key=lambda f: f.path))
    aside = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        aside.write_bytes(lockfile.written(files))
        os.replace(aside, target)
    except OSError as error:
        raise StorageFailed(
            f"{target} cannot be written ({error.strerror}).", hint="Give the path of a file that may be written."
        ) from None
    return target


def _named(session: Session, operations: Any) -> list[Record]:
    found = []
    for operation in several(operations):
        record = session._manifest.finished(str(operation.path))
        if record is None or record.published is None or operation.snapshot.phase is not Phase.DONE:
            raise InvalidRequest(f"{operation.snapshot.name} has not finished.", hint="Wait for it, or leave it out.")
        found.append(record)
    return found


def _all(session: Session) -> list[Record]:
    newest: dict[str, Record] = {}
    for record in session._manifest.recent(lockfile.MOST):
        done = record.phase is Phase.DONE and record.published is not None
        if done and record.spec.kind == "download" and record.spec.notebook == session.notebook:
            newest.setdefault(_landed(record), record)
    return list(newest.values())


def _landed(record: Record) -> str:
    assert record.published is not None
    return record.published.path


def _frozen(record: Record, path: str, folder: str) -> Frozen:
    below = os.path.relpath(path, folder).replace(os.sep, "/")
    if why := lockfile.astray(below):
        raise InvalidRequest(f"{path} would be written as {below!r}, {why}.", hint="Give another root=.")
    assert record.published is not None
    known = record.seal.digest if record.seal is not None and record.published.integrity == "digest" else None
    digest = known if known is not None and known.startswith("sha256:") else file_digest(path, "sha256:")
    return Frozen(
        below,
        record.spec.url,
        record.published.size,
        digest.partition(":")[2],
        record.changed,
        record.final_url,
        record.validator,
        record.modified,
    )


def restore(session: Session, lock: Path_, dest: Path_ | None, options: dict[str, Any]) -> Batch:
    """Fetch what a lock file lists, below ``dest``; give the batch. See Session.restore."""
    for option in options:
        if option in _SAID:
            raise UnknownOption(f"restore() has no option {option!r}.", hint="The lock file says that.")
    name = where._path("lock", lock)
    try:
        with open(name, "rb") as file:
            text = file.read(lockfile.LONGEST + 1)
    except OSError as error:
        raise InvalidRequest(
            f"{name} cannot be read ({error.strerror}).", hint="Give the path of a lock file."
        ) from None
    files = lockfile.read(text, name)
    folder = where._path("dest", dest) if dest is not None else os.getcwd()
    whole = os.path.realpath(folder)
    for one in files:  # a link in the folder may lead out of it
        real = os.path.realpath(os.path.join(folder, os.path.dirname(one.path)))
        if os.path.commonpath([real, whole]) != whole:
            raise InvalidRequest(
                f"{name} would write {one.path!r}, and a link in {folder} leads out of it.", hint="Nothing was fetched."
            )
    made: dict[str, Operation] = {}
    right = {one.path for one in files if _is_there(os.path.join(folder, one.path), one)}
    for there in (True, False):
        how = {**options, "if_exists": "skip"} if there else options  # what is right is not asked about
        for some in _apart([one for one in files if (one.path in right) is there]):
            places = {one.url: os.path.join(folder, one.path) for one in some}
            sums = {one.url: f"sha256:{one.sha256}" for one in some}
            made.update(zip((one.path for one in some), session.download(places, checksum=sums, **how), strict=True))
    log.info("%d files of %s are on their way", len(files), safe_url(name))
    return Batch(made[one.path] for one in files)


def _is_there(path: str, one: Frozen) -> bool:
    """Say whether a file is there already, with the right bytes."""
    try:
        found = os.lstat(path)
        return stat.S_ISREG(found.st_mode) and found.st_size == one.size and _has(path, f"sha256:{one.sha256}")
    except (OSError, StorageFailed):
        return False


def _has(path: str, checksum: str) -> bool:
    return file_digest(path, checksum) == checksum


def _apart(files: Sequence[Frozen]) -> Iterable[list[Frozen]]:
    """Give the files in lists in which each URL stands once, and each server has its own."""
    lists: list[dict[str, Frozen]] = []
    for one in files:
        for some in lists:
            if one.url not in some:
                some[one.url] = one
                break
        else:
            lists.append({one.url: one})
    return [list(some.values()) for some in lists]
