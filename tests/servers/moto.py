"""S3 on this machine: moto's server in a process of its own, and a plain client beside nbxfer that looks into it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from tests.servers.processes import ServerProcess, free_port

BUCKET = "lab"


class Store:
    """A store that speaks S3, seen past nbxfer."""

    def __init__(self, endpoint: str, key: str = "testing", secret: str = "testing") -> None:
        self.endpoint, self.key, self.secret = endpoint, key, secret
        import boto3
        from botocore.config import Config

        self.client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    @property
    def options(self) -> dict[str, Any]:
        """What a person gives as storage_options."""
        return {
            "key": self.key,
            "secret": self.secret,
            "endpoint_url": self.endpoint,
            "client_kwargs": {"region_name": "us-east-1"},
            "config_kwargs": {"s3": {"addressing_style": "path"}},
        }

    def bucket(self, name: str = BUCKET) -> str:
        """Make a bucket."""
        self.client.create_bucket(Bucket=name)
        return name

    def get(self, key: str, bucket: str = BUCKET) -> bytes | None:
        """Give what is there."""
        try:
            return bytes(self.client.get_object(Bucket=bucket, Key=key)["Body"].read())
        except self.client.exceptions.NoSuchKey:
            return None

    def put(self, key: str, data: bytes, bucket: str = BUCKET) -> None:
        """Put something there."""
        self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def open_uploads(self, bucket: str = BUCKET) -> list[str]:
        """Give the keys of the uploads that are not completed."""
        return [u["Key"] for u in self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())]

    def versions(self, key: str, bucket: str = BUCKET) -> int:
        """Give the number of versions that an object has, in a bucket that keeps them."""
        found = self.client.list_object_versions(Bucket=bucket, Prefix=key)
        return sum(1 for v in found.get("Versions", ()) if v["Key"] == key)


class Moto(ServerProcess):
    """moto's server; it forgets everything when it ends."""

    def __init__(self, log: Path) -> None:
        port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        super().__init__(command, port, log, os.environ | {"PYTHONWARNINGS": "ignore"})

    @property
    def store(self) -> Store:
        """What it holds."""
        return Store(f"http://127.0.0.1:{self.port}")
