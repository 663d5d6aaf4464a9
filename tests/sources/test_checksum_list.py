"""Files of checksums as they lie beside downloads, and the one line in them that counts."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from nbxfer.errors import BadAnswer
from nbxfer.sources.checksum_list import find

DATA = b"x,y\n1,2\n"
MD5, SHA1, SHA256, SHA512 = (hashlib.new(n, DATA).hexdigest() for n in ("md5", "sha1", "sha256", "sha512"))
OTHER = hashlib.sha256(b"other").hexdigest()
RIGHT = f"sha256:{SHA256}"
SIGNED = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

{SHA256}  data.csv
{OTHER}  other.csv
-----BEGIN PGP SIGNATURE-----

iQIzBAEBCgAdFiEE
=abcd
-----END PGP SIGNATURE-----
"""


def grouped(digits: str, width: int = 8) -> str:
    """Give digits as gpg --print-md does, over two lines."""
    groups = [digits[i : i + width].upper() for i in range(0, len(digits), width)]
    half = len(groups) // 2
    return " ".join(groups[:half]) + "\n          " + " ".join(groups[half:])


@pytest.mark.parametrize(
    ("text", "checksum"),
    [
        (f"{OTHER}  other.csv\n{SHA256}  data.csv\n", RIGHT),
        (f"{SHA256} *data.csv", RIGHT),
        (f"{SHA256.upper()}  data.csv\r\n", RIGHT),
        (f"\ufeff{SHA256}\tdata.csv\n", RIGHT),
        (f"{SHA256}  ./data.csv\n", RIGHT),
        (f"{SHA256}  dist/v1/data.csv\n{OTHER}  dist/v1/other.csv\n", RIGHT),
        (f"{SHA256}  dist\\data.csv\n", RIGHT),
        (f"{OTHER}  old/data.csv\n{SHA256}  data.csv\n", RIGHT),
        (f"{MD5}  data.csv\n", f"md5:{MD5}"),
        (f"{SHA1}  data.csv\n", f"sha1:{SHA1}"),
        (f"{MD5}  data.csv\n{SHA256}  data.csv\n{SHA1}  data.csv\n", RIGHT),
        (f"{SHA256}  data.csv\n{SHA256}  mirror/data.csv\n{SHA256}  data.csv\n", RIGHT),
        (f"SHA256 (data.csv) = {SHA256}\n", RIGHT),
        (f"# data.csv: 8 bytes\nSHA256 (data.csv) = {SHA256}\nSHA512 (other) = {SHA512}\n", RIGHT),
        (f"MD5 (data.csv) = {MD5}\nSHA512 (data.csv) = {SHA512}\nTIGER (data.csv) = {SHA512}\n", f"sha512:{SHA512}"),
        (f"SHA256(data.csv)= {SHA256}\n", RIGHT),
        (f"SHA2-256(data.csv)= {SHA256}\n", RIGHT),
        (f"BLAKE2b (data.csv) = {SHA512}\n", f"blake2b:{SHA512}"),
        (f"SHA3-256 (data.csv) = {SHA256}\n", f"sha3_256:{SHA256}"),
        (f"data.csv sha256:{SHA256}\n", RIGHT),
        (f"data.csv {SHA256}\nother.csv md5:{MD5}\n", RIGHT),
        (f"data.csv: {SHA256}\n", RIGHT),
        (f"data.csv: {grouped(SHA256)}\n", RIGHT),
        (f"data.csv:\n  {grouped(SHA256, 4)}\nother.csv: {grouped(OTHER)}\n", RIGHT),
        (SHA256, RIGHT),
        (f"\n\n  {SHA256}  \n\n", RIGHT),
        (f"{SHA256}  -\n", RIGHT),
        (SIGNED, RIGHT),
        (f"SHA256:\n {MD5} 12 other.csv\n {SHA256} 8 main/data.csv\n", RIGHT),
    ],
)  # fmt: skip
def test_forms(text: str, checksum: str) -> None:
    """Each form that common tools write is understood; of several algorithms the strongest counts."""
    assert find(text, ["data.csv"]) == checksum


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"\\{SHA256}  back\\\\slash.csv", "back\\slash.csv"),
        (f"\\{SHA256}  line\\nend.csv", "line\nend.csv"),
        (f"\\SHA256 (back\\\\slash.csv) = {SHA256}", "back\\slash.csv"),
        (f"{SHA256}  with blanks (1).csv", "with blanks (1).csv"),
        (f"SHA256 (with (two) brackets) = {SHA256}", "with (two) brackets"),
        (f"{SHA256}  {OTHER}", OTHER),
        (f"{SHA256}  ünïcode 日本.csv", "ünïcode 日本.csv"),
    ],
)
def test_awkward_names(line: str, name: str) -> None:
    """Blanks, brackets, backslashes and digits in a name do not confuse it."""
    assert find(f"{OTHER}  other\n{line}\n", [name]) == RIGHT


def test_names_in_order() -> None:
    """The first name that has a line counts: what the file is called here, then what the URL calls it."""
    text = f"{OTHER}  remote.csv\n{SHA256}  local.csv\n"
    assert find(text, ["local.csv", "remote.csv"]) == RIGHT
    assert find(text, ["nowhere.csv", "local.csv"]) == RIGHT


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no line for 'data.csv'"),
        (f"{SHA256}  other.csv\n", "no line for 'data.csv'"),
        (f"{SHA256}\n{OTHER}\n", "no line for 'data.csv'"),
        (f"{SHA256[:-1]}  data.csv\n", "no line for 'data.csv'"),
        (f"SHA256 (data.csv) = {MD5}\n", "no line for 'data.csv'"),
        (f"{SHA256}  xdata.csv\n{SHA256}  data.csv.sig\n", "no line for 'data.csv'"),
        ("<!doctype html><title>Not found</title>", "no line for 'data.csv'"),
        (f"{SHA256}  data.csv\n{OTHER}  data.csv\n", "two sha256 checksums that differ"),
        (f"{SHA256}  a/data.csv\n{OTHER}  b/data.csv\n", "two sha256 checksums that differ"),
    ],
)
def test_no_line(text: str, why: str) -> None:
    """Where nothing is said of the file, or two things are, that is an error, and nothing is guessed."""
    with pytest.raises(BadAnswer, match=why) as caught:
        find(text, ["data.csv", "data.csv"])
    assert caught.value.hint


@pytest.mark.parametrize("tool", ["sha256sum", "sha256sum --tag", "openssl dgst -sha256", "openssl dgst -sha512"])
@pytest.mark.parametrize("name", ["data.csv", "with blank (1).csv", "back\\slash.csv"])
def test_real_tools(tool: str, name: str, tmp_path: Path) -> None:
    """What the tools of this machine write is read back as what they meant."""
    program, *options = tool.split()
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / name).write_bytes(DATA)
    run = subprocess.run([program, *options, name], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert find(run.stdout, [name]) == (f"sha512:{SHA512}" if "512" in tool else RIGHT)


def test_a_hostile_list_costs_little() -> None:
    """A megabyte of anything is looked through in a moment."""
    begun = time.process_time()
    for piece in (
        " ",
        "a ",
        "\t",
        ":",
        "a: ",
        "\n ",
        "\\",
        "(",
        ") = ",
        "ab" * 32,
        f"{SHA256}  x\n",
        "SHA256 (a) = ",
        "AB ",
    ):
        for text in (piece * (1_000_000 // len(piece)), f"{SHA256}" + piece * 10_000 + "x"):
            try:
                find(text, ["data.csv"])
            except BadAnswer:
                continue
    assert time.process_time() - begun < 20
