"""When several operations are over together, how that ended, and in which words it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from nbxfer.core.phases import FINAL, Phase


class Outcome(msgspec.Struct, frozen=True):
    """How many of ``count`` operations were done, failed, were canceled, or are not known any more."""

    count: int
    done: int
    failed: int
    canceled: int
    gone: int = 0

    @property
    def ok(self) -> bool:
        """Whether all succeeded: one that did not is a failure of the whole."""
        return self.done == self.count


class Notice(msgspec.Struct, frozen=True):
    """What a person is told when some operations are over; nothing in it is secret.

    ``at`` is Unix time; ``browser``: also outside the page, where the browser may.
    """

    id: str
    at: float
    ok: bool
    title: str
    text: str
    op_ids: tuple[str, ...] = ()
    browser: bool = False


class Completion(msgspec.Struct, frozen=True):
    """What is written down of a completion group once it is enabled: whatever happens, this is to be done.

    ``operations`` leads from ids to destinations. ``task`` and what ``notify`` holds are names of functions
    ("module:function") or of sinks; ``memory`` counts those that lived in the process only.
    """

    id: str
    operations: dict[str, str]
    task: str = ""
    notify: tuple[str, ...] = ()
    name: str = ""
    notebook: str = ""
    memory: int = 0


def outcome(phases: Iterable[Phase | None]) -> Outcome | None:
    """Give how it ended; None while one of them is not over. What nobody knows any more (None) is over."""
    known = list(phases)
    if any(phase is not None and phase not in FINAL and phase is not Phase.FAILED for phase in known):
        return None
    counts = [known.count(phase) for phase in (Phase.DONE, Phase.FAILED, Phase.CANCELED, None)]
    return Outcome(len(known), *counts)


def notice(plan: Completion, how: Outcome, at: float, names: Sequence[str]) -> Notice:
    """Give the notice of an outcome; ``names`` are those of the operations, the failed ones first."""
    what = plan.name or (names[0] if how.count == 1 and names else f"{how.count} transfers")
    if how.ok:
        title = f"{what}: done" if how.count == 1 or plan.name else f"{what} are done"
        return Notice(plan.id, at, True, title, _listed(names), tuple(plan.operations), "browser" in plan.notify)
    parts = {"failed": how.failed, "canceled": how.canceled, "not known any more": how.gone}
    bad = ", ".join(f"{n} {word}" for word, n in parts.items() if n)
    title = f"{what}: {bad}" if how.count > 1 or plan.name else f"{what}: {bad.partition(' ')[2]}"
    text = f"{how.done} of {how.count} done. {_listed(names)}"
    return Notice(plan.id, at, False, title, text, tuple(plan.operations), "browser" in plan.notify)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
