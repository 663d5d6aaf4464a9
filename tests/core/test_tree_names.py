"""Where the files of a tree land: slashes, patterns, names that a disk cannot hold."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nbxfer.core.tree import layout
from nbxfer.core.tree.landing import Disk, key, safe_path
from nbxfer.core.tree.sieve import Sieve, enters, matcher, prefix_matcher
from nbxfer.errors import InvalidRequest

POSIX, WINDOWS, MAC = Disk(), Disk(windows=True, folds=True), Disk(folds=True)


@pytest.mark.parametrize(
    ("source", "dest", "name"),
    [
        ("b/run", "out/", "run"),
        ("b/run", "out", ""),
        ("b/run/", "out/", ""),
        ("b/run/", "out", ""),
        ("b/run/.", "out/", ""),
        ("..", "out/", ""),
        ("b/run", ".", "run"),
        ("b/run", "a/..", "run"),
        ("b/run", "", "run"),
        ("", "out/", ""),
    ],
)
def test_the_rule_of_slashes(source: str, dest: str, name: str) -> None:
    """A folder keeps its name only when it is written without a slash, and the destination with one (or a dot)."""
    assert layout.between(source, dest) == name


@pytest.mark.parametrize(
    ("pattern", "folder", "rest"),
    [
        ("a/b/*.nc", "a/b/", "*.nc"),
        ("*.nc", "", "*.nc"),
        ("a/x?/b/[0-9].nc", "a/", "x?/b/[0-9].nc"),
        ("a/b.nc", "a/", "b.nc"),
        ("", "", ""),
    ],
)
def test_what_of_a_pattern_is_fixed(pattern: str, folder: str, rest: str) -> None:
    """What matches keeps its place below the folder before the first wildcard, whatever else matches."""
    assert layout.fixed(pattern) == (folder, rest)
    assert layout.is_pattern(pattern) is any(c in pattern for c in "*?[")


def test_pieces_of_a_path() -> None:
    """Pieces that are empty leave no slash behind."""
    assert layout.joined("", "a", "", "b/c") == "a/b/c"


# -- names ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "posix", "windows"),
    [
        ("a/b.nc", "a/b.nc", "a/b.nc"),
        ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
        ("a/./b", "a/%2E/b", "a/%2E/b"),
        ("/etc//passwd/", "etc/passwd", "etc/passwd"),
        ("2026-01-01T00:00.nc", "2026-01-01T00:00.nc", "2026-01-01T00%3A00.nc"),
        ("a\\..\\b", "a\\..\\b", "a%5C..%5Cb"),
        ("line\nend\x00\x9b", "line%0Aend%00%C2%9B", "line%0Aend%00%C2%9B"),
        ("half\udc80", "half%ED%B2%80", "half%ED%B2%80"),
        ("aux.txt/COM1", "aux.txt/COM1", "%61ux.txt/%43OM1"),
        ("end. ", "end. ", "end%2E%20"),
        ("//", "", ""),
        ("x/" * 2500, "", ""),
    ],
)
def test_names_that_a_disk_cannot_hold(path: str, posix: str, windows: str) -> None:
    """What cannot be a name on this disk is written as in a URL; everything else stays as it is."""
    assert safe_path(path, POSIX) == posix
    assert safe_path(path, WINDOWS) == windows


@pytest.mark.parametrize("name", ["ü" * 200 + ".tar.gz", "x" * 300, "é" * 128 + ".a b"])
def test_long_names(name: str) -> None:
    """A name that is too long is cut, keeps its extension, and stays told apart from others that begin so."""
    cut, other = safe_path(name, POSIX), safe_path("y" + name, POSIX)
    assert len(cut.encode()) <= 200
    assert cut.endswith(".tar.gz") is name.endswith(".tar.gz")
    assert cut[1:] != other[1:]
    assert safe_path("x" * 255, POSIX) == "x" * 255


@given(st.text(max_size=60) | st.text(alphabet="./\\:%a\n", max_size=30))
@example("..")
@example("a/../..")
def test_no_name_leads_out_of_its_folder(path: str) -> None:
    """Whatever a store calls its objects: the file lies below the folder, on every kind of disk, and again there."""
    for disk in (POSIX, WINDOWS):
        safe = safe_path(path, disk)
        assert not safe.startswith("/")
        assert posixpath.normpath("/top/" + safe) == ("/top/" + safe).rstrip("/")
        assert safe_path(safe, disk) == safe
        assert "\x00" not in safe
        safe.encode()
    assert ".." not in safe_path(path, WINDOWS).replace("\\", "/").split("/")


def test_when_two_names_are_one() -> None:
    """Disks of Windows and macOS do not tell A from a, nor two ways to write an accent; the others do."""
    assert key("A/É", MAC) == key("a/e\u0301", MAC)
    assert key("A", POSIX) != key("a", POSIX)


# -- patterns ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.nc", ["a.nc", ".nc", ".h.nc"], ["a/b.nc", "a.NC", "a.nc/b"]),
        ("**/*.nc", ["a.nc", "a/b/.c/d.nc"], ["a/b"]),
        ("a/**", ["a/b", "a/b/c"], ["b/a"]),
        ("x[0-9]?", ["x1y"], ["xay", "x1"]),
        ("x[!0-9]", ["xa"], ["x1"]),
    ],
)
def test_globs(pattern: str, yes: list[str], no: list[str]) -> None:
    """A star stays in its folder, two cross them, a leading dot is a character like any other."""
    matches = matcher(pattern)
    assert [p for p in yes + no if matches(p)] == yes


def test_a_glob_of_folders() -> None:
    """Taken with what is in them, folders are matched like files."""
    matches = prefix_matcher("run*")
    assert [p for p in ("run1/a/b", "run2", "x/run3") if matches(p)] == ["run1/a/b", "run2"]


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.tmp", ["a.tmp", "b/c.tmp", "x.tmp/y"], ["tmp"]),
        ("cache", ["cache", "a/cache/b"], ["caches"]),
        ("cache/", ["cache/x", "a/cache/b"], ["cache", "a/cache"]),
        ("/top.txt", ["top.txt"], ["a/top.txt"]),
        ("a/b", ["a/b", "a/b/c"], ["x/a/b"]),
        ("a/*/c", ["a/b/c", "a/b/c/d"], ["a/c"]),
        ("/data/", ["data/x"], ["data", "a/data/x"]),
    ],
)
def test_filters(pattern: str, yes: list[str], no: list[str]) -> None:
    """Without a slash a name anywhere is meant, with one the path from the top; a folder means all that is in it."""
    paths = yes + no
    assert [p for p in paths if Sieve(include=[pattern]).takes(p)] == yes
    assert [p for p in paths if Sieve(exclude=[pattern]).takes(p)] == no


def test_exclude_wins() -> None:
    """What is included and excluded is left out; without an include everything is in."""
    sieve = Sieve(["*.csv", "*.nc"], ["old"])
    assert [p for p in ("a.csv", "b.nc", "old/a.csv", "c.txt") if sieve.takes(p)] == ["a.csv", "b.nc"]
    assert Sieve().takes("anything")


@pytest.mark.parametrize("pattern", ["", "/", "//", "x" * 1001])
def test_what_is_no_pattern(pattern: str) -> None:
    """An empty pattern, or one without end, is refused."""
    with pytest.raises(InvalidRequest, match="pattern"):
        Sieve(exclude=[pattern])


def test_too_many_patterns() -> None:
    """Each pattern is tried on each file, so their number has an end."""
    with pytest.raises(InvalidRequest, match="1000 patterns"):
        Sieve(["a"] * 600, ["b"] * 401)


@pytest.mark.parametrize(
    ("pattern", "whole", "yes", "no"),
    [
        ("*.nc", False, [], ["a", "a/b"]),
        ("run*/x.nc", False, ["run1"], ["a", "run1/b"]),
        ("a/**/x", False, ["a", "a/b/c"], ["b"]),
        ("run*", True, ["run1", "run1/a/b"], ["a"]),
        ("a//b", False, ["a"], ["b"]),
    ],
)
def test_which_folders_may_have_what_a_glob_means(pattern: str, whole: bool, yes: list[str], no: list[str]) -> None:
    """A folder is listed only when something in it may match."""
    enter = enters(pattern, whole=whole)
    assert [p for p in yes + no if enter(p)] == yes


@given(st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=4).map("/".join))
def test_no_folder_of_a_match_is_left_out(path: str) -> None:
    """Whatever matches a glob is in folders that are entered; what a filter takes is in folders that it enters."""
    for pattern in ("*", "a*/*", "**/a", "a/**/b", "?/*/a*"):
        folders = [path[:i] for i, char in enumerate(path) if char == "/"]
        if matcher(pattern)(path):
            assert all(enters(pattern, whole=False)(folder) for folder in folders)
        if prefix_matcher(pattern)(path):
            assert all(enters(pattern, whole=True)(folder) for folder in folders)
        if Sieve(exclude=[pattern]).takes(path):
            assert all(Sieve(exclude=[pattern]).enters(folder) for folder in folders)


def test_what_is_excluded_as_a_whole_is_not_entered() -> None:
    """A folder that an exclude means is not even listed; one that it means a file in is."""
    assert not Sieve(exclude=[".git/"]).enters("a/.git")
    assert Sieve(exclude=["*.tmp/x"]).enters("a.tmp")
