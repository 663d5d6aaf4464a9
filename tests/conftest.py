"""What every test stands on: a home of its own, no settings of the person who runs it, dice that fall the same way.

Two things are looked at when all is over. *Canaries*: secrets that a test hands to nbxfer through the fixture
``canary`` must be in no file, no log and no output. *Skips*: with CI=true a skipped test is a failure, for nobody
reads why it was skipped; but for the servers and emulators of `make test-servers`.
"""

from __future__ import annotations

import base64
import itertools
import mmap
import os
import random
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Nobody here checks IRIs, and the grammar of them takes longer to be compiled than all else that jsonschema needs.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

# -- the same conditions for everybody ------------------------------------------------------------------------------
# Two busy cores are slow now and then: a deadline on one example would only measure that.
_quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("house", deadline=None, derandomize=True, database=None, suppress_health_check=_quiet)
settings.register_profile("search", deadline=None, database=None, suppress_health_check=_quiet)
settings.load_profile(os.environ.get("NBXFER_TEST_PROFILE", "house"))

_FOREIGN = (
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR "
    "NETRC JPY_SESSION_NAME TQDM_DISABLE"
).split()


_homes = itertools.count()


@pytest.fixture(autouse=True)
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Give the empty manifest home of this test; settings, proxies and netrc of the person do not reach it."""
    # Numbered here: pytest would look through the folders of all tests before for the next number.
    here = tmp_path_factory.mktemp(f"home-{next(_homes)}", numbered=False)
    for name in [*_FOREIGN, *(n for n in os.environ if n.startswith("NBXFER_") and not n.startswith("NBXFER_TEST"))]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NBXFER_HOME", str(here / "nbxfer"))
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(here / name.lower()))
    number = zlib.crc32(request.node.nodeid.encode())
    random.seed(number)
    if _moves(request.node, number):
        monkeypatch.setenv("NBXFER_MOVERS", "always")
    yield here / "nbxfer"
    _close_default_session()


def _moves(node: pytest.Item, number: int) -> bool:
    """Say whether the bytes of this test go through child processes: all of the slow proofs, and every fourth test."""
    share = os.environ.get("NBXFER_TEST_MOVERS", "none")
    return share == "all" or (share != "none" and (number % 4 == 0 or node.get_closest_marker("soak") is not None))


def _close_default_session() -> None:
    module = sys.modules.get("nbxfer.session")
    close = getattr(module, "forget_default", None)
    if close is not None:
        close()


# -- order and sharing ------------------------------------------------------------------------------------------------
_BROWSER = re.compile(r"_browser\.py|test_panel_(looks|seven|page)\.py|test_culling\.py")
_SLOW = re.compile(r"^tests/(journeys|demo|parity|attacks|test_notebooks)|/test_(real|play|store_\w+|movers\w*)\.py")


def _rank(nodeid: str) -> int:
    """Say when a test has its turn: what takes long begins first, what takes no time fills up the end."""
    if _BROWSER.search(nodeid):
        return 0
    return 1 if _SLOW.search(nodeid) else 3 if nodeid.startswith("tests/core/") else 2


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow ones first, in every process alike."""
    items.sort(key=lambda item: _rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the tests by file, and never show two browsers at a time: what clicks has to find the processor free."""
    if config.option.dist != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Sharing(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return super()._split_scope(nodeid) if _rank(nodeid) else "browser"

    return Sharing(config, log)


# -- canaries ---------------------------------------------------------------------------------------------------------
_MARK = "nbxfercanary"  # letters only: no kind of quoting changes it


def _disguises() -> list[bytes]:
    """Give the mark as it stands, and as base64 (Basic credentials) at each of its three alignments."""
    coded = [base64.b64encode(b"x" * shift + _MARK.encode())[4 if shift else 0 : -4] for shift in range(3)]
    return [_MARK.encode(), *coded]


_marks = _disguises()
_heard: list[str] = []


@pytest.fixture
def canary(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Give a maker of secrets (``canary("token")``) that must be found nowhere when the whole run is over."""
    return lambda name: f"{_MARK}{zlib.crc32(request.node.nodeid.encode()):08x}{name}"


@pytest.fixture
def private_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for what the person keeps secret (a netrc, a header file); canaries are not looked for in it."""
    return tmp_path_factory.mktemp("private")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Listen for canaries in what was printed and logged; note what was skipped."""
    for title, text in report.sections:
        if any(mark in text.encode(errors="replace") for mark in _marks):
            _heard.append(f"{report.nodeid}: {title}")
    if report.skipped and not hasattr(report, "wasxfail"):
        _note_skip(report)


def _canaries_on_disk(base: Path) -> Iterator[str]:
    for folder, names, files in os.walk(base):
        names[:] = [n for n in names if not n.startswith("private")]
        for name in files:
            path = Path(folder, name)
            if any(mark in os.fsencode(path) for mark in _marks) or _holds_a_canary(path):
                yield str(path)


def _holds_a_canary(path: Path) -> bool:
    try:
        if path.is_symlink() or not path.is_file() or not path.stat().st_size:
            return False
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return any(view.find(mark) >= 0 for mark in _marks)
    except OSError:  # sockets, files of another user, what has just gone
        return False


# -- skips ------------------------------------------------------------------------------------------------------------
_skipped: list[str] = []
_strict = os.environ.get("CI", "").lower() in {"1", "true"}


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    _skipped.append(f"{report.nodeid}: {why}")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note whole files that were skipped."""
    if report.skipped:
        _note_skip(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn found canaries, and skips where nobody looks, into a failed run.

    Where several processes share the tests, the one that hands them out looks: their folders lie in its own.
    """
    if hasattr(session.config, "workerinput"):
        return
    factory: pytest.TempPathFactory | None = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None and getattr(factory, "_basetemp", None) is not None:
        _heard.extend(_canaries_on_disk(factory.getbasetemp()))
    if session.config.option.markexpr == "heavy":
        _skipped.clear()  # emulators come from elsewhere, and may not be had; pytest's own summary names them
    if exitstatus == pytest.ExitCode.OK and (_heard or (_strict and _skipped)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was found."""
    if _heard:
        terminalreporter.section("SECRETS FOUND", red=True, bold=True)
        for line in _heard:
            terminalreporter.line(line, red=True)
    if _strict and _skipped:
        terminalreporter.section("SKIPPED, WHICH IS A FAILURE WITH CI=true", red=True, bold=True)
        for line in _skipped:
            terminalreporter.line(line, red=True)
