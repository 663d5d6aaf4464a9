"""What would be done with a tree: looked at first, then started; and the batch that it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final, overload

import msgspec

from nbxfer.core import url as urls
from nbxfer.core.tree.draft import Draft, Planned
from nbxfer.core.tree.listed import Passed
from nbxfer.core.tree.verdict import MOVING, Verdict
from nbxfer.errors import DestinationExists, InvalidRequest
from nbxfer.session import destination as where
from nbxfer.session.batch import Batch
from nbxfer.session.operation import Operation
from nbxfer.session.options import Options
from nbxfer.session.proofs import Proofs
from nbxfer.session.request import Request, identity_of
from nbxfer.session.trees.sides import Folder, Side

if TYPE_CHECKING:
    from nbxfer.session.outbox import Outbox

#: What an operation is told of what stands at its destination, by the verdict; what is new keeps the person's word.
_IF_EXISTS: Final = {Verdict.REPLACE: "overwrite", Verdict.BESIDE: "unique", Verdict.ASK: "revalidate"}


class Plan(Sequence[Planned]):
    """What would become of each file of a tree: a sequence of rows, in the order listed. Nothing has moved.

    A row has ``source`` and ``target`` (relative paths), ``size`` (bytes), ``modified`` (Unix seconds), ``verdict``
    ("new", "same", "ask", "replace", "beside", "conflict") and ``why``. ``start()`` begins.
    """

    def __init__(self, session: Outbox, verb: str, top: Side, end: Side, draft: Draft, options: Options) -> None:
        self._session, self._top, self._end, self._options = session, top, end, options
        self._files = draft.finish()
        self._passed, self._examples = dict(draft.passed), draft.examples
        self.verb, self.source, self.destination = verb, top.shown, end.shown

    # -- looking -----------------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Planned: ...
    @overload
    def __getitem__(self, index: slice) -> list[Planned]: ...
    def __getitem__(self, index: int | slice) -> Planned | list[Planned]:
        return self._files[index]

    def __iter__(self) -> Iterator[Planned]:
        return iter(self._files)

    def of(self, *verdicts: str) -> list[Planned]:
        """Give the rows of these verdicts."""
        return [file for file in self._files if file.verdict in verdicts]

    @property
    def conflicts(self) -> list[Planned]:
        """The rows that are refused, each with its reason; the others go on without them."""
        return self.of(Verdict.CONFLICT)

    @property
    def counts(self) -> Mapping[str, tuple[int, int]]:
        """How many files and bytes have each verdict; a size that nobody knows counts as none."""
        found: dict[str, tuple[int, int]] = {}
        for file in self._files:
            number, size = found.get(file.verdict, (0, 0))
            found[file.verdict] = (number + 1, size + (file.size or 0))
        return {str(verdict): found[verdict] for verdict in Verdict if verdict in found}

    @property
    def size(self) -> int | None:
        """The bytes that would move at most; None where a size is not known."""
        sizes = [file.size for file in self.of(*MOVING)]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def passed(self) -> Mapping[str, int]:
        """How many were passed over for each reason: left out by a pattern, empty folders, sockets …, by number."""
        return self._passed

    @property
    def examples(self) -> Sequence[Passed]:
        """The first of what was passed over, each with its path and reason."""
        return self._examples

    def to_frame(self) -> Any:
        """Give a pandas DataFrame: source, target, size, modified (UTC), verdict, why."""
        try:
            import pandas as pd  # type: ignore[import-untyped, unused-ignore]
        except ImportError:
            raise InvalidRequest(
                "to_frame() needs pandas, which is not installed here.", hint="Install it: pip install pandas."
            ) from None
        columns = ["source", "target", "size", "modified", "verdict", "why"]
        rows = [(f.source, f.target, f.size, f.modified, str(f.verdict), f.why) for f in self._files]
        frame = pd.DataFrame(rows, columns=columns).astype({"size": "Int64"})
        frame["modified"] = pd.to_datetime(frame["modified"], unit="s", utc=True)
        return frame

    def __repr__(self) -> str:
        return str(resolve_name("nbxfer.faces.words.plan:plan_words")(self))

    def _repr_html_(self) -> str:
        return str(resolve_name("nbxfer.faces.words.plan:plan_html")(self))

    # -- starting ----------------------------------------------------------------------------------------------------
    def start(self) -> Tree:
        """Let it begin, and give its batch; started again, it joins what is under way."""
        files = [file for file in self._files if file.verdict is not Verdict.SAME]
        asked = list(self._requests(files))
        ids = self._session.accept(asked)
        return Tree((Operation(self._session, op_id) for op_id in ids), self)

    def place(self, file: Planned) -> str:
        """Give the path or the URL (safe to show) where a row lands."""
        address = self._end.address(file.target)
        return address if isinstance(self._end, Folder) else urls.safe_url(address)

    def _requests(self, files: Iterable[Planned]) -> Iterator[Request]:
        variants: dict[Verdict, Options] = {}
        sources = [_url(self._top.address(file.source)) for file in files]
        proofs = Proofs(self._options.checksum, sources)
        here, kind = isinstance(self._end, Folder), self._kind()
        for file, url in zip(files, sources, strict=True):
            verdict = Verdict(file.verdict)
            if verdict not in variants:
                variants[verdict] = msgspec.structs.replace(self._options, if_exists=self._if_exists(verdict))
            identity = identity_of(url, self._options)
            target = self._end.address(file.target or "unnamed")
            destination = target if here else urls.stored_url(target, self._options.secret_query)[0]
            refused = None
            if verdict is Verdict.CONFLICT:  # of two on one name, each needs a name of its own to be told of
                destination = where.aside(destination, identity)
                target = where.aside(target, identity)
                refused = DestinationExists(f"{self.place(file)} is refused: {file.why}.", hint=_HINT)
            options = variants[verdict]
            proof, far = proofs.of(url), "" if here else target
            yield Request(url, destination, identity, options, "url", proof, refused, kind, far)

    def _kind(self) -> str:
        if isinstance(self._end, Folder):
            return "download"
        return "upload" if isinstance(self._top, Folder) else "copy"

    def _if_exists(self, verdict: Verdict) -> str:
        given = str(self._options.if_exists)
        return _IF_EXISTS.get(verdict, "error" if given == "skip" or verdict is Verdict.CONFLICT else given)


_HINT: Final = "See if_exists, or give another destination."


def _url(address: str) -> str:
    return address if "://" in address else f"file://{address}"


class Tree(Batch):
    """The operations of a tree: one for each file that moves, or is refused. ``plan`` tells of the others, too."""

    def __init__(self, operations: Iterable[Operation], plan: Plan) -> None:
        same = plan.counts.get(Verdict.SAME, (0, 0))[0]
        notes = [f"{same} were there already"] if same else []
        notes += [f"{number} passed over: {why}" for why, number in plan.passed.items()]
        super().__init__(operations, "; ".join(notes))
        self.plan = plan

    def results(self, timeout: float | None = None) -> list[Any]:
        """Give where each file is, in the order listed, also of those that were there already: paths, or URLs.

        Raises an ExceptionGroup of what failed or was refused, when all are over.
        """
        moved = iter(super().results(timeout))
        return [self._there(file) if file.verdict is Verdict.SAME else next(moved) for file in self.plan]

    def _there(self, file: Planned) -> Path | str:
        place = self.plan.place(file)
        return place if "://" in place else Path(place)
