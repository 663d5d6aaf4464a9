"""Progress while somebody waits: a tqdm bar where there is a screen, a log line a minute where there is none.

One operation has one bar; many have one bar for all. Only ``refresh`` and ``close`` write, in the thread that calls
them, and neither ever raises because of the screen: a terminal that misbehaves turns the bar off, not the transfer.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final, TextIO

from nbxfer.core.phases import LIVE, Phase
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words

log = logging.getLogger("nbxfer.progress")

#: Seconds between two log lines.
LOG_EVERY: Final = 60.0
#: Of many thousand, one look takes a while: it is taken so much more seldom that it costs one part in so many.
SHARE: Final = 20.0
#: tqdm draws parts of this: the words around its bar are ours, for it knows no pauses and no restarts.
_WHOLE: Final = 1000.0
#: Columns of "123 MB of 3.4 GB, 10.3 MB/s, 2 min 3 s left": room is kept for it.
_MOVING: Final = 43

Look = Callable[[], Sequence[Snapshot]]


def mode(stream: TextIO | None = None) -> str:
    """Say how progress is shown here: "bar", "log" or "off" (NBXFER_PROGRESS, TQDM_DISABLE, terminal, notebook)."""
    from nbxfer.errors import InvalidRequest
    from nbxfer.session import config

    try:
        wanted = str(config.get("progress"))
    except InvalidRequest as error:
        log.warning("%s", error)
        wanted = "auto"
    if wanted == "off" or os.environ.get("TQDM_DISABLE", "").lower() not in ("", "0", "false", "no"):
        return "off"
    if wanted != "auto":
        return wanted
    return "bar" if in_notebook() or _is_terminal(sys.stderr if stream is None else stream) else "log"


def in_notebook() -> bool:
    """Say whether this is a kernel, whose screen is a browser."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError, OSError):  # closed, or no stream at all
        return False


class Bar:
    """Shows what ``look`` gives; made, refreshed and closed by the one thread that waits.

    ``stream`` is where a bar is drawn (default: standard error); ``clock`` gives seconds. With ``say_why`` False the
    last line of an operation that failed, or needs somebody, only says so: somebody else will say why.
    """

    def __init__(
        self,
        look: Look,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        say_why: bool = True,
    ) -> None:
        self._look, self._stream, self._clock, self._say_why = look, stream, clock, say_why
        self._mode = mode(stream)
        self._every = 0.5 if in_notebook() else 0.1
        self._began = self._logged = clock()
        self._drawn = float("-inf")
        self._rest = 0.0
        self._here: dict[str, int] = {}
        self._come = 0
        self._tqdm: Any = None
        self._wide = 0

    def refresh(self) -> None:
        """Show how things stand now; cheap enough to be called at every turn of a waiting loop."""
        if self._mode == "off" or self._clock() - self._drawn < max(self._every, self._rest):
            return
        self._guarded(last=False)

    def close(self) -> None:
        """Leave the final line, and end."""
        if self._mode != "off":
            self._guarded(last=True)
        self._mode = "off"

    def clear(self) -> None:
        """Take the bar off the screen until the next refresh, so that something else can be written."""
        if self._tqdm is not None and hasattr(self._tqdm, "sp"):
            self._tqdm.clear()
            self._drawn = float("-inf")

    # -- drawing ---------------------------------------------------------------------------------------------------
    def _guarded(self, *, last: bool) -> None:
        try:
            begun = self._drawn = self._clock()
            snapshots = list(self._look())
            if snapshots:
                self._count(snapshots)
                (self._draw if self._mode == "bar" else self._tell)(snapshots, last=last)
                self._rest = SHARE * (self._clock() - begun)
        except Exception:  # whatever a terminal can do, waiting goes on
            log.debug("progress cannot be shown here any more", exc_info=True)
            self._mode = "off"

    def _count(self, snapshots: Sequence[Snapshot]) -> None:
        """Count the bytes that came while we looked; a restart takes nothing away from them."""
        for snapshot in snapshots:
            before = self._here.get(snapshot.id, snapshot.received)
            self._come += max(0, snapshot.received - before)
            self._here[snapshot.id] = snapshot.received

    def _tell(self, snapshots: Sequence[Snapshot], *, last: bool) -> None:
        now = self._clock()
        if last or now - self._logged >= LOG_EVERY:
            self._logged = now
            ids = {"op_id": snapshots[0].id} if len(snapshots) == 1 else {}
            name, text = self._words(snapshots, last=last)
            log.info("%s: %s", name, text, extra=ids)

    def _draw(self, snapshots: Sequence[Snapshot], *, last: bool) -> None:
        bar = self._tqdm = self._tqdm or _make(self._stream)
        fraction = _fraction(snapshots)
        name, text = self._words(snapshots, last=last)
        bar.n = _WHOLE * (fraction or 0.0)
        columns, coding = _columns(bar), getattr(bar.fp, "encoding", None) or "utf-8"
        if not last:  # so that the bar keeps its length while the words change theirs
            wide = words.width(text)
            self._wide = max(self._wide, wide) if wide <= _MOVING else self._wide
            text = words.pad(text, self._wide)
        bar.bar_format = _format(name, fraction, text, columns, coding)
        if not last:
            bar.refresh()
            return
        bar.close()
        _colour(bar, snapshots)

    def _words(self, snapshots: Sequence[Snapshot], *, last: bool) -> tuple[str, str]:
        """Give what stands before and behind the bar."""
        over = all(s.phase not in LIVE for s in snapshots)
        took = self._took(sum(s.received for s in snapshots)) if last and over and self._come else ""
        if len(snapshots) == 1:
            first = snapshots[0]
            took = "" if words.was_there(first) else took
            brief = last and not self._say_why and (first.phase is Phase.FAILED or first.needs_person)
            return words.name_words(first), _one(first, took, moving=not last, brief=brief)
        return _count_words(snapshots), _many(snapshots, took, moving=not last)

    def _took(self, here: int) -> str:
        """Say how long it took; of what was here before we looked, that is not said."""
        time_taken = words.time_words(self._clock() - self._began)
        most = self._come >= 0.95 * here
        return f" in {time_taken}" if most else f", the last {words.size_words(self._come)} in {time_taken}"


# -- words ---------------------------------------------------------------------------------------------------------
def _one(snapshot: Snapshot, took: str, *, moving: bool, brief: bool) -> str:
    amount = words.amount_words(snapshot.received, snapshot.total)
    if snapshot.phase is Phase.RUNNING and snapshot.rate is not None and snapshot.owner != "orphaned":
        if not moving:  # whoever stops looking is promised nothing
            return amount
        return ", ".join(filter(None, (amount, words.rate_words(snapshot.rate), words.eta_words(snapshot.eta))))
    known = snapshot.received or snapshot.total
    status = words.state_words(snapshot) if brief else words.status_words(snapshot, time.time())
    return f"{amount if known else ''}{took}{', ' if known else ''}{status}"


def _count_words(snapshots: Sequence[Snapshot]) -> str:
    done = sum(s.phase is Phase.DONE for s in snapshots)
    failed = sum(s.phase is Phase.FAILED for s in snapshots)
    return f"{done} of {len(snapshots)} done" + (f", {failed} failed" if failed else "")


def _many(snapshots: Sequence[Snapshot], took: str, *, moving: bool) -> str:
    """Say of many: bytes, speed, time left, and what they wait for where none of them runs."""
    counted = _counted(snapshots)
    whole = all(s.total is not None for s in counted)
    total = sum(s.total or 0 for s in counted)
    here = sum(s.received for s in counted)
    parts = [words.amount_words(here, total if whole else None) + took]
    rate = sum(s.rate or 0.0 for s in snapshots)
    if rate and moving:
        parts += [words.rate_words(rate), words.eta_words((total - here) / rate) if whole else ""]
    elif not rate and (waiting := [s for s in snapshots if s.phase in LIVE and words.reason_words(s)]):
        some = f"{len(waiting)} × " if len(waiting) > 1 else ""
        parts.append(some + words.status_words(waiting[0], time.time()))
    return ", ".join(part for part in parts if part)


def _counted(snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    return [s for s in snapshots if s.phase not in (Phase.FAILED, Phase.CANCELED)]


def _fraction(snapshots: Sequence[Snapshot]) -> float | None:
    """Give how much is here, 0 to 1: by bytes where every size is known, else by files; None where nothing is."""
    if len(snapshots) == 1:
        return snapshots[0].fraction
    counted = _counted(snapshots)
    if not counted:
        return None
    total = sum(s.total or 0 for s in counted)
    if total and all(s.total is not None for s in counted):
        return min(1.0, sum(s.received for s in counted) / total)
    return sum(s.fraction or 0.0 for s in counted) / len(counted)


# -- tqdm ----------------------------------------------------------------------------------------------------------
def _make(stream: TextIO | None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "IProgress not found": the text bar that follows says enough
        from tqdm.auto import tqdm

    class Quiet(tqdm):  # type: ignore[type-arg]
        monitor_interval = 0  # tqdm's own thread would draw beside ours

    return Quiet(total=_WHOLE, file=stream, unit="B", unit_scale=True, dynamic_ncols=True, bar_format="{desc}")


def _columns(bar: Any) -> int:
    """Give the width of the line to draw in; a notebook makes its own room."""
    if bar.dynamic_ncols and not hasattr(bar, "container"):
        bar.ncols, bar.nrows = bar.dynamic_ncols(bar.fp)
    return bar.ncols if isinstance(bar.ncols, int) and bar.ncols > 0 else 160


def _format(name: str, fraction: float | None, text: str, columns: int, coding: str) -> str:
    """Give a tqdm format: name, percent, bar, words. On a short line the bar goes first, then the name is cut."""
    percent = "" if fraction is None else f"{int(fraction * 100):3d} %"
    before = " ".join(
        filter(None, (words.cut_middle(name, max(12, min(columns // 3, columns - _MOVING - 22))), percent))
    )
    left = columns - words.width(before) - words.width(text)
    drawn = fraction is not None and left >= 9
    text = words.cut(text, max(8, columns - words.width(before) - 2))
    parts = (part.encode(coding, "replace").decode(coding) for part in (before, text))
    before, text = (part.replace("{", "{{").replace("}", "}}") for part in parts)
    return f"{before} |{{bar}}| {text}" if drawn else f"{before}  {text}"


def _colour(bar: Any, snapshots: Sequence[Snapshot]) -> None:
    """Let a notebook's bar end red only where something failed: leaving off waiting is no failure."""
    if (container := getattr(bar, "container", None)) is not None:
        failed = any(s.phase is Phase.FAILED for s in snapshots)
        done = all(s.phase is Phase.DONE for s in snapshots)
        container.children[1].bar_style = "danger" if failed else "success" if done else "info"
