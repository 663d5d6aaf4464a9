"""A look at a home by a program that does nothing else: what is there, without the engine and what that needs.

A session shows the same; to make one takes most of a second of processor time, and a list should be there at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nbxfer.board import Board
from nbxfer.core.snapshot import Snapshot
from nbxfer.errors import InvalidRequest
from nbxfer.manifest.folder import FolderManifest
from nbxfer.session import config, looking


class Seen:
    """One operation, as it was when it was looked at."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @property
    def id(self) -> str:
        """Its id, which never changes."""
        return self.snapshot.id


class Glance:
    """The operations of a home (as for Session), of every notebook and terminal. Nothing is written or started."""

    def __init__(self, home: str | Path | None = None) -> None:
        self.home = Path(config.get("home", home))
        self.board = Board()
        self._manifest = FolderManifest(self.home)

    def operations(self, status: None = None, group: str | None = None, scope: str = "all") -> Sequence[Seen]:
        """List all, or those of a group, in the order of their making. Raises InvalidRequest."""
        if scope != "all":
            raise InvalidRequest("A glance shows everything.", hint="Ask a Session.")
        looking.others((), self._manifest, self.board)
        shown = sorted(self.board.all(), key=lambda s: s.created)
        return [Seen(s) for s in looking.in_group(self._manifest, self.board, shown, group)]

    def find(self, prefix: str) -> Seen:
        """Give the operation whose id begins with ``prefix``. Raises InvalidRequest where none or several do."""
        found = {one.id: one for one in self.operations()}
        return found[looking.one_of(list(found), prefix)]

    def history(self, limit: int = 50) -> list[Snapshot]:
        """Give what was done, canceled or failed last, newest first, also in processes that have left."""
        return looking.ended_lately((), self._manifest, self.board, limit)
