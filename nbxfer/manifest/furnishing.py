"""The home and its folders: made where they are not there, refused where others could plant something in them."""

from __future__ import annotations

import contextlib
import os
import stat

from nbxfer.errors import AccessDenied
from nbxfer.manifest import storage
from nbxfer.manifest.layout import FOLDERS, Layout


def furnish(layout: Layout) -> None:
    """Make the home and its folders, 0700 each; those that are new are on the disk when this returns.

    Raises AccessDenied for a home that is another user's or that others can write to: they could plant journals,
    and with them downloads in this user's name.
    """
    with storage.doing(f"The folder that remembers transfers, {layout.home}, cannot be made (--home, NBXFER_HOME)"):
        parents = _missing(os.path.dirname(layout.home))
        os.makedirs(os.path.dirname(layout.home), exist_ok=True)
        made = [*parents, layout.home] if _make(layout.home) else parents
        _require_private(layout.home)
        for name in FOLDERS:
            if _make(layout.folder(name)):
                made.append(layout.folder(name))
            _require_private(layout.folder(name))
        for folder in {os.path.dirname(path) for path in made}:
            with contextlib.suppress(PermissionError):  # one that may be passed through, but not listed
                storage.sync_folder(folder)


def _missing(path: str) -> list[str]:
    """Give the folders on the way to ``path``, itself included, that are not there."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing


def _make(path: str) -> bool:
    """Make a folder; say whether it was not there."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return False
    return True


def _require_private(path: str) -> None:
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise AccessDenied(
            f"The manifest cannot live at {path!r}: that is no folder.", hint="Point NBXFER_HOME at a folder."
        )
    if not storage.is_ours(status):
        raise AccessDenied(
            f"The manifest cannot live in {path!r}: that folder belongs to another user.",
            hint="Point NBXFER_HOME at a folder of your own.",
        )
    if not hasattr(os, "geteuid") or not status.st_mode & 0o022:
        return
    # Kubernetes opens every folder of a volume to its group at each start (fsGroup). A folder that holds nothing but
    # the manifest can be closed again; one with other things in it may be open on purpose.
    inside = set(os.listdir(path))
    if os.path.basename(path) in FOLDERS or (inside and inside <= set(FOLDERS)):
        os.chmod(path, 0o700)
        if not os.lstat(path).st_mode & 0o022:
            return
    raise AccessDenied(
        f"The manifest cannot live in {path!r}: other users can write to that folder.",
        hint=f"Close it (chmod 700 {path}), or point NBXFER_HOME at a folder of your own.",
    )
