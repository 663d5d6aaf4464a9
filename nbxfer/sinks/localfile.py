"""A file on this machine's file systems: a private part beside it, published in one step when it is whole.

In the destination's folder (so that publishing is a rename within one file system)::

    data.tar.gz                              the final name: absent, old or complete
    .data.tar.gz.<id>.<epoch>.part           mode 0600 until it is whole, of one operation and epoch
    .data.tar.gz.<id>.<epoch>.clone          a copy for a new owner, until it is whole

On NFS a file that is removed while open leaves a ``.nfs…`` name until it is closed; a full quota may be told by the
sync only. FAT, exFAT and SMB have no hard links: there a rename that replaces nothing is used, and where even that is
missing, look-then-rename, and the result says so (``Published.atomic``). POSIX only; no lock is taken anywhere.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from nbxfer.core.record import Before, Published, Seal
from nbxfer.errors import InvalidRequest, NoSpace, StorageFailed, WebErrorStatus
from nbxfer.sinks import partfile, publishing
from nbxfer.sinks.adopting import Theirs, solid
from nbxfer.sinks.folder import NEW, Folder, PartNames, make_folders, nearest
from nbxfer.sinks.oserrors import shown, translated
from nbxfer.sinks.partfile import PartFile
from nbxfer.sinks.together import Shelf
from nbxfer.sinks.view import FileView

#: A name of up to so many characters is no longer than its part's, even where each of them takes four bytes.
SHORT: Final = 25


class LocalFile:
    """The sink of one operation whose destination is a path. Holds nothing open by itself.

    ``destination`` is made absolute here (a later ``chdir`` does not move it); links in its folders are followed,
    a link under its own name never is. ``op_id``: letters, digits, - and _, up to 64. Raises InvalidRequest.
    """

    def __init__(self, destination: Path | str, op_id: str) -> None:
        self.path = os.path.abspath(destination)
        self._parent, name = os.path.split(self.path)
        self._names = PartNames(name, op_id)
        self._shown = shown(self.path)

    def __repr__(self) -> str:
        return f"<local file {self._shown}>"

    def _folder(self) -> Folder:
        return Folder(self._parent)

    def create(self, epoch: int, size: int | None) -> PartFile:
        """Begin an empty part of ``epoch``; make the folders that are missing.

        Older parts go first, so that their room counts. Raises NoSpace, AccessDenied, StorageFailed, and
        InvalidRequest for a name that the file system cannot hold.
        """
        with translated(f"A part of {self._shown} could not be made"):
            fd = self._first(size) if epoch == 1 else None
            if fd is None:
                if os.path.isdir(self._parent):
                    with self._folder() as folder:
                        folder.remove(self._names, epoch)
                self._check_room(size)
                make_folders(self._parent)
                with self._folder() as folder:
                    fd = self._make(folder, epoch)
        return PartFile(fd, self._parent, self._shown)

    def _first(self, size: int | None) -> int | None:
        """Make the first part there ever was of it, in a folder with much room; None where more is to be looked at."""
        if len(self._names.final) > SHORT:
            return None
        try:
            room = os.statvfs(self._parent)
            if size is None or size > room.f_bavail * room.f_frsize or (room.f_files and not room.f_favail):
                return None
            return os.open(os.path.join(self._parent, self._names.part(1)), NEW, 0o600)
        except OSError:  # looked into by who takes more time for it
            return None

    def _make(self, folder: Folder, epoch: int) -> int:
        folder.look(self._names.final)  # too long a name is refused here, not after hours
        try:
            return folder.make(self._names.part(epoch))
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise InvalidRequest(
                f"The file system does not accept the name {self._shown}.", hint="Give another name."
            ) from None

    def _check_room(self, size: int | None) -> None:
        room = self.room()
        if size is not None and (whole := self._disk()) is not None and size > whole:
            raise StorageFailed(
                f"{self._shown} needs {size} bytes, and its whole disk has {whole}.",
                status=WebErrorStatus.NO_SPACE,
                hint="Give a destination on a larger disk.",
            )
        if room is not None and size is not None and size > room:
            raise NoSpace(
                f"{self._shown} needs {size} bytes, and its disk has {room} free.",
                hint="It goes on by itself when there is room.",
            )

    def _disk(self) -> int | None:
        """Give the size of the whole file system in bytes; None where it cannot tell, or has no fixed one."""
        try:
            disk = os.statvfs(nearest(self._parent))
        except OSError:
            return None
        return disk.f_blocks * disk.f_frsize or None

    def reopen(self, epoch: int, fresh_since: int, *, proven: bool) -> PartFile | None:
        """Open the newest part of epochs ``fresh_since`` to ``epoch``, as part of ``epoch``; None when there is none.

        Cloned, not renamed, is also a part that has a second name: somebody's backup by hard links must not change.
        """
        with translated(f"The part of {self._shown} could not be opened"):
            try:
                with self._folder() as folder:
                    fd = self._reopen(folder, epoch, fresh_since, proven=proven)
            except FileNotFoundError:
                return None
        return None if fd is None else PartFile(fd, self._parent, self._shown)

    def _reopen(self, folder: Folder, epoch: int, fresh_since: int, *, proven: bool) -> int | None:
        wanted = self._names.part(epoch)
        for e in folder.epochs(self._names, fresh_since, epoch):
            name = self._names.part(e)
            fd = folder.open_own(name, os.O_RDWR)
            if fd is None:
                continue
            try:
                if os.fstat(fd).st_nlink != 1 or not (proven or e == epoch):
                    old, fd = fd, self._clone(folder, fd, epoch)
                    os.close(old)
                elif e != epoch:
                    folder.rename(name, wanted)
                folder.remove(self._names, epoch - 1)
            except BaseException:
                os.close(fd)
                raise
            return fd
        return None

    def _clone(self, folder: Folder, source: int, epoch: int) -> int:
        """Copy a part; the copy gets its name when it is whole."""
        name = self._names.clone(epoch)
        folder.unlink(name)
        fd = folder.make(name)
        try:
            partfile.copy(source, fd)
            folder.rename(name, self._names.part(epoch))
        except BaseException:
            os.close(fd)
            folder.unlink(name)
            raise
        return fd

    def adopt(self, path: str | os.PathLike[str], epoch: int, *, move: bool) -> tuple[PartFile, int]:
        """Begin the part of ``epoch`` with the bytes of somebody's file, as Sink says; where moved, it is made private.

        Raises InvalidRequest, NoSpace, AccessDenied, StorageFailed.
        """
        theirs = Theirs(path, move=move)
        with translated(f"{theirs.shown} could not be taken over"):
            source = theirs.open()
            try:
                make_folders(self._parent)
                with self._folder() as folder:
                    folder.remove(self._names, epoch)
                    length = solid(source)
                    if move and theirs.link(folder, self._names.part(epoch), source):
                        fd = os.dup(source)
                    else:
                        self._check_room(os.fstat(source).st_size)
                        fd = self._clone(folder, source, epoch)
            finally:
                os.close(source)
        return PartFile(fd, self._parent, self._shown), length

    def view(self, epoch: int, fresh_since: int) -> FileView | None:
        """Open the newest part of epochs ``fresh_since`` to ``epoch`` for a reader; None when there is none."""
        with translated(f"The part of {self._shown} could not be opened"):
            try:
                with self._folder() as folder:
                    for e in folder.epochs(self._names, fresh_since, epoch):
                        fd = folder.open_own(self._names.part(e), os.O_RDONLY)
                        if fd is not None:
                            return FileView(fd, f"The part of {self._shown}")
            except FileNotFoundError:
                return None
        return None

    def view_final(self, published: Published) -> FileView | None:
        """Open the finished file for a reader; None when it does not lie there any more as it was published."""
        what = shown(published.path)
        with translated(f"{what} could not be opened"):
            try:
                fd = os.open(published.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            there = os.fstat(fd)
            if (there.st_size, there.st_mtime_ns) == (published.size, published.mtime_ns):
                return FileView(fd, what)
            os.close(fd)
            return None

    def publish(self, epoch: int, seal: Seal, before: Before | None, path: str = "") -> Published:
        """Give the part its final name; replace only the regular file that ``before`` describes.

        A file that somebody else put there meanwhile counts as published when it holds the same bytes. The mode is
        that of the replaced file, else what the umask leaves of 0666. Close the part first. Raises DestinationExists,
        SourceChanged, AccessDenied, NoSpace, StorageFailed; InvalidRequest for a ``path`` in another folder.
        """
        final, what = self._named(path)
        with translated(f"{what} could not be given its name"), self._folder() as folder:
            done = self._placed(folder, epoch, seal, before, final)
            folder.sync()
        return done

    def publish_into(self, shelf: Shelf, epoch: int, seal: Seal, before: Before | None, path: str = "") -> Published:
        """Do what ``publish`` does, but leave the sync of the folder to ``shelf``."""
        final, what = self._named(path)
        with translated(f"{what} could not be given its name"):
            return self._placed(shelf.folder(self._parent), epoch, seal, before, final, shelf.umask)

    def _named(self, path: str) -> tuple[str, str]:
        """Give the final name, and how the path is shown."""
        path = os.path.abspath(path) if path else self.path
        parent, final = os.path.split(path)
        what = self._shown if path == self.path else shown(path)
        if parent != self._parent or not final:
            raise InvalidRequest(f"{what} is not in the folder of {self._shown}.", hint="Give only a name.")
        return final, what

    def _placed(
        self, folder: Folder, epoch: int, seal: Seal, before: Before | None, final: str, mask: int | None = None
    ) -> Published:
        path = os.path.join(self._parent, final)
        placed = publishing.place(folder, self._names, epoch, seal, before, shown(path), final, mask)
        if epoch > 1 or not placed.moved:  # else there never was another part
            with suppress(OSError):  # it is published; a part that cannot be removed is only untidy
                folder.remove(self._names, epoch)
        return Published(path, placed.there.st_size, placed.there.st_mtime_ns, atomic=placed.atomic)

    def discard(self, *, keep: bool = False) -> None:
        """Remove every part of this operation, unless ``keep``. Raises AccessDenied, StorageFailed."""
        if keep:
            return
        with translated(f"A part of {self._shown} could not be removed"):
            try:
                with self._folder() as folder:
                    folder.remove(self._names)
            except (FileNotFoundError, NotADirectoryError):
                return

    def room(self) -> int | None:
        """Give the free bytes on the destination's disk; 0 when it can hold no more files; None where nobody knows."""
        try:
            disk = os.statvfs(nearest(self._parent))
        except OSError:
            return None
        if disk.f_blocks == 0:  # some FUSE file systems do not say
            return None
        if disk.f_files and not disk.f_favail and not self._has_part():
            return 0
        return disk.f_bavail * disk.f_frsize

    def _has_part(self) -> bool:
        try:
            with self._folder() as folder:
                return folder.has_part(self._names)
        except OSError:
            return False
