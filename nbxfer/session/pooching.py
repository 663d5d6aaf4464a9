"""A downloader for pooch: four arguments, and what it fetches goes on after an interruption where it was."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

from nbxfer.errors import TransferError
from nbxfer.session import fetching
from nbxfer.session.kernel import default

if TYPE_CHECKING:
    from nbxfer.session.desk import Session


class PoochDownloader:
    """Called by pooch with (url, output_file, pooch, check_only). ``options`` are those of ``download``.

    pooch gives each try a temporary file of another name, so the bytes are kept in nbxfer's cache until they are whole.
    """

    def __init__(self, session: Session | None, progress: bool, options: dict[str, Any]) -> None:
        self._session, self._progress, self._options = session, progress, options

    def __call__(self, url: str, output_file: Any, pooch: object = None, check_only: bool = False) -> bool | None:
        """Fetch ``url`` into ``output_file`` (a path, or a file to write to); or only say whether it is there."""
        session = self._session if self._session is not None else default()
        if check_only:
            try:
                session.open(url, **self._options).close()
            except TransferError:
                return False
            return True
        path = session.fetch(url, progress=self._progress, **self._options)
        if not isinstance(output_file, str | os.PathLike):
            with open(path, "rb") as whole:
                shutil.copyfileobj(whole, output_file, 1 << 20)
            return None
        # pooch moves what it gets to its own place, and holds it against its hash there: nothing is kept twice.
        shutil.move(path, output_file)
        return None


def pooch_downloader(session: Session | None = None, *, progress: bool = False, **options: Any) -> PoochDownloader:
    """Give a downloader for pooch: ``pooch.retrieve(url, known_hash, downloader=nbxfer.pooch_downloader())``.

    Raises UnknownOption and InvalidRequest for what ``fetch`` would refuse: now, not at the first file that is missing.
    """
    fetching.check(options)
    return PoochDownloader(session, progress, options)
