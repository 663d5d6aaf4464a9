"""From a reference to the secret: looked up when a request is made, every time, and kept nowhere."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote

from nbxfer.errors import NeedsAttention
from nbxfer.wire.credentials import ENV, KEYRING, Basic, Literal


def look_up(value: str) -> str:
    """Give the secret that ``value`` is, or refers to; raise NeedsAttention where the reference leads nowhere."""
    if found := ENV.fullmatch(value):
        return _variable(found[1])
    if found := KEYRING.fullmatch(value):
        return _entry(found[1], found[2])[1]
    return value


def user_and_password(basic: Basic) -> tuple[str, str]:
    """Give both; where the user is an entry of the keyring, both are that entry's. Raises NeedsAttention."""
    if isinstance(basic, Literal):
        return basic.user, basic.password
    if found := KEYRING.fullmatch(basic.user):
        return _entry(found[1], found[2])
    return look_up(basic.user), look_up(basic.password)


def _variable(name: str) -> str:
    secret = os.environ.get(name)
    if not secret:
        raise NeedsAttention(
            f"The environment variable {name}, which holds the credentials, is not set.",
            hint=f"Set {name}, or give the credentials again.",
        )
    return secret


def _entry(service: str, user: str | None) -> tuple[str, str]:
    """Give user and password of an entry. It may take its time: some keyrings ask the person to unlock them."""
    service, user = unquote(service), unquote(user) if user else None
    where = service if user is None else f"{service}, {user}"
    try:
        found = _keyring().get_credential(service, user)
    except NeedsAttention:
        raise
    except Exception as error:  # noqa: BLE001 (backends raise what they like, and their texts may tell too much)
        raise NeedsAttention(
            f"The keyring cannot be read ({type(error).__name__}).",
            hint="Unlock it, or give the credentials in another way: env:NAME.",
        ) from None
    if found is None or not found.password:
        command = f"keyring set {service} {user or 'USER'}"
        hint = f"Add it ({command}), or give the credentials in another way."
        if user is None:
            hint += " Some keyrings want the user, too: keyring:SERVICE/USER."
        raise NeedsAttention(f"The keyring has no entry for {where}.", hint=hint)
    return found.username or user or "", found.password


def _keyring() -> Any:
    try:
        import keyring
    except ImportError:
        raise NeedsAttention(
            "The credentials are in the keyring, but the package keyring is not installed.",
            hint="Install nbxfer[keyring].",
        ) from None
    return keyring
