"""What a person says of a store beside its URL: options for fsspec, or a filesystem of their own. In memory only.

Which of the options may be written down is an allow-list: names that are known to say where something is and how it is
spoken to. Everything else is a secret, for nobody knows every backend. ``"env:NAME"`` and ``"keyring:…"`` are
references under any name: they are stored, and looked up when they are used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from nbxfer.core import stores
from nbxfer.errors import InvalidRequest
from nbxfer.wire.credentials import is_reference
from nbxfer.wire.lookup import look_up

#: Options that tell no secret.
PUBLIC: Final = frozenset(
    "access account_host account_name addressing_style anon anonymous base_url batch_size block_size cache_regions "
    "check_connection client_kwargs client_options config_kwargs connect_timeout consistency default_block_size "
    "default_cache_type default_fill_cache encoding endpoint endpoint_url fill_cache host known_hosts location_mode "
    "max_concurrency max_pool_connections port profile project read_timeout region region_name repo_type "
    "request_checksum_calculation requester_pays response_checksum_validation retries revision s3 share_access "
    "signature_version socket_timeout timeout tls total_max_attempts use_listings_cache use_ssl username user verify "
    "version_aware mode max_attempts target_protocol remote_protocol org repo sha branch".split()
)
#: Of these it depends on where a store is: two objects of one name in two of them are two objects.
PLACES: Final = frozenset(
    "account_host account_name base_url endpoint endpoint_url host port project region_name revision".split()
)
_LONGEST: Final = 8000


@dataclass(frozen=True, repr=False)
class Storage:
    """Options for a backend, as a person gave them, and perhaps the filesystem that is to be asked itself."""

    options: Mapping[str, Any] = field(default_factory=dict)
    filesystem: Any = None

    @property
    def stored(self) -> str:
        """What may be written down of it (JSON), "" for nothing."""
        kept = _public(self._all)
        return json.dumps(kept, sort_keys=True) if kept else ""

    @property
    def needs(self) -> tuple[str, ...]:
        """What has to be given again after a restart."""
        return () if _public(self._all) == self._all else ("storage_options",)

    @property
    def place(self) -> str:
        """What tells this store from another of its kind, "" where nothing was said."""
        found = sorted(_places(self._all))
        return ",".join(f"{name}={value}" for name, value in found)

    @property
    def _all(self) -> dict[str, Any]:
        own: Mapping[str, Any] = getattr(self.filesystem, "storage_options", None) or {}
        return {**{n: v for n, v in own.items() if n not in _OURS}, **self.options}

    def resolved(self) -> dict[str, Any]:
        """Give the options with every reference looked up. Raises NeedsAttention where one leads nowhere."""
        found: dict[str, Any] = _resolved(dict(self._all))
        return found

    def is_that_of(self, other: Storage) -> bool:
        """Say whether both say the same of a store; references count as they are written."""
        return self.filesystem is other.filesystem and dict(self._all) == dict(other._all)

    def __repr__(self) -> str:
        return f"<Storage of {len(self.options)} options{', a filesystem' if self.filesystem is not None else ''}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Storage is never stored: it holds secrets")


#: What fsspec or we say to an instance, not the person.
_OURS: Final = ("loop", "asynchronous", "skip_instance_cache", "use_listings_cache")


def _public(options: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, str) and is_reference(value):
            kept[name] = value
        elif name not in PUBLIC:
            continue
        elif isinstance(value, Mapping):
            kept[name] = _public(value)
        elif value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and _harmless(value)):
            kept[name] = value
    return kept


def _harmless(text: str) -> bool:
    return len(text) <= 1000 and not ("@" in text and "://" in text) and "?" not in text


def _places(options: Mapping[str, Any]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for name, value in _public(options).items():
        if isinstance(value, Mapping):
            found |= _places(value)
        elif name in PLACES and value is not None:
            found.add((name, str(value)))
    return found


def _resolved(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _resolved(inner) for name, inner in value.items()}
    return look_up(value) if isinstance(value, str) and is_reference(value) else value


def read_storage(url: str, options: object, filesystem: object) -> Storage | None:
    """Give what was said of the store of ``url``; None for a web URL. Raises InvalidRequest."""
    if not stores.is_store(url):
        if options is not None or filesystem is not None:
            raise InvalidRequest(
                "storage_options= and filesystem= are for stores (s3://, sftp:// …), and this is a web URL.",
                hint="Use headers=, auth=, cookies= and the like.",
            )
        return None
    if options is not None and not (isinstance(options, Mapping) and all(isinstance(n, str) for n in options)):
        raise InvalidRequest(
            f"storage_options is of type {type(options).__name__}, not a dictionary of options.",
            hint="Give one like {'endpoint_url': 'https://host', 'anon': True}.",
        )
    if filesystem is not None and not all(hasattr(filesystem, name) for name in ("open", "info", "storage_options")):
        raise InvalidRequest(
            f"filesystem is of type {type(filesystem).__name__}, not one of fsspec's.",
            hint="Give what fsspec.filesystem(…) gives, or leave it out.",
        )
    given: Mapping[str, Any] = options if isinstance(options, Mapping) else {}
    _once(given)
    made = Storage(dict(given), filesystem)
    if getattr(filesystem, "asynchronous", False):  # it belongs to a loop that we are not in: one like it is made
        made = Storage(made._all)
    if len(made.stored) > _LONGEST:
        raise InvalidRequest("storage_options are too long to be remembered.", hint="Give those alone that are needed.")
    return made


#: What s3fs takes by a name of its own, and botocore, in client_kwargs, by its.
_TWICE: Final = {
    "endpoint_url": "endpoint_url", "key": "aws_access_key_id", "secret": "aws_secret_access_key",
    "token": "aws_session_token", "use_ssl": "use_ssl",
}  # fmt: skip


def _once(given: Mapping[str, Any]) -> None:
    """Refuse what is said twice, and not the same: nobody could say which of the two counts."""
    below = given.get("client_kwargs")
    if not isinstance(below, Mapping):
        return
    for name, other in _TWICE.items():
        if given.get(name) is not None and other in below and below[other] != given[name]:
            raise InvalidRequest(
                f"storage_options have {name}, and another {other} in client_kwargs.", hint="Give one of the two."
            )


def of_record(text: str) -> Storage:
    """Give what a record says of a store; nothing where it is not readable."""
    try:
        found = json.loads(text) if text and len(text) <= _LONGEST else {}
    except ValueError:
        found = {}
    return Storage(found if isinstance(found, dict) else {})
