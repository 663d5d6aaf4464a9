"""A source in the forms that people have at hand: a text, or a path object that knows its store (UPath)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbxfer.errors import InvalidRequest


def as_text(source: Any, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Give the URL of a path object with the options that it carries; anything else as it is.

    Raises InvalidRequest where it says something other than ``storage_options`` does.
    """
    given = dict(options)
    if isinstance(source, str) or not all(hasattr(source, name) for name in ("protocol", "path", "storage_options")):
        return source, given
    own = dict(source.storage_options or {})
    if own and given.get("storage_options") is not None:
        raise InvalidRequest(
            "Both the path and storage_options= say how its store is spoken to.", hint="Give one of them."
        )
    if own:
        given["storage_options"] = own
    protocol, path = str(source.protocol or "file"), str(source.path)
    return str(source) if "://" in str(source) else f"{protocol}://{path}", given
