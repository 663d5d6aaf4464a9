"""What happened (in). Wishes come from people; everything else answers an action, and carries its ``serial``."""

from __future__ import annotations

import msgspec

from nbxfer.core.faults import Fault
from nbxfer.core.phases import Stall
from nbxfer.core.probe import Probe
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Before, Published, Seal, Ticket
from nbxfer.core.spec import Spec


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened to one operation.

    As all values here it refers to values only, so that it can be in no cycle: the collector is spared it (``gc``).
    """


# -- wishes ---------------------------------------------------------------------------------------------------------
class StartAsked(Event, frozen=True):
    """A person lets an operation made with ``start=False`` go."""


class PauseAsked(Event, frozen=True):
    """A person wants it to hold, keeping its part."""


class ResumeAsked(Event, frozen=True):
    """A person wants it to go on. What is not None replaces the spec's: ``url`` (stored form) and the others."""

    url: str | None = None
    needs: tuple[str, ...] | None = None
    headers: tuple[tuple[str, str], ...] | None = None
    references: tuple[tuple[str, str], ...] | None = None


class RetryAsked(ResumeAsked, frozen=True):
    """A person wants a failed one to be tried again."""


class CancelAsked(Event, frozen=True):
    """A person does not want it any more."""

    delete_partial: bool = True


class SpecAsked(Event, frozen=True):
    """A person asks for the same again with other options: ``spec`` replaces the old one.

    ``before`` is what stands at the destination now; it counts where nothing is in flight.
    """

    spec: Spec
    before: Before | None = None


class PriorityAsked(Event, frozen=True):
    """A person re-orders: 0 default, 1 high, 2 low."""

    priority: int


class PlaceAsked(Event, frozen=True):
    """A person re-orders a group: a smaller ``place`` goes first."""

    place: float


class AccessAsked(ResumeAsked, frozen=True):
    """A person gives a new URL, headers or credentials to what rests; it goes on when it is asked to."""


class BandwidthAsked(Event, frozen=True):
    """A person sets how fast it may be: bytes a second, None for as fast as it can."""

    rate: int | None


class CostPolicyAsked(Event, frozen=True):
    """A person says on which networks it may move: Windows' integers; None for what the session says."""

    policy: int | None


class UnconstrainedAsked(Event, frozen=True):
    """A person lets it go on although the machine is short of battery or memory; cost is another matter."""


class HandOverAsked(Event, frozen=True):
    """Another living process of the same person asks to own this; ``to`` is its owner id."""

    to: str


# -- the engine's own ----------------------------------------------------------------------------------------------
class SlotFree(Event, frozen=True):
    """There is room to run, over up to ``connections`` where the spec does not say how many."""

    connections: int = 1


class SecretsMissing(Event, frozen=True):
    """What the spec needs (credentials, a signed URL) is not in this process."""

    what: tuple[str, ...]


class Refused(Event, frozen=True):
    """One of many could not be accepted: it is shown as failed, and the others go on."""

    fault: Fault


class HostBusy(Event, frozen=True):
    """Its server has asked everybody to wait ``seconds``; it costs no try."""

    seconds: float
    fault: Fault


class Held(Event, frozen=True):
    """The surroundings forbid that it moves: a network that is too dear, none at all, an empty battery."""

    stall: Stall
    fault: Fault


class DeadlineOver(Event, frozen=True):
    """The time that a person gave it is over."""


class Noted(Event, frozen=True):
    """Something that its story should tell: a listener that failed."""

    what: str
    detail: str = ""


class TurnOver(Event, frozen=True):
    """Others go first now; it waits for its next turn."""


class TimeCome(Event, frozen=True):
    """The time has come before which it was not to begin."""


class ConditionMet(Event, frozen=True):
    """The answer to Wait, AwaitRoom and AwaitClearance: the time has come, there is room, the way is free."""

    serial: int


# -- answers to actions --------------------------------------------------------------------------------------------
class Probed(Event, frozen=True):
    """The source answered and its body stands open; ``held`` is what of our part was found good on the disk.

    ``restarted`` says that the body is of another version than was pinned, from its first byte. ``checksum`` is what
    the file of checksums says of it ("sha256:hex"), where one was to be read.
    """

    serial: int
    probe: Probe
    held: RangeSet
    restarted: bool = False
    checksum: str | None = None


class Unchanged(Event, frozen=True):
    """The source is still what lies at the destination."""

    serial: int
    published: Published


class AllHere(Event, frozen=True):
    """Every byte was found on the disk; nothing has to be asked for."""

    serial: int
    held: RangeSet


class ProbeLost(Event, frozen=True):
    """No usable answer."""

    serial: int
    fault: Fault
    held: RangeSet | None = None


class BlocksLanded(Event, frozen=True):
    """News on the way, at most ten times a second: all that is held now. Not an answer."""

    serial: int
    held: RangeSet
    refetched: int = 0


class Begun(Event, frozen=True):
    """An upload was begun at the far side: written down before a byte goes there. Not an answer."""

    serial: int
    ticket: Ticket


class RangeLanded(Event, frozen=True):
    """The fetch came to its end: all it was asked for is held (``size`` is told when only the end told it)."""

    serial: int
    held: RangeSet
    size: int | None = None
    length_proven: bool = True


class RangeLost(Event, frozen=True):
    """The fetch broke; what is held is held."""

    serial: int
    fault: Fault
    held: RangeSet


#: What brings a fault of the source; named once, for it is asked of every event.
LOST = (ProbeLost, RangeLost)


class CutShort(Event, frozen=True):
    """The action was stopped on our own wish; what is held is held (None: nothing was looked at)."""

    serial: int
    held: RangeSet | None = None


class Verified(Event, frozen=True):
    """The part is whole and synced. ``by`` is an integrity word: digest, store checksum, validator, nothing."""

    serial: int
    seal: Seal
    by: str


class Mismatched(Event, frozen=True):
    """The part is not what it should be; ``held`` are the blocks that are still good."""

    serial: int
    fault: Fault
    held: RangeSet


class VerifyLost(Event, frozen=True):
    """The disk failed while verifying."""

    serial: int
    fault: Fault


class Committed(Event, frozen=True):
    """The final name is there."""

    serial: int
    published: Published


class CommitLost(Event, frozen=True):
    """The final name could not be given (something is in the way, the part is gone, the disk failed)."""

    serial: int
    fault: Fault


class Discarded(Event, frozen=True):
    """Part and block log are gone (or were left, when that was the wish)."""

    serial: int


class NameTaken(Event, frozen=True):
    """An answer to Commit: something else has that name, and ``path`` is free. Only where the server chose the name."""

    serial: int
    path: str


class Refreshed(Event, frozen=True):
    """What ``refresh`` gave is in force: a new URL (stored form), credentials, or both."""

    serial: int
    url: str | None = None
    needs: tuple[str, ...] | None = None
    headers: tuple[tuple[str, str], ...] | None = None
    references: tuple[tuple[str, str], ...] | None = None


class RefreshLost(Event, frozen=True):
    """``refresh`` failed, or gave nothing usable."""

    serial: int
    fault: Fault
