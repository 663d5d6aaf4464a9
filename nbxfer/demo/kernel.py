"""A real notebook kernel, to run cells in and to kill."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nbxfer.errors import TransferError

#: How long a kernel may take to start (seconds): a cold disk and two busy cores included.
START_WITHIN = 60.0
#: How long one that is asked to end may take, before it is killed (seconds).
LEAVE_WITHIN = 10.0


class CellFailed(TransferError):
    """A cell raised; the text is its error."""


class Kernel:
    """An ipykernel of this very interpreter, in a process of its own; leaving the context ends it.

    A kernelspec called "python3" may belong to another environment, where nbxfer is not installed; so the kernel is
    started by the interpreter that runs this.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        try:
            from jupyter_client.blocking.client import BlockingKernelClient
            from jupyter_client.connect import write_connection_file
        except ImportError:
            raise TransferError(
                "The demo starts a notebook kernel, and jupyter_client is not installed.",
                hint="Install it: pip install 'nbxfer[demo]'.",
            ) from None
        connection, _ = write_connection_file(str(folder / f"kernel-{len(list(folder.glob('kernel-*')))}.json"))
        self.process = subprocess.Popen(
            [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", connection],
            cwd=folder,
            env={**os.environ, **environment, "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the demo is not an interrupt of the kernel
        )
        self._client: Any = BlockingKernelClient(connection_file=connection)
        self._client.load_connection_file()
        # No heartbeat: the client takes a kernel that needs more than a second to start for dead.
        self._client.start_channels(hb=False)

    def __enter__(self) -> Self:
        until = time.monotonic() + START_WITHIN
        while not self._answers():
            if time.monotonic() >= until or self.process.poll() is not None:
                self.kill()
                self._client.stop_channels()
                raise TransferError(
                    "The notebook kernel did not start.", hint=f"Look what {sys.executable} -m ipykernel says."
                )
        return self

    def _answers(self) -> bool:
        try:
            self._client.wait_for_ready(timeout=2.0)
        except RuntimeError:
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self._client.shutdown()
            try:
                self.process.wait(LEAVE_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._client.stop_channels()

    def run(self, code: str, timeout: float = 60.0) -> str:
        """Run a cell; give what it printed. Raises CellFailed with the cell's own error."""
        printed: list[str] = []

        def output(message: Mapping[str, Any]) -> None:
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                printed.append(message["content"]["text"])

        reply = self._client.execute_interactive(code, output_hook=output, timeout=timeout, allow_stdin=False)
        content = reply["content"]
        if content["status"] != "ok":
            raise CellFailed(f"{content.get('ename', 'error')}: {content.get('evalue', '')}")
        return "".join(printed)

    def kill(self) -> None:
        """Send SIGKILL: no clean-up, no goodbye."""
        self.process.kill()
        self.process.wait()
