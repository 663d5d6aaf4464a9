"""What a front end may say: a few messages, each with its form. All else is dropped, and logged without its words.

A message comes from whoever can write to the kernel, also from a page that shows a notebook of somebody else: so it
may name verbs and known ids, and nothing else. What holds a secret is taken from the control channel alone, whose
messages no front end keeps; it goes to the front desk in this process and nowhere else.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec

from nbxfer.core.snapshot import Snapshot
from nbxfer.errors import TransferError
from nbxfer.faces.panel import rows
from nbxfer.faces.panel.feed import Feed
from nbxfer.faces.panel.rows import Desk
from nbxfer.session.operation import Operation

if TYPE_CHECKING:
    from nbxfer.session import Session

log = logging.getLogger("nbxfer")

Word = Annotated[str, msgspec.Meta(max_length=200)]
Secret = Annotated[str, msgspec.Meta(max_length=20_000)]


#: What is no wish of one operation: it may take its time, on a thread that may wait.
_APART = frozenset({"ask", "first"})


class Hello(msgspec.Struct, tag="hello", tag_field="t"):
    """A front end listens and wants everything; ``who`` tells it from others, ``kernel`` is that of its widget."""

    visible: bool = True
    who: Word = ""
    kernel: Word = ""


class See(msgspec.Struct, tag="see", tag_field="t"):
    """Somebody looks at it now, or not any more."""

    visible: bool = True
    who: Word = ""


class Wished(msgspec.Struct, tag="wish", tag_field="t"):
    """A click in a row."""

    id: Word
    verb: Word
    keep: bool = False
    priority: Literal[0, 1, 2] | None = None


class All(msgspec.Struct, tag="all", tag_field="t"):
    """A click that concerns many: all that a view shows, or those of one group."""

    verb: Word
    only: Word = ""
    group: Word | None = None


class Story(msgspec.Struct, tag="story", tag_field="t"):
    """The details of a row are open."""

    id: Word


class Limit(msgspec.Struct, tag="limit", tag_field="t"):
    """The limit of all transfers together: "5 MB/s", bytes a second, or None for no limit."""

    rate: Annotated[str, msgspec.Meta(max_length=40)] | Annotated[int, msgspec.Meta(gt=0)] | None = None


class Given(msgspec.Struct, tag="give", tag_field="t"):
    """What a person typed into a row that waits for it."""

    id: Word
    verb: Literal["resume", "retry"]
    url: Secret = ""
    user: Secret = ""
    password: Secret = ""
    token: Secret = ""

    def __repr__(self) -> str:
        return f"<{self.verb} of {self.id}, with what was typed>"


Said = Hello | See | Wished | All | Story | Limit | Given


def hear(desk: Desk, feed: Feed, content: object, *, private: bool = False) -> str:
    """Do what a front end asks; give "ok", "refused" or "unknown". ``private``: it came by the control channel."""
    try:
        said = msgspec.convert(content, Said)
    except (msgspec.ValidationError, RecursionError):
        return _dropped("it has no form that is known")
    match said:
        case Hello():
            feed.hello(said.who, visible=said.visible, kernel=said.kernel)
        case See():
            feed.hello(said.who, keyframe=False, visible=said.visible)
        case Wished():
            return _wish(desk, feed, said)
        case All():
            return _all(desk, feed, said)
        case Story() if feed.knows(said.id):
            feed.tell_story(said.id)
        case Limit():
            return _limit(desk, feed, said.rate)
        case Given() if private and feed.knows(said.id):
            _pass(desk, feed, said.id, said.verb, **_typed(said))
        case _:
            return _dropped("it names nothing that is shown here, or came by the wrong way")
    return "ok"


def _dropped(why: str) -> str:
    log.warning("a message of a front end was dropped: %s", why)
    return "unknown"


def _wish(desk: Desk, feed: Feed, said: Wished) -> str:
    if said.verb not in rows.VERBS or not feed.knows(said.id):
        return _dropped("a wish for what nobody knows")
    if said.verb in _APART:
        desk.apart(lambda: _ask(desk, feed, said.id, said.verb))
        return "ok"
    fields: dict[str, Any] = {}
    if said.verb == "priority":
        if said.priority is None:
            return _dropped("a priority that is none")
        fields["priority"] = said.priority
    if said.verb == "cancel" and said.keep:
        fields["delete_partial"] = False
    return _pass(desk, feed, said.id, said.verb, **fields)


def _pass(desk: Desk, feed: Feed, op_id: str, verb: str, **fields: Any) -> str:
    try:
        desk.wish(op_id, verb, lambda text: feed.note(op_id, text), **fields)
    except TransferError as error:
        feed.note(op_id, str(error))
        return "refused"
    return "ok"


def _ask(desk: Desk, feed: Feed, op_id: str, verb: str) -> None:
    try:
        if verb == "first":
            Operation(cast("Session", desk), op_id).make_current()
            return
        desk.ask_for(op_id)
        feed.note(op_id, "The other kernel was asked to hand it over.")
    except TransferError as error:
        feed.note(op_id, str(error))
    except Exception:
        log.exception("%s failed; please report this", verb, extra={"op_id": op_id})


def _all(desk: Desk, feed: Feed, said: All) -> str:
    ids = feed.scoped(said.only) if said.only else None
    if said.verb not in rows.FOR_MANY or (said.only and ids is None):
        return _dropped("a wish for many that nobody knows")

    def work() -> None:
        for snapshot in feed.shown(ids):
            if _fits(snapshot, said):
                _pass(desk, feed, snapshot.id, said.verb)

    desk.apart(work)
    return "ok"


def _fits(snapshot: Snapshot, said: All) -> bool:
    """Whether a click for many means this one: what waits for a person, or has failed, is not simply resumed."""
    if said.group is not None and rows.group(snapshot) != said.group:
        return False
    if snapshot.owner == "theirs" or said.verb not in rows.verbs(snapshot):
        return False
    return said.verb == "cancel" or not (snapshot.needs_person and rows.ways(snapshot))


def _limit(desk: Desk, feed: Feed, rate: str | int | None) -> str:
    if not hasattr(desk, "bandwidth"):
        return _dropped("this desk has no limit")
    try:
        desk.bandwidth = rate
    except TransferError as error:
        feed.note("", str(error))
        return "refused"
    feed.look()
    return "ok"


def _typed(said: Given) -> dict[str, Any]:
    """Give the fields of a wish; what was left empty stays as it was."""
    fields: dict[str, Any] = {"url": said.url.strip()} if said.url.strip() else {}
    if said.token:
        fields["headers"] = {"Authorization": f"Bearer {said.token.strip()}"}
    elif said.user or said.password:
        fields["auth"] = (said.user, said.password)
    return fields
