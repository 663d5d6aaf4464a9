"""Everything needed to show and resume one operation: the whole state, never a delta, a few hundred bytes."""

from __future__ import annotations

import msgspec

from nbxfer.core.faults import Fault
from nbxfer.core.phases import Phase, Stall
from nbxfer.core.probe import Claim, Validator
from nbxfer.core.spec import Spec


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of an operation's story: when (Unix seconds), what, and a word of detail."""

    at: float
    what: str
    detail: str = ""


class Seal(msgspec.Struct, frozen=True, gc=False):
    """What the committing record says of the finished part, so that the file can be known again after a crash."""

    size: int
    device: int
    inode: int
    digest: str | None = None  # "sha256:hex" where one was asked for
    crc32c: int | None = None


class Published(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What lies at the destination when it is done. ``mtime_ns`` and ``size`` tell later whether it was touched."""

    path: str
    size: int
    mtime_ns: int
    integrity: str = "nothing"  # digest · store checksum · validator · answer · nothing
    atomic: bool = True  # False where the file system could not publish without a gap
    revalidated: bool = True  # False where the server could not be asked whether it still is the newest
    version: str = ""  # what a store calls it (version id, generation, ETag)
    http_status: int | None = None  # of what was sent to a server of the web: what it answered
    headers: tuple[tuple[str, str], ...] = ()  # the same; those only that are known to be no secret


class Before(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What stood at the destination when the operation was accepted and may be replaced by it.

    ``ours`` is true when nbxfer finished that file itself and it is untouched since; ``validator`` is then what the
    server called that version.
    """

    size: int
    mtime_ns: int
    ours: bool = False
    validator: Validator | None = None
    integrity: str = "nothing"
    version: str = ""  # what the store called it

    def published(self, path: str, *, revalidated: bool) -> Published:
        """Give the result of an operation that leaves this file as it is."""
        return Published(path, self.size, self.mtime_ns, self.integrity, revalidated=revalidated)


class Ticket(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a far side has to be told to go on with an upload that was begun there: written down before it is used.

    ``place`` is what it is called there (an upload id, a temporary name); never a secret: where it is one, ``place``
    is "" and the upload begins anew in another process. All pieces but the last have ``unit`` bytes (0: the whole
    object is one piece). ``epoch`` is that of the version it is of. ``once``: what was begun with it may have been
    done already, and is done again only when a person says so.
    """

    epoch: int
    place: str = ""
    unit: int = 0
    once: bool = False


class Record(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The stored state of one operation.

    ``received`` is in bytes, for showing only: which bytes are here stands in the block log. ``fresh_since`` is the
    first epoch whose part belongs to the pinned version: parts of older epochs are rubbish.
    """

    id: str
    epoch: int
    spec: Spec
    phase: Phase
    created: float
    changed: float
    fresh_since: int = 1
    size: int | None = None
    validator: Validator | None = None
    received: int = 0
    refetched: int = 0
    restarts: int = 0
    retries: int = 0
    verified_by: str = ""
    stall: Stall | None = None
    due: float | None = None
    fault: Fault | None = None
    before: Before | None = None
    seal: Seal | None = None
    published: Published | None = None
    response: tuple[tuple[str, str], ...] = ()
    http_status: int | None = None
    final_url: str = ""
    keep_part: bool = False  # what a cancel was asked to do
    handed_to: str | None = None  # the owner who may go on with it, after a hand-over
    story: tuple[Entry, ...] = ()
    tied: bool = False  # every byte that is held came under the one strong validator
    named: str = ""  # the path that the server's name led to; "": the destination's own
    claims: tuple[Claim, ...] = ()  # what the server says of the pinned version
    listed: str | None = None  # what the file of checksums says of it
    modified: float | None = None  # when the pinned version was made (Unix time), as the server says
    refreshes: int = 0  # since bytes last came
    unproven: int = 0  # parts up to this epoch may still be written to by an owner that fell silent: only cloned
    ticket: Ticket | None = (
        None  # of the upload that was begun last; of an older epoch than fresh_since: to be given up
    )
