"""Wishes in words, as faces, terminals and other kernels say them, and the events that they are; stories in the log."""

from __future__ import annotations

import logging

from nbxfer.core import events as ev
from nbxfer.core.lifecycle import Operation
from nbxfer.manifest.base import Wish

log = logging.getLogger("nbxfer")

#: Windows' integers.
PRIORITIES = {"default": 0, "high": 1, "low": 2}


def event_of(wish: Wish) -> ev.Event | None:
    """Give the event that a wish is; None for a verb that this version does not know."""
    match wish.verb:
        case "start":
            return ev.StartAsked()
        case "pause":
            return ev.PauseAsked()
        case "resume":
            return ev.ResumeAsked()
        case "retry":
            return ev.RetryAsked()
        case "cancel":
            return ev.CancelAsked(wish.delete_partial)
        case "priority":
            return ev.PriorityAsked(wish.priority)
        case "place":
            return ev.PlaceAsked(wish.place)
        case "hand-over":
            return ev.HandOverAsked(wish.asker)
        case _:
            log.warning("a wish that this version does not know was left aside")
            return None


def say_story(op: Operation, at: float) -> None:
    """Say in the log what happened to an operation at that time."""
    name = op.destination.rpartition("/")[2]
    for entry in op.story:
        if entry.at == at:
            log.debug("%s: %s %s", name, entry.what, entry.detail, extra={"op_id": op.id})
