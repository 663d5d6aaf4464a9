"""A group: operations that are ordered, run and steered together, also by other kernels and after a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from nbxfer.core import groups
from nbxfer.core.groups import Behavior, Rule
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.snapshot import Snapshot
from nbxfer.errors import InvalidRequest, InvalidTransferState
from nbxfer.session.batch import Batch, Totals
from nbxfer.session.checks import group_name, shown
from nbxfer.session.operation import Operation

if TYPE_CHECKING:
    from nbxfer.session.desk import Session

_WORDS = {
    "parallel": Behavior.PARALLEL,
    "serialized": Behavior.SERIALIZED,
    "serialized-strict": Behavior.SERIALIZED_STRICT,
}
#: Over, or not to run before somebody asks for it again: they have no place in the order.
_OUT = FINAL | {Phase.FAILED}


class Group:
    """Operations under one name: ``download(…, group=…)`` puts them in.

    ``behavior`` is "parallel", "serialized" (one of default or low priority at a time; high ones run beside it) or
    "serialized-strict" (one at a time). ``max_parallel`` bounds how many run at once. Both hold in every kernel of the
    home, and are kept; left out, what was said before holds. Raises InvalidRequest where they contradict each other.
    """

    def __init__(
        self,
        name: str,
        behavior: Behavior | int | str | None = None,
        max_parallel: int | None = None,
        *,
        session: Session | None = None,
    ) -> None:
        self.name = group_name("name", name) or ""
        self._session: Session = session if session is not None else resolve_name("nbxfer.session.kernel:default")()
        wanted = None if behavior is None else _behavior(behavior)
        most = _most(max_parallel)
        known = self._session.rule_of_group(self.name)
        if known is None or wanted is not None or most is not None:
            old = known or Rule()
            self._set(
                groups.rule(old.behavior if wanted is None else wanted, old.max_parallel if most is None else most)
            )
        else:
            self._set(known)

    def _set(self, rule: Rule) -> None:
        self._session.set_rule_of_group(self.name, rule)

    @property
    def _rule(self) -> Rule:
        return self._session.rule_of_group(self.name) or Rule()

    @property
    def behavior(self) -> Behavior:
        """How its operations run; may be set at any time."""
        return self._rule.behavior

    @behavior.setter
    def behavior(self, behavior: Behavior | int | str) -> None:
        self._set(groups.rule(_behavior(behavior), self._rule.max_parallel))

    @property
    def max_parallel(self) -> int | None:
        """How many run at once at most, None for no limit of its own; may be set at any time."""
        return self._rule.max_parallel

    @max_parallel.setter
    def max_parallel(self, most: int | None) -> None:
        self._set(groups.rule(self._rule.behavior, _most(most)))

    # -- what is in it -------------------------------------------------------------------------------------------
    @property
    def operations(self) -> Batch:
        """What is in it, in the order in which it goes."""
        members = self._session.operations(group=self.name, scope="all")
        return Batch(sorted(members, key=lambda o: _place(o.snapshot)))

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __len__(self) -> int:
        return len(self.operations)

    def __repr__(self) -> str:
        rule, all_ = self._rule, self.operations
        most = f", at most {rule.max_parallel} at once" if rule.max_parallel is not None else ""
        how = rule.behavior.name.lower().replace("_", "-")
        return f"<Group {self.name!r}: {how}{most}, {len(all_)} operations, {sum(o.done() for o in all_)} over>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self.operations._repr_mimebundle_() if len(self) else {"text/plain": repr(self)}

    @property
    def progress(self) -> Totals:
        """How far all of them together are."""
        return self.operations.progress

    @property
    def failed(self) -> list[Operation]:
        """Those that ended in an error."""
        return self.operations.failed

    def done(self) -> bool:
        """Whether all are over: complete, failed or canceled."""
        return self.operations.done()

    # -- order ---------------------------------------------------------------------------------------------------
    def make_current(self, op: Operation) -> None:
        """Let ``op`` and what follows it go first: of ABCDE with C current, CDEAB. Raises InvalidTransferState."""
        self._reorder(op, lambda order: groups.made_current(order, op.id))

    def move(
        self, op: Operation, to: int | None = None, *, before: Operation | None = None, after: Operation | None = None
    ) -> None:
        """Put ``op`` at a place (0 is the first, -1 the last), or before or after another of the group.

        Raises InvalidRequest where not exactly one of them is given, InvalidTransferState for what is over.
        """
        given = [value for value in (to, before, after) if value is not None]
        if len(given) != 1 or isinstance(to, bool) or not isinstance(to, int | None):
            raise InvalidRequest("move() takes one place.", hint="Give to=0 (first), to=-1 (last), before= or after=.")
        other = before if before is not None else after
        if other is not None and not isinstance(other, Operation):
            raise InvalidRequest(f"{shown(other)} is no operation.", hint="Give one of the group's .operations.")

        def order(ids: list[str]) -> list[str]:
            if other is None:
                return groups.moved(ids, op.id, to or 0)
            rest = [i for i in ids if i != op.id]
            if other.id not in rest:
                raise InvalidTransferState(
                    f"{other.path.name} does not wait in the group {self.name!r}.", op_id=other.id
                )
            return groups.moved(ids, op.id, rest.index(other.id) + (after is not None))

        self._reorder(op, order)

    def _reorder(self, op: Operation, order: Callable[[list[str]], list[str]]) -> None:
        if not isinstance(op, Operation):
            raise InvalidRequest(f"{shown(op)} is no operation.", hint="Give one of the group's .operations.")
        moving = {o.id: o.snapshot for o in self.operations}
        if op.id not in moving:
            raise InvalidRequest(f"{op.path.name} is not in the group {self.name!r}.", hint="See its .operations.")
        there = {i: s for i, s in moving.items() if s.phase not in _OUT and s.owner != "orphaned"}
        if op.id not in there:
            why = "interrupted: reattach() first" if moving[op.id].owner == "orphaned" else str(moving[op.id].phase)
            raise InvalidTransferState(f"{op.path.name} has no place in the order: it is {why}.", op_id=op.id)
        had = {i: s.place for i, s in there.items()}
        self._session.place(groups.places(order(list(there)), had))

    # -- steering, and waiting -----------------------------------------------------------------------------------
    def start(self) -> None:
        """Let those go that were made with ``start=False``."""
        self.operations.start()

    def pause(self) -> None:
        """Pause those that can be paused; the last first, so that none begins because another has made room."""
        _backwards(self.operations).pause()

    def resume(self) -> None:
        """Resume those that are paused or have failed."""
        self.operations.resume()

    def retry(self) -> None:
        """Try those again that have failed, each from its part."""
        self.operations.retry()

    def cancel(self, delete_partial: bool = True) -> None:
        """Cancel those that are not over."""
        _backwards(self.operations).cancel(delete_partial)

    def wait(self, timeout: float | None = None, progress: bool = True) -> bool:
        """Wait until all are over; give whether they are (seconds; None: as long as it takes)."""
        return self.operations.wait(timeout, progress)

    def results(self, timeout: float | None = None) -> list[Path]:
        """Give the paths in order; raise an ExceptionGroup of what failed, when all are over."""
        return self.operations.results(timeout)


def _backwards(operations: Iterable[Operation]) -> Batch:
    return Batch(reversed(list(operations)))


def _place(snapshot: Snapshot) -> tuple[float, float, str]:
    return (snapshot.place, snapshot.created, snapshot.id)


def _behavior(given: object) -> Behavior:
    if isinstance(given, str) and given.lower().replace("_", "-") in _WORDS:
        return _WORDS[given.lower().replace("_", "-")]
    if isinstance(given, int) and not isinstance(given, bool) and given in list(Behavior):
        return Behavior(given)
    words = ", ".join(repr(word) for word in _WORDS)
    raise InvalidRequest(f"behavior={shown(given)} is unknown.", hint=f"Give one of {words}.")


def _most(given: object) -> int | None:
    if given is None or (isinstance(given, int) and not isinstance(given, bool)):
        return given
    raise InvalidRequest(
        f"max_parallel={shown(given)} is no whole number.", hint="Give one from 1 up, or leave it out."
    )
