"""A front desk without an engine: shows the snapshots it is given, and writes down what it is asked.

For tests of faces, and of programs that drive nbxfer. Nothing sleeps: each ``wait`` and ``refresh`` takes the next
snapshot of an operation's script, if it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from nbxfer import errors
from nbxfer.board import Board
from nbxfer.core import faults
from nbxfer.core import url as urls
from nbxfer.core.phases import LIVE, Phase
from nbxfer.core.snapshot import Snapshot, reason_of, status_of
from nbxfer.testing.pictures import snapshot

__all__ = ["FakeOperation", "FakeSession", "snapshot"]


class FakeOperation:
    """A handle whose snapshot anybody may set; what is asked of it is written down in ``session.asked``."""

    def __init__(self, session: FakeSession, op_id: str) -> None:
        self.session, self.id = session, op_id

    @property
    def snapshot(self) -> Snapshot:
        """The latest snapshot."""
        found = self.session.board.get(self.id)
        assert found is not None, f"nobody showed a snapshot of {self.id}"
        return found

    @property
    def error(self) -> errors.TransferError | None:
        """Why it failed, or waits for a person."""
        fault = self.snapshot.fault
        return faults.to_error(fault, self.id) if fault else None

    def start(self) -> None:
        """Let it go."""
        self.session.ask(self.id, "start")

    def pause(self) -> None:
        """Ask it to pause."""
        self.session.ask(self.id, "pause")

    def resume(self, url: str | None = None, headers: Any = None, auth: Any = None, **more: Any) -> None:
        """Ask it to go on."""
        self.session.ask(self.id, "resume", url=url, headers=headers, auth=auth, **more)

    def retry(self, url: str | None = None, headers: Any = None, auth: Any = None, **more: Any) -> None:
        """Ask it to try again."""
        self.session.ask(self.id, "retry", url=url, headers=headers, auth=auth, **more)

    def cancel(self, delete_partial: bool = True) -> None:  # noqa: FBT001, FBT002 -- the handle's own form
        """Ask it to end."""
        self.session.ask(self.id, "cancel", delete_partial=delete_partial)

    def done(self) -> bool:
        """Whether it is over, well or not."""
        return self.snapshot.phase not in LIVE

    def wait(self, timeout: float | None = None, progress: bool = True) -> bool:  # noqa: FBT001, FBT002 -- the same
        """Take the next step of its script; say whether it is over. Without a timeout, play the script to its end."""
        self.session.step(self.id)
        while timeout is None and not self.done() and self.session.step(self.id):
            pass
        return self.done()


class FakeSession:
    """A front desk for tests.

    ``asked`` lists (operation id, verb, fields) in order; ``downloads`` lists (url or urls, dest, options), once for
    each call; ``accepted`` counts their operations. ``ended`` is the history, newest first; ``lying`` are the
    leftovers, ``ages`` how old they had to be, each time somebody asked (seconds). ``answer`` makes
    the operation of a download: it gives its snapshots, first to last (an exception among them is raised when it is
    its turn), or raises a TransferError. ``refuse`` maps
    (operation id, verb) to the error that the wish raises, ``on_ask`` an operation id to the snapshot that it has after
    a wish. ``closed`` counts the calls of close.
    """

    def __init__(self, snapshots: Iterable[Snapshot] = (), home: Path | str = "/home/you/.local/state/nbxfer") -> None:
        self.home = Path(home)
        self.app, self.notebook = "", ""
        self.frozen: list[tuple[Any, Any, Any]] = []
        self.restored: list[tuple[Any, Any, dict[str, Any]]] = []
        self.board = Board()
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.downloads: list[tuple[Any, str | Path | None, dict[str, Any]]] = []
        self.adopted: list[tuple[str | Path, str, str | Path | None, bool, dict[str, Any]]] = []
        self.accepted = 0
        self.ended: list[Snapshot] = []
        self.lying: list[Any] = []
        self.ages: list[float | None] = []
        self.answer: Callable[..., Sequence[Snapshot | BaseException]] = self._answer
        self.refuse: dict[tuple[str, str], errors.TransferError] = {}
        self.refreshed = self.closed = 0
        self.on_ask: dict[str, Snapshot] = {}
        self.patience: float | None = None
        self.attended: list[str] = []
        self.bandwidth: Any = None
        self._scripts: dict[str, Iterator[Snapshot | BaseException]] = {}
        self.show(*snapshots)

    # -- what a test says ------------------------------------------------------------------------------------------
    def show(self, *snapshots: Snapshot) -> None:
        """Set the latest snapshots."""
        self.board.post(snapshots)

    def script(self, op_id: str, *steps: Snapshot | BaseException) -> None:
        """Have the next waits and refreshes show these, one each; an exception among them is raised by the wait."""
        self._scripts[op_id] = iter(steps)

    def step(self, op_id: str) -> bool:
        """Show the next snapshot of an operation's script; say whether there was one."""
        step = next(self._scripts.get(op_id, iter(())), None)
        if isinstance(step, BaseException):
            raise step
        if step is not None:
            self.show(step)
        return step is not None

    def change(self, op_id: str, phase: Phase | str, **fields: Any) -> None:
        """Show the same operation in another phase; ``fields`` are those of Snapshot."""
        old = self.board.get(op_id)
        assert old is not None, f"nobody showed a snapshot of {op_id}"
        new = msgspec.structs.replace(old, phase=Phase(phase), **fields)
        self.show(
            msgspec.structs.replace(
                new,
                status=status_of(new.phase, None, new.fault, new.owner),
                reason=reason_of(new.phase, None, new.fault, new.owner, new.published),
            )
        )

    def ask(self, op_id: str, verb: str, **fields: Any) -> None:
        """Write a wish down; raise what ``refuse`` holds for it."""
        if (op_id, verb) in self.refuse:
            raise self.refuse[op_id, verb]
        self.asked.append((op_id, verb, {k: v for k, v in fields.items() if v is not None}))
        if op_id in self.on_ask:
            self.show(self.on_ask[op_id])

    # -- what a session offers -------------------------------------------------------------------------------------
    def download(self, url: Any, dest: str | Path | None = None, **options: Any) -> Any:
        """Accept a download: its first snapshot is shown at once, the others are its script.

        Of a list, or of a mapping to destinations, it gives a list; what cannot be had of several has failed.
        """
        self.downloads.append((url, dest, options))
        if isinstance(url, str):
            return self._accept(url, dest, options)
        places = url if isinstance(url, Mapping) else dict.fromkeys(url)
        return [self._accept_one(one, place or dest, options) for one, place in places.items()]

    def _accept_one(self, url: str, dest: str | Path | None, options: dict[str, Any]) -> FakeOperation:
        """Accept one of several."""
        try:
            return self._accept(url, dest, options)
        except errors.InvalidRequest:
            raise
        except errors.TransferError as error:
            op_id, target = f"{self.accepted:06x}", f"/home/you/{urls.basename(url)}"
            self.show(snapshot(op_id, Phase.FAILED, url=urls.safe_url(url), destination=target, fault=faults.of(error)))
            return FakeOperation(self, op_id)

    def _accept(self, url: str, dest: str | Path | None, options: dict[str, Any]) -> FakeOperation:
        self.accepted += 1
        first, *rest = self.answer(url, dest, options)
        if isinstance(first, BaseException):
            raise first
        self.show(first)
        self.script(first.id, *rest)
        return FakeOperation(self, first.id)

    def adopt(
        self, part: str | Path, url: str, dest: str | Path | None = None, *, move: bool = False, **options: Any
    ) -> FakeOperation:
        """Accept what another program began; ``adopted`` lists (part, url, dest, move, options)."""
        self.adopted.append((part, url, dest, move, options))
        return self._accept(url, dest, options)

    def freeze(self, path: Any = "data.lock", operations: Any = None, root: Any = None) -> Path:
        """Write down what was asked: ``frozen`` lists (path, operations, root)."""
        self.frozen.append((path, operations, root))
        return Path(path)

    def restore(self, lock: Any = "data.lock", dest: Any = None, **options: Any) -> list[FakeOperation]:
        """Accept one file; ``restored`` lists (lock, dest, options)."""
        self.restored.append((lock, dest, options))
        return [self._accept("https://data.example/a.bin", dest, options)]

    def history(self, limit: int = 50) -> list[Snapshot]:
        """Give what a test says has ended: the newest first."""
        return self.ended[:limit]

    def leftovers(self, older_than: float | None = None) -> list[Any]:
        """Give what a test says lies about."""
        self.ages.append(older_than)
        return list(self.lying)

    def clean(self, older_than: float | None = None) -> list[Any]:
        """Take it away."""
        self.ages.append(older_than)
        removed, self.lying = self.lying, []
        return removed

    def _answer(self, url: str, dest: str | Path | None, options: dict[str, Any]) -> Sequence[Snapshot]:
        op_id = f"{self.accepted:06x}"
        name = url.split("?", maxsplit=1)[0].rsplit("/", 1)[-1]
        target = str(dest) if dest is not None else f"/home/you/{name}"
        same = {"url": url, "destination": target, "total": 1_000_000}
        return [
            snapshot(op_id, Phase.QUEUED if options.get("start", True) else Phase.CREATED, **same),
            *(
                [snapshot(op_id, Phase.RUNNING, received=400_000, rate=1e5, **same)]
                if options.get("start", True)
                else []
            ),
            *([snapshot(op_id, Phase.DONE, received=1_000_000, **same)] if options.get("start", True) else []),
        ]

    def operations(self, status: Any = None, group: str | None = None, scope: str = "notebook") -> list[FakeOperation]:
        """List everything on the board."""
        shown = [s for s in self.board.all() if status is None or s.status == status]
        return [FakeOperation(self, s.id) for s in shown if group in (None, s.group)]

    def find(self, prefix: str) -> FakeOperation:
        """Find the one operation whose id begins so."""
        found = [s.id for s in self.board.all() if s.id.startswith(prefix)]
        if len(found) != 1:
            what = f"{len(found)} operations begin" if found else "No operation begins"
            raise errors.InvalidRequest(f"{what} with {prefix!r}.", hint="nbxfer ls --all lists them.")
        return FakeOperation(self, found[0])

    def wish(self, op_id: str, verb: str, refused: Callable[[str], object] | None = None, **fields: Any) -> None:
        """Take a wish, as buttons pass it; what is refused is told to ``refused``."""
        try:
            self.ask(op_id, verb, **fields)
        except errors.TransferError as error:
            if refused is not None:
                refused(str(error))

    def attend(self, *op_ids: str) -> None:
        """Follow operations of other processes."""
        self.attended.extend(op_ids)

    def ask_for(self, op_id: str) -> None:
        """Ask another kernel for an operation; raise what ``refuse`` holds for it."""
        self.ask(op_id, "ask")

    def apart(self, call: Callable[[], None]) -> None:
        """Make a call at once: here nothing waits."""
        call()

    def refresh(self) -> None:
        """Take the next step of every script."""
        self.refreshed += 1
        for op_id in list(self._scripts):
            self.step(op_id)

    def close(self) -> None:
        """Leave."""
        self.closed += 1
