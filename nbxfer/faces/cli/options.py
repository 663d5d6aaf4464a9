"""The options that say how servers are reached and what is accepted of them: declared once, read once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import click

from nbxfer.errors import InvalidRequest
from nbxfer.faces.cli.desk import Call

IF_EXISTS: Final = ("revalidate", "error", "skip", "overwrite", "unique")
PRIORITIES: Final = ("default", "high", "low")
#: Words of which one stands in the name of nearly every header that carries a secret.
_SECRET: Final = re.compile(r"auth|cookie|token|key|secret|passw|session|credential|signature", re.IGNORECASE)

Command = Callable[..., Any]


def reaching(command: Command) -> Command:
    """Add the options about the way to the server: who asks, through what, and whom it trusts."""
    return _with(
        command,
        click.option(
            "--header",
            "headers",
            metavar="K:V|@FILE",
            multiple=True,
            help="Send this header, or those that stand in FILE, one a line. Everybody on this machine can read a "
            "command line: put secrets in a file. May be repeated.",
        ),
        click.option("--cookies", metavar="FILE", help="Send the cookies of this file (Netscape's format)."),
        click.option("--netrc", is_flag=True, help="Take user and password from ~/.netrc."),
        click.option("--user", metavar="USER", help="Be this user; the password is asked for in the terminal."),
        click.option("--proxy", metavar="U", help="Go through this proxy: http://, https:// or socks5://host:port."),
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


def accepting(command: Command) -> Command:
    """Add the options about what may come, how fast, and when."""
    return _with(
        command,
        click.option(
            "--checksum",
            metavar="A:H|URL",
            help="What the file has to be, like sha256:9f86d0…; or where a list of checksums is.",
        ),
        click.option("-x", "--connections", metavar="N", type=int, help="Use so many connections at most."),
        click.option("--bandwidth", metavar="R", help='Be no faster than this, like "5 MB/s" or 500k.'),
        click.option("--max-size", metavar="N", help='Refuse what is larger, like "10 GiB".'),
        click.option("--expect-size", metavar="N", help='Refuse what is not exactly so large: bytes, or "10 GiB".'),
        click.option("--deadline", metavar="S", type=float, help="Give up after so many seconds; what came is kept."),
        click.option("--preserve-mtime", is_flag=True, help="Give the file the server's modification time."),
        click.option(
            "--priority", type=click.Choice(PRIORITIES), help="high goes first, low last, among those that wait."
        ),
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
    for one, other in (("user", "netrc"), ("proxy", "no_proxy"), ("insecure", "cacert")):
        if given[one] and given[other]:
            raise click.UsageError(f"{_dashed(one)} and {_dashed(other)} contradict each other.")
    if given["key"] and not given["cert"]:
        raise click.UsageError("--key is the key of a certificate: give that with --cert.")
    headers = list(_headers(given["headers"]))
    _for_one_server(urls, headers, given["user"])
    _warn(call, given, urls)
    same = (
        "checksum",
        "connections",
        "bandwidth",
        "max_size",
        "expect_size",
        "deadline",
        "priority",
        "timeout",
        "proxy",
    )
    options: dict[str, Any] = {name: given[name] for name in same if given[name] is not None}
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
    if given["user"] is not None:
        options["auth"] = (given["user"], call.secret(f"Password of {_shown_user(given['user'])}: "))
    return options


def _dashed(name: str) -> str:
    return "--" + name.replace("_", "-")


def _path(text: str) -> str:
    return os.path.expanduser(text)


def _shown_user(user: str) -> str:
    from nbxfer.faces.words import clean

    return clean(user, 60)


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


# -- secrets ---------------------------------------------------------------------------------------------------------
def _names(headers: Iterable[str]) -> list[str]:
    """Give the names of those headers that seem to carry a secret."""
    names = [line.partition(":")[0].strip() for line in headers]
    return [name for name in names if _SECRET.search(name)]


def _for_one_server(urls: Sequence[str], headers: Iterable[str], user: str | None) -> None:
    """Refuse to tell several servers one secret: it is of one of them, and the others would learn it."""
    from nbxfer.core.url import safe_url, server

    if user is not None and ":" in user:
        raise click.UsageError("--user takes a name alone; the password is asked for in the terminal.")
    secret = "--user" if user is not None else next((f"the header {name}" for name in _names(headers)), None)
    servers = {server(safe_url(url)) for url in urls}
    if secret is not None and len(servers) > 1:
        raise click.UsageError(
            f"These URLs are of {len(servers)} servers, and {_shown_user(secret)} would be told to each of them. "
            "Run it once for each server; or use --netrc, which knows whose is whose."
        )


def _warn(call: Call, given: dict[str, Any], urls: Sequence[str]) -> None:
    """Say which secrets stand in the command line, where everybody on this machine can see them."""
    typed = [one for one in given["headers"] if not one.startswith("@")]
    seen = [f"the header {_shown_user(name)}" for name in _names(typed)]
    seen += ["the password in the URL"] if any(map(_has_password, urls)) else []
    seen += ["the proxy's password"] if _has_password(given["proxy"] or "") else []
    if seen:
        files = "--header @FILE and -i LISTFILE read from files; HTTPS_PROXY is read from the environment."
        call.pen.say(f"others on this machine can see command lines, and in this one {' and '.join(seen)}. {files}")


def _has_password(url: str) -> bool:
    user, mark, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    return bool(mark) and ":" in user
