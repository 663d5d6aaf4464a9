"""The ways in which a person is told that transfers are over: panel, browser, desktop, a function of their own."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pkgutil import resolve_name
from typing import Any, Final

from nbxfer.board import Board
from nbxfer.core.completion import Notice
from nbxfer.errors import InvalidRequest, NeedsAttention, TransferError
from nbxfer.session.checks import function, shown

log = logging.getLogger("nbxfer")

#: What is shown in the panel, also by the browser itself, and by the desktop of the machine that the kernel runs on.
SINKS: Final = ("panel", "browser", "desktop")
#: Seconds that the desktop may take.
_PATIENCE: Final = 10.0

Sink = str | Callable[[Notice], object]


def sinks(option: str, value: object) -> tuple[Sink, ...]:
    """Give the sinks that a person means. Raises InvalidRequest."""
    if value is None:
        return ()
    many = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return tuple(_sink(option, one) for one in many)


def _sink(option: str, value: Any) -> Sink:
    if isinstance(value, str) and value in SINKS:
        return value
    if callable(value) or (isinstance(value, str) and ":" in value):
        found: Sink = function(option, value, "the notice")
        return found
    raise InvalidRequest(
        f"{option}={shown(value)} is no way to tell anybody.",
        hint="Give 'panel', 'browser', 'desktop', a function of one argument, or its name: 'module:function'.",
    )


def tell(board: Board, notice: Notice, ways: Iterable[Sink], failed: Callable[[str, str], None]) -> None:
    """Tell a notice in every way; ``failed`` hears which did not work, and why. May take its time."""
    ways = list(dict.fromkeys(ways))
    if "panel" in ways or "browser" in ways:
        board.announce(notice)
    for way in ways:
        try:
            if way == "desktop":
                _desktop(notice)
            elif not isinstance(way, str):
                way(notice)
            elif way not in SINKS:
                resolve_name(way)(notice)
        except TransferError as error:
            failed(_name(way), str(error))
        except BaseException as error:
            log.exception("telling that transfers are over failed")
            failed(_name(way), type(error).__name__)


def _name(way: Sink) -> str:
    return way if isinstance(way, str) else getattr(way, "__name__", type(way).__name__)


def _desktop(notice: Notice) -> None:
    """Have the desktop show it. Raises NeedsAttention where there is none."""
    command = _command(notice)
    if command is None:
        raise NeedsAttention(
            "There is no desktop here that could show it.", hint="Install notify-send, or leave it out."
        )
    try:
        subprocess.run(command, check=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL, capture_output=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise NeedsAttention(f"The desktop did not show it ({type(error).__name__}).") from None


def _command(notice: Notice) -> list[str] | None:
    if sys.platform == "darwin":
        script = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"
        return ["osascript", "-e", script, notice.title, notice.text]
    program = shutil.which("notify-send")
    if program is None:
        return None
    urgency = "normal" if notice.ok else "critical"
    return [program, "--app-name=nbxfer", f"--urgency={urgency}", "--", notice.title, notice.text]
