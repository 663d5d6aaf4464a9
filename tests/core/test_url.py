"""Which URL may be shown, which may be stored, and which two are the same source."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from nbxfer.core.url import (
    CROSS_ORIGIN_HEADERS,
    SECRET_PARAMETERS,
    SHOWN,
    STORABLE_HEADERS,
    UNREADABLE,
    basename,
    guessed,
    identity,
    is_secret_parameter,
    origin,
    parse,
    plain_server,
    safe_url,
    stored_url,
)
from nbxfer.core.url import (
    server as server_of,
)
from nbxfer.errors import InvalidRequest

SECRET = "s3cr3tc4n4ry"
NAMES = sorted(p.replace("*", "Anything") for p in SECRET_PARAMETERS)

hosts = st.sampled_from(
    [
        "example.org",
        "EXAMPLE.org",
        "10.0.0.1",
        "[2001:db8::1]",
        "[fe80::1%25eth0]",
        "bücher.example",
        "a-b.c",
        "localhost",
    ]
)
ports = st.sampled_from(["", ":80", ":443", ":8080", ":"])
userinfos = st.sampled_from(
    ["", f"{SECRET}@", f"me:{SECRET}@", f"me%40x:{SECRET}@", f":{SECRET}@", f"a:b@{SECRET}@", "@"]
)
paths = st.text("abzAZ019/.-_~%+=:;,!$&'()*@ é\u202e", max_size=20).map(lambda p: "/" + p.replace(" ", "%20"))
harmless = st.tuples(st.sampled_from(["v", "q", "page", "a%20b", "é"]), st.text("az09%+", max_size=4)).map("=".join)
secrets = st.sampled_from([f"{n}={SECRET}" for name in NAMES for n in (name, name.upper(), name.lower())])
escaped = st.sampled_from(NAMES).map(lambda n: f"%{ord(n[0]):02x}{n[1:]}={SECRET}")
queries = st.lists(st.tuples(st.one_of(harmless, harmless, secrets, escaped), st.sampled_from("&;")), max_size=6).map(
    lambda fields: "".join(f + s for f, s in fields).rstrip("&;")
)


@st.composite
def urls(draw: st.DrawFn) -> str:
    scheme = draw(st.sampled_from(["http", "https", "HTTPS"]))
    query, fragment = draw(queries), draw(st.sampled_from(["", f"#{SECRET}"]))
    where = draw(userinfos) + draw(hosts) + draw(ports)
    return f"{scheme}://{where}{draw(paths)}{'?' + query if query else ''}{fragment}"


# -- safe --------------------------------------------------------------------------------------------------------------
@given(urls())
def test_safe_url_shows_no_secret(url: str) -> None:
    """No password, no value and no fragment is shown; scheme and host are."""
    safe = safe_url(url)
    assert SECRET not in safe
    assert "=" not in safe.partition("?")[2]
    assert safe.isprintable()
    assert safe == UNREADABLE or urlsplit(safe).hostname == urlsplit(url).hostname
    assert safe_url(safe) == safe


def _refusal(look: Callable[[str], object], url: str) -> InvalidRequest | None:
    try:
        look(url)
    except InvalidRequest as error:
        return error
    return None


@given(st.text(), st.text(max_size=5))
@example("//", "")
@example("http://[", "")
@example("http://[::1", "x")
@example("http://h:99999999/", "")
@example("\ud800", "\udfff")
@example("http://ⅷ℀/", "")  # the second sign has a slash in it when it is normalised
def test_nothing_but_invalid_request(text: str, more: str) -> None:
    """Whatever is given, it is shown in one printable line, or refused in words that do not repeat it."""
    for url in (
        text,
        f"http://{text}",
        f"http://h/{text}",
        f"http://u:{SECRET}{text}@h/{more}",
        f"http://h?{SECRET}{text}",
    ):
        safe = safe_url(url)
        assert len(safe) <= SHOWN
        assert not any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in safe)
        for look in (parse, origin, identity, stored_url, basename):
            refusal = _refusal(look, url)
            assert SECRET not in "".join(traceback.format_exception(refusal)[-1:] if refusal else "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/a/b.bin", "https://host/a/b.bin"),
        ("https://me:pw@host:8443/a?v=1#x", "https://host:8443/a?…"),
        ("https://HOST/A", "https://host/A"),
        ("https://me:pw@[2001:DB8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
        ("me:pw@host/a", UNREADABLE),  # no scheme: it was meant as userinfo
        ("https:/me:pw@host/a", UNREADABLE),
        ("https:\\\\me:pw@host\\a", UNREADABLE),
        ("https://me:p/w@host/a", UNREADABLE),  # a slash in the password makes it a port
        ("https://me:p?w@host/a", UNREADABLE),
        ("https://me:p#w@host/a", UNREADABLE),
        ("http://[::1", UNREADABLE),
        ("host/a?token=x", "host/a?…"),
        ("host/a#token", "host/a"),
        ("file:///home/me/a@b.txt", "file:///home/me/a@b.txt"),
        ("/home/me/a b@c.txt", "/home/me/a b@c.txt"),
        ("https://host/a\u202egpj.exe\x1b[31m", "https://host/a�gpj.exe�[31m"),
        ("https://host/" + "x" * 600, "https://host/" + "x" * (SHOWN - 13)),
        ("", ""),
    ],
)
def test_safe_url(url: str, shown: str) -> None:
    """Scheme, host and path are shown, on one line that steers nothing."""
    assert safe_url(url) == shown


# -- stored ------------------------------------------------------------------------------------------------------------
@given(urls())
def test_stored_url_has_no_secret(url: str) -> None:
    """What is stored has no userinfo, no fragment and no secret parameter, and says what was cut out."""
    stored, needs = stored_url(url)
    assert SECRET not in stored
    parts, old = urlsplit(stored), urlsplit(url)
    assert "@" not in parts.netloc
    assert (parts.hostname, parts.path) == (old.hostname, old.path)
    assert ("userinfo" in needs) == bool(old.username or old.password)
    assert ("url" in needs) == (SECRET in old.query)
    assert stored_url(stored) == (stored, ())


@given(st.lists(harmless, max_size=5))
def test_harmless_parameters_are_stored(fields: list[str]) -> None:
    """Parameters that are no secret survive, in their order, as they were written."""
    query = "&".join(fields)
    assert stored_url(f"https://host/a?{query}" if query else "https://host/a") == (
        f"https://host/a?{query}" if query else "https://host/a",
        (),
    )


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("v=1&X-Amz-Signature=x&w=2", "v=1&w=2"),
        ("a=1;token=x;b=2", "a=1;b=2"),
        ("token=x;key=y&b=2", "b=2"),
        ("token", ""),
        ("%74oken=x", ""),
        ("tokens=x", "tokens=x"),
        ("a=token", "a=token"),
        ("a=1&&b", "a=1&&b"),
        ("x-ms-date=1&mine=2", ""),
        ("x-amzn=1", "x-amzn=1"),
    ],
)
def test_what_is_cut_out(query: str, kept: str) -> None:
    """Exactly the secret parameters go, and those that the person named."""
    stored, needs = stored_url(f"https://host/a?{query}", ["MINE"])
    assert urlsplit(stored).query == kept
    assert needs == (("url",) if kept != query else ())


@given(
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z0-9.-]{0,12}[a-z0-9]", fullmatch=True),
    st.sampled_from(["", ":1", ":80", ":8443", ":65535"]),
    st.from_regex(r"/[\w/.~%+=:,;!$&'()*-]{0,30}", fullmatch=True),
)
@example("https", "example.org", ":443", "/a;b//c/../d%20e")
def test_what_most_urls_look_like_is_read_as_every_other(scheme: str, host: str, port: str, path: str) -> None:
    """The short way to read a usual URL gives what the library gives."""
    url = f"{scheme}://{host}{port}{path}"
    assert parse.__wrapped__(url) == urlsplit(url)


def test_ports_are_stored() -> None:
    """A port that was said is stored, also the usual one."""
    assert stored_url("https://host:443/a")[0] == "https://host:443/a"
    assert stored_url("https://[::1]:8443/a")[0] == "https://[::1]:8443/a"


@pytest.mark.parametrize("name", NAMES)
def test_secret_parameters(name: str) -> None:
    """The names are known in any case and however they are escaped."""
    assert is_secret_parameter(name)
    assert is_secret_parameter(name.upper())
    assert is_secret_parameter("".join(f"%{ord(c):02X}" for c in name))
    assert is_secret_parameter(f"my{name}", [f"MY{name}"])


@pytest.mark.parametrize(
    "name",
    "hf_token authToken x-token sas pw pwd otp bearer jwt X-Api-Key access-key "
    "mySecret user_password passwd2 url-signature credentials_id".split(),
)
def test_names_that_people_invent_for_secrets(name: str) -> None:
    """What ends in token, has a word of secrecy in it, or is a usual short name, is stored by nobody."""
    assert is_secret_parameter(name)
    assert stored_url(f"https://host/a?{name}={SECRET}&v=1") == ("https://host/a?v=1", ("url",))
    assert identity(f"https://host/a?{name}={SECRET}&v=1") == "https://host/a?v=1"


@pytest.mark.parametrize(
    "name",
    "page_token nextToken code pin ticket tokens encode codec spin ticketing v page keyword author mysig".split(),
)
def test_names_that_only_sound_like_secrets(name: str) -> None:
    """A short name counts only as a whole: what tells two sources apart is kept."""
    assert not is_secret_parameter(name)


# -- identity ----------------------------------------------------------------------------------------------------------
@given(urls(), st.lists(secrets, max_size=3), st.sampled_from(["", "me:pw@"]))
def test_identity_ignores_signatures(url: str, more: list[str], userinfo: str) -> None:
    """A URL signed anew, by somebody else, is the same source."""
    assume("#" not in url and "@" not in urlsplit(url).netloc)
    signed = url.replace("://", f"://{userinfo}", 1) + "".join(("&" if "?" in url else "?") + f for f in more[:1])
    signed += "".join("&" + f for f in more[1:]) + "#part"
    same = identity(url)
    assert identity(signed) == same
    assert identity(stored_url(signed)[0]) == same
    assert identity(same) == same
    assert SECRET not in same


@given(urls())
def test_identity_keeps_what_tells_sources_apart(url: str) -> None:
    """Host, decoded path and harmless parameters stay."""
    same, old = urlsplit(identity(url)), urlsplit(stored_url(url)[0])
    assert same.hostname == old.hostname
    assert unquote(same.path) == unquote(old.path or "/")
    assert same.path.isascii()
    assert same.query == old.query


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://host/a", "https://host:443/a", True),
        ("http://host/a", "http://host:80/a", True),
        ("https://host:80/a", "https://host/a", False),
        ("HTTPS://HOST/a", "https://host/a", True),
        ("https://host", "https://host/", True),
        ("https://host/%7Eme/%c3%a9", "https://host/~me/é", True),
        ("https://host/a%2fb", "https://host/a%2Fb", True),
        ("https://host/a%2Fb", "https://host/a/b", False),  # two projects of one GitLab
        ("https://host/a%2Bb", "https://host/a+b", False),  # two keys of one S3 bucket
        ("https://host/a%2541", "https://host/aA", False),
        ("https://host/A", "https://host/a", False),
        ("https://host/a?x=1&y=2", "https://host/a?y=2&x=1", False),
        ("https://host/a?x=1", "https://host/a?x=2", False),
        ("https://host/a?x=1&sig=1", "https://host/a?x=1&sig=2", True),
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a", False),  # costs a second fetch, mixes nothing
        ("https://faß.example/a", "https://fass.example/a", False),
        ("http://[2001:DB8::1]/a", "http://[2001:db8::1]:80/a", True),
        ("http://host/a", "https://host/a", False),
    ],
)
def test_same_source(one: str, other: str, same: bool) -> None:
    """Two spellings of one URL are one source; where it could err, it keeps them apart."""
    assert (identity(one) == identity(other)) is same


def test_identity_of_a_secret_that_a_person_named() -> None:
    """A parameter that the person called secret is no part of the identity."""
    assert identity("https://host/a?mine=1&v=2", ["mine"]) == "https://host/a?v=2"


# -- parse, origin, basename -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not an absolute URL"),
        ("data.bin", "not an absolute URL"),
        ("/tmp/data.bin", "is a path of this machine, not an absolute URL"),
        ("//host/a", "not an absolute URL"),
        ("https:///a", "not an absolute URL"),
        ("https://:80/a", "not an absolute URL"),
        ("https://host:0/a", "not an absolute URL"),
        ("https://host:99999/a", "cannot be read"),
        ("https://host:port/a", "cannot be read"),
        (f"https://me:{SECRET}/x@host/a", "cannot be read"),
        (f"https://me:{SECRET}\uff20host/a", "cannot be read"),  # an @ when it is normalised
        ("https://[::1/a", "cannot be read"),
        ("https://host/a b", "blank or a control"),
        (" https://host/a", "blank or a control"),
        ("https://host/a\n", "blank or a control"),
        ("https://ho\tst/a", "blank or a control"),
        ("https://host/a\u202eb", "blank or a control"),
        ("https://host/\ud800", "blank or a control"),
    ],
)
def test_refused(url: str, says: str) -> None:
    """What is no absolute URL is refused, with what to do, and without a secret."""
    with pytest.raises(InvalidRequest, match=says) as caught:
        parse(url)
    assert SECRET not in str(caught.value)
    assert caught.value.hint


@given(urls())
def test_parse(url: str) -> None:
    """A URL that is accepted has a scheme and a host, and can be stored as JSON."""
    try:
        parts = parse(url)
    except InvalidRequest:
        assert "\u202e" in url
        return
    assert parts.scheme
    assert parts.hostname
    assert json.loads(json.dumps(identity(url))) == identity(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/a", ("https", "host", 443)),
        ("http://HOST.:8080/a", ("http", "host", 8080)),
        ("http://[::1]/a", ("http", "::1", 80)),
        ("https://me:pw@host/a", ("https", "host", 443)),
        ("s3://bucket/a", ("s3", "bucket", 0)),
    ],
)
def test_origin(url: str, expected: tuple[str, str, int]) -> None:
    """Credentials are bound to scheme, host and port."""
    assert origin(url) == expected


def test_origins_of_lookalikes() -> None:
    """Hosts that an old mapping calls equal are not, or credentials would cross between them."""
    assert origin("https://faß.example/") != origin("https://fass.example/")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host/a/data.tar.gz?x=/b", "data.tar.gz"),
        ("https://host/a/", ""),
        ("https://host", ""),
        ("https://host/a%20b%2541", "a b%41"),
        ("https://host/%ff", "�"),
        ("https://host/..%2f..%2fetc", "../../etc"),  # whoever makes a file name of it has to look
    ],
)
def test_basename(url: str, name: str) -> None:
    """The last component, decoded once."""
    assert basename(url) == name


def test_headers() -> None:
    """What may be stored is what may cross an origin, and two that tell nothing; credentials are neither."""
    assert CROSS_ORIGIN_HEADERS < STORABLE_HEADERS
    assert {"accept-language", "referer"} == STORABLE_HEADERS - CROSS_ORIGIN_HEADERS
    assert not STORABLE_HEADERS & {"authorization", "cookie", "proxy-authorization", "x-api-key", "private-token"}


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Looking at URLs leaves no trace."""
    with caplog.at_level(logging.DEBUG):
        safe_url(f"https://me:{SECRET}@host/")
    assert not caplog.records


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://Host/data.bin", "https://host"),
        ("http://host:8080?x=1", "http://host:8080"),
        ("https://[::1]:8443/a/b", "https://[::1]:8443"),
        ("file-like", "file-like"),
    ],
)
def test_server(url: str, server: str) -> None:
    """Who is asked is told by scheme, host and port."""
    assert server_of(url) == server


def test_a_name_that_only_looks_like_a_token() -> None:
    """A short value behind a name that ends in token is a number or a word: stored, and another source."""
    assert not is_secret_parameter("my_token", value="2")
    assert is_secret_parameter("my_token", value="0123456789")
    assert is_secret_parameter("token", value="2")
    one, other = "https://host/a?my_token=1", "https://host/a?my_token=2"
    assert stored_url(one) == (one, ())
    assert identity(one) != identity(other)
    signed = "https://host/a?my_token=0123456789&b=2&token=x&page_token=0123456789;X-Amz-Security-Token=y"
    assert stored_url(signed)[0] == "https://host/a?b=2&page_token=0123456789"
    assert guessed(signed) == ("my_token=0123456789",)
    assert guessed("https://host/a") == ()


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://h.example/a/b.bin", "http://h.example"),
        ("https://h.example:8443/", "https://h.example:8443"),
        ("https://h.example/a?b=c", ""),
        ("https://u:p@h.example/a", ""),
        ("https://H.example/a", ""),
        ("https://h.example", ""),
        ("s3://bucket/key", ""),
    ],
)
def test_what_needs_no_second_look(url: str, server: str) -> None:
    """A URL is plain when it is stored and shown as it is written; those of one server begin with the same."""
    assert plain_server(url) == server
    if server:
        assert stored_url(url) == (url, ())
        assert safe_url(url) == url
        assert "{}://{}".format(*urlsplit(url)[:2]) == server


@given(
    st.sampled_from(["https://h/", "http://h:81/a/", "https://h/a;b/", "https://h?x=", "s3://b/"]),
    st.text("ab.%2F0é/;?#~", max_size=12),
)
def test_the_short_way_to_a_name_is_the_long_one(begin: str, rest: str) -> None:
    """Whatever is plain of a URL, its name is what a parser of URLs finds."""
    url = begin + rest
    long = (
        url.rsplit("/", 1)[-1]
        if url.startswith("s3:")
        else unquote(urlsplit(url).path.rsplit("/", 1)[-1], errors="replace")
    )
    assert basename(url) == long
