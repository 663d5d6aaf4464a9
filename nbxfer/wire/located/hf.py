"""The Hugging Face Hub: a file of one commit. Its server sends on to a content network, where no token goes."""

from __future__ import annotations

from typing import Any

from nbxfer.wire.located.base import SIGNED_FOR, Located, Wish, asked, over_http


def locate(wish: Wish) -> Located:
    """See Locate. The revision is looked up once, so that all requests of one source are for one commit."""

    def find(fs: Any, path: str) -> tuple[str, dict[str, str]]:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils._headers import build_hf_headers

        headers = build_hf_headers(token=fs.token)
        told = {"Authorization": headers["authorization"]} if "authorization" in headers else {}
        told.update({"Authorization": headers["Authorization"]} if "Authorization" in headers else {})
        found = fs.resolve_path(path)
        if not hasattr(found, "repo_id"):
            return str(fs.url(path)), told
        commit = fs._api.repo_info(found.repo_id, repo_type=found.repo_type, revision=found.revision).sha
        url = hf_hub_url(
            found.repo_id, found.path_in_repo, repo_type=found.repo_type, revision=commit, endpoint=fs.endpoint
        )
        return str(url), told

    url, headers = asked(wish.access, wish.tick, find)
    return Located(over_http(wish.access, url, tuple(headers.items())), SIGNED_FOR)
