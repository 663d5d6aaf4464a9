"""One snapshot, or many, in words: the state and its reason, a line, a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nbxfer.core.phases import FINAL, Phase, TransferStatus
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces.words.amounts import amount_words, eta_words, rate_words, time_words
from nbxfer.faces.words.text import clean, cut, cut_middle, pad, width, wrap


def percent_words(snapshot: Snapshot) -> str:
    """Give "45 %", rounded down so that 100 % means all of it; nothing while the size is unknown."""
    fraction = snapshot.fraction
    return "" if fraction is None else f"{int(fraction * 100)} %"


def name_words(snapshot: Snapshot) -> str:
    """Give the file's name, fit to be shown."""
    return clean(snapshot.name or snapshot.source, 120) or "(no name)"


_STATES = {
    Phase.CREATED: "not started",
    Phase.QUEUED: "queued",
    Phase.PROBING: "asking the server",
    Phase.RUNNING: "running",
    Phase.STALLED: "waiting",
    Phase.PAUSING: "pausing",
    Phase.PAUSED: "paused",
    Phase.VERIFYING: "checking",
    Phase.COMMITTING: "checking",
    Phase.CANCELING: "canceling",
    Phase.CANCELED: "canceled",
    Phase.FAILED: "failed",
    Phase.DONE: "done",
}
_PLAIN = frozenset({Phase.CREATED, Phase.QUEUED, Phase.PROBING, Phase.RUNNING, Phase.PAUSING, Phase.CANCELING})
_SAID = frozenset({Phase.STALLED, Phase.VERIFYING, Phase.COMMITTING})
#: How the reason of what waits for its next try begins.
AGAIN = "will try again"
#: Columns that a state needs at least, to be wrapped beside its row.
_HANGS = 28
_INTEGRITY = {
    "digest": "its checksum is right",
    "server digest": "the server's own checksum is right",
    "store checksum": "the store's checksum is right",
    "validator": "complete, all of one version (no checksum known)",
    "answer": "sent; the server says that it has it",
}


def state_words(snapshot: Snapshot) -> str:
    """Give the state in one or two words: "running", "waiting", "needs you", "interrupted", "done" and so on."""
    if snapshot.status is TransferStatus.ORPHANED:
        return "not started" if snapshot.phase is Phase.CREATED else "interrupted"
    return "needs you" if snapshot.needs_person else _STATES[snapshot.phase]


def was_there(snapshot: Snapshot) -> bool:
    """Say whether the file that was there already is the result: not a byte was fetched."""
    return snapshot.phase is Phase.DONE and bool(snapshot.story) and snapshot.story[-1].what == "unchanged"


def integrity_words(snapshot: Snapshot) -> str:
    """Say what the finished file was held against."""
    published = snapshot.published
    if published is not None and not published.revalidated:
        return "not revalidated: the server could not be asked"
    if was_there(snapshot):
        # The picture does not tell whether a server was asked: unchanged, skipped and offline are alike in it.
        right = ", its checksum is right" if snapshot.integrity == "digest" else ""
        return f"it was there already, nothing fetched{right}"
    again = ", after it had to begin again" if snapshot.restarted else ""
    return _INTEGRITY.get(snapshot.integrity, "no checksum known") + again


def reason_words(snapshot: Snapshot, now: float | None = None) -> str:
    """Say why the state is what it is; with ``now`` (Unix time) also when it will try again. Empty where obvious."""
    if snapshot.phase is Phase.DONE:
        return integrity_words(snapshot)
    if snapshot.status is TransferStatus.ORPHANED:
        return "" if snapshot.phase is Phase.CREATED else "the process that ran it is gone"
    if snapshot.phase in _PLAIN or snapshot.phase is Phase.CANCELED:
        return "" if snapshot.owner != "theirs" or snapshot.phase in FINAL else "in another process"
    if snapshot.phase is Phase.PAUSED and not snapshot.needs_person:
        return "by you"
    reason = clean(snapshot.reason, 300)
    if not reason.startswith(AGAIN):
        return reason
    if _refreshes(snapshot):
        return "asking for a new URL or credentials" + reason.removeprefix(AGAIN)
    if snapshot.due is not None and now is not None:
        left = snapshot.due - now
        when = f"{AGAIN} in {time_words(max(1, round(left)))}" if left > 0.5 else "trying again"
        reason = when + reason.removeprefix(AGAIN)
    return reason


def _refreshes(snapshot: Snapshot) -> bool:
    """Say whether the person's own function is being asked for what has expired: nothing is tried again before."""
    return snapshot.due is None and bool(snapshot.story) and snapshot.story[-1].what == "refresh"


def status_words(snapshot: Snapshot, now: float | None = None) -> str:
    """Give state and reason: "failed: the server says that there is nothing"."""
    state, reason = state_words(snapshot), reason_words(snapshot, now)
    if snapshot.phase in _SAID and snapshot.status is not TransferStatus.ORPHANED:
        return reason  # it says the state itself: "waiting for the network: …", "checking what has arrived"
    if snapshot.phase is Phase.PAUSED and reason == "by you":
        return "paused by you"
    return f"{state}: {reason}" if reason else state


def progress_words(snapshot: Snapshot, now: float | None = None) -> str:
    """Give what changes while it runs: percent, bytes, speed, time left, and the state where it does not run."""
    running = snapshot.phase is Phase.RUNNING and snapshot.status is TransferStatus.RUNNING
    parts = [percent_words(snapshot) if snapshot.phase is not Phase.DONE else ""]
    parts.append(amount_words(snapshot.received, snapshot.total) if snapshot.received or snapshot.total else "")
    parts += [rate_words(snapshot.rate), eta_words(snapshot.eta)] if running else []
    parts.append("" if running and snapshot.rate is not None else status_words(snapshot, now))
    return ", ".join(part for part in parts if part)


def line(snapshot: Snapshot, now: float | None = None) -> str:
    """Give one operation in one line: "data.tar.gz: 45 %, 1.2 of 2.7 GB, 10.3 MB/s, 2 min 3 s left"."""
    return f"{name_words(snapshot)}: {progress_words(snapshot, now)}"


def summary(snapshots: Sequence[Snapshot]) -> str:
    """Give many operations in one line: "3 of 5 done, 1 failed; 1.2 of 3.4 GB"."""
    done = sum(s.phase is Phase.DONE for s in snapshots)
    counts = [f"{done} of {len(snapshots)} done"]
    for words in ("failed", "canceled", "interrupted", "needs you", "paused", "waiting"):
        number = sum(state_words(s) == words for s in snapshots)
        counts += [f"{number} {words.replace('needs you', 'waiting for you')}"] if number else []
    counted = [s for s in snapshots if s.phase not in (Phase.FAILED, Phase.CANCELED)]
    total = sum(s.total or 0 for s in counted) if all(s.total is not None for s in counted) else None
    return f"{', '.join(counts)}; {amount_words(sum(s.received for s in counted), total)}"


def short_ids(ids: Iterable[str], least: int = 8) -> dict[str, str]:
    """Give for each id the shortest beginning, of at least ``least`` characters, that no other of them has."""
    ordered = sorted(set(ids))
    short: dict[str, str] = {}
    for index, op_id in enumerate(ordered):
        neighbours = ordered[max(0, index - 1) : index] + ordered[index + 1 : index + 2]
        shared = max((_shared(op_id, other) for other in neighbours), default=0)
        short[op_id] = op_id[: max(least, shared + 1)]
    return short


def _shared(one: str, other: str) -> int:
    """Give how many characters two ids have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def table(snapshots: Sequence[Snapshot], columns: int = 100, now: float | None = None, *, whole: bool = False) -> str:
    """Give the operations as lines of text no wider than ``columns``, under a line of headings.

    With ``whole``, a state that is longer than its line goes on below it; else it is cut.
    """
    short = short_ids(s.id for s in snapshots)
    rows = [("ID", "FILE", "SIZE", "", "STATE")]
    for s in snapshots:
        running = s.phase is Phase.RUNNING and s.status is TransferStatus.RUNNING and s.rate is not None
        moving = ", ".join(filter(None, (rate_words(s.rate), eta_words(s.eta), reason_words(s)))) if running else ""
        size = amount_words(s.received, s.total) if s.received or s.total else "?"
        rows.append((clean(short[s.id], 64), name_words(s), size, percent_words(s), moving or status_words(s, now)))
    widths = [max(width(row[i]) for row in rows) for i in range(5)]
    widths[1] = min(widths[1], max(12, columns - widths[0] - widths[2] - widths[3] - 8 - min(widths[4], 36)))
    lines: list[str] = []
    for op_id, name, size, percent, state in rows:
        fixed = f"{pad(op_id, widths[0])}  {pad(cut_middle(name, widths[1]), widths[1])}  {pad(size, widths[2])}"
        text = f"{fixed}  {' ' * (widths[3] - width(percent))}{percent}  "
        if whole:
            lines += _hung(text, state, columns, widths[0] + 2)
        else:
            lines.append(cut(text + state, columns).rstrip())
    return "\n".join(lines)


def _hung(before: str, state: str, columns: int, least: int) -> list[str]:
    """Give a row whose state goes on below where it began; on a narrow screen, further to the left."""
    left = columns - width(before)
    if width(state) <= left:
        return [(before + state).rstrip()]
    if left < _HANGS:
        return [cut(before.rstrip(), columns), *(" " * least + part for part in wrap(state, columns - least))]
    first, *rest = wrap(state, left)
    return [before + first, *(" " * width(before) + part for part in rest)]
