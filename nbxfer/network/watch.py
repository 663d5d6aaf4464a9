"""One picture of the surroundings, from everybody who sees something of them; news of it when it changes."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from nbxfer.core.surroundings import Machine, NetworkConnectivity, Surroundings, View, combined
from nbxfer.network import machine
from nbxfer.network.base import Provider
from nbxfer.network.budget import Budget
from nbxfer.network.macos import MacOS
from nbxfer.network.networkmanager import OverTheBus
from nbxfer.network.routes import Routes
from nbxfer.network.windows import Windows

log = logging.getLogger("nbxfer")

#: How long a first look may take before bytes move all the same (seconds).
FIRST_LOOK: Final = 1.0


class Limits(msgspec.Struct, frozen=True):
    """What counts as short: percent of charge, bytes of memory, and bytes a month; 0 and None for never."""

    battery: int = 0
    memory: int = 0
    budget: int | None = None


class Watch:
    """Keeps the providers. ``said`` is a person's own word, which goes before what anybody sees."""

    def __init__(
        self,
        home: Path | None = None,
        limits: Limits | None = None,
        said: tuple[str, View] | None = None,
        providers: Callable[[], Sequence[Provider]] | None = None,
    ) -> None:
        self.limits, self._said = limits if limits is not None else Limits(), said
        self._budget = Budget(home) if home is not None and self.limits.budget is not None else None
        self._make = providers if providers is not None else everybody
        self._lock = threading.RLock()
        self._views: dict[str, View] = {}
        self._machine = Machine()
        self._providers: list[Provider] = []
        self._awaited: set[str] = set()  # providers that have not told anything yet
        self._tell: Callable[[Surroundings], None] = lambda seen: None
        self._last: Surroundings | None = None
        self._looked = threading.Event()
        self._begun = False

    # -- beginning and end ---------------------------------------------------------------------------------------
    def start(self, tell: Callable[[Surroundings], None]) -> None:
        """Begin to look; ``tell`` is called with each new picture, on any thread."""
        with self._lock:
            before, self._begun = self._providers, True
            self._tell, self._last = tell, None
            self._looked.clear()
            self._providers = [p for p in self._make() if p.here]
            self._awaited = {p.name for p in self._providers}
        for provider in before:
            provider.close()
        for provider in self._providers:
            run = contextvars.Context().run  # no cell's output is kept alive by it
            threading.Thread(
                target=run, args=(self._watch, provider), name=f"nbxfer-{provider.name}", daemon=True
            ).start()
        self._news()

    def begin(self) -> None:
        """See to it that somebody looks, whether or not anybody is told."""
        with self._lock:
            begun, self._begun = self._begun, True
        if not begun:
            self.start(lambda seen: None)

    def wait(self, seconds: float) -> None:
        """Wait until everybody has looked once, for so many seconds at most."""
        self._looked.wait(seconds)

    def _watch(self, provider: Provider) -> None:
        try:
            provider.watch(lambda view: self._heard(provider.name, view))
        except Exception:
            log.exception("looking at the network by way of %s failed; please report this", provider.name)
        finally:
            self._heard(provider.name, self._views.get(provider.name, View()))

    def close(self) -> None:
        """Look no more."""
        with self._lock:
            providers, self._providers = self._providers, []
            self._begun = False
            self._tell = lambda seen: None
        for provider in providers:
            provider.close()
        self.note()

    def glance(self, within: float = FIRST_LOOK) -> Surroundings:
        """Look once, for at most so many seconds, and give what is seen."""
        self.start(lambda seen: None)
        try:
            self._looked.wait(within)
            self.look_at_machine()
            return self.seen
        finally:
            self.close()

    @property
    def looked(self) -> bool:
        """Whether everybody who can see something has told it once."""
        return not self._awaited

    # -- what is seen --------------------------------------------------------------------------------------------
    def _heard(self, name: str, view: View) -> None:
        with self._lock:
            self._views[name] = view
            self._awaited.discard(name)
        self._news()

    def say(self, who: str, view: View | None) -> None:
        """Let a person's word count before everything that is seen; None takes it back."""
        with self._lock:
            self._said = (who, view) if view is not None else None
        self._news()

    @property
    def counts(self) -> bool:
        """Whether there is a budget, for which bytes are counted."""
        return self._budget is not None

    def spent(self, n: int) -> bool:
        """Count bytes that have come; say whether it is time for a ``note``."""
        if self._budget is None:
            return False
        due = self._budget.add(n)
        self._news()
        return due

    def note(self) -> None:
        """Write down what was counted, and see what the others have. Touches the disk."""
        if self._budget is not None:
            self._budget.note()
            self._news()

    def look_at_machine(self) -> None:
        """Look at charge and memory; costs a few system calls."""
        seen = machine.look(self.limits.battery, self.limits.memory)
        with self._lock:
            self._machine = seen
        self._news()

    @property
    def seen(self) -> Surroundings:
        """The picture at this moment."""
        with self._lock:
            views: dict[str, View] = {}
            if self._said is not None:
                views[self._said[0]] = self._said[1]
            routes = self._views.get(Routes.name, View())
            if routes.connectivity is NetworkConnectivity.NONE:  # else it is only a guess: others know better
                views[Routes.name] = routes
            views.update({n: v for n, v in self._views.items() if n != Routes.name})
            views.setdefault(Routes.name, routes)
            used = self._budget.used if self._budget is not None else 0
            return combined(views, self._machine, used, self.limits.budget)

    def _news(self) -> None:
        """Tell, where the picture, or that everybody has looked, is new."""
        with self._lock:
            seen, tell = self.seen, self._tell
            first = not self._awaited and not self._looked.is_set()
            if first:
                self._looked.set()
            if seen == self._last and not first:
                return
            self._last = seen
        tell(seen)


def everybody() -> list[Provider]:
    """Give every provider there is, in the order of trust."""
    return [OverTheBus(), Windows(), MacOS(), Routes()]
