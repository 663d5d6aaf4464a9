"""What is asked of Google's JSON API, through gcsfs: its end point, its credentials; and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from nbxfer.errors import AccessDenied, DestinationExists, TransferError
from nbxfer.sinks.far import Bytes, Cut, Stop
from nbxfer.sinks.objects import LONG, SHORT, StoreObject
from nbxfer.wire import storing
from nbxfer.wire.access import Access
from nbxfer.wire.filesystems import instance


class GcsPlace(StoreObject):
    """One name in a bucket. ``mark`` names this upload among all."""

    def __init__(self, access: Access, mark: str) -> None:
        super().__init__(access, mark)
        self._fs: Any = None
        self._bucket = self._key = ""

    # -- asking ------------------------------------------------------------------------------------------------------
    def _made(self) -> Any:
        with self._making:
            if self._fs is None:
                fs, path = instance(self._access.url, self._access.storage)
                self._bucket, self._key, _ = fs.split_path(path)
                self._fs = fs
            return self._fs

    def _run(self, make: Callable[[Any], Coroutine[Any, Any, Any]], stop: Stop | None, within: float = SHORT) -> Any:
        """Give what the service answers. Raises TransferError, Cut."""
        try:
            fs = self._made()
            return storing.call(storing.loop_of(fs), lambda: make(fs), stop, within)
        except storing.GivenUp:
            raise Cut from None
        except TransferError:
            raise
        except FileExistsError:  # what its client makes of a precondition that does not hold
            raise DestinationExists(f"{self.shown} is there already.", hint="Give another destination.") from None
        except Exception as error:  # noqa: BLE001 (the client raises what it likes)
            if type(error) is OSError and str(error).startswith("Forbidden"):
                raise AccessDenied(
                    f"{self.shown} may not be written.",
                    http_status=403,
                    hint="Give credentials that may, or ask for them.",
                ) from None
            raise storing.translate(error, self.shown) from None

    def _ask(self, method: str, path: str, *args: str, stop: Stop | None, within: float = SHORT, **given: Any) -> Any:
        return self._run(lambda fs: fs._call(method, path, *args, json_out=True, **given), stop, within)

    def _upload(self, kind: str, data: Bytes, stop: Stop, **given: Any) -> Any:
        bucket = "b/{}/o"
        place = f"{self._made()._location}/upload/storage/v1/{bucket}"
        return self._ask("POST", place, self._bucket, stop=stop, within=LONG, uploadType=kind, data=data, **given)
