"""SeaweedFS on this machine, which speaks S3 and keeps what it has on a disk."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers.moto import BUCKET, Store
from tests.servers.processes import ServerProcess, free_port


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
