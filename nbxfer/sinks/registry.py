"""Which sink speaks for a URL. The one place that knows every kind of them; each is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nbxfer.core import stores
from nbxfer.core.spec import Spec
from nbxfer.sinks.far import Far
from nbxfer.wire.access import Access

#: Gives the sink of a way in, for the operation of that id.
Maker = Callable[[Access, str, Spec], Far]


def for_access(access: Access, op_id: str, spec: Spec) -> Far:
    """Give the sink that ``access`` leads to, for one operation. Asks nobody."""
    return _MAKERS.get(stores.scheme(access.url), _filesystem)(access, op_id, spec)


def _s3(access: Access, op_id: str, _spec: Spec) -> Far:
    from nbxfer.sinks.s3 import S3Object

    return S3Object(access, op_id)


def _filesystem(access: Access, op_id: str, _spec: Spec) -> Far:
    from nbxfer.sinks.filesystem import FilesystemObject

    return FilesystemObject(access, op_id)


#: By scheme; whatever is not here is written through fsspec, from its beginning to its end.
_MAKERS: Final[dict[str, Maker]] = {"s3": _s3, "s3a": _s3}
