r"""A file of checksums: the line in it that is about one file, in every form that common tools write.

::

    9f86d081…  data.csv              sha256sum, md5sum … ("*data.csv" read as bytes; "\" in front: escaped name)
    SHA256 (data.csv) = 9f86d081…    BSD, sha256sum --tag, OpenSSL ("SHA2-256(data.csv)= …")
    data.csv sha256:9f86d081…        pooch
    data.csv: 9F86 D081 …            gpg --print-md, over several lines
    9f86d081…                        the digits alone, in a file of one line ("9f86d081…  -", too)

Digits without the name of an algorithm are told by their number: 64 of them are a SHA-256. So a list of BLAKE2 or
SHA-3 digits is understood only where it names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nbxfer.core import checksums
from nbxfer.errors import BadAnswer, InvalidRequest

_GNU: Final = re.compile(r"(\\?)([0-9A-Fa-f]{32,128})(?:[ \t]+\*?([^ \t].*))?")
_BSD: Final = re.compile(r"(\\?)([A-Za-z0-9/-]{3,12}) ?\((.+)\) ?= ?([0-9A-Fa-f]{8,128})")
_LAST: Final = re.compile(r"(?:([A-Za-z0-9_-]{3,12}):)?([0-9A-Fa-f]{32,128})")
_GROUPS: Final = re.compile(r"[0-9A-Fa-f \t]+")
#: Lines of gpg that go on with more digits, after blanks.
_GOES_ON: Final = re.compile(r"\n[ \t]+(?=[0-9A-Fa-f]{2,8}(?:[ \t]|$))", re.MULTILINE)

#: What stands for a name where there was none, as with ``sha256sum < file``.
_NAMELESS: Final = ("", "-")


def find(text: str, names: Sequence[str]) -> str:
    """Give what ``text`` says of the file that has one of ``names``, as "algorithm:hex"; the first name goes first.

    A line that has just the name goes before those that have it as the last component of a path. Of several
    algorithms the strongest counts. Raises BadAnswer where no line is about it, or where two contradict each other.
    """
    lines = list(_lines(text))
    for name in names:
        for fits in (_is, _ends_in):
            if found := [checksum for told, checksum in lines if fits(told, name)]:
                return _strongest(found, name)
    if len(lines) == 1 and lines[0][0] in _NAMELESS:
        return lines[0][1]
    raise BadAnswer(
        f"The file of checksums has no line for {_or(names)}.",
        hint="Correct its URL, or give the checksum itself.",
    )


def _is(told: str, name: str) -> bool:
    return told.removeprefix("./") == name


def _ends_in(told: str, name: str) -> bool:
    return re.split(r"[/\\]", told)[-1] == name


def _strongest(found: list[str], name: str) -> str:
    try:
        return checksums.strongest(found, f"For {name!r} the file of checksums")
    except InvalidRequest as error:  # it is the server's file that contradicts itself
        raise BadAnswer(error.message, hint="Give the checksum itself.") from None


def _or(names: Sequence[str]) -> str:
    return " or ".join(repr(name) for name in dict.fromkeys(names))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Give the names with their checksums; what is no such line (comments, signatures, sizes) is passed over."""
    flat = text.removeprefix("\ufeff").replace("\r\n", "\n")
    for line in _GOES_ON.sub(" ", flat).split("\n"):
        if (found := _line(line.strip(" \t"))) is not None:
            yield found


def _line(line: str) -> tuple[str, str] | None:
    if match := _GNU.fullmatch(line):
        escaped, digits, name = match.groups()
        return _named(name or "", checksums.from_bare_hex(digits), escaped=escaped)
    if match := _BSD.fullmatch(line):
        escaped, algorithm, name, digits = match.groups()
        return _named(name, _of(algorithm, digits), escaped=escaped)
    name, _, last = line.replace("\t", " ").rpartition(" ")  # no pattern: a line of blanks must not cost its square
    if match := _LAST.fullmatch(last):
        algorithm, digits = match.groups()
        name = name.rstrip(" :")
        return _named(name, checksums.from_bare_hex(digits) if algorithm is None else _of(algorithm, digits))
    name, _, last = line.rpartition(":")
    if _GROUPS.fullmatch(last):
        return _named(name.rstrip(" \t"), checksums.from_bare_hex(re.sub(r"[ \t]", "", last)))
    return None


def _of(algorithm: str, digits: str) -> str | None:
    known = checksums.algorithm_named(algorithm)
    return None if known is None else checksums.from_hex(known, digits)


def _named(name: str, checksum: str | None, escaped: str = "") -> tuple[str, str] | None:
    """Give what a line says, None where that is no checksum; an escaped name has its line ends and backslashes back."""
    if escaped:
        name = re.sub(r"\\([\\nr])", lambda found: {"n": "\n", "r": "\r"}.get(found[1], "\\"), name)
    return None if checksum is None else (name, checksum)
