"""The tree of errors: what can be caught by which name, and what an error carries."""

from __future__ import annotations

import builtins
import copy
import pickle
import re

import pytest

from nbxfer import errors
from nbxfer.core.record import Entry
from nbxfer.errors import TransferError, WebErrorStatus, by_name

EVERY = sorted(
    (e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, TransferError)), key=lambda e: e.__name__
)
PARENTS = {
    "NetworkError": ConnectionError, "Offline": ConnectionError, "TransferTimeout": TimeoutError,
    "AccessDenied": PermissionError, "NoSpace": OSError, "DestinationExists": FileExistsError,
    "InvalidRequest": ValueError, "UnknownOption": TypeError, "SourceNotFound": FileNotFoundError,
    "CertificateRefused": ConnectionError, "StorageFailed": OSError, "ForkedError": RuntimeError,
}  # fmt: skip


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(protocol: int) -> None:
    """Every error goes from process to process with all that it says."""
    for kind in EVERY:
        error = kind("It broke.", op_id="abc", status=7, http_status=503, retry_after=1.5, hint="Mend it.")
        error.add_note("seen in a test")
        back = pickle.loads(pickle.dumps(error, protocol))
        assert type(back) is kind
        assert vars(back) == vars(error)
        assert (str(back), repr(back), back.args) == (str(error), repr(error), error.args)
        assert vars(copy.deepcopy(error)) == vars(error)


def test_the_story_pickles() -> None:
    """A wish that did not fit says how it came to that, also in another process."""
    error = errors.InvalidTransferState("Too late.")
    assert error.story == ()
    error.story = (Entry(1.0, "probed", "one stream"),)
    assert pickle.loads(pickle.dumps(error)).story == error.story


def test_builtin_parents() -> None:
    """Who knows only Python's own errors catches the right ones."""
    for kind in EVERY:
        expected = PARENTS.get(kind.__name__, Exception)
        assert issubclass(kind, expected)
        assert issubclass(kind, ConnectionError) == (expected is ConnectionError)
        assert issubclass(kind, ValueError) == (kind in (errors.InvalidRequest, errors.UnknownOption))
        assert not issubclass(kind, KeyboardInterrupt)


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_is_in_the_drawing(kind: type[TransferError]) -> None:
    """The tree in the docstring has each error, below its parent, beside its builtin parent."""
    lines = (errors.__doc__ or "").splitlines()
    (line,) = (text for text in lines if re.search(rf"(?<!\w){kind.__name__}\b", text.split("  ")[0] or text))
    drawn = re.search(rf"(?<!\w){kind.__name__} \((\w+)\)", line)
    assert (kind.__name__ in PARENTS and kind is not errors.Offline) == bool(drawn)
    if drawn:
        assert getattr(builtins, drawn.group(1)) in kind.__mro__
    assert (kind.__doc__ or "").strip()


def test_what_it_says() -> None:
    """The text is what happened, then what to do."""
    assert str(TransferError("It broke.")) == "It broke."
    assert str(TransferError("It broke.", hint="Mend it.")) == "It broke. Mend it."
    assert str(errors.NoSpace("It is full.", hint="Make room.")) == "It is full. Make room."
    assert str(TransferError()) == ""


@pytest.mark.parametrize(
    ("given", "http", "expected"), [(None, None, 1001), (None, 404, 404), (7, 404, 7), (0, 404, 0), (0, None, 0)]
)
def test_status(given: int | None, http: int | None, expected: int) -> None:
    """The status is the one given, else that of HTTP, else the error's own."""

    class Big(TransferError):
        default_status = WebErrorStatus.FILE_TOO_LARGE

    error = Big("", status=given, http_status=http)
    assert error.status == expected
    assert type(error.status) is int


def test_retryable() -> None:
    """What can pass by itself is what the network does, a busy server, and parts that one connection does not need."""
    passing = {"NetworkError", "Offline", "TransferTimeout", "ServerBusy", "RangesRefused"}
    assert {e.__name__ for e in EVERY if e.retryable} == passing


def test_by_name() -> None:
    """Every error is found by its name."""
    assert [by_name(kind.__name__) for kind in EVERY] == EVERY


@pytest.mark.parametrize("name", ["", "ValueError", "WebErrorStatus", "by_name", "annotations"])
def test_by_another_name(name: str) -> None:
    """A name that is no error of ours is the plain error."""
    assert by_name(name) is TransferError


def test_integers() -> None:
    """The integers are those of Windows up to 23, and ours from 1000; no HTTP code is among them."""
    assert sorted(WebErrorStatus)[:24] == list(range(24))
    ours = [s for s in WebErrorStatus if s > 23]
    assert [s.value for s in ours] == list(range(1000, 1000 + len(ours)))
    assert (WebErrorStatus.DISCONNECTED, WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT, WebErrorStatus.STALLED) == (
        11,
        22,
        1007,
    )
