"""From what a person wrote to a plan: what is listed, sifted, given its place and held against what is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nbxfer.core import stores
from nbxfer.core.tree import layout, sieve
from nbxfer.core.tree.draft import LEFT_OUT, Draft
from nbxfer.core.tree.landing import Disk, safe_path
from nbxfer.core.tree.listed import Listed, Passed, There
from nbxfer.errors import InvalidRequest, SourceNotFound
from nbxfer.session import destination as where
from nbxfer.session import options as wording
from nbxfer.session import sending
from nbxfer.session.options import Options
from nbxfer.session.request import MOST_SOURCES, identity_of
from nbxfer.session.trees import sides
from nbxfer.session.trees.plan import Plan
from nbxfer.session.trees.sides import Folder, Side

if TYPE_CHECKING:
    from nbxfer.session.outbox import Outbox

#: Options that are of one file.
_OF_ONE: Final = ("name", "key", "expect_size")


class _Taken(msgspec.Struct):
    """What of a listing is meant: by the pattern of the source, and by include and exclude."""

    matches: Callable[[str], bool] | None
    enter: Callable[[str], bool] | None
    sieve: sieve.Sieve

    def of(self, listing: Iterator[Listed | Passed]) -> Iterator[Listed | Passed]:
        """Give what is meant; what include and exclude leave out is told."""
        for one in listing:
            if self.matches is not None and not self.matches(one.path):
                continue
            if isinstance(one, Listed) and not self.sieve.takes(one.path):
                yield Passed(one.path, LEFT_OUT)
            else:
                yield one


def plan(session: Outbox, verb: str, source: object, dest: object, given: Mapping[str, Any]) -> Plan:
    """Give the plan of a tree; nothing moves. Raises InvalidRequest, UnknownOption, SourceNotFound and what lists.

    ``verb`` is "download", "upload" or "copy".
    """
    options = _options(verb, given, far=isinstance(dest, str) and stores.scheme(dest) not in ("", *sides.LOCAL))
    start, end = _sides(verb, source, dest, options)
    _apart(start, end)
    top, taken, name = _meant(start, end, options)
    with closing(top), closing(end):
        return _planned(session, verb, (start, top, end), taken, name, options)


def _planned(
    session: Outbox, verb: str, places: tuple[Side, Side, Side], taken: _Taken, name: str, options: Options
) -> Plan:
    start, top, end = places
    session.refresh()  # what other processes have finished meanwhile
    files = _Looking(session, top, end, name, options)
    draft = Draft(options.if_exists, options.compare, files.disk)
    seen = 0
    for one in taken.of(top.listing(taken.enter)):
        seen += 1
        if isinstance(one, Passed):
            draft.leave(one)
        else:
            draft.add(*files.placed(one))
        if len(draft.files) > MOST_SOURCES:
            raise InvalidRequest(f"{top.shown} has more than {MOST_SOURCES} files.", hint="Ask for parts of it.")
    if not seen:
        alone = None if options.glob else top.itself()
        if alone is None:
            raise SourceNotFound(
                f"Nothing matches {start.shown}." if options.glob else f"There is nothing at {start.shown}.",
                hint="Check the path, and that it may be listed.",
            )
        return _of_one(session, verb, top, end, alone, options)
    return Plan(session, verb, top, end, draft, options)


def _options(verb: str, given: Mapping[str, Any], *, far: bool) -> Options:
    options = sending.read_options(given, verb) if far and verb != "download" else wording.read(given, verb)
    for name in _OF_ONE:
        if given.get(name) is not None:
            raise InvalidRequest(f"{name}= is of one file, and a tree has many.", hint="Leave it out.")
    if not (options.recursive or options.glob):
        word = next(word for word in ("plan", "include", "exclude") if getattr(options, word))
        raise InvalidRequest(f"{word}= is for trees.", hint="Say recursive=True or glob=True, too, or leave it out.")
    return options


# -- the two sides -----------------------------------------------------------------------------------------------------
def _sides(verb: str, source: object, dest: object, options: Options) -> tuple[Side, Side]:
    way = sides.way_of(options, _own(options, source), main=verb != "upload")
    start = sides.side(source, "path" if verb == "upload" else "source", way)
    if verb == "download":
        where.place(dest, options.into, None, several=True).check()
        if options.into is not None:
            return start, Folder(os.path.join(os.fspath(options.into), ""))
        return start, sides.side(dest if dest is not None else "", "dest", way)
    way = sides.way_of(options, _own(options, dest), main=verb == "upload")
    end = sides.side(dest, "url" if verb == "upload" else "target", way)
    if verb == "upload" and (isinstance(end, Folder) or not isinstance(start, Folder)):
        raise InvalidRequest("upload() sends from this machine to a URL.", hint="Between any other two, use copy().")
    return start, end


def _own(options: Options, side: object) -> object:
    """Give the storage options of one side: of {protocol: options} its own, else all of them."""
    given = options.storage_options
    if not isinstance(given, Mapping) or not given or not isinstance(side, str):
        return given
    by_protocol = all(isinstance(own, Mapping) for own in given.values()) and stores.scheme(side) in given
    return given[stores.scheme(side)] if by_protocol else given


def _apart(start: Side, end: Side) -> None:
    """Refuse a destination inside the source: what lands there would be listed, and copied again."""
    ours, theirs = (side.address("").rstrip("/") + "/" for side in (start, end))
    if type(start) is type(end) and (theirs.startswith(ours) and not layout.is_pattern(start.written)):
        raise InvalidRequest(f"{end.shown} is inside {start.shown}.", hint="Give a destination beside it.")


def _meant(start: Side, end: Side, options: Options) -> tuple[Side, _Taken, str]:
    """Give the folder that is listed, what of it is meant, and the name that is put before each path."""
    chosen = sieve.Sieve(options.include, options.exclude)
    prune = chosen.enters if options.exclude else None
    if not options.glob:
        return start, _Taken(None, prune, chosen), layout.between(start.written, end.written)
    folder, pattern = layout.fixed(start.written)
    if not layout.is_pattern(pattern):
        raise InvalidRequest(f"{start.shown} has no wildcard in it.", hint="Leave glob= out, or give one like '*.nc'.")
    if not folder and not isinstance(start, Folder):
        raise InvalidRequest(f"{start.shown} has a wildcard for a bucket or a host.", hint="Name that one.")
    enter = sieve.enters(pattern, whole=options.recursive)
    matches = (sieve.prefix_matcher if options.recursive else sieve.matcher)(pattern)
    both = enter if prune is None else lambda path: enter(path) and prune(path)
    every = pattern.startswith("**") and prune is None
    return start.at(folder), _Taken(matches, None if every else both, chosen), ""


# -- each file ---------------------------------------------------------------------------------------------------------
class _Looking:
    """Gives each file its place, and says what stands there."""

    def __init__(self, session: Outbox, top: Side, end: Side, name: str, options: Options) -> None:
        self._top, self._end, self._name, self._options = top, end, name, options
        self._finished = session._manifest.finished
        here = isinstance(end, Folder)
        self.disk = sides.disk_of(end.path) if isinstance(end, Folder) else Disk()
        listed = not here and stores.scheme(end.address("")) not in stores.WEB
        self._there = sides.seen_there(end) if listed else {}

    def placed(self, one: Listed) -> tuple[Listed, str, There | None]:
        """Give the file, its relative target ("": none), and what stands there."""
        target = layout.joined(self._name, one.path)
        if not isinstance(self._end, Folder):
            return self._far(one, target)
        target = safe_path(target, self.disk)
        if not target:
            return one, target, None
        url = self._top.address(one.path)
        identity = lambda: identity_of(url if "://" in url else f"file://{url}", self._options)  # noqa: E731
        there = sides.seen_here(self._end.address(target), identity, self._finished)
        return self._comparable(one, there), target, there

    def _far(self, one: Listed, target: str) -> tuple[Listed, str, There | None]:
        there = self._there.get(target)
        if there is None:
            return one, target, None
        known = there.digest
        digest = (lambda name: known.partition(":")[2] if known.startswith(f"{name}:") else None) if known else None
        return (
            self._comparable(one, made := There("file", there.size, there.modified, digest=digest), known),
            target,
            made,
        )

    def _comparable(self, one: Listed, there: There | None, known: str | None = None) -> Listed:
        """Give the file with its digest, where it is to be compared by that and lies on this machine."""
        wanted = self._options.compare == "checksum" and there is not None and there.size == one.size
        if not wanted or one.digest is not None or not isinstance(self._top, Folder):
            return one
        algorithm = known.partition(":")[0] if known else "sha256"
        digest = sides.digest_of(self._top.address(one.path), algorithm)
        return msgspec.structs.replace(one, digest=f"{algorithm}:{digest}" if digest else None)


def _of_one(session: Outbox, verb: str, top: Side, end: Side, alone: Listed, options: Options) -> Plan:
    """Give the plan of a source that is one file: cp's rule, by what is written."""
    folder = layout.is_folder_name(end.written) or (isinstance(end, Folder) and os.path.isdir(end.path))
    above = top.at(top.written[: len(top.written) - len(alone.path)])
    name = "" if folder else end.written.rpartition("/")[2]
    end = end if folder else end.at(end.written[: len(end.written) - len(name)])
    looking = _Looking(session, above, end, "", options)
    draft = Draft(options.if_exists, options.compare, looking.disk)
    if name:
        _, target, there = looking.placed(msgspec.structs.replace(alone, path=name))
        draft.add(alone, target, there)
    else:
        draft.add(*looking.placed(alone))
    return Plan(session, verb, above, end, draft, options)
