"""Whether the server of this kernel ends kernels that rest, as far as a kernel can know.

A kernel cannot ask its server. It can read what the server was told: its command line, where it is this kernel's parent
and belongs to the same person, and the configuration files in Jupyter's folders. What stands nowhere there stays
unknown, and then nothing is said.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

#: The classes whose options these are, the newest first.
_OF: Final = ("MappingKernelManager", "AsyncMappingKernelManager")
_OPTION: Final = re.compile(r"(?:--|c\.)\w*MappingKernelManager\.(cull_\w+)\s*=\s*([\w.]+)")


class Culling(msgspec.Struct, frozen=True):
    """A kernel that rests for ``idle`` seconds is ended; with ``connected`` also one that a page is looking at."""

    idle: float
    connected: bool = False


def read(texts: Iterable[str]) -> Culling | None:
    """Give what command lines and configuration files say, the later ones winning; None where kernels may rest."""
    found: dict[str, Any] = {}
    for text in texts:
        try:
            parsed = json.loads(text)
        except ValueError:
            found |= dict(_OPTION.findall(text))
            continue
        for name in _OF:
            options = parsed.get(name) if isinstance(parsed, dict) else None
            found |= options if isinstance(options, dict) else {}
    try:
        idle = float(found.get("cull_idle_timeout", 0))
    except (TypeError, ValueError):
        return None
    return Culling(idle, str(found.get("cull_connected", False)).lower() in ("true", "1")) if idle > 0 else None


@functools.cache
def known() -> Culling | None:
    """Give what can be known of this kernel's server; looked for once."""
    return read(_texts())


def _texts() -> Iterator[str]:
    if "ipykernel" not in sys.modules:
        return
    try:
        from jupyter_core.paths import jupyter_config_path

        folders = [Path(folder) for folder in reversed(jupyter_config_path())]
    except (ImportError, OSError):
        folders = []
    for folder in folders:
        for name in ("jupyter_notebook_config", "jupyter_server_config"):
            places = [folder / f"{name}.py", folder / f"{name}.json", *sorted((folder / f"{name}.d").glob("*.json"))]
            for path in places:
                try:
                    yield path.read_text("utf-8")
                except (OSError, ValueError):
                    continue
    try:
        line = Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except OSError:
        return
    yield "\n".join(part.decode("utf-8", "replace") for part in line.split(b"\0"))


def warning(left: float | None, culling: Culling | None, *, alive: bool) -> str:
    """Say what becomes of transfers that need ``left`` more seconds (None: nobody knows); nothing where all is well."""
    if culling is None or alive or (left is not None and left < culling.idle):
        return ""
    minutes = max(1, round(culling.idle / 60))
    rests = f"{minutes} min" if culling.idle >= 60 else f"{culling.idle:g} s"
    when = "" if culling.connected else " once its page is closed"
    return (
        f"This server ends a kernel that has run no cell for {rests}{when}: transfers stop there, and reattach() "
        "goes on. NBXFER_KEEP_ALIVE=on keeps a kernel that transfers."
    )
