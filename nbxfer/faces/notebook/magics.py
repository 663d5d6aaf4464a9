"""``%xfer`` and ``%%xfer``: transfers in a line, for who would rather not write Python.

The words are those of the command line. What cannot be done is said in a sentence; a download is shown as if it were
the cell's last line.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nbxfer.errors import InvalidRequest, TransferError
from nbxfer.faces import words

if TYPE_CHECKING:
    from nbxfer.session import Batch, Operation, Session

USAGE = """\
%xfer URL [DEST]            download in the background; DEST is a file, or a folder when it ends in /
%%xfer [DEST]               one URL a line in the cell; DEST is a folder
%xfer ls [--all]            what is unfinished in this notebook; --all: everything, everywhere
%xfer panel                 everything in one place, with buttons
%xfer pause|resume|cancel|retry ID…|--all
%xfer ask ID…               have what another kernel runs handed over to this one
%xfer discard               give up what earlier kernels left unfinished here
%xfer explain ID…           the story of a transfer
%xfer reattach              go on with what was interrupted in this notebook
"""


def register(shell: Any) -> None:
    """Add the magic to a shell."""
    shell.register_magic_function(xfer, "line_cell", "xfer")


def unregister(shell: Any) -> None:
    """Take it away."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("xfer", None)


def xfer(line: str, cell: str | None = None) -> Any:
    """Download, list and steer transfers; without anything, say what can be said."""
    try:
        parts = shlex.split(line, comments=False)
    except ValueError as error:
        return _sorry(f"%xfer could not be read: {error}.")
    try:
        if cell is not None:
            return _lines(parts, cell)
        if not parts or parts in (["--help"], ["-h"], ["help"]):
            print(USAGE, end="")
            return None
        verb, rest = parts[0], parts[1:]
        if verb in _VERBS:
            return _VERBS[verb](_session(), rest)
        if "://" not in verb:
            near = "" if len(parts) > 1 else " A URL has a scheme: https://…"
            return _sorry(f"%xfer knows no {verb!r}.{near} %xfer alone says what it knows.")
        return _download(_session(), parts)
    except TransferError as error:
        return _sorry(str(error))


def _sorry(text: str) -> None:
    # On the screen of this cell, as the command line would; a traceback would say no more.
    print(f"nbxfer: {text}", file=sys.stderr)


# -- downloading -----------------------------------------------------------------------------------------------------
def _download(session: Session, parts: Sequence[str]) -> Operation:
    if len(parts) > 2:
        raise InvalidRequest(
            "%xfer takes one URL and one destination.", hint="For several, write %%xfer and one URL a line."
        )
    return session.download(parts[0], parts[1] if len(parts) > 1 else None)


def _lines(parts: Sequence[str], cell: str) -> Batch:
    if len(parts) > 1:
        raise InvalidRequest("%%xfer takes one folder.", hint="Quote it, if there is a blank in it.")
    urls = [text for line in cell.splitlines() if (text := line.strip()) and not text.startswith("#")]
    if not urls:
        raise InvalidRequest("There is no URL below %%xfer.", hint="Write one URL a line.")
    for number, url in enumerate(urls, 1):
        if any(c.isspace() for c in url):
            raise InvalidRequest(
                f"Line {number} is more than a URL: there is a blank in it.",
                hint="Write one URL a line; a blank in a URL is %20.",
            )
    return _session().download(urls, parts[0] if parts else None)


# -- looking ---------------------------------------------------------------------------------------------------------
def _ls(session: Session, rest: Sequence[str]) -> None:
    every = _only_flag(rest, "ls")
    shown = [o.snapshot for o in session.operations(scope="all" if every else "notebook")]
    if not every:
        shown = [s for s in shown if words.state_words(s) not in ("done", "canceled")]
    print(words.table(shown, 110, whole=True) if shown else "nothing is here." if every else "nothing is unfinished.")


def _explain(session: Session, rest: Sequence[str]) -> None:
    print("\n\n".join(operation.explain() for operation in _named(session, rest, "explain")))


def _panel(session: Session, rest: Sequence[str]) -> Any:
    from nbxfer.faces import panel

    _nothing_more(rest, "panel")
    return panel.panel(session)


# -- steering --------------------------------------------------------------------------------------------------------
def _steering(verb: str) -> Callable[[Session, Sequence[str]], None]:
    def steer(session: Session, rest: Sequence[str]) -> None:
        if "--all" in rest:
            _only_flag(rest, verb)
            batch = session.reattach(start=False)
            getattr(batch, verb)()
            shown: Sequence[Operation] = list(batch)
        else:
            shown = _named(session, rest, verb)
            for operation in shown:
                getattr(operation, verb)()
        _say(shown)

    return steer


def _ask(session: Session, rest: Sequence[str]) -> None:
    for operation in _named(session, rest, "ask"):
        session.ask_for(operation.id)
        print(f"{words.name_words(operation.snapshot)}: asked for; it goes on here when its kernel has handed it over.")


def _discard(session: Session, rest: Sequence[str]) -> None:
    _nothing_more(rest, "discard")
    left = session.left_over()
    if not left:
        print("nothing was left unfinished here.")
        return
    for refused in session.give_up([s.id for s in left]):
        print(f"nbxfer: {refused}", file=sys.stderr)
    number = f"{len(left)} transfers" if len(left) > 1 else words.name_words(left[0])
    print(f"{number} given up; what had come is deleted.")


def _reattach(session: Session, rest: Sequence[str]) -> Batch:
    _nothing_more(rest, "reattach")
    return session.reattach()


def _say(shown: Sequence[Operation]) -> None:
    print("\n".join(words.line(o.snapshot) for o in shown) if shown else "nothing is unfinished.")


def _named(session: Session, rest: Sequence[str], verb: str) -> list[Operation]:
    if not rest:
        raise InvalidRequest(
            f"%xfer {verb} of which?", hint=f"Give the beginning of an id that %xfer ls shows: {verb} 3f2a."
        )
    return [session.find(prefix) for prefix in rest]


def _nothing_more(rest: Sequence[str], verb: str) -> None:
    if rest:
        raise InvalidRequest(f"%xfer {verb} takes nothing more.", hint=f"Leave {rest[0]!r} out.")


def _only_flag(rest: Sequence[str], verb: str) -> bool:
    if strange := [word for word in rest if word != "--all"]:
        raise InvalidRequest(f"%xfer {verb} does not know {strange[0]!r}.", hint="It takes --all, or nothing.")
    return bool(rest)


_VERBS: dict[str, Callable[[Any, Sequence[str]], Any]] = {
    "ls": _ls,
    "panel": _panel,
    "explain": _explain,
    "pause": _steering("pause"),
    "resume": _steering("resume"),
    "cancel": _steering("cancel"),
    "retry": _steering("retry"),
    "ask": _ask,
    "discard": _discard,
    "reattach": _reattach,
}


def _session() -> Session:
    from nbxfer.session import default

    return default()
