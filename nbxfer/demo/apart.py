"""The demo server in a process of its own: it outlives the kernel that wanted it, and leaves when nobody asks any more.

``python -m nbxfer.demo.apart NOTE SIZE RATE`` serves, and writes into the file NOTE where.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from nbxfer.demo.server import DemoServer
from nbxfer.errors import TransferError

#: Seconds without a request after which the server leaves.
LEAVES_AFTER: Final = 300.0
#: Seconds that its start may take.
START_WITHIN: Final = 30.0
_started: Final[list[subprocess.Popen[bytes]]] = []


def served(folder: str | Path, size: int, rate: float, leaves_after: float = LEAVES_AFTER) -> str:
    """Give the URL of the server that belongs to ``folder``; start one when none answers. Raises TransferError."""
    note = Path(folder, ".demo-server.json")
    if (url := _answering(note)) is not None:
        return url
    note.parent.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "nbxfer.demo.apart", str(note), str(size), str(rate), str(leaves_after)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # it is not interrupted with the kernel, nor ended with it
    )
    _started.append(process)  # it may outlive us: nobody waits for it
    end = time.monotonic() + START_WITHIN
    while time.monotonic() < end:
        if (url := _answering(note)) is not None:
            return url
        time.sleep(0.05)
    raise TransferError("The demo server did not start.", hint="Try again; is this machine very busy?")


def _answering(note: Path) -> str | None:
    try:
        url = str(json.loads(note.read_text("utf-8"))["url"])
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=5):
            return url
    except (OSError, ValueError, KeyError, TypeError, urllib.error.URLError):
        return None


def serve(note: Path, size: int, rate: float, leaves_after: float) -> None:
    """Serve until nobody has asked for a while."""
    with DemoServer(size=size, rate=rate) as server:
        aside = note.with_name(f"{note.name}.{os.getpid()}")
        aside.write_text(json.dumps({"url": server.url, "sha256": server.sha256, "pid": os.getpid()}), "utf-8")
        os.replace(aside, note)
        seen, since = (-1, -1), time.monotonic()
        while time.monotonic() - since < leaves_after:
            if seen != (now := (server.requests, server.sent)):
                seen, since = now, time.monotonic()
            time.sleep(min(0.5, leaves_after / 4))
        note.unlink(missing_ok=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
