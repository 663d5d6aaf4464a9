"""What a record alone allows, in a process that was not told the rest: the way in, and a function by its name."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

from nbxfer.core.spec import Spec
from nbxfer.core.stores import is_store
from nbxfer.core.url import origin
from nbxfer.errors import NeedsAttention
from nbxfer.wire.access import Access
from nbxfer.wire.certificates import Certificate
from nbxfer.wire.cookies import CookieFile
from nbxfer.wire.credentials import Basic, from_reference
from nbxfer.wire.storage import of_record

#: Asked for a new URL or credentials with the stored URL; see engine/refresh.py for what it gives.
RefreshFunction = Callable[[str], Any]


def imported(name: str) -> RefreshFunction:
    """Give the function that "module:function" names. Raises NeedsAttention."""
    module, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # noqa: BLE001 (a module that is imported may raise anything)
        raise NeedsAttention(
            f"refresh={name!r} cannot be imported ({type(error).__name__}).",
            hint="Put it where it can be, or go on with resume(url=…).",
        ) from None
    if not callable(found):
        raise NeedsAttention(f"refresh={name!r} is no function.", hint="Name one, or go on with resume(url=…).")
    function: RefreshFunction = found
    return function


def rebuilt(spec: Spec) -> Access:
    """Give the access that the record alone allows: references are looked up again at use, literal secrets are gone.

    Nothing is checked here: what does not lead anywhere any more asks for a person when it is used. Where the URL has
    become that of another server since, what was given for the first one is not for it.
    """
    found = dict(spec.references)
    proxy_auth = from_reference(found["proxy_auth"]) if "proxy_auth" in found else None
    url = spec.destination if spec.kind == "upload" else spec.url
    made = Access(
        url,
        headers=tuple(spec.headers),
        auth=from_reference(found["auth"]) if "auth" in found else None,
        verify=spec.verify,
        cookies=CookieFile(found["cookies"].removeprefix("file:")) if "cookies" in found else (),
        proxy=spec.proxy,
        proxy_auth=proxy_auth if isinstance(proxy_auth, Basic) else None,
        trust_env=spec.trust_env,
        certificate=Certificate(tuple(spec.cert), found.get("cert")) if spec.cert else None,
        http2=spec.http2,
        storage=of_record(spec.storage) if is_store(url) else None,
    )
    if spec.identity.startswith(("http://", "https://")) and origin(spec.identity) != origin(spec.url):
        return dataclasses.replace(made, url=spec.identity).towards(spec.url)
    return made
