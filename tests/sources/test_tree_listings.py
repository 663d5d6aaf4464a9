"""What is in a tree: folders of this machine with everything that may lie in one, and filesystems of fsspec's kind."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

import fsspec
import pytest

from nbxfer.core.tree.listed import Listed, Passed
from nbxfer.errors import AccessDenied, InvalidRequest, SourceNotFound
from nbxfer.sources.trees import local, stores


def whole(_: str) -> bool:
    """Enter every folder."""
    return True


def paths(found: Iterable[Listed | Passed]) -> list[str]:
    """Give the paths of the files, and those of what is passed over in brackets."""
    return [one.path if isinstance(one, Listed) else f"({one.path})" for one in found]


def why(found: Iterable[Listed | Passed]) -> dict[str, str]:
    """Give what is passed over, and why."""
    return {one.path: one.why for one in found if isinstance(one, Passed)}


def make(top: Path, names: Iterable[str]) -> None:
    """Write a file of its own name under each path."""
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)


def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    """Files come folder by folder, each with its size and time; hidden ones, too."""
    make(tmp_path, ["b.txt", "a/x", "a/y/.hidden", "c/z"])
    found = list(local.listing(str(tmp_path), whole))
    assert paths(found) == ["b.txt", "a/x", "a/y/.hidden", "c/z"]
    first = found[0]
    assert isinstance(first, Listed)
    assert (first.size, first.modified) == (5, (tmp_path / "b.txt").stat().st_mtime)
    assert paths(local.listing(str(tmp_path), lambda folder: folder == "c")) == ["b.txt", "c/z"]


def test_links_are_never_followed_in_circles(tmp_path: Path) -> None:
    """A link to a file is that file; a link to a folder, even to one that it is in, is passed over with a word."""
    make(tmp_path / "elsewhere", ["secret"])
    top = tmp_path / "top"
    make(top, ["a/x"])
    (top / "file").symlink_to("a/x")
    (top / "a" / "up").symlink_to("..")
    (top / "out").symlink_to(tmp_path / "elsewhere")
    (top / "nowhere").symlink_to("gone")
    (top / "self").symlink_to("self")
    found = list(local.listing(str(top), whole))
    assert [one.path for one in found if isinstance(one, Listed)] == ["file", "a/x"]
    assert why(found) == {
        "a/up": "a link to a folder",
        "out": "a link to a folder",
        "nowhere": "a link that leads nowhere",
        "self": "a link that leads nowhere",
    }
    (tmp_path / "door").symlink_to(top)  # the top itself may be a link: somebody wrote it
    assert "a/x" in paths(local.listing(str(tmp_path / "door"), whole))


def test_what_is_no_file_is_passed_over_with_a_word(tmp_path: Path) -> None:
    """Pipes are not opened (that would hang), parts of transfers not taken for files, empty folders are named."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as plug:
        here = os.open(".", os.O_RDONLY)
        os.chdir(tmp_path)  # a socket's path is short
        plug.bind("plug")
        os.chdir(here)
        os.close(here)
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    make(tmp_path, [".data.bin.0123456789abcdef.3.part"])
    (tmp_path / os.fsdecode(b"caf\xe9")).write_text("x")
    found = why(local.listing(str(tmp_path), whole))
    assert found == {
        ".data.bin.0123456789abcdef.3.part": "the part of an unfinished transfer",
        "caf?": "a name that is no Unicode text",
        "empty/inner": "an empty folder",
        "pipe": "no ordinary file (a socket, a pipe or a device)",
        "plug": "no ordinary file (a socket, a pipe or a device)",
    }


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One folder that may not be read, or goes away under the walk, keeps nothing else from being listed."""
    make(tmp_path, ["a/x", "b/y", "gone/z"])
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        if str(path).endswith("/gone"):
            raise FileNotFoundError(2, "No such file or directory")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(local.listing(str(tmp_path), whole))
    assert paths(found) == ["a/x", "(b)", "(gone)"]
    assert "Permission denied" in why(found)["b"]


def test_a_top_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there, is a file, or may not be read, is refused with a sentence."""
    make(tmp_path, ["file"])
    for name, error in (("none", SourceNotFound), ("file", InvalidRequest)):
        with pytest.raises(error):
            list(local.listing(str(tmp_path / name), whole))
    denied = PermissionError(13, "Permission denied")
    monkeypatch.setattr(os, "scandir", lambda _: (_ for _ in ()).throw(denied))
    with pytest.raises(AccessDenied, match="Permission denied"):
        list(local.listing(str(tmp_path), whole))


# -- of fsspec's kind -------------------------------------------------------------------------------------------------
@pytest.fixture
def memory() -> fsspec.AbstractFileSystem:
    """Give the filesystem in memory, empty."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    return fs


def test_a_filesystem_in_memory(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    """Folder by folder, with sizes and times; a folder that is not entered is not asked for."""
    for name in ("/t/b", "/t/a/x", "/t/a/y/z", "/other"):
        memory.pipe(name, name.encode())
    memory.mkdir("/t/empty")
    found = list(stores.listing(memory, "/t", None))
    assert paths(found) == ["b", "a/x", "a/y/z", "(empty)"]
    first = found[0]
    assert isinstance(first, Listed)
    assert first.size == 4
    assert first.modified is not None
    asked: list[str] = []

    def enter(folder: str) -> bool:
        asked.append(folder)
        return False

    assert paths(stores.listing(memory, "/t", enter)) == ["b"]
    assert asked == ["a", "empty"]
    with pytest.raises(FileNotFoundError):
        list(stores.listing(memory, "/none", None))
    assert "other" in paths(stores.listing(memory, "", None))


def test_a_hundred_thousand_files_come_one_after_the_other() -> None:
    """A listing holds one folder at a time: who takes the first files has not waited for the last folder."""
    asked: list[str] = []

    class Wide(fsspec.AbstractFileSystem):  # type: ignore[misc]
        protocol = "wide"

        def ls(self, path: str, detail: bool = True, **kwargs: object) -> list[dict[str, object]]:
            asked.append(path)
            if path.count("/") == 0:
                return [{"name": f"{path}/{n:03}", "type": "directory"} for n in range(1000)]
            return [{"name": f"{path}/{n:02}", "type": "file", "size": n} for n in range(100)]

    found = stores.listing(Wide(skip_instance_cache=True), "top", None)
    assert next(found).path == "000/00"
    assert len(asked) == 2
    assert sum(1 for _ in found) == 99_999
    assert len(asked) == 1001


def test_what_goes_wrong_in_a_walk(memory: fsspec.AbstractFileSystem) -> None:
    """A folder that has gone since, or may not be read, is passed over; what is neither file nor folder, too."""

    def answer(path: str) -> list[dict[str, object]]:
        raise {"top/gone": FileNotFoundError, "top/closed": PermissionError}[path](path)

    class Odd(fsspec.AbstractFileSystem):  # type: ignore[misc]
        protocol = "odd"

        def ls(self, path: str, detail: bool = True, **kwargs: object) -> list[dict[str, object]]:
            if path != "top":
                return answer(path)
            return [
                {"name": "top", "type": "directory"},
                {"name": "top/odd", "type": "file", "size": None, "mtime": "never"},
                {"name": "top/gone", "type": "directory"},
                {"name": "top/closed", "type": "directory"},
                {"name": "top/link", "type": "other"},
            ]

    found = list(stores.listing(Odd(skip_instance_cache=True), "top", None))
    assert why(found) == {
        "closed": "a folder that may not be read",
        "gone": "a folder that has just gone",
        "link": "no ordinary file (other)",
    }
    assert Listed("odd", None) in found
