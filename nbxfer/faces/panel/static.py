"""What stays in the notebook's file: a clean table and a line of text, for readers without a kernel.

An allow-list: name, host, state, counters, the kind of an error. No address, no path, no server's words, no script:
whoever opens the file sees what a colleague may see.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nbxfer.core.phases import Phase
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words
from nbxfer.faces.panel.rows import tone

#: Rows shown; the rest is counted.
LIMIT = 100


def plain(snapshots: Sequence[Snapshot]) -> str:
    """Give the text: one line for one operation, a summary for many."""
    if not snapshots:
        return "nbxfer: no transfers"
    if len(snapshots) == 1:
        (snapshot,) = snapshots
        figures = ", ".join(filter(None, (words.percent_words(snapshot), _size(snapshot))))
        return f"nbxfer: {words.name_words(snapshot)}: {state(snapshot)}" + (f", {figures}" if figures else "")
    return f"nbxfer: {words.summary(snapshots)}"


def html(snapshots: Sequence[Snapshot]) -> str:
    """Give the table; everything foreign is escaped."""
    if not snapshots:
        return "<p>No transfers.</p>"
    lines = [
        "<table>",
        f"<caption>{escape(plain(snapshots))}</caption>",
        "<thead><tr><th>File</th><th>From</th><th>Size</th><th>Done</th><th>State</th></tr></thead>",
        "<tbody>",
    ]
    for snapshot in snapshots[:LIMIT]:
        cells = (
            words.name_words(snapshot),
            words.clean(snapshot.host, 100),
            _size(snapshot),
            words.percent_words(snapshot),
            state(snapshot),
        )
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    if len(snapshots) > LIMIT:
        lines.append(f'<tr><td colspan="5">and {len(snapshots) - LIMIT} more</td></tr>')
    return "\n".join([*lines, "</tbody></table>"])


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
