"""What becomes of each file of a tree, by what is there; and clashes inside one tree."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.probe import Validator
from nbxfer.core.tree.draft import LEFT_OUT, Draft
from nbxfer.core.tree.landing import Disk
from nbxfer.core.tree.listed import Listed, Passed, There
from nbxfer.core.tree.verdict import MOVING, Verdict, differs, judge

V1, V2, WEAK = Validator("etag", "1"), Validator("etag", "2"), Validator("etag", "1", strong=False)
SOURCE = Listed("a", 10, modified=1000.0, digest="md5:ab", version=V1)
NEW, SAME, ASK, REPLACE, BESIDE, CONFLICT = Verdict
POSIX = Disk()
KINDS = ("error", "skip", "overwrite", "unique", "revalidate")


def there(size: int | None = 10, modified: float | None = 1000.0, **fields: object) -> There:
    """Give a file that is there."""
    return There("file", size, modified, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("if_exists", KINDS)
def test_where_nothing_is(if_exists: str) -> None:
    """Where nothing is, a file is new, whatever was asked for."""
    assert judge(SOURCE, None, if_exists, "mtime") == (NEW, "")


@pytest.mark.parametrize("if_exists", KINDS)
@pytest.mark.parametrize("kind", ["folder", "other", "blocked"])
def test_nothing_but_a_file_is_replaced(if_exists: str, kind: str) -> None:
    """A folder, a device, a link, or a file where a folder has to be: refused with a word, whatever was asked for."""
    verdict, why = judge(SOURCE, There(kind), if_exists, "mtime")  # type: ignore[arg-type]
    assert verdict is CONFLICT
    assert why


@pytest.mark.parametrize(
    ("if_exists", "same", "other"),
    [
        ("error", CONFLICT, CONFLICT),
        ("skip", SAME, CONFLICT),
        ("overwrite", SAME, REPLACE),
        ("unique", SAME, BESIDE),
    ],
)
def test_if_exists(if_exists: str, same: Verdict, other: Verdict) -> None:
    """The same is skipped but by "error"; what differs is never skipped, and only "overwrite" replaces it."""
    assert judge(SOURCE, there(), if_exists, "mtime")[0] is same
    verdict, why = judge(SOURCE, there(size=9), if_exists, "mtime")
    assert verdict is other
    assert why


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (there(), CONFLICT),
        (there(ours=True), ASK),
        (there(ours=True, version=V1), SAME),
        (there(ours=True, version=V2), ASK),
        (there(ours=True, version=WEAK), ASK),
        (there(9, ours=True, version=V1), ASK),
    ],
)
def test_revalidate(now: There, verdict: Verdict) -> None:
    """What nbxfer finished itself is asked about, unless the listing says already that it is the same version."""
    assert judge(SOURCE, now, "revalidate", "mtime")[0] is verdict


@pytest.mark.parametrize(
    ("source", "now", "compare", "word"),
    [
        (SOURCE, there(), "mtime", ""),
        (SOURCE, there(modified=998.5), "mtime", ""),
        (SOURCE, there(modified=5000.0), "mtime", ""),
        (SOURCE, there(modified=997.0), "mtime", "older"),
        (SOURCE, there(modified=None), "mtime", "not known"),
        (Listed("a", 10), there(), "mtime", "not known"),
        (SOURCE, there(modified=0.0), "size", ""),
        (SOURCE, there(11), "size", "11 bytes, not 10"),
        (SOURCE, there(None), "size", "no size"),
        (Listed("a", None), there(), "size", "no size"),
        (SOURCE, there(digest=lambda name: "ab" if name == "md5" else None), "checksum", ""),
        (SOURCE, there(digest=lambda _: "cd"), "checksum", "another checksum"),
        (SOURCE, there(digest=lambda _: None), "checksum", "another checksum, or none"),
        (SOURCE, there(), "checksum", "no checksum is known"),
        (Listed("a", 10), there(digest=lambda _: "ab"), "checksum", "no checksum is known"),
    ],
)
def test_what_is_the_same(source: Listed, now: There, compare: str, word: str) -> None:
    """Two files are the same as far as one looks; what nobody knows is a difference."""
    found = differs(source, now, compare)
    assert word in found
    assert bool(found) is bool(word)


# -- a whole tree -----------------------------------------------------------------------------------------------------
def draft(paths: list[str], disk: Disk = POSIX, place: Callable[[str], str] = str) -> dict[str, Verdict]:
    """Give the verdict on each path of a tree that lands where nothing is."""
    made = Draft("error", "mtime", disk)
    for path in paths:
        made.add(Listed(path, 1), place(path), None)
    return {file.source: file.verdict for file in made.finish()}


def test_two_on_one_name() -> None:
    """Of two that would land in one place neither is taken: nobody can say which one is meant."""
    assert draft(["a", "b", "A"], Disk(folds=True)) == {"a": CONFLICT, "b": NEW, "A": CONFLICT}
    assert draft(["a", "b", "A"]) == {"a": NEW, "b": NEW, "A": NEW}
    assert draft(["x", "y", "z", "w"], place=lambda p: "w" if p == "w" else "one") == {
        "x": CONFLICT, "y": CONFLICT, "z": CONFLICT, "w": NEW,
    }  # fmt: skip


@pytest.mark.parametrize("paths", [["a", "a/b", "a/c"], ["a/b", "a", "a/c"], ["a/b", "a/c", "a"]])
def test_a_file_and_a_folder_of_one_name(paths: list[str]) -> None:
    """Stores have objects "a" and "a/b" at once; a disk has the folder, and the file is refused with a word."""
    assert draft(paths) == {"a": CONFLICT, "a/b": NEW, "a/c": NEW}


def test_a_name_that_is_no_place() -> None:
    """What has no name on a disk is refused, and its neighbours are not."""
    assert draft(["a", "b"], place=lambda p: "" if p == "b" else p) == {"a": NEW, "b": CONFLICT}


def test_what_is_passed_over_is_counted() -> None:
    """Of what is left out the number is told; of what cannot be taken the first hundred are named as well."""
    made = Draft("error", "mtime", Disk())
    for n in range(200):
        made.leave(Passed(f"s{n}", "a socket"))
        made.leave(Passed(f"x{n}", LEFT_OUT))
    assert made.passed == {"a socket": 200, LEFT_OUT: 200}
    assert len(made.examples) == 100
    assert {p.why for p in made.examples} == {"a socket"}


_names = st.lists(st.sampled_from(["a", "A", "b", "ä", "a\u0308"]), min_size=1, max_size=3).map("/".join)


@given(st.lists(_names, max_size=12, unique=True), st.booleans(), st.randoms())
def test_no_two_files_of_a_plan_are_in_each_others_way(paths: list[str], folds: bool, dice: object) -> None:
    """Whatever is listed, in whatever order: what the plan takes can lie beside each other on that disk."""
    disk = Disk(folds=folds)
    verdicts = draft(paths, disk)
    taken = [path for path, verdict in verdicts.items() if verdict in MOVING]
    assert draft(taken, disk) == dict.fromkeys(taken, NEW)
    dice.shuffle(paths)  # type: ignore[attr-defined]
    assert draft(paths, disk) == verdicts
