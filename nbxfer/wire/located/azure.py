"""Azure Blob Storage: Get Blob, with a shared access signature of our own, one that was given, or a bearer token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from nbxfer.wire.bridge import awaited
from nbxfer.wire.located.base import SIGNED_FOR, Located, Wish, asked, over_http

#: The version of the service's language that is spoken (ranges up to the whole blob, If-Match, Content-MD5).
_VERSION = ("x-ms-version", "2021-12-02")
_SCOPE = "https://storage.azure.com/.default"


def locate(wish: Wish) -> Located:
    """See Locate."""

    def find(fs: Any, path: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        container, blob, version = fs.split_path(path)
        client = fs.service_client.get_blob_client(container, blob)
        url = str(client.url)
        if version:
            url += f"{'&' if urlsplit(url).query else '?'}versionid={version}"
        key = _key(client.credential)
        if key is not None:
            url += f"{'&' if urlsplit(url).query else '?'}{_signature(client, container, blob, version, key)}"
        elif hasattr(client.credential, "get_token"):
            token = client.credential.get_token(_SCOPE)
            found = awaited(token, fs.loop, wish.tick) if hasattr(token, "__await__") else token
            return url, (_VERSION, ("Authorization", f"Bearer {found.token}"))
        return url, (_VERSION,)

    url, headers = asked(wish.access, wish.tick, find)
    return Located(over_http(wish.access, url, headers))


def _key(credential: Any) -> str | None:
    if isinstance(credential, Mapping):
        return str(credential.get("account_key"))
    found = getattr(credential, "account_key", None)
    return str(found) if found is not None else None


def _signature(client: Any, container: str, blob: str, version: str | None, key: str) -> str:
    from azure.storage.blob import BlobSasPermissions, generate_blob_sas

    until = datetime.now(UTC) + timedelta(seconds=SIGNED_FOR)
    return str(
        generate_blob_sas(
            account_name=client.account_name,
            container_name=container,
            blob_name=blob,
            version_id=version,
            account_key=key,
            permission=BlobSasPermissions(read=True),
            expiry=until,
        )
    )


def settings(found: Any) -> Any:
    """Give what is said of the bytes of a blob, as a copy of it is told; not their MD5, which nobody has checked."""
    from azure.storage.blob import ContentSettings

    had = found.content_settings
    return ContentSettings(
        had.content_type, had.content_encoding, had.content_language, had.content_disposition, had.cache_control
    )


def bound(tag: str) -> dict[str, Any]:
    """Give the condition under which a version is copied in one request."""
    from azure.core import MatchConditions

    return {"source_etag": tag, "source_match_condition": MatchConditions.IfNotModified}
