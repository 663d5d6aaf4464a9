"""A real Caddy from a folder of its own, on free ports, for as long as it is entered."""

from __future__ import annotations

import os
from pathlib import Path

from tests.servers.processes import WebServer, free_port, program

PROGRAM = program("caddy")

_CONF = """
{{
  admin off
  auto_https off
  storage file_system {run}/storage
}}
(files) {{
  root * {root}
  handle_path /encoded/* {{
    encode gzip zstd {{
      minimum_length 0
      match header Content-Type *
    }}
    file_server
  }}
  handle_path /untagged/* {{
    header {{
      -ETag
      defer
    }}
    file_server
  }}
  log {{
    output file {run}/access.log
    format json
  }}
  handle {{
    file_server
  }}
}}
http://127.0.0.1:{http} {{
  import files
}}
https://127.0.0.1:{https} {{
  tls {certificate} {certificate}
  import files
}}
"""


class Caddy(WebServer):
    """Serves the files of ``root`` as /name, and as /encoded (gzip, where asked for), /untagged; https beside it."""

    sent_part = '"status":206'

    def __init__(self, root: Path, run: Path, certificate: Path) -> None:
        assert PROGRAM is not None, "Caddy is not installed"
        self.http, self.https = free_port(), free_port()
        conf = run / "Caddyfile"
        conf.write_text(_CONF.format(run=run, root=root, http=self.http, https=self.https, certificate=certificate))
        env = {**os.environ, "XDG_DATA_HOME": str(run), "XDG_CONFIG_HOME": str(run), "HOME": str(run)}
        command = [PROGRAM, "run", "--config", str(conf), "--adapter", "caddyfile"]
        super().__init__(command, self.http, run / "said.log", env)
