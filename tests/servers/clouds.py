"""Clouds on this machine: Azurite, an emulator of Google's, and a hub with a content network beside it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, quote, unquote

import pytest

from tests.servers.processes import ServerProcess, free_port
from tests.servers.spoiling import Spoiling
from tests.servers.wsgi import Forwarding, serving

_NPM: Final = Path(sys.prefix) / "npm" / "node_modules" / ".bin"
#: The account that Azurite has for everybody; its key is in Microsoft's documentation.
ACCOUNT: Final = "devstoreaccount1"
KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azure(NamedTuple):
    """Azurite with a container "box": what leads there through what spoils its answers, and the container itself."""

    options: dict[str, Any]
    spoiling: Spoiling
    box: Any


@contextmanager
def azurite(folder: Path) -> Iterator[Azure]:
    """Run Azurite in ``folder``."""
    blob = pytest.importorskip("azure.storage.blob")
    program = shutil.which("azurite-blob", path=str(_NPM))
    if program is None:
        pytest.skip("azurite is not installed: make test-servers")
    port = free_port()
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "-l", str(folder / "azurite")]
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    spoiling = Spoiling(Forwarding(port))
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    with ServerProcess(command, port, folder / "azurite.log"), serving(spoiling) as shown:
        service = blob.BlobServiceClient.from_connection_string(_leads(port))
        box = service.create_container("box")
        try:
            yield Azure({"connection_string": _leads(shown)}, spoiling, box)
        finally:
            spoiling.over.set()
            service.close()


def _leads(port: int) -> str:
    account = f"AccountName={ACCOUNT};AccountKey={KEY}"
    return f"DefaultEndpointsProtocol=http;{account};BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"


class Google:
    """An emulator of Google Cloud Storage with a bucket "lab", and what is in it.

    ``generations``: downloads say which generation they are, as Google's do and the emulator's do not.
    """

    def __init__(self, port: int, storage: Any) -> None:
        self.storage = storage
        self.options: dict[str, Any] = {"token": "anon"}
        self.generations = True
        self._emulator = Forwarding(port)
        self.spoiling = Spoiling(self._told)

    def put(self, key: str, data: bytes | None) -> None:
        """Have an object with these bytes, or none; the same bytes stay the same generation."""
        from gcp_storage_emulator.exceptions import NotFound
        from gcp_storage_emulator.handlers.objects import _checksums, _make_object_resource

        try:
            known = self.storage.get_file("lab", key, show_error=False)
        except NotFound:
            known = None
        if data is None and known is not None:
            self.storage.delete_file("lab", key)
        elif data is not None and data != known:
            made = _make_object_resource("http://127.0.0.1", "lab", key, "application/octet-stream", len(data))
            self.storage.create_file("lab", key, data, _checksums(data, made))

    def _told(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        from gcp_storage_emulator.exceptions import NotFound

        query = parse_qs(environ["QUERY_STRING"])
        if not self.generations or query.get("alt") != ["media"]:
            return self._emulator(environ, start)
        key = unquote(environ["RAW_URI"].partition("?")[0].rpartition("/o/")[2])
        try:
            now = str(self.storage.get_file_obj("lab", key)["generation"])
        except NotFound:
            return self._emulator(environ, start)
        if query.get("generation", [now]) != [now]:
            start("404 Not Found", [("Content-Length", "0")])
            return [b""]
        told = [("x-goog-generation", now), ("Accept-Ranges", "bytes")]
        return self._emulator(environ, lambda status, headers, *rest: start(status, [*headers, *told], *rest))


@contextmanager
def google() -> Iterator[Google]:
    """Run the emulator, in memory."""
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # as nbxfer does before it is imported
    pytest.importorskip("gcsfs")
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    port = free_port()
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="lab")
    server.start()
    made = Google(port, server._storage)
    try:
        with serving(made.spoiling) as shown:
            made.options["endpoint_url"] = f"http://127.0.0.1:{shown}"
            yield made
            made.spoiling.over.set()
    finally:
        server.stop()


class Hub:
    """A hub of models as huggingface_hub asks it: commits, and files that lead to a content network of another origin.

    ``files``: path → bytes, of the newest commit. ``asked``: what the network was asked, as (path, headers).
    """

    REPO: Final = "lab/model"

    def __init__(self, token: str) -> None:
        self.token = token
        self.files: dict[str, bytes] = {}
        self.endpoint, self.network = "", 0
        self.refused = 0
        self.asked: list[dict[str, str]] = []
        self.spoiling = Spoiling(self._network)

    @property
    def commit(self) -> str:
        """The commit that "main" is."""
        told = hashlib.sha1(usedforsecurity=False)
        for name, data in sorted(self.files.items()):
            told.update(name.encode() + data)
        return told.hexdigest()

    def hub(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        """Answer as the hub."""
        from werkzeug.wrappers import Request, Response

        request = Request(environ)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            self.refused += 1
            return Response("{}", 403, {"X-Error-Code": "GatedRepo"})(environ, start)
        path, begins = request.path, f"/{self.REPO}/resolve/{self.commit}/"
        if path.startswith(f"/api/models/{self.REPO}"):
            told = {"id": self.REPO, "sha": self.commit, "private": False, "tags": [], "siblings": []}
            if "/tree/" in path or "/paths-info/" in path:
                return self._json([])(environ, start)
            return self._json(told)(environ, start)
        name = path.removeprefix(begins)
        if not path.startswith(begins) or name not in self.files:
            return Response("", 404, {"X-Error-Code": "EntryNotFound"})(environ, start)
        data = self.files[name]
        where = f"http://127.0.0.1:{self.network}/{self.commit}/{quote(name)}?X-Amz-Signature=made-up"
        tag = hashlib.sha256(data).hexdigest()
        said = {"X-Repo-Commit": self.commit, "X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(len(data))}
        return Response("", 302, {**said, "Location": where})(environ, start)

    def _json(self, told: object) -> Any:
        from werkzeug.wrappers import Response

        return Response(json.dumps(told), 200, {"X-Repo-Commit": self.commit}, content_type="application/json")

    def _network(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        from werkzeug.exceptions import RequestedRangeNotSatisfiable
        from werkzeug.wrappers import Request, Response

        request = Request(environ)
        self.asked.append(dict(request.headers))
        commit, _, name = request.path.lstrip("/").partition("/")
        data = self.files.get(name)
        if data is None or commit != self.commit:
            return Response("", 404)(environ, start)
        answer: Any = Response(data, 200, content_type="application/octet-stream")
        answer.set_etag(hashlib.sha256(data).hexdigest())
        if "If-Match" in request.headers and not request.if_match.contains_weak(hashlib.sha256(data).hexdigest()):
            return Response("", 412)(environ, start)
        try:
            answer.make_conditional(environ, accept_ranges=True, complete_length=len(data))
        except RequestedRangeNotSatisfiable:
            return Response("", 416, {"Content-Range": f"bytes */{len(data)}"})(environ, start)
        return answer(environ, start)


@contextmanager
def hub(token: str) -> Iterator[Hub]:
    """Run a hub that lets in who has ``token``, and its content network."""
    made = Hub(token)
    with serving(made.spoiling) as network, serving(made.hub) as port:
        made.network = network
        made.endpoint = f"http://127.0.0.1:{port}"
        yield made
        made.spoiling.over.set()
