"""``fetch``: the path of a right copy, from a cache where there is one. What a library's author wants.

In the cache each source has a folder of its own, so that equal names do not clash. A copy that has the checksum costs
no request; one without is asked about, and given all the same when the server is out of reach. A copy that somebody
has changed is fetched again. Any number of threads and processes may ask for the same at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbxfer.core import url as urls
from nbxfer.core.record import Record
from nbxfer.engine.recheck import file_digest
from nbxfer.errors import InvalidRequest, Offline, StorageFailed, UnknownOption
from nbxfer.session import config, request
from nbxfer.session import destination as where
from nbxfer.session import options as wording
from nbxfer.session.options import Options
from nbxfer.session.proofs import source_url
from nbxfer.session.request import Request, identity_of
from nbxfer.session.waiting import not_over, watch

if TYPE_CHECKING:
    from nbxfer.session.desk import Session
    from nbxfer.session.operation import Operation

#: Seconds that a person is waited for: who calls a library sees no panel, and what was just asked anew may still move.
PATIENCE: Final = 0.25
#: What ``fetch`` decides itself.
_NOT_HERE: Final = frozenset(("into", "dest", "if_exists", "on_duplicate", "start"))
_INSTEAD: Final = {
    "if_exists": "It replaces a copy that is not right, and nothing else. To say that yourself, call download().",
    "on_duplicate": "It joins what is under way. To say that yourself, call download().",
    "start": "It waits for the file. To start later, call download().",
}


def fetch(
    session: Session,
    url: str,
    checksum: Any,
    name: str | None,
    folder: str | os.PathLike[str] | None,
    progress: bool,
    timeout: float | None,
    options: Mapping[str, Any],
) -> Path:
    """Give the path of a copy that is right, in ``folder`` or in the cache; wait for it, at most ``timeout`` seconds.

    Raises what a download raises, TimeoutError (it goes on in the background), NeedsAttention as soon as only a person
    can let it go on (it stays resumable), Offline where nothing is to be asked.
    """
    if not isinstance(progress, bool):
        raise InvalidRequest(f"progress={progress!r} is neither True nor False.", hint="Give one of them.")
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
        raise InvalidRequest(f"timeout={timeout!r} is no number of seconds.", hint="Give seconds, or None.")
    end = None if timeout is None else time.monotonic() + timeout
    operation = begun(session, url, checksum, name, folder, options)
    if isinstance(operation, Path):
        return operation
    left = None if end is None else max(0.0, end - time.monotonic())
    if not watch([operation], left, progress, patience=PATIENCE):
        raise not_over(operation.snapshot, timeout or 0)
    fetched: Path = operation.result()
    return fetched


def begun(
    session: Session,
    url: str,
    checksum: Any,
    name: str | None,
    folder: str | os.PathLike[str] | None,
    options: Mapping[str, Any],
) -> Path | Operation:
    """Give the path of a copy that is right, or the operation that fetches it; wait for nothing. Raises the same."""
    check(options)
    given = {**options, "checksum": checksum, "name": name}
    read = wording.read(given, "fetch")
    given["into"] = _folder(url, read) if folder is None else folder
    asked = request.read(url, None, given)
    done = session._manifest.finished(asked.destination)
    if (path := _right(asked, done)) is not None:
        return path
    if config.get("offline"):
        raise Offline(
            f"{urls.safe_url(url)} is not in {given['into']} as it should be, and the network is not to be asked.",
            hint="Unset NBXFER_OFFLINE (or offline in the configuration) to fetch it.",
        )
    with session._lock:  # of several threads the first one asks, and the others join or find what it has brought
        done = session._manifest.finished(asked.destination)
        intact = _is_it(done, asked)
        if (path := _proven(asked, done)) is not None:
            return path
        there = os.path.lexists(_landed(asked, done))
        given["if_exists"] = "overwrite" if there and not intact else "revalidate"
        operation: Operation = session.download(url, **given)
        return operation


def check(options: Mapping[str, Any]) -> None:
    """Raise UnknownOption or InvalidRequest for options that ``fetch`` does not take."""
    for option in options:
        if option in _NOT_HERE:
            raise UnknownOption(
                f"fetch() has no option {option!r}.", hint=_INSTEAD.get(option, "Say folder=, or call download().")
            )
    wording.read(options, "fetch")


def _folder(url: str, options: Options) -> Path:
    """Give the folder of one source in the cache; the same for every signature of its URL."""
    identity = identity_of(source_url(url), options)
    host = re.sub(r"[^a-z0-9.-]", "_", urls.origin(url)[1].lower())[:100]
    return Path(config.get("cache_dir")) / f"{host}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def _landed(asked: Request, done: Record | None) -> str:
    return done.published.path if done is not None and done.published is not None else asked.destination


def _is_it(done: Record | None, asked: Request) -> bool:
    """Say whether what was finished is this source's, was held against what is asked now, and is untouched."""
    if done is None or done.spec.identity != asked.identity or not where.untouched(done):
        return False
    proof = asked.proof
    return (proof.checksum, proof.listed_at) in (
        (None, None),
        (done.spec.checksum, done.spec.checksum_at),
    )


def _proven(asked: Request, done: Record | None) -> Path | None:
    """Give the path of a copy that has been held against the checksum that is asked for, and is untouched since."""
    proven = done is not None and done.published is not None and done.published.integrity == "digest"
    return Path(_landed(asked, done)) if asked.proof.checksum and proven and _is_it(done, asked) else None


def _right(asked: Request, done: Record | None) -> Path | None:
    """Give the path of a copy that needs no request; its bytes are read where nobody remembers that they are right."""
    path, checksum = _landed(asked, done), asked.proof.checksum
    if checksum is not None:
        return _proven(asked, done) or (Path(path) if _adds_up(path, checksum) else None)
    return Path(path) if config.get("offline") and _is_it(done, asked) else None


def _adds_up(path: str, checksum: str) -> bool:
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    try:
        return file_digest(path, checksum) == checksum
    except StorageFailed:
        return False
