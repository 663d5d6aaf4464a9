"""What a server may do wrong, each in a few lines; see site.Reply for what they spoil."""

from __future__ import annotations

import base64
import hashlib
import threading
import zlib
from collections.abc import Callable

from tests.servers.site import NOW, Fault, Reply, Site


# -- when -------------------------------------------------------------------------------------------------------------
def only(when: Callable[[Reply], bool], fault: Fault) -> Fault:
    """Give a fault that shows on some answers alone."""

    def sometimes(reply: Reply) -> None:
        if when(reply):
            fault(reply)

    sometimes.__name__ = getattr(fault, "__name__", "fault")
    return sometimes


def first(reply: Reply) -> bool:
    """Whether it answers the first request of all."""
    return reply.number == 0


def later(reply: Reply) -> bool:
    """Whether it answers any request but the first."""
    return reply.number > 0


def ranged(reply: Reply) -> bool:
    """Whether a range was asked for."""
    return reply.ranged


def part(reply: Reply) -> bool:
    """Whether it is one of several requests for one version."""
    return reply.part


def from_number(n: int) -> Callable[[Reply], bool]:
    """Give the condition that ``n`` requests have been answered already."""
    return lambda reply: reply.number >= n


# -- conditions and ranges that are not heard -----------------------------------------------------------------------
def ignores_range(reply: Reply) -> None:
    """Sends the whole, whatever was asked for."""
    reply.hear("range")


def ignores_conditions(reply: Reply) -> None:
    """Knows ranges, but neither If-Range nor If-Match."""
    reply.hear("if-range", "if-match", "if-unmodified-since")


def ignores_all(reply: Reply) -> None:
    """Knows neither ranges nor conditions: every answer is the whole file."""
    reply.hear("range", "if-range", "if-match", "if-unmodified-since", "if-none-match")


def drops_range_with_if_range(reply: Reply) -> None:
    """Some caches forget Range where If-Range is there."""
    if "if-range" in reply.asked.headers:
        reply.hear("range")


def no_accept_ranges(reply: Reply) -> None:
    """Does not say that ranges can be had."""
    reply.lines = [line for line in reply.lines if not line.startswith("Accept-Ranges")]


# -- what the head says ----------------------------------------------------------------------------------------------
def shifts(which: int, by: int) -> Fault:
    """Content-Range is beside the truth: in its first byte (0), last byte (1) or total (2)."""

    def shift(reply: Reply) -> None:
        if reply.span is not None:
            reply.span[which] += by

    shift.__name__ = f"shifts_{('first', 'last', 'total')[which]}_by_{by}"
    return shift


def no_content_range(reply: Reply) -> None:
    """A 206 that does not say which part it is."""
    reply.span = None


def unknown_total(reply: Reply) -> None:
    """A 206 that says */ for the total (RFC 9110 §14.4 allows it)."""
    if reply.span is not None:
        reply.lines.append(f"Content-Range: bytes {reply.span[0]}-{reply.span[1]}/*")
        reply.span = None


def _tagged(reply: Reply, tag: str | None) -> None:
    rest = [line for line in reply.lines if not line.startswith(("ETag", "Last-Modified"))]
    reply.lines = [*([f"ETag: {tag}"] if tag else []), *rest]


def another_tag(reply: Reply) -> None:
    """Calls a part by another name than the whole; two versions have two names all the same."""
    if reply.status == 206:
        _tagged(reply, f'"other-{zlib.crc32(reply.version.data):08x}"')


def weak_tag(reply: Reply) -> None:
    """Shows its tag as a weak one."""
    if reply.version.tag:
        _tagged(reply, f"W/{reply.version.tag}")


def no_validator(reply: Reply) -> None:
    """Does not say which version it is."""
    _tagged(reply, None)


def coded(reply: Reply) -> None:
    """Sends the bytes gzip-coded, though asked for them as they are."""
    if reply.status in (200, 206):
        reply.lines.append("Content-Encoding: gzip")
        reply.body = b"\x1f\x8b" + reply.body
        reply.length = len(reply.body)


def multipart(reply: Reply) -> None:
    """Wraps a part into several."""
    if reply.status == 206:
        reply.lines.append("Content-Type: multipart/byteranges; boundary=x")


def refuses(status: int, *lines: str) -> Fault:
    """Answers nothing but this status."""

    def refuse(reply: Reply) -> None:
        reply.say(status, *lines, body=b"" if status in (204, 304) else b"no")

    refuse.__name__ = f"says_{status}"
    return refuse


def moves_to(location: str) -> Fault:
    """Redirects."""

    def move(reply: Reply) -> None:
        reply.say(302, f"Location: {location}")

    return move


def busy(status: int = 503, *, wait: str = "0") -> Fault:
    """Asks to come back later: seconds, or a date."""
    return refuses(status, f"Retry-After: {wait}", f"Date: {NOW}")


def login_page(reply: Reply) -> None:
    """Sends a page with a form where a file was asked for."""
    page = b"<!doctype html><html><head><title>Sign in &ndash; Example</title></head><body><form></form></body></html>"
    reply.say(200, "Content-Type: text/html; charset=utf-8", body=page)


def claims(digest: bytes | None = None) -> Fault:
    """Says what the whole file adds up to (RFC 9530): the truth, or ``digest``."""

    def claim(reply: Reply) -> None:
        said = hashlib.sha256(reply.version.data).digest() if digest is None else digest
        reply.lines.append(f"Repr-Digest: sha-256=:{base64.b64encode(said).decode()}:")

    claim.__name__ = "claims_the_truth" if digest is None else "claims_another_digest"
    return claim


def early_hints(reply: Reply) -> None:
    """Says a few things before the answer (RFC 8297)."""
    reply.early = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" * 3


# -- how the body comes ------------------------------------------------------------------------------------------------
def breaks_at(k: int, end: str = "close") -> Fault:
    """The body ends after ``k`` bytes: "close", "reset" or "hang"."""

    def broken(reply: Reply) -> None:
        if reply.status in (200, 206) and k < len(reply.body):
            reply.cut, reply.end = k, end

    broken.__name__ = f"{end}s_at_{k}"
    return broken


def halves(reply: Reply) -> None:
    """Every body of some length ends in the middle; a resume compares 4 KiB before it gets on."""
    if reply.status in (200, 206) and len(reply.body) > 20_000:
        reply.cut = len(reply.body) // 2


def surplus(reply: Reply) -> None:
    """Sends more than it said."""
    reply.late = b"surplus" * 100


def length_beside(by: int) -> Fault:
    """Content-Length is beside the truth."""

    def beside(reply: Reply) -> None:
        if reply.length is not None and reply.status in (200, 206):
            reply.length, reply.cut = max(reply.length + by, 0), len(reply.body)

    beside.__name__ = f"length_beside_by_{by}"
    return beside


def no_length(reply: Reply) -> None:
    """Ends by closing the connection."""
    reply.length = None


def chunks(reply: Reply) -> None:
    """Sends chunks, and no length."""
    reply.chunked = True


def both_framings(reply: Reply) -> None:
    """Says a length and sends chunks: how requests are smuggled (RFC 9112 §6.3)."""
    reply.chunked = True
    reply.lines.append(f"Content-Length: {len(reply.body)}")


def slow(rate: float, piece: int = 16384) -> Fault:
    """Sends about ``rate`` bytes a second."""

    def braked(reply: Reply) -> None:
        reply.every, reply.piece = piece / rate, piece

    return braked


def waits_for_parts() -> Fault:
    """The body of the whole stands still in its middle until somebody has asked for a part."""
    asked = threading.Event()

    def wait(reply: Reply) -> None:
        if reply.part:
            asked.set()
        elif not reply.ranged:
            asked.clear()  # a transfer that begins again is to ask for parts again
            reply.gate = asked

    return wait


def changes_after(site: Site, n: int = 1) -> Fault:
    """Puts the next version in place after ``n`` answers, once."""

    def change(reply: Reply) -> None:
        if reply.number == n - 1:
            site.change()

    return change
