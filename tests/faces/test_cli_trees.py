"""Folders and globs from the command line, over the real front desk and a folder of this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nbxfer.faces.cli import main
from nbxfer.faces.cli.desk import Call


def run(*args: str) -> Result:
    """Run one command."""
    return CliRunner().invoke(main, args, obj=Call(), prog_name="nbxfer")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a folder with three files and an empty folder."""
    for name in ("a.nc", "sub/b.nc", "sub/c.tmp"):
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text(name)
    (tmp_path / "source" / "empty").mkdir()
    return tmp_path / "source"


def test_a_dry_run(source: Path, tmp_path: Path) -> None:
    """It says what would be done, and does nothing; 4 says that something would be refused."""
    out = tmp_path / "out"
    result = run("get", "-r", f"file://{source}/", "-o", f"{out}/", "--dry-run", "--exclude", "*.tmp")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"2 files to transfer (12 B): {source} → {out}")
    assert "passed over: an empty folder" in result.stdout
    assert "start()" not in result.stdout
    assert not out.exists()
    out.mkdir()
    (out / "a.nc").write_text("mine")
    result = run("get", "-r", f"file://{source}/", "-o", f"{out}/", "--dry-run", "--json")
    assert result.exit_code == 4
    rows: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(r["source"], r["path"], r["total"], r["verdict"]) for r in rows] == [
        ("a.nc", f"{out}/a.nc", 4, "conflict"),
        ("sub/b.nc", f"{out}/sub/b.nc", 8, "new"),
        ("sub/c.tmp", f"{out}/sub/c.tmp", 9, "new"),
    ]
    assert "nbxfer did not put there" in rows[0]["why"]


def test_a_folder_and_once_more(source: Path, tmp_path: Path) -> None:
    """The paths are the results, also of what was there already; what was passed over is said."""
    command = ("get", "-r", f"file://{source}/", "-o", f"{tmp_path}/out/")
    first = run(*command)
    assert first.exit_code == 0, first.output
    wanted = [f"{tmp_path}/out/{name}" for name in ("a.nc", "sub/b.nc", "sub/c.tmp")]
    assert first.stdout.splitlines() == wanted
    assert "passed over: 1 (an empty folder)" in first.stderr
    again = run(*command)
    assert (again.exit_code, again.stdout.splitlines()) == (0, wanted)
    assert "3 were there already" in again.stderr
    told = run(*command, "--json")
    assert [json.loads(line)["status"] for line in told.stdout.splitlines()] == ["COMPLETED"] * 3


def test_one_refused_keeps_no_other(source: Path, tmp_path: Path) -> None:
    """What is in the way is said, the rest comes, and the code is that of some that failed."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.nc").write_text("mine")
    result = run("get", "--glob", f"file://{source}/**/*.nc", "-o", str(out), "-q")
    assert result.exit_code == 4
    assert result.stdout.splitlines() == [f"{out}/sub/b.nc"]
    assert "a.nc is refused: a file is there" in result.stderr


def test_noted_down(source: Path, tmp_path: Path) -> None:
    """With -n all of it is noted down, and a later resume brings it."""
    noted = run("get", "-r", f"file://{source}/", "-o", f"{tmp_path}/out/", "-n")
    assert noted.exit_code == 0, noted.output
    assert "3 are noted down" in noted.stderr
    assert not (tmp_path / "out" / "a.nc").exists()
    assert run("resume", "--all").exit_code == 0
    assert (tmp_path / "out" / "sub" / "b.nc").read_text() == "sub/b.nc"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["https://h/f", "--dry-run"], "add -r or --glob"),
        (["https://h/f", "--exclude", "x"], "add -r or --glob"),
        (["https://h/f/", "-r"], "nobody can say what is in a folder"),
        (["memory://x/", "-r", "--name", "y"], "--name NAME is of one file"),
    ],
)
def test_what_is_not_meant(args: list[str], words: str) -> None:
    """What makes no sense is refused with a sentence."""
    result = run("get", *args)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_a_folder_goes_up_and_across(source: Path) -> None:
    """Put and copy take trees as get does: planned, sent, and known the next time."""
    import fsspec

    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    dry = run("put", "-r", f"{source}/", "memory://up/", "--dry-run", "--exclude", "*.tmp")
    assert dry.exit_code == 0, dry.output
    assert dry.stdout.startswith(f"2 files to transfer (12 B): {source}")
    assert not fs.store
    sent = run("put", "-r", f"{source}/", "memory://up/", "--exclude", "*.tmp")
    assert sent.exit_code == 0, sent.output
    assert sent.stdout.splitlines() == ["memory://up/a.nc", "memory://up/sub/b.nc"]
    across = run("copy", "-r", "memory://up", "memory://across/")
    assert across.exit_code == 0, across.output
    assert sorted(fs.store) == ["/across/up/a.nc", "/across/up/sub/b.nc", "/up/a.nc", "/up/sub/b.nc"]
    assert fs.cat("/across/up/sub/b.nc") == b"sub/b.nc"
    again = run("put", "-r", f"{source}/", "memory://up/", "--exclude", "*.tmp")
    assert (again.exit_code, again.stdout) == (0, sent.stdout)
    assert "2 were there already" in again.stderr
