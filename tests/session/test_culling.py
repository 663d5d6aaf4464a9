"""Whether the server ends resting kernels: what can be known of it, and what is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nbxfer.errors import InvalidRequest
from nbxfer.session import config, culling
from nbxfer.session.culling import Culling, read, warning


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], None),
        (["python\n-m\njupyterlab\n--MappingKernelManager.cull_idle_timeout=600\n--ServerApp.x=y"], Culling(600)),
        (["c.MappingKernelManager.cull_idle_timeout = 3600\nc.MappingKernelManager.cull_connected = True\n"],
         Culling(3600, connected=True)),
        ([json.dumps({"MappingKernelManager": {"cull_idle_timeout": 60}})], Culling(60)),
        ([json.dumps({"MappingKernelManager": {"cull_idle_timeout": 60}}),
          "--MappingKernelManager.cull_idle_timeout=0"], None),
        ([json.dumps([1]), json.dumps({"MappingKernelManager": 7}), "\x00\xff", "{"], None),
        (["c.MappingKernelManager.cull_idle_timeout = soon"], None),
    ],
)  # fmt: skip
def test_what_the_server_was_told(texts: list[str], found: Culling | None) -> None:
    """Command line and files are read as the server reads them; what nobody said, or nobody can read, is unknown."""
    assert read(texts) == found


def test_jupyter_s_own_folders_are_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel reads the configuration of its server where that lies; another process has none."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    (tmp_path / "jupyter_server_config.json").write_text('{"MappingKernelManager": {"cull_idle_timeout": 77}}')
    assert read(culling._texts()) == Culling(77)
    monkeypatch.delitem(sys.modules, "ipykernel")
    assert list(culling._texts()) == []


def test_only_what_would_happen_is_said() -> None:
    """The warning comes when the time left is beyond the limit, or unknown; not where it would be kept alive."""
    hour = Culling(3600)
    assert warning(60, hour, alive=False) == ""
    assert warning(7200, None, alive=False) == ""
    assert warning(7200, hour, alive=True) == ""
    assert "no cell for 60 min once its page is closed" in warning(7200, hour, alive=False)
    assert "no cell for 8 s: transfers stop" in warning(None, Culling(8, connected=True), alive=False)


@pytest.mark.parametrize(("said", "every"), [("on", 20.0), ("off", None), ("1", 20.0), ("2.5", 2.5), ("600", 600.0)])
def test_keep_alive_is_read(monkeypatch: pytest.MonkeyPatch, said: str, every: float | None) -> None:
    """On, off, or how often."""
    monkeypatch.setenv("NBXFER_KEEP_ALIVE", said)
    assert config.get("keep_alive") == every


@pytest.mark.parametrize("said", ["always", "-3", "99999", "nan"])
def test_keep_alive_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """What is neither is refused, naming where it stands."""
    monkeypatch.setenv("NBXFER_KEEP_ALIVE", said)
    with pytest.raises(InvalidRequest, match="NBXFER_KEEP_ALIVE"):
        config.get("keep_alive")
