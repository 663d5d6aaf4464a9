"""What was asked for: the part of an operation that does not change by itself. Nothing in it is secret."""

from __future__ import annotations

import msgspec

from nbxfer.core.policy import Patience, Retry


class Spec(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One request as accepted.

    ``kind`` is "download", "upload" (from this machine) or "copy". ``url`` is the stored form (no userinfo, no secret
    parameters); ``needs`` names what was cut out or lives in memory only ("url", "userinfo", "auth", "header
    X-Api-Key" …): after a restart these have to be given again. ``destination`` is an absolute path, or the stored form
    of a URL. ``identity`` is what a re-run is recognised by. ``references`` say where secrets are
    to be found: ("auth", "env:HF_TOKEN"), ("proxy_auth", "keyring:NAME"), ("cookies", "file:/path").
    """

    kind: str
    url: str
    destination: str
    identity: str
    needs: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    checksum: str | None = None  # "sha256:hex"
    checksum_at: str | None = None  # URL (stored form) of a file of checksums, in which this file has a line
    believe: bool = True  # hold the file against the digest that the server tells, where there is no other
    naming: str = "url"  # "server", "auto": the server's name may take the place of the destination's
    if_exists: str = "revalidate"
    recoverable: tuple[int, ...] = ()
    mirrors: tuple[str, ...] = ()  # URLs (stored form) of the same file elsewhere, in the order of trying
    refresh: str = ""  # "module:function" gives a new URL or credentials; "memory": a callable that cannot be stored
    verify: bool | str = True
    cert: tuple[str, ...] = ()  # paths of a client certificate and perhaps its key; a password is in needs
    proxy: str | None = None  # without userinfo; "": none, whatever the environment says
    trust_env: bool = True
    http2: bool = False
    expect_size: int | None = None
    max_size: int | None = None
    preserve_mtime: bool = False
    random_access: bool = False
    connections: int | None = None  # at most; None: the session's
    bandwidth: int | None = None  # bytes a second
    not_before: float | None = None  # Unix time before which it gets no turn; None once that has come
    deadline: float | None = None  # Unix time after which it has failed
    storage: str = ""  # options of a store that are no secret, or say where one is to be found (JSON)
    adopted: bool = False  # its first part came from somebody else: its version is known by its bytes only
    priority: int = 0
    group: str = ""  # the name of the group that it is in
    place: float | None = None  # where it stands in its group; None: by the time of its making
    cost_policy: int | None = None  # Windows' integers; None: the session's
    unconstrained: bool = False  # a person let it go on with a low battery, too
    retry: Retry = Retry()
    patience: Patience = Patience()
    notebook: str = ""
    app: str = ""
    method: str = ""  # of an upload to a server of the web: PUT or POST
    content_type: str = ""
    target: str = ""  # the same of the store that a copy goes to; of an upload it is storage

    @property
    def far(self) -> bool:
        """Whether it lands in a store or on a server, not in a file of this machine."""
        return "://" in self.destination

    @property
    def asked(self) -> str:
        """The URL of whose server is asked most: that of the far side which is written to, else the source's."""
        return self.destination if self.far else self.url
