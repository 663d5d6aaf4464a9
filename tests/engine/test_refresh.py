"""What a person's function gives for what has expired, and what it may do wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core.faults import Remedy
from nbxfer.core.spec import Spec
from nbxfer.engine.refresh import Renewed, refreshed
from nbxfer.errors import AccessDenied, InvalidRequest

EXPIRED = do.Refresh(5, faults.of(AccessDenied("https://h/x answered 403 Forbidden.", http_status=403)))
SPEC = Spec("download", "https://h/x", "/d/x", "https://h/x", refresh="mine:fresh")


class Doors:
    """Doors that write down what was put in force."""

    def __init__(self, function: Callable[[str], Any] | None) -> None:
        self.function = function
        self.given: Mapping[str, Any] | None = None

    def refresh_of(self, op_id: str, spec: Spec) -> Callable[[str], Any] | None:
        return self.function

    def renew(self, op_id: str, spec: Spec, given: Mapping[str, Any]) -> Renewed:
        if given.get("url") == "nonsense":
            raise InvalidRequest("'nonsense' is not an absolute URL.")
        self.given = given
        return given.get("url"), ("url",), (), ()


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        ("https://h/x?sig=2", {"url": "https://h/x?sig=2"}),
        ({"headers": {"X-Key": "new"}}, {"headers": {"X-Key": "new"}}),
        ({"url": "https://h/y", "auth": ("me", "pw")}, {"url": "https://h/y", "auth": ("me", "pw")}),
    ],
)
def test_what_it_gives_is_put_in_force(answer: Any, given: dict[str, Any]) -> None:
    """A URL, or a mapping of what is new, is used from then on; the function is told which URL it is about."""
    asked: list[str] = []

    def fresh(url: str) -> Any:
        asked.append(url)
        return answer

    doors = Doors(fresh)
    assert refreshed(doors, "op", SPEC, EXPIRED) == ev.Refreshed(5, given.get("url"), ("url",), (), ())
    assert doors.given == given
    assert asked == ["https://h/x"]


def _raises(_: str) -> str:
    raise ValueError("token=hidden")


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda _: None, "gave nothing"),
        (lambda _: {}, "gave nothing"),
        (lambda _: 5, "gave no URL (its type: int)"),
        (lambda _: {"uri": "https://h/x"}, "other names than auth, cookies, headers, url"),
        (lambda _: "nonsense", "not an absolute URL"),
        (_raises, "failed (ValueError)"),
        (None, "in a process that is gone"),
    ],
)
def test_what_is_no_use(function: Callable[[str], Any] | None, says: str) -> None:
    """Where it gives nothing usable a person is asked, with a sentence; what it raised may hold secrets."""
    answer = refreshed(Doors(function), "op", SPEC, EXPIRED)
    assert isinstance(answer, ev.RefreshLost)
    assert says in answer.fault.message
    assert "hidden" not in str(answer)
    if "URL" not in says:
        assert answer.fault.remedy is Remedy.PERSON


class Odd:
    """What cannot even be asked whether it is something."""

    def __bool__(self) -> bool:
        raise ValueError("hidden")


def _exits(_: str) -> str:
    raise SystemExit(1)


@pytest.mark.parametrize("function", [_exits, lambda _: Odd()])
def test_what_must_not_hang(function: Callable[[str], Any]) -> None:
    """A function that leaves, or gives what cannot be looked at, is answered like any other that failed."""
    answer = refreshed(Doors(function), "op", SPEC, EXPIRED)
    assert isinstance(answer, ev.RefreshLost)
    assert "hidden" not in str(answer)
