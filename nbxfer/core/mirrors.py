"""The same file elsewhere: when to turn to the next mirror, and what of the bytes may go on from there."""

from __future__ import annotations

from typing import Final

import msgspec

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Cause, Phase
from nbxfer.core.steps import Steps
from nbxfer.core.url import safe_url

#: Tries at one mirror, without a byte in between, before the next one gets its turn.
TRIES: Final = 2
#: What a server has done, or has not; another one may do better. Disks and names are the same with every mirror.
_OF_THE_SERVER: Final = frozenset((
    "AccessDenied", "BadAnswer", "CertificateRefused", "ChecksumMismatch", "NetworkError", "RangesRefused",
    "ServerBusy", "SourceChanged", "SourceNotFound", "TransferTimeout",
))  # fmt: skip


class Mirrors(Steps):
    """The step from one mirror to the next. Validators of different hosts prove nothing to each other."""

    __slots__ = ()

    def _elsewhere(self, fault: Fault, remedy: Remedy) -> bool:
        """Turn to the next mirror where ``fault`` is one that it may not have; say whether that was done.

        Each gets one turn as long as no new byte comes. With a checksum to come what is here may go on from there: its
        end is compared with the other server's, and the digest has the last word. Without one it begins again.
        """
        if not self.spec.mirrors or self.turned >= len(self.spec.mirrors) or fault.error not in _OF_THE_SERVER:
            return False
        if remedy not in (Remedy.RETRY, Remedy.GIVE_UP) or (remedy is Remedy.RETRY and self.retry.used + 1 < TRIES):
            return False
        wrong = self.phase is Phase.VERIFYING
        self.turned += 1
        url, *rest = self.spec.mirrors
        self.tell("another mirror", f"{safe_url(url)}: {fault.message}")
        keep = not wrong and bool(self.spec.checksum or self.listed) and self.held.front() > 0
        self.spec = msgspec.structs.replace(
            self.spec, url=url, mirrors=(*rest, self.spec.url), adopted=self.spec.adopted or keep
        )
        self.retry, self.refreshes = self.retry.fresh(), 0
        if keep:
            self.validator, self.claims, self.tied, self.alone = None, (), False, True
        elif self.received or self.validator is not None:
            self._restart("nothing can prove that another mirror has the same version")
        self.fault = None
        self._move(Cause.MISMATCH if wrong else Cause.CUT_SHORT)
        return True
