"""From what a person wrote to what can be done: every option checked before anything moves."""

from __future__ import annotations

import difflib
import hashlib
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from nbxfer.core import url as urls
from nbxfer.core.policy import Patience, Retry
from nbxfer.core.spec import Spec
from nbxfer.engine.wording import PRIORITIES
from nbxfer.errors import InvalidRequest, UnknownOption
from nbxfer.session import destination as where

SCHEMES = ("http", "https")
IF_EXISTS = ("revalidate", "error", "skip", "overwrite", "unique")
#: Characters of a URL; servers take half of that.
LONGEST_URL = 16_384
#: Checksums by their length in hexadecimal digits, for those given without a name.
_BY_LENGTH = {32: "md5", 40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Every option of ``download``; docs/options.md says what each means."""

    into: str | os.PathLike[str] | None = None
    name: str | None = None
    checksum: str | None = None
    if_exists: str = "revalidate"
    on_duplicate: str = "join"
    key: str | None = None
    headers: Any = None
    auth: Any = None
    verify: Any = True
    recoverable: Any = ()
    priority: Any = 0
    expect_size: int | None = None
    secret_query: Any = ()
    retry: Retry | None = None
    timeout: float | None = None
    start: bool = True


class Request(msgspec.Struct):
    """One download as asked for, checked. ``url``, ``headers`` and ``auth`` may hold secrets: memory only."""

    url: str
    destination: Path
    identity: str
    options: Options

    def __repr__(self) -> str:
        return f"Request({urls.safe_url(self.url)!r}, {str(self.destination)!r})"


def read(url: object, dest: object, given: Mapping[str, Any]) -> Request:
    """Check one request; raise InvalidRequest or UnknownOption with a sentence that says what to do."""
    options = _options(given)
    if not isinstance(url, str):
        raise InvalidRequest(
            f"The URL is a {type(url).__name__}, not a text.", hint="Give one like 'https://host/path'."
        )
    if len(url) > LONGEST_URL:
        raise InvalidRequest(f"The URL is {len(url)} characters long; {LONGEST_URL} are the most.")
    scheme = urls.parse(url).scheme.lower()
    if scheme not in SCHEMES:
        raise InvalidRequest(
            f"{scheme}:// cannot be fetched; this version speaks {' and '.join(SCHEMES)}.",
            hint="Give an http:// or https:// URL.",
        )
    _check(options)
    secret = tuple(options.secret_query)
    identity = f"key:{options.key}" if options.key else urls.identity(url, secret)
    return Request(url, where.destination(url, dest, options.into, options.name), identity, options)


def _options(given: Mapping[str, Any]) -> Options:
    known = Options.__struct_fields__
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else "The options are: " + ", ".join(sorted(known)) + "."
            raise UnknownOption(f"download() has no option {name!r}.", hint=hint)
    return Options(**given)


def _check(options: Options) -> None:
    if options.if_exists not in IF_EXISTS:
        raise InvalidRequest(f"if_exists={options.if_exists!r} is unknown.", hint=f"Give one of {_list(IF_EXISTS)}.")
    if options.on_duplicate not in ("join", "error"):
        raise InvalidRequest(f"on_duplicate={options.on_duplicate!r} is unknown.", hint="Give 'join' or 'error'.")
    options.priority = _priority(options.priority)
    options.checksum = checksum(options.checksum)
    options.recoverable = _codes(options.recoverable)
    options.secret_query = _words("secret_query", options.secret_query)
    _check_numbers(options)
    if options.retry is not None and not isinstance(options.retry, Retry):
        raise InvalidRequest(
            f"retry={options.retry!r} is no policy.", hint="Give nbxfer.Retry(tries=…, base=…, cap=…)."
        )
    if not isinstance(options.start, bool):
        raise InvalidRequest(f"start={options.start!r} is neither True nor False.")
    options.verify = _trust(options.verify)


def _check_numbers(options: Options) -> None:
    for name in ("expect_size", "timeout"):
        value = getattr(options, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise InvalidRequest(f"{name}={value!r} is not a number of 0 or more.")
    if options.expect_size is not None and not isinstance(options.expect_size, int):
        raise InvalidRequest(f"expect_size={options.expect_size!r} is not a whole number of bytes.")
    if options.timeout == 0:
        raise InvalidRequest("timeout=0 would let nothing through.", hint="Give seconds, or leave it out.")


def _trust(verify: object) -> bool | str:
    if isinstance(verify, bool):
        return verify
    if not isinstance(verify, str | os.PathLike):
        raise InvalidRequest(f"verify={verify!r} is neither True, False nor a path.", hint="Give a CA bundle's path.")
    path = os.fspath(verify)
    if not isinstance(path, str) or not os.path.exists(path):
        raise InvalidRequest(f"The CA bundle {path!r} does not exist.", hint="Correct verify=, or leave it out.")
    return os.path.abspath(path)


def _list(words: Iterable[str]) -> str:
    return ", ".join(repr(w) for w in words)


def _priority(value: object) -> int:
    if isinstance(value, str) and value.lower() in PRIORITIES:
        return PRIORITIES[value.lower()]
    if isinstance(value, int) and not isinstance(value, bool) and value in PRIORITIES.values():
        return int(value)
    raise InvalidRequest(f"priority={value!r} is unknown.", hint=f"Give one of {_list(PRIORITIES)}.")


def checksum(value: str | None) -> str | None:
    """Give a checksum as "algorithm:hex", lower case; the algorithm is guessed from the length where it is left out."""
    if value is None:
        return None
    example = "Give one like 'sha256:9f86d081…' in hexadecimal digits."
    if not isinstance(value, str):
        raise InvalidRequest(f"checksum is a {type(value).__name__}, not a text.", hint=example)
    algorithm, _, digits = value.strip().lower().rpartition(":")
    algorithm = algorithm or _BY_LENGTH.get(len(digits), "")
    if algorithm not in hashlib.algorithms_available or algorithm.startswith("shake"):
        raise InvalidRequest(f"checksum={value!r} names no algorithm that is known here.", hint=example)
    if not re.fullmatch(r"[0-9a-f]+", digits) or len(digits) != 2 * hashlib.new(algorithm).digest_size:
        raise InvalidRequest(f"checksum={value!r} is not a {algorithm} in hexadecimal digits.", hint=example)
    return f"{algorithm}:{digits}"


def _codes(value: object) -> tuple[int, ...]:
    codes = [value] if isinstance(value, int) else value
    if isinstance(codes, Sequence | set | frozenset) and all(isinstance(c, int) and 400 <= c <= 599 for c in codes):
        return tuple(sorted(codes))
    raise InvalidRequest(f"recoverable={value!r} is no set of HTTP codes.", hint="Give codes from 400 to 599: {403}.")


def _words(name: str, value: object) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if isinstance(words, Sequence | set | frozenset) and all(isinstance(w, str) and w for w in words):
        return tuple(words)
    raise InvalidRequest(f"{name}={value!r} is no list of names.")


def spec(
    request: Request, needs: tuple[str, ...], headers: tuple[tuple[str, str], ...], references: Any, seat: Any
) -> Spec:
    """Give the part of a request that may be written down."""
    options = request.options
    stored, cut = urls.stored_url(request.url, options.secret_query)
    patience = Patience()
    if options.timeout is not None:
        patience = msgspec.structs.replace(patience, connect=options.timeout, response=options.timeout)
    return Spec(
        kind="download",
        url=stored,
        destination=str(request.destination),
        identity=request.identity,
        needs=tuple(dict.fromkeys((*cut, *needs))),
        headers=headers,
        references=references,
        checksum=options.checksum,
        if_exists=options.if_exists,
        recoverable=options.recoverable,
        verify=options.verify,
        expect_size=options.expect_size,
        priority=options.priority,
        retry=options.retry or Retry(),
        patience=patience,
        notebook=seat.notebook,
        app=seat.app,
    )
