"""The handle of one operation: a Future that can be paused, steered and read while it is under way.

It holds no state: what it shows is the board's latest snapshot, what it is asked becomes a wish. Any number of
handles may exist for one operation, in any thread.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Generator, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import anyio

from nbxfer.core import faults
from nbxfer.core.phases import FINAL, Phase, TransferStatus
from nbxfer.core.snapshot import Snapshot
from nbxfer.core.surroundings import CostPolicy
from nbxfer.engine.doors import GIVEN_ANEW
from nbxfer.errors import InvalidTransferState, TransferCanceled, TransferError, UnknownOption
from nbxfer.session.listening import Listening
from nbxfer.session.reader import opened
from nbxfer.session.response import Response, response_of
from nbxfer.session.waiting import LOOK_EVERY, OVER, Impatience, heard, not_over, watch


class Operation(Listening):
    """One transfer, as its person sees it."""

    __slots__ = ()

    # -- reading -------------------------------------------------------------------------------------------------
    @property
    def snapshot(self) -> Snapshot:
        """Everything there is to know at this moment."""
        return self._session.snapshot(self.id)

    @property
    def progress(self) -> Snapshot:
        """The snapshot, with ``received``, ``total``, ``rate``, ``eta``, ``fraction``, ``restarted``, ``integrity``."""
        return self.snapshot

    @property
    def status(self) -> TransferStatus:
        """The public status, with Windows' integers."""
        return self.snapshot.status

    @property
    def reason(self) -> str:
        """Why the status is what it is, in words."""
        return self.snapshot.reason

    @property
    def path(self) -> Path:
        """Where it lands on this machine; of an upload, the file that is sent."""
        return _path(self.snapshot)

    @property
    def url(self) -> str:
        """The source, in the form that may be shown; a new one may be set while it is paused, has failed or is idle.

        Then ``resume`` goes on from what is here where the version is certain, else it begins again.
        """
        return self.snapshot.source

    @url.setter
    def url(self, url: str) -> None:
        self._session.steer(self.id, "access", url=url)

    @property
    def headers(self) -> dict[str, str]:
        """The request's own headers, without those that are secret; may be set while it is paused or has failed."""
        return self._session.headers_of(self.id)

    @headers.setter
    def headers(self, headers: Any) -> None:
        self._session.steer(self.id, "access", headers=headers)

    @property
    def priority(self) -> int:
        """0 default, 1 high, 2 low; may be set while it lives, also as "high"."""
        return self.snapshot.priority

    @priority.setter
    def priority(self, priority: int | str) -> None:
        self._session.steer(self.id, "priority", priority=priority)

    @property
    def error(self) -> TransferError | None:
        """What it failed with, or waits for."""
        fault = self.snapshot.fault
        if fault is not None:
            heard([self])
        return faults.to_error(fault, self.id) if fault is not None else None

    @property
    def response(self) -> Response | None:
        """The server's answer, as far as it may be shown: url, status, headers, resumable; None before there is one."""
        return response_of(self.snapshot)

    @property
    def bandwidth(self) -> int | None:
        """Bytes a second that it may take at most, None for no limit; may be set while it lives, also as "5 MB/s"."""
        return self._session.bandwidth_of(self.id)

    @bandwidth.setter
    def bandwidth(self, rate: float | str | None) -> None:
        self._session.steer(self.id, "bandwidth", rate=rate)

    @property
    def cost_policy(self) -> CostPolicy:
        """On which networks it may move; set it at any time, also as a word; None for what the session says."""
        return self._session.cost_policy_of(self.id)

    @cost_policy.setter
    def cost_policy(self, policy: CostPolicy | int | str | None) -> None:
        self._session.steer(self.id, "cost_policy", policy=policy)

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The bytes that are on the disk, as (start, stop) with stop exclusive."""
        return [(r.start, r.stop) for r in self.snapshot.held]

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Open the file for reading while it comes: seekable, any number of times, in any thread.

        It blocks for bytes only that are not there yet, and has them fetched first. Ctrl-C interrupts it. Reading what
        has not come raises InvalidTransferState where a person has to let it go on, and what it failed with where it
        has failed; SourceChanged when the source changes under a reader.
        """
        return opened(self, mode)

    def explain(self) -> str:
        """Tell the story: what happened when, and why; what was fetched twice; what was verified."""
        story, moved = str(resolve_name("nbxfer.faces.words:explain")(self.snapshot)), self._session.moved_by(self.id)
        return f"{story}\nBytes come {moved}." if moved else story

    def __repr__(self) -> str:
        s = self.snapshot
        size = f"{s.received} of {s.total} bytes" if s.total is not None else f"{s.received} bytes"
        return f"<Operation {self.id[:8]} {s.name!r}: {s.status.name.lower()}, {size}, {s.reason}>"

    def show(self, op_ids: Sequence[str]) -> dict[str, Any]:
        """Give the mime bundle that shows some operations of this session."""
        bundle: dict[str, Any] = resolve_name("nbxfer.faces.panel:bundle")(self._session, op_ids)
        return bundle

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self.show([self.id])

    def _ipython_display_(self) -> None:
        self.show_below([self.id])

    def show_below(self, op_ids: Sequence[str]) -> None:
        """Show some operations of this session below the running cell, and how they ended, when they have.

        Raises NotImplementedError where there is no kernel; then IPython shows the MIME bundle.
        """
        if not resolve_name("nbxfer.faces.notebook.showing:show")(self._session, op_ids):
            raise NotImplementedError

    # -- steering ------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Let an operation made with ``start=False`` go. Raises InvalidTransferState."""
        self._session.steer(self.id, "start")

    def pause(self) -> None:
        """Hold, keeping what has come. Raises InvalidTransferState where there is nothing to pause."""
        self._session.steer(self.id, "pause")

    def resume(self, url: str | None = None, headers: Any = None, auth: Any = None, **more: Any) -> None:
        """Go on; with a new URL, headers or credentials where they had expired. Raises InvalidTransferState.

        ``more``: cookies=, proxy_auth=, cert= as ``download`` takes them, where those are wanted again.
        """
        self._session.steer(self.id, "resume", url=url, headers=headers, auth=auth, **_more(more))

    def retry(self, url: str | None = None, headers: Any = None, auth: Any = None, **more: Any) -> None:
        """Try again what failed, from its part. Raises InvalidTransferState."""
        self._session.steer(self.id, "retry", url=url, headers=headers, auth=auth, **_more(more))

    def cancel(self, delete_partial: bool = True) -> bool:
        """Cancel; give whether it was not over yet. Raises InvalidTransferState when it is too late by a moment."""
        phase = self.snapshot.phase
        if phase in FINAL:
            return False
        if phase is Phase.CANCELING:
            return True
        self._session.steer(self.id, "cancel", delete_partial=delete_partial)
        return True

    def make_current(self) -> None:
        """Let it and what follows it in its group go first: of ABCDE with C current, CDEAB.

        What runs and is not among the first any more makes room, and keeps its part. Raises InvalidTransferState.
        """
        group = self.snapshot.group
        if not group:
            raise InvalidTransferState(
                f"{self.snapshot.name} is in no group, so nothing follows it.",
                op_id=self.id,
                hint="Give group= when you ask for it; or raise its priority.",
            )
        resolve_name("nbxfer.session.group:Group")(group, session=self._session).make_current(self)

    # -- waiting -------------------------------------------------------------------------------------------------
    def wait(self, timeout: float | None = None, progress: bool = True) -> bool:
        """Wait until it is over, for better or worse; give whether it is (seconds; None: as long as it takes).

        Ctrl-C stops the waiting, never the transfer. Where nobody looks (no terminal, no notebook), raises
        NeedsAttention when it has waited for a person for a minute.
        """
        return watch([self], timeout, progress)

    def result(self, timeout: float | None = None) -> Any:
        """Wait, and give the path, or the URL (a text) where it lands far away.

        What waits for a person (credentials, a new URL) is said and waited for; where nobody looks, as in ``wait``.
        Raises the TransferError it ended with, or TimeoutError (seconds).
        """
        shown = self.snapshot
        if shown.phase is not Phase.DONE:
            if (error := self.exception(timeout)) is not None:
                raise error
            shown = self.snapshot
        heard([self])
        return shown.destination if "://" in shown.destination else _path(shown)

    def exception(self, timeout: float | None = None) -> TransferError | None:
        """Wait, and give the error it ended with; None when it is done. Raises TimeoutError (seconds)."""
        if not self.done() and not watch([self], timeout, progress=False):
            raise not_over(self.snapshot, timeout or 0)
        heard([self])
        if self.snapshot.phase is Phase.CANCELED:
            return TransferCanceled(f"{self.snapshot.name} was canceled.", op_id=self.id)
        return self.error if self.snapshot.phase is Phase.FAILED else None

    def done(self) -> bool:
        """Whether it is over: complete, failed or canceled."""
        return self._session.phase(self.id) in OVER

    def running(self) -> bool:
        """Whether something of it is in flight."""
        return self.status in (TransferStatus.RUNNING, TransferStatus.VERIFYING)

    def cancelled(self) -> bool:
        """Whether it was canceled."""
        return self.snapshot.phase is Phase.CANCELED

    def __await__(self) -> Generator[Any, None, Any]:
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        async for _ in self._looks(quiet=False):
            pass
        return self.result()

    def snapshots(self) -> AsyncIterator[Snapshot]:
        """Give the snapshot whenever it has changed, the last one when it is over."""
        return self._looks(quiet=True)

    async def _looks(self, *, quiet: bool) -> AsyncIterator[Snapshot]:
        # Awake often: a cell that awaits can be interrupted only when its loop wakes.
        last: Snapshot | None = None
        impatience = Impatience([self])
        while True:
            if (now := self.snapshot) != last:
                last = now
                yield now
            if last.phase in OVER:
                return
            impatience.check(quiet=quiet)
            await anyio.sleep(LOOK_EVERY)


def _path(shown: Snapshot) -> Path:
    if "://" in shown.destination and shown.source.startswith("file://"):
        return Path(shown.source.partition("://")[2])
    return Path(shown.destination)


def _more(given: dict[str, Any]) -> dict[str, Any]:
    """Give what else may be given anew. Raises UnknownOption."""
    for name in given:
        if name not in GIVEN_ANEW:
            raise UnknownOption(f"{name}= cannot be given anew.", hint=f"Give {', '.join(GIVEN_ANEW)}.")
    return given
