"""The command line over a front desk without an engine: what is asked, what is said, how it ends."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from nbxfer import errors
from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Phase
from nbxfer.core.record import Entry, Published
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces.cli import main
from nbxfer.faces.cli.desk import Call
from nbxfer.faces.cli.dialect import in_shell
from nbxfer.faces.cli.exits import Interrupted, Signals
from nbxfer.testing.session import FakeSession, snapshot

URL = "https://data.example/data.tar.gz"
GONE = Fault("SourceNotFound", "The server says that there is nothing (404).")
LOCKED = Fault(
    "NeedsAttention",
    "It needs credentials again: auth.",
    Remedy.PERSON,
    hint="Go on with resume(headers=…, auth=…).",
)
EVIL = "\x1b[2Jevil\u202e"


class Terminal:
    """Runs commands over a fake front desk; ``signals`` are those that the program died by."""

    def __init__(self, home: Path) -> None:
        self.desk = FakeSession(home=home)
        self.signals: list[int] = []
        self.homes: list[Path | None] = []

    def __call__(self, *args: str) -> Result:
        """Run one command."""

        def open_fake(home: Path | None) -> FakeSession:
            self.homes.append(home)
            return self.desk

        return CliRunner().invoke(main, args, obj=Call(open_fake, self.signals.append), prog_name="nbxfer")


@pytest.fixture
def nbxfer(tmp_path: Path) -> Terminal:
    """Give a terminal."""
    return Terminal(tmp_path)


def rows(result: Result) -> list[dict[str, Any]]:
    """Give the JSON objects on standard output; everything there must be one."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def ends(*snapshots: Snapshot | BaseException) -> Callable[..., list[Snapshot | BaseException]]:
    """Give an answer to a download that goes through these snapshots."""
    return lambda *_: list(snapshots)


# -- get -----------------------------------------------------------------------------------------------------------
def test_get(nbxfer: Terminal) -> None:
    """A download prints its path, and nothing else, on standard output."""
    result = nbxfer("get", URL, "-o", "data/")
    assert (result.exit_code, result.stdout) == (0, "data/\n")
    assert "done" in result.stderr
    assert nbxfer.desk.downloads == [(URL, "data/", {"if_exists": "revalidate"})]
    assert nbxfer.desk.closed == 1


def test_get_options(nbxfer: Terminal, tmp_path: Path) -> None:
    """Each option reaches the session under its name there."""
    secret = tmp_path / "token.txt"
    secret.write_text("# for data.example\nAuthorization: Bearer abc\n\nX-Other: 1\n")
    result = nbxfer(
        "get", URL, "--checksum", "sha256:00", "--header", "Referer: here", "--header", f"@{secret}",
        "--if-exists", "overwrite", "--cacert", "ca.pem", "--timeout", "7.5", "-q", "-x", "4", "--bandwidth", "5 MB/s",
        "--max-size", "10 GiB", "--expect-size", "5", "--deadline", "60", "--priority", "high", "--preserve-mtime",
        "--http2", "--cookies", "~/jar.txt", "--proxy", "http://proxy:3128", "--cert", "me.pem", "--name", "server",
        "--netrc",
    )  # fmt: skip
    assert (result.exit_code, result.stderr) == (0, "")
    assert nbxfer.desk.downloads[0][2] == {
        "checksum": "sha256:00",
        "headers": ["Referer: here", "Authorization: Bearer abc", "X-Other: 1"],
        "if_exists": "overwrite",
        "verify": "ca.pem",
        "timeout": 7.5,
        "connections": 4,
        "bandwidth": "5 MB/s",
        "max_size": "10 GiB",
        "expect_size": "5",
        "deadline": 60.0,
        "priority": "high",
        "preserve_mtime": True,
        "http2": True,
        "cookies": os.path.expanduser("~/jar.txt"),
        "proxy": "http://proxy:3128",
        "cert": "me.pem",
        "name": "server",
        "auth": "netrc",
    }
    assert nbxfer("get", URL, "--no-proxy", "--insecure", "--cert", "c", "--key", "k", "-q").exit_code == 0
    assert nbxfer.desk.downloads[1][2] == {
        "if_exists": "revalidate", "proxy": False, "verify": False, "cert": ("c", "k")
    }  # fmt: skip


def test_get_several(nbxfer: Terminal) -> None:
    """Several downloads are asked for at once, and land in one folder; the same URL twice is one of them."""
    result = nbxfer("get", f"{URL}1", f"{URL}2", f"{URL}1", "-o", "data")
    assert result.exit_code == 0
    assert nbxfer.desk.downloads == [([f"{URL}1", f"{URL}2"], "data", {"if_exists": "revalidate"})]
    assert len(result.stdout.splitlines()) == 2


# -- lists -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def listed(nbxfer: Terminal, tmp_path: Path) -> Callable[..., tuple[Result, Any]]:
    """Give what gets a list of this text: the result, and what the front desk was asked for."""

    def run(text: str | bytes, *args: str) -> tuple[Result, Any]:
        path = tmp_path / "list.txt"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        nbxfer.desk.downloads.clear()
        result = nbxfer("get", "-i", str(path), *args)
        return result, nbxfer.desk.downloads[0][:2] if nbxfer.desk.downloads else None

    return run


def test_a_list(listed: Callable[..., tuple[Result, Any]]) -> None:
    """A list has a URL a line; comments, blank lines, Windows' line ends and its byte order mark do no harm."""
    text = f"\ufeff# mine\r\n{URL}1\r\n\r\n  {URL}2  \r\n{URL}1\r\n"
    result, asked = listed(text, "-o", "data")
    assert (result.exit_code, asked) == (0, ([f"{URL}1", f"{URL}2"], "data"))
    assert listed(f"{URL}1", f"{URL}0", "-q")[1] == ([f"{URL}0", f"{URL}1"], None)
    assert listed(f"{URL}1")[1] == ([f"{URL}1"], None)


def test_a_list_that_says_where(listed: Callable[..., tuple[Result, Any]]) -> None:
    """Behind a tab stands where that URL is to land, below the folder of all; blanks may be in it."""
    text = f"{URL}1\ta b.gz\n{URL}2\n{URL}3 \t x/y/\n"
    places = {f"{URL}1": "a b.gz", f"{URL}2": None, f"{URL}3": "x/y/"}
    assert listed(text, "-o", "data")[1] == (places, "data")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no URL. It has one a line."),
        ("# nothing\n\n", "names no URL."),
        (f"{URL}1\n{URL} 2\n", "Line 2 of the list has a blank in its URL. Write it as %20; or"),
        (f"{URL}1\n\n{URL}\t../esc.txt\n", "Line 3 of the list would land outside of the folder of -o. Behind the tab"),
        (f"{URL}\ta/../../esc.txt\n", "Line 1 of the list would land outside"),
        (f"{URL}\t..\n", "Line 1 of the list would land outside"),
        (f"{URL}\ta\\..\\..\\esc.txt\n", "Line 1 of the list would land outside"),
        (f"{URL}\t/etc/esc.txt\n", "Line 1 of the list would land outside"),
        (f"{URL}\t~/esc.txt\n", "Line 1 of the list would land outside"),
        (f"{URL}\tC:/esc.txt\n", "Line 1 of the list would land outside"),
        (f"a.gz\t{URL}\n", "Line 1 of the list has a URL behind the tab. The URL comes first"),
        (f"{URL}\n# two\n{URL}?v=2\n", "Lines 1 and 3 of the list would both be 'data.tar.gz'. Put a tab and another"),
        (f"{URL}1\tx/y\n{URL}2\tx/./y\n", "Lines 1 and 2 of the list would both be 'x/y'."),
        (f"{URL}\ta\n{URL}\tb\n", "Line 2 of the list has a URL again, and another place for it."),
        (b"\xff\xfe\x00", "cannot be read: it is no text in UTF-8."),
    ],
)
def test_a_list_that_cannot_be_meant(listed: Callable[..., tuple[Result, Any]], text: str | bytes, words: str) -> None:
    """A list that is empty, or that can be meant in two ways, is refused before anything moves."""
    result, asked = listed(text)
    assert (result.exit_code, asked) == (2, None)
    assert words in result.stderr


def test_a_list_from_standard_input(nbxfer: Terminal) -> None:
    """A list may come through a pipe."""
    call = Call(lambda _: nbxfer.desk)
    result = CliRunner().invoke(main, ["get", "-i", "-", "-q"], obj=call, input=f"{URL}1\n{URL}2\n")
    assert result.exit_code == 0
    assert nbxfer.desk.downloads[0][0] == [f"{URL}1", f"{URL}2"]
    assert nbxfer("get", "-i", "/nowhere/at/all").exit_code == 2


# -- credentials -----------------------------------------------------------------------------------------------------
def test_user(nbxfer: Terminal, canary: Callable[[str], str]) -> None:
    """The password of --user is asked for in the terminal, and is in no output."""
    asked: list[str] = []

    def secret(prompt: str) -> str:
        asked.append(prompt)
        return canary("password")

    call = Call(lambda _: nbxfer.desk, secret=secret)
    result = CliRunner().invoke(main, ["get", URL, "--user", "me", "-v"], obj=call, prog_name="nbxfer")
    assert (result.exit_code, asked) == (0, ["Password of me: "])
    assert nbxfer.desk.downloads[0][2]["auth"] == ("me", canary("password"))
    assert canary("password") not in result.output


def test_nobody_to_ask_for_a_password(nbxfer: Terminal) -> None:
    """Where there is no terminal, --user is refused with the other ways, before anything moves."""
    result = nbxfer("get", URL, "--user", "me")
    assert (result.exit_code, nbxfer.desk.downloads) == (2, [])
    assert result.stderr == (
        "nbxfer: There is no terminal here in which the password could be asked for. Give --netrc, or --header @FILE.\n"
    )


@pytest.mark.parametrize(
    ("args", "seen"),
    [
        ([URL, "--header", "Authorization: Bearer {}"], "the header Authorization"),
        ([URL, "--header", "PRIVATE-TOKEN: {}"], "the header PRIVATE-TOKEN"),
        (["https://me:{}@data.example/x"], "the password in the URL"),
        ([URL, "--proxy", "http://me:{}@proxy:3128"], "the proxy's password"),
        ([URL, "--proxy", "me:{}@proxy:3128"], "the proxy's password"),
        ([URL, "--header", "Accept: */*"], ""),
        (["https://data.example/a:b@c"], ""),
        ([URL, "--proxy", "http://proxy:3128"], ""),
    ],
)
def test_what_others_can_see(nbxfer: Terminal, canary: Callable[[str], str], args: list[str], seen: str) -> None:
    """A secret in the command line works, and one sentence says that others can see it there."""
    result = nbxfer("get", *(arg.format(canary("secret")) for arg in args))
    assert (result.exit_code, canary("secret") in result.output) == (0, False)
    said = [line for line in result.stderr.splitlines() if "others on this machine" in line]
    assert len(said) == bool(seen)
    assert all(f"in this one {seen} is there to be read. " in line for line in said)


@pytest.mark.parametrize(
    "header",
    [
        "Authorization Bearer {}",
        "Authorization=Bearer {}",
        "X-Auth-Token {}",
        "{} x",
        "Authorization Bearer {}:x",
        ": {}",
    ],
)
@pytest.mark.parametrize("in_file", [False, True], ids=["typed", "in a file"])
def test_a_header_without_a_name(
    nbxfer: Terminal, canary: Callable[[str], str], tmp_path: Path, header: str, in_file: bool
) -> None:
    """Of a header whose colon was forgotten nothing is shown: all of it may be the secret. Nothing moves."""
    given = header.format(canary("token"))
    file = tmp_path / "headers"
    file.write_text(given)
    result = nbxfer("get", URL, "--header", f"@{file}" if in_file else given, "-v")
    file.unlink()  # the one place where the secret may be
    assert (result.exit_code, nbxfer.desk.downloads) == (2, [])
    assert "nbxfercanary" not in result.output
    assert canary("token") not in result.output
    assert "A header has no name: it is written NAME: VALUE." in result.stderr


def test_a_secret_is_told_to_one_server(nbxfer: Terminal, tmp_path: Path) -> None:
    """A password or token given for all is refused where the URLs are of several servers: each would learn it."""
    file = tmp_path / "headers"
    file.write_text("X-Api-Key: abc\n")
    other = "https://other.example/b"
    for args in (["--user", "me"], ["--header", f"@{file}"], ["--header", "Cookie: a=b"]):
        result = nbxfer("get", URL, other, *args)
        assert (result.exit_code, nbxfer.desk.downloads) == (2, [])
        assert "would be told to each of them" in result.stderr
    assert nbxfer("get", URL, f"{URL}2", "--header", f"@{file}").exit_code == 0
    assert nbxfer("get", URL, other, "--header", "Accept: */*", "--netrc").exit_code == 0


def test_the_password_is_not_seen(tmp_path: Path) -> None:
    """In a real terminal the password is asked for and does not appear on the screen."""
    typed = "hush"
    program = (
        "from nbxfer.faces.cli.desk import ask_secret\n"
        f"print('right' if ask_secret('Password of me: ') == {typed!r} else 'wrong')\n"
    )
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    screen = b""
    while b": " not in screen:
        screen += os.read(master, 1000)
    os.write(master, typed.encode() + b"\n")
    while b"right" not in screen and b"wrong" not in screen:
        screen += os.read(master, 1000)
    process.wait(20)
    os.close(master)
    assert b"right" in screen
    assert typed.encode() not in screen


def test_get_fails(nbxfer: Terminal) -> None:
    """A failure is one sentence with what to do, and exit code 1."""
    nbxfer.desk.answer = ends(snapshot("3f2a9c1b77", "running"), snapshot("3f2a9c1b77", "failed", fault=GONE))
    result = nbxfer("get", URL, "-q")
    assert (result.exit_code, result.stdout) == (1, "")
    sentence = "nbxfer: The server says that there is nothing (404). To try again: nbxfer retry 3f2a9c1b\n"
    assert result.stderr == sentence


def test_get_some_fail(nbxfer: Terminal) -> None:
    """When some of several fail, or are refused, the others arrive, and the exit code is 4; all failed is 1."""

    def answer(url: str, *_: Any) -> list[Snapshot]:
        if url.endswith("refused"):
            raise errors.DestinationExists("There is a file already.", hint="Give if_exists='skip' or another.")
        if url.endswith("gone"):
            return [snapshot("bbbbbbbb", "failed", fault=GONE, destination="/home/you/gone")]
        return [snapshot("aaaaaaaa", "done", total=5)]

    nbxfer.desk.answer = answer
    result = nbxfer("get", URL, f"{URL}?key=refused", f"{URL}/gone", "-q")
    assert (result.exit_code, result.stdout) == (4, "/home/you/data.tar.gz\n")
    assert result.stderr.splitlines() == [
        "nbxfer: data.tar.gz (000002): There is a file already. Give --if-exists skip or another.",
        "nbxfer: gone (bbbbbbbb): The server says that there is nothing (404). To try again: nbxfer retry bbbbbbbb",
    ]
    assert nbxfer("get", f"{URL}/refused", f"{URL}/gone", "-q").exit_code == 1


@pytest.mark.parametrize(
    "args",
    [
        ["get"],
        ["get", URL, "-q", "-v"],
        ["get", URL, URL + "2", "--checksum", "sha256:00"],
        ["get", URL, "--if-exists", "perhaps"],
        ["get", URL, "--header", "@/nowhere/at/all"],
        ["get", URL, "--frobnicate", "1"],
        ["get", URL, "-x", "many"],
        ["get", URL, "--deadline", "soon"],
        ["get", URL, "--priority", "highest"],
        ["get", URL, "--user", "me:secret"],
        ["get", URL, "--user", "me", "--netrc"],
        ["get", URL, "--proxy", "http://p", "--no-proxy"],
        ["get", URL, "--insecure", "--cacert", "x"],
        ["get", URL, "--key", "x"],
        ["get", URL, URL + "2", "--name", "x"],
        ["get", "-i", "/nowhere/at/all"],
        ["adopt", "part"],
        ["explain"],
        ["clean", "--older-than", "long"],
        ["clean", "--older-than", "30"],
        ["pause"],
        ["pause", "3f2a", "--all"],
        ["resume", "--all", "-q", "-v"],
        ["frobnicate"],
    ],
    ids=" ".join,
)
def test_usage(nbxfer: Terminal, args: list[str]) -> None:
    """What cannot be meant is refused with exit code 2 and a sentence, before anything moves."""
    result = nbxfer(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr) > 20
    assert nbxfer.desk.downloads == nbxfer.desk.asked == []


def test_what_the_session_refuses(nbxfer: Terminal) -> None:
    """A wrong request is usage (2), an error that no request could have avoided is not (1)."""
    for error, code in ((errors.InvalidRequest, 2), (errors.AccessDenied, 1), (errors.NeedsAttention, 3)):
        nbxfer.desk.answer = _raiser(error("It cannot be.", hint="Do else."))
        result = nbxfer("get", URL)
        assert (result.exit_code, result.stderr) == (code, "nbxfer: It cannot be. Do else.\n")


def _raiser(error: BaseException) -> Callable[..., Any]:
    def answer(*_: Any) -> Any:
        raise error

    return answer


def test_get_json(nbxfer: Terminal) -> None:
    """With --json there is one object a line on standard output, and nothing else; sentences go to standard error."""

    def answer(url: str, *_: Any) -> list[Snapshot]:
        if url == URL:
            raise errors.AccessDenied("No.")
        op_id, good = url[-1] * 8, url.endswith("a")
        return [snapshot(op_id), snapshot(op_id, "done" if good else "failed", total=5, fault=None if good else GONE)]

    nbxfer.desk.answer = answer
    result = nbxfer("get", URL, f"{URL}b", f"{URL}a", "--json")
    assert result.exit_code == 4
    path = "/home/you/data.tar.gz"
    assert sorted(rows(result), key=lambda row: row["id"][0], reverse=True) == [
        {"id": "bbbbbbbb", "status": "ERROR", "received": 0, "total": 5, "path": path, "error": GONE.message},
        {"id": "aaaaaaaa", "status": "COMPLETED", "received": 5, "total": 5, "path": path, "error": None},
        {"id": "000001", "status": "ERROR", "received": 0, "total": None, "path": path, "error": "No."},
    ]
    assert "(404)" in result.stderr


def test_get_no_wait(nbxfer: Terminal) -> None:
    """With --no-wait it is noted down, not started, and the id says how to go on."""
    result = nbxfer("--home", "/a b", "get", URL, "-n")
    assert (result.exit_code, result.stdout) == (0, "000001\n")
    assert result.stderr == "nbxfer: data.tar.gz is noted down. To start it: nbxfer --home '/a b' resume 000001\n"
    assert nbxfer.desk.downloads[0][2]["start"] is False
    assert nbxfer.homes == [Path("/a b")]


def test_no_wait_joins(nbxfer: Terminal) -> None:
    """With --no-wait, a download that another process runs is left to it."""
    nbxfer.desk.answer = ends(snapshot("aaaaaaaa", "running", owner="theirs"))
    result = nbxfer("get", URL, "-n")
    assert result.stderr == "nbxfer: data.tar.gz: running: in another process. Another process runs it.\n"


def test_nobody_looks(nbxfer: Terminal) -> None:
    """Where nobody looks, what waits for a person is left after a while, with exit code 3 and the way out."""
    nbxfer.desk.patience = 0.0
    nbxfer.desk.answer = ends(snapshot("3f2a9c1b77", "paused", fault=LOCKED))
    result = nbxfer("get", URL, "--json")
    assert (result.exit_code, rows(result)[0]["status"]) == (3, "PAUSED_RECOVERABLE_WEB_ERROR")
    assert result.stderr.splitlines()[-1] == (
        "nbxfer: data.tar.gz: needs you: It needs credentials again: auth. "
        "Go on with: nbxfer resume 3f2a9c1b --header @FILE. Nobody looks here, so it is left."
    )
    nbxfer.desk.answer = ends(snapshot("3f2a9c1b77", "paused"))
    assert nbxfer("get", URL, "-q").stderr == (
        "nbxfer: data.tar.gz: paused by you. Nobody looks here, so it is left. To go on: nbxfer resume 3f2a9c1b\n"
    )
    nbxfer.desk.show(snapshot("3f2a9c1b77", "paused", fault=LOCKED))
    assert "Go on with: nbxfer resume 3f2a9c1b --header @FILE." in nbxfer("ls").stdout


def test_somebody_looks(nbxfer: Terminal) -> None:
    """Where somebody looks, what waits for a person is waited for."""
    nbxfer.desk.answer = ends(
        *[snapshot("aaaaaaaa", "paused", fault=LOCKED)] * 5, snapshot("aaaaaaaa", "done", total=5)
    )
    assert nbxfer("get", URL).exit_code == 0


def test_canceled_elsewhere(nbxfer: Terminal) -> None:
    """A download that somebody cancels from elsewhere ends with a sentence and exit code 1."""
    nbxfer.desk.answer = ends(snapshot("aaaaaaaa"), snapshot("aaaaaaaa", "canceled"))
    result = nbxfer("get", URL, "-q")
    assert (result.exit_code, result.stderr) == (1, "nbxfer: data.tar.gz was canceled.\n")


def test_the_owner_dies(nbxfer: Terminal) -> None:
    """When the process that runs what we wait for dies, we go on with it."""
    nbxfer.desk.answer = ends(
        snapshot("aaaaaaaa", owner="orphaned"), snapshot("aaaaaaaa"), snapshot("aaaaaaaa", "done", total=5)
    )
    assert nbxfer("get", URL).exit_code == 0
    assert nbxfer.desk.asked == [("aaaaaaaa", "resume", {})]
    assert nbxfer.desk.attended == ["aaaaaaaa"]


def test_the_owner_is_asked_how_it_goes(nbxfer: Terminal) -> None:
    """What another process runs is looked at while we wait, and its end is ours."""
    theirs = snapshot("aaaaaaaa", owner="theirs")
    nbxfer.desk.answer = ends(theirs, theirs, snapshot("aaaaaaaa", "done", owner="theirs", total=5))
    assert nbxfer("get", URL, "-q").stdout == "/home/you/data.tar.gz\n"
    assert nbxfer.desk.refreshed == 1


def test_log_lines_come_from_the_waiting_thread(nbxfer: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged is shown, cleaned: warnings always, the rest with --verbose, nothing but errors with --quiet."""
    log = logging.getLogger("nbxfer.engine")

    def answer(*_: object) -> list[Snapshot]:
        log.debug("detail")
        log.warning("odd\x1b[2J", extra={"op_id": "aaaaaaaa11"})
        log.error("bad")
        return [snapshot("aaaaaaaa11", "done", total=5)]

    nbxfer.desk.answer = answer
    seen = {}
    for option in ("--json", "--verbose", "--quiet"):
        lines = nbxfer("get", URL, option).stderr.splitlines()
        seen[option] = [line for line in lines if "done" not in line]
    odd, bad = "nbxfer: [aaaaaaaa] warning: odd\ufffd[2J", "nbxfer: error: bad"
    assert seen == {"--json": [odd, bad], "--verbose": ["nbxfer: detail", odd, bad], "--quiet": [bad]}
    assert logging.getLogger("nbxfer").level == logging.NOTSET


def test_the_list_line_of_what_failed(listed: Callable[..., tuple[Result, Any]], nbxfer: Terminal) -> None:
    """What failed of a list is told with its id and line, and how many they were comes last."""

    def answer(url: str, *_: Any) -> list[Snapshot]:
        bad = url.endswith("2")
        return [snapshot(url[-1] * 8, "failed" if bad else "done", url=url, fault=GONE if bad else None, total=5)]

    nbxfer.desk.answer = answer
    result = listed(f"# mine\n{URL}1\n{URL}2\n")[0]
    assert result.exit_code == 4
    assert "(22222222, line 3): The server says" in result.stderr.splitlines()[-2]
    assert result.stderr.splitlines()[-1] == "nbxfer: 1 of 2 done, 1 failed; 5 B"
    nbxfer.desk.answer = lambda url, *_: [snapshot(url[-1] * 8, "failed", url=URL, fault=GONE)]
    assert ", line " not in listed(f"{URL}?token=1\ta\n{URL}?token=2\tb\n")[0].stderr


def test_what_keeps_it_waiting(nbxfer: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no bar, what keeps a download waiting is said soon, once, and not with --quiet."""
    monkeypatch.setattr("nbxfer.faces.cli.stay.SAY_AFTER", 0.0)
    stalled = snapshot("aaaaaaaa", "stalled", fault=Fault("NetworkUnavailable", "The connection was refused."))
    nbxfer.desk.answer = ends(*[stalled] * 4, snapshot("aaaaaaaa", "done", total=5))
    lines = [line for line in nbxfer("get", URL).stderr.splitlines() if "refused" in line]
    assert lines == ["nbxfer: data.tar.gz: will try again: The connection was refused."]
    assert nbxfer("get", URL, "-q").stderr == ""


def test_what_was_there(nbxfer: Terminal) -> None:
    """A file that was there already is not told as if it had come just now."""
    story = (Entry(1.0, "unchanged"),)
    nbxfer.desk.answer = ends(snapshot("aaaaaaaa"), snapshot("aaaaaaaa", "done", total=30_000_000, story=story))
    last = nbxfer("get", URL).stderr.splitlines()[-1]
    assert last.endswith("30.0 MB, done: it was there already, nothing fetched")
    assert " in 0" not in last


def test_words_of_other_programs(nbxfer: Terminal) -> None:
    """A command by another program's name, or one that would set something, is answered with what there is here."""
    assert "Did you mean: nbxfer ls" in nbxfer("status").stderr
    result = nbxfer("config", "set", "connections", "4")
    assert (result.exit_code, "config only shows" in result.stderr, "config.toml" in result.stderr) == (2, True, True)


def test_canceled_already(nbxfer: Terminal) -> None:
    """What was canceled by a process that has left is found in the history: it is over already."""
    nbxfer.desk.ended = [snapshot("aaaaaaaa11", "canceled")]
    result = nbxfer("cancel", "aaaa")
    assert (result.exit_code, "data.tar.gz (aaaaaaaa) is canceled already." in result.stderr) == (1, True)


# -- being interrupted -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("interrupt", "signum"),
    [(KeyboardInterrupt(), signal.SIGINT), (Interrupted(signal.SIGTERM), signal.SIGTERM)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_interrupted(nbxfer: Terminal, interrupt: BaseException, signum: int) -> None:
    """An interruption saves, says in one line how to go on, and dies by the signal."""
    nbxfer.desk.answer = ends(snapshot("3f2a9c1b77"), interrupt)
    result = nbxfer("--home", "/h", "get", URL, "-q")
    assert (nbxfer.signals, nbxfer.desk.closed, result.exit_code) == ([signum], 1, 128 + signum)
    went_on = "nbxfer: interrupted; what has come is saved. To go on: nbxfer --home /h resume 3f2a9c1b\n"
    assert result.stderr == went_on


def test_interrupted_with_many(nbxfer: Terminal) -> None:
    """With more than three unfinished, the way on is --all; what another process runs needs none."""
    nbxfer.desk.answer = lambda url, *_: [snapshot(url[-1] * 8), KeyboardInterrupt()]
    assert "nbxfer resume --all" in nbxfer("get", *[f"{URL}{i}" for i in range(5)], "-q").stderr
    nbxfer.desk.answer = ends(snapshot("aaaaaaaa", owner="theirs"), KeyboardInterrupt())
    result = nbxfer("get", URL, "-q")
    assert result.stderr == "nbxfer: left; another process goes on with it. To look: nbxfer watch\n"


def test_interrupted_early(nbxfer: Terminal) -> None:
    """Interrupted before anything was accepted, there is nothing to go on with."""
    nbxfer.desk.answer = _raiser(KeyboardInterrupt())
    assert nbxfer("get", URL).stderr == "nbxfer: interrupted.\n"
    assert nbxfer.signals == [signal.SIGINT]


def test_signals() -> None:
    """The first signal raises; one that comes while that unwinds is passed over, a late one would kill."""
    now = [0.0]
    signals = Signals(lambda: now[0])
    with pytest.raises(Interrupted):
        signals.heed(signal.SIGTERM, None)
    now[0] = 1.0
    signals.heed(signal.SIGINT, None)
    assert signals.first == signal.SIGTERM


def test_what_a_signal_broke(nbxfer: Terminal) -> None:
    """Whatever error a signal ends in, it is told as the interruption that it is."""

    def answer(*_: Any) -> Any:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        raise RuntimeError("cannot release un-acquired lock")

    nbxfer.desk.answer = answer
    result = nbxfer("get", URL)
    assert (result.exit_code, result.stderr, nbxfer.signals) == (143, "nbxfer: interrupted.\n", [signal.SIGTERM])


# -- adopt, clean, explain -------------------------------------------------------------------------------------------
def test_adopt(nbxfer: Terminal) -> None:
    """What another program began is handed over with its options, and stayed with until it is done."""
    result = nbxfer("adopt", "x.part", URL, "-o", "data/", "--move", "--checksum", "sha256:00", "--header", "Accept: a")
    assert (result.exit_code, result.stdout) == (0, "data/\n")
    options = {"checksum": "sha256:00", "headers": ["Accept: a"]}
    assert nbxfer.desk.adopted == [("x.part", URL, "data/", True, options)]


class Lying(NamedTuple):
    """Something left over."""

    kind: str = "part"
    name: str = ".a.csv.3f2a.1.part"
    size: int = 1_500_000
    why: str = "its download was canceled"


@pytest.mark.parametrize(("agrees", "rest"), [(True, 0), (False, 2)])
def test_clean(nbxfer: Terminal, agrees: bool, rest: int) -> None:
    """What lies about is listed, with how much it is; only what a person agrees to is removed."""
    nbxfer.desk.lying = [Lying(), Lying("note", EVIL, 0, EVIL)]
    asked: list[str] = []

    def agree(question: str) -> bool:
        asked.append(question)
        return agrees

    call = Call(lambda _: nbxfer.desk, agree=agree)
    result = CliRunner().invoke(main, ["clean", "--older-than", "2d"], obj=call)
    assert (result.exit_code, asked) == (0, ["Remove these 2 (1.5 MB)?"])
    assert result.stdout.splitlines()[0] == "part  1.5 MB  .a.csv.3f2a.1.part: its download was canceled"
    assert "\x1b" not in result.output
    assert len(nbxfer.desk.lying) == rest
    assert set(nbxfer.desk.ages) == {172_800.0}
    assert result.stderr == ("nbxfer: 2 removed, 1.5 MB freed.\n" if agrees else "nbxfer: nothing was removed.\n")


def test_clean_where_nobody_looks(nbxfer: Terminal) -> None:
    """Where nobody can be asked, nothing is removed without --yes; with it nobody is asked."""
    nbxfer.desk.lying = [Lying()]
    result = nbxfer("clean", "--json")
    row = {"kind": "part", "name": ".a.csv.3f2a.1.part", "size": 1_500_000, "why": "its download was canceled"}
    assert (result.exit_code, rows(result)) == (2, [row])
    assert result.stderr == "nbxfer: Nobody can be asked here, so nothing was done. Give --yes.\n"
    assert len(nbxfer.desk.lying) == 1
    assert nbxfer("clean", "--yes").exit_code == 0
    assert nbxfer.desk.lying == []
    assert nbxfer("clean").stderr == "nbxfer: nothing is left over.\n"


def test_clean_leaves_what_it_does_not_know(nbxfer: Terminal) -> None:
    """A part that no transfer of this home knows is listed, and nobody is asked to remove it."""
    nbxfer.desk.lying = [Lying("unknown part")]
    result = nbxfer("clean", "--yes")
    assert (result.exit_code, len(nbxfer.desk.lying)) == (0, 1)
    assert result.stderr == (
        "nbxfer: an unknown part may be of another home: it is left, unless you remove it yourself.\n"
    )


def test_explain(nbxfer: Terminal) -> None:
    """The story of an operation is told, also of one that ended in a process that has left."""
    nbxfer.desk.show(snapshot("aaaaaaaa11", "paused", fault=LOCKED, name=EVIL))
    nbxfer.desk.ended = [snapshot("bbbbbbbb22", "done", total=5)]
    result = nbxfer("explain", "aa", "bb")
    assert result.exit_code == 0
    assert "Go on with: nbxfer resume aaaaaaaa --header @FILE." in result.stdout.splitlines()[0]
    assert "data.tar.gz (bbbbbbbb22): done: no checksum known." in result.stdout
    assert "\x1b" not in result.output
    assert nbxfer("explain", "cc").exit_code == 2


# -- ls ------------------------------------------------------------------------------------------------------------
def test_ls(nbxfer: Terminal) -> None:
    """Everything unfinished is listed, whoever runs it; what is done only with --all."""
    nbxfer.desk.show(
        snapshot("aaaaaaaa11", received=1_234, total=10_000, owner="theirs"),
        snapshot("bbbbbbbb22", "failed", fault=GONE),
        snapshot("cccccccc33", "done", total=5),
    )
    assert nbxfer("ls").stdout.splitlines() == [
        "ID        FILE         SIZE                  STATE",
        "aaaaaaaa  data.tar.gz  1.2 of 10.0 kB  12 %  running: in another process",
        "bbbbbbbb  data.tar.gz  ?                     failed: The server says that there is nothing (404).",
    ]
    assert [row["id"] for row in rows(nbxfer("ls", "--all", "--json"))] == ["aaaaaaaa11", "bbbbbbbb22", "cccccccc33"]


def test_ls_of_nothing(nbxfer: Terminal) -> None:
    """An empty list is a sentence for people and no line for programs."""
    result = nbxfer("ls")
    assert (result.stdout, result.stderr[:30]) == ("", "nbxfer: nothing is unfinished.")
    assert nbxfer("ls", "--json").stdout == ""
    assert nbxfer("ls", "--all").stderr == "nbxfer: nothing is here.\n"


def test_ls_shows_what_ended_elsewhere(nbxfer: Terminal) -> None:
    """With --all there is also what ended lately in processes that have left, each once, in the order of its making."""
    nbxfer.desk.show(snapshot("cccccccc", "running", created=3.0), snapshot("bbbbbbbb", "done", total=5, created=2.0))
    nbxfer.desk.ended = [
        snapshot("bbbbbbbb", "done", total=5, created=2.0), snapshot("aaaaaaaa", "canceled", created=1.0)
    ]  # fmt: skip
    assert [row["id"] for row in rows(nbxfer("ls", "--all", "--json"))] == ["aaaaaaaa", "bbbbbbbb", "cccccccc"]
    assert [row["id"] for row in rows(nbxfer("ls", "--json"))] == ["cccccccc"]


def test_ls_of_many_that_failed(nbxfer: Terminal) -> None:
    """Of what failed the latest are listed, and how many more there are; all of them with --all, and for programs."""
    failed = [snapshot(f"{n:08x}", "failed", fault=GONE, changed=float(n % 10)) for n in range(10)]
    nbxfer.desk.show(*failed, snapshot("ffffffff"))
    result = nbxfer("ls")
    assert [line[:8] for line in result.stdout.splitlines()[1:]] == [f"{n:08x}" for n in range(5, 10)] + ["ffffffff"]
    assert result.stderr == "nbxfer: 5 more failed earlier. To see them: nbxfer ls --all\n"
    assert len(nbxfer("ls", "--all").stdout.splitlines()) == 12
    assert len(rows(nbxfer("ls", "--json"))) == 11


def test_ls_keeps_the_advice(nbxfer: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow screen the advice goes on below instead of being cut."""
    monkeypatch.setattr("nbxfer.faces.cli.look._columns", lambda: 60)
    nbxfer.desk.show(snapshot("3f2a9c1b77", "paused", fault=LOCKED, received=5, total=10))
    text = nbxfer("ls").stdout
    assert max(map(len, text.splitlines())) <= 60
    assert "Go on with: nbxfer resume 3f2a9c1b --header @FILE." in " ".join(text.split())


def test_a_home_that_is_not_there(nbxfer: Terminal, tmp_path: Path) -> None:
    """Where the home is not there, as after a slip of the fingers, that is said instead of that all is done."""
    nbxfer.desk.home = tmp_path / "typo"
    said = f"nbxfer: nothing is remembered in {tmp_path}/typo: it is not there.\n"
    for words in (["ls"], ["ls", "--all"], ["resume", "--all"], ["clean"]):
        assert nbxfer("--home", f"{tmp_path}/typo", *words).stderr == said


def test_nobody_answers(nbxfer: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked of a process that does not answer has not happened: 1; where some answered, 4; to go on, 3."""
    monkeypatch.setattr("nbxfer.faces.cli.steer.ANSWER_WITHIN", 0.0)
    nbxfer.desk.show(snapshot("aaaaaaaa", owner="theirs"))
    result = nbxfer("pause", "--all")
    assert (result.exit_code, nbxfer.desk.asked) == (1, [("aaaaaaaa", "pause", {})])
    assert "aaaaaaaa: asked; its process has not answered yet." in result.stderr
    nbxfer.desk.show(snapshot("bbbbbbbb", "pausing", owner="theirs"))
    nbxfer.desk.on_ask["cccccccc"] = snapshot("cccccccc", "paused", owner="theirs")
    nbxfer.desk.show(snapshot("cccccccc", owner="theirs"))
    assert nbxfer("pause", "--all").exit_code == 4
    nbxfer.desk.show(snapshot("cccccccc", "paused", owner="theirs"))
    nbxfer.desk.on_ask.clear()
    assert nbxfer("resume", "cccc", "-n").exit_code == 3


# -- pause, cancel ---------------------------------------------------------------------------------------------------
def test_pause(nbxfer: Terminal) -> None:
    """A pause is asked of whoever runs it, and reported when it has happened."""
    nbxfer.desk.show(snapshot("aaaaaaaa11", owner="theirs", received=5, total=10))
    nbxfer.desk.script("aaaaaaaa11", snapshot("aaaaaaaa11", "paused", owner="theirs", received=5, total=10))
    result = nbxfer("pause", "aaaa")
    assert (result.exit_code, result.stdout) == (0, "data.tar.gz: 50 %, 5 of 10 B, paused by you\n")
    assert nbxfer.desk.asked == [("aaaaaaaa11", "pause", {})]


def test_pause_twice(nbxfer: Terminal) -> None:
    """What is paused already is not asked again."""
    nbxfer.desk.show(snapshot("aaaaaaaa11", "paused"))
    result = nbxfer("pause", "aaaa", "--json")
    assert (result.exit_code, rows(result)[0]["status"]) == (0, "PAUSED_BY_APPLICATION")
    assert nbxfer.desk.asked == []


def test_pause_all(nbxfer: Terminal) -> None:
    """--all pauses what runs or waits, and leaves the rest alone."""
    nbxfer.desk.show(*(snapshot(f"{n:08x}", phase, total=5) for n, phase in enumerate(Phase)))
    nbxfer.desk.show(snapshot("ffffffff", owner="orphaned"))
    for n in range(len(Phase)):
        nbxfer.desk.script(f"{n:08x}", snapshot(f"{n:08x}", "paused", total=5))
    assert nbxfer("pause", "--all").exit_code == 0
    asked = [list(Phase)[int(op_id, 16)] for op_id, _, _ in nbxfer.desk.asked]
    assert asked == [Phase.QUEUED, Phase.PROBING, Phase.RUNNING, Phase.STALLED, Phase.VERIFYING]


def test_ids(nbxfer: Terminal) -> None:
    """An id that fits nothing, or two, is a usage error."""
    nbxfer.desk.show(snapshot("aaaaaaaa"), snapshot("aaaabbbb"))
    assert nbxfer("pause", "aaaa").exit_code == 2
    assert nbxfer("pause", "cc").exit_code == 2
    assert nbxfer.desk.asked == []


def test_a_refused_wish(nbxfer: Terminal) -> None:
    """A wish that does not fit is told; the others are carried out, and the exit code is 4."""
    nbxfer.desk.show(snapshot("aaaaaaaa"), snapshot("bbbbbbbb"))
    nbxfer.desk.script("bbbbbbbb", snapshot("bbbbbbbb", "canceled"))
    nbxfer.desk.refuse["aaaaaaaa", "cancel"] = errors.InvalidTransferState("Too late to cancel.")
    result = nbxfer("cancel", "a", "b", "--keep-part")
    assert (result.exit_code, result.stdout, result.stderr) == (
        4, "data.tar.gz: canceled\n", "nbxfer: Too late to cancel.\n"
    )  # fmt: skip
    assert nbxfer.desk.asked == [("bbbbbbbb", "cancel", {"delete_partial": False})]


def test_cancel_all(nbxfer: Terminal) -> None:
    """--all cancels everything that is not over, interrupted and failed ones included."""
    over = {Phase.DONE, Phase.CANCELED}
    for n, phase in enumerate(Phase):
        nbxfer.desk.show(snapshot(f"{n:08x}", phase, total=5, owner="orphaned" if n % 2 else "theirs"))
        nbxfer.desk.script(f"{n:08x}", snapshot(f"{n:08x}", "canceled"))
    assert nbxfer("cancel", "--all").exit_code == 0
    assert len(nbxfer.desk.asked) == len(Phase) - len(over)


# -- resume, retry ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("phase", "owner", "verb"),
    [
        ("paused", "theirs", "resume"),
        ("pausing", "theirs", "resume"),
        ("created", "orphaned", "start"),
        ("running", "orphaned", "resume"),
        ("stalled", "orphaned", "resume"),
        ("failed", "orphaned", "retry"),
        ("running", "theirs", None),
        ("done", "theirs", None),
    ],
)
def test_resume(nbxfer: Terminal, phase: str, owner: str, verb: str | None) -> None:
    """Resuming does what its state needs, and stays until it is done."""
    nbxfer.desk.show(snapshot("aaaaaaaa", phase, owner=owner, total=5, fault=GONE if phase == "failed" else None))
    nbxfer.desk.script("aaaaaaaa", snapshot("aaaaaaaa", "done", total=5))
    if verb is not None:
        nbxfer.desk.on_ask["aaaaaaaa"] = snapshot("aaaaaaaa", "running")
    result = nbxfer("resume", "aaaa", "-q")
    assert (result.exit_code, result.stdout) == (0, "/home/you/data.tar.gz\n")
    assert [asked[1] for asked in nbxfer.desk.asked] == ([verb] if verb else [])


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_what_is_given_anew(nbxfer: Terminal, canary: Callable[[str], str], tmp_path: Path, verb: str) -> None:
    """What has expired is given anew as it is advised: a URL, headers, a user or netrc, for a single download."""
    file = tmp_path / "token"
    file.write_text(f"Authorization: Bearer {canary('token')}")
    phase = "paused" if verb == "resume" else "failed"
    for args, given in (
        (["--header", f"@{file}"], {"headers": [f"Authorization: Bearer {canary('token')}"]}),
        (["--url", f"{URL}?new", "--netrc"], {"url": f"{URL}?new", "auth": "netrc"}),
        (["--user", "me"], {"auth": ("me", canary("password"))}),
    ):
        nbxfer.desk.show(snapshot("aaaaaaaa", phase, fault=LOCKED))
        nbxfer.desk.on_ask["aaaaaaaa"] = snapshot("aaaaaaaa", "done", total=5)
        call = Call(lambda _: nbxfer.desk, secret=lambda _: canary("password"))
        result = CliRunner().invoke(main, [verb, "aaaa", *args], obj=call, prog_name="nbxfer")
        assert (result.exit_code, "nbxfercanary" in result.output) == (0, False)
        assert nbxfer.desk.asked.pop() == ("aaaaaaaa", verb, given)
    file.unlink()
    for args in (["--all", "--netrc"], ["aaaa", "bbbb", "--url", URL], ["aaaa", "--netrc", "--user", "me"]):
        assert nbxfer(verb, *args).exit_code == 2


def test_interrupted_with_a_secret(nbxfer: Terminal, tmp_path: Path) -> None:
    """Whoever gave a secret, which is kept in memory only, is told to give it again."""
    (tmp_path / "token").write_text("X-Api-Key: abc")
    nbxfer.desk.answer = ends(snapshot("3f2a9c1b77"), KeyboardInterrupt())
    result = nbxfer("get", URL, "-q", "--header", f"@{tmp_path / 'token'}")
    assert result.stderr.endswith("To go on: nbxfer resume 3f2a9c1b --header @FILE\n")


def test_resume_all(nbxfer: Terminal) -> None:
    """--all goes on with what is paused, interrupted or not started; not with what failed, runs, or is over."""
    nbxfer.desk.show(
        snapshot("00000001", "paused"),
        snapshot("00000002", "running", owner="orphaned"),
        snapshot("00000003", "created", owner="orphaned"),
        snapshot("00000004", "failed", fault=GONE),
        snapshot("00000005", "running", owner="theirs"),
        snapshot("00000006", "done", total=5),
    )
    for op_id in ("00000001", "00000002", "00000003"):
        nbxfer.desk.on_ask[op_id] = snapshot(op_id, "done", total=5)
    assert nbxfer("resume", "--all").exit_code == 0
    assert [f"{op_id[-1]} {verb}" for op_id, verb, _ in nbxfer.desk.asked] == ["1 resume", "2 resume", "3 start"]


def test_resume_all_of_nothing(nbxfer: Terminal) -> None:
    """When there is nothing to go on with, that is no failure."""
    result = nbxfer("resume", "--all")
    assert (result.exit_code, result.stderr) == (0, "nbxfer: nothing here is paused or interrupted.\n")


def test_resume_of_a_canceled_one(nbxfer: Terminal) -> None:
    """What is canceled cannot go on, and the session says why."""
    nbxfer.desk.show(snapshot("aaaaaaaa", "canceled"))
    nbxfer.desk.refuse["aaaaaaaa", "resume"] = errors.InvalidTransferState("It is canceled.")
    result = nbxfer("resume", "aaaa")
    assert (result.exit_code, result.stderr) == (1, "nbxfer: It is canceled.\n")


def test_resume_no_wait(nbxfer: Terminal) -> None:
    """Without staying, only what a living process runs can go on: nobody would run the rest (exit code 3)."""
    nbxfer.desk.show(snapshot("aaaaaaaa", "paused", owner="theirs"), snapshot("bbbbbbbb", "paused", owner="orphaned"))
    nbxfer.desk.on_ask["aaaaaaaa"] = snapshot("aaaaaaaa", "running", owner="theirs")
    result = nbxfer("resume", "--all", "-n")
    assert (result.exit_code, nbxfer.desk.asked) == (3, [("aaaaaaaa", "resume", {})])
    assert "bbbbbbbb: no living process runs it" in result.stderr


def test_retry(nbxfer: Terminal) -> None:
    """Retrying is for what failed; of anything else it says what fits."""
    nbxfer.desk.show(snapshot("aaaaaaaa", "failed", fault=GONE), snapshot("bbbbbbbb", "paused"))
    nbxfer.desk.on_ask["aaaaaaaa"] = snapshot("aaaaaaaa", "done", total=5)
    assert nbxfer("retry", "--all").exit_code == 0
    assert nbxfer.desk.asked == [("aaaaaaaa", "retry", {})]
    result = nbxfer("retry", "bbbb")
    assert (result.exit_code, result.stderr) == (
        1, "nbxfer: data.tar.gz has not failed: it is paused. nbxfer resume bbbbbbbb goes on with it.\n"
    )  # fmt: skip


# -- watch ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, nbxfer: Terminal) -> None:
    """Let a second of watching be one step of every script."""
    monkeypatch.setattr("nbxfer.faces.cli.watch.time.sleep", lambda _: nbxfer.desk.refresh())


def test_watch(nbxfer: Terminal, quick: None) -> None:
    """Where there is no screen, watching prints a line whenever a state changes, and ends when all are over."""
    nbxfer.desk.show(snapshot("aaaaaaaa11", received=1, total=10), snapshot("bbbbbbbb22", "done", total=5))
    nbxfer.desk.script(
        "aaaaaaaa11",
        snapshot("aaaaaaaa11", received=5, total=10),
        snapshot("aaaaaaaa11", "verifying", received=10, total=10),
        snapshot("aaaaaaaa11", "done", total=10),
    )
    result = nbxfer("watch")
    assert (result.exit_code, result.stderr) == (0, "nbxfer: all are over.\n")
    assert result.stdout.splitlines() == [
        "aaaaaaaa  data.tar.gz: 10 %, 1 of 10 B, running",
        "aaaaaaaa  data.tar.gz: 100 %, 10 B, checking what has arrived",
        "aaaaaaaa  data.tar.gz: 10 B, done: no checksum known",
    ]


def test_watched_speed(nbxfer: Terminal, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process runs shows a speed, too: the one that is seen from look to look."""
    monkeypatch.setenv("COLUMNS", "120")
    clock = iter(range(100))
    monkeypatch.setattr("nbxfer.faces.cli.watch.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("nbxfer.faces.cli.watch._is_screen", lambda: True)
    nbxfer.desk.show(snapshot("aaaaaaaa11", owner="theirs", received=0, total=10_000))
    nbxfer.desk.script(
        "aaaaaaaa11",
        *(snapshot("aaaaaaaa11", owner="theirs", received=n * 1_000, total=10_000) for n in (1, 2, 3)),
        snapshot("aaaaaaaa11", "done", owner="theirs", total=10_000),
    )
    shown = [line.rstrip() for line in nbxfer("watch").stdout.splitlines() if line.startswith("aaaaaaaa")]
    assert [line.split("%  ")[1] for line in shown] == [
        "running: in another process",
        "1.0 kB/s, 9 s left, in another process",
        "1.0 kB/s, 8 s left, in another process",
        "1.0 kB/s, 7 s left, in another process",
        "done: no checksum known",
    ]


def test_watch_what_nobody_runs(nbxfer: Terminal, quick: None) -> None:
    """What no process runs will not change: watching ends, and says how to go on."""
    nbxfer.desk.show(snapshot("aaaaaaaa11", owner="orphaned"))
    result = nbxfer("watch")
    assert result.stderr == "nbxfer: 1 unfinished, and no process runs it. To go on: nbxfer resume --all\n"


def test_leave_watching(nbxfer: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is how one leaves: exit code 0, and nothing was asked."""
    nbxfer.desk.show(snapshot("aaaaaaaa11"))

    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nbxfer.faces.cli.watch.time.sleep", sleep)
    assert (nbxfer("watch").exit_code, nbxfer.signals, nbxfer.desk.asked) == (0, [], [])


# -- config, demo, version -------------------------------------------------------------------------------------------
def test_config(nbxfer: Terminal, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Each setting says what it is and where it was set; what means nothing is pointed out."""
    monkeypatch.setenv("NBXFER_PROGRES", "off")
    result = nbxfer("config", "--json")
    settings = {row["name"]: (row["value"], row["origin"]) for row in rows(result)}
    assert settings["home"] == (str(home), "NBXFER_HOME")
    assert settings["progress"] == ("auto", "default")
    assert result.stderr == "nbxfer: NBXFER_PROGRES means nothing to this version; is it misspelt?\n"
    assert (settings["bandwidth"], settings["offline"]) == ((None, "default"), (False, "default"))
    monkeypatch.setenv("NBXFER_BANDWIDTH", "5 MB/s")
    table = [line.split() for line in nbxfer("--home", "/else/where", "config").stdout.splitlines()]
    told = {words[0]: " ".join(words[1:3]) for words in table}
    assert told["home"] == "/else/where (argument)"
    assert told["bandwidth"] == "5.0 MB/s"
    assert told["offline"] == "no (default)"


def test_demo(nbxfer: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo is found by its name when it is asked for, and given the URL."""
    asked: list[str | None] = []

    def resolve(name: str) -> Callable[[str | None], None]:
        asked.append(name)
        return asked.append

    monkeypatch.setattr("pkgutil.resolve_name", resolve)
    assert nbxfer("demo", URL).exit_code == 0
    assert asked == ["nbxfer.demo.play:main", URL]


def test_version(nbxfer: Terminal) -> None:
    """--version names the program, its version and Python's."""
    result = nbxfer("--version")
    assert result.stdout.startswith("nbxfer ")
    assert f"Python {sys.version.split()[0]}" in result.stdout


# -- what may never happen -------------------------------------------------------------------------------------------
def test_a_bug(nbxfer: Terminal) -> None:
    """A fault of our own is a sentence that says where, not what: the text of a foreign error may hold a secret."""
    nbxfer.desk.answer = _raiser(ValueError("https://user:hunter2@host"))
    result = nbxfer("get", URL, "-v")
    assert result.exit_code == 1
    assert "nbxfer: stopped by a fault of its own: ValueError in test_cli.py" in result.stderr
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


def test_hostile_texts(nbxfer: Terminal) -> None:
    """Names, reasons and hints from outside cannot steer the terminal of whoever lists, watches or downloads."""
    fault = Fault("BadAnswer", EVIL, hint=EVIL)
    end = snapshot("aaaaaaaa", "failed", fault=fault, destination=f"/x/{EVIL}", name=EVIL)
    nbxfer.desk.answer = ends(end)
    outputs = [nbxfer("get", URL, "-v").output, nbxfer("ls").output, nbxfer("ls", "--json").output]
    nbxfer.desk.answer = _raiser(errors.AccessDenied(EVIL, hint=EVIL))
    outputs += [nbxfer("get", URL).output, nbxfer("get", URL, URL + EVIL).output]
    assert not [text for text in outputs if "\x1b" in text or "\u202e" in text]


def test_a_path_for_a_program(nbxfer: Terminal) -> None:
    """A path is given to a program byte for byte, whatever is in it."""
    path = "/x/\udcffname\nwith breaks"
    done = snapshot("aaaaaaaa", "done", published=Published(path, 5, 0))
    nbxfer.desk.answer = ends(done)
    assert nbxfer("get", URL).stdout_bytes == b"/x/\xffname\nwith breaks\n"


def test_secrets_stay_where_they_are(nbxfer: Terminal, canary: Callable[[str], str]) -> None:
    """What is typed as a secret is in no output, whatever happens."""
    url = f"https://user:{canary('password')}@data.example/a?token={canary('token')}"
    nbxfer.desk.answer = _raiser(errors.AccessDenied("It is refused."))
    same = "https://data.example/b"
    result = nbxfer("get", url, same, "--header", f"X-Key: {canary('key')}", "-v", "--json")
    assert "nbxfer: a (000001): It is refused." in result.stderr
    assert "nbxfercanary" not in result.output
    nbxfer.desk.answer = _raiser(errors.InvalidRequest("It cannot be."))
    assert "nbxfercanary" not in nbxfer("get", url, same, "-v").output


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("Give if_exists='overwrite', 'skip' or 'unique'.", "Give --if-exists overwrite, skip or unique."),
        ("Give move=True to go on with this very file.", "Give --move to go on with this very file."),
        ("A text like '5 MB/s'; None is no limit.", "A text like '5 MB/s'."),
        ("deadline=-3.0 is over. Give seconds from now, a timedelta, or a datetime with its zone.",
         "--deadline -3 is over. Give seconds from now."),
        ("dest is an empty text.", "-o is empty."),
        ("Give {url: destination}, so that each has a name of its own.",
         "In a list for -i, put a tab and a name behind the URL, so that each has a name of its own."),
        ("Give {'name': 'value'}, or a cookies.txt.", "Give a cookies.txt."),
        ("Both have to be PEM; give cert=(certificate, key, password), and see.",
         "Both have to be PEM; give --cert CERTIFICATE --key KEY, and see."),
        ("See nbxfer.operations(scope='all').", "See nbxfer ls --all."),
        ("The CA bundle 'x' does not exist. Correct verify=, or leave it out.",
         "The CA bundle 'x' does not exist. Correct --cacert, or leave it out."),
        ("checksum='sha256:12' is not a sha256.", "--checksum sha256:12 is not a sha256."),
        ("timeout=0 would let nothing through.", "--timeout 0 would let nothing through."),
        ("Give credentials with auth=, or correct them.",
         "Give credentials with --user, --netrc or --header @FILE, or correct them."),
        ("Say so with checksum= or expect_size=.", "Say so with --checksum or --expect-size."),
        ("Give a larger max_size.", "Give a larger --max-size."),
        ("max_size='10 gib' is no size.", "--max-size 10 gib is no size."),
        ("bandwidth='5 mb' is no rate. Correct bandwidth=, or leave it out.",
         "--bandwidth 5 mb is no rate. Correct --bandwidth, or leave it out."),
        ("Give proxy=…, or trust_env=False.", "Give --proxy …, or --no-proxy."),
        ("dest='x' and name='y' both name the file.", "-o x and --name y both name the file."),
        ("What has come is kept: retry() goes on from there, without a deadline.",
         "What has come is kept: nbxfer retry goes on from there, without a deadline."),
        ("A redirect into a private network.", "A redirect into a private network."),
    ],
)  # fmt: skip
def test_hints_in_a_terminal(python: str, shell: str) -> None:
    """What notebooks call so is said as one types it in a terminal."""
    assert in_shell(python) == shell


def test_freeze_and_restore(nbxfer: Terminal) -> None:
    """A lock file is written of what is named, and what one lists is fetched like anything else."""
    result = nbxfer("freeze", "-o", "inputs.lock", "--root", "data")
    assert (result.exit_code, result.stdout) == (0, "inputs.lock\n")
    assert nbxfer.desk.frozen == [("inputs.lock", None, "data")]
    result = nbxfer("restore", "inputs.lock", "-o", "there", "--cost-policy", "always")
    assert result.exit_code == 0
    assert nbxfer.desk.restored == [("inputs.lock", "there", {"cost_policy": "always"})]
    assert nbxfer("restore", "--checksum", "sha256:00").exit_code == 2
