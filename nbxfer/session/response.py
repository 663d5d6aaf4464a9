"""What the server answered, as far as it may be shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from nbxfer.core.snapshot import Snapshot


class Headers(Mapping[str, str]):
    """Headers of an answer, by their names in any case; repeated ones are joined (RFC 9110 §5.2)."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            self._values[key] = f"{self._values[key]}, {value}" if key in self._values else value

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({self._values!r})"


class Response:
    """The newest answer with a body: ``status``, ``headers``, and the ``url`` that gave it, without its query.

    ``headers`` are those only that are known to carry no secret. ``resumable`` says whether the server gives parts.
    ``response["Content-Type"]`` is short for ``response.headers["Content-Type"]``.
    """

    __slots__ = ("headers", "resumable", "status", "url")

    def __init__(self, url: str, status: int, headers: Headers) -> None:
        self.url, self.status, self.headers = url, status, headers
        self.resumable = status == 206 or headers.get("accept-ranges", "").strip().lower() == "bytes"

    def __getitem__(self, name: str) -> str:
        return self.headers[name]

    def __repr__(self) -> str:
        return f"<Response {self.status} from {self.url}{', resumable' if self.resumable else ''}>"


def response_of(shown: Snapshot) -> Response | None:
    """Give the answer that a snapshot knows of; None before there was one."""
    if shown.http_status is None:
        return None
    return Response(shown.final_url or shown.source, shown.http_status, Headers(shown.response))
