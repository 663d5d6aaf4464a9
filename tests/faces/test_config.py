"""Settings: which one is in force, where it stands, and what is done about a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbxfer.errors import InvalidRequest
from nbxfer.session import config
from nbxfer.session.config import look_up


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the path that stands for /etc/nbxfer/config.toml."""
    monkeypatch.setattr(config, "SYSTEM_FILE", tmp_path / "etc.toml")
    return tmp_path / "etc.toml"


@pytest.fixture
def own(system: Path) -> Path:
    """Give the path of the person's own file."""
    path = config.user_file()
    path.parent.mkdir(parents=True)
    return path


def test_order(system: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over the environment, that over the person's file, that over the system's, that over none."""
    assert (look_up("connections").value, look_up("connections").origin) == (8, "default")
    system.write_text("connections = 2")
    assert (look_up("connections").value, look_up("connections").origin) == (2, str(system))
    own.write_text("connections = 3")
    assert (look_up("connections").value, look_up("connections").origin) == (3, str(own))
    monkeypatch.setenv("NBXFER_CONNECTIONS", " 4 ")
    assert (look_up("connections").value, look_up("connections").origin) == (4, "NBXFER_CONNECTIONS")
    assert (look_up("connections", 5).value, look_up("connections", 5).origin) == (5, "argument")
    assert config.get("connections") == 4


def test_limits(system: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system's file limits, nobody can raise; whoever wants less gets less."""
    system.write_text("[limits]\nconnections = 3")
    for value, wanted in (("9", 3), ("2", 2)):
        monkeypatch.setenv("NBXFER_CONNECTIONS", value)
        assert config.get("connections") == wanted
    assert config.get("connections", 100) == 3
    assert look_up("connections", 100).origin == f"[limits] in {system}"
    own.write_text("[limits]\nconnections = 50")
    assert config.get("connections", 100) == 3


@pytest.mark.parametrize(
    "text", ["[limits]\nconections = 3", "limits = 3", "[limits]\nconnections = 'few'", "[limits]\nhome = 1", "[limits"]
)
def test_a_limit_that_cannot_be_read_is_not_no_limit(system: Path, text: str) -> None:
    """A misspelt limit stops what it should limit, with a sentence that names the file."""
    system.write_text(text)
    with pytest.raises(InvalidRequest, match=str(system)):
        config.get("connections")


@pytest.mark.parametrize(
    ("name", "value"),
    [("CONNECTIONS", "many"), ("CONNECTIONS", "0"), ("CONNECTIONS", "1.5"), ("PROGRESS", "loud"), ("AT_EXIT", "never")],
)
def test_a_wrong_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that cannot be read is refused, with its variable and what it should be; other settings still work."""
    monkeypatch.setenv(f"NBXFER_{name}", value)
    with pytest.raises(InvalidRequest, match=rf"NBXFER_{name} says .* It has to be "):
        config.get(name.lower())
    assert config.home().is_absolute()


@pytest.mark.parametrize("text", ["connections = true", "connections = 2.5", "connections = []", "connections = -1"])
def test_a_wrong_value_in_a_file(own: Path, text: str) -> None:
    """The same in a file."""
    own.write_text(text)
    with pytest.raises(InvalidRequest, match=str(own)):
        config.get("connections")


def test_a_file_that_cannot_be_read(own: Path) -> None:
    """A file that is no TOML, or no file, is refused with a sentence."""
    own.write_text("connections")
    with pytest.raises(InvalidRequest, match="not valid TOML"):
        config.get("connections")
    own.write_bytes(b"\xff")
    with pytest.raises(InvalidRequest, match="not valid TOML"):
        config.get("connections")
    own.unlink()
    own.mkdir()
    with pytest.raises(InvalidRequest, match="cannot be read"):
        config.get("connections")


def test_home(own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Home is an absolute path, ~ means the person's folder, and without a word it is in the state folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NBXFER_HOME", "~/transfers")
    assert config.home() == tmp_path / "transfers"
    monkeypatch.setenv("NBXFER_HOME", "")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert config.home() == tmp_path / "state" / "nbxfer"
    own.write_text("home = ''")
    with pytest.raises(InvalidRequest, match="It has to be a folder"):
        config.home()


def test_strangers(system: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set and means nothing is named, wherever it stands."""
    monkeypatch.setenv("NBXFER_CONECTIONS", "3")
    own.write_text("conections = 3\n[limits]\nconnections = 3")
    system.write_text("progress = 'off'\n[limits]\nconnections = 3")
    strangers = [name for name in config.strangers() if "TEST_PROFILE" not in name]
    assert strangers == ["NBXFER_CONECTIONS", f"conections in {own}", f"limits in {own}"]


def test_all(system: Path) -> None:
    """Every setting has a value, an origin and a word about it."""
    assert {s.name for s in config.settings()} == set(config.OPTIONS)
    assert all(s.origin and s.about for s in config.settings())
