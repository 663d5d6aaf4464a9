"""What a person may give to get at a source, what is kept of it, and what is shown of it: nothing secret."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from nbxfer.errors import InvalidRequest, NeedsAttention
from nbxfer.wire.access import access
from nbxfer.wire.credentials import Basic, Bearer, from_reference, parse_auth, reference
from nbxfer.wire.headers import FORBIDDEN, parse_headers, split_headers
from nbxfer.wire.route import pool_key

URL = "https://h.example/a/b.bin?x=1"


# -- headers ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        (None, ()),
        ({"X-A": " b "}, (("X-A", "b"),)),
        ([("X-A", "1"), ("X-A", "2")], (("X-A", "1"), ("X-A", "2"))),
        (["X-A: b:c", "X-Empty:"], (("X-A", "b:c"), ("X-Empty", ""))),
    ],
)
def test_headers(given: Any, pairs: tuple[tuple[str, str], ...]) -> None:
    """A mapping, pairs with repeated names, or lines; in their order."""
    assert parse_headers(given) == pairs


@pytest.mark.parametrize(
    "given",
    [{"X-A": "hush\r\nHost: evil"}, {"X-A": "hush\nx"}, {"X-A": "hush\0"}, {"X-A": "hush\x7f"}, {"X-A": "hüsh"},
     {"X-A\r\n": "hush"}, {"X A": "hush"}, {"": "hush"}, {"X:A": "hush"}, ["hush"], "X-A: hush", {"X-A": 5}],
)  # fmt: skip
def test_headers_that_smuggle(given: Any) -> None:
    """Line breaks, NULs and what is no text are refused, and the value is not repeated."""
    with pytest.raises(InvalidRequest) as caught:
        parse_headers(given)
    assert "hush" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_headers_that_are_ours(name: str) -> None:
    """Ranges, validators, framing, Host: refused with the reason."""
    with pytest.raises(InvalidRequest, match=name.title()) as caught:
        parse_headers({name.title(): "x"})
    assert caught.value.hint == FORBIDDEN[name]


def test_what_is_stored_of_headers() -> None:
    """Only an allow-list is stored; of the others the names, so that they can be asked for again."""
    pairs = [("Accept", "*/*"), ("X-Key", "hush"), ("user-agent", "me"), ("Cookie", "hush"), ("X-Key", "hush2")]
    assert split_headers(pairs) == ((("Accept", "*/*"), ("user-agent", "me")), ("header X-Key", "header Cookie"))


# -- auth -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "given", ["hush", "env:X", "basic env:X", ("hush",), ("a", 1), 5, object(), {"a": "hush"}, "bearer hush"]
)
def test_auth_that_is_none(given: Any) -> None:
    """What is no credential is refused, without being repeated."""
    with pytest.raises(InvalidRequest) as caught:
        parse_auth(given)
    assert "hush" not in str(caught.value)


def test_auth_that_reads_bodies() -> None:
    """A flow that wants whole answers in memory is refused beforehand."""

    class Greedy(httpx.Auth):
        requires_response_body = True

    with pytest.raises(InvalidRequest):
        parse_auth(Greedy())


@pytest.mark.parametrize(
    ("auth", "text"),
    [
        (Bearer("env:HF_TOKEN"), "bearer env:HF_TOKEN"),
        (Basic("env:U", "env:P"), "basic env:U env:P"),
        ("netrc", "netrc"),
        (Bearer("hush"), None),
        (Basic("hush", "env:P"), None),
        (Basic("env:U", "hush"), None),
        (httpx.DigestAuth("u", "hush"), None),
        (None, None),
    ],
)
def test_references(auth: Any, text: str | None) -> None:
    """What may be stored is where the secret is to be found, never the secret."""
    assert reference(parse_auth(auth)) == text
    if text is not None:
        assert from_reference(text) == auth
    assert "hush" not in repr(auth)


def _signed(auth: Any, url: str = URL) -> str | None:
    signer = access(url, auth=auth).auth_for(ours=True)
    assert signer is not None
    request = next(signer.sync_auth_flow(httpx.Request("GET", "https://h.example/")))
    value: str | None = request.headers.get("authorization")
    return value


def test_looked_up_at_use(monkeypatch: pytest.MonkeyPatch, canary: Callable[[str], str]) -> None:
    """A reference is looked up when a request is made, every time; where it leads nowhere, a person is asked."""
    way = access(URL, auth=Bearer("env:MY_TOKEN"))
    with pytest.raises(NeedsAttention, match="MY_TOKEN"):
        way.auth_for(ours=True)
    for name in ("one", "two"):
        monkeypatch.setenv("MY_TOKEN", canary(name))
        assert _signed(Bearer("env:MY_TOKEN")) == f"Bearer {canary(name)}"
    monkeypatch.setenv("U", "user")
    monkeypatch.setenv("P", "pass")
    assert _signed(Basic("env:U", "env:P")) == _signed(("user", "pass")) == "Basic dXNlcjpwYXNz"
    assert _signed(None, "https://user:pa%73s@h.example/") == "Basic dXNlcjpwYXNz"


def test_netrc(monkeypatch: pytest.MonkeyPatch, private_dir: Path) -> None:
    """The netrc file is read when it is needed; where it cannot be read, a person is asked."""
    path = private_dir / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    with pytest.raises(NeedsAttention):
        _signed("netrc")
    path.write_text("machine h.example login user password pass\n")
    path.chmod(0o600)
    assert _signed("netrc") == "Basic dXNlcjpwYXNz"


# -- the whole --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "options",
    [{"auth": ("u", "hush"), "headers": {"authorization": "hush"}},
     {"url": "https://u:hush@h/", "auth": Bearer("hush")},
     {"url": "https://u:hush@h/", "headers": {"Authorization": "hush"}},
     {"url": "nonsense://u:hush@h/"}, {"url": "/hush"}, {"url": "https://h/\nhush"}],
)  # fmt: skip
def test_what_cannot_work(options: dict[str, Any]) -> None:
    """Two credentials at once, another scheme, no URL: refused at once."""
    with pytest.raises(InvalidRequest) as caught:
        access(**{"url": URL, **options})
    assert "u:hush" not in str(caught.value)


def test_nothing_is_shown(canary: Callable[[str], str]) -> None:
    """The repr is a line for people, without a secret; there is no way to store it."""
    secret = canary("x")
    way = access(f"https://user:{secret}@h.example/a?sig={secret}", headers={"X-Key": secret}, verify=False)
    shown = repr(way)
    assert secret not in shown
    assert "user" not in shown
    assert all(words in shown for words in ("https://h.example/a", "1 headers", "credentials", "TLS not verified"))
    with pytest.raises(TypeError):
        pickle.dumps(way)
    assert secret not in repr(pool_key(way, ("https", "h.example", 443), ours=True))


def test_equality() -> None:
    """Two ways in are the same when everything in them is."""
    assert access(URL, {"A": "b"}, ("u", "p")) == access(URL, [("A", "b")], Basic("u", "p"))
    assert access(URL) != access(URL, verify=False)
    assert access(URL) != access(URL, {"A": "b"})
    assert len({access(URL), access(URL)}) == 1


def test_who_shares_a_connection() -> None:
    """Requests of one identity share a connection: other credentials, headers or trust have their own."""
    target = ("https", "h.example", 443)
    ways = [access(URL), access(URL, {"X-Key": "1"}), access(URL, {"X-Key": "2"}), access(URL, auth=("u", "p")),
            access(URL, auth=("u", "q")), access(URL, verify=False), access("https://u:p@h.example/")]  # fmt: skip
    keys = [pool_key(way, target, ours=True) for way in ways]
    assert len(set(keys)) == len(ways) - 1  # the last one is the same as ("u", "p")
    assert len({pool_key(way, target, ours=False) for way in ways}) == 2  # only the trust differs


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("", "is empty"),
        ("hush\n", "has a line break at its end"),
        ("hush\r\n", "has a line break at its end"),
        ("hu sh", "has a blank"),
        ("hüsh", "no header may have"),
        ("hu\x00sh", "no header may have"),
    ],
)
def test_a_token_that_cannot_be_sent_is_refused(token: str, says: str) -> None:
    """A line break from a file, nothing at all: it is said at once, and the token is not."""
    with pytest.raises(InvalidRequest, match=says) as caught:
        access(URL, auth=Bearer(token))
    assert not token or token.strip() not in str(caught.value)
