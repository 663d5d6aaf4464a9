"""``install-startup`` and ``uninstall-startup``: whether each new kernel looks after saved panels by itself."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from typing import Any

import click

from nbxfer.faces.cli.desk import Call

Command = Callable[..., Any]


def _profile(command: Command) -> Command:
    words = "The profile of IPython whose kernels are meant."
    return click.option("--profile", metavar="NAME", default="default", show_default=True, help=words)(command)


def _door(name: str) -> Callable[[str], Any]:
    # By name: this face knows of the notebook's only that it has a startup file.
    found: Callable[[str], Any] = pkgutil.resolve_name(f"nbxfer.faces.notebook.startup:{name}")
    return found


@click.command("install-startup", short_help="Load nbxfer in each new notebook kernel.")
@_profile
@click.pass_obj
def install(call: Call, profile: str) -> None:
    """Load nbxfer in each new notebook kernel.

    Writes one small file into IPython's startup folder. From then on a saved panel is live as soon as its notebook is
    open, and interrupted downloads are offered below the first cell that is run. Nothing is started by that.

    \b
    Example:
      nbxfer install-startup
    """
    call.pen.out(str(_door("install")(profile)))
    call.pen.say("Kernels that start from now on load nbxfer. To take it back: nbxfer uninstall-startup")


@click.command("uninstall-startup", short_help="Take that back.")
@_profile
@click.pass_obj
def uninstall(call: Call, profile: str) -> None:
    """Take back what install-startup did.

    \b
    Example:
      nbxfer uninstall-startup
    """
    removed = _door("uninstall")(profile)
    call.pen.say(f"Removed {removed}." if removed else "It was not installed.")
