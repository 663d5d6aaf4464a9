"""Stores that break their word, and lines that lose it: what arrives is right, or an error; never a mixture."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config

from nbxfer.core.phases import Phase
from nbxfer.core.policy import Retry
from nbxfer.session import Operation, Session
from tests.journeys.terminal import MIB, Terminal, until
from tests.servers.processes import ServerProcess, free_port
from tests.servers.relay import Relay

QUICK = Retry(tries=8, first=8, base=0.05, cap=0.5)
#: Where tools/servers.sh puts the servers that come from npm.
NPM = Path(sys.prefix) / "npm" / "node_modules" / ".bin"


class Store(NamedTuple):
    """A store that speaks S3, after its fashion: seen by nbxfer through a relay, and past it."""

    kind: str
    relay: Relay
    client: Any
    env: dict[str, str]

    @property
    def options(self) -> dict[str, Any]:
        """What a person gives as storage_options."""
        endpoint, key, secret = (
            self.env[f"AWS_{name}"] for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
        )
        return {"endpoint_url": endpoint, "key": key, "secret": secret, "client_kwargs": {"region_name": "us-east-1"}}

    def get(self, key: str) -> bytes | None:
        """Give an object, read past nbxfer; None where there is none."""
        try:
            return bytes(self.client.get_object(Bucket="lab", Key=key)["Body"].read())
        except self.client.exceptions.ClientError:
            return None


def _command(kind: str, port: int, folder: Path) -> tuple[list[str], str, str]:
    """Give the command, the key and the secret of a server."""
    if kind == "moto":
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], "lab", "lab"
    if kind == "rclone":
        program = shutil.which("rclone", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        if program is None:
            pytest.skip("rclone is not installed: make test-servers")
        (folder / "lab").mkdir()
        args = ["serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", "lab,labsecret", "--config", os.devnull]
        return [program, *args, str(folder)], "lab", "labsecret"
    program = shutil.which("s3rver", path=str(NPM))
    if program is None:
        pytest.skip("s3rver is not installed: make test-servers")
    return [program, "-d", str(folder), "-a", "127.0.0.1", "-p", str(port)], "S3RVER", "S3RVER"


HEAVY = [pytest.param(kind, marks=pytest.mark.heavy) for kind in ("rclone", "s3rver")]


@pytest.fixture(scope="module", params=["moto", *HEAVY])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a store with a bucket "lab"."""
    folder, port = tmp_path_factory.mktemp("store"), free_port()
    command, key, secret = _command(request.param, port, folder)
    env = os.environ | {"PYTHONWARNINGS": "ignore"}
    with ServerProcess(command, port, tmp_path_factory.mktemp("log") / "log", env), Relay(port) as relay:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )
        if request.param != "rclone":
            client.create_bucket(Bucket="lab")
        told = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{relay.port}",
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        yield Store(request.param, relay, client, told)
        client.close()


@pytest.fixture
def session(sessions: Callable[[], Session]) -> Session:
    """Give a session."""
    return sessions()


def _file(folder: Path, size: int, seed: bytes = b"") -> tuple[Path, bytes]:
    data = (seed * size)[:size] if seed else os.urandom(size)
    path = folder / f"file{len(list(folder.iterdir()))}"
    path.write_bytes(data)
    return path, data


def _right_or_told(op: Operation, store: Store, key: str, data: bytes, before: bytes | None = None) -> None:
    """Wait; see that all of it is there, or that nothing changed and a sentence says why."""
    assert op.wait(60, progress=False)
    there = store.get(key)
    if op.error is None:
        assert op.snapshot.phase is Phase.DONE
        assert there == data
    else:
        assert there in (before, data), f"{op.error}: {len(there or b'')} bytes are there"
        assert len(str(op.error)) > 20
        assert "Traceback" not in str(op.error)


PART, COMPLETE, WHOLE = rb"PUT \S*partNumber=2", rb"POST \S*uploadId=", rb"PUT /lab/\S*"


@pytest.mark.parametrize(
    ("size", "pattern", "times"),
    [(20 * MIB, PART, 1), (20 * MIB, PART, 3), (20 * MIB, COMPLETE, 1), (20 * MIB, COMPLETE, 2), (1000, WHOLE, 1)],
    ids=["part", "part, three times", "complete", "complete, twice", "whole"],
)
def test_acknowledgements_are_swallowed(
    store: Store, session: Session, tmp_path: Path, size: int, pattern: bytes, times: int
) -> None:
    """The store has done it, and its answer never comes: it is found out, or done again, and the object is right."""
    path, data = _file(tmp_path, size)
    key = f"swallowed/{size}-{len(pattern)}-{times}"
    store.relay.forget()
    store.relay.swallow(pattern, times)
    op = session.upload(path, f"s3://lab/{key}", retry=QUICK, storage_options=store.options)
    _right_or_told(op, store, key, data)
    assert store.relay.done  # not always each time: what the store has, it is not sent again
    if store.kind == "moto":  # which keeps its word: so nothing but the line was at fault
        assert op.error is None


@pytest.mark.parametrize(("size", "pattern"), [(20 * MIB, PART), (3 * MIB, WHOLE)], ids=["part", "whole"])
def test_requests_are_cut(store: Store, session: Session, tmp_path: Path, size: int, pattern: bytes) -> None:
    """A request breaks in its body, over what is there already: what was there stays until it is replaced."""
    path, data = _file(tmp_path, size)
    key = f"cut/{size}"
    store.client.put_object(Bucket="lab", Key=key, Body=b"what was there")
    store.relay.forget()
    store.relay.cut(pattern, 1 * MIB, 2)
    op = session.upload(path, f"s3://lab/{key}", retry=QUICK, storage_options=store.options)
    _right_or_told(op, store, key, data, b"what was there")


def test_the_object_changes_under_a_download(store: Store, session: Session, tmp_path: Path) -> None:
    """Another version takes its place half-way, also where If-Match is ignored: one version comes, or an error."""
    old, new = os.urandom(12 * MIB), os.urandom(12 * MIB)
    store.client.put_object(Bucket="lab", Key="changing", Body=old)
    # It writes over the file that it is sending: one answer has bytes of both then, and only a digest can tell.
    told = {"checksum": f"sha256:{hashlib.sha256(old).hexdigest()}"} if store.kind == "s3rver" else {}
    op = session.download(
        "s3://lab/changing",
        tmp_path / "out",
        bandwidth="6 MB/s",
        connections=4,
        retry=QUICK,
        storage_options=store.options,
        **told,
    )
    until(lambda: op.snapshot.received > 2 * MIB or op.done(), 30)
    store.client.put_object(Bucket="lab", Key="changing", Body=new)
    assert op.wait(60, progress=False)
    if op.error is None:
        assert (tmp_path / "out").read_bytes() in (old, new)
    else:
        assert not (tmp_path / "out").exists()
        assert len(str(op.error)) > 20


@pytest.mark.heavy
def test_an_upload_is_killed(store: Store, terminal: Terminal, tmp_path: Path) -> None:
    """Killed in the middle and gone on with in a new process: the object is right, or it is said why it is not."""
    path, data = _file(tmp_path, 20 * MIB)
    key = "killed"
    script = (
        "import sys, nbxfer\n"
        "if __name__ == '__main__':\n"
        f"    nbxfer.upload({str(path)!r}, 's3://lab/{key}', bandwidth='10 MB/s').wait()\n"
    )
    process = terminal.script(script, **store.env)
    asked = len(store.relay.asked)
    until(lambda: process.poll() is not None or any(b"partNumber" in one for one in store.relay.asked[asked:]), 60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert store.get(key) is None  # nothing is seen of half an upload
    resumed = terminal.start("resume", "--all", **store.env)
    _, told = resumed.communicate(timeout=90)
    if resumed.returncode == 0:
        assert store.get(key) == data
    else:
        assert store.get(key) in (None, data)
        assert "Traceback" not in told
        assert told.strip()


def test_an_error_of_a_store_takes_nothing_with_it(store: Store, session: Session, tmp_path: Path) -> None:
    """While one store's answers are lost again and again, transfers to and from it and others go on."""
    path, data = _file(tmp_path, 6 * MIB)
    store.client.put_object(Bucket="lab", Key="source", Body=data)
    store.relay.swallow(rb"PUT /lab/doomed", 50)
    options: dict[str, Any] = {"storage_options": store.options}
    doomed = session.upload(path, "s3://lab/doomed", retry=Retry(tries=3, first=3, base=0.05, cap=0.1), **options)
    nowhere = session.download("s3://no-such-bucket-here/x", tmp_path / "nowhere", retry=QUICK, **options)
    closed = session.download(f"ftp://127.0.0.1:{free_port()}/x", tmp_path / "closed", retry=QUICK)
    fine = [session.upload(path, f"s3://lab/fine{n}", **options) for n in range(3)]
    down = session.download("s3://lab/source", tmp_path / "down", **options)
    assert down.result(60).read_bytes() == data
    for n, op in enumerate(fine):
        op.result(60)
        assert store.get(f"fine{n}") == data
    for op in (doomed, nowhere, closed):
        assert op.wait(60, progress=False)
    assert nowhere.error is not None
    assert closed.error is not None
    store.relay.forget()
    again = session.upload(path, "s3://lab/after", **options)
    again.result(60)
    assert store.get("after") == data
