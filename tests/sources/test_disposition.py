"""Content-Disposition as servers write it: the cases of greenbytes.de's test page for RFC 6266, and worse ones."""

from __future__ import annotations

import random

import pytest

from nbxfer.sources.disposition import filename, is_attachment
from tests.core.hostile_names import a_name, look_at


def named(value: str) -> str:
    """Give the name in a field that came as these bytes (written in UTF-8)."""
    return filename([("content-disposition", value.encode().decode("latin-1"))])


@pytest.mark.parametrize(
    ("value", "name"),
    [
        # inline, attachment
        ("inline", ""),
        ('"inline"', ""),
        ('inline; filename="foo.html"', "foo.html"),
        ('inline; filename="Not an attachment!"', "Not an attachment!"),
        ('inline; filename="foo.pdf"', "foo.pdf"),
        ("attachment", ""),
        ('"attachment"', ""),
        ("ATTACHMENT", ""),
        ('attachment; filename="foo.html"', "foo.html"),
        ('attachment; filename="0000000000111111111122222.txt"', "0000000000111111111122222.txt"),
        ('attachment; filename="f\\oo.html"', "foo.html"),
        ('attachment; filename="\\"quoting\\" tested.html"', "_quoting_ tested.html"),
        ("attachment; filename=\"Here's a semicolon;.html\"", "Here's a semicolon;.html"),
        ('attachment; foo="bar"; filename="foo.html"', "foo.html"),
        ('attachment; foo="\\"\\\\";filename="foo.html"', "foo.html"),
        ('attachment; FILENAME="foo.html"', "foo.html"),
        ("attachment; filename=foo.html", "foo.html"),
        ("attachment; filename=foo,bar.html", ""),
        ("attachment; filename=foo.html ;", "foo.html"),
        ("attachment; ;filename=foo", "foo"),
        ("attachment; filename=foo bar.html", ""),
        ("attachment; filename='foo.bar'", "'foo.bar'"),
        ('attachment; filename="foo-ä.html"', "foo-ä.html"),
        ('attachment; filename="foo-%41.html"', "foo-%41.html"),
        ('attachment; filename="50%.html"', "50%.html"),
        ('attachment; filename="foo-%\\41.html"', "foo-%41.html"),
        ('attachment; name="foo-%41.html"', ""),
        ('attachment; filename="ä-%41.html"', "ä-%41.html"),
        ('attachment; filename="foo-%c3%a4-%e2%82%ac.html"', "foo-%c3%a4-%e2%82%ac.html"),
        ('attachment; filename ="foo.html"', "foo.html"),
        ('attachment; filename="foo.html"; filename="bar.html"', ""),
        ("attachment; filename=foo[1](2).html", ""),
        ("attachment; filename=foo-ä.html", ""),
        ("filename=foo.html", ""),
        ("x=y; filename=foo.html", ""),
        ('"foo; filename=bar;baz"; filename=qux', ""),
        ("filename=foo.html, filename=bar.html", ""),
        ("; filename=foo.html", ""),
        (": inline; attachment; filename=foo.html", ""),
        ("inline; attachment; filename=foo.html", ""),
        ('attachment; filename="foo.html".txt', ""),
        ('attachment; filename="bar', ""),
        ('attachment; filename=foo"bar;baz"qux', ""),
        ("attachment; filename=foo.html, attachment; filename=bar.html", ""),
        ("attachment; foo=foo filename=bar", ""),
        ("attachment; filename=bar foo=foo", ""),
        ("attachment filename=bar", ""),
        ("filename=foo.html; attachment", ""),
        ("attachment; xfilename=foo.html", ""),
        ('attachment; filename="/foo.html"', "foo.html"),
        ('attachment; filename="\\\\foo.html"', "foo.html"),
        ('foobar; filename="foo.html"', "foo.html"),
        ('attachment; example="filename=example.txt"', ""),
        # filename*
        ("attachment; filename*=iso-8859-1''foo-%E4.html", "foo-ä.html"),
        ("attachment; filename*=UTF-8''foo-%c3%a4-%e2%82%ac.html", "foo-ä-€.html"),
        ("attachment; filename*=''foo-%c3%a4-%e2%82%ac.html", ""),
        ("attachment; filename*=UTF-8''foo-a%cc%88.html", "foo-ä.html"),
        ("attachment; filename*=iso-8859-1''foo-%c3%a4-%e2%82%ac.html", "foo-Ã¤-â¬.html"),
        ("attachment; filename*=utf-8''foo-%E4.html", ""),
        ("attachment; filename *=UTF-8''foo-%c3%a4.html", ""),
        ("attachment; filename*= UTF-8''foo-%c3%a4.html", "foo-ä.html"),
        ("attachment; filename* =UTF-8''foo-%c3%a4.html", "foo-ä.html"),
        ("attachment; filename*=\"UTF-8''foo-%c3%a4.html\"", ""),
        ('attachment; filename*="foo%20bar.html"', ""),
        ("attachment; filename*=UTF-8'foo-%c3%a4.html", ""),
        ("attachment; filename*=UTF-8''foo%", ""),
        ("attachment; filename*=UTF-8''f%oo.html", ""),
        ("attachment; filename*=UTF-8''A-%2541.html", "A-%41.html"),
        ("attachment; filename*=UTF-8''%5cfoo.html", "foo.html"),
        ("attachment; filename*=UTF-7''foo-%2BAOQ-.html", ""),
        ("attachment; filename*=UTF-8'en'%c2%a3.txt", "£.txt"),
        # both
        ("attachment; filename=\"foo-ae.html\"; filename*=UTF-8''foo-%c3%a4.html", "foo-ä.html"),
        ("attachment; filename*=UTF-8''foo-%c3%a4.html; filename=\"foo-ae.html\"", "foo-ä.html"),
        ("attachment; filename=\"foo.html\"; filename*=UTF-8''foo-%E4.html", "foo.html"),
        ("attachment; filename*0*=ISO-8859-15''euro-sign%3d%a4; filename*=ISO-8859-1''currency-sign%3d%a4",
         "currency-sign=¤"),
        ('attachment; foobar=x; filename="foo.html"', "foo.html"),
        # continuations of RFC 2231, and encoded words of RFC 2047, are not HTTP's
        ('attachment; filename*0="foo."; filename*1="html"', ""),
        ("attachment; filename==?ISO-8859-1?Q?foo-=E4.html?=", ""),
        ('attachment; filename="=?ISO-8859-1?Q?foo-=E4.html?="', "=_ISO-8859-1_Q_foo-=E4.html_="),
        # worse
        ("", ""),
        (";", ""),
        ('attachment; filename=""', ""),
        ('attachment; filename="\\', ""),
        ('attachment; filename="../../x.csv"', "x.csv"),
        ("attachment; filename*=UTF-8''..%2f..%2fx.csv", "x.csv"),
        ("attachment; filename*=UTF-8''%2e%2e%5cx.csv", "x.csv"),
        ("attachment; filename*=UTF-8''x%00.csv", "x.csv"),
        ("attachment; filename*=UTF-8''json%2Epy; filename=data.csv", ""),
        ("attachment; filename=json.py", ""),
    ],
)  # fmt: skip
def test_names_of_the_field(value: str, name: str) -> None:
    """The grammar is kept to the letter (but for an empty parameter): what breaks it gives no name."""
    assert named(value) == name


def test_raw_latin() -> None:
    """Raw bytes that are no UTF-8 are Latin-1, as the standard has them."""
    assert filename([("content-disposition", 'attachment; filename="foo-ä.html"')]) == "foo-ä.html"


def test_two_fields() -> None:
    """Two fields are one that breaks the grammar."""
    assert filename([("content-disposition", "attachment; filename=a.b")] * 2) == ""


@pytest.mark.parametrize(
    ("value", "is_one"),
    [("attachment", True), ("Attachment; filename=x", True), ("inline", False), ("", False), ("attachment x", False)],
)
def test_attachment(value: str, is_one: bool) -> None:
    """A server says whether it means something to be saved."""
    assert is_attachment([("content-disposition", value)]) is is_one


def test_no_name_in_a_field_escapes() -> None:
    """However a hostile name is written into the field, what comes out keeps every promise of a safe name."""
    dice = random.Random(6266)
    given = 0
    for _ in range(1_000):
        name = a_name(dice)
        quoted = name.encode(errors="replace").decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
        coded = "".join(f"%{byte:02x}" for byte in name.encode(errors="replace"))
        for value in (
            f'attachment; filename="{quoted}"',
            f"attachment; filename*=UTF-8''{coded}",
            f"x; filename={name}",
        ):
            given += look_at(filename([("content-disposition", value)]))
    assert given > 800


def test_long_fields_cost_little() -> None:
    """No field is so strange that reading it takes long."""
    for piece in ('"', "\\", ";", "=", "a=", 'a="\\', " ", "a;", "%41", "'"):
        named("attachment; filename=" + piece * 20_000)
        named("attachment; filename*=UTF-8''" + piece * 20_000)
