"""A file behind NTLM, Digest, a cookie or a client certificate; it lists where each answer with bytes began."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import secrets
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import spnego

SIZE = 4_000_000
DATA = os.urandom(SIZE)


class Guarded(BaseHTTPRequestHandler):
    """A file behind NTLM (proven for each connection), Digest (RFC 7616), or a cookie; nothing for ``/free``.

    It comes slowly to who asks for all of it.
    """

    protocol_version = "HTTP/1.1"
    server: Gate

    def setup(self) -> None:
        """Know nobody on a new connection."""
        super().setup()
        self.proof: Any = None
        self.known = False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has in http.server
        """Say nothing."""

    def do_GET(self) -> None:
        """Let in who proves who it is."""
        given = self.headers.get("Authorization", "")
        if self.path.startswith("/cookie"):
            self.known = f"sid={self.server.secret}" in self.headers.get("Cookie", "")
            if not self.known:
                return self.say(403, b"no")
        elif self.path.startswith("/digest"):
            if not self.server.proven(self.command, given):
                challenge = f'Digest realm="gate", nonce="{self.server.nonce()}", qop="auth", algorithm=SHA-256'
                return self.say(401, b"who are you", ("WWW-Authenticate", challenge))
        elif not self.known and not self.path.startswith("/free"):
            if not given.startswith("NTLM "):
                return self.say(401, b"who are you", ("WWW-Authenticate", "NTLM"))
            if self.proof is None:
                self.proof = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
            token = self.proof.step(base64.b64decode(given[5:]))
            if not self.proof.complete:
                return self.say(401, b"go on", ("WWW-Authenticate", "NTLM " + base64.b64encode(token).decode()))
            self.known = True
        return self.give()

    def give(self) -> None:
        """Give the file, or the rest of it."""
        asked = self.headers.get("Range", "")
        begin = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self.server.asked.append(begin)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{SIZE - 1}/{SIZE}")
        self.send_header("ETag", '"v1"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(SIZE - begin))
        self.end_headers()
        try:
            for at in range(begin, SIZE, 50_000):
                self.wfile.write(DATA[at : min(at + 50_000, SIZE)])
                time.sleep(0.0 if asked else 0.03)
        except OSError:
            self.close_connection = True

    def say(self, status: int, text: bytes, *fields: tuple[str, str]) -> None:
        """Answer without the file."""
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Gate(ThreadingHTTPServer):
    """The server; ``asked`` lists where each answer with bytes began. ``tls`` is what it shows, and wants to see."""

    daemon_threads = True

    def __init__(self, secret: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Guarded)
        self.secret, self.asked = secret, list[int]()
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.server_port}"
        self._tls, self._nonces = tls, set[str]()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands first, on the thread of the connection."""
        if self._tls is None:
            return super().finish_request(request, client_address)
        with contextlib.suppress(OSError), self._tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)
        return None

    def nonce(self) -> str:
        """Give a nonce that has not been."""
        self._nonces.add(made := secrets.token_hex(8))
        return made

    def proven(self, method: str, given: str) -> bool:
        """Say whether a Digest of the user ``me`` is right: made with one of our nonces, and with the secret."""
        said = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)}
        if not given.startswith("Digest ") or said.get("nonce") not in self._nonces:
            return False

        def h(*parts: str) -> str:
            return hashlib.sha256(":".join(parts).encode()).hexdigest()

        counted = (said["nonce"], said["nc"], said["cnonce"], said["qop"])
        right = h(h("me", "gate", self.secret), *counted, h(method, said["uri"]))
        return secrets.compare_digest(right, said["response"])
