"""Every source keeps the contract; here the scripted one, which the engine's tests stand on."""

from __future__ import annotations

import hashlib

from nbxfer.core.probe import Claim
from nbxfer.errors import SourceNotFound
from nbxfer.testing.scripted import Answer, ScriptedSource
from nbxfer.testing.sources import Served, SourceContract

SO_MANY = 20  # more questions than any test asks


class TestScripted(SourceContract):
    """The fake passes what the real ones have to."""

    def serve(self, served: Served) -> ScriptedSource:
        answer = Answer(
            raises=SourceNotFound("There is nothing.") if served.missing else None,
            cut=served.cut,
            stall=served.stall,
            silent=served.silent,
        )
        claim = Claim("server digest", f"sha256:{hashlib.sha256(served.data).hexdigest()}")
        return ScriptedSource(
            served.data,
            [answer] * SO_MANY,
            validator="strong" if served.validator else "",
            ranges=served.ranges,
            length="known" if served.length else "closed",
            name=served.name,
            claims=(claim,) if served.claim else (),
            modified=served.modified,
        )


class TestScriptedWithout(TestScripted):
    """A server that says "gone" instead of sending the new version, and begins earlier than asked."""

    def serve(self, served: Served) -> ScriptedSource:
        source = super().serve(served)
        source.script = [
            Answer(raises=a.raises, cut=a.cut, stall=a.stall, silent=a.silent, gone=True, early=100)
            for a in source.script
        ]
        return source
