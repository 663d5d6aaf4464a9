"""The options that say how servers are reached and what is accepted of them: declared once, read once."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import click

from nbxfer.errors import InvalidRequest
from nbxfer.faces.cli import discretion
from nbxfer.faces.cli.desk import Call

IF_EXISTS: Final = ("revalidate", "error", "skip", "overwrite", "unique")
PRIORITIES: Final = ("default", "high", "low")

Command = Callable[..., Any]

_HEADER: Final = click.option(
    "--header",
    "headers",
    metavar="K:V|@FILE",
    multiple=True,
    help="Send this header, or those that stand in FILE, one a line. Everybody on this machine can read a "
    "command line: put secrets in a file. May be repeated.",
)
_NETRC: Final = click.option("--netrc", is_flag=True, help="Take user and password from ~/.netrc.")
_COOKIES: Final = click.option("--cookies", metavar="FILE", help="Send the cookies of this file (Netscape's format).")
_PROXY_USER: Final = click.option(
    "--proxy-user", metavar="USER", help="Be this user to the proxy; the password is asked for in the terminal."
)
_USER: Final = click.option("--user", metavar="USER", help="Be this user; the password is asked for in the terminal.")


def reaching(command: Command) -> Command:
    """Add the options about the way to the server: who asks, through what, and whom it trusts."""
    return _with(
        command,
        _HEADER,
        _COOKIES,
        _NETRC,
        _USER,
        click.option("--proxy", metavar="U", help="Go through this proxy: http://, https:// or socks5://host:port."),
        _PROXY_USER,
        click.option("--no-proxy", is_flag=True, help="Go through no proxy, whatever the environment says."),
        click.option(
            "--cacert", metavar="FILE", help="Trust these certificate authorities (PEM) instead of the usual ones."
        ),
        click.option("--cert", metavar="FILE", help="Show this certificate (PEM) to a server that asks who we are."),
        click.option("--key", metavar="FILE", help="The key of --cert, where it is not in the same file."),
        click.option(
            "--insecure", is_flag=True, help="Check no certificate: anybody on the way can read and change everything."
        ),
        click.option("--http2", is_flag=True, help="Speak HTTP/2 where the server does."),
        click.option(
            "--timeout",
            metavar="S",
            type=float,
            help="Seconds to wait for a connection, and for an answer, before a retry.",
        ),
    )


def renewing(command: Command) -> Command:
    """Add the options that give one download anew what has expired, or was kept in memory only."""
    url = click.option("--url", metavar="URL", help="Go on from this URL: a newly signed one. For a single ID.")
    return _with(command, url, _HEADER, _COOKIES, _NETRC, _USER, _PROXY_USER)


def accepting(command: Command) -> Command:
    """Add the options about what may come, how fast, and when."""
    checksum = click.option(
        "--checksum",
        metavar="A:H|URL",
        help="What the file has to be, like sha256:9f86d0…; or where a list of checksums is.",
    )
    size = click.option("--expect-size", metavar="N", help='Refuse what is not exactly so large: bytes, or "10 GiB".')
    return _with(command, checksum, size, pacing)


def pacing(command: Command) -> Command:
    """Add those of them that do not say what the file has to be."""
    return _with(
        command,
        click.option("-x", "--connections", metavar="N", type=int, help="Use so many connections at most."),
        click.option("--bandwidth", metavar="R", help='Be no faster than this, like "5 MB/s" or 500k.'),
        click.option("--max-size", metavar="N", help='Refuse what is larger, like "10 GiB".'),
        click.option(
            "--not-before", metavar="T", help="Begin then: seconds from now, or a time like 2026-12-24T22:00."
        ),
        click.option("--deadline", metavar="S", type=float, help="Give up after so many seconds; what came is kept."),
        click.option("--preserve-mtime", is_flag=True, help="Give the file the server's modification time."),
        click.option(
            "--cost-policy",
            type=click.Choice(("default", "unrestricted_only", "always")),
            help="On which networks to move: not on roaming or nearly used up ones, on free ones only, on all.",
        ),
        click.option(
            "--priority", type=click.Choice(PRIORITIES), help="high goes first, low last, among those that wait."
        ),
        click.option("--group", metavar="NAME", help="Put it into this group, which a notebook has made."),
    )


def watching(command: Command) -> Command:
    """Add the options about what is shown."""
    return _with(
        command,
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line instead of paths."),
        click.option("-q", "--quiet", is_flag=True, help="No bar; only paths, and errors."),
        click.option("-v", "--verbose", is_flag=True, help="Show what is logged, too."),
    )


def _with(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


# -- what they mean to the session -----------------------------------------------------------------------------------
def setup(call: Call, given: dict[str, Any]) -> None:
    """Take out and heed what says how much is shown."""
    shown = {"json": given.pop("as_json"), "quiet": given.pop("quiet"), "verbose": given.pop("verbose")}
    if shown["quiet"] and shown["verbose"]:
        raise click.UsageError("--quiet and --verbose contradict each other.")
    call.pen.setup(**shown)


def read(call: Call, given: dict[str, Any], urls: Sequence[str]) -> dict[str, Any]:
    """Give the session's names and values of what was given; ask for the password of --user.

    Raises UsageError and InvalidRequest. Says what can be seen by others on this machine.
    """
    for one, other in (("user", "netrc"), ("proxy", "no_proxy"), ("proxy_user", "no_proxy"), ("insecure", "cacert")):
        if given[one] and given[other]:
            raise click.UsageError(f"{_dashed(one)} and {_dashed(other)} contradict each other.")
    if given["key"] and not given["cert"]:
        raise click.UsageError("--key is the key of a certificate: give that with --cert.")
    headers = _named(given["headers"])
    discretion.for_one_server(urls, headers, given["user"])
    discretion.warn(call, given, urls)
    call.anew = _again(headers, given["user"])
    same = (
        "checksum",
        "connections",
        "bandwidth",
        "max_size",
        "expect_size",
        "deadline",
        "cost_policy",
        "priority",
        "group",
        "timeout",
        "proxy",
    )
    options: dict[str, Any] = {name: given[name] for name in same if given.get(name) is not None}
    options |= {"not_before": _moment(given["not_before"])} if given["not_before"] is not None else {}
    options |= {name: True for name in ("preserve_mtime", "http2") if given[name]}
    options |= {"headers": headers} if headers else {}
    options |= {"cookies": _path(given["cookies"])} if given["cookies"] else {}
    options |= {"verify": _path(given["cacert"])} if given["cacert"] else {}
    options |= {"verify": False} if given["insecure"] else {}
    options |= {"proxy": False} if given["no_proxy"] else {}
    if given["cert"]:
        cert = _path(given["cert"])
        options["cert"] = (cert, _path(given["key"])) if given["key"] else cert
    if given["netrc"]:
        options["auth"] = "netrc"
    options |= _proxy_auth(call, given["proxy_user"])
    if given["user"] is not None:
        options["auth"] = (given["user"], call.secret(f"Password of {discretion.shown_user(given['user'])}: "))
    return options


def renewed(call: Call, given: dict[str, Any], ids: Sequence[str]) -> dict[str, Any]:
    """Take out what is given anew, and give it by the session's names; empty where nothing is. Raises as ``read``."""
    url, netrc, user = given.pop("url"), given.pop("netrc"), given.pop("user")
    typed, cookies, proxy_user = given.pop("headers"), given.pop("cookies"), given.pop("proxy_user")
    if not (url or netrc or user or typed or cookies or proxy_user):
        return {}
    if len(ids) != 1:
        raise click.UsageError("--url, --header, --cookies, --user, --netrc and --proxy-user are for a single ID.")
    if user and netrc:
        raise click.UsageError("--user and --netrc contradict each other.")
    headers = _named(typed)
    discretion.for_one_server([], headers, user)
    discretion.warn(call, {"headers": typed}, [url or ""])
    call.anew = _again(headers, user)
    new: dict[str, Any] = {"url": url} if url else {}
    new |= {"headers": headers} if headers else {}
    new |= {"auth": "netrc"} if netrc else {}
    new |= {"cookies": _path(cookies)} if cookies else {}
    new |= _proxy_auth(call, proxy_user)
    return new | ({"auth": (user, call.secret(f"Password of {discretion.shown_user(user)}: "))} if user else {})


def _proxy_auth(call: Call, user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"proxy_auth": (user, call.secret(f"Password of {discretion.shown_user(user)} at the proxy: "))}


def _again(headers: Sequence[str], user: str | None) -> str:
    """Give what has to be typed again after a break: it is kept in memory only."""
    again = " --header @FILE" if discretion.secret_names(headers) else ""
    return again + (f" --user {shlex.quote(discretion.shown_user(user))}" if user else "")


def _named(given: Iterable[str]) -> list[str]:
    """Give the header lines. Raises UsageError for one without a name, of which nothing is shown."""
    headers = list(_headers(given))
    if not all(map(discretion.name_of, headers)):
        raise click.UsageError(
            "A header has no name: it is written NAME: VALUE. What was given is not shown, for it may be a secret; "
            "everybody on this machine can read a command line, so it belongs into a file: --header @FILE."
        )
    return headers


def _moment(text: str) -> float | datetime:
    """Read seconds from now, or a time in ISO 8601, which is of the machine's zone where it names none."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        words = f"--not-before {text!r} is no time: give seconds from now, or a time like 2026-12-24T22:00."
        raise click.UsageError(words) from None


def _dashed(name: str) -> str:
    return "--" + name.replace("_", "-")


def _path(text: str) -> str:
    return os.path.expanduser(text)


def _headers(given: Iterable[str]) -> Iterator[str]:
    """Give the header lines, those of files included. Blank lines and lines that begin with # are left out."""
    for one in given:
        if not one.startswith("@"):
            yield one
            continue
        path = _path(one[1:])
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise InvalidRequest(
                f"The header file {path} cannot be read: {why}.", hint="Give --header @FILE."
            ) from None
        yield from (line.strip() for line in lines if line.strip() and not line.startswith("#"))
