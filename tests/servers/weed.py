"""SeaweedFS on this machine, which speaks S3 and keeps what it has on a disk."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.servers.moto import BUCKET, Store
from tests.servers.processes import ServerProcess, free_port

_CATALOGS: Final = ("s3.port.iceberg", "s3.port.lance")


@cache
def _known(program: Path) -> str:
    """Give what this version knows of options."""
    told = subprocess.run([program, "server", "-h"], capture_output=True, text=True, timeout=60, check=False)
    return told.stdout + told.stderr


class Weed(ServerProcess):
    """All of SeaweedFS in one process. Skips the test where it is not installed."""

    def __init__(self, folder: Path) -> None:
        program = Path(sys.prefix, "bin", "weed")
        if not program.exists():
            pytest.skip("SeaweedFS is not installed: make test-servers")
        data = folder / "data"
        data.mkdir(exist_ok=True)
        ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
        said = [f"-{name}.port={port}" for name, port in ports.items()]
        said += [f"-{name}.port.grpc={free_port()}" for name in ports]
        command = [str(program), "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={data}", "-filer", "-s3"]
        # Catalogs that nobody asks, on ports that are the same for everybody: the second server would end by them.
        said += [f"-{name}=0" for name in _CATALOGS if f" -{name} " in _known(program)]
        command += [*said, "-master.telemetry=false", "-volume.max=20", "-master.volumeSizeLimitMB=256"]
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        super().__init__(command, ports["s3"], folder / "log", os.environ | keys)

    @property
    def store(self) -> Store:
        """What it holds."""
        return Store(f"http://127.0.0.1:{self.port}")

    def ready(self) -> Store:
        """Give what it holds, with a bucket, once it takes one: it listens before it is ready."""
        store = self.store
        for left in range(60, -1, -1):
            try:
                with suppress(store.client.exceptions.BucketAlreadyOwnedByYou):  # it took that, but no object yet
                    store.bucket(BUCKET)
                store.put("ready", b"yes")
                break
            except Exception:
                if not left:
                    raise
                time.sleep(0.5)
        return store
