"""A new URL or new credentials from the person's own function, where the old ones have expired.

``refresh(url)`` gets the stored URL (no signature in it) and gives a new URL, or a mapping of ``url``, ``headers``,
``auth`` and ``cookies``, or None where it has nothing. It runs on a worker thread, so it may take its time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core.faults import Fault
from nbxfer.core.spec import Spec
from nbxfer.errors import NeedsAttention, TransferError

#: What ``refresh`` may give anew.
GIVEN: Final = frozenset(("url", "headers", "auth", "cookies"))
_WAY: Final = "Go on with resume(url=…, headers=…, auth=…)."


#: The stored form of a new URL (None: the old one's), what is not stored, and headers and references that are.
Pairs = tuple[tuple[str, str], ...]
Renewed = tuple[str | None, tuple[str, ...], Pairs, Pairs]


class Renewing(Protocol):
    """What is needed of the doors."""

    def refresh_of(self, op_id: str, spec: Spec) -> Callable[[str], Any] | None:
        """Give the person's function; None where there is none in this process. Raises NeedsAttention."""
        ...

    def renew(self, op_id: str, spec: Spec, given: Mapping[str, Any]) -> Renewed:
        """Put new access in force; give what of it may be stored. Raises InvalidRequest."""
        ...


def unanswered(seconds: float) -> Fault:
    """Give the fault of a function that has not answered for so long."""
    what = f"The function given as refresh= did not answer within {seconds:g} s."
    return faults.of(NeedsAttention(what, hint=_WAY))


def refreshed(
    doors: Renewing, op_id: str, spec: Spec, action: do.Refresh, late: threading.Event | None = None
) -> ev.Event:
    """Ask for what has expired; give the answer to ``action``. Never raises.

    What is given after ``late`` was set is not put in force: somebody else has been asked meanwhile.
    """
    try:
        ask = doors.refresh_of(op_id, spec)
        if ask is None:
            raise NeedsAttention(
                f"{action.fault.message} The function given as refresh= was in a process that is gone.", hint=_WAY
            )
        given = _given(_asked(ask, spec.url))
        if late is not None and late.is_set():
            return ev.RefreshLost(action.serial, unanswered(0))
        renewed = doors.renew(op_id, spec, given)
    except TransferError as error:
        return ev.RefreshLost(action.serial, faults.of(error))
    except BaseException as error:  # noqa: BLE001 (what it gave may do anything when it is looked at)
        what = f"What the function given as refresh= gave cannot be used ({type(error).__name__})."
        return ev.RefreshLost(action.serial, faults.of(NeedsAttention(what, hint=_WAY)))
    return ev.Refreshed(action.serial, *renewed)


def _asked(ask: Callable[[str], Any], url: str) -> Any:
    try:
        return ask(url)
    except BaseException as error:  # noqa: BLE001 (not our code: it may leave by SystemExit, its text hold secrets)
        raise NeedsAttention(f"The function given as refresh= failed ({type(error).__name__}).", hint=_WAY) from None


def _given(answer: Any) -> Mapping[str, Any]:
    """Give what the answer holds, by name. Raises NeedsAttention where it holds nothing usable."""
    given = {"url": answer} if isinstance(answer, str) else answer
    if isinstance(given, Mapping) and given and set(given) <= GIVEN:
        return given
    what = "nothing" if not given else f"no URL (its type: {type(answer).__name__})"
    if isinstance(given, Mapping) and given:
        what = "a mapping with other names than " + ", ".join(sorted(GIVEN))
    raise NeedsAttention(
        f"The function given as refresh= gave {what}.",
        hint="It has to give a URL, or a mapping of url, headers, auth or cookies.",
    )
