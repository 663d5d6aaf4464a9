"""Names that others give: whatever they write, the file stays in its folder and is nothing that runs."""

from __future__ import annotations

import importlib.machinery
import os
import random
import sys
import unicodedata

import pytest

from nbxfer.core.names import MOST, numbered, one_line, safe_name, unnumbered, visible
from tests.core.hostile_names import a_name, look_at


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("data.csv", "data.csv"),
        ("Ünïcode 日本.tar.gz", "Ünïcode 日本.tar.gz"),
        ("analysis.ipynb", "analysis.ipynb"),
        ("README", "README"),
        ("py", "py"),
        ("happy", "happy"),
        ("model.py.txt", "model.py.txt"),
        ("console.log", "console.log"),
        ("comma.csv", "comma.csv"),
        ("sitecustomized.txt", "sitecustomized.txt"),
        ("family 👨‍👩‍👧.png", "family 👨👩👧.png"),
        # one component
        ("a/b/c.txt", "c.txt"),
        ("a\\b\\c.txt", "c.txt"),
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("/etc/passwd", "passwd"),
        ("a/..", ""),
        ("a/", ""),
        (".", ""),
        ("..", ""),
        ("...", ""),
        (". .", ""),
        ("", ""),
        ("   ", ""),
        ("%2e%2e%2fpasswd", "%2e%2e%2fpasswd"),
        ("C:evil.txt", "C_evil.txt"),
        ("file.txt:stream", "file.txt_stream"),
        ("file.txt::$DATA", "file.txt__$DATA"),
        ('a<b>"c|d?e*.txt', "a_b__c_d_e_.txt"),
        # nothing unseen
        ("a\x00b\r\nc\x7f\x85.txt", "ab  c .txt"),
        ("invoice\u202efdp.txt", "invoicefdp.txt"),
        ("a\u200b\u200d\ufeff\u2060\xad.txt", "a.txt"),
        ("a\ud800b\uffff.txt", "ab.txt"),
        ("a\u00a0\u3000b.txt", "a  b.txt"),
        ("\u3164\u115f\u2800.csv", "csv"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("e\u200b\u0301.txt", "\u00e9.txt"),
        # nothing hidden, nothing that a shell takes for an option, nothing that Windows cuts off
        (".bashrc", "bashrc"),
        (" . .hidden", "hidden"),
        ("-rf", "rf"),
        ("--.x.txt", "x.txt"),
        ("name. . ", "name"),
        ("name.txt...", "name.txt"),
        # nothing that runs
        ("json.py", ""),
        ("JSON.PY", ""),
        ("a.b.py ", ""),
        ("json.p\u200by", ""),
        ("json.py.", ""),
        ("x/..\\json.pyc", ""),
        ("numpy.cpython-311-x86_64-linux-gnu.so", ""),
        ("numpy.abi3.so", ""),
        ("_x.pyd", ""),
        ("a.pth", ""),
        ("a.egg", ""),
        ("setup.exe", ""),
        ("run.bat", ""),
        ("open me.desktop", ""),
        ("bank.url", ""),
        ("bank.lnk", ""),
        ("sitecustomize", ""),
        ("sitecustomize.zip", ""),
        ("__init__.txt", ""),
        ("conftest.pyx", ""),
        ("jupyter_server_config.json", ""),
        ("jupyter_config.json", ""),
        ("ipython_config.json", ""),
        ("pyvenv.cfg", ""),
        ("Desktop.ini", ""),
        # devices
        ("CON", ""),
        ("nul.txt", ""),
        ("Aux .tar.gz", ""),
        ("com1", ""),
        ("COM¹.csv", ""),
        ("lpt9.", ""),
        ("CONIN$", ""),
    ],
)
def test_names(text: str, name: str) -> None:
    """What a server calls a file is cut down to a harmless name, or refused."""
    assert safe_name(text) == name


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("a" * 300, "a"),
        ("a" * 300 + ".tar.gz", "a.tar.gz"),
        ("日" * 300 + ".csv", "日.csv"),
        ("a" * 190 + "." * 20 + ".csv", "a.csv"),
        ("a" * 300 + ".csv" + "x" * 20, "a"),
    ],
)
def test_a_long_name_keeps_its_extension(text: str, ending: str) -> None:
    """A long name is cut in its stem, at a whole character, and not again when it is given again."""
    name = safe_name(text)
    assert name.endswith(ending)
    assert MOST - 3 - len(".tar.gz") <= len(name.encode()) <= MOST
    assert safe_name(name) == name


def test_no_cut_makes_an_extension() -> None:
    """What would end in .py only because the rest was cut off is refused, too."""
    for length in range(150, 210):
        assert not safe_name("a" * length + ".py" + "z" * 40).endswith(".py")


def test_one_line() -> None:
    """What is quoted to a person is one visible line of bounded length."""
    assert one_line("  Sign\n\tin \u202e–  x ", 80) == "Sign in – x"
    assert one_line("x" * 80, 80) == "x" * 80
    assert one_line("word " * 50, 20) == "word word word word…"
    assert visible("a\u2028b\x1b[31m") == "a b[31m"


# -- whatever they write ----------------------------------------------------------------------------------------------
def test_no_name_escapes() -> None:
    """Of 5,000 hostile names none leaves its folder, is hidden, can be imported, or says something it does not show."""
    dice = random.Random(20261102)
    given = sum(look_at(a_name(dice)) for _ in range(5_000))
    assert given > 2_000  # it is not that they are all refused


@pytest.mark.soak
def test_no_name_escapes_at_length() -> None:
    """Nor do 100,000, of another seed each time."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    dice = random.Random(seed)
    assert sum(look_at(a_name(dice)) for _ in range(100_000)) > 40_000


def test_no_character_becomes_a_separator() -> None:
    """Not one character of Unicode is normalised into one that parts components, or names a drive."""
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.decomposition(char):
            assert not set(unicodedata.normalize("NFC", char)) & set('/\\:<>"|?*.') or char in '/\\:<>"|?*.', hex(code)


@pytest.mark.parametrize("folder", ["", "sub"])
def test_nothing_importable_lands_beside_a_notebook(folder: str, tmp_path: os.PathLike[str]) -> None:
    """Files of all the names that are given, in a folder that Python imports from, stand before no module."""
    here = os.path.join(tmp_path, folder)
    os.makedirs(here, exist_ok=True)
    modules = sorted(sys.stdlib_module_names)
    for module in modules:
        for suffix in (
            "",
            ".py",
            ".PY",
            ".pyc",
            ".so",
            ".abi3.so",
            ".zip",
            ".pth",
            ".ipynb",
            ".py ",
            "\u200b.py",
            ".p\u00ady",
        ):
            if name := safe_name(module + suffix):
                open(os.path.join(here, name), "w").close()
    finder = importlib.machinery.PathFinder
    finder.invalidate_caches()
    assert len(os.listdir(here)) > 200
    assert [m for m in modules if finder.find_spec(m, [here]) is not None] == []


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("data.csv", "data (2).csv"),
        ("data", "data (2)"),
        ("data.tar.gz", "data (2).tar.gz"),
        ("Data.TAR.ZST", "Data (2).TAR.ZST"),
        (".hidden", ".hidden (2)"),
        ("..hidden", "..hidden (2)"),
        ("v1.2.bin", "v1.2 (2).bin"),
        ("report (1).pdf", "report (1) (2).pdf"),
    ],
)
def test_another_name(name: str, second: str) -> None:
    """The number that tells two files apart stands before the extension, and can be taken away again."""
    assert numbered(name, 2) == second
    assert unnumbered(second) == unnumbered(name)


def test_numbers_do_not_heap_up() -> None:
    """Who looks for a free name again begins with the first one."""
    assert unnumbered("data (4) (1) (1).tar.gz") == "data.tar.gz"
    assert unnumbered("data (x).csv") == "data (x).csv"
