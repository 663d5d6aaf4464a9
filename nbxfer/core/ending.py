"""The final name, from whoever gives it to the commit: the check, and what may still go wrong there."""

from __future__ import annotations

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.faults import Remedy
from nbxfer.core.names import server_may_name
from nbxfer.core.phases import Cause, Phase
from nbxfer.core.steps import MAX_RESTARTS
from nbxfer.core.wishes import Wishes


class Ending(Wishes):
    """The handlers of the answers to Verify, Commit and Discard."""

    __slots__ = ()

    def _take_name(self, name: str) -> None:
        """Let the server name the file, where a person wants that; the folder is the person's, always."""
        folder, _, own = self.spec.destination.rpartition("/")
        if name and not self.named and server_may_name(self.spec.naming, own):
            self.named = f"{folder}/{name}"
            self.tell("named by the server", name)

    def _check(self, cause: Cause) -> None:
        """Every byte is here: see whether they are right."""
        self._move(cause)
        assert self.size is not None
        if wrong := self._unexpected(self.size):
            self._start_over()  # a part that is kept would make every retry fail again
            return self._fail(wrong)
        checksum, by = self._proof()
        mtime = self.modified if self.spec.preserve_mtime else None
        self.out.append(do.Verify(self._next(), self.epoch, self.size, checksum, by, mtime))
        return None

    def _proof(self) -> tuple[str | None, str]:
        """Give what the file is held against, and the integrity word that it earns: the person's word goes first."""
        if told := self.spec.checksum or self.listed:
            return told, "digest"
        if self.claims and self.spec.believe:
            return self.claims[0].checksum, self.claims[0].by
        return None, "nothing"

    def _checking(self) -> bool:
        """Say whether the answer to a check is still wanted."""
        if self.phase is Phase.RUNNING and not self.handed_to:  # a pause was asked for, and taken back
            self._move(Cause.ALL_LANDED)
        return self.phase is Phase.VERIFYING and not self.handed_to

    def _verified(self, event: ev.Verified) -> None:
        if not self._checking():
            return self._home()
        by = event.by if event.by != "nothing" or not self.tied else "validator"
        self._move(Cause.VERIFIED, by)
        self.seal, self.verified_by = event.seal, by
        return self._commit()

    def _commit(self) -> None:
        assert self.seal is not None
        self.out.append(do.Commit(self._next(), self.epoch, self.seal, self.verified_by, self.named))

    def _name_taken(self, event: ev.NameTaken) -> None:
        """Something else has the server's name for it: a free one will do."""
        self.named = event.path
        self.dirty = True
        self.tell("named anew", event.path.rpartition("/")[2])
        self._commit()

    def _mismatched(self, event: ev.Mismatched) -> None:
        wanted = self._checking()
        if event.held.total < self.held.total:
            self.changes += 1
            self.land(event.held)
            if not wanted:
                return self._home()
            if self.changes <= MAX_RESTARTS:
                return self._move(Cause.MISMATCH, "some blocks are not what was written; they are fetched again")
        elif not wanted:  # found again when it goes on
            return self._home()
        if self._elsewhere(event.fault, Remedy.GIVE_UP):
            return None
        self._start_over()  # a part that is kept would make every retry fail again
        return self._fail(event.fault)

    def _failed_answer(self, event: ev.VerifyLost | ev.CommitLost) -> None:
        self._lost(event.fault)

    def _finish(self, cause: Cause, event: ev.Unchanged | ev.Committed) -> None:
        self.published = event.published
        if event.published.path == self.destination:  # one text for both
            self.published = msgspec.structs.replace(event.published, path=self.destination)
        self.size = self.received = event.published.size
        self.fault = None
        self._move(cause, event.published.integrity)

    def _committed(self, event: ev.Committed) -> None:
        done = event.published
        if done.http_status is not None and self.spec.kind == "upload":
            self.http_status, self.response, self.final_url = done.http_status, done.headers, done.path
        self._finish(Cause.COMMITTED, event)

    def _discarded(self, _: ev.Discarded) -> None:
        self._move(Cause.DRAINED)
