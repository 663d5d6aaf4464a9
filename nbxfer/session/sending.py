"""What is sent: a file of this machine to a far place, or from one far place to another; checked before anything moves.

Where it lands follows cp: a URL that ends in a slash is a folder, and the file keeps its name in it (of a web server,
too, but for what is posted); any other is the file. A destination on this machine makes a download of it, whatever the
source is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from nbxfer.core import stores
from nbxfer.core import url as urls
from nbxfer.errors import AccessDenied, InvalidRequest, SourceNotFound
from nbxfer.session import options as wording
from nbxfer.session import request, ways
from nbxfer.session.options import Options
from nbxfer.session.parts import form_of
from nbxfer.session.proofs import Proofs, source_url
from nbxfer.session.request import Request
from nbxfer.wire.storage import read_storage

#: What may stand at a far destination, as ``if_exists`` says it.
IF_EXISTS: Final = ("overwrite", "skip", "error")
#: Options that are of no use where nothing lands on this machine.
_OF_FILES: Final = ("into", "random_access", "preserve_mtime", "naming")
LOCAL: Final = ("file", "local")


def read_upload(path: object, target: object, given: Mapping[str, Any]) -> Request:
    """Check an upload. Raises InvalidRequest, UnknownOption; and for a file that cannot be sent, as _file_url."""
    return read_copy(_path("path", path), target, given, "upload")


def read_copy(source: object, target: object, given: Mapping[str, Any], verb: str = "copy") -> Request:
    """Check a copy from anywhere to anywhere; to this machine it is a download. Raises the same."""
    text, place = _side("source", source), _side("target", target)
    if "://" not in place:
        if verb == "upload":
            raise InvalidRequest(
                "upload() sends to a URL, and this is a path of this machine.", hint="Give one like s3://bucket/name."
            )
        return request.read(text if "://" in text else _file_url(text), place, given)
    options = read_options(given, verb)
    local = "://" not in text
    url = _file_url(text) if local else source_url(text)
    whole = _named(source_url(place), url, options)
    if not local and urls.identity(url) == urls.identity(whole):
        raise InvalidRequest("Source and destination are the same.", hint="Give another destination.")
    proofs = Proofs(options.checksum, [url])
    if proofs.of(url).listed_at is not None and local:
        raise InvalidRequest("A list of checksums is for what is fetched.", hint="Give the checksum itself.")
    if stores.scheme(whole) in stores.WEB and (local or stores.scheme(url) in stores.WEB):
        read_storage(whole, options.storage_options, None)
    if local and options.mirrors:
        raise InvalidRequest("mirrors= are for what is fetched, and this is sent.", hint="Leave it out.")
    destination, _ = urls.stored_url(whole, options.secret_query)
    identity = f"key:{options.key}" if options.key is not None else urls.identity(url, options.secret_query)
    kind = "upload" if local else "copy"
    form = form_of(options, whole, urls.basename(url))
    asked = Request(url, destination, identity, options, "url", proofs.of(url), None, kind, whole, form)
    asked.identity += _stores_of(asked)
    return asked


def _stores_of(asked: Request) -> str:
    """Give where the stores of both sides are: one bucket and key at two end points are two places."""
    text = ""
    for word, url in (("at", asked.url), ("to", asked.target)):
        own = asked.options.filesystem if url == asked.main else None
        storage = read_storage(url, ways.side(asked, url), own) if stores.is_store(url) else None
        if storage is not None and storage.place:
            text += f" {word} {storage.place}"
    return text


def read_options(given: Mapping[str, Any], verb: str) -> Options:
    """Check the options of an upload or a copy. Raises InvalidRequest, UnknownOption."""
    options = wording.read({"if_exists": "overwrite", **given}, verb)
    if options.if_exists not in IF_EXISTS:
        raise InvalidRequest(
            f"if_exists={options.if_exists!r} is for files of this machine.",
            hint=f"Give one of {', '.join(IF_EXISTS)}.",
        )
    for name in _OF_FILES:
        if given.get(name):
            raise InvalidRequest(f"{name}= is for what lands on this machine.", hint="Leave it out.")
    return options


def _side(option: str, value: object) -> str:
    """Give a URL as it is, and a path, also as a URL of a file, as an absolute one."""
    if isinstance(value, os.PathLike) or (isinstance(value, str) and "://" not in value):
        path = _path(option, value)
        if not path:
            raise InvalidRequest(f"{option} is an empty text.", hint="Give a path or a URL.")
        # What ends in a separator is a folder, and stays one.
        return os.path.abspath(os.path.expanduser(path)) + ("/" if path.endswith("/") and option == "target" else "")
    if not isinstance(value, str):
        raise InvalidRequest(
            f"{option} is of type {type(value).__name__}, neither a path nor a URL.", hint="Give one of them."
        )
    if stores.scheme(value) in LOCAL and len(stores.links(value)) == 1:
        return _side(option, value.partition("://")[2] or "/")
    return value


def _path(option: str, value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise InvalidRequest(
            f"{option} is of type {type(value).__name__}, not a path.", hint="Give the path of a file."
        )
    text = os.fspath(value)
    if not isinstance(text, str) or "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidRequest(f"{option} is not a usable path.", hint="Give a Unicode path without NUL characters.")
    return text


def _file_url(path: str) -> str:
    """Give the URL of a file that can be sent. Raises SourceNotFound, InvalidRequest, AccessDenied."""
    try:
        there = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceNotFound(f"{path} is not there.", hint="Correct the path.") from None
    except OSError as error:
        raise AccessDenied(f"{path} cannot be looked at ({error.strerror}).", hint="Give another file.") from None
    if stat.S_ISDIR(there.st_mode):
        raise InvalidRequest(f"{path} is a folder.", hint="Give recursive=True for all that is in it.")
    if not stat.S_ISREG(there.st_mode):
        raise InvalidRequest(f"{path} is no ordinary file.", hint="Give the path of a file.")
    if not os.access(path, os.R_OK):
        raise AccessDenied(f"{path} may not be read.", hint="Change its mode, or ask whose it is.")
    return f"file://{path}"


def _is_folder(url: str) -> bool:
    """Say whether a web URL names a folder, into which a file is put under its own name, as curl -T does it."""
    return urlsplit(url).path[-1:] in ("", "/")


def _in_folder(url: str, name: str, source: str) -> str:
    if not name or name in (".", ".."):
        raise InvalidRequest(f"{urls.safe_url(source)} names no file.", hint="Give the whole URL of the destination.")
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path or '/'}{quote(name, safe='')}"))


def _named(target: str, source: str, options: Options) -> str:
    """Give the URL of the file: below a folder it keeps its name, or gets ``name``. Raises InvalidRequest."""
    own = options.name if options.name not in (None, "url", "server", "auto") else None
    shown = urls.safe_url(target)
    if stores.scheme(target) in stores.WEB:
        if options.method.upper() == "POST" or options.parts or not _is_folder(target):
            if own is not None:
                raise InvalidRequest("name= is for folders, and this URL is what is asked.", hint="Put it into it.")
            return target
        return _in_folder(target, own or urls.basename(source), source)
    if len(stores.links(target)) > 1:
        raise InvalidRequest(f"{shown} is a chain, and nothing can be sent through one.", hint="Give a plain URL.")
    place = target.partition("://")[2]
    if not place.strip("/") and stores.scheme(target) != "memory":
        raise InvalidRequest(f"{shown} names no place.", hint="Give one like s3://bucket/name.")
    if target.endswith("/") or "/" not in place:
        name = own or urls.basename(source)
        if not target.endswith("/"):
            target += "/"
        if not name or name in (".", "..") or "/" in name:
            raise InvalidRequest(
                f"{urls.safe_url(source)} names no file.", hint="Give the whole URL of the destination."
            )
        return target + name
    if own is not None:
        raise InvalidRequest(f"{shown} and name= both name the file.", hint="Give a folder (…/), or leave name= out.")
    return target
