"""One check for each kind of value that an option may have: its normal form, or a sentence on what is wrong."""

from __future__ import annotations

import inspect
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pkgutil import resolve_name
from typing import Any, Final

import msgspec

from nbxfer.core import amounts
from nbxfer.core.policy import Retry
from nbxfer.core.tree.verdict import COMPARE
from nbxfer.engine import clock
from nbxfer.engine.wording import PRIORITIES
from nbxfer.errors import InvalidRequest
from nbxfer.session import config, network

IF_EXISTS: Final = ("revalidate", "error", "skip", "overwrite", "unique")
#: A number up to this is seconds from now; a greater one is Unix time (2001 and later).
LONGEST_DEADLINE: Final = 1e9
_FUNCTION: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_LONGEST_KEY: Final = 1000
#: Characters of a group's name.
LONGEST_GROUP: Final = 100


def _one_of(*words: str) -> Callable[[str, object], str]:
    def check(option: str, value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise InvalidRequest(f"{option}={shown(value)} is unknown.", hint=f"Give one of {_list(words)}.")
        return value

    return check


def _flag(option: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{option}={shown(value)} is neither True nor False.", hint="Give one of them.")
    return value


def _name(option: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(
            f"{option} is of type {type(value).__name__}, not a text.", hint="Give 'url', 'server', 'auto' or a name."
        )
    return value


def _method(option: str, value: object) -> str:
    """Give what the body is sent by, in capitals."""
    method = value.upper() if isinstance(value, str) else None
    if method is None or method not in ("", "PUT", "POST"):
        raise InvalidRequest(f"{option}={shown(value)} sends no file.", hint="Give 'PUT' or 'POST'.")
    return method


def _text(option: str, value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise InvalidRequest(f"{option}={shown(value)} is no plain text.", hint="Give one, or leave it out.")
    return value


def _key(option: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_KEY or not value.isprintable():
        raise InvalidRequest(
            f"{option}={shown(value)} names no source.",
            hint=f"Give a text of 1 to {_LONGEST_KEY} printable characters, or leave it out.",
        )
    return value


def group_name(option: str, value: object) -> str | None:
    """Give the name of a group: a word, or something that has it as its ``name``."""
    name = getattr(value, "name", value)
    if name is None:
        return None
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_GROUP or not name.isprintable() or not name.strip():
        raise InvalidRequest(
            f"{option}={shown(value)} names no group.",
            hint=f"Give a Group, or its name: 1 to {LONGEST_GROUP} printable characters.",
        )
    return name


def _size(option: str, value: object) -> int | None:
    return None if value is None else amounts.size(value, option)


def _rate(option: str, value: object) -> int | None:
    return None if value is None else amounts.rate(value, option)


def _connections(option: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest(
            f"{option}={shown(value)} is not a whole number from 1 up.", hint="Leave it out, or give one."
        )
    return int(config.capped("connections", value))


def _seconds(option: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise InvalidRequest(f"{option}={shown(value)} is no number of seconds.", hint="Give seconds, or leave it out.")
    if value == 0:
        raise InvalidRequest(f"{option}=0 would let nothing through.", hint="Give seconds, or leave it out.")
    return value


def _moment(option: str, value: object) -> float | None:
    """Give a time as Unix time: seconds from now, a timedelta, a datetime with its zone, or Unix time."""
    hint = "Give seconds from now, a timedelta, or a datetime with its zone."
    now = clock.now()
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidRequest(f"{option}={value.isoformat()} does not say in which zone that is.", hint=hint)
        due = clock.due(value.timestamp())
    elif isinstance(value, timedelta):
        due = now + value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        due = clock.due(value) if value > LONGEST_DEADLINE else now + value
    else:
        raise InvalidRequest(f"{option}={shown(value)} is no time.", hint=hint)
    return due


def _deadline(option: str, value: object) -> float | None:
    due = _moment(option, value)
    if due is not None and due <= clock.now():
        raise InvalidRequest(
            f"{option}={shown(value)} is over already.", hint="Give a time that is to come, or leave it out."
        )
    return due


def _trust(option: str, value: object) -> bool | str:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str | os.PathLike):
        raise InvalidRequest(
            f"{option}={shown(value)} is neither True, False nor a path.", hint="Give a CA bundle's path."
        )
    path = os.fspath(value)
    if not isinstance(path, str) or not os.path.exists(path):
        raise InvalidRequest(f"The CA bundle {path!r} does not exist.", hint=f"Correct {option}=, or leave it out.")
    return os.path.abspath(path)


def _priority(option: str, value: object) -> int:
    if isinstance(value, str) and value.lower() in PRIORITIES:
        return PRIORITIES[value.lower()]
    if isinstance(value, int) and not isinstance(value, bool) and value in PRIORITIES.values():
        return int(value)
    raise InvalidRequest(f"{option}={shown(value)} is unknown.", hint=f"Give one of {_list(PRIORITIES)}.")


def _codes(option: str, value: object) -> tuple[int, ...]:
    codes = [value] if isinstance(value, int) else value
    if isinstance(codes, list | tuple | range | set | frozenset) and all(
        type(c) is int and 400 <= c <= 599 for c in codes
    ):
        return tuple(sorted(codes))
    raise InvalidRequest(f"{option}={shown(value)} is no set of HTTP codes.", hint="Give codes from 400 to 599: {403}.")


def _words(option: str, value: object) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list | tuple | set | frozenset) and all(isinstance(w, str) and w for w in words):
        return tuple(words)
    raise InvalidRequest(f"{option}={shown(value)} is no list of names.", hint="Give names of query parameters.")


def _patterns(option: str, value: object) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list | tuple | set | frozenset) and all(isinstance(w, str) and w for w in words):
        return tuple(words)
    raise InvalidRequest(f"{option}={shown(value)} is no list of patterns.", hint="Give patterns: '*.csv'.")


def _retry(option: str, value: object) -> Retry | None:
    if value is None:
        return None
    if not isinstance(value, Retry):
        raise InvalidRequest(
            f"{option}={shown(value)} is no policy.", hint="Give nbxfer.Retry(tries=…, base=…, cap=…)."
        )
    counts: tuple[Any, ...] = (value.tries, value.first)
    seconds: tuple[Any, ...] = (value.base, value.cap)
    if not all(type(n) is int and n >= 1 for n in counts) or not all(
        isinstance(s, int | float) and not isinstance(s, bool) and math.isfinite(s) and s >= 0 for s in seconds
    ):
        raise InvalidRequest(
            f"{option}={shown(value)} cannot be followed.",
            hint="tries and first are whole numbers from 1 up, base and cap are seconds.",
        )
    return msgspec.structs.replace(value, used=0)


def _refresh(option: str, value: object) -> Any:
    return None if value is None else function(option, value, "the URL")


def function(option: str, value: object, argument: str) -> Any:
    """Give a function, or the name of one that can be imported ("module:function")."""
    hint = f"Give a function of one argument, {argument}, or its name: 'module:function'."
    found: Any = value
    if isinstance(value, str):
        if not _FUNCTION.fullmatch(value) or value.startswith("__main__:"):
            raise InvalidRequest(f"{option}={shown(value)} names no function that can be imported later.", hint=hint)
        try:
            found = resolve_name(value)
        except Exception as error:  # noqa: BLE001 (whatever a module does when it is imported)
            raise InvalidRequest(
                f"{option}={shown(value)} cannot be imported ({type(error).__name__}).", hint=hint
            ) from None
    if not callable(found):
        raise InvalidRequest(f"{option}={shown(value)} is no function.", hint=hint)
    if inspect.iscoroutinefunction(found):
        raise InvalidRequest(f"{option} is a coroutine function, which cannot be called here.", hint=hint)
    return value


def _completion(option: str, value: object) -> Any:
    if value is not None:
        check = getattr(value, "check_open", None)
        if check is None:
            raise InvalidRequest(f"{option}={shown(value)} is no CompletionGroup.", hint="Give one, or leave it out.")
        check()
    return value


#: By the option's name.
CHECKS: Final[Mapping[str, Callable[[str, object], Any]]] = {
    "method": _method,
    "content_type": _text,
    "multipart": _text,
    "boundary": _text,
    "name": _name,
    "if_exists": _one_of(*IF_EXISTS),
    "on_duplicate": _one_of("join", "error"),
    "key": _key,
    "group": group_name,
    "expect_size": _size,
    "max_size": _size,
    "preserve_mtime": _flag,
    "refresh": _refresh,
    "recoverable": _codes,
    "secret_query": _words,
    "trust_env": _flag,
    "verify": _trust,
    "http2": _flag,
    "connections": _connections,
    "bandwidth": _rate,
    "random_access": _flag,
    "priority": _priority,
    "cost_policy": lambda option, value: None if value is None else int(network.policy(value, option)),
    "retry": _retry,
    "timeout": _seconds,
    "not_before": _moment,
    "deadline": _deadline,
    "completion": _completion,
    "start": _flag,
    "recursive": _flag,
    "glob": _flag,
    "include": _patterns,
    "exclude": _patterns,
    "compare": _one_of(*COMPARE),
    "plan": _flag,
}


def _list(words: Iterable[str]) -> str:
    return ", ".join(repr(w) for w in words)


def shown(value: Any) -> str:
    """Give a value as a sentence may quote it: of simple kinds the value, of others their type; never at length."""
    plain = str | int | float | Retry | timedelta | None
    many = isinstance(value, list | tuple | range | set | frozenset)
    simple = isinstance(value, plain) or (many and all(isinstance(v, plain) for v in value))
    text = repr(value) if simple else f"<{type(value).__name__}>"
    return text if len(text) <= 80 else text[:79] + "…"
