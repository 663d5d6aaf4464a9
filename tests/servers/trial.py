"""Transfers on trial: one session, one rogue server with any number of files, and what must hold whatever it did."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from pathlib import Path
from types import FunctionType
from typing import Any, Self

import pytest

from nbxfer.core.phases import Phase
from nbxfer.core.policy import Patience, Retry
from nbxfer.errors import TransferError
from nbxfer.manifest.folder import FolderManifest
from nbxfer.session import Operation, Session
from tests.servers.rogue import Rogue
from tests.servers.site import Site, Version, street

#: Little patience, so that giving up is quick; what is tried again is tried at once.
QUICK = Retry(tries=6, first=4, base=0.002, cap=0.01)
#: An operation that asks more often than this for one small file goes round in circles.
MOST_REQUESTS = 400
#: Of the true block size, for machinery that should show what it does with large files on small ones.
SMALL_BLOCK = 8192


def shrink(monkeypatch: pytest.MonkeyPatch, block: int = SMALL_BLOCK) -> None:
    """Make blocks small, and everything that is told in blocks, so that a file of 200 kB is shared by connections."""
    monkeypatch.setenv("NBXFER_MOVERS", "never")  # another process has blocks of the true size
    modules = [importlib.import_module("nbxfer.manifest.blocks")]
    for name in ("core", "engine"):
        package = importlib.import_module(f"nbxfer.{name}")
        found = pkgutil.walk_packages(package.__path__, f"nbxfer.{name}.")
        modules += [importlib.import_module(module.name) for module in found]
    true = importlib.import_module("nbxfer.core.ranges").BLOCK

    def small(value: object) -> Any:
        # What is smaller than a block, or no number of them, has nothing to do with blocks.
        return value // true * block if type(value) is int and value and value % true == 0 else value

    for module in modules:
        for word, value in list(vars(module).items()):
            if word.isupper() and small(value) != value:
                monkeypatch.setattr(module, word, small(value))
            own = getattr(value, "__module__", "") == module.__name__
            for call in [value, *vars(value).values()] if isinstance(value, type) and own else [value]:
                if isinstance(call, FunctionType) and own and call.__defaults__:
                    monkeypatch.setattr(call, "__defaults__", tuple(map(small, call.__defaults__)))


def hurry(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Have what is asked for from now on wait for no server longer than a test can."""
    quick = Patience(**{"connect": 5.0, "response": 2.0, "stall_after": 0.5, **seconds})
    monkeypatch.setattr("nbxfer.session.specs._PATIENCE", quick)


class Trial:
    """Files on a server, fetched into ``folder`` by a session of ``home``. Enter it."""

    def __init__(self, home: Path, folder: Path, **session: Any) -> None:
        self.home, self.folder = home, folder
        self.sites: dict[str, Site] = {}
        self._names: dict[int, str] = {}
        self._ops: dict[str, Operation] = {}
        self.early: list[str] = []  # final names that were there before their time
        self.server = Rogue(street(self.sites))
        self.session = Session(home=home, **session)
        self.session.patience = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self.server.__exit__()

    def put(self, *versions: Version | bytes, name: str = "") -> Site:
        """Put a file on the server; ``path(site)`` is where it is fetched to, ``url(site)`` where from."""
        site = Site(*(Version(v) if isinstance(v, bytes) else v for v in versions))
        return self.add(site, name or f"f{len(self.sites)}")

    def add(self, site: Site, name: str) -> Site:
        """Put a file of any kind on the server, under ``name``."""
        self.sites[name], self._names[id(site)] = site, name
        target = self.folder / f"{name}.bin"

        def look() -> None:
            # A server may read a request when nobody waits for its answer any more.
            asked = self._ops.get(name)
            if target.exists() and asked is not None and asked.snapshot.phase not in (Phase.COMMITTING, Phase.DONE):
                self.early.append(name)

        site.before = look
        return site

    def name(self, site: Site) -> str:
        """Give the first word of its path."""
        return self._names[id(site)]

    def path(self, site: Site) -> Path:
        """Give where it is fetched to."""
        return self.folder / f"{self.name(site)}.bin"

    def url(self, site: Site) -> str:
        """Give where it is fetched from."""
        return self.server.url(f"/{self.name(site)}/file.bin")

    def ask(self, site: Site, **options: Any) -> Operation:
        """Begin to fetch it."""
        op: Operation = self.session.download(self.url(site), self.path(site), **{"retry": QUICK, **options})
        self._ops[self.name(site)] = op
        return op

    def fetch(self, site: Site, seconds: float = 30, **options: Any) -> TransferError | None:
        """Fetch it to the end; give the error, and see that everything holds that must."""
        op = self.ask(site, **options)
        assert op.wait(seconds, progress=False), op.explain()
        self.holds(site, op)
        return op.error

    def holds(self, site: Site, op: Operation, *, prefix: bool = False) -> None:
        """Look at everything that must be true when an operation is over, however its server behaved.

        ``prefix``: where nothing says how long the file is, an early end cannot be told from the end.
        """
        shown, story = op.snapshot, op.explain()
        path, truths = self.path(site), [version.data for version in site.versions]
        if shown.phase is Phase.DONE:
            there = path.read_bytes()
            fits = there in truths or (prefix and any(truth.startswith(there) for truth in truths))
            assert fits, f"{len(there)} bytes that the server never had\n{story}"
            assert shown.fault is None
        else:
            assert shown.phase is Phase.FAILED, story
            assert not path.exists(), story
            error = op.error
            assert error is not None
            assert error.message, story
            assert "report" not in str(error), f"{error}\n{story}"
            assert type(error) is not TransferError, f"{error!r}\n{story}"
        assert not self.early, f"there before their time: {self.early}"
        assert len(site.asked) <= MOST_REQUESTS, f"{len(site.asked)} requests\n{story}"
        left = [entry.name for entry in self.folder.iterdir() if op.id in entry.name]
        assert not (left and shown.phase is Phase.DONE), left

    def remembered(self, *ops: Operation) -> None:
        """See that the manifest says the same to somebody else, before and after the session has left."""
        for _ in range(2):
            reader = FolderManifest(self.home)
            found = {f.record.id: f.record.phase for f in reader.scan()}
            for op in ops:
                shown = op.snapshot
                if shown.phase is Phase.DONE:
                    record = reader.finished(shown.destination)
                    assert record is not None
                    assert record.id == op.id
                else:
                    assert found[op.id] is shown.phase
            self.session.close()


def explained(error: TransferError | None) -> tuple[str, int, int | None]:
    """Give the class, the status and the HTTP code of an error; ("", 0, None) for none."""
    return (type(error).__name__, error.status, error.http_status) if error is not None else ("", 0, None)
