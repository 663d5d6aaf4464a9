"""Uploads that are killed, and answers that never come: right bytes, once, and next to nothing sent twice."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer.session import Session
from tests.journeys.terminal import MIB, Terminal, until
from tests.servers import stores
from tests.servers.moto import BUCKET, Moto, Store

SIZE = 40 * MIB + 12_345
#: Bytes a second: slow enough to be killed in the middle.
RATE = 16 * MIB
SCRIPT = """
import json, nbxfer, time
asked = json.loads({text!r})
op = nbxfer.upload(asked["path"], asked["url"], bandwidth=asked["rate"], **asked["options"])
had = op.progress.received
while op.progress.received <= had and not op.done():
    time.sleep(0.01)
print("moving", flush=True)
print(op.result(), flush=True)
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file that takes a few seconds to send."""
    path = tmp_path_factory.mktemp("big") / "big.bin"
    path.write_bytes(random.Random(5).randbytes(SIZE))
    return path


class Killing:
    """Runs an upload in processes, and kills each but the last after a while."""

    def __init__(self, terminal: Terminal, path: Path, url: str, options: dict[str, Any], env: dict[str, str]) -> None:
        asked = {"path": str(path), "url": url, "rate": RATE, "options": options}
        self._terminal, self._env = terminal, env
        self._script = SCRIPT.format(text=json.dumps(asked))

    def run(self, kills: int, seed: int) -> int:
        """Kill it so often, at random moments; let it end then. Give how often it was alive to be killed."""
        chance, killed = random.Random(seed), 0
        for _ in range(kills):
            process = self._terminal.script(self._script, **self._env)
            assert process.stdout is not None
            assert process.stdout.readline() == "moving\n"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.8 * chance.random())
            killed += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate()
        process = self._terminal.script(self._script, **self._env)
        out, err = process.communicate(timeout=90)
        assert process.returncode == 0, err
        assert "://" in out
        return killed


def test_killed_on_the_way_to_a_store(terminal: Terminal, big: Path, tmp_path: Path) -> None:
    """Killed at random moments, an upload goes on from what the store has; one version, no part twice but those cut."""
    log = tmp_path / "moto.log"
    with Moto(log) as server:
        store = server.store
        store.bucket()
        store.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        options = {
            "storage_options": {**store.options, "key": "env:MY_KEY", "secret": "env:MY_SECRET"},
            "connections": 2,
        }
        env = {"MY_KEY": store.key, "MY_SECRET": store.secret}
        killed = Killing(terminal, big, f"s3://{BUCKET}/killed.bin", options, env).run(2, 1)
        assert killed
        assert store.get("killed.bin") == big.read_bytes()
        assert store.versions("killed.bin") == 1
        assert store.open_uploads() == []
        parts = re.findall(r"PUT \S*partNumber=(\d+)", log.read_text())
        assert len(set(parts)) == -(-SIZE // (8 * MIB))
        assert len(parts) <= len(set(parts)) + killed * 2


@pytest.mark.parametrize("kind", ["sftp", "ftp"])
def test_killed_on_the_way_to_a_server(
    kind: str, terminal: Terminal, big: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same over SFTP and FTP: what was answered is not sent again."""
    folder = tmp_path_factory.mktemp(kind)
    with stores.sftp(folder, tmp_path_factory.mktemp("keys")) if kind == "sftp" else stores.ftp(folder) as server:
        url = f"{kind}://127.0.0.1:{server.port}/x.bin"
        given: dict[str, Any] = {"username": "env:MY_USER", "password": "env:MY_PASSWORD"}
        if isinstance(server, stores.Sftp):
            given["known_hosts"] = str(server.known_hosts)
        env = {"MY_USER": stores.USER, "MY_PASSWORD": stores.PASSWORD}
        assert Killing(terminal, big, url, {"storage_options": given, "connections": 1}, env).run(2, 2)
        assert (folder / "x.bin").read_bytes() == big.read_bytes()
        assert [path.name for path in folder.iterdir()] == ["x.bin"]


# -- answers that are lost ---------------------------------------------------------------------------------------------
class Swallowing:
    """A proxy on the wire: after a request that has ``what`` in its first line it lets the answer go nowhere, once."""

    def __init__(self, port: int) -> None:
        self.what = b""
        self.swallowed = 0
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", self._to))
        silent = threading.Event()

        def back() -> None:
            try:
                while data := far.recv(65_536):
                    if silent.is_set():
                        self.swallowed += 1
                        break
                    near.sendall(data)
            except OSError:
                pass
            finally:
                for sock in (near, far):
                    with contextlib.suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)
                    sock.close()

        threading.Thread(target=back, daemon=True).start()
        try:
            while data := near.recv(65_536):
                if self.what and self.what in data:
                    self.what = b""
                    silent.set()
                far.sendall(data)
        except OSError:
            pass

    def close(self) -> None:
        """Take nobody in any more."""
        self._listener.close()


@pytest.fixture
def swallowed(tmp_path: Path) -> Iterator[tuple[Store, Store, Swallowing]]:
    """Give a store, the same behind a proxy that swallows answers, and the proxy."""
    with Moto(tmp_path / "moto.log") as server:
        proxy = Swallowing(server.port)
        store = server.store
        store.bucket()
        store.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield store, Store(f"http://127.0.0.1:{proxy.port}"), proxy
        proxy.close()


@pytest.mark.parametrize(
    ("what", "size"),
    [
        (b"?uploadId=", 20 * MIB),  # CompleteMultipartUpload
        (b"partNumber=2", 20 * MIB),
        (b"PUT /lab/lost.bin", 4 * MIB),
        (b"?uploads", 20 * MIB),
    ],
    ids=["complete", "part", "put", "create"],
)
def test_lost_answers(
    what: bytes, size: int, swallowed: tuple[Store, Store, Swallowing], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """An answer that never comes is made up for by a look at what is there: right bytes, one version."""
    store, through, proxy = swallowed
    path = tmp_path / "lost.bin"
    path.write_bytes(os.urandom(size))
    session = sessions()
    proxy.what = b"POST /lab/lost.bin?uploadId=" if what == b"?uploadId=" else what
    op = session.upload(path, f"s3://{BUCKET}/lost.bin", storage_options=through.options, connections=1)
    op.result(90)
    assert proxy.swallowed == 1
    assert store.get("lost.bin") == path.read_bytes()
    assert store.versions("lost.bin") == 1


def test_an_error_of_one_store_harms_nobody_else(
    swallowed: tuple[Store, Store, Swallowing], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """While one store is silent, what goes to another arrives."""
    store, _, _ = swallowed
    path = tmp_path / "x.bin"
    path.write_bytes(b"x" * 1000)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        session = sessions()
        dead = {**store.options, "endpoint_url": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        stuck = session.upload(path, f"s3://{BUCKET}/stuck.bin", storage_options=dead)
        session.upload(path, f"s3://{BUCKET}/fine.bin", storage_options=store.options).result(30)
        until(lambda: stuck.running() or stuck.snapshot.retries > 0)
        stuck.cancel()
        assert stuck.wait(30, progress=False)
