"""Where everything lies, and why it lies there.

::

    <home>/                                         0700; refused when others can write to it
      journals/<owner>.jsonl                        state: one line a record (lines.py); one writer, any reader
      journals/<theirs>.taken.<ours>.jsonl          a dead owner's journal in the hands of its heir (succession.py)
      journals/.<owner>.<random>.new                a compaction under way; rubbish once that owner is dead
      blocks/<first 2 of id>/<id>.<epoch>           which bytes are in the part: fixed binary rows (blocks.py)
      owners/<owner>.json                           machine, boot, process of a writer; its mtime is the heartbeat
      claims/<sha256 of the destination>            who works on a destination, made by hard link (claims.py)
      wishes/<owner>/<time>-<random>.json           what other processes ask of an owner (wishes.py)
      groups/<key>.json                             what holds for a group (cards.py)
      completions/<key>.<owner>.json                what is to be done when some operations are over (cards.py)
      history/<first 2 of sha256(destination)>/<owner>.jsonl    finished operations, the journal's own lines
      outputs/<sha256 of the notebook>.jsonl        which saved outputs show transfers (outputs.py)

An owner is one session of one process; its id is drawn at random and never used twice. Files are 0600. Everything
that is replaced is written aside and renamed. Block logs and history are spread over 256 folders, so that asking
about one operation among many thousands lists a few dozen names.

**Asking for a finished destination must not parse the past.** A finished operation stands either still in a journal
or already in the history, never in neither: compaction writes the history before it drops the line. Journals are
read from where the last look ended, and kept as an index of what is done. Of the history only one folder of 256 is
read, and there only lines that contain this destination, letter for letter as the encoder writes it, are decoded.
The claim may be given up as soon as the operation is done; compaction removes what was left.

A key is the destination alone, not (source, destination): a second source for a destination in work must find the
claim of the first, to be refused.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from nbxfer.errors import InvalidRequest

FOLDERS: Final = ("journals", "blocks", "owners", "claims", "wishes", "history", "outputs", "groups", "completions")

_ID: Final = re.compile(r"[0-9a-f]{8,32}")
_JOURNAL: Final = re.compile(r"([0-9a-f]{8,32})(?:\.taken\.([0-9a-f]{8,32}))?\.jsonl")
_BLOCKS: Final = re.compile(r"([0-9a-f]{8,32})\.([1-9][0-9]{0,8})")


class JournalName(NamedTuple):
    """The name of a journal, taken apart: whose it was, and who took it (empty: nobody)."""

    owner: str
    taker: str

    @property
    def file(self) -> str:
        """The file name."""
        return f"{self.owner}.taken.{self.taker}.jsonl" if self.taker else f"{self.owner}.jsonl"


def is_id(text: str) -> bool:
    """Say whether ``text`` is an id of ours: 8 to 32 hexadecimal digits, lower case; such a name leaves no folder."""
    return _ID.fullmatch(text) is not None


def checked(text: str) -> str:
    """Give ``text`` back if it is an id; raise InvalidRequest if not, before any path is made of it."""
    if not is_id(text):
        raise InvalidRequest(
            f"{text[:40]!r} is not an id of nbxfer.", hint="Ids are 8 to 32 hexadecimal digits, as operations() shows."
        )
    return text


def journal_name(file: str) -> JournalName | None:
    """Read the name of a journal; None for what is none."""
    match = _JOURNAL.fullmatch(file)
    return JournalName(match[1], match[2] or "") if match else None


def blocks_name(file: str) -> tuple[str, int] | None:
    """Read the name of a block log as (operation id, epoch); None for what is none."""
    match = _BLOCKS.fullmatch(file)
    return (match[1], int(match[2])) if match else None


def key(destination: str) -> str:
    """Give what stands for a destination in names: the SHA-256 of its bytes, hexadecimal."""
    return hashlib.sha256(os.fsencode(destination)).hexdigest()


class Layout:
    """The paths of one home. Ids are checked here, so that no path can lead anywhere else."""

    def __init__(self, home: str | Path) -> None:
        self.home = os.path.realpath(home)
        self.journals = os.path.join(self.home, "journals")
        self.owners = os.path.join(self.home, "owners")
        self.claims = os.path.join(self.home, "claims")

    def folder(self, name: str) -> str:
        """Give one of FOLDERS."""
        return os.path.join(self.home, name)

    def journal(self, owner: str, taker: str = "") -> str:
        """Give the path of an owner's journal, or of what it is called in the hands of ``taker``."""
        name = JournalName(checked(owner), checked(taker) if taker else "")
        return os.path.join(self.journals, name.file)

    def aside(self, owner: str) -> str:
        """Give a fresh name for a compaction of that owner's."""
        return os.path.join(self.journals, f".{checked(owner)}.{secrets.token_hex(8)}.new")

    def owner(self, owner: str) -> str:
        """Give the path of an owner's file."""
        return os.path.join(self.owners, f"{checked(owner)}.json")

    def claim(self, destination: str) -> str:
        """Give the path of the claim on a destination."""
        return os.path.join(self.claims, key(destination))

    def wishes(self, owner: str) -> str:
        """Give the folder of what is asked of an owner."""
        return os.path.join(self.home, "wishes", checked(owner))

    def card(self, kind: str, name: str, owner: str = "") -> str:
        """Give the path of a card: what is said of a thing by its name, perhaps in the hands of an owner."""
        file = f"{key(name)[:32]}.{checked(owner)}.json" if owner else f"{key(name)[:32]}.json"
        return os.path.join(self.folder(kind), file)

    def shelf(self, op_id: str) -> str:
        """Give the folder in which an operation's block logs lie, beside those of others."""
        return os.path.join(self.home, "blocks", checked(op_id)[:2])

    def blocks(self, op_id: str, epoch: int) -> str:
        """Give the path of a block log."""
        return os.path.join(self.shelf(op_id), f"{op_id}.{int(epoch)}")

    def shard(self, destination: str) -> str:
        """Give the folder of the history in which a destination is to be looked for."""
        return os.path.join(self.home, "history", key(destination)[:2])
