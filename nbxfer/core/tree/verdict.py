"""What becomes of one file, by what stands where it is to land and by ``if_exists``."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, assert_never

from nbxfer.core.tree.listed import Listed, There

#: Seconds by which clocks of disks and stores may differ for one time: FAT has two, many stores whole ones.
SLACK: Final = 2.0
#: Words of ``compare=``: by what two files are called the same.
COMPARE: Final = ("mtime", "checksum", "size")


class Verdict(StrEnum):
    """What becomes of one file."""

    NEW = "new"  # nothing is there
    SAME = "same"  # it is there already: skipped
    ASK = "ask"  # nbxfer put it there; the source is asked whether it still is the newest
    REPLACE = "replace"  # what is there is replaced
    BESIDE = "beside"  # it lands under the next free name
    CONFLICT = "conflict"  # refused, with a reason


#: Those of which something is done.
MOVING: Final = (Verdict.NEW, Verdict.ASK, Verdict.REPLACE, Verdict.BESIDE)


def judge(source: Listed, there: There | None, if_exists: str, compare: str) -> tuple[Verdict, str]:
    """Say what becomes of a file, and why where it needs a word.

    ``if_exists``: "skip" skips what is the same and refuses what differs; "overwrite" skips the same and replaces what
    differs; "unique" puts what differs beside it; "error" refuses whatever is there; "revalidate" goes on with what
    nbxfer put there itself and refuses the rest. Nothing but a file is ever replaced.
    """
    if there is None:
        return Verdict.NEW, ""
    match there.kind:
        case "blocked":
            return Verdict.CONFLICT, "a file stands where a folder has to be"
        case "folder":
            return Verdict.CONFLICT, "a folder is there"
        case "other":
            return Verdict.CONFLICT, "what is there is no ordinary file"
        case "file":
            return _of_file(source, there, if_exists, compare)
        case _ as never:
            assert_never(never)


def _of_file(source: Listed, there: There, if_exists: str, compare: str) -> tuple[Verdict, str]:
    if if_exists == "error":
        return Verdict.CONFLICT, "it is there already"
    if if_exists == "revalidate":
        if not there.ours:
            return Verdict.CONFLICT, "a file is there that nbxfer did not put there from this source"
        known = there.version is not None and there.version.strong and there.version == source.version
        return (Verdict.SAME, "") if known and there.size == source.size else (Verdict.ASK, "")
    difference = differs(source, there, compare)
    if not difference:
        return Verdict.SAME, ""
    if if_exists == "skip":
        return Verdict.CONFLICT, f"what is there {difference}"
    return (Verdict.BESIDE if if_exists == "unique" else Verdict.REPLACE), f"what is there {difference}"


def differs(source: Listed, there: There, compare: str) -> str:
    """Say by what the file that is there differs from the source; "" where it is the same as far as ``compare`` looks.

    By "mtime", it has the source's size and was written no earlier than the source was changed (a copy is younger
    than what it was made of). By "checksum", the listing's digest has to be its own. By "size", that alone counts.
    What nobody knows is a difference.
    """
    if source.size is None or there.size is None:
        return "has, or the source has, no size that is known"
    if source.size != there.size:
        return f"has {there.size} bytes, not {source.size}"
    if compare == "checksum":
        if source.digest is None or there.digest is None:
            return "cannot be compared: no checksum is known"
        algorithm, _, wanted = source.digest.partition(":")
        return "" if there.digest(algorithm) == wanted else "has another checksum, or none that is known"
    if compare == "mtime":
        if source.modified is None or there.modified is None:
            return "cannot be compared: a time of change is not known"
        return "" if there.modified >= source.modified - SLACK else "is older"
    return ""
