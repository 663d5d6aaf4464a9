"""What stays in the notebook's file: a clean table and a line of text, for readers without a kernel.

An allow-list: name, host, state, counters, when it ended, how it was verified, the kind of an error. No address, no
path, no server's words, no script: whoever opens the file sees what a colleague may see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from html import escape

from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words
from nbxfer.faces.panel.rows import tone

#: Rows shown; the rest is counted.
LIMIT = 100
#: Phases of what is told for good.
OVER = FINAL | {Phase.FAILED}


def plain(snapshots: Sequence[Snapshot], now: float | None = None) -> str:
    """Give the text: one line for one operation, a summary for many; ``now`` (Unix time) dates what is not over."""
    if not snapshots:
        return "nbxfer: no transfers"
    as_of = "" if over(snapshots) else f", as of {when(time.time() if now is None else now)}"
    if len(snapshots) > 1:
        ended = f"; ended {when(max(s.changed for s in snapshots))}" if over(snapshots) else as_of
        return f"nbxfer: {words.summary(snapshots)}{ended}"
    (snapshot,) = snapshots
    percent = words.percent_words(snapshot) if snapshot.phase is not Phase.DONE else ""
    figures = ", ".join(filter(None, (percent, _size(snapshot), _ended(snapshot), _proof(snapshot))))
    return f"nbxfer: {words.name_words(snapshot)}: {state(snapshot)}{', ' if figures else ''}{figures}{as_of}"


def html(snapshots: Sequence[Snapshot], now: float | None = None) -> str:
    """Give the table; everything foreign is escaped."""
    if not snapshots:
        return "<p>No transfers.</p>"
    lines = [
        "<table>",
        f"<caption>{escape(plain(snapshots, now))}</caption>",
        "<thead><tr><th>File</th><th>Where</th><th>Size</th><th>State</th><th>Ended</th><th>Verified</th></tr></thead>",
        "<tbody>",
    ]
    for snapshot in snapshots[:LIMIT]:
        percent = words.percent_words(snapshot) if snapshot.phase is not Phase.DONE else ""
        cells = (
            words.name_words(snapshot),
            words.clean(_where(snapshot), 100),
            _size(snapshot),
            f"{state(snapshot)}, {percent}" if percent else state(snapshot),
            _ended(snapshot),
            _proof(snapshot),
        )
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    if len(snapshots) > LIMIT:
        lines.append(f'<tr><td colspan="6">and {len(snapshots) - LIMIT} more</td></tr>')
    return "\n".join([*lines, "</tbody></table>"])


def over(snapshots: Sequence[Snapshot]) -> bool:
    """Say whether nothing more will happen to them by itself: what is told of them stays true."""
    return all(s.phase in OVER for s in snapshots)


def when(at: float) -> str:
    """Give a time that means the same to every reader."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def _ended(snapshot: Snapshot) -> str:
    return when(snapshot.changed) if snapshot.phase in OVER else ""


def _proof(snapshot: Snapshot) -> str:
    return words.integrity_words(snapshot) if snapshot.phase is Phase.DONE else ""


def _where(snapshot: Snapshot) -> str:
    """Give the host at the far end: whence a download comes, where anything else goes to."""
    far = snapshot.destination.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return f"to {far}" if far else snapshot.host


def state(snapshot: Snapshot) -> str:
    """Give the state, with the kind of the error instead of its text: that may name folders and accounts."""
    fault = snapshot.fault
    if fault is None or tone(snapshot) not in {"fail", "person", "wait"}:
        return words.state_words(snapshot)
    code = f" {fault.http_status}" if fault.http_status else ""
    return f"{words.state_words(snapshot)} ({fault.error}{code})"


def _size(snapshot: Snapshot) -> str:
    if not snapshot.received and not snapshot.total and snapshot.phase is not Phase.DONE:
        return ""
    return words.amount_words(snapshot.received, snapshot.total)


class Sheet:
    """The face of a front end, or an installation, without widgets: a table, as it stands when it is shown."""

    def __init__(self, look: Callable[[], Sequence[Snapshot]]) -> None:
        self._look = look

    def __repr__(self) -> str:
        return plain(self._look())

    def _repr_html_(self) -> str:
        return html(self._look())
