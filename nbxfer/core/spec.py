"""What was asked for: the part of an operation that does not change by itself. Nothing in it is secret."""

from __future__ import annotations

import msgspec

from nbxfer.core.policy import Patience, Retry


class Spec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request as accepted.

    ``url`` is the stored form (no userinfo, no secret parameters); ``needs`` names what was cut out or lives in
    memory only ("url", "userinfo", "auth", "header X-Api-Key" …): after a restart these have to be given again.
    ``destination`` is absolute. ``identity`` is what a re-run is recognised by.
    """

    kind: str
    url: str
    destination: str
    identity: str
    needs: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, str], ...] = ()  # ("auth", "env:HF_TOKEN"): where a secret is to be found
    checksum: str | None = None  # "sha256:hex"
    if_exists: str = "revalidate"
    recoverable: tuple[int, ...] = ()
    verify: bool | str = True
    expect_size: int | None = None
    priority: int = 0
    retry: Retry = Retry()
    patience: Patience = Patience()
    notebook: str = ""
    app: str = ""
