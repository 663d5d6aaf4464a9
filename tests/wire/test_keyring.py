"""Credentials in the keyring: found when they are needed, and asked of a person where they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keyring
import keyring.backend
import keyring.credentials
import keyring.errors
import pytest

from nbxfer.core import faults
from nbxfer.errors import InvalidRequest, NeedsAttention
from nbxfer.wire import credentials, lookup
from nbxfer.wire.access import access
from nbxfer.wire.credentials import Basic, Bearer, from_reference, reference
from nbxfer.wire.lookup import look_up, user_and_password
from tests.servers.reading import fetch, opened, source
from tests.servers.rogue import Rogue, honest


class Drawer(keyring.backend.KeyringBackend):
    """A keyring in memory; like the desktop's it may be asked for the only user of a service."""

    priority = 0  # never chosen by itself

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False
        self.wants_user = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("nbxfercanary in its words")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def get_credential(self, service: str, username: str | None) -> keyring.credentials.Credential | None:
        if username is None and not self.wants_user:
            username = next((user for name, user in self.entries if name == service), None)
        return super().get_credential(service, username)


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    """Give a keyring that everybody here uses."""
    before, mine = keyring.get_keyring(), Drawer()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def test_found_at_use(drawer: Drawer, canary: Callable[[str], str]) -> None:
    """User and password of an entry, or its password as a token; looked up anew for each request."""
    with Rogue(honest(b"x")) as server:
        for name in ("one", "two"):
            drawer.set_password("svc", "me", canary(name))
            for auth in (
                Basic("keyring:svc/me"), Basic("keyring:svc"), "keyring:svc/me", Basic("me", "keyring:svc/me"),
                Bearer("keyring:svc/me"), Bearer("keyring:svc"),
            ):  # fmt: skip
                way = access(server.url(), auth=auth)
                assert canary(name) not in repr(way)
                fetch(way)
            said = [asked.headers["authorization"] for asked in server.asked]
            server.asked.clear()
            assert user_and_password(Basic("keyring:svc")) == ("me", canary(name))
            assert len(set(said[:4])) == 1
            assert said[4:] == [f"Bearer {canary(name)}"] * 2


def test_names_with_slashes(drawer: Drawer) -> None:
    """A service or user may have slashes and blanks in it, percent-encoded."""
    drawer.set_password("https://h/x", "a b", "pw")
    assert user_and_password(Basic("keyring:https%3A%2F%2Fh%2Fx/a%20b")) == ("a b", "pw")
    drawer.set_password("svc", "team/me", "pw2")
    assert look_up("keyring:svc/team/me") == "pw2"


@pytest.mark.parametrize(
    ("auth", "text"),
    [
        (Basic("keyring:svc/me"), "basic keyring:svc/me"),
        (Basic("keyring:svc"), "basic keyring:svc"),
        (Bearer("keyring:svc"), "bearer keyring:svc"),
        (Basic("env:U", "keyring:svc/me"), "basic env:U keyring:svc/me"),
        (Basic("me", "keyring:svc/me"), None),
    ],
)
def test_stored_by_reference(auth: Any, text: str | None) -> None:
    """The place is stored, and leads back to the same credential."""
    assert reference(auth) == text
    if text is not None:
        assert from_reference(text) == auth
        assert access("http://h/", auth=auth).references == (("auth", text),)
        assert access("http://h/", auth=auth).needs == ()


def test_not_there(drawer: Drawer) -> None:
    """Where there is no such entry, nobody is asked, and a person is told how to add it."""
    with Rogue(honest(b"x")) as server:
        for auth, words in ((Basic("keyring:svc/me"), "keyring set svc me"), (Bearer("keyring:svc"), "SERVICE/USER")):
            with pytest.raises(NeedsAttention, match=words) as caught:
                opened(source(access(server.url(), auth=auth)))
            assert faults.of(caught.value).remedy is faults.Remedy.PERSON
        drawer.set_password("svc", "me", "pw")
        drawer.wants_user = True
        with pytest.raises(NeedsAttention, match="SERVICE/USER"):
            look_up("keyring:svc")
        assert not server.asked


def test_locked(drawer: Drawer) -> None:
    """A keyring that is locked is told as that, without its words."""
    drawer.locked = True
    with pytest.raises(NeedsAttention, match="KeyringLocked") as caught:
        look_up("keyring:svc/me")
    assert "canary" not in str(caught.value)


def test_no_keyring_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the sentence says what to install: when it is given, and after a restart elsewhere."""
    monkeypatch.setattr(credentials, "find_spec", lambda _: None)
    for options in ({"auth": Bearer("keyring:svc")}, {"proxy": "p", "proxy_auth": "keyring:svc"}):
        with pytest.raises(InvalidRequest, match=r"nbxfer\[keyring\]"):
            access("http://h/", **options)
    monkeypatch.setattr("builtins.__import__", _without_keyring)
    with pytest.raises(NeedsAttention, match=r"nbxfer\[keyring\]"):
        lookup._keyring()


_real_import = __import__


def _without_keyring(name: str, *args: Any, **kwargs: Any) -> Any:
    if name == "keyring":
        raise ImportError
    return _real_import(name, *args, **kwargs)


def test_an_entry_and_a_password() -> None:
    """An entry for both, and a password beside it, contradict each other."""
    for auth in (Basic("keyring:svc", "hush"), ("keyring:svc/me", "hush"), Basic("a", 5), Bearer(None)):  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest) as caught:
            access("http://h/", auth=auth)
        assert "hush" not in str(caught.value)


def test_of_a_proxy(drawer: Drawer, canary: Callable[[str], str]) -> None:
    """A proxy's password may be there, too."""
    drawer.set_password("corp", "me", canary("proxy"))
    with Rogue(honest(b"x")) as proxy:
        way = access("http://name.example/", proxy=f"http://127.0.0.1:{proxy.port}", proxy_auth="keyring:corp/me")
        fetch(way)
        assert "proxy-authorization" in proxy.asked[0].headers
    assert way.references == (("proxy_auth", "basic keyring:corp/me"),)
