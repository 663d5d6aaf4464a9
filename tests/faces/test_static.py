"""What stays in the file: it says how it ended, to every reader, without script, address or secret."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Phase
from nbxfer.core.record import Published
from nbxfer.demo.server import DemoServer
from nbxfer.faces.panel import leftover, static
from nbxfer.testing.session import snapshot
from tests.faces import payloads
from tests.fixtures import serve
from tests.journeys.kernels import Kernel, kernel
from tests.journeys.terminal import until

__all__ = ["kernel", "serve"]  # the fixtures of this file

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_700_000_000.0
VIEW = "application/vnd.jupyter.widget-view+json"
TAGS = {"table", "caption", "thead", "tbody", "tr", "th", "td", "p"}


class Tags(HTMLParser):
    """Notes each tag, and each attribute."""

    def __init__(self, text: str) -> None:
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        super().__init__()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_decl(self, decl: str) -> None:
        self.found.add(decl)

    def handle_comment(self, data: str) -> None:
        self.found.add(data)


def hostile(payload: str, name: str) -> list[Any]:
    """Give snapshots that hold a text wherever a far side could put one."""
    fault = Fault(payload[:60], payload, Remedy.PERSON, hint=payload, http_status=403)
    made = {"url": f"https://h/{name}", "destination": f"/home/you/{name}", "total": 9, "received": 3}
    return [
        snapshot("1", Phase.RUNNING, **made, host=payload, source=payload),
        snapshot("2", Phase.PAUSED, **made, fault=fault, reason=payload),
        snapshot("3", Phase.FAILED, **made, fault=fault, host=payload),
        snapshot("4", Phase.DONE, **made, published=Published(name, 9, 0, payload)),
    ]


@pytest.mark.parametrize("faces", [lambda s: static.html(s, NOW), lambda s: leftover.faces(s, s[0].host)["text/html"]])
def test_three_hundred_texts_stay_text(faces: Callable[[list[Any]], str]) -> None:
    """Whatever a server calls its files, hosts and errors: of the tables' markup every tag is our own."""
    for payload, name in zip(payloads.ALL, payloads.NAMES, strict=True):
        tags = Tags(faces(hostile(payload, name)))
        assert tags.found <= TAGS, payload
        assert tags.attributes <= {"colspan"}, payload


def test_the_end_is_told_in_words() -> None:
    """After the end it says what, how much, when, and how it was verified; before, it says as of when."""
    done = snapshot(
        "1", Phase.DONE, received=2_700_000_000, changed=NOW, published=Published("/x", 2_700_000_000, 0, "digest")
    )
    assert static.plain([done], NOW) == (
        "nbxfer: data.tar.gz: done, 2.7 GB, 2023-11-14 22:13 UTC, its checksum is right"
    )
    running = snapshot("2", received=5, total=10)
    assert static.plain([running], NOW) == "nbxfer: data.tar.gz: running, 50 %, 5 of 10 B, as of 2023-11-14 22:13 UTC"
    both = static.html([done, running], NOW)
    assert "1 of 2 done; 2.7 of 2.7 GB, as of 2023-11-14 22:13 UTC" in both
    assert "<td>2023-11-14 22:13 UTC</td><td>its checksum is right</td>" in both
    failed = snapshot("3", Phase.FAILED, changed=NOW, fault=Fault("SourceNotFound", "x", http_status=404))
    ended = static.plain([done, failed], NOW + 99)
    assert ended.endswith("; ended 2023-11-14 22:13 UTC")
    assert "failed (SourceNotFound 404)" in static.html([failed])
    sent = snapshot("4", Phase.DONE, kind="upload", url="file:///home/you/m.pt", destination="s3://key@bucket/m.pt")
    assert "<td>to bucket</td>" in static.html([sent])


def executed(folder: Path, home: Path, *cells: str, **more: str) -> Any:
    """Run a notebook as nbconvert --execute does; give it as it would be stored."""
    import nbclient
    import nbformat

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(book, timeout=60, kernel_name="python3")
    client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable
    client.execute(
        env={**os.environ, "NBXFER_HOME": str(home), "PYTHONPATH": str(ROOT), **more}, cwd=str(folder)
    )  # fmt: skip
    return book


def test_what_is_stored_says_how_it_ended(serve: Callable[..., DemoServer], tmp_path: Path, home: Path) -> None:
    """The output of a cell that showed a running transfer is replaced when that is over; so is that of a batch."""
    server = serve(3_000_000, 1_000_000)
    book = executed(
        tmp_path,
        home,
        f"import nbxfer\nop = nbxfer.download({server.url!r}, 'X', connections=1); op",
        f"batch = nbxfer.download([{server.url!r} + '?2', {server.url.replace('data', 'b')!r}], 'many/'); batch",
        "import time\nbatch.wait(progress=False), op.wait(progress=False); time.sleep(1.5)",
    )
    one, many = (cell.outputs[0]["data"] for cell in book.cells[:2])
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    proof = r"complete, all of one version \(no checksum known\)"
    assert re.fullmatch(rf"nbxfer: X: done, 3\.0 MB, {when}, {proof}", one["text/plain"])
    assert re.fullmatch(rf"nbxfer: 2 of 2 done; 6\.0 MB; ended {when}", many["text/plain"])
    assert VIEW in one
    assert "127.0.0.1" in many["text/html"]


def test_secrets_are_in_no_face(
    serve: Callable[..., DemoServer], canary: Callable[[str], str], tmp_path: Path, home: Path
) -> None:
    """Canaries in the URL's query, user and headers are in neither notebook, nor widget state, nor HTML export."""
    from nbconvert.exporters.html import HTMLExporter

    server = serve(200_000)
    url = server.url.replace("http://", f"http://me:{canary('user')}@") + f"?token={canary('token')}&v=onlyinquery"
    book = executed(
        tmp_path,
        home,
        "%load_ext nbxfer\nimport os, nbxfer\nheaders = {'X-Api-Key': os.environ['KEY']}\n"
        "op = nbxfer.download(os.environ['URL'], 'X', headers=headers); op",
        "op.wait(); print(op, op.explain()); nbxfer.panel()",
        "%xfer ls --all",
        "nbxfer.Batch([op])",
        URL=url,
        KEY=canary("key"),
    )
    import nbformat

    (tmp_path / "stored.ipynb").write_text(nbformat.writes(book))
    exported, _ = HTMLExporter().from_notebook_node(book)  # type: ignore[no-untyped-call]
    (tmp_path / "stored.html").write_text(exported)
    stored = json.dumps(book) + exported
    assert "widget-state+json" in stored
    assert "done" in stored
    assert "onlyinquery" not in stored
    for name in ("user", "token", "key"):
        assert canary(name) not in stored


def test_without_widgets_there_are_tables(
    kernel: Callable[..., Kernel], serve: Callable[..., DemoServer], tmp_path: Path
) -> None:
    """Where anywidget is not installed every face is text and HTML, and nothing is an error."""
    server = serve(2_000_000, 400_000)
    (tmp_path / "anywidget.py").write_text("raise ImportError('not installed here')\n")
    one = kernel()
    shown = one.shown(f"import nbxfer; op = nbxfer.download({server.url!r}, 'X'); op")
    shown += one.shown("nbxfer.panel()") + one.shown("nbxfer.Batch([op])")
    for data in shown:
        assert set(data) == {"text/plain", "text/html"}
        assert "X" in data["text/html"]
    one.run("op.result(30)")
    one.manager.shutdown_kernel(now=True)
    server.rate = 100_000
    killed = kernel()
    killed.run(f"import nbxfer; op = nbxfer.download({server.url_of('y.bin')!r}, 'Y')")
    until(lambda: server.sent_of("/y.bin") > 50_000)
    killed.manager.shutdown_kernel(now=True)
    two = kernel()
    (offer,) = two.shown("%load_ext nbxfer")
    assert "1 transfer of this notebook is unfinished" in offer["text/plain"]
    assert VIEW not in offer
