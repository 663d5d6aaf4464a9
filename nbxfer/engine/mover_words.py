"""What kernel and mover tell each other.

Ranges are pairs (start, stop), stop exclusive. ``task`` numbers what one mover has to do: a fetch, or many small files.
"""

from __future__ import annotations

import sys
from typing import Final

import msgspec

from nbxfer.core.faults import Fault
from nbxfer.core.policy import Patience
from nbxfer.core.probe import Probe, Validator, Want
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.core.record import Published, Seal
from nbxfer.wire.prepared import Prepared

#: To be counted up with every change of what is said.
PROTOCOL: Final = 2

Pairs = tuple[tuple[int, int], ...]


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Anything that is said."""


# -- by the kernel -------------------------------------------------------------------------------------------------
class Order(Message, frozen=True):
    """A fetch begins; beside it come the descriptors of the part and of its block log."""

    task: int
    prepared: Prepared
    size: int
    pinned: Validator
    patience: Patience
    lanes: int


class Lease(Message, frozen=True):
    """These bytes are the mover's to fetch."""

    task: int
    pairs: Pairs


class Breadth(Message, frozen=True):
    """So many connections there may be from now on."""

    task: int
    lanes: int


class Wanted(Message, frozen=True):
    """Readers wait for these."""

    task: int
    pairs: Pairs


class Grant(Message, frozen=True):
    """So many bytes more may come, at about ``rate`` bytes a second; None: there is no limit."""

    task: int
    more: int
    rate: int | None


class Verdict(Message, frozen=True):
    """What follows from answer ``number``: ask by ``prepared`` from now on, or take ``fault`` for it."""

    task: int
    number: int
    prepared: Prepared | None = None
    fault: Fault | None = None


class Halt(Message, frozen=True):
    """Come home at once, say Done, and forget the task."""

    task: int


#: The status of what was not asked for at all, and those after which a server is left alone.
NOT_ASKED: Final = -1
LEAVE_ALONE: Final = frozenset((429, 503))


# -- by the kernel, of small files ---------------------------------------------------------------------------------
class Server(Message, frozen=True):
    """Files may be asked of server ``number`` from now on: as ``prepared`` says, by up to ``lanes`` connections.

    ``text`` is what their paths are put behind. Said again, it changes what it says.
    """

    task: int
    number: int
    text: str
    prepared: Prepared
    patience: Patience
    lanes: int


class Errand(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One small file: its ``path`` at the server, where it is to land, the algorithm that it is to be added up by.

    ``believe``: where none is named, the server's own is added up.
    """

    number: int
    path: str
    destination: str
    op_id: str
    epoch: int
    algorithm: str = ""
    believe: bool = True


class Errands(Message, frozen=True):
    """Fetch these, each into a part of its own."""

    task: int
    server: int
    errands: tuple[Errand, ...]


class Drop(Message, frozen=True):
    """These are not wanted any more."""

    task: int
    numbers: tuple[int, ...]


class Naming(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One part that is to get its final name, ``path``, where nothing has that."""

    number: int
    path: str
    op_id: str
    epoch: int
    seal: Seal


class Names(Message, frozen=True):
    """That they are to get these names is written down; ``mask`` is the kernel's umask."""

    task: int
    mask: int
    names: tuple[Naming, ...]


# -- by the mover, of small files ------------------------------------------------------------------------------------
class Catch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file that is whole, in its part, on the disk; ``checksum`` is what it adds up to, where that was asked for."""

    number: int
    probe: Probe
    seal: Seal
    checksum: str = ""


class Caught(Message, frozen=True):
    """These have come."""

    task: int
    catches: tuple[Catch, ...]


class Missed(Message, frozen=True):
    """These have not: (number, status of the answer; 0 where there was none that was understood; or NOT_ASKED)."""

    task: int
    numbers: tuple[tuple[int, int], ...]


class Given(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part has its name, and that is on the disk; or why it has not."""

    number: int
    published: Published | None
    fault: Fault | None = None


class Named(Message, frozen=True):
    """What became of Names."""

    task: int
    given: tuple[Given, ...]


# -- by the mover --------------------------------------------------------------------------------------------------
class Hello(Message, frozen=True):
    """It is there, still. ``stamp`` is that of its code: another one may lie on the disk since the kernel began."""

    stamp: str


class Landed(Message, frozen=True):
    """All that has landed since the task began; ``again`` bytes came that were here, ``spent`` came in all."""

    task: int
    pairs: Pairs
    again: int
    spent: int
    lanes: int


class Answered(Message, frozen=True):
    """Another answer than the one that was expected."""

    task: int
    number: int
    want: Want
    status: int
    headers: tuple[tuple[str, str], ...]


class Shut(Message, frozen=True):
    """The server asks to be left alone for so many seconds."""

    task: int
    seconds: float
    fault: Fault


class Done(Message, frozen=True):
    """A lease is over: all of it landed, or ``fault`` ended it. ``refused``: the server gives no parts.

    ``last``: nothing of the task is under way any more, nor will be.
    """

    task: int
    pairs: Pairs
    again: int
    fault: Fault | None = None
    refused: bool = False
    most_lanes: int | None = None
    last: bool = False


Fetching = Order | Lease | Breadth | Wanted | Grant | Verdict | Landed | Answered | Shut | Done
Small = Server | Errands | Drop | Names | Caught | Missed | Named
Words = Fetching | Small | Halt | Hello
encode: Final = msgspec.msgpack.Encoder().encode
decode: Final = msgspec.msgpack.Decoder(Words).decode


def stamp() -> str:
    """Give what two processes must have in common to understand each other."""
    return f"{getattr(sys.modules['nbxfer'], '__version__', '')} {PROTOCOL} {BLOCK}"


def pairs_of(ranges: RangeSet) -> Pairs:
    """Give the ranges as they are sent."""
    return tuple((r.start, r.stop) for r in ranges)
