"""A real Apache httpd from a folder of its own, on free ports, for as long as it is entered."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.servers.processes import WebServer, free_port, program

PROGRAM = program("apache2") or program("httpd")
_MODULES = next(
    (
        p
        for p in map(Path, ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/libexec/apache2"))
        if p.is_dir()
    ),
    None,
)
_WANTED = (
    "mpm_event authz_core unixd log_config mime env headers filter deflate alias ratelimit ssl socache_shmcb setenvif"
)

_CONF = """
ServerRoot {run}
ServerName 127.0.0.1
PidFile {run}/apache.pid
DefaultRuntimeDir {run}
ErrorLog {run}/error.log
{modules}
Listen 127.0.0.1:{http}
Listen 127.0.0.1:{https}
{user}
CustomLog {run}/access.log "%>s %U"
DocumentRoot {root}
TypesConfig /dev/null
AddType application/octet-stream .bin
AddType text/plain .txt
FileETag MTime Size
AllowEncodedSlashes NoDecode
KeepAlive On
MaxKeepAliveRequests 0
<Directory {root}>
  Require all granted
</Directory>
# Compresses text, and marks the tag: "…-gzip" is not the file's.
AddOutputFilterByType DEFLATE text/plain
Alias /slow/ {root}/
<Location /slow/>
  SetOutputFilter RATE_LIMIT
  SetEnv rate-limit 400
</Location>
Alias /forced/ {root}/
<Location /forced/>
  SetOutputFilter DEFLATE
  SetEnv force-gzip 1
</Location>
Alias /weak/ {root}/
<Location /weak/>
  Header edit ETag ^ W/
</Location>
Alias /untagged/ {root}/
<Location /untagged/>
  Header unset ETag
  FileETag None
</Location>
<VirtualHost 127.0.0.1:{https}>
  SSLEngine on
  SSLCertificateFile {certificate}
  SSLCertificateKeyFile {certificate}
</VirtualHost>
"""


class Apache(WebServer):
    """Serves the files of ``root`` as /name, and as /slow, /forced (gzip), /weak, /untagged; https beside it."""

    sent_part = "206 "

    def __init__(self, root: Path, run: Path, certificate: Path) -> None:
        assert PROGRAM is not None, "Apache httpd is not installed"
        assert _MODULES is not None, "Apache httpd has no modules"
        self.http, self.https = free_port(), free_port()
        built = subprocess.run([PROGRAM, "-l"], check=True, capture_output=True, text=True).stdout
        lines = [
            f"LoadModule {name}_module {_MODULES}/mod_{name}.so"
            for name in _WANTED.split()
            if (_MODULES / f"mod_{name}.so").exists() and f"mod_{name}.c" not in built
        ]
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        conf = run / "apache.conf"
        conf.write_text(
            _CONF.format(
                run=run, root=root, http=self.http, https=self.https, certificate=certificate, modules="\n".join(lines),
                user=user,
            )
        )  # fmt: skip
        super().__init__([PROGRAM, "-X", "-f", str(conf)], self.http, run / "said.log")
