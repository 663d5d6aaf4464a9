"""A real squid from a folder of its own: a proxy for http, and for https by CONNECT, with or without a password."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from tests.servers.processes import free_port, program

PROGRAM = program("squid")

_CONF = """
visible_hostname proxy.test
http_port 127.0.0.1:{port}
{secure}
pid_filename {run}/squid.pid
coredump_dir {run}
access_log stdio:{run}/access.log
cache_log {run}/cache.log
logfile_rotate 0
cache deny all
cache_mem 0 MB
pinger_enable off
netdb_filename none
shutdown_lifetime 0 seconds
dns_nameservers 127.0.0.1
connect_timeout 5 seconds
forward_max_tries 1
acl here dst 127.0.0.0/8
{auth}
http_access allow {who} here
http_access deny all
"""

_AUTH = """
auth_param basic program {helper}
auth_param basic children 1 startup=1 idle=1
auth_param basic realm proxy
acl known proxy_auth REQUIRED
"""

#: What squid asks "user password" line by line: only the one whose hash stands in a file beside it is known.
_HELPER = """#!/usr/bin/env python3
import hashlib, pathlib, sys
wanted = pathlib.Path(__file__).with_name("known").read_text()
for line in sys.stdin:
    print("OK" if hashlib.sha256(line.rstrip("\\n").encode()).hexdigest() == wanted else "ERR", flush=True)
"""


class Squid:
    """A proxy to servers on this machine; with ``user`` and ``password`` it wants them, basic (RFC 7617).

    With a ``certificate`` (PEM: key and chain) it speaks TLS as well. Its folder is its own, for squid does not run as
    root, and another user may not look into ours.
    """

    def __init__(self, user: str = "", password: str = "", certificate: Path | None = None) -> None:
        self._certificate, self._known = certificate, f"{user} {password}" if user else ""
        self.port, self.tls_port = free_port(), free_port()

    def __enter__(self) -> Self:
        assert PROGRAM is not None, "squid is not installed"
        self.run = Path(tempfile.mkdtemp(prefix="squid-"))
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        secure = ""
        if self._certificate is not None:
            pem = self.run / "proxy.pem"
            pem.write_bytes(self._certificate.read_bytes())
            secure = f"https_port 127.0.0.1:{self.tls_port} tls-cert={pem} tls-key={pem}"
        helper, conf = self.run / "ask", self.run / "squid.conf"
        helper.write_text(_HELPER)
        helper.chmod(0o700)
        (self.run / "known").write_text(hashlib.sha256(self._known.encode()).hexdigest())
        auth, who = (_AUTH.format(helper=helper), "known") if self._known else ("", "")
        conf.write_text(_CONF.format(run=self.run, port=self.port, secure=secure, auth=auth, who=who))
        nobody = _given_to_nobody(self.run) if os.geteuid() == 0 else {}
        self._process = subprocess.Popen(
            [str(PROGRAM), "-N", "-n", self.run.name.replace("-", "").replace("_", ""), "-f", str(conf)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.run,
            **nobody,
        )
        deadline = time.monotonic() + 20
        while True:
            log = self.run / "cache.log"
            assert self._process.poll() is None, log.read_text() if log.exists() else "squid did not start"
            assert time.monotonic() < deadline
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        process = getattr(self, "_process", None)
        if process is not None:
            process.terminate()
            process.wait(20)
        shutil.rmtree(self.run, ignore_errors=True)

    def url(self, userinfo: str = "", *, secure: bool = False) -> str:
        """Its URL; ``userinfo`` is "user:password"."""
        scheme, port = ("https", self.tls_port) if secure else ("http", self.port)
        return f"{scheme}://{userinfo}{'@' if userinfo else ''}127.0.0.1:{port}"

    def requests(self) -> list[str]:
        """The lines of the access log."""
        log = self.run / "access.log"
        return log.read_text().splitlines() if log.exists() else []


def _given_to_nobody(folder: Path) -> dict[str, Any]:
    """Give the folder to a user without rights; give what has Popen run a program as that one."""
    user = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
