"""Where a download lands, and what may be there already."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from nbxfer.core import url as urls
from nbxfer.core.names import numbered
from nbxfer.core.record import Before, Record
from nbxfer.core.spec import Spec
from nbxfer.errors import AccessDenied, DestinationExists, InvalidRequest

_NAME_BYTES: Final = 255
#: Words of ``name=`` that let the server name the file, and what it is called until then where the URL has no name.
SERVER_NAMES: Final = ("server", "auto")
NAMELESS: Final = "download"


class Place(msgspec.Struct, frozen=True):
    """Where a download lands: the absolute path of a folder, or (not ``folder``) of the file."""

    path: str
    folder: bool

    def check(self) -> None:
        """Refuse early what would fail late. Raises InvalidRequest (below a file), AccessDenied (not to be written)."""
        _reachable(self.path if self.folder else os.path.dirname(self.path))

    def file(self, url: str, name: str) -> str:
        """Give the absolute path of the file that ``url`` becomes. Raises InvalidRequest where it has no usable name.

        ``name`` is an option's word: "url", "server", "auto", or the name. For the middle two this is where the file
        lands when the server gives it no name.
        """
        if not self.folder:
            return _fitting(self.path)
        if name == "url":
            base = _basename(url)
            if not base:
                raise InvalidRequest(
                    f"{urls.safe_url(url)} does not name a file.", hint="Give dest='…/file' or name='…'."
                )
        elif name in SERVER_NAMES:
            base = _basename(url) or NAMELESS
        else:
            base = name
            if name in (".", "..") or "/" in name or os.sep in name or "\x00" in name or not name:
                raise InvalidRequest(f"name={name!r} is not a file name.", hint="Give one without slashes.")
            if not is_unicode(name):
                raise InvalidRequest("name is no Unicode text.", hint="Give one that is.")
        return _fitting(os.path.join(self.path, base))


def place(dest: object, into: object, name: str | None, *, several: bool = False, below: str = "") -> Place:
    """Say where a download lands; raise InvalidRequest.

    ``dest`` is a folder when it ends in a separator, is one, or is for ``several`` sources; else it is the file. What
    is relative lies ``below`` a folder (an absolute path; "": the working folder).
    """
    if dest is not None and into is not None:
        raise InvalidRequest(
            "dest and into= both say where it lands.", hint="Give one of them; into= is always a folder."
        )
    text = _path("dest", dest) if into is None else _path("into", into)
    if not text and (dest is not None or into is not None):
        option = "dest" if into is None else "into"
        raise InvalidRequest(f"{option} is an empty text.", hint="Leave it out for the working folder ('.').")
    path = os.path.abspath(os.path.join(below, text) or os.curdir)
    folder = several or into is not None or not text or text.endswith((os.sep, os.altsep or os.sep))
    folder = folder or os.path.isdir(path)
    if not folder and name not in (None, "url"):
        raise InvalidRequest(
            f"dest={text!r} and name={name!r} both name the file.", hint="Give a folder, or leave name= out."
        )
    return Place(path, folder)


def _path(option: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | os.PathLike):
        raise InvalidRequest(
            f"{option} is of type {type(value).__name__}, not a path.", hint="Give a path, or leave it out."
        )
    text = os.fspath(value)
    if not isinstance(text, str) or "\x00" in text or not is_unicode(text):
        raise InvalidRequest(f"{option} is not a usable path.", hint="Give a Unicode path without NUL characters.")
    if "://" in text:
        raise InvalidRequest(
            f"{option}={urls.safe_url(text)!r} is a URL; downloads land in files.", hint="Give a path on this machine."
        )
    return os.path.expanduser(text)


def is_unicode(text: str) -> bool:
    """Say whether a path can be written down: undecodable bytes in a name come as lone surrogates (PEP 383)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _basename(url: str) -> str:
    """Give the name that a URL ends in; "" where that is none for a file."""
    base = urls.basename(url)
    bad = base in ("", ".", "..") or "/" in base or os.sep in base or any(ord(c) < 32 for c in base)
    return "" if bad else base


def _fitting(path: str) -> str:
    name = os.path.basename(path)
    if len(name) > _NAME_BYTES // 4 and len(os.fsencode(name)) > _NAME_BYTES:
        raise InvalidRequest(f"The name {name[:40]!r}… is longer than {_NAME_BYTES} bytes.", hint="Give name='…'.")
    return path


def aside(path: str, identity: str) -> str:
    """Give the other path that a source may wait under whose name the server gives: always the same for that source."""
    stem, suffix = os.path.splitext(path)
    return f"{stem}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}{suffix}"


def _reachable(folder: str) -> None:
    if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
        return
    there = Path(folder)
    while not there.exists():
        if there.is_symlink():
            raise AccessDenied(f"{there} is a link that leads nowhere.", hint="Mend the link, or give another folder.")
        there = there.parent
    if not there.is_dir():
        raise InvalidRequest(f"{there} is a file, so nothing can be put below it.", hint="Give another destination.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise AccessDenied(f"{there} may not be written.", hint="Give a folder of your own, or change its mode.")


def unique(path: Path) -> Path:
    """Give the first free of ``name``, ``name (1)``, ``name (2)`` …, before the extensions."""
    if not os.path.lexists(path):
        return path
    number = 1
    while os.path.lexists(free := path.with_name(numbered(path.name, number))):
        number += 1
    return free


def is_free(path: str) -> bool:
    """Say whether nothing is there for sure; False also where it cannot be looked at."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def before(path: str, spec: Spec, finished: Record | None) -> Before | None:
    """Say what stands at ``path`` and may be replaced or kept; raise DestinationExists where it may not.

    ``finished`` is the operation that finished it, where one of ours did. What stands far away is asked for later.
    """
    if "://" in path:
        done = finished.published if finished is not None else None
        ours = finished is not None and finished.spec.identity == spec.identity and done is not None
        if not ours or done is None or finished is None:
            return None
        return Before(
            done.size, 0, ours=True, validator=finished.validator, integrity=done.integrity, version=done.version
        )
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccessDenied(
            f"{path} cannot be looked at ({error.strerror}).", hint="Give another destination."
        ) from None
    if not stat.S_ISREG(there.st_mode):
        kind = "a link" if stat.S_ISLNK(there.st_mode) else "no ordinary file"
        raise DestinationExists(f"{path} is there already, and it is {kind}.", hint="Give another destination.")
    if spec.if_exists == "revalidate" and finished is not None and _is(finished, path, there):
        done = finished.published
        if done is not None and finished.spec.identity == spec.identity:
            asked, had = (spec.checksum, spec.checksum_at), (finished.spec.checksum, finished.spec.checksum_at)
            if asked in (had, (None, None)):
                return Before(there.st_size, there.st_mtime_ns, True, finished.validator, done.integrity)
            if spec.checksum_at is not None:  # ours, but not proven by that list: fetched again, and replaced
                return Before(there.st_size, there.st_mtime_ns)
    if spec.if_exists in ("overwrite", "skip") or (spec.if_exists == "revalidate" and spec.checksum is not None):
        return Before(there.st_size, there.st_mtime_ns)
    raise DestinationExists(
        f"{path} is there already, and it is not what nbxfer last finished from this source."
        if spec.if_exists != "error"
        else f"{path} is there already.",
        hint="Give if_exists='overwrite', 'skip' or 'unique', a checksum it may match, or another destination.",
    )


def _is(finished: Record, path: str, there: os.stat_result) -> bool:
    done = finished.published
    return done is not None and (done.path, done.size, done.mtime_ns) == (path, there.st_size, there.st_mtime_ns)


def untouched(finished: Record | None) -> bool:
    """Say whether the file of a finished operation is there, as it was left."""
    if finished is None or finished.published is None:
        return False
    try:
        return _is(finished, finished.published.path, os.lstat(finished.published.path))
    except OSError:
        return False
