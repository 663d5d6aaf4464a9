"""The doctor: each thing that has kept downloads from working is found, and said with what to do."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nbxfer.core.faults import Fault
from nbxfer.faces.cli import main, surroundings
from nbxfer.faces.cli.desk import Call
from nbxfer.session import config
from nbxfer.testing.session import FakeSession, snapshot

Examine = Callable[[], dict[str, list[tuple[str, str, str]]]]


@pytest.fixture
def desk(tmp_path: Path) -> FakeSession:
    """Give a front desk with a home of its own."""
    home = tmp_path / "state"
    home.mkdir(mode=0o700)
    return FakeSession(home=home)


@pytest.fixture
def examine(desk: FakeSession) -> Examine:
    """Give what runs the doctor: (state, text, advice) of every finding, by check."""

    def run() -> dict[str, list[tuple[str, str, str]]]:
        result = CliRunner().invoke(main, ["doctor", "--json"], obj=Call(lambda _: desk), prog_name="nbxfer")
        found: dict[str, list[tuple[str, str, str]]] = {}
        for line in result.stdout.splitlines():
            row: dict[str, Any] = json.loads(line)
            found.setdefault(row["check"], []).append((row["state"], row["text"], row["advice"]))
        problems = any(state == "problem" for rows in found.values() for state, _, _ in rows)
        assert result.exit_code == int(problems), result.output
        return found

    return run


def test_all_well(examine: Examine, desk: FakeSession) -> None:
    """Where all is well there is no problem, and everything was looked at."""
    found = examine()
    assert list(found) == [
        "versions", "settings", "limits", "home", "processes", "downloads", "movers", "network", "clock", "TLS",
        "proxy", "passwords", "extras", "notebook",
    ]  # fmt: skip
    assert {state for rows in found.values() for state, _, _ in rows} <= {"ok", "note"}
    assert list(desk.home.iterdir()) == []
    assert desk.asked == []


def test_for_people(desk: FakeSession) -> None:
    """People see what is wrong at the beginning of a line, and the advice below it."""
    desk.home.chmod(0o755)
    result = CliRunner().invoke(main, ["doctor"], obj=Call(lambda _: desk), prog_name="nbxfer")
    assert f"! home       Others may look into it (mode 0755).\n             → chmod 700 {desk.home}\n" in result.output
    assert result.output.endswith("\n1 problem found.\n")


def test_movers(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child process is really begun; where that is turned off, or cannot be, it is said, and is no problem."""
    assert examine()["movers"][0][0] == "ok"
    monkeypatch.setenv("NBXFER_MOVERS", "never")
    state, text, advice = examine()["movers"][0]
    assert (state, "turned off" in text, bool(advice)) == ("note", True, True)


def test_home(examine: Examine, desk: FakeSession, tmp_path: Path) -> None:
    """A home that is not there yet is no problem; one that is a file is."""
    desk.home = tmp_path / "later" / "home"
    assert "not made yet" in examine()["home"][0][1]
    desk.home = tmp_path / "file" / "home"
    (tmp_path / "file").write_text("")
    assert any("is a file" in text for state, text, _ in examine()["home"] if state == "problem")


def test_a_full_home(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without room is a problem: nothing could be remembered."""
    real = os.statvfs

    class Full:
        f_bavail, f_frsize = 10, 4096

    monkeypatch.setattr(os, "statvfs", lambda path: Full() if str(path).startswith("/") else real(path))
    assert ("problem", "Only 41.0 kB are free.", "Make room: a full home remembers nothing.") in examine()["home"]


def test_a_shared_home(tmp_path: Path, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home on NFS is safe, and slower to hear."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"31 22 0:40 / {tmp_path} rw,relatime shared:1 - nfs4 server:/export rw\n"
        "32 22 0:41 / /with\\040blank rw - tmpfs tmpfs rw\n"
        "broken line\n"
    )
    assert surroundings.file_system("/", mounts) == "ext4"
    assert surroundings.file_system("/with blank/x", mounts) == "tmpfs"
    assert surroundings.file_system(f"{tmp_path}-beside", mounts) == "ext4"
    assert surroundings.file_system("/", tmp_path / "missing") == "unknown"
    monkeypatch.setattr(surroundings, "file_system", lambda path, _=mounts: "nfs4")
    assert any(state == "note" and "shared with other machines (nfs4)" in text for state, text, _ in examine()["home"])


def test_processes(examine: Examine, desk: FakeSession) -> None:
    """Of the processes that write in the home it is said who lives, who is gone, and who has fallen silent."""
    owners = desk.home / "owners"
    owners.mkdir()

    def enter(name: str, pid: int, host: str = "", age: float = 0.0) -> None:
        path = owners / f"{name}.json"
        said = {"host": host or platform.node(), "process": {"pid": pid, "started": "1"}, "notebook": f"/{name}.ipynb"}
        path.write_text(json.dumps(said))
        os.utime(path, (time.time() - age,) * 2)

    enter("here", os.getpid())
    enter("elsewhere", 1234, "other-node")
    enter("hanging", os.getpid(), age=300)
    enter("dead", 2**22 + 5)
    enter("left", 0, age=1e9)
    (owners / "torn.json").write_text('{"host": ')
    (owners / "odd.json").write_text("[]")
    shown = examine()["processes"]
    assert shown[0][1].startswith("2 at work: process 1234 on other-node (/elsewhere.ipynb); process ")
    assert shown[1] == ("ok", "2 ended and left something unfinished", "")
    assert [state for state, text, _ in shown if "has been silent for 5 min" in text] == ["note"]
    assert len(shown) == 3


def test_downloads(examine: Examine, desk: FakeSession, tmp_path: Path) -> None:
    """Interrupted, paused and failed ones are counted, each with the way on; parts are found, and missed."""
    here: dict[str, Any] = {"destination": str(tmp_path / "data.bin"), "received": 10}
    gone: dict[str, Any] = {"destination": str(tmp_path / "unmounted" / "data.bin"), "received": 10}
    desk.show(
        snapshot("aaaaaaaa00", owner="orphaned", **here),
        snapshot("bbbbbbbb00", owner="orphaned", **here),
        snapshot("cccccccc00", "paused", **gone),
        snapshot("dddddddd00", "failed", fault=Fault("BadAnswer", "No."), destination="/nowhere/x"),
        snapshot("eeeeeeee00", "done", total=5),
    )
    (tmp_path / ".data.bin.aaaaaaaa00.2.part").write_bytes(b"x" * 10)
    texts = {text: (state, advice) for state, text, advice in examine()["downloads"]}
    assert texts["3 unfinished"] == ("ok", "")
    assert texts["2 interrupted, and nobody runs them."] == ("note", "nbxfer resume --all goes on.")
    assert texts["1 paused."][0] == texts["1 failed."][0] == "note"
    assert any(text.endswith(".data.bin.aaaaaaaa00.2.part") for text in texts)
    assert "The part of bbbbbbbb (data.bin) is gone." in texts
    assert texts[f"The folder of cccccccc (data.bin) is gone: {tmp_path / 'unmounted'}."][0] == "problem"


def test_clocks(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is years behind breaks TLS; a file server's that differs is worth a note."""
    monkeypatch.setattr(surroundings, "clock_difference", lambda _: -90.0)
    assert examine()["clock"][1][:2] == ("note", "The home's file server is 1 min 30 s behind this machine.")
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    assert examine()["clock"][0][0] == "problem"


def test_trust(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CA bundle that is not there is a problem; one that others read and we do not is a note."""
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    assert any(state == "problem" and "SSL_CERT_FILE" in text for state, text, _ in examine()["TLS"])
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    assert [state for state, text, _ in examine()["TLS"]] == ["ok", "note"]


def test_proxies(examine: Examine, monkeypatch: pytest.MonkeyPatch, canary: Callable[[str], str]) -> None:
    """Proxies are shown without their credentials."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{canary('proxy')}@proxy.example:3128")
    monkeypatch.setenv("all_proxy", f"me:{canary('bare')}@socks.example:1080")
    monkeypatch.setenv("no_proxy", "localhost,.lan")
    assert examine()["proxy"] == [
        (
            "ok",
            (
                "http://proxy.example:3128 for https, http://socks.example:1080 for all else; none for localhost,.lan "
                "(from the environment; --no-proxy goes without)"
            ),
            "",
        )
    ]


def test_proxies_that_cannot_be_spoken_to(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SOCKS proxy without its package, and a proxy of an unknown kind, are problems, said with what to do."""
    monkeypatch.setattr(surroundings, "version", {}.get)
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("HTTPS_PROXY", "gopher://127.0.0.1")
    found = [(state, advice) for state, _, advice in examine()["proxy"]]
    assert found == [
        ("ok", ""),
        ("problem", "pip install 'nbxfer[socks]'"),
        ("problem", "Known: http, https, socks5, socks5h."),
    ]


def test_netrc(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, private_dir: Path, canary: Callable[[str], str]
) -> None:
    """A netrc file is found by its variable or its place; one that others may read, or nobody can, is a problem."""
    assert examine()["passwords"][0][0] == "ok"
    file = private_dir / "netrc"
    monkeypatch.setenv("NETRC", str(file))
    assert examine()["passwords"][0] == (
        "problem",
        f"NETRC names {file}, which is not there.",
        "Correct or unset NETRC.",
    )
    file.write_text(f"machine a.example login me password {canary('netrc')}\n")
    file.chmod(0o644)
    said = examine()["passwords"]
    assert "with 1 host;" in said[0][1]
    assert said[1] == ("problem", f"Others may read {file} (mode 0644).", f"chmod 600 {file}")
    file.write_text(f"machine a.example login me pasword {canary('netrc')}\n")
    said = examine()["passwords"]
    assert said[0][:2] == ("problem", f"The netrc file {file} cannot be read (line 1).")
    assert canary("netrc") not in repr(said)


def test_limits(examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The limits in force are said, and who set those that nobody can raise."""
    usual = "at most 8 connections for one download, 8 to one host; 8 downloads at once, as fast as it goes"
    assert examine()["limits"] == [("ok", usual, "")]
    system = tmp_path / "config.toml"
    system.write_text("[limits]\nper_host = 2\n")
    monkeypatch.setattr(config, "SYSTEM_FILE", system)
    monkeypatch.setenv("NBXFER_BANDWIDTH", "5 MB/s")
    assert examine()["limits"][0][1] == (
        "at most 8 connections for one download, 2 to one host; 8 downloads at once, 5.0 MB/s together; "
        f"nobody can raise per_host ([limits] in {system})"
    )


def test_kernels(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ipykernel 7.0 loses what threads show, and that is said."""
    monkeypatch.setattr(surroundings, "version", {"ipykernel": "7.0.1"}.get)
    states = [(state, advice) for state, _, advice in examine()["notebook"]]
    assert ("problem", "pip install -U ipykernel") in states
    assert ("note", "pip install anywidget") in states


def test_wrong_settings(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that cannot be read is a finding, and the rest is looked at all the same."""
    monkeypatch.setenv("NBXFER_PROGRESS", "loud")
    found = examine()
    assert found["settings"][0][0] == "problem"
    assert "notebook" in found


def test_what_cannot_be_looked_at(examine: Examine, desk: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that fails is itself a finding."""

    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "statvfs", refuse)
    assert examine()["home"] == [("problem", "This could not be looked at: Permission denied.", "")]


def test_a_broken_settings_file_is_told_once(examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A settings file that cannot be read is one problem, however many looks need it."""
    (tmp_path / "nbxfer").mkdir()
    (tmp_path / "nbxfer" / "config.toml").write_text("connections = = 4")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = [(state, text) for rows in examine().values() for state, text, _ in rows if "not valid TOML" in text]
    assert [state for state, _ in found] == ["problem"]
