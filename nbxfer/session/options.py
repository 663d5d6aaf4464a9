"""Every option of ``download``, each with its check: before anything moves."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nbxfer.errors import InvalidRequest, UnknownOption
from nbxfer.session import notifying
from nbxfer.session.checks import CHECKS


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Every option of ``download``; docs/options.md says what each means."""

    into: Any = None
    name: Any = None
    if_exists: Any = "revalidate"
    on_duplicate: Any = "join"
    key: Any = None
    checksum: Any = None
    expect_size: Any = None
    max_size: Any = None
    preserve_mtime: Any = False
    headers: Any = None
    cookies: Any = None
    auth: Any = None
    refresh: Any = None
    recoverable: Any = ()
    mirrors: Any = ()
    secret_query: Any = ()
    proxy: Any = None
    proxy_auth: Any = None
    trust_env: Any = True
    verify: Any = True
    cert: Any = None
    http2: Any = False
    storage_options: Any = None
    filesystem: Any = None
    method: Any = ""
    content_type: Any = ""
    parts: Any = ()
    multipart: Any = ""
    boundary: Any = ""
    connections: Any = None
    bandwidth: Any = None
    random_access: Any = False
    priority: Any = 0
    group: Any = None
    cost_policy: Any = None
    retry: Any = None
    timeout: Any = None
    not_before: Any = None
    deadline: Any = None
    notify: Any = ()
    completion: Any = None
    start: Any = True
    recursive: Any = False
    glob: Any = False
    include: Any = ()
    exclude: Any = ()
    compare: Any = "mtime"
    plan: Any = False


#: What only a body that is sent has.
_OF_UPLOADS: Final = ("method", "content_type", "parts", "multipart", "boundary")


def read(given: Mapping[str, Any], verb: str = "download") -> Options:
    """Give the options, each checked and in its normal form; raise UnknownOption or InvalidRequest.

    ``checksum``, ``name`` and ``into`` are looked at with the URL they are for. Those of downloads that say nothing
    but whether they start are the same for all of them (``is_usual``): who wants to change them makes others.
    """
    if verb == "download" and (not given or (len(given) == 1 and isinstance(given.get("start"), bool))):
        return _USUAL[given.get("start", True)]
    return _read(given, verb)


def _read(given: Mapping[str, Any], verb: str) -> Options:
    known = Options.__struct_fields__
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else "The options are: " + ", ".join(sorted(known)) + "."
            raise UnknownOption(f"{verb}() has no option {name!r}.", hint=hint)
    for name in _OF_UPLOADS:
        if given.get(name) and verb not in ("upload", "copy"):
            raise InvalidRequest(f"{name}= is for what is sent.", hint="Leave it out, or use upload().")
    options = Options(**given)
    options.notify = notifying.sinks("notify", options.notify)
    for name, check in CHECKS.items():
        if name in given:
            setattr(options, name, check(name, given[name]))
    if options.expect_size is not None and options.max_size is not None and options.expect_size > options.max_size:
        raise InvalidRequest("expect_size is more than max_size.", hint="Correct one of them, or leave it out.")
    if options.not_before is not None and options.deadline is not None and options.deadline <= options.not_before:
        raise InvalidRequest("The deadline is over before not_before has come.", hint="Correct one of the two.")
    return options


_USUAL: Final = {start: _read({"start": start}, "download") for start in (True, False)}


def is_usual(options: Options) -> bool:
    """Say whether these are the options of all calls that ask for nothing special."""
    return options is _USUAL[True] or options is _USUAL[False]


#: Words that make one source a tree of many.
_TREES: Final = ("recursive", "glob", "plan", "include", "exclude")


def of_trees(given: Mapping[str, Any]) -> bool:
    """Say whether what is asked for is a tree: recursive, a glob, or something that only those have."""
    return any(given.get(word) for word in _TREES)
