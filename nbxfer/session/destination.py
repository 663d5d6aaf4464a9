"""Where a download lands, and what may be there already."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from nbxfer.core import url as urls
from nbxfer.core.record import Before, Record
from nbxfer.errors import AccessDenied, DestinationExists, InvalidRequest

_NAME_BYTES = 255


def destination(url: str, dest: object, into: object, name: str | None) -> Path:
    """Give the absolute path of the file. ``dest`` is a folder when it ends in a separator or is one; else the file."""
    if dest is not None and into is not None:
        raise InvalidRequest(
            "dest and into= both say where it lands.", hint="Give one of them; into= is always a folder."
        )
    text = _path("dest", dest) if into is None else _path("into", into)
    if not text and (dest is not None or into is not None):
        raise InvalidRequest("dest is an empty text.", hint="Leave it out for the working folder ('.').")
    folder = into is not None or not text or text.endswith((os.sep, os.altsep or os.sep)) or os.path.isdir(text)
    if not folder and name not in (None, "url"):
        raise InvalidRequest(
            f"dest={text!r} and name={name!r} both name the file.", hint="Give a folder, or leave name= out."
        )
    path = Path(os.path.abspath(text or os.curdir))
    if folder:
        path = path / _name(url, name)
    if len(os.fsencode(path.name)) > _NAME_BYTES:
        raise InvalidRequest(f"The name {path.name[:40]!r}… is longer than {_NAME_BYTES} bytes.", hint="Give name='…'.")
    _reachable(path.parent)
    return path


def _path(option: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | os.PathLike):
        raise InvalidRequest(f"{option} is a {type(value).__name__}, not a path.", hint="Give a path, or leave it out.")
    text = os.fspath(value)
    if not isinstance(text, str) or "\x00" in text or not _is_unicode(text):
        raise InvalidRequest(f"{option} is not a usable path.", hint="Give a Unicode path without NUL characters.")
    if "://" in text:
        raise InvalidRequest(
            f"{option}={urls.safe_url(text)!r} is a URL; downloads land in files.", hint="Give a path on this machine."
        )
    return os.path.expanduser(text)


def _is_unicode(text: str) -> bool:
    """Say whether a path can be written down: undecodable bytes in a name come as lone surrogates (PEP 383)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(url: str, name: str | None) -> str:
    if name not in (None, "url"):
        assert name is not None
        if name in (".", "..") or "/" in name or os.sep in name or "\x00" in name or not name:
            raise InvalidRequest(f"name={name!r} is not a file name.", hint="Give one without slashes.")
        return name
    base = urls.basename(url)
    if base in ("", ".", "..") or "/" in base or os.sep in base or any(ord(c) < 32 for c in base):
        raise InvalidRequest(f"{urls.safe_url(url)} does not name a file.", hint="Give dest='…/file' or name='…'.")
    return base


def _reachable(folder: Path) -> None:
    """Refuse early what would fail late: a folder that cannot be made or written."""
    there = folder
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
    suffix = "".join(path.suffixes[-2:]) if path.name.endswith((".tar.gz", ".tar.xz", ".tar.bz2")) else path.suffix
    stem = path.name[: len(path.name) - len(suffix)] if suffix else path.name
    number = 1
    while os.path.lexists(free := path.with_name(f"{stem} ({number}){suffix}")):
        number += 1
    return free


def before(path: Path, if_exists: str, checksum: str | None, finished: Record | None, identity: str) -> Before | None:
    """Say what stands at the destination and may be replaced or kept; raise DestinationExists where it may not."""
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
    done = finished.published if finished is not None else None
    if if_exists == "revalidate" and finished is not None and done is not None:
        untouched = (done.size, done.mtime_ns) == (there.st_size, there.st_mtime_ns)
        same_wish = checksum is None or finished.spec.checksum == checksum
        if untouched and finished.spec.identity == identity and same_wish:
            return Before(there.st_size, there.st_mtime_ns, True, finished.validator, done.integrity)
    if if_exists in ("overwrite", "skip") or (if_exists == "revalidate" and checksum is not None):
        return Before(there.st_size, there.st_mtime_ns)
    raise DestinationExists(
        f"{path} is there already, and it is not what nbxfer last finished from this source."
        if if_exists != "error"
        else f"{path} is there already.",
        hint="Give if_exists='overwrite', 'skip' or 'unique', a checksum it may match, or another destination.",
    )
