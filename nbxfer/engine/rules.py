"""What holds for the groups of a home: a card each, read by every process that runs one of a group."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from nbxfer.core.groups import Rule
from nbxfer.errors import InvalidRequest
from nbxfer.manifest.base import Card, Manifest

log = logging.getLogger("nbxfer")

KIND: Final = "groups"
_read = msgspec.json.Decoder(Rule).decode


def stored(manifest: Manifest, group: str) -> Rule | None:
    """Give what holds for a group; None where nobody has made it."""
    card = manifest.card(KIND, group)
    if card is None:
        return None
    try:
        return _read(card.text)
    except (msgspec.MsgspecError, ValueError):
        log.warning("what holds for the group %r cannot be read; it runs as any other operation does", group)
        return Rule()


def store(manifest: Manifest, group: str, rule: Rule) -> None:
    """Say what holds for a group. Raises NoSpace, AccessDenied, StorageFailed."""
    manifest.put_card(Card(KIND, group, msgspec.json.encode(rule).decode()))


def require(manifest: Manifest, group: str) -> Rule:
    """Give what holds for a group. Raises InvalidRequest where nobody has made it."""
    found = stored(manifest, group)
    if found is not None:
        return found
    names = ", ".join(repr(card.name) for card in manifest.cards(KIND)[:5])
    there = f"The groups here are: {names}." if names else "There are none yet."
    raise InvalidRequest(f"There is no group {group!r}.", hint=f"Make it: nbxfer.Group({group!r}). {there}")
