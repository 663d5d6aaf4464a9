"""Names as somebody with bad intentions writes them, and what each name that is given has to keep."""

from __future__ import annotations

import importlib.machinery
import inspect
import ntpath
import posixpath
import random
import sys
import unicodedata

from nbxfer.core.names import MOST, safe_name

#: Pieces of names that have broken others: traversal, devices, modules, controls, bidi, look-alikes, long ones.
PIECES = [
    *". .. / \\ // ../ ..\\ ./ ~ ~root %2f %2e%2e/ %5c %00 %c0%af ..%252f C: c:\\ \\\\?\\ \\\\.\\ \\\\host\\".split(),
    *": ::$DATA file:// http:// .py .PY .pyc .pyw .so .pyd .pth .egg .exe .lnk .url .ipynb .tar.gz .csv .txt".split(),
    *"json numpy os sitecustomize usercustomize __init__ __main__ conftest jupyter_config ipython_config".split(),
    *"con CON nul Aux prn com1 LPT9 com¹ conin$ clock$ desktop.ini autorun.inf pyvenv.cfg".split(),
    *"- -- -rf ; & | ` $(id) ${IFS} ' \" < > * ? # % ! @ , = + [ ] { }".split(),
    " ", "\t", "\n", "\r\n", "\x00", "\x1b[2J", "\x7f", "\x85", "\xa0", "\xad", "\u0301", "e\u0301", "\u034f",
    "\u115f", "\u200b", "\u200d", "\u200e", "\u202e", "\u2028", "\u2044", "\u2060", "\u2066", "\u2215", "\u3164",
    "\ufeff", "\uff0e", "\uff0f", "\uff3c", "\ufffd", "\uffff", "\ud800", "\udcff", "\udc2f", "\U0001f600",
    "\U000e0041", "ß", "İ", "\u0131", "\u017f", "ﬁ", "日本", "a" * 100, "é" * 100, "日" * 70, "." * 50, " " * 50,
]  # fmt: skip


def a_name(dice: random.Random) -> str:
    """Give a name as somebody with bad intentions would."""
    pieces = dice.choices(PIECES, k=dice.randint(1, 6))
    if dice.random() < 0.3:
        pieces.insert(
            dice.randint(0, len(pieces)), "".join(map(chr, dice.choices(range(0x3000), k=dice.randint(1, 8))))
        )
    return "".join(pieces)


def look_at(text: str, folder: str = "/home/me/notebooks") -> bool:
    """Look that the name made of ``text`` keeps every promise; say whether there is one."""
    name = safe_name(text)
    assert safe_name(name) == name, repr(text)
    if not name:
        return False
    for path, root in ((posixpath, folder), (ntpath, "C:\\Users\\me\\notebooks")):
        whole = path.normpath(path.join(root, name))
        assert path.split(whole) == (root, name), repr(text)
    assert name not in (".", "..")
    assert len(name.encode()) <= MOST
    assert unicodedata.is_normalized("NFC", name)
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp") for c in name), repr(text)
    assert name == name.strip(" .")
    assert name[0] != "-"
    assert inspect.getmodulename(name) is None, repr(text)
    assert not name.lower().endswith((*importlib.machinery.all_suffixes(), ".py", ".pyd", ".so", ".pth", ".egg"))
    if sys.version_info >= (3, 13):
        assert not ntpath.isreserved(name), repr(text)
    return True
