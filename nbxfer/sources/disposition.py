"""What a server would have the file called: Content-Disposition (RFC 6266), read strictly."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from nbxfer.core.names import safe_name
from nbxfer.sources.metadata import Headers, field

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 (RFC 9110 §5.6.2: a word, no secret)
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_TYPE: Final = re.compile(rf"[ \t]*({_TOKEN})[ \t]*(?:;|\Z)")
_PARAMETER: Final = re.compile(rf"[ \t]*(?:({_TOKEN})[ \t]*=[ \t]*({_TOKEN}|{_QUOTED})[ \t]*)?(?:;|\Z)", re.DOTALL)
_EXTENDED: Final = re.compile(
    r"(utf-8|iso-8859-1)'[^']*'((?:[!#$&+\-.^_`|~0-9A-Za-z]|%[0-9A-Fa-f]{2})*)", re.IGNORECASE
)


def filename(headers: Headers) -> str:
    """Give the name, made safe; "" where the server gives none, or none that can be used.

    ``filename*`` (RFC 8187) goes before ``filename``, and only it is percent-decoded, once. A field that breaks the
    grammar, or says one thing twice, says nothing.
    """
    _, parameters = _parsed(headers)
    if not parameters:
        return ""
    extended = _extended(parameters.get("filename*", ""))
    return safe_name(extended if extended is not None else _plain(parameters.get("filename", "")))


def is_attachment(headers: Headers) -> bool:
    """Say whether the server means the body to be saved, not shown."""
    return _parsed(headers)[0] == "attachment"


def _parsed(headers: Headers) -> tuple[str, dict[str, str]]:
    """Give the type and the parameters as they are written, names in lower case; nothing of a malformed field."""
    value = field(headers, "content-disposition")
    if value is None:
        return "", {}
    if (kind := _TYPE.match(value)) is None:
        return "", {}
    found: dict[str, str] = {}
    at = kind.end()
    while at < len(value):
        match = _PARAMETER.match(value, at)
        if match is None or (match[1] and match[1].lower() in found):
            return "", {}
        if match[1]:
            found[match[1].lower()] = match[2]
        at = match.end()
    return kind[1].lower(), found


def _extended(value: str) -> str | None:
    match = _EXTENDED.fullmatch(value)
    if match is None:
        return None
    try:
        return unquote_to_bytes(match[2]).decode(match[1])
    except UnicodeDecodeError:
        return None


def _plain(value: str) -> str:
    """Give the text of a token or a quoted string; raw bytes are UTF-8 where they can be (they came as Latin-1)."""
    text = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value.startswith('"') else value
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
