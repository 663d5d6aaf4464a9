"""``Prefetcher``: what will be wanted is fetched ahead, while nobody waits for anything, into the cache of ``fetch``.

Windows' ContentPrefetcher: up to 40 URIs, or one URL of a list of them; those given directly go first. It gives no
guarantee: what fails is logged, and fetched when it is asked for.
"""

from __future__ import annotations

import html
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from nbxfer.core.phases import Phase
from nbxfer.core.snapshot import Snapshot
from nbxfer.core.url import safe_url
from nbxfer.errors import InvalidRequest, TransferError
from nbxfer.session import fetching, kernel
from nbxfer.session import options as wording
from nbxfer.session.checks import shown
from nbxfer.session.operation import Operation
from nbxfer.session.proofs import web_url

if TYPE_CHECKING:
    from nbxfer.session.desk import Session

log = logging.getLogger("nbxfer")

#: Windows' ContentPrefetcher.ContentUris takes no more.
MOST: Final = 40
#: The longest list that is read (bytes), and how long it is waited for (seconds).
LIST: Final = 256 * 1024
PATIENCE: Final = 60.0
#: Nobody wants anything else for this long (seconds) before it begins, and it looks this often.
QUIET: Final = 2.0
LOOK_EVERY: Final = 0.5

_MOVING: Final = (Phase.QUEUED, Phase.PROBING, Phase.RUNNING)


class Prefetcher:
    """Fetches ahead, in the background, with low priority, one after the other, whenever nothing else moves.

    ``uris`` are up to 40 URLs; ``list_url`` is the URL of a text with one a line, or of Windows' XML of them. What it
    has fetched is where ``fetch`` looks for it; ``options`` are those of ``fetch``. ``start=False`` waits for
    ``start()``. It begins after ``quiet`` seconds in which no other transfer of this session wanted to move, and holds
    while one does.
    """

    def __init__(
        self,
        uris: Iterable[str] | str = (),
        list_url: str | None = None,
        *,
        session: Session | None = None,
        quiet: float = QUIET,
        start: bool = True,
        **options: Any,
    ) -> None:
        if isinstance(uris, str):
            uris = [uris]
        given: Any = uris
        span: Any = quiet
        if not isinstance(given, Iterable):
            raise InvalidRequest(f"uris is of type {type(uris).__name__}, not URLs.", hint="Give a list of them.")
        if isinstance(span, bool) or not isinstance(span, int | float) or not 0 <= span <= threading.TIMEOUT_MAX:
            raise InvalidRequest(f"quiet={shown(quiet)} is no span of time.", hint="Give seconds.")
        given = list(dict.fromkeys(web_url(uri) for uri in given))
        if len(given) > MOST:
            raise InvalidRequest(f"These are {len(given)} URLs, and {MOST} are the most.", hint="Give a list_url.")
        if not given and list_url is None:
            raise InvalidRequest("There is nothing to fetch ahead.", hint="Give URLs, or the URL of a list of them.")
        wording.read(options, "Prefetcher")
        self.uris, self.list_url = given, None if list_url is None else web_url(list_url)
        self.quiet, self.options = quiet, options
        self._session = session if session is not None else kernel.default()
        self._leave = threading.Event()
        self._thread: threading.Thread | None = None
        self._operation: Operation | None = None
        #: Unix time at which the last of them was found right in the cache; None before.
        self.last_success: float | None = None
        self.failed: dict[str, str] = {}
        if start:
            self.start()

    def start(self) -> None:
        """Begin, where it has not."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="nbxfer-prefetch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; what has come of the one under way is kept."""
        self._leave.set()

    @property
    def done(self) -> bool:
        """Whether it has looked at all of them."""
        return self._thread is not None and not self._thread.is_alive()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has looked at all of them; say whether it has (seconds)."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self.done

    def __repr__(self) -> str:
        return f"<Prefetcher of {len(self.uris)} URLs{' and a list' if self.list_url else ''}>"

    # -- on its own thread ---------------------------------------------------------------------------------------
    def _run(self) -> None:
        try:
            if self.list_url is not None and self._idle():
                self.uris += self._listed(self.list_url)
            for uri in self.uris:
                if not self._idle():
                    return
                self._fetch(uri)
        except TransferError as error:
            self.failed[safe_url(self.list_url or "")] = str(error)
            log.warning("fetching ahead has ended: %s", error)
        except Exception:
            log.exception("fetching ahead failed; please report this")

    def _idle(self) -> bool:
        """Wait until nothing else wants to move for a while; False when it is to end."""
        since: float | None = None
        while not self._leave.is_set():
            now = time.monotonic()
            since = None if self._busy() else since if since is not None else now
            if since is not None and now - since >= self.quiet:
                return True
            self._leave.wait(min(LOOK_EVERY, self.quiet) or 0.01)
        return False

    def _busy(self) -> bool:
        own = self._operation.id if self._operation is not None else ""
        return any(_wants(shown) for shown in self._session.board.all() if shown.id != own)

    def _fetch(self, uri: str) -> None:
        try:
            given = {**self.options, "priority": "low"}
            checksum, name = given.pop("checksum", None), given.pop("name", None)
            begun = fetching.begun(self._session, uri, checksum, name, None, given)
            if isinstance(begun, Operation):
                self._operation = begun
                self._watch(begun)
                if not begun.done():
                    return
                begun.result(0)
            self.last_success = time.time()
        except (TransferError, TimeoutError) as error:
            self.failed[safe_url(uri)] = str(error)
            log.info("%s could not be fetched ahead: %s", safe_url(uri), error)
        finally:
            self._operation = None

    def _watch(self, operation: Operation) -> None:
        """Wait for one; hold it while something else wants to move."""
        held = False
        while not operation.done():
            wanted = self._leave.is_set() or self._busy()
            if wanted is not held and self._steer(operation.pause if wanted else operation.resume):
                held = wanted
            if self._leave.wait(LOOK_EVERY / 5):
                self._steer(operation.pause)
                return

    def _steer(self, verb: Callable[[], object]) -> bool:
        try:
            verb()
        except TransferError:  # it has moved on
            return False
        return True

    def _listed(self, url: str) -> Sequence[str]:
        """Give the URLs of a list: a line each, # begins a note; or an XML of <uri> elements, as Windows has it."""
        path = fetching.fetch(self._session, url, None, None, None, False, PATIENCE, {"max_size": LIST})
        text = path.read_text("utf-8-sig", "replace")
        if text.lstrip().startswith("<"):
            found = [
                html.unescape(uri.strip()) for uri in re.findall(r"<uri>([^<]{1,8192})</uri>", text, re.IGNORECASE)
            ]
        else:
            found = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        good: list[str] = []
        for uri in dict.fromkeys(found):
            try:
                good.append(web_url(uri))
            except InvalidRequest as error:
                self.failed[safe_url(uri)] = str(error)
        return [uri for uri in good if uri not in self.uris][: MOST - len(self.uris)]


def _wants(shown: Snapshot) -> bool:
    return shown.owner == "ours" and shown.phase in _MOVING
