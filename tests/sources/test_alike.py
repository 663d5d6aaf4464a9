"""What is read off the answer before is what would have been judged: of every answer, or nothing is read off."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nbxfer.core.probe import Probe
from nbxfer.core.url import safe_url
from nbxfer.sources.alike import LONGEST, Alike
from nbxfer.sources.answer import judge
from nbxfer.sources.brief import ASK
from nbxfer.sources.question import Reply, Take
from nbxfer.wire.exchange import Head, plain_head

URL = "http://h:81/x"
#: Lines that an answer may have, and what each may say.
VALUES = {
    "Server": ["nginx", "nginx/1.22"],
    "Date": ["Sat, 28 Nov 2026 21:17:29 GMT", "Sat, 28 Nov 2026 21:17:30 GMT", "soon"],
    "Content-Type": ["application/octet-stream", "text/html", "text/html; charset=x"],
    "Content-Length": ["10240", "7", "0", "+7", "7, 7", "123456789012345678901"],
    "Last-Modified": ["Sat, 28 Nov 2026 21:13:08 GMT", "Sat, 28 Nov 2026 21:17:29 GMT", "never", "x" * (LONGEST + 1)],
    "ETag": ['"6b0b43e4-2800"', '"6b0b43e4-7"', 'W/"1"', '""', "none", '"a", "b"', '"' + "x" * LONGEST + '"'],
    "Accept-Ranges": ["bytes", "none"],
    "Connection": ["keep-alive", "close"],
    "Expires": ["0", "Sat, 28 Nov 2026 21:17:29 GMT"],
    "Content-Encoding": ["gzip", "identity"],
    "Content-Disposition": ["attachment; filename=a.bin", "attachment; filename=b.bin", "inline"],
    "Repr-Digest": ["sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", "sha-256=:x:"],
    "Content-MD5": ["XrY7u+Ae7tCTyyK7j1rNww==", "odd"],
    "X-Request-Id": ["1", "2"],
    "Set-Cookie": ["a=1", "a=2"],
    "Transfer-Encoding": ["chunked"],
}
USUAL = ("Server", "Date", "Content-Type", "Content-Length", "Last-Modified", "Connection", "ETag", "Accept-Ranges")


def head_of(lines: list[tuple[str, str]]) -> bytes:
    """Write a head as a server does."""
    return b"HTTP/1.1 200 OK\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in lines) + b"\r\n"


def judged(head: bytes) -> tuple[Head, Probe] | None:
    """Judge an answer as if it were the first; None where it is no plain one, or not taken as a whole."""
    plain = plain_head(head)
    if plain is None:
        return None
    verdict = judge(ASK, Reply(plain.status, plain.headers, safe_url(URL), "/x", 0.0))
    fits = isinstance(verdict, Take) and verdict.length == plain.length
    return (plain, verdict.probe) if fits and isinstance(verdict, Take) else None


@st.composite
def answers(draw: st.DrawFn) -> list[bytes]:
    """Draw the heads that one server sends: mostly the same lines, each with one of its values."""
    names = [*USUAL, *draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=3))]
    heads = []
    for _ in range(draw(st.integers(2, 6))):
        some = draw(st.permutations(names)) if draw(st.integers(0, 9)) == 0 else names
        heads.append(head_of([(name, draw(st.sampled_from(VALUES[name]))) for name in some]))
    return heads


@settings(max_examples=600, deadline=None)
@given(answers())
def test_it_is_what_would_have_been_judged(heads: list[bytes]) -> None:
    """Whatever a server says, and in whatever order: what is read off is the very probe that a judge finds."""
    alike = Alike()
    for head in heads:
        found, known = judged(head), alike.read(head, URL)
        if known is not None:
            assert found is not None
            assert known == found[1]
            assert found[0].reusable
            assert found[0].length == known.size
        elif found is not None and found[0].reusable:
            alike.learn(head, found[0].headers, found[1])


def usual(**other: str) -> bytes:
    """Give an answer of nginx, with other values for some lines ("_" for "-")."""
    said = {name: VALUES[name][0] for name in USUAL} | {name.replace("_", "-"): value for name, value in other.items()}
    return head_of(list(said.items()))


def knowing(head: bytes) -> Alike:
    """Give one that has seen that answer."""
    alike, found = Alike(), judged(head)
    assert found is not None
    alike.learn(head, found[0].headers, found[1])
    return alike


def test_another_file_of_the_same_server() -> None:
    """Tag, dates and length are those of the new answer, and so is the URL; the rest is as it was."""
    alike = knowing(usual())
    probe = alike.read(usual(ETag='"other"', Content_Length="7", Date=VALUES["Date"][1]), "http://h:81/y?secret=1")
    assert probe is not None
    assert (probe.size, probe.validator and probe.validator.value) == (7, '"other"')
    assert dict(probe.headers)["content-length"] == "7"
    assert "secret" not in probe.final_url
    again = alike.read(usual(), URL)
    found = judged(usual())
    assert found is not None
    assert again == found[1]


def test_what_is_not_alike_is_judged_anew() -> None:
    """Another type, another line, another order, a broken value or a page: nothing is read off."""
    alike = knowing(usual())
    assert alike.read(usual(), URL) is not None
    assert alike.read(usual(Content_Type="text/html"), URL) is None
    assert alike.read(usual(Vary="x"), URL) is None
    assert alike.read(usual(Connection="close"), URL) is None
    assert alike.read(usual(Content_Length="-1"), URL) is None
    assert alike.read(usual(Content_Length="9" * 19), URL) is None
    assert alike.read(usual(ETag='"' + "x" * LONGEST + '"'), URL) is None
    assert alike.read(usual(ETag="\x01"), URL) is None
    assert alike.read(usual().replace(b"ETag: ", b"etag: "), URL) is None
    assert alike.read(usual().replace(b"200 OK", b"206 OK"), URL) is None
    for unfit in (usual(Content_Type="text/html"), usual(Content_Encoding="identity"), usual(ETag="x" * 1001)):
        assert knowing(unfit).read(unfit, URL) is None
