"""From a store that speaks S3 to one that speaks Azure, with no file of this machine in between, and a kill."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import boto3
import pytest

from tests.journeys.terminal import MIB, Terminal, sha256, until
from tests.servers.processes import ServerProcess, free_port

NPM: Final = Path(sys.prefix) / "npm" / "node_modules" / ".bin"
#: Bytes that are copied; NBXTEST_COPY=1073741824 for the whole proof.
SIZE: Final = int(os.environ.get("NBXTEST_COPY", 64 * MIB))
#: The account that Azurite has for everybody; its key is in Microsoft's documentation.
ACCOUNT: Final = "devstoreaccount1"
KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

pytestmark = pytest.mark.heavy


class Clouds(NamedTuple):
    """Both stores, past nbxfer, and what leads it there."""

    s3: Any
    azure: Any
    env: dict[str, str]


@pytest.fixture
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    """Give moto with a bucket "lab", and Azurite with a container "box"."""
    blob = pytest.importorskip("azure.storage.blob")
    program = shutil.which("azurite-blob", path=str(NPM))
    if program is None:
        pytest.skip("azurite is not installed: make test-servers")
    s3_port, azure_port, folder = free_port(), free_port(), tmp_path_factory.mktemp("clouds")
    moto = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(s3_port)]
    azurite = [program, "--blobHost", "127.0.0.1", "--blobPort", str(azure_port), "-l", str(folder / "azurite")]
    azurite += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    account = f"AccountName={ACCOUNT};AccountKey={KEY}"
    leads = f"DefaultEndpointsProtocol=http;{account};BlobEndpoint=http://127.0.0.1:{azure_port}/{ACCOUNT};"
    env = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}",
        "AWS_ACCESS_KEY_ID": "lab",
        "AWS_SECRET_ACCESS_KEY": "lab",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AZURE_STORAGE_CONNECTION_STRING": leads,
    }
    quiet = os.environ | {"PYTHONWARNINGS": "ignore"}
    with (
        ServerProcess(moto, s3_port, folder / "moto.log", quiet),
        ServerProcess(azurite, azure_port, folder / "azurite.log"),
    ):
        s3 = boto3.client(
            "s3",
            endpoint_url=env["AWS_ENDPOINT_URL"],
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
            region_name="us-east-1",
        )
        s3.create_bucket(Bucket="lab")
        azure = blob.BlobServiceClient.from_connection_string(leads)
        azure.create_container("box")
        yield Clouds(s3, azure, env)
        s3.close()
        azure.close()


@pytest.mark.timeout(900)
def test_a_copy_is_killed_on_its_way(clouds: Clouds, terminal: Terminal) -> None:
    """Killed in the middle, gone on with by a new process: the object is whole and right, and nothing lay here."""
    seed = os.urandom(MIB)
    path = terminal.folder / "made"
    with path.open("wb") as file:
        for n in range(SIZE // MIB):
            file.write(n.to_bytes(8, "big") + seed[8:])
    digest = sha256(path)
    clouds.s3.upload_file(str(path), "lab", "x")
    path.unlink()
    script = (
        "import nbxfer\n"
        "if __name__ == '__main__':\n"
        f"    op = nbxfer.copy('s3://lab/x', 'az://box/x', bandwidth={SIZE // 4})\n"
        "    print('begun', flush=True)\n"
        "    for _ in range(10_000):\n"
        "        op.wait(0.1, progress=False)\n"
        f"        print('half' if op.snapshot.received > {SIZE // 2} else 'on', flush=True)\n"
    )
    process = terminal.script(script, **clouds.env)
    assert process.stdout is not None
    said: list[str] = []
    until(lambda: bool(said.append(process.stdout.readline())) or "half" in said[-1], 300)  # type: ignore[func-returns-value, union-attr]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    target = clouds.azure.get_blob_client("box", "x")
    assert not target.exists()
    resumed = terminal.start("resume", "--all", **clouds.env)
    out, told = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, (out, told)
    found = hashlib.sha256()
    for chunk in target.download_blob().chunks():
        found.update(chunk)
    assert found.hexdigest() == digest
    assert [b.name for b in clouds.azure.get_container_client("box").list_blobs()] == ["x"]
    large = [p for p in terminal.folder.rglob("*") if p.is_file() and p.stat().st_size > MIB]
    assert not large
