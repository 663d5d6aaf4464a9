"""A server that culls resting kernels, with short limits: who asked for it is left alone while it transfers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbxfer.demo.server import DemoServer
from tests.faces.jupyter import Lab, jupyterlab, until

pytestmark = pytest.mark.timeout(180)

CULL = {"cull_idle_timeout": "5", "cull_interval": "1", "cull_connected": "True"}
OPTIONS = {f"MappingKernelManager.{name}": value for name, value in CULL.items()}


def begin(lab: Lab, code: str) -> Callable[[], bool]:
    """Start a kernel of this server and run a cell in it; give a function that says whether it still runs."""
    from jupyter_client.blocking.client import BlockingKernelClient

    kernel_id = json.loads(lab._ask("POST", "/api/kernels"))["id"]
    connection = lab.folder.parent / "runtime" / f"kernel-{kernel_id}.json"
    until(connection.exists)
    client: Any = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    client.kernel_info(reply=True, timeout=60)
    client.execute_interactive(code, timeout=30, output_hook=lambda message: None)
    client.stop_channels()
    return lambda: kernel_id in {kernel["id"] for kernel in json.loads(lab._ask("GET", "/api/kernels"))}


def test_a_kernel_that_transfers_is_left_alone_where_that_was_asked_for(tmp_path: Path) -> None:
    """With NBXFER_KEEP_ALIVE a kernel outlives the limit while its download runs, and is taken when it rests.

    Without, it is taken in the middle of its download, and what had come is kept.
    """
    with DemoServer(size=3_000_000, rate=100_000) as server, jupyterlab(tmp_path, OPTIONS) as lab:
        code = (
            "import os; os.environ['NBXFER_KEEP_ALIVE'] = {!r}\n"
            "import nbxfer; op = nbxfer.download({!r}, {!r}, connections=1)\n"
            "from nbxfer.session import culling; assert culling.known().idle == 5, culling.known()"
        )
        asked = begin(lab, code.format("1.5", server.url_of("a.bin"), str(tmp_path / "a.bin")))
        not_asked = begin(lab, code.format("off", server.url_of("b.bin"), str(tmp_path / "b.bin")))
        until(lambda: not not_asked(), 40)
        end = time.monotonic() + 8
        while time.monotonic() < end:
            assert asked(), "it was culled while it transferred"
            time.sleep(0.5)
        assert not (tmp_path / "b.bin").exists()
        assert list(tmp_path.glob(".b.bin.*.part"))
        until((tmp_path / "a.bin").exists, 60)
        until(lambda: not asked(), 40)
