"""fsspec's filesystems: which protocol needs what, instances of our own, and whom a missing one asks to install it.

Instances are ours: made for this process with ``skip_instance_cache``, and without a cache of listings, for what a
listing said a minute ago may be another version by now. They live on fsspec's own loop thread, as its synchronous
calls do; where a coroutine is asked for, it is run there and waited for in slices (bridge.py).
"""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from nbxfer.core import stores
from nbxfer.core.url import safe_url
from nbxfer.errors import AccessDenied, InvalidRequest, NetworkError, SourceNotFound, TransferError
from nbxfer.wire.fsread import translated
from nbxfer.wire.storage import Storage

#: Protocol → (the extra of nbxfer that brings it, the module that it needs).
EXTRAS: Final = {
    **dict.fromkeys(("s3", "s3a"), ("s3", "s3fs")),
    **dict.fromkeys(("gs", "gcs"), ("gcs", "gcsfs")),
    **dict.fromkeys(("az", "abfs", "abfss"), ("azure", "adlfs")),
    **dict.fromkeys(("sftp", "ssh"), ("sftp", "asyncssh")),
    "smb": ("smb", "smbprotocol"),
    "hf": ("hf", "huggingface_hub"),
}
#: Spoken by us, whatever fsspec has for them.
OWN: Final = frozenset(
    ("webdav", "webdavs", "dav", "davs", "ftp", "ftps", "sftp", "ssh", "file", "local", "tus", "tus+http", "tus+https")
)
#: They lead to a source of their own.
_NOT_AS_SOURCE: Final = frozenset(("generic", "async_wrapper", "nbxfer"))

_made: dict[tuple[int, str, str], Any] = {}
_lock = threading.Lock()


def check_protocol(url: str) -> None:
    """Refuse a URL of a store that cannot be asked: nobody knows it, or something is to be installed first."""
    from fsspec.registry import known_implementations

    for link in stores.links(url):
        name = stores.scheme(link) or link.partition("://")[0].lower()
        if name in stores.WEB:
            continue
        if name in EXTRAS and find_spec(EXTRAS[name][1]) is None:
            extra, module = EXTRAS[name]
            raise InvalidRequest(
                f"{name}:// needs the package {module}, which is not installed.",
                hint=f"Install it: pip install 'nbxfer[{extra}]'.",
            )
        if name in OWN:
            continue
        if name in _NOT_AS_SOURCE or not _known(name):
            near = difflib.get_close_matches(name, [*known_implementations, "https"], 1)
            hint = f"Did you mean {near[0]}://?" if near else "Give a URL that fsspec knows: https://, s3://, sftp:// …"
            raise InvalidRequest(f"{name}:// is no protocol that is known here.", hint=hint)
        _importable(name)


def _known(name: str) -> bool:
    from fsspec.registry import known_implementations, registry

    return name in known_implementations or name in registry


def _importable(name: str) -> None:
    from fsspec.registry import get_filesystem_class

    if name in EXTRAS:  # its module is there: importing it takes its time, and may be done elsewhere
        return
    try:
        get_filesystem_class(name)
    except ImportError as error:
        text = str(error)
        hint = text if len(text) < 200 and "://" not in text else "Install what fsspec needs for it."
        raise InvalidRequest(f"{name}:// needs a package that is not installed.", hint=hint) from None


def instance(url: str, storage: Storage | None) -> tuple[Any, str]:
    """Give a filesystem of ours for ``url`` (the person's own where one was given), and the path in it.

    Raises InvalidRequest for options that it does not take, NeedsAttention where a reference leads nowhere.
    """
    storage = storage if storage is not None else Storage()
    if storage.filesystem is not None:
        return storage.filesystem, str(storage.filesystem._strip_protocol(url))
    options = storage.resolved()
    try:
        if len(stores.links(url)) > 1:
            from fsspec.core import url_to_fs

            fs, path = url_to_fs(url, skip_instance_cache=True, **options)
        else:
            fs = _shared(url, options)
            path = fs._strip_protocol(url)
    except TransferError:
        raise
    except FileNotFoundError:
        raise SourceNotFound(f"There is no {safe_url(url)}.", hint="Check the URL.") from None
    except Exception as error:  # noqa: BLE001 (backends raise what they like)
        # Some connect as soon as they are made (smb): what is wrong there is no matter of options.
        found = translated(error, safe_url(url))
        if isinstance(found, AccessDenied | NetworkError):
            raise found from None
        raise InvalidRequest(
            f"No way to {safe_url(url)} can be made of these options ({type(error).__name__}).",
            hint="Look at storage_options and credentials.",
        ) from None
    return fs, str(path)


def copies(fs: Any) -> bool:
    """Say whether a filesystem has a copy of its own: that of fsspec's base only says that there is none."""
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    kind = type(fs)
    if issubclass(kind, AsyncFileSystem):
        return kind._cp_file is not AsyncFileSystem._cp_file
    return kind.cp_file is not AbstractFileSystem.cp_file


def _shared(url: str, options: dict[str, Any]) -> Any:
    """Give the one instance of this process for a store and these options."""
    from fsspec.registry import get_filesystem_class

    name = stores.scheme(url)
    if name in ("gs", "gcs"):
        # Else each look at a bucket of an emulator first waits a minute for a service that it does not have.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    cls = get_filesystem_class(name)
    given = {**cls._get_kwargs_from_urls(url), **options}
    key = (os.getpid(), name, repr(sorted(given.items(), key=lambda pair: pair[0])))
    with _lock:
        if key not in _made:
            _made[key] = cls(
                **{"use_listings_cache": False, **_defaults(name, given), **given}, skip_instance_cache=True
            )
        return _made[key]


def _defaults(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give what we want otherwise than the backend does where nothing was said."""
    if name in ("s3", "s3a") and not given.get("anon") and "config_kwargs" not in given:
        return {"config_kwargs": {"signature_version": "s3v4"}}  # botocore presigns by version 2, which ends
    if name == "smb" and "share_access" not in given:
        return {"share_access": "rw"}  # else who reads keeps everybody else out, our own second reader, too
    return {}
