"""Single calls in a row: what they have in common is worked out once, and looked at again soon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nbxfer.errors import InvalidRequest, Offline
from nbxfer.session import Session, request
from nbxfer.session import options as wording
from nbxfer.session.usual import HOLDS, MOST, Usual
from nbxfer.testing.clock import HandWoundClock


class Seat:
    """Somebody who asks."""

    notebook, app = "/a.ipynb", ""


@pytest.fixture
def clock() -> HandWoundClock:
    """Give time that passes when it is told to."""
    return HandWoundClock()


@pytest.fixture
def known(clock: HandWoundClock) -> Usual:
    """Give what has found nothing out yet."""
    return Usual(Seat(), clock)


def asked(tmp_path: Path, name: str = "a", host: str = "h.example", **options: Any) -> request.Request:
    """Give a request as it is read."""
    return request.read(f"https://{host}/{name}", tmp_path / name, options)


def test_files_of_one_server_are_reached_alike(known: Usual, clock: HandWoundClock, tmp_path: Path) -> None:
    """The next file of a server has the same way in, and its own spec; after a moment both are made anew."""
    first = known.terms(asked(tmp_path))
    there = asked(tmp_path, "b")
    again = known.terms(there)
    assert again is first
    spec = again.specs.of(there, again.access)
    assert (spec.url, spec.destination) == ("https://h.example/b", str(tmp_path / "b"))
    assert known.terms(asked(tmp_path, host="other.example")) is not first
    clock.wind(HOLDS)
    assert known.terms(there) is not first


@pytest.mark.parametrize("options", [{"headers": {"X-Key": "k"}}, {"auth": ("u", "p")}, {"trust_env": True}])
def test_what_is_said_is_for_that_call_alone(known: Usual, tmp_path: Path, options: dict[str, Any]) -> None:
    """Who says anything of the way in has one of his own, and so has who says nothing after him."""
    own = known.terms(asked(tmp_path, **options))
    other = known.terms(asked(tmp_path))
    assert own is not other
    assert (other.access.headers, other.access.auth) == ((), None)
    assert known.terms(asked(tmp_path, **options)).access is not own.access


def test_a_proxy_that_is_no_url_is_refused_a_moment_later(
    known: Usual, clock: HandWoundClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment may change between two calls: it is looked at again."""
    known.terms(asked(tmp_path))
    monkeypatch.setenv("https_proxy", "no url at all://")
    clock.wind(HOLDS)
    with pytest.raises(InvalidRequest, match="https_proxy"):
        known.terms(asked(tmp_path))


def test_servers_are_forgotten_again(known: Usual, tmp_path: Path) -> None:
    """Calls for ever new servers do not add up."""
    for number in range(MOST + 5):
        known.terms(asked(tmp_path, host=f"h{number}.example"))
    assert len(known._terms) <= MOST


def test_the_network_is_left_alone_from_the_next_call_on(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NBXFER_OFFLINE holds at once; what a file says, after a moment."""
    session.download("http://127.0.0.1:9/a", tmp_path / "a", start=False)
    monkeypatch.setenv("NBXFER_OFFLINE", "1")
    with pytest.raises(Offline):
        session.download("http://127.0.0.1:9/b", tmp_path / "b", start=False)
    monkeypatch.delenv("NBXFER_OFFLINE")
    session.download("http://127.0.0.1:9/b", tmp_path / "b", start=False)


def test_a_setting_in_a_file_is_read_again(
    known: Usual, clock: HandWoundClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration is read for the first call, and for those that come later."""
    said = [False, True]
    monkeypatch.setattr("nbxfer.session.usual.config.get", lambda name: said.pop(0))
    assert [known.offline(), known.offline()] == [False, False]
    clock.wind(HOLDS)
    assert known.offline()


def test_the_usual_options_are_nobody_s_to_change(session: Session, tmp_path: Path) -> None:
    """A call that goes on from somebody's file changes its own options, not those of the calls after it."""
    assert wording.is_usual(wording.read({}))
    assert wording.is_usual(wording.read({"start": False}))
    assert not wording.is_usual(wording.read({"start": True, "priority": 1}))
    with pytest.raises(InvalidRequest, match="start"):
        wording.read({"start": 1})
    (tmp_path / "part").write_bytes(b"x" * 100)
    op = session.adopt(tmp_path / "part", "http://127.0.0.1:9/a.bin", tmp_path / "a.bin", start=False)
    op.cancel()
    usual_ = (wording.read({}), wording.read({"start": False}))
    assert [(o.start, o.if_exists) for o in usual_] == [(True, "revalidate"), (False, "revalidate")]
