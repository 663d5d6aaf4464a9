"""Real servers of stores, in threads of this process: moto (S3), wsgidav, asyncssh (SFTP), pyftpdlib."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncssh

from nbxfer.testing.sources import Served
from nbxfer.wire.ssh import close_idle
from tests.servers.spoiling import Spoiling
from tests.servers.wsgi import serving

USER, PASSWORD = "lab", "l4b-w0rd"


# -- over HTTP --------------------------------------------------------------------------------------------------------
class Moto(NamedTuple):
    """A store that speaks S3: where it is, the options that lead there, and what spoils its answers."""

    endpoint: str
    options: dict[str, Any]
    spoiling: Spoiling
    client: Any


@contextmanager
def moto() -> Iterator[Moto]:
    """Run moto with a bucket "lab"."""
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    for chatty in ("botocore", "aiobotocore", "urllib3", "boto3"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    spoiling = Spoiling(DomainDispatcherApplication(create_backend_app))
    with serving(spoiling) as port:
        endpoint = f"http://127.0.0.1:{port}"
        keys = {"aws_access_key_id": "lab", "aws_secret_access_key": PASSWORD}
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
        client.create_bucket(Bucket="lab")
        options = {"endpoint_url": endpoint, "key": "lab", "secret": PASSWORD}
        try:
            yield Moto(endpoint, options, spoiling, client)
        finally:
            spoiling.over.set()
            client.close()


class Dav(NamedTuple):
    """A WebDAV server: its port, the folder that it serves, and what spoils its answers."""

    port: int
    folder: Path
    spoiling: Spoiling


@contextmanager
def wsgidav(folder: Path) -> Iterator[Dav]:
    """Run wsgidav over ``folder``, for USER with PASSWORD."""
    from cheroot.wsgi import Server
    from wsgidav.wsgidav_app import WsgiDAVApp

    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder)},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_digest": False, "default_to_digest": False},
            "logging": {"enable": False, "enable_loggers": []},
            "verbose": 0,
            "property_manager": True,
            "lock_storage": True,
        }
    )
    spoiling = Spoiling(app)
    server = Server(("127.0.0.1", 0), spoiling, numthreads=8, timeout=10, shutdown_timeout=1)
    setattr(server, "error_log", lambda *_, **__: None)  # noqa: B010 (a method, as mypy sees it)
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield Dav(server.bind_addr[1], folder, spoiling)
    finally:
        spoiling.over.set()
        server.stop()
        thread.join(5)


# -- SFTP -------------------------------------------------------------------------------------------------------------
class Sftp(NamedTuple):
    """An SFTP server: its port, the folder it shows, a file that has its host key, and how it is spoiled."""

    port: int
    folder: Path
    known_hosts: Path
    vices: Vices

    def options(self) -> dict[str, Any]:
        return {"username": USER, "password": PASSWORD, "known_hosts": str(self.known_hosts)}


class Vices:
    """What a server does wrong at the moment."""

    def __init__(self) -> None:
        self.served = Served()
        self.over = threading.Event()

    async def while_silent(self, silent: bool) -> None:
        """Wait until something else is served, where this server is to say nothing."""
        served = self.served
        for _ in range(500 if silent else 0):
            if self.over.is_set() or self.served is not served:
                return
            await asyncio.sleep(0.02)


@contextmanager
def sftp(folder: Path, keys: Path) -> Iterator[Sftp]:
    """Run asyncssh's server over ``folder``; ``keys`` is where its host key is written down."""
    vices = Vices()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    class Files(asyncssh.SFTPServer):  # type: ignore[misc]  # half-typed
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=bytes(folder))
            self._channel = channel
            self._files: list[Any] = []

        def open(self, *args: Any) -> Any:
            file = super().open(*args)
            self._files.append(file)
            return file

        def exit(self) -> None:
            for file in self._files:
                file.close()

        async def stat(self, path: bytes) -> Any:
            await vices.while_silent(vices.served.silent)
            return super().stat(path)

        async def read(self, file_obj: Any, offset: int, size: int) -> Any:
            served = vices.served
            limit = served.cut if served.cut is not None else served.stall
            if limit is not None and offset + size > limit:
                await vices.while_silent(served.stall is not None)
                if offset >= limit or served.cut is not None:
                    self._channel.get_connection().abort()
                    raise asyncssh.SFTPConnectionLost("cut, as it was to be")
            return super().read(file_obj, offset, size)

    class Guard(asyncssh.SSHServer):  # type: ignore[misc]  # half-typed
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    async def begin() -> Any:
        key = asyncssh.generate_private_key("ssh-ed25519")
        server = await asyncssh.create_server(
            Guard, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=Files, allow_scp=False
        )
        port = server.sockets[0].getsockname()[1]
        known = keys / f"known_hosts-{port}"
        known.write_bytes(f"[127.0.0.1]:{port} ".encode() + key.export_public_key())
        return server, port, known

    server, port, known = asyncio.run_coroutine_threadsafe(begin(), loop).result(20)
    try:
        yield Sftp(port, folder, known, vices)
    finally:
        vices.over.set()
        close_idle()

        async def end() -> None:
            server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(end(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


# -- FTP --------------------------------------------------------------------------------------------------------------
class Ftp(NamedTuple):
    """An FTP server: its port, the folder it shows, and how it is spoiled."""

    port: int
    folder: Path
    vices: Vices


@contextmanager
def ftp(folder: Path) -> Iterator[Ftp]:
    """Run pyftpdlib over ``folder``, for USER with PASSWORD, and for anybody."""
    with warnings.catch_warnings():  # it stands on asyncore until Python 3.12
        warnings.simplefilter("ignore", DeprecationWarning)
        from pyftpdlib.authorizers import DummyAuthorizer
        from pyftpdlib.handlers import DTPHandler, FTPHandler
        from pyftpdlib.ioloop import IOLoop
        from pyftpdlib.servers import FTPServer

    logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
    vices = Vices()

    class Data(DTPHandler):  # type: ignore[misc]  # it has no types
        def send(self, data: bytes) -> int:
            limit = vices.served.cut if vices.served.cut is not None else vices.served.stall
            if limit is None:
                return int(super().send(data))
            left = limit - self.tot_bytes_sent
            if left > 0:
                return int(super().send(data[:left]))
            if vices.served.cut is not None:
                self.close()
                self.cmd_channel.close()
            return 0

    class Control(FTPHandler):  # type: ignore[misc]  # the same
        dtp_handler = Data
        use_sendfile = False

        def ftp_SIZE(self, path: str) -> Any:
            if not vices.served.length:
                return self.respond("502 SIZE is not known here.")
            return None if vices.served.silent else super().ftp_SIZE(path)

        def ftp_MDTM(self, path: str) -> Any:
            return super().ftp_MDTM(path) if vices.served.validator else self.respond("502 MDTM is not known here.")

        def ftp_REST(self, line: str) -> Any:
            return super().ftp_REST(line) if vices.served.ranges else self.respond("502 REST is not known here.")

    users = DummyAuthorizer()
    users.add_user(USER, PASSWORD, str(folder), perm="elradfmwMT")
    Control.authorizer = users
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", 0), Control, ioloop=loop)
    server.max_cons_per_ip = 0
    going = threading.Event()

    def run() -> None:
        while not going.is_set():
            loop.loop(timeout=0.02, blocking=False)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield Ftp(server.address[1], folder, vices)
    finally:
        going.set()
        thread.join(5)
        server.close_all()


def settled(path: Path, seed: float) -> None:
    """Give a file a time of change that is long over, another for each ``seed``."""
    import os

    when = time.time() - 100_000 - seed
    os.utime(path, (when, when))
