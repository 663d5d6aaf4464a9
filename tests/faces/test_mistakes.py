"""What people mistype or try first: answered with a sentence that says what to do, and nothing else."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import nbxfer
from nbxfer.faces.cli import main
from nbxfer.faces.cli.desk import Call
from nbxfer.faces.cli.dialect import in_shell
from nbxfer.testing.session import FakeSession


class Terminal:
    """Runs commands over a front desk, a fake one unless ``real``."""

    def __init__(self, home: Path, *, real: bool = False) -> None:
        self.desk, self.real = FakeSession(home=home), real

    def __call__(self, *args: str) -> Result:
        """Run one command."""
        call = Call() if self.real else Call(lambda _: self.desk, lambda _: None)
        return CliRunner().invoke(main, args, obj=call, prog_name="nbxfer")


@pytest.fixture
def shell(tmp_path: Path) -> Terminal:
    """Give a terminal whose front desk is a fake."""
    return Terminal(tmp_path)


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Give a terminal with a home of its own."""
    monkeypatch.setenv("NBXFER_HOME", str(tmp_path / "home"))
    return Terminal(tmp_path, real=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--port", "99999"), r"99999 is not in the range"),
        (("--size", "x"), r"'x' is no number of bytes: write it like"),
        (("--rate", "-5"), r"'-5' is no number of bytes"),
    ],
    ids=" ".join,
)
def test_demo_server(shell: Terminal, words: tuple[str, ...], said: str) -> None:
    """A number that cannot be meant is refused before anything is served, in words."""
    result = shell("demo-server", *words)
    assert result.exit_code == 2
    assert re.search(said, result.output)
    assert "argument" not in result.output


def test_get_a_path(real: Terminal) -> None:
    """Who gives a path where a URL belongs is told what copies paths."""
    result = real("get", "/tmp/data.bin")
    assert result.exit_code == 2
    assert "is a path of this machine" in result.output
    assert "nbxfer copy takes paths" in result.output


def test_when_and_where_in_line(shell: Terminal) -> None:
    """A group, a time to begin and mirrors reach the session under their names there."""
    url = "https://data.example/a.bin"
    words = ("--group", "g", "--not-before", "60", "--mirror", "https://b.example/a", "--mirror", "https://c.example/a")
    assert shell("get", url, "-q", *words).exit_code == 0
    asked = shell.desk.downloads[0][2]
    assert asked["mirrors"] == ["https://b.example/a", "https://c.example/a"]
    assert (asked["group"], asked["not_before"]) == ("g", 60.0)
    assert shell("get", url, "-q", "--not-before", "2099-12-24T22:00").exit_code == 0
    moment = shell.desk.downloads[1][2]["not_before"]
    assert isinstance(moment, datetime)
    assert moment.utcoffset() is not None
    assert moment.replace(tzinfo=None) == datetime(2099, 12, 24, 22)  # noqa: DTZ001 -- as typed
    assert "is no time: give seconds" in shell("get", url, "--not-before", "tomorrow").output
    assert "--mirror is of one file" in shell("get", url, url + "2", "--mirror", url).output


def test_the_lock_file_says_it(shell: Terminal) -> None:
    """``restore`` offers no option that a lock file answers."""
    listed = shell("restore", "--help").output
    assert "--checksum" not in listed
    assert "--expect-size" not in listed
    assert "--max-size" in listed


def test_freeze_to_a_missing_folder(real: Terminal, tmp_path: Path) -> None:
    """A lock file that could not be written is refused before anything is read, and says what is missing."""
    result = real("freeze", "-o", str(tmp_path / "gone" / "data.lock"))
    assert result.exit_code == 2
    assert f"the folder {tmp_path / 'gone'} is not there. Make it" in result.output


def test_amounts_in_settings(real: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are bytes are shown as people say bytes; one without an end as none."""
    monkeypatch.setenv("NBXFER_MEMORY_MIN", "200 MB")
    monkeypatch.setenv("NBXFER_UPLOAD_BANDWIDTH", "5 MB/s")
    shown = real("config").output
    assert re.search(r"cache_size +10\.7 GB ", shown)
    assert re.search(r"memory_min +200 MB ", shown)
    assert re.search(r"upload_bandwidth +5\.0 MB/s ", shown)
    monkeypatch.setenv("NBXFER_CACHE_SIZE", "none")
    assert re.search(r"cache_size +none ", real("config").output)


def test_stores_at_the_doctor(real: Terminal) -> None:
    """The doctor says of each store whether its package is there."""
    extras = next(line for line in real("doctor").output.splitlines() if line.lstrip().startswith("extras"))
    assert all(name in extras for name in ("s3 (s3fs", "gcs", "azure", "sftp", "hf", "smb", "ntlm"))


def test_nobody_listens(real: Terminal, tmp_path: Path) -> None:
    """A port on which nothing listens is said to be one, with what to look at; the terminal hears its own words."""
    session = nbxfer.Session(home=tmp_path / "home2")
    op = session.download("http://127.0.0.1:9/x", tmp_path, retry=nbxfer.Retry(tries=1, first=1))
    with pytest.raises(nbxfer.NetworkError, match=r"Check the port, and whether the server runs\."):
        op.result(30)
    session.close()
    result = real("get", "http://127.0.0.1:9/x", "-o", str(tmp_path), "--deadline", "0.2")
    assert result.exit_code == 1
    assert "nbxfer retry tries again, without a deadline." in result.output


def test_hints_in_the_words_of_the_terminal() -> None:
    """Options of Python are named as the terminal has them, also inside parentheses."""
    assert in_shell("Give other credentials (auth=, cookies=), or a new URL.") == (
        "Give other credentials (--user, --netrc or --header @FILE, --cookies), or a new URL."
    )
    assert in_shell("Give method=, or another URL.") == "Give another URL."
    assert in_shell("Give storage_options or auth, or set those of the environment.") == (
        "Give --storage-option, or set those of the environment."
    )


def test_a_star_import_leaves_the_builtin() -> None:
    """``from nbxfer import *`` does not take away the builtin that opens files; ``nbxfer.open`` stays."""
    names: dict[str, object] = {}
    exec("from nbxfer import *", names)
    assert names["download"] is nbxfer.download
    assert "open" not in names
    assert "open" in dir(nbxfer)
    assert "session.door" in nbxfer.open.__module__


def test_options_of_a_pooch_downloader() -> None:
    """A downloader with an option that there is not is refused when it is made, not at the first missing file."""
    with pytest.raises(nbxfer.UnknownOption, match="nosuch"):
        nbxfer.pooch_downloader(nosuch=5)
    with pytest.raises(nbxfer.UnknownOption, match="if_exists"):
        nbxfer.pooch_downloader(if_exists="skip")
