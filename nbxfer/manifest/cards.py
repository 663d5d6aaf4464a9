"""Cards: small things that are said once and read by whoever comes later, such as what holds for a group.

A card is a file of its own, replaced whole: written aside, synced, renamed. One may be in the *hands* of an owner; that
stands in its name. Taking it out of the hands of somebody who is gone is a rename, and a rename has one winner.
"""

from __future__ import annotations

import os
import re
from typing import Final

import msgspec

from nbxfer.manifest import storage
from nbxfer.manifest.base import Card
from nbxfer.manifest.layout import Layout

_LARGEST: Final = 8 * 1024 * 1024  # bytes of a card: the ids of many operations
_NAME: Final = re.compile(r"[0-9a-f]{32}(?:\.[0-9a-f]{8,32})?\.json")
_read = msgspec.json.Decoder(Card).decode


def put(layout: Layout, card: Card) -> None:
    """Write a card, in place of the one that was there; it is on the disk then. Raises NoSpace, StorageFailed."""
    with storage.doing("What is to be remembered could not be written"):
        os.makedirs(layout.folder(card.kind), 0o700, exist_ok=True)
        storage.write_aside(layout.card(card.kind, card.name, card.owner), msgspec.json.encode(card), sync=True)


def one(layout: Layout, kind: str, name: str) -> Card | None:
    """Give a card that is in nobody's hands."""
    card = _card(layout.card(kind, name))
    return card if card is not None and (card.kind, card.name) == (kind, name) else None


def every(layout: Layout, kind: str) -> list[Card]:
    """Give all cards of a kind; what cannot be read is left out."""
    folder = layout.folder(kind)
    try:
        names = sorted(filter(_NAME.fullmatch, storage.names(folder)))
    except OSError:
        return []
    cards = []
    for name in names:
        card = _card(os.path.join(folder, name))
        if card is not None:
            parts = name.split(".")
            cards.append(msgspec.structs.replace(card, owner=parts[1] if len(parts) == 3 else ""))
    return cards


def _card(path: str) -> Card | None:
    try:
        data = storage.read_small(path, _LARGEST)
        return _read(data) if data is not None else None
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None


def take(layout: Layout, card: Card, owner: str) -> Card | None:
    """Take a card into the hands of ``owner``; None where somebody else was quicker."""
    try:
        os.rename(layout.card(card.kind, card.name, card.owner), layout.card(card.kind, card.name, owner))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage.translated(error, "What is to be remembered could not be taken over") from None
    return msgspec.structs.replace(card, owner=owner)


def drop(layout: Layout, card: Card) -> bool:
    """Remove a card; False where it was not there any more."""
    return storage.remove(layout.card(card.kind, card.name, card.owner))
