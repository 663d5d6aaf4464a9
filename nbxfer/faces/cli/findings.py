"""What a doctor's look can find: one sentence, how bad it is, and what to do."""

from __future__ import annotations

from typing import Final

import msgspec

OK: Final = "ok"
NOTE: Final = "note"
PROBLEM: Final = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One thing found. ``state`` is "ok", "note" or "problem"; ``advice`` says what to do, where there is something."""

    check: str
    state: str
    text: str
    advice: str = ""
