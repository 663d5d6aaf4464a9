"""The part of a request that may be written down."""

from __future__ import annotations

from typing import Final

import msgspec

from nbxfer.core import url as urls
from nbxfer.core.policy import Patience, Retry
from nbxfer.core.spec import Spec
from nbxfer.session.request import Request, Seat
from nbxfer.wire.access import Access
from nbxfer.wire.headers import split_headers

_USUAL: Final = Retry()
_PATIENCE: Final = Patience()


class Specs:
    """Makes the specs of one call: what is the same for all files of a server is decided once."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._of_servers: dict[tuple[str, int], Spec] = {}

    def of(self, request: Request, access: Access, target: Access | None = None) -> Spec:
        """Give the spec of a request. Requests that name the same ``server`` have one ``access``, and no target."""
        if not request.server:
            return _spec(request, access, self._seat, target)
        key = request.server, id(request.options)
        known = self._of_servers.get(key)
        if known is None:
            known = self._of_servers[key] = _spec(request, access, self._seat, target)
        proof = request.proof
        return msgspec.structs.replace(
            known,
            url=request.url,
            destination=request.destination,
            identity=request.identity,
            checksum=proof.checksum,
            checksum_at=proof.listed_at,
            believe=proof.believe,
            naming=request.naming,
        )


def _spec(request: Request, access: Access, seat: Seat, target: Access | None = None) -> Spec:
    """Give the part of a request that may be written down."""
    options, proof = request.options, request.proof
    stored, cut = urls.stored_url(request.url, options.secret_query)
    if request.target:
        cut = (*cut, *urls.stored_url(request.target, options.secret_query)[1])
        cut = (*cut, *(target.needs if target is not None else ()))
        cut = (*cut, *(("parts",) if request.form is not None else ()))
    patience = _PATIENCE
    if options.timeout is not None:
        patience = msgspec.structs.replace(patience, connect=options.timeout, response=options.timeout)
    return Spec(
        kind=request.kind,
        url=stored,
        destination=request.destination,
        identity=request.identity,
        needs=tuple(dict.fromkeys((*cut, *access.needs))),
        headers=split_headers(access.headers)[0],
        references=access.references,
        checksum=proof.checksum,
        checksum_at=proof.listed_at,
        believe=proof.believe,
        naming=request.naming,
        if_exists=options.if_exists,
        recoverable=options.recoverable,
        mirrors=tuple(urls.stored_url(mirror, options.secret_query)[0] for mirror in request.mirrors),
        refresh=options.refresh if isinstance(options.refresh, str) else "memory" if options.refresh else "",
        verify=access.verify,
        cert=access.cert,
        proxy=access.proxy,
        trust_env=access.trust_env,
        http2=access.http2,
        expect_size=options.expect_size,
        max_size=options.max_size,
        preserve_mtime=options.preserve_mtime,
        random_access=options.random_access,
        storage=access.storage.stored if access.storage is not None else "",
        method=options.method or ("POST" if request.form is not None else ""),
        content_type=options.content_type,
        target=target.storage.stored if target is not None and target.storage is not None else "",
        connections=options.connections,
        bandwidth=options.bandwidth,
        not_before=options.not_before,
        deadline=options.deadline,
        priority=options.priority,
        group=options.group or "",
        cost_policy=options.cost_policy,
        retry=options.retry or _USUAL,
        patience=patience,
        notebook=seat.notebook,
        app=seat.app,
    )
