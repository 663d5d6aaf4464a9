"""A real kernel of a notebook, as a front end has it."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from tests.servers.processes import uncounted


class Kernel:
    """A kernel of a notebook, as a front end has it."""

    def __init__(self, folder: Path, home: Path, python: str = sys.executable, **more: str) -> None:
        self.manager = KernelManager(kernel_name="python3")
        assert self.manager.kernel_spec is not None
        self.manager.kernel_spec.argv[0] = python  # not the kernelspec that happens to be called python3
        env = {**uncounted(), "NBXFER_HOME": str(home), "JPY_SESSION_NAME": str(folder / "work.ipynb"), **more}
        self.manager.start_kernel(cwd=str(folder), env=env)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def send(self, code: str) -> str:
        """Start a cell; give the id of its message."""
        return str(self.client.execute(code, stop_on_error=False))  # the next cell is not to be dropped

    def reply(self, sent: str, timeout: float = 30) -> dict[str, Any]:
        """Wait for the end of a cell; give its reply."""
        while True:
            message = self.client.get_shell_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") == sent:
                content: dict[str, Any] = message["content"]
                return content

    def run(self, code: str, timeout: float = 30) -> str:
        """Run a cell; give what it printed. Fails where it raised."""
        sent = self.send(code)
        reply = self.reply(sent, timeout)
        text = self._printed(sent)
        assert reply["status"] == "ok", (reply, text)
        return text

    def shown(self, code: str, timeout: float = 30) -> list[dict[str, Any]]:
        """Run a cell; give the MIME bundles that it showed, its last line's among them. Fails where it raised."""
        sent = self.send(code)
        reply = self.reply(sent, timeout)
        said = self._said(sent)
        assert reply["status"] == "ok", (reply, said)
        kinds = ("display_data", "execute_result")
        return [message["content"]["data"] for message in said if message["msg_type"] in kinds]

    def says(self, sent: str, timeout: float = 30) -> str:
        """Wait until a cell that still runs prints something; give that."""
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") == sent and message["msg_type"] == "stream":
                return str(message["content"]["text"])

    def _printed(self, sent: str) -> str:
        said = self._said(sent)
        return "".join(message["content"]["text"] for message in said if message["msg_type"] == "stream")

    def _said(self, sent: str) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = []
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=5)
            except queue.Empty:
                return said
            if message["parent_header"].get("msg_id") != sent:
                continue
            said.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return said

    @property
    def pid(self) -> int:
        """The process."""
        provisioner: Any = self.manager.provisioner
        return int(provisioner.pid)

    def close(self, *, now: bool = True) -> None:
        """End it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=now)


@pytest.fixture
def kernel(tmp_path: Path, home: Path) -> Iterator[Callable[..., Kernel]]:
    """Give a maker of kernels of one and the same notebook; what it is given is their environment."""
    made: list[Kernel] = []

    def make(**more: str) -> Kernel:
        made.append(Kernel(tmp_path, home, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
