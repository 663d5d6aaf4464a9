"""``pause``, ``resume``, ``cancel``, ``retry``: wishes about operations, whoever runs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from nbxfer.errors import InvalidRequest, InvalidTransferState, TransferError
from nbxfer.faces.cli import exits, look, options
from nbxfer.faces.cli.desk import Call, Desk, Handle
from nbxfer.faces.cli.stay import stay

if TYPE_CHECKING:
    from nbxfer.core.snapshot import Snapshot

#: Seconds that another process is given to do as it was asked; it looks four times a second.
ANSWER_WITHIN: Final = 5.0

Command = Callable[..., Any]


def _which(command: Command) -> Command:
    """Add the arguments that say which operations are meant."""
    command = click.pass_obj(click.pass_context(command))
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")(command)
    every = click.option("--all", "every", is_flag=True, help="All that this fits, of every notebook and terminal.")
    named: Command = click.argument("ids", metavar="ID...|--all", nargs=-1)(every(grouped(command)))
    return named


def grouped(command: Command) -> Command:
    """Add the option that picks the operations of one group."""

    def take(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
        ctx.ensure_object(Call).group = name

    option = click.option(
        "--group", metavar="NAME", expose_value=False, callback=take, help="All of one group that this fits."
    )
    added: Command = option(command)
    return added


def _staying(command: Command) -> Command:
    """Add the options of commands that stay."""
    command = click.option("-v", "--verbose", is_flag=True, help="Show what is logged, too.")(command)
    command = click.option("-q", "--quiet", is_flag=True, help="No bar; only paths, and errors.")(command)
    wait = click.option("-n", "--no-wait", is_flag=True, help="Ask the process that runs it, and do not stay.")
    waiting: Command = wait(command)
    return waiting


@click.command(short_help="Hold downloads.")
@_which
def pause(ctx: click.Context, call: Call, ids: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Hold downloads; what has come is kept.

    ID is the beginning of an id that 'nbxfer ls' shows, as long as it is the only one.

    \b
    Examples:
      nbxfer pause 3f2a
      nbxfer pause --all
    """
    from nbxfer.core.phases import BUSY, Phase

    call.pen.setup(json=as_json)
    held = (BUSY - {Phase.CANCELING, Phase.COMMITTING}) | {Phase.QUEUED, Phase.STALLED}
    handles = _meant(call, ids, every, lambda s: s.phase in held and s.owner != "orphaned", "running", backwards=True)
    ctx.exit(_ask(call, handles, _pause, lambda s: s.phase not in held))


@click.command(short_help="Give downloads up.")
@click.option("--keep-part", is_flag=True, help="Keep what has come, in the hidden file beside the destination.")
@_which
def cancel(ctx: click.Context, call: Call, ids: tuple[str, ...], every: bool, as_json: bool, keep_part: bool) -> None:
    """Give downloads up; what has come is deleted.

    \b
    Examples:
      nbxfer cancel 3f2a
      nbxfer cancel 3f2a --keep-part
    """
    from nbxfer.core.phases import FINAL

    call.pen.setup(json=as_json)
    handles = _meant(call, ids, every, lambda s: s.phase not in FINAL, "unfinished", backwards=True)
    ctx.exit(_ask(call, handles, lambda h: h.cancel(delete_partial=not keep_part), lambda s: s.phase in FINAL))


@click.command(short_help="Go on with what was paused or interrupted.")
@options.renewing
@_staying
@_which
def resume(
    ctx: click.Context,
    call: Call,
    ids: tuple[str, ...],
    every: bool,
    **given: Any,
) -> None:
    """Go on with what was paused or interrupted, and stay until it is done.

    What no living process runs is taken over by this one, from the byte where it stopped. --all means everything
    that is paused, interrupted or not started yet; what failed is for 'nbxfer retry'.

    \b
    Examples:
      nbxfer resume 3f2a
      nbxfer resume --all
      nbxfer resume 3f2a --header @token.txt
    """
    _go_on(ctx, call, ids, every, _resume, _resumable, "paused or interrupted", given)


@click.command(short_help="Try again what failed.")
@options.renewing
@_staying
@_which
def retry(
    ctx: click.Context,
    call: Call,
    ids: tuple[str, ...],
    every: bool,
    **given: Any,
) -> None:
    """Try again what failed, from what has come, and stay until it is done.

    \b
    Examples:
      nbxfer retry 3f2a
      nbxfer retry --all
    """
    from nbxfer.core.phases import Phase

    _go_on(ctx, call, ids, every, _retry, lambda s: s.phase is Phase.FAILED, "failed", given)


# -- which operations ----------------------------------------------------------------------------------------------
def _meant(
    call: Call,
    ids: Sequence[str],
    every: bool,
    fits: Callable[[Snapshot], bool],
    words: str,
    *,
    backwards: bool = False,
) -> list[Handle]:
    if (every, bool(ids), call.group is not None).count(True) != 1:
        raise click.UsageError("Say which: ids as 'nbxfer ls' shows them, or --all, or --group.")
    desk = call.desk()
    if ids:
        return list({handle.id: handle for handle in (_found(desk, op_id) for op_id in ids)}.values())
    handles = [handle for handle in desk.operations(group=call.group, scope="all") if fits(handle.snapshot)]
    if not handles:
        call.nothing(f"nothing here is {words}.")
    # Of a group the first one first; who holds one up begins with the last, so that nobody begins for another's sake.
    return handles if call.group is None else sorted(handles, key=lambda h: h.snapshot.place, reverse=backwards)


def _found(desk: Desk, prefix: str) -> Handle:
    """Give the one whose id begins so; of one that ended in a process that has left, say that it is over."""
    try:
        return desk.find(prefix)
    except InvalidRequest:
        ended = [s for s in desk.history(look.HISTORY) if prefix and s.id.startswith(prefix)]
        if len(ended) != 1:
            raise
    from nbxfer.faces.words import name_words, state_words

    raise InvalidTransferState(
        f"{name_words(ended[0])} ({ended[0].id[:8]}) is {state_words(ended[0])} already.",
        hint=f"nbxfer explain {ended[0].id[:8]} tells its story.",
    )


# -- asking and not staying ----------------------------------------------------------------------------------------
def _ask(
    call: Call,
    handles: Sequence[Handle],
    wish: Callable[[Handle], object],
    seen: Callable[[Snapshot], bool],
    unseen: int = exits.FAILED,
) -> int:
    """Pass the wish on, wait a moment for it to be seen, say what came of it; give the exit code.

    ``unseen`` is that of a wish that was left for a process, which has not answered yet.
    """
    from nbxfer.faces.words import line

    bad = silent = 0
    asked: list[Handle] = []
    for handle in handles:
        try:
            wish(handle)
            asked.append(handle)
        except TransferError as error:
            bad += 1
            call.pen.fail(str(error))
    until = time.monotonic() + ANSWER_WITHIN
    call.desk().attend(*(handle.id for handle in asked))
    for handle in asked:
        while not seen(handle.snapshot) and time.monotonic() < until:
            handle.wait(0.1, progress=False)
        snapshot = handle.snapshot
        if call.pen.json:
            call.pen.snapshot(snapshot)
        else:
            call.pen.out(line(snapshot))
        if not seen(snapshot):
            silent += 1
            call.pen.fail(f"{snapshot.id[:8]}: asked; its process has not answered yet. It will when it can.")
    if not bad + silent:
        return exits.DONE
    if bad + silent < len(handles):
        return exits.SOME_FAILED
    return exits.FAILED if bad else unseen


def _pause(handle: Handle) -> None:
    from nbxfer.core.phases import Phase

    if handle.snapshot.phase not in (Phase.PAUSED, Phase.PAUSING):  # asked twice is asked
        handle.pause()


# -- going on, and staying -----------------------------------------------------------------------------------------
def _resumable(snapshot: Snapshot) -> bool:
    from nbxfer.core.phases import LIVE, Phase

    resting = snapshot.phase in (Phase.PAUSED, Phase.PAUSING, Phase.CREATED)
    return resting or (snapshot.owner == "orphaned" and snapshot.phase in LIVE)


def _resume(handle: Handle, **new: Any) -> None:
    """Let it go on, by whichever verb its phase has for that, with what is given anew."""
    from nbxfer.core.phases import LIVE, Phase

    snapshot = handle.snapshot
    if snapshot.phase is Phase.CREATED and not new:
        handle.start()
    elif snapshot.phase is Phase.FAILED:
        handle.retry(**new)
    elif snapshot.phase is not Phase.DONE and (new or snapshot.phase not in LIVE or _resumable(snapshot)):
        handle.resume(**new)  # of a canceled one the session says why not


def _retry(handle: Handle, **new: Any) -> None:
    from nbxfer.core.phases import LIVE, Phase
    from nbxfer.faces.words import name_words, state_words

    snapshot = handle.snapshot
    if snapshot.phase in LIVE or snapshot.phase is Phase.DONE:
        raise InvalidTransferState(
            f"{name_words(snapshot)} has not failed: it is {state_words(snapshot)}.",
            hint=f"nbxfer resume {handle.id[:8]} goes on with it." if snapshot.phase in LIVE else None,
        )
    handle.retry(**new)


def _go_on(
    ctx: click.Context,
    call: Call,
    ids: Sequence[str],
    every: bool,
    verb: Callable[..., None],
    fits: Callable[[Snapshot], bool],
    words: str,
    given: dict[str, Any],
) -> None:
    options.setup(call, given)
    new, no_wait = options.renewed(call, given, ids), given["no_wait"]
    wish = partial(verb, **new)
    handles = _meant(call, ids, every, fits, words)
    if no_wait:
        alone = [handle for handle in handles if handle.snapshot.owner != "theirs"]
        for handle in alone:
            call.pen.fail(f"{handle.id[:8]}: no living process runs it, so somebody has to stay: leave out --no-wait.")
        theirs = [handle for handle in handles if handle not in alone]
        code = _ask(call, theirs, wish, lambda s: not fits(s), exits.LEFT)
        ctx.exit(code or (exits.LEFT if alone else exits.DONE))
    going, refused = [], 0
    for handle in handles:
        try:
            wish(handle)
            going.append(handle)
            call.staying = going
        except TransferError as error:
            if len(handles) == 1:
                raise
            refused += 1
            call.pen.fail(str(error))
    ctx.exit(stay(call, going, refused))
