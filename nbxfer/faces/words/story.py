"""The story of one operation, told so that it can be read aloud: what explain() gives."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from nbxfer.core.phases import FINAL, Phase, TransferStatus
from nbxfer.core.record import Entry
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces.words.amounts import amount_words, size_words
from nbxfer.faces.words.status import integrity_words, name_words, status_words
from nbxfer.faces.words.text import clean

#: What an entry's word means to a reader; the entry's detail follows.
_TOLD = {
    "start": "started",
    "slot free": "its turn: asking the server",
    "slot free, all bytes here": "every byte is here already: checking",
    "probed": "the server answered",
    "unchanged": "the server says that the file here is still the newest",
    "new version": "the server has another version now",
    "cut short": "stopped asking; what had come was kept",
    "starved": "had to wait",
    "condition met": "goes on",
    "all landed": "every byte has come: checking",
    "verified": "checked",
    "verified, pause wanted": "checked; paused as asked",
    "mismatch": "the check found faults",
    "committed": "the file has its name",
    "pause": "asked to pause",
    "resume": "asked to go on",
    "cancel": "asked to cancel",
    "retry": "asked to try again",
    "drained": "nothing is in flight any more",
    "needs a person": "waits for you",
    "gave up": "gave up",
    "restarted": "gave up bytes that had come",
    "lost": "the connection was lost while stopping",
    "handed over": "handed to another process",
    "taken over": "taken over by this process",
    "refresh": "it has expired",
    "named by the server": "the server gave the file its name",
    "named anew": "that name was taken; the file is now",
    "length unknown": "the end was not announced; it may be cut short",
}
#: How many connections, and why: the plan says it as "number: reason".
_WHY = {
    "ranges and a strong validator": "the server gives parts, and each can be proved to be of one version",
    "no strong validator ties ranges together": "nothing could prove that parts belong to one version",
    "the server does not offer ranges": "the server does not offer parts",
    "more would not pay for so little": "more would not pay for so little",
}
#: The hint of what waits for a new URL or new credentials.
_ANEW = re.compile(r"Go on with (resume\([^)]*\))\.?")
_VERIFIED = {
    "digest": "against the checksum",
    "server digest": "against the server's own checksum",
    "store checksum": "against the store's checksum",
    "validator": "it was one version throughout; no checksum was known",
    "answer": "by the server's answer alone: it does not say what it has",
    "nothing": "by its size only",
}


def explain(snapshot: Snapshot, local: Callable[[float], time.struct_time] = time.localtime) -> str:
    """Tell the story of an operation; ``local`` turns Unix seconds into the reader's time."""
    lines = [f"{name_words(snapshot)} ({clean(snapshot.id, 64)}): {_sentence(status_words(snapshot))}"]
    lines += [f"  from  {clean(snapshot.source)}", f"  to    {clean(snapshot.destination)}", ""]
    day = ""
    for entry in (Entry(snapshot.created, "asked for"), *snapshot.story):
        when = local(entry.at)
        if (date := time.strftime("%Y-%m-%d", when)) != day:
            lines.append(date)
            day = date
        lines.append(f"  {time.strftime('%H:%M:%S', when)}  {_told(entry)}")
    return "\n".join([*lines, "", *_account(snapshot), f"What now: {_advice(snapshot)}"])


def _told(entry: Entry) -> str:
    what, detail = _TOLD.get(entry.what, clean(entry.what, 80)), clean(entry.detail, 200)
    if entry.what in ("verified", "committed", "unchanged"):
        detail = _VERIFIED.get(detail, detail) if entry.what == "verified" else ""
    if entry.what == "probed":
        number, mark, why = detail.partition(": ")
        detail = f"{number}, because {_WHY.get(why, why)}" if mark else detail
    return f"{what}: {detail}" if detail else what


def _account(snapshot: Snapshot) -> list[str]:
    lines = []
    if snapshot.phase is Phase.DONE:
        lines.append(f"Here: {size_words(snapshot.received)}, all of it; {integrity_words(snapshot)}.")
    elif snapshot.phase is not Phase.CANCELED:
        lines.append(f"Here: {amount_words(snapshot.received, snapshot.total)}.")
    twice = f"{size_words(snapshot.refetched)} fetched twice" if snapshot.refetched else "nothing fetched twice"
    tries = f"tried again {_times(snapshot.retries)}" if snapshot.retries else "never had to try again"
    anew = f"gave up bytes that had come {_times(snapshot.restarts)}" if snapshot.restarts else ""
    # What had come and was not written down yet when a process was killed, nobody can count.
    killed = any(entry.what == "taken over" for entry in snapshot.story)
    unknown = "; not counted: what came in the last moment of the process that was gone" if killed else ""
    return [*lines, f"Cost: {', '.join(filter(None, (twice, tries, anew)))}{unknown}."]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _advice(snapshot: Snapshot) -> str:
    """Say what the reader can do, in a notebook and in a terminal."""
    op_id = clean(snapshot.id[:8], 64)
    phase, hint = snapshot.phase, clean(snapshot.fault.hint or "", 300) if snapshot.fault else ""
    if phase in FINAL:
        return "nothing, it is over." if phase is Phase.CANCELED else f"use {clean(snapshot.destination)}."
    if snapshot.status is TransferStatus.ORPHANED:
        return f"nobody runs it. nbxfer.reattach() in a notebook, or nbxfer resume {op_id} in a terminal, goes on."
    if phase is Phase.FAILED and "retry()" in hint:
        return f"{_sentence(hint.replace('retry()', f'op.retry(), or nbxfer retry {op_id},'))}"
    if phase is Phase.FAILED:
        kept = f" from the {size_words(snapshot.received)} that were kept" if snapshot.received else ""
        return f"{_sentence(hint)} op.retry(), or nbxfer retry {op_id}, goes on{kept}.".strip()
    if snapshot.needs_person and (found := _ANEW.fullmatch(hint)):
        new = " --url NEW-URL" if "url=" in found[1] else ""
        secrets = " --header @FILE" if "auth=" in found[1] else ""
        return f"op.{found[1]} in a notebook, or nbxfer resume {op_id}{new}{secrets} in a terminal, goes on."
    if snapshot.needs_person:
        return f"{_sentence(hint)} Then op.resume(), or nbxfer resume {op_id}.".strip()
    if phase is Phase.PAUSED:
        return f"it stays paused until op.resume(), or nbxfer resume {op_id}."
    if phase is Phase.CREATED:
        return f"op.start(), or nbxfer resume {op_id}, lets it go."
    if phase is Phase.STALLED:
        return "nothing, it goes on by itself as soon as it can."
    where = "another process runs it, and pause or cancel reach it from here" if snapshot.owner == "theirs" else ""
    return f"nothing, it goes on by itself{'; ' + where if where else ''}."


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".!?)" else f"{text}."
