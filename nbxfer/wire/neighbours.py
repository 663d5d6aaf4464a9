"""Whether two places lie in one store, as far as one person with one set of credentials sees it. Asks nobody."""

from __future__ import annotations

from typing import Final

from nbxfer.core import stores
from nbxfer.wire.access import Access
from nbxfer.wire.storage import Storage

#: Here the host is a part of the URL: two hosts are two stores. (Of the others, options say where the store is.)
_HOSTS: Final = frozenset(stores.HOSTED)


def one_store(one: Access, other: Access) -> bool:
    """Say whether what the two name is in one store, and is asked for in the same way by both.

    False is always safe: the bytes then come and go. So what is not surely the same counts as different.
    """
    if not (stores.is_store(one.url) and stores.is_store(other.url)):
        return False
    if len(stores.links(one.url)) > 1 or len(stores.links(other.url)) > 1:
        return False
    kind, kind_too = (stores.SAME.get(name, name) for name in (stores.scheme(one.url), stores.scheme(other.url)))
    if kind != kind_too or one.credential != other.credential:
        return False
    if stores.scheme(one.url) in _HOSTS and stores.place(one.url)[1:] != stores.place(other.url)[1:]:
        return False
    return (one.storage or Storage()).is_that_of(other.storage or Storage())
