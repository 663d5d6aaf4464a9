"""How small files are asked for by another process: what holds for one holds, for a moment, for others beside it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from nbxfer.core.url import plain_server
from nbxfer.sources.briefly import HOLDS, Briefly

if TYPE_CHECKING:
    from nbxfer.core.policy import Patience
    from nbxfer.core.spec import Spec
    from nbxfer.sources.brief import Passage
    from nbxfer.wire.access import Access
    from nbxfer.wire.pool import Pool

#: Paths that are sent as they are written, whoever looks at them.
_PLAIN: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+")


class Passages:
    """Asks Briefly, and remembers its last answer. One thread's own, but for ``pool``."""

    def __init__(self, pool: Pool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._clock = pool, clock
        self._briefly = Briefly(pool, clock)
        self._last: tuple[Access, Patience, Passage, float] | None = None

    def of(self, spec: Spec, common: Access | None, access: Callable[[], Access]) -> Passage | None:
        """Give the way to ask for what ``access`` leads to; None where it is no matter of a plain GET.

        ``common`` is what the way in to all files of a server was made of, where there is such a thing.
        """
        server = plain_server(spec.url) if common is not None else ""
        path = spec.url[len(server) :]
        plain = bool(server) and _PLAIN.fullmatch(path) is not None
        if plain and (last := self._last) is not None and self._pool.frequency.rate is None:
            was, patience, passage, until = last
            same = was is common and passage.text == server and patience == spec.patience
            if same and self._clock() < until:
                return passage._replace(path=path)
        found = self._briefly.passage(access(), spec.patience)
        self._last = None
        if plain and common is not None and found is not None and found.prepared is not None and found.text == server:
            self._last = common, spec.patience, found, self._clock() + HOLDS
        return found
