"""What may be set from outside, what it is set to, and where that stands.

Arguments win over the environment, that over ``~/.config/nbxfer/config.toml``, that over ``/etc/nbxfer/config.toml``.
The ``[limits]`` of the last are caps that nobody can raise. Nothing is cached: a changed file counts at once. A value
that cannot be read raises InvalidRequest, never counts as absent: a cap that is misspelt must not be no cap.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from nbxfer.core import amounts
from nbxfer.core.surroundings import NAMED
from nbxfer.errors import InvalidRequest

#: Seconds between signs of life, where it is only said that they are wanted.
ALIVE_EVERY: Final = 20.0
SYSTEM_FILE: Final = Path("/etc/nbxfer/config.toml")  # of whoever runs the machine
_path = lru_cache(maxsize=4)(Path)  # one takes its time to be made


class Setting(msgspec.Struct, frozen=True):
    """One value in force; ``origin`` is a variable's name, a file's path, or "default"."""

    name: str
    value: Any
    origin: str
    about: str = ""


class _Option(msgspec.Struct, frozen=True):
    about: str
    read: Callable[[Any], Any]
    default: Callable[[], Any]
    capped: bool = False


# -- reading one value ---------------------------------------------------------------------------------------------
def _folder(value: Any) -> Path:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a folder")
    return Path(os.path.abspath(os.path.expanduser(value)))


def _count(value: Any) -> int:
    number = int(value) if isinstance(value, str) else value
    if type(number) is not int or number < 1:
        raise ValueError("a whole number from 1 up")
    return number


def _rate(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().lower() == "none":
        return None
    try:
        return amounts.rate(value)
    except InvalidRequest:
        raise ValueError("a speed like '5 MB/s', or 'none'") from None


def _bytes(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().lower() == "none":
        return None
    try:
        return amounts.size(value)
    except InvalidRequest:
        raise ValueError("an amount like '50 GB', or 'none'") from None


def _room(value: Any) -> int:
    found = _bytes(value)
    return found if found is not None else 1 << 62


def _percent(value: Any) -> int:
    number = int(value) if isinstance(value, str) else value
    if type(number) is not int or not 0 <= number <= 100:
        raise ValueError("a whole number from 0 to 100")
    return number


def _frequency(value: Any) -> float | None:
    if isinstance(value, str) and value.strip().lower() == "none":
        return None
    number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    if not 0.001 <= number <= 1e6:
        raise ValueError("a number of requests a second, or 'none'")
    return number


def _flag(value: Any) -> bool:
    word = value.strip().lower() if isinstance(value, str) else value
    if word in ("1", "true", "yes", "on", True):
        return True
    if word in ("0", "false", "no", "off", False):
        return False
    raise ValueError("true or false")


def _beat(value: Any) -> float | None:
    """Read seconds between signs of life: on, off, or a number."""
    try:
        return ALIVE_EVERY if _flag(value) else None
    except ValueError:
        pass
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 1 < seconds <= 3600:
        raise ValueError("on, off, or seconds between 1 and 3600")
    return seconds


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        word = value.strip().lower() if isinstance(value, str) else ""
        if word not in words:
            raise ValueError("one of " + ", ".join(words))
        return word

    return read


def _state_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_path("nbxfer"))


def _cache_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_path("nbxfer"))


OPTIONS: Final[dict[str, _Option]] = {
    "home": _Option("the folder that remembers every operation", _folder, _state_folder),
    "connections": _Option("the most connections of one transfer", _count, lambda: 8, capped=True),
    "per_host": _Option("the most connections to one host", _count, lambda: 8, capped=True),
    "running": _Option("how many transfers move bytes at once", _count, lambda: 8, capped=True),
    "bandwidth": _Option("bytes a second of all transfers together (none: no limit)", _rate, lambda: None, capped=True),
    "movers": _Option(
        "whether child processes move the bytes (auto: of large files, beside a busy cell)",
        _one_of("auto", "always", "never"),
        lambda: "auto",
    ),
    "upload_bandwidth": _Option("the same for what is sent", _rate, lambda: None, capped=True),
    "requests": _Option("requests a second to one host (none: no limit)", _frequency, lambda: None, capped=True),
    "cost_policy": _Option(
        "on which networks to move bytes, where a transfer does not say",
        _one_of("default", "unrestricted_only", "always"),
        lambda: "default",
    ),
    "network": _Option("what the network is like (auto: as it is seen)", _one_of(*NAMED), lambda: "auto"),
    "budget": _Option("bytes a month that may come, for everybody with this home (none: no end)", _bytes, lambda: None),
    "battery_min": _Option("percent of charge below which nothing moves on battery (0: never)", _percent, lambda: 10),
    "memory_min": _Option("free memory below which nothing moves (0: never)", _bytes, lambda: 0),
    "progress": _Option(
        "how waiting shows itself (auto: a bar where somebody looks, else a log line a minute)",
        _one_of("auto", "bar", "log", "off"),
        lambda: "auto",
    ),
    "at_exit": _Option(
        "what the end of the program does to unfinished work (auto: a script waits, a kernel leaves)",
        _one_of("auto", "wait", "leave"),
        lambda: "auto",
    ),
    "keep_alive": _Option(
        "whether a notebook's kernel is kept from being culled while it transfers (on, off, or seconds between signs)",
        _beat,
        lambda: None,
    ),
    "cache_dir": _Option("the folder in which fetch() and open() keep what they have fetched", _folder, _cache_folder),
    "cache_size": _Option("the most bytes of what open() keeps", _room, lambda: 10 << 30, capped=True),
    "offline": _Option("whether to ask the network for nothing", _flag, lambda: False),
}


# -- the files -----------------------------------------------------------------------------------------------------
def user_file(environ: Mapping[str, str] | None = None) -> Path:
    """Give the path of the person's own file."""
    told = (os.environ if environ is None else environ).get("XDG_CONFIG_HOME")
    return _path(told or os.path.join(os.path.expanduser("~"), ".config"), "nbxfer", "config.toml")


def _table(path: Path) -> dict[str, Any]:
    try:
        os.stat(path)  # most have none, and this is asked at every call
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InvalidRequest(
            f"The configuration file {path} cannot be read: {error.strerror}.", hint="Correct its mode, or remove it."
        ) from None
    import tomllib

    try:
        return tomllib.loads(text.decode())
    except ValueError as error:
        raise InvalidRequest(
            f"The configuration file {path} is not valid TOML: {error}.", hint="Correct it, or remove it."
        ) from None


def _value(name: str, raw: Any, origin: str) -> Any:
    try:
        return OPTIONS[name].read(raw)
    except ValueError as error:
        wanted = str(error) if not str(error).startswith("invalid") else "a whole number from 1 up"
        raise InvalidRequest(f"{origin} says {name} = {raw!r}.", hint=f"It has to be {wanted}.") from None


def _limit(name: str, system: Path) -> Any:
    limits = _table(system).get("limits", {})
    if not isinstance(limits, dict):
        raise InvalidRequest(f"[limits] in {system} is no table.", hint="Write [limits] on a line of its own.")
    if unknown := sorted(key for key in limits if key not in OPTIONS or not OPTIONS[key].capped):
        known = ", ".join(key for key, option in OPTIONS.items() if option.capped)
        raise InvalidRequest(f"[limits] in {system} caps {unknown[0]!r}.", hint=f"It can cap: {known}.")
    return _value(name, limits[name], f"[limits] in {system}") if name in limits else None


# -- what is in force ----------------------------------------------------------------------------------------------
def look_up(
    name: str,
    argument: Any = None,
    *,
    environ: Mapping[str, str] | None = None,
    system: Path | None = None,
) -> Setting:
    """Give the setting in force; ``argument``, where one was given, wins over all but a cap.

    Raises InvalidRequest for a value that cannot be read, naming where it stands.
    """
    environ = os.environ if environ is None else environ
    system = SYSTEM_FILE if system is None else system
    option = OPTIONS[name]
    setting = _uncapped(name, argument, environ, system)
    cap = _limit(name, system) if option.capped else None
    if cap is not None and (setting.value is None or setting.value > cap):  # None: no limit at all
        return Setting(name, cap, f"[limits] in {system}", option.about)
    return setting


def _uncapped(name: str, argument: Any, environ: Mapping[str, str], system: Path) -> Setting:
    option, variable = OPTIONS[name], f"NBXFER_{name.upper()}"
    if argument is not None:
        raw = os.fspath(argument) if isinstance(argument, os.PathLike) else argument
        return Setting(name, _value(name, raw, "The argument"), "argument", option.about)
    if environ.get(variable, "").strip():
        return Setting(name, _value(name, environ[variable], variable), variable, option.about)
    for path in (user_file(environ), system):
        table = _table(path)
        if name in table:
            return Setting(name, _value(name, table[name], str(path)), str(path), option.about)
    return Setting(name, option.default(), "default", option.about)


def settings(*, environ: Mapping[str, str] | None = None, system: Path | None = None) -> list[Setting]:
    """Give every setting in force, in the order of OPTIONS. Raises InvalidRequest as look_up does."""
    return [look_up(name, environ=environ, system=system) for name in OPTIONS]


def get(name: str, argument: Any = None) -> Any:
    """Give the value in force of one setting, as its option reads it; ``argument`` wins over all but a cap."""
    return look_up(name, argument).value


def capped(name: str, value: Any) -> Any:
    """Give ``value``, or the cap of that setting where it is beyond it; None stands for no limit."""
    cap = _limit(name, SYSTEM_FILE)
    return value if cap is None or (value is not None and value <= cap) else cap


def home() -> Path:
    """Give the folder that remembers: ``$NBXFER_HOME``, a file's word, or the user's state folder."""
    return Path(look_up("home").value)


def strangers(*, environ: Mapping[str, str] | None = None, system: Path | None = None) -> list[str]:
    """Name what is set but means nothing to this version: "NBXFER_CONECTIONS", "conections in <file>"."""
    environ = os.environ if environ is None else environ
    system = SYSTEM_FILE if system is None else system
    known = {f"NBXFER_{name.upper()}" for name in OPTIONS}
    found = [variable for variable in sorted(environ) if variable.startswith("NBXFER_") and variable not in known]
    for path in (user_file(environ), system):
        found += [
            f"{name} in {path}"
            for name in _table(path)
            if name not in OPTIONS and not (name == "limits" and path == system)
        ]
    return found
