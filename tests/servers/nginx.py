"""A real nginx from a folder of its own, on free ports, for as long as it is entered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from tests.servers.processes import ServerProcess, free_port, program

PROGRAM = program("nginx")

_CONF = """
daemon off;
{user}
worker_processes 2;
pid {run}/nginx.pid;
error_log {run}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log {log};
  client_body_temp_path {run}/t1; proxy_temp_path {run}/t2; fastcgi_temp_path {run}/t3;
  uwsgi_temp_path {run}/t4; scgi_temp_path {run}/t5;
  types {{ application/octet-stream bin; text/plain txt; }}
  sendfile on;
  keepalive_requests 10000;
  server {{
    listen 127.0.0.1:{http};
    {secure}
    root {root};
    # Server-side includes make nginx send chunks, for it cannot know the length.
    location /chunked/ {{ alias {root}/; ssi on; ssi_types *; }}
    location /moved/ {{ return 302 /$arg_to; }}
    location /slow/ {{ alias {root}/; limit_rate 200k; }}
    location /brisk/ {{ alias {root}/; limit_rate 4m; }}
    location /paced/ {{ alias {root}/; limit_rate {paced}; }}
    location /denied/ {{ return 403; }}
    location /busy/ {{ add_header Retry-After 7 always; return 503; }}
  }}
}}
"""


class Nginx(ServerProcess):
    """Serves the files of ``root`` as /name, and as /chunked/name, /slow/name (200 kB/s), /brisk/name (4 MB/s).

    By https, too, where there is a certificate. ``run`` is an empty folder for its own files; ``certificate`` a PEM
    file with key and chain. /paced/name gets ``paced`` bytes a second, each connection for itself.
    """

    def __init__(
        self,
        root: Path,
        run: Path,
        certificate: Path | None = None,
        *,
        http2: bool = True,
        log: bool = True,
        paced: int = 20_000_000,
    ) -> None:
        self.root, self.run = root, run
        self.http, self.https = free_port(), free_port()
        secure = ""
        if certificate is not None:
            how = "ssl http2" if http2 else "ssl"
            pair = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
            secure = f"listen 127.0.0.1:{self.https} {how}; {pair}"
        # As root, nginx would serve as "nobody", who may not look into our folders.
        user = "user root;" if os.geteuid() == 0 else ""
        self._conf = _CONF.format(
            user=user, run=run, root=root, http=self.http, secure=secure, paced=paced,
            log=run / "access.log" if log else "off",
        )  # fmt: skip
        errors = run / "error.log"
        command = [PROGRAM or "nginx", "-p", str(run), "-e", str(errors), "-c", str(run / "nginx.conf")]
        super().__init__(command, self.http, errors)

    def __enter__(self) -> Self:
        assert PROGRAM is not None, "nginx is not installed"
        (self.run / "nginx.conf").write_text(self._conf)
        return super().__enter__()

    def url(self, path: str, *, secure: bool = False, host: str = "127.0.0.1") -> str:
        """The URL of ``path`` here."""
        return f"https://{host}:{self.https}{path}" if secure else f"http://{host}:{self.http}{path}"

    def requests(self) -> list[str]:
        """The lines of the access log."""
        return (self.run / "access.log").read_text().splitlines()

    def parts(self) -> int:
        """Give how often a part was sent."""
        return sum('" 206 ' in line for line in self.requests())
