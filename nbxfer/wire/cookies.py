"""Cookies (RFC 6265): a person's own, and those that servers set on the way, each back to whom it belongs.

Three kinds, in order of strictness. A mapping belongs to the origin of the URL, and goes nowhere else. What a server
sets belongs to it: http.cookiejar's rules (domain, path, Secure, host-only), and besides to its port, and to https
where it came by that. A jar or a Netscape file says itself which domains each of its cookies is for.
"""

from __future__ import annotations

import copy
import ipaddress
import os
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any, Final, Union
from urllib.request import Request

from nbxfer.errors import InvalidRequest, NeedsAttention

#: The longest cookie that is kept (characters; RFC 6265 §6.1 asks for 4096 bytes), and how many of them.
LONGEST: Final = 4096
MOST: Final = 300

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_VALUE: Final = re.compile(r"[\x21-\x3a\x3c-\x7e](?:[\x20-\x3a\x3c-\x7e]*[\x21-\x3a\x3c-\x7e])?|")
_ATTRIBUTES: Final = {
    "domain": re.compile(r".+"),
    "path": re.compile(r".+"),
    "max-age": re.compile(r"-?\d{1,10}"),
    "expires": re.compile(r"[A-Za-z0-9 ,:+-]{6,40}"),
}
_FIELDS: Final = 7


@dataclass(frozen=True)
class CookieFile:
    """The path of a file in the form of Netscape, curl and browsers' add-ons; read when a transfer begins."""

    path: str


@dataclass(frozen=True, repr=False, eq=False)
class GivenJar:
    """What was in a person's jar when it was given; theirs is never written to."""

    cookies: tuple[Cookie, ...]

    def __len__(self) -> int:
        return len(self.cookies)

    def __repr__(self) -> str:
        return f"<{len(self.cookies)} cookies>"


#: What ``cookies=`` takes: {name: value}, a CookieJar (or what has one, as httpx.Cookies), the path of a file.
CookiesLike = Union[Mapping[str, str], CookieJar, str, "os.PathLike[str]", None]
#: The same, normalised.
Given = tuple[tuple[str, str], ...] | GivenJar | CookieFile


def parse_cookies(cookies: CookiesLike) -> Given:
    """Give the cookies in their normal form; raise InvalidRequest, without repeating any, where they are none."""
    jar = getattr(cookies, "jar", cookies)
    if cookies is None:
        return ()
    if isinstance(jar, CookieJar):
        return GivenJar(tuple(_qualified(copy.copy(cookie)) for cookie in jar))
    if isinstance(cookies, Mapping):
        return tuple(_checked(name, value) for name, value in cookies.items())
    if isinstance(cookies, str | os.PathLike) and isinstance(path := os.fspath(cookies), str):
        return _checked_file(path)
    raise InvalidRequest(
        "cookies= is neither a mapping, a cookie jar nor a path.", hint="Give {'name': 'value'}, or a cookies.txt."
    )


def _checked(name: object, value: object) -> tuple[str, str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest("A cookie's name has a character that may not be in one.", hint="Use letters and digits.")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise InvalidRequest(
            f"The value of the cookie {name} is not one line of printable ASCII text without semicolons.",
            hint="Encode it as the server wants it; give several cookies each by its name.",
        )
    return name, value


def _checked_file(path: str) -> CookieFile:
    there = os.path.abspath(os.path.expanduser(path))
    try:
        read(there)
    except (OSError, ValueError) as error:
        # A header's text given by mistake is a secret; a path is not.
        named = "The text given as cookies=" if "=" in path or ";" in path else f"The cookie file {path!r}"
        why = str(error) if isinstance(error, _Unreadable) else "cannot be read"
        raise InvalidRequest(
            f"{named} {why}.", hint="Give {'name': 'value'}, or a file in Netscape's form, as browsers export it."
        ) from None
    return CookieFile(there)


class _Unreadable(ValueError):
    """The file is no cookie file; the text says where, and repeats nothing."""


def read(path: str) -> list[Cookie]:
    """Give the cookies of a Netscape file. Raises OSError, and ValueError where it is none.

    Not by http.cookiejar: it refuses files without a certain first line, and prints what it cannot read.
    """
    found = []
    with open(path, encoding="utf-8") as file:
        for number, raw in enumerate(file, 1):
            line = raw.rstrip("\r\n").removeprefix("#HttpOnly_")
            if not line.strip() or line.startswith("#"):
                continue
            fields = line.split("\t")
            if len(fields) != _FIELDS or not re.fullmatch(r"-?\d*(\.\d*)?", fields[4]):
                raise _Unreadable(f"is none in line {number}")
            domain, below, path_, secure, expires, name, value = fields
            if _NAME.fullmatch(name) and _VALUE.fullmatch(value):
                found.append(_qualified(_cookie(domain, below, path_, secure, expires, name, value)))
    return found


def _cookie(domain: str, below: str, path: str, secure: str, expires: str, name: str, value: str) -> Cookie:
    deep = below.upper() == "TRUE" or domain.startswith(".")
    host = domain.lower().removeprefix(".")
    until = int(float(expires)) if expires not in ("", ".", "-") else 0
    return Cookie(
        0, name, value, None, False, f".{host}" if deep else host, deep, deep, path or "/", True,
        secure.upper() == "TRUE", until or None, not until, None, None, {},
    )  # fmt: skip


def _qualified(cookie: Cookie) -> Cookie:
    if "." not in cookie.domain:  # as http.cookiejar names hosts like "localhost"
        cookie.domain += ".local"
    return cookie


class _Rules(DefaultCookiePolicy):
    """The library's rules at their strictest, and ours: a cookie goes back to its own port, and never down to http."""

    def __init__(self) -> None:
        super().__init__(strict_domain=True, strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)
        self.kept = 0

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        if not super().set_ok(cookie, request) or (cookie.domain_specified and _is_address(request)):
            return False
        self.kept += 1
        cookie.secure = cookie.secure or request.type == "https"
        cookie.port = _port(request)
        return True


def _is_address(request: Request) -> bool:
    """Say whether the host is an address, which has no domain above it; the library takes 0.0.1 for one."""
    try:
        ipaddress.ip_address(request.host.partition(":")[0])
    except ValueError:
        return False
    return True


def _port(request: Request) -> str:
    """Give the port as http.cookiejar compares it: "80" for the usual one, of https as well."""
    found = re.search(r":(\d+)$", request.host) if request.host.count(":") == 1 else None
    return found[1] if found else "80"


def _clean(value: str) -> str | None:
    """Give a Set-Cookie field with what http.cookiejar can read of it; None where it sets nothing.

    Of a Max-Age without a number, or a date that is none, it would print a trace.
    """
    pair, *attributes = value.split(";")
    name, equals, content = (part.strip() for part in pair.partition("="))
    if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(content) or len(name + content) > LONGEST:
        return None
    kept = [f"{name}={content}"]
    for attribute in attributes:
        key, _, said = (part.strip() for part in attribute.partition("="))
        key = key.lower()
        if key == "secure":
            kept.append(key)
        elif key in _ATTRIBUTES and _ATTRIBUTES[key].fullmatch(said):
            kept.append(f"{key}={said}")
    return "; ".join(kept)


class _Said:
    """An answer as http.cookiejar wants it."""

    def __init__(self, values: Iterable[str]) -> None:
        self._message = Message()
        for value in values:
            self._message["Set-Cookie"] = value

    def info(self) -> Message:
        return self._message


class Cookies:
    """The cookies of one transfer, in memory only. Any thread."""

    def __init__(self, given: Given) -> None:
        """Raise NeedsAttention where a file has gone, or cannot be read."""
        self._rules = _Rules()
        self._jar = CookieJar(self._rules)
        self._own: dict[str, str] = dict(given) if isinstance(given, tuple) else {}
        self._lock = threading.Lock()
        for cookie in _brought(given):
            self._jar.set_cookie(cookie)
        self._any = len(self._jar) > 0  # whether there ever was one in the jar

    def header(self, url: str, own: str = "", *, ours: bool) -> str:
        """Give the Cookie field for a request to ``url``, "" for none; ``own`` is what stands in it already.

        ``ours``: it goes to the origin that the person's mapping belongs to.
        """
        if not self._own and not self._any:
            return own
        mine = dict(self._own) if ours else {}
        named = set(mine) | {part.partition("=")[0].strip() for part in own.split(";")}
        request = Request(url)  # noqa: S310 (nothing is opened)
        with self._lock:
            self._jar.add_cookie_header(request)
        kept = (request.get_header("Cookie") or "").split("; ")
        rest = [pair for pair in kept if pair and pair.partition("=")[0] not in named]
        return "; ".join([*([own] if own else []), *(f"{n}={v}" for n, v in mine.items()), *rest])

    def keep(self, url: str, headers: Iterable[tuple[str, str]], *, ours: bool) -> bool:
        """Keep what an answer from ``url`` sets; say whether that was anything."""
        cleaned = (_clean(value) for name, value in headers if name == "set-cookie")
        values = [value for value in cleaned if value is not None]
        if not values:
            return False
        others = [value for value in values if not (ours and self._renew(value))]
        with self._lock:
            before = self._rules.kept
            if others and len(self._jar) < MOST:
                self._jar.extract_cookies(_any(_Said(others)), Request(url))  # noqa: S310
            self._any = self._any or len(self._jar) > 0
            return self._rules.kept > before or len(others) < len(values)

    def _renew(self, value: str) -> bool:
        """Take a new value for a cookie of the person's mapping: its own server may give it one."""
        name, _, content = value.partition(";")[0].partition("=")
        if name not in self._own:
            return False
        self._own[name] = content
        return True


def _any(thing: Any) -> Any:
    return thing


def _brought(given: Given) -> Iterable[Cookie]:
    if isinstance(given, GivenJar):
        return [copy.copy(cookie) for cookie in given.cookies]
    if isinstance(given, CookieFile):
        try:
            return read(given.path)
        except (OSError, ValueError):
            raise NeedsAttention(
                f"The cookie file {given.path!r} cannot be read.", hint="Put it back, or give cookies= again."
            ) from None
    return ()
