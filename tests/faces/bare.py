"""The panel's script in a bare page: no Jupyter between the feed and the view, so that a test has both in its hands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nbxfer.faces.panel.feed import Feed
from nbxfer.faces.panel.widget import Panel
from tests.faces.jupyter import browser
from tests.faces.panel_desk import PanelDesk

_BARE = """async ([script, looks]) => {
    const style = document.createElement("style"), traits = { uid: "u", only: "", control: false }, ears = {};
    style.textContent = looks; document.head.append(style);
    window.told = []; // what the page says to the kernel
    window.model = { get: (name) => traits[name], on: (name, ear) => { ears[name] = ear; }, off: () => {},
        send: (content) => { told.push(content); }, widget_manager: {} };
    window.hear = (said) => {
        for (const [content, body] of said) ears["msg:custom"](content, [new TextEncoder().encode(body)]);
    };
    window.panel = (await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })))).default;
    window.place = document.body.appendChild(document.createElement("div"));
}"""


class Bare:
    """A page with the script, and the feed of a desk; ``step`` passes on what the feed has to say."""

    def __init__(self, page: Any, desk: PanelDesk) -> None:
        self.page, self._desk = page, desk
        self._said: list[tuple[dict[str, Any], str]] = []
        self._now = 1000.0
        self.feed = Feed(desk, lambda content, buffers: self._said.append((content, buffers[0].decode())), self._clock)
        page.evaluate(_BARE, [str(Panel._esm), str(Panel._css)])

    def _clock(self) -> float:
        return self._now

    def says(self, seconds: float = 1.0) -> list[tuple[dict[str, Any], str]]:
        """Let time go by for the feed; give what it says meanwhile, for ``hear`` in the page."""
        end = self._now + seconds
        while self._now < end:
            self.feed.step()
            self._now += 0.05
        said, self._said = self._said, []
        return said

    def begin(self) -> None:
        """Show the panel, and let the page hear everything."""
        self.page.evaluate("() => { panel.initialize({ model }); panel.render({ model, el: place }); }")
        self.feed.hello("somebody")
        self.page.evaluate("(said) => hear(said)", self.says())

    def again(self) -> list[tuple[dict[str, Any], str]]:
        """Give what the feed says when nothing but a figure has changed: no row is told anew."""
        (snapshot, *_) = self.feed.shown()
        self._desk.change(snapshot.id, snapshot.phase, received=snapshot.received + 1)
        return self.says(0.2)


@contextmanager
def bare(desk: PanelDesk, width: int = 900, height: int = 700) -> Iterator[Bare]:
    """Give a page that shows what this desk does."""
    with browser(width, height) as page:
        yield Bare(page, desk)
