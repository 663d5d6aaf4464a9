"""The startup file of IPython: written and removed only when a person asks for it by name."""

from __future__ import annotations

import os
import secrets
import warnings
from pathlib import Path

from nbxfer.errors import AccessDenied, InvalidRequest

NAME = "50-nbxfer.py"
_FIRST = "# Written by `nbxfer install-startup`; `nbxfer uninstall-startup` removes it.\n"
TEXT = (
    _FIRST
    + """\
# It brings the panels of saved notebooks back to life, and tells of transfers that were interrupted. It moves nothing.
try:
    import nbxfer as _nbxfer
except ImportError:  # a kernel of another environment
    pass
else:
    _nbxfer.load_ipython_extension(get_ipython())
    del _nbxfer
"""
)


def path(profile: str = "default") -> Path:
    """Give where the file lies, or would lie. Raises InvalidRequest, AccessDenied."""
    if not profile or profile != os.path.basename(profile) or profile in (".", ".."):
        raise InvalidRequest(
            f"{profile!r} is no name of a profile.", hint="See `ipython profile list`; most people have 'default'."
        )
    from IPython.paths import get_ipython_dir

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # where it cannot be written to, IPython would take a temporary folder
        try:
            folder = get_ipython_dir()
        except UserWarning as warning:
            raise AccessDenied(f"{warning}", hint="Look after that folder, or set IPYTHONDIR.") from None
    return Path(folder, f"profile_{profile}", "startup", NAME)


def install(profile: str = "default") -> Path:
    """Write the file; give its path. Raises AccessDenied, InvalidRequest where somebody else's file has its name."""
    target = path(profile)
    _check(target)
    aside = target.with_name(f".{secrets.token_hex(6)}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(TEXT, "utf-8")
        os.replace(aside, target)
    except OSError as error:
        raise AccessDenied(
            f"{target} cannot be written: {error.strerror}.", hint="Look after that folder, or set IPYTHONDIR."
        ) from None
    return target


def uninstall(profile: str = "default") -> Path | None:
    """Remove the file; give its path, None where there was none. Raises as ``install`` does."""
    target = path(profile)
    if not _check(target):
        return None
    try:
        target.unlink()
    except OSError as error:
        raise AccessDenied(f"{target} cannot be removed: {error.strerror}.", hint="Remove it by hand.") from None
    return target


def _check(target: Path) -> bool:
    """Say whether our file is there. Raises InvalidRequest where another one has its name."""
    try:
        begins = target.read_text("utf-8", "replace").startswith(_FIRST)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise AccessDenied(f"{target} cannot be read: {error.strerror}.", hint="Look after that folder.") from None
    if not begins:
        raise InvalidRequest(f"{target} was not written by nbxfer.", hint="Move it away, or call it something else.")
    return True
