"""URLs of stores: what of them may be shown and stored, and which two are the same."""

from __future__ import annotations

import pytest

from nbxfer.core import stores
from nbxfer.core import url as urls


@pytest.mark.parametrize(
    ("url", "yes"),
    [
        ("s3://b/k", True),
        ("https://h/a::b://c", False),
        ("zip://a::https://h/x", True),
        ("simplecache::s3://b/k", True),
        ("/a/path", False),
        ("S3://b/k", True),
    ],
)
def test_store(url: str, *, yes: bool) -> None:
    """A URL is a store's when its scheme is not of the web; of a chain the first link counts."""
    assert stores.is_store(url) is yes


@pytest.mark.parametrize(
    ("url", "safe", "stored", "needs"),
    [
        ("s3://Bucket/a b?c#d%20", "s3://Bucket/a b?…", "s3://Bucket/a b?c#d%20", ()),
        ("abfs://box@account.host/k", "abfs://box@account.host/k", "abfs://box@account.host/k", ()),
        ("SFTP://u:canary@Host:22/p", "sftp://Host:22/p", "sftp://Host:22/p", ("userinfo",)),
        ("ftp://h", "ftp://h", "ftp://h", ()),
        ("s3://id:canary@b/k", "s3://b/k", "s3://b/k", ("userinfo",)),
        ("simplecache::memory://x", "simplecache::memory://x", "simplecache::memory://x", ()),
        (
            "zip://in.csv::https://u:p@h/a.zip?sig=canary&v=1",
            "zip://in.csv::https://h/a.zip?…",
            "zip://in.csv::https://h/a.zip?v=1",
            ("userinfo", "url"),
        ),
    ],
)
def test_forms(url: str, safe: str, stored: str, needs: tuple[str, ...]) -> None:
    """What is a person's own is cut out where a host is named; a key keeps every character."""
    assert urls.safe_url(url) == safe
    assert urls.stored_url(url) == (stored, needs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3a://B/k", "s3://B/k"),
        ("gcs://b/k", "gs://b/k"),
        ("sftp://u@HOST:22/p", "ssh://host/p"),
        ("zip://a::sftp://HOST/z", "zip://a::sftp://host/z"),
    ],
)
def test_same(one: str, other: str) -> None:
    """A store has several names; a host has no case, and a default port is none."""
    assert urls.identity(one) == urls.identity(other)


@pytest.mark.parametrize(
    ("one", "other"), [("s3://B/k", "s3://b/k"), ("hf://A/m", "hf://a/m"), ("s3://b/%61", "s3://b/a")]
)
def test_not_same(one: str, other: str) -> None:
    """The case of a bucket counts, and a % is a %."""
    assert urls.identity(one) != urls.identity(other)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("s3://b/k", ("s3", "b", 0)),
        ("ftp://u:p@h:2121/p", ("ftp", "h", 2121)),
        ("sftp://h/p", ("sftp", "h", 22)),
        ("zip://a::https://h/x", ("https", "h", 443)),
    ],
)
def test_place(url: str, where: tuple[str, str, int]) -> None:
    """Requests are counted for a host or a bucket; of a chain for the one that is asked in the end."""
    assert urls.origin(url) == where


def test_server() -> None:
    """The server of a chain is that of its last link."""
    assert urls.server("zip://a::sftp://h:22/x") == "sftp://h:22"


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("ftp://a%40b:c%3Ad@h/p", ("a@b", "c:d")),
        ("ftp://h/p@q", None),
        ("abfs://a@b/c", None),
        ("simplecache::x", None),
    ],
)
def test_userinfo(url: str, user: tuple[str, str] | None) -> None:
    """User and password stand before a host, percent-encoded; elsewhere an @ is an @."""
    assert stores.userinfo(url) == user


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3://b/a/x y.bin", "x y.bin"),
        ("s3://b/a/", ""),
        ("ftp://h", ""),
        ("memory://x", "x"),
        ("zip://in/f.csv::s3://b/z.zip", "f.csv"),
        ("simplecache::s3://b/k%20", "k%20"),
        ("simplecache::", ""),
    ],
)
def test_basename(url: str, name: str) -> None:
    """A file is called what its key ends in, as it is written."""
    assert urls.basename(url) == name


def test_scheme() -> None:
    """What has no scheme is no URL."""
    assert (stores.scheme("a/b"), stores.scheme("S3://b")) == ("", "s3")
