"""Many small files by a mover: it fetches them, each into its part, and names them when that is saved.

Where the last files of a host were small (``Streak``) and a mover can be had, what rides goes this way; until the mover
is there, and wherever it cannot be used, by the gang. The turn saves and tells what comes, as of any other; the order
is that of a single file: bytes on the disk, the decision on the disk, the name, the folder on the disk, done.

Called on the loop; what speaks with the mover is in crossing.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import url as urls
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import Phase
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.core.spec import Spec
from nbxfer.engine import platform
from nbxfer.engine.crossing import Crossing
from nbxfer.engine.digests import hashed, known
from nbxfer.engine.finishing import mismatch
from nbxfer.engine.movers import Movers
from nbxfer.engine.pace import Pace
from nbxfer.engine.pier import Passenger

Planned = tuple[Operation, do.Action]
#: Where so many wait behind small files that ride, or are asked for in one go, a mover is called for them.
MANY: Final = 200


class Ferry:
    """Who is aboard. ``anew`` performs actions the usual way; ``shared`` is the pace of all operations together."""

    def __init__(
        self, crossing: Crossing, movers: Movers | None, shared: Pace, anew: Callable[[Sequence[Planned]], None]
    ) -> None:
        self._crossing, self._movers, self._shared = crossing, movers, shared
        self._anew = anew
        self._aboard: dict[str, Passenger] = {}
        crossing.wrecked = self._wrecked

    def open(self) -> bool:
        """Say whether a mover is there, and waits for more."""
        return self._crossing.open

    def expect(self, new: Sequence[Operation]) -> None:
        """Have a mover come for a long list: it is there when the first of them have shown that they are small."""
        if len(new) > MANY and all(op.phase is Phase.QUEUED and self._takes(op.spec) for op in (new[0], new[-1])):
            self.call()

    def call(self) -> None:
        """Have a mover come, where that may be worth it."""
        movers = self._movers
        if movers is not None and not self._crossing.open and movers.why_not is None and platform.processors() > 1:
            self._crossing.call(movers)

    def fits(self, op: Operation, action: do.Probe) -> bool:
        """Say whether it is a plain file of the web of which nothing is here, and whose first request this is."""
        first = action.serial == 1 and action.epoch == 1 and op.before is None and op.ticket is None
        if not (self._crossing.open and first and self._takes(op.spec)):
            return False
        return self._crossing.serves(urls.server(op.spec.url), time.monotonic())

    def _takes(self, spec: Spec) -> bool:
        """Say whether it is a plain file of the web, as far as its spec tells, and nothing is limited."""
        web = spec.url.startswith(("https://", "http://"))
        plain = web and spec.kind == "download" and not spec.far and spec.naming == "url"
        odd = spec.adopted or spec.random_access or spec.checksum_at is not None or spec.preserve_mtime
        bounded = spec.expect_size is not None or spec.max_size is not None
        limited = spec.bandwidth is not None or self._shared.rate is not None
        return plain and not (odd or bounded or limited)

    def take(self, planned: Sequence[Planned], rides: Callable[[str], bool]) -> list[Planned]:
        """Take what is for here, and give what is left; ``rides`` says of an operation whether it waits to be taken."""
        left: list[Planned] = []
        new: list[Passenger] = []
        named: list[Passenger] = []
        for op, action in planned:
            match action:
                case do.Stop() if self.stop(op.id):
                    pass
                case do.Commit() if (one := self._to_be_named(op, action)) is not None:
                    named.append(one)
                case do.Probe() if rides(op.id) and self.fits(op, action):
                    new.append(Passenger(op.id, op.spec, action, urls.server(op.spec.url)))
                case do.Probe():
                    self.forget(op.id)
                    left.append((op, action))
                case _:
                    left.append((op, action))
        if named:
            self._crossing.name(named)
        if new:
            self._aboard.update((one.op_id, one) for one in new)
            self._crossing.add(new)
        return left

    def _to_be_named(self, op: Operation, action: do.Commit) -> Passenger | None:
        """Give who is to be named, where its part is the one that came this way."""
        one = self._aboard.get(op.id)
        if one is None or one.catch is None or action.path or one.catch.seal.inode != action.seal.inode:
            return None
        one.op, one.commit = op, action
        return one

    def stop(self, op_id: str) -> bool:
        """Have one come home; say whether it is aboard."""
        one = self._aboard.get(op_id)
        if one is None or one.catch is not None:  # what has come is dealt with the usual way
            return False
        one.stopped = True
        self._crossing.drop([one])
        return True

    def stop_all(self) -> None:
        """Have all come home that are asked for; what is being named gets its name."""
        for one in self._aboard.values():
            one.stopped = True
        self._crossing.drop(list(self._aboard.values()))

    def forget(self, op_id: str) -> None:
        """Drop what is known of one that rests, or goes another way."""
        self._aboard.pop(op_id, None)

    def close(self) -> None:
        """Have the worker come home."""
        self._aboard.clear()
        self._crossing.close()

    def answer(self, op_id: str, action: do.Action) -> ev.Event | None:
        """Give the answer to an action that has been done for it already; None where it is to be done."""
        one = self._aboard.get(op_id)
        if one is None or one.catch is None:
            return None
        seal, size = one.catch.seal, one.catch.seal.size
        if isinstance(action, do.Fetch) and action.fresh and (action.epoch, action.size) == (one.epoch, size):
            return ev.RangeLanded(action.serial, RangeSet((ByteRange(0, size),)), size, length_proven=True)
        if not isinstance(action, do.Verify) or (action.epoch, action.size) != (one.epoch, size) or action.mtime:
            return None
        wanted, found = action.checksum, one.catch.checksum
        if wanted is not None and not known(wanted.partition(":")[0]) and action.by != "digest":
            wanted = None  # in words that nobody here knows
        if wanted is None:
            return ev.Verified(action.serial, seal, "nothing")
        if found == wanted:
            digest = wanted if hashed(wanted.partition(":")[0]) else None
            return ev.Verified(action.serial, msgspec.structs.replace(seal, digest=digest), action.by)
        if found.partition(":")[0] != wanted.partition(":")[0]:
            return None
        return ev.Mismatched(action.serial, mismatch(found, wanted, action.by), RangeSet.of([(0, size)]))

    def _wrecked(self, named: Sequence[Passenger]) -> None:
        """The mover has died while it gave these their names: have that done again, the usual way."""
        again = [(one.op, one.commit) for one in named if one.op is not None and one.commit is not None]
        for one in named:
            self.forget(one.op_id)
        self._anew([(op, commit) for op, commit in again if commit.serial in op.in_flight])
