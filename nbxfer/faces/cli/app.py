"""The program itself: global options, and what becomes of errors and interruptions."""

from __future__ import annotations

import pkgutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from nbxfer.errors import InvalidRequest, TransferError
from nbxfer.faces.cli import doctor, exits, freezing, get, look, put, startup, steer, tidy, watch
from nbxfer.faces.cli.desk import Call

EPILOG = """\
\b
Exit codes: 0 done; 1 failed; 2 not understood; 3 left paused, can be resumed;
4 some of several failed. Interrupted by a signal: what has come is saved, and
the program ends by that signal.
"""
#: What other programs call what a command of ours does.
_ELSEWHERE: Final = {
    "upload": "put", "send": "put", "cp": "copy",
    "status": "ls", "list": "ls", "ps": "ls", "download": "get", "fetch": "get", "stop": "pause", "continue": "resume",
    "start": "resume", "rm": "cancel", "remove": "cancel", "kill": "cancel", "log": "explain", "show": "explain",
}  # fmt: skip


class Program(click.Group):
    """Commands whose errors are sentences, and whose interruption saves first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the commands in the order in which one comes to need them."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of a word that other programs have for one of ours, say what it is called here."""
        if args and args[0] in _ELSEWHERE and args[0] not in self.commands:
            ctx.fail(f"There is no {args[0]!r}. Did you mean: nbxfer {_ELSEWHERE[args[0]]}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn what it raises into a sentence and an exit code."""
        call = ctx.ensure_object(Call)
        with exits.Signals() as signals:
            return self._invoke(ctx, call, signals)

    def _invoke(self, ctx: click.Context, call: Call, signals: exits.Signals) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except TransferError as error:
            call.pen.fail(str(error) or type(error).__name__)
            ctx.exit(exits.of_error(error))
        except KeyboardInterrupt as interrupt:
            _interrupted(ctx, call, signals, getattr(interrupt, "signum", signal.SIGINT))
        except BrokenPipeError:
            raise  # whoever read us has heard enough; click ends quietly
        except Exception as error:  # noqa: BLE001 -- a bug of ours is told without what it says: that may be secret
            if signals.first is not None:  # what a signal broke off may end with any error
                _interrupted(ctx, call, signals, signals.first)
            call.pen.fail(_our_fault(error))
            if call.pen.verbose:
                click.echo("".join(traceback.format_tb(error.__traceback__)), err=True)
            ctx.exit(exits.FAILED)
        finally:
            call.close()


def _interrupted(ctx: click.Context, call: Call, signals: exits.Signals, signum: int) -> NoReturn:
    """Save, say how to go on, and die by the signal; a second one does not wait for the saving."""
    words = call.way_on()
    signals.last_words(f"nbxfer: {words}\n")
    try:
        call.close()
    except Exception as error:  # noqa: BLE001 -- the way on is said all the same
        call.pen.fail(_our_fault(error))
    call.pen.fail(words)
    signals.last_words("")
    call.die(signum)
    ctx.exit(128 + signum)


def _our_fault(error: Exception) -> str:
    """Say that this is a bug, and where; never what the error says, for that may hold a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}" if trace else "an unknown place"
    return (
        f"stopped by a fault of its own: {type(error).__name__} in {where}. What has come is saved. "
        "Please report this, with what you typed (less its secrets)."
    )


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        import nbxfer

        click.echo(f"nbxfer {nbxfer.__version__}, Python {sys.version.split()[0]}")
        ctx.exit()


@click.group(
    name="nbxfer",
    cls=Program,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home",
    metavar="PATH",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that remembers every download (else NBXFER_HOME, else your state folder).",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Say which version."
)
@click.pass_obj
def main(call: Call, home: Path | None) -> None:
    """Downloads that go on after a break: of the network, the terminal, the machine.

    The same downloads show in notebooks that use the same home, and can be steered from either side.

    \b
    Example:
      nbxfer get https://host/data.tar.gz -o data/
    """
    call.home = home.expanduser().absolute() if home is not None else None


for command in (
    get.get,
    put.put,
    put.copy,
    look.ls,
    watch.watch,
    look.explain,
    steer.pause,
    steer.resume,
    steer.retry,
    steer.cancel,
    get.adopt,
    freezing.freeze,
    freezing.restore,
    tidy.clean,
    look.config,
    doctor.doctor,
    startup.install,
    startup.uninstall,
):
    main.add_command(command)


@main.command(short_help="See a download survive being killed.")
@click.argument("url", required=False)
def demo(url: str | None) -> None:
    """See it survive: a download is killed half-way, and goes on.

    Without URL it downloads from a server of its own, on this machine. Everything it makes is removed again.

    \b
    Example:
      nbxfer demo https://host/data.tar.gz
    """
    # The one door upward: the demo stands above the faces, and is opened by name.
    pkgutil.resolve_name("nbxfer.demo.play:main")(url)


def _amount(_: click.Context, __: click.Parameter, text: str) -> str:
    """Hold a number of bytes against what the server will read."""
    from nbxfer.core import amounts

    try:
        return str(amounts.size(text))
    except InvalidRequest:
        raise click.BadParameter(f"{text!r} is no number of bytes: write it like 500, 200M or 64MiB.") from None


@main.command("demo-server", short_help="Serve a made-up file, to try things on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: any free one.")
@click.option("--size", default="200M", show_default=True, callback=_amount, help="Bytes of the file; 200M, 64MiB.")
@click.option(
    "--rate", default="0", show_default=True, callback=_amount, help="Bytes a second for each connection; 0: no brake."
)
@click.pass_context
def demo_server(ctx: click.Context, port: int, size: str, rate: str) -> None:
    """Serve a large made-up file on this machine, with and without credentials; take in what is sent.

    Its first line is the URL of the file; the page at / tells the others. It ends with Ctrl-C.

    \b
    Example:
      nbxfer demo-server --rate 5M
    """
    arguments = ["--port", str(port), "--size", size, "--rate", rate]
    ctx.exit(pkgutil.resolve_name("nbxfer.demo.server:main")(arguments))
