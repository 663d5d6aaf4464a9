"""Notices on their way to the page: each is told once, to whoever looks and to whoever does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from nbxfer.board import Board

#: Sends one message: its content, and a body that is kept out of the notebook.
Post = Callable[[dict[str, Any], bytes], None]


class Bell:
    """What was not told yet. The notices that were there before the bell are history, but for the last minute's."""

    def __init__(self, board: Board, now: float) -> None:
        self._board, self._told = board, now - 60.0

    def ring(self, post: Post) -> int:
        """Tell what is new; give the number of messages."""
        fresh = self._board.notices(self._told)
        for notice in fresh:
            self._told = notice.at
            content = {"t": "bell", "id": notice.id, "browser": notice.browser}
            post(content, msgspec.json.encode({"title": notice.title, "text": notice.text, "ok": notice.ok}))
        return len(fresh)
