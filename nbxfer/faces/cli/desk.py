"""What the commands need of a session, so that a fake one will do; and the one that the session of this run is."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from nbxfer.errors import InvalidRequest
from nbxfer.faces.cli import exits
from nbxfer.faces.cli.pen import Pen

if TYPE_CHECKING:
    from nbxfer.core.snapshot import Snapshot
    from nbxfer.errors import TransferError


class Handle(Protocol):
    """One operation."""

    id: str

    @property
    def snapshot(self) -> Snapshot:
        """The latest picture."""
        ...

    @property
    def error(self) -> TransferError | None:
        """Why it failed, or waits for a person."""
        ...

    def start(self) -> None:
        """Let it go."""
        ...

    def pause(self) -> None:
        """Hold it."""
        ...

    def resume(self, url: str | None = None, headers: Any = None, auth: Any = None, **more: Any) -> None:
        """Let it go on, here if nobody runs it; with what is given anew."""
        ...

    def retry(self, url: str | None = None, headers: Any = None, auth: Any = None, **more: Any) -> None:
        """Try again what failed; with what is given anew."""
        ...

    def cancel(self, delete_partial: bool = True) -> object:
        """End it."""
        ...

    def done(self) -> bool:
        """Whether it is over, well or not."""
        ...

    def wait(self, timeout: float | None = None, progress: bool = True) -> bool:
        """Wait so many seconds at most; say whether it is over."""
        ...


class Leftover(Protocol):
    """One thing that nobody needs any more."""

    @property
    def kind(self) -> str:
        """What it is, in a word or two."""
        ...

    @property
    def name(self) -> str:
        """What it is called, fit to be shown."""
        ...

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        ...

    @property
    def why(self) -> str:
        """Why nobody needs it."""
        ...


class Shown(Protocol):
    """An operation that is only looked at."""

    @property
    def id(self) -> str:
        """Its id, which never changes."""
        ...

    @property
    def snapshot(self) -> Snapshot:
        """Everything there is to know at this moment."""
        ...


class Sight(Protocol):
    """What a command needs that only looks: the front desk has it, too."""

    home: Path

    def operations(self, status: None = None, group: str | None = None, scope: str = "notebook") -> Sequence[Shown]:
        """List operations."""
        ...

    def find(self, prefix: str) -> Shown:
        """Find one by the beginning of its id."""
        ...

    def history(self, limit: int = 50) -> Sequence[Snapshot]:
        """Give what ended lately, also in processes that have left; the newest first."""
        ...


class Desk(Protocol):
    """The front desk."""

    home: Path
    patience: float | None

    def download(self, url: Any, dest: Any = None, **options: Any) -> Any:
        """Accept a download, and give its handle; of a list or a mapping to destinations, a sequence of them."""
        ...

    def adopt(self, part: Any, url: str, dest: Any = None, *, move: bool = False, **options: Any) -> Handle:
        """Accept what another program began."""
        ...

    def freeze(self, path: Any = "data.lock", operations: Any = None, root: Any = None) -> Path:
        """Write down what was fetched."""
        ...

    def restore(self, lock: Any = "data.lock", dest: Any = None, **options: Any) -> Sequence[Handle]:
        """Accept what a lock file lists."""
        ...

    def history(self, limit: int = 50) -> Sequence[Snapshot]:
        """Give what ended lately, also in processes that have left; the newest first."""
        ...

    def leftovers(self, older_than: float | None = None) -> Sequence[Leftover]:
        """Give what lies about, and what for."""
        ...

    def clean(self, older_than: float | None = None) -> Sequence[Leftover]:
        """Remove it, and give what was removed."""
        ...

    def operations(self, status: None = None, group: str | None = None, scope: str = "notebook") -> Sequence[Handle]:
        """List operations."""
        ...

    def find(self, prefix: str) -> Handle:
        """Find one by the beginning of its id."""
        ...

    def attend(self, *op_ids: str) -> None:
        """Keep the picture of other processes' operations true while we wait."""
        ...

    def refresh(self) -> None:
        """Look what other processes do."""
        ...

    def close(self) -> None:
        """Save, and leave."""
        ...


def ask_secret(prompt: str) -> str:
    """Have a person type a secret, unseen, in the terminal. Raises InvalidRequest where there is none."""
    import getpass
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it could be seen: then it is not asked
            return getpass.getpass(prompt)
    except (getpass.GetPassWarning, EOFError, OSError):
        raise InvalidRequest(
            "There is no terminal here in which the password could be asked for.",
            hint="Give --netrc, or --header @FILE.",
        ) from None


def ask_consent(question: str) -> bool:
    """Have a person say yes or no in the terminal. Raises InvalidRequest where there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidRequest("Nobody can be asked here, so nothing was done.", hint="Give --yes.")
    return click.confirm(question, err=True)


def open_session(home: Path | None) -> Desk:
    """Open the real one."""
    from nbxfer.session import Session

    return Session(home=home)


def open_glance(home: Path | None) -> Sight:
    """Look into the home, without what a session needs."""
    from nbxfer.session.glance import Glance

    return Glance(home)


class Call:
    """One run of the program.

    ``open`` makes its session when a command needs one, ``look`` what shows enough to those that only look; ``die``
    ends it by a signal; ``secret`` asks for a password, ``agree`` whether something may be done.
    """

    def __init__(
        self,
        open: Callable[[Path | None], Desk] = open_session,
        die: Callable[[int], None] = exits.die_by,
        secret: Callable[[str], str] = ask_secret,
        agree: Callable[[str], bool] = ask_consent,
        look: Callable[[Path | None], Sight] | None = None,
    ) -> None:
        self.open, self.die, self.secret, self.agree = open, die, secret, agree
        self.look: Callable[[Path | None], Sight] = look or (open_glance if open is open_session else open)
        self.home: Path | None = None
        self.pen = Pen()
        self.group: str | None = None
        #: What the person would have to go on with, if this were interrupted now.
        self.staying: Sequence[Handle] = ()
        #: In which line of a list each URL stands; what has to be given again after a break.
        self.lines: Mapping[str, int] = {}
        self.shown_lines: Mapping[str, int] | None = None
        self.anew = ""
        self._desk: Desk | None = None
        self._sight: Sight | None = None

    def desk(self) -> Desk:
        """Give the session."""
        if self._desk is None:
            self._desk = self.open(self.home)
        return self._desk

    def sight(self) -> Sight:
        """Give what shows what is there: the session where there is one already, else less than one."""
        if self._sight is None:
            self._sight = self._desk or self.look(self.home)
        return self._sight

    def close(self) -> None:
        """Save and leave; nothing happens where no session was needed."""
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.close()
        self.pen.close()

    def nothing(self, words: str) -> None:
        """Say that there is nothing, in ``words``; or that there can be nothing, because the home is not there."""
        from nbxfer.faces.words import clean

        home = self.sight().home
        self.pen.say(words if home.exists() else f"nothing is remembered in {clean(str(home))}: it is not there.")

    def command(self, words: str) -> str:
        """Give what to type for ``words`` so that it concerns the same home."""
        return f"nbxfer --home {shlex.quote(str(self.home))} {words}" if self.home else f"nbxfer {words}"

    def way_on(self) -> str:
        """Say, after an interruption, what is saved and how to go on."""
        snapshots = [h.snapshot for h in self.staying if not h.done()]
        ours = [s for s in snapshots if s.owner != "theirs"]
        if not snapshots:
            return "interrupted."
        if not ours:
            return f"left; another process goes on with it. To look: {self.command('watch')}"
        ids = " ".join(s.id[:8] for s in ours) if len(ours) <= 3 else "--all"
        again = self.anew if len(snapshots) == 1 else ""
        return f"interrupted; what has come is saved. To go on: {self.command(f'resume {ids}{again}')}"
