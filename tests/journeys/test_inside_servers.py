"""Copies within one store that speaks the letter: killed, and refused."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nbxfer.session import Session
from tests.journeys.terminal import MIB, Terminal
from tests.servers.azurite import BOX, Azurite
from tests.servers.moto import BUCKET, Store
from tests.servers.weed import Weed

pytestmark = pytest.mark.heavy


@pytest.fixture
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give SeaweedFS, once it takes a bucket."""
    with Weed(tmp_path_factory.mktemp("weed")) as server:
        yield server.ready()


@pytest.fixture
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Give a service that speaks Azure's blobs."""
    with Azurite(tmp_path_factory.mktemp("azurite")) as server:
        yield server


def test_large_blobs_of_azurite(azurite: Azurite, sessions: Callable[[], Session]) -> None:
    """What the service does not copy in pieces is read and sent; small ones it copies."""
    options = {"connection_string": azurite.connection_string}
    session = sessions()
    for size, word in ((1_000, "copied inside the store"), (65 * MIB, "not copied inside the store")):
        data = bytes(range(256)) * (size // 256)
        azurite.put(f"from-{size}", data)
        op: Any = session.copy(f"az://{BOX}/from-{size}", f"az://{BOX}/to-{size}", storage_options=options)
        op.result(120)
        assert azurite.get(f"to-{size}") == data
        assert word in [entry.what for entry in op.snapshot.story]


@pytest.mark.timeout(400)
def test_killed_while_the_store_copies(weed: Store, terminal: Terminal) -> None:
    """A copy of many parts that is killed goes on from those that the store has, and makes one version."""
    size, old = 4 * 64 * MIB + 5, "killed-from"
    path = terminal.folder / "made"
    with path.open("wb") as file:
        for n in range(size // MIB):
            file.write(n.to_bytes(8, "big") * (MIB // 8))
        file.write(b"x" * (size % MIB))
    weed.client.upload_file(str(path), BUCKET, old)
    path.unlink()
    env = {
        "AWS_ENDPOINT_URL": weed.endpoint,
        "AWS_ACCESS_KEY_ID": weed.key,
        "AWS_SECRET_ACCESS_KEY": weed.secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    script = (
        "import nbxfer\n"
        f"op = nbxfer.copy('s3://{BUCKET}/{old}', 's3://{BUCKET}/killed-to', connections=1)\n"
        "while op.progress.received < 1:\n"
        "    op.wait(0.005, progress=False)\n"
        "print('moving', flush=True)\n"
        "op.wait(60, progress=False)\n"
    )
    process = terminal.script(script, **env)
    assert process.stdout is not None
    assert process.stdout.readline() == "moving\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert weed.open_uploads() == ["killed-to"]
    head = weed.client.list_multipart_uploads(Bucket=BUCKET)["Uploads"][0]
    had = weed.client.list_parts(Bucket=BUCKET, Key="killed-to", UploadId=head["UploadId"])["Parts"]
    resumed = terminal.start("resume", "--all", **env)
    out, err = resumed.communicate(timeout=200)
    assert resumed.returncode == 0, (out, err)
    assert weed.client.head_object(Bucket=BUCKET, Key="killed-to")["ContentLength"] == size
    assert weed.open_uploads() == []
    assert had
    old_tag, new_tag = (_sum(weed, key) for key in (old, "killed-to"))
    assert old_tag == new_tag


def _sum(store: Store, key: str) -> str:
    found = hashlib.sha256()
    for chunk in store.client.get_object(Bucket=BUCKET, Key=key)["Body"].iter_chunks(MIB):
        found.update(chunk)
    return found.hexdigest()
