"""From requests to operations: new ones, those that are there already, and those that cannot be at the moment."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import url as urls
from nbxfer.core.lease import Hold
from nbxfer.core.lifecycle import Operation as Machine
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.spec import Spec
from nbxfer.engine import rules
from nbxfer.engine.doors import Doors
from nbxfer.engine.engine import Engine
from nbxfer.engine.standing import standing
from nbxfer.errors import AccessDenied, DestinationExists, InvalidTransferState, Offline, TransferError
from nbxfer.manifest.base import Found, Manifest
from nbxfer.session import config, rerun, steering
from nbxfer.session.request import Request, Seat
from nbxfer.session.specs import Specs
from nbxfer.session.survey import Survey
from nbxfer.session.usual import Usual
from nbxfer.session.ways import way_out, ways_in
from nbxfer.wire.access import Access

#: What depends on the moment: of one request it is raised, one of many becomes an operation that has failed.
OF_THE_MOMENT: Final = (DestinationExists, AccessDenied, Offline)


class _Plan(msgspec.Struct):
    """What is to be done about one request; ``error`` where nothing can be done at the moment."""

    asked: Request
    access: Access
    spec: Spec
    target: Access | None = None
    decision: rerun.Decision | None = None
    error: TransferError | None = None
    op_id: str = ""


class Asking:
    """Takes requests in for one session. One thread at a time."""

    def __init__(self, engine: Engine, manifest: Manifest, doors: Doors, seat: Seat) -> None:
        self._engine, self._manifest, self._doors, self._seat = engine, manifest, doors, seat
        self._records = rerun.Records(manifest, self._live)
        self._usual = Usual(seat)
        self._refused: dict[tuple[str, str], str] = {}  # by destination and identity

    def one(self, asked: Request) -> str:
        """Give the id of the operation that does what is asked. Raises what decide raises, and Offline."""
        terms = self._usual.terms(asked)
        self._look_at_groups([asked])
        self._engine.start()
        plan = self._planned(asked, terms.access, offline=self._usual.offline(), specs=terms.specs)
        if plan.error is not None:
            raise plan.error
        return self._carry_out({asked.destination: plan})[asked.destination]

    def all(self, asked: list[Request], *, spend: bool = False) -> list[str]:
        """Give the ids of the operations that do what is asked, in order; safe against power loss when it returns.

        What depends on the moment makes an operation that has failed, and the rest goes on. Raises InvalidRequest and
        InvalidTransferState, with nothing begun. With ``spend`` the list is emptied when it is no longer needed: a
        hundred thousand requests would stand in memory beside their operations.
        """
        if not asked:
            return []
        ways = ways_in(asked)
        self._look_at_groups(asked)
        self._engine.start()
        offline = config.get("offline")
        specs, survey = Specs(self._seat), Survey(self._manifest.claim_keys, len(asked))
        plans: dict[str, _Plan] = {}
        for each, access in zip(asked, ways, strict=True):
            if each.destination not in plans:  # a second time: the same source, or it would have been refused
                plans[each.destination] = self._planned(each, access, offline=offline, specs=specs, survey=survey)
        del ways
        order = [each.destination for each in asked]
        if spend:
            asked.clear()
        ids = self._carry_out(plans)
        self._manifest.sync()
        return [ids[destination] for destination in order]

    def again(self, op_id: str, *, replace: bool = False) -> None:
        """Look anew at what stands in the way of an operation that failed for it; with ``replace``, it may be replaced.

        Raises DestinationExists; with ``replace`` also InvalidTransferState, where nothing had been in the way.
        """
        op = self._engine.dispatcher.ops.get(op_id)
        if op is None or op.fault is None or op.fault.error != DestinationExists.__name__:
            if replace:
                raise InvalidTransferState("It did not fail for a file that is in its way.", op_id=op_id)
            return
        spec = msgspec.structs.replace(op.spec, if_exists="overwrite") if replace else op.spec
        before = rerun.look_again(self._records, msgspec.structs.replace(op.record(), spec=spec))
        if before != op.before or replace:
            self._engine.wish(op_id, ev.SpecAsked(spec, before))

    def _look_at_groups(self, asked: Sequence[Request]) -> None:
        """Refuse a group that nobody has made: it would have no rule."""
        for group in {each.options.group for each in asked if each.options.group is not None}:
            rules.require(self._manifest, group)

    # -- deciding ------------------------------------------------------------------------------------------------
    def _planned(
        self,
        asked: Request,
        access: Access,
        *,
        offline: bool,
        specs: Specs | None = None,
        survey: Survey | None = None,
    ) -> _Plan:
        target = way_out(asked)
        spec = (specs or Specs(self._seat)).of(asked, access, target)
        plan = _Plan(asked, access, spec, target, error=asked.refused)
        if plan.error is None:
            try:
                decision = rerun.decide(self._records, spec, asked.options.on_duplicate, survey)
                plan.spec = rerun.moved(plan.spec, decision.destination)
                if offline:
                    plan.spec = _asking_nobody(plan.spec, decision)
                plan.decision = decision
            except OF_THE_MOMENT as error:
                plan.error = error
        return plan

    def _live(self, destination: str) -> Found | None:
        """Give the live operation of this process for a destination."""
        op = self._engine.dispatcher.by_destination.get(destination)
        if op is None or op.phase in FINAL:
            return None
        return Found(op.record(), self._manifest.me.id, Hold.OURS)

    # -- doing ---------------------------------------------------------------------------------------------------
    def _carry_out(self, plans: dict[str, _Plan]) -> dict[str, str]:
        """Do what is planned; give the ids of the operations, under the same keys. The plans are used up."""
        ids: dict[str, str] = {}
        fresh: list[Machine] = []
        refused: list[Machine] = []
        joined: list[tuple[_Plan, Found]] = []
        drawn = secrets.token_bytes(8 * len(plans)).hex()  # at once: each draw gives the interpreter's lock away
        for number, key in enumerate(list(plans)):
            plan = plans.pop(key)  # of a hundred thousand, nobody needs it any more
            if plan.decision is not None and plan.decision.found is not None:
                plan.op_id = plan.decision.found.record.id
                joined.append((plan, plan.decision.found))
            elif plan.error is None:
                fresh.append(self._made(plan, drawn[16 * number : 16 * (number + 1)]))
            elif (machine := self._refusal(plan)) is not None:
                refused.append(machine)
            ids[key] = plan.op_id
        try:
            if fresh or refused:
                self._engine.call(lambda: self._admit(fresh, refused))
        except Exception:  # an interrupt is none: what was asked for may be accepted all the same
            for machine in (*fresh, *refused):
                self._doors.forget(machine.id)
            raise
        if joined:
            self._join(joined)
        return ids

    def _made(self, plan: _Plan, op_id: str = "") -> Machine:
        before, named = (plan.decision.before, plan.decision.named) if plan.decision is not None else (None, "")
        start = plan.asked.options.start
        machine = Machine(
            op_id or secrets.token_hex(8), plan.spec, time.time(), before=before, start=start, named=named
        )
        plan.op_id = machine.id
        self._give(machine.id, plan)
        return machine

    def _give(self, op_id: str, plan: _Plan) -> None:
        refresh = plan.asked.options.refresh
        ask = refresh if callable(refresh) else None
        if plan.asked.server:
            self._doors.give(op_id, plan.access, ask, common=True)
            return
        whole = {urls.stored_url(url, plan.asked.options.secret_query)[0]: url for url in plan.asked.mirrors}
        self._doors.give(op_id, plan.access, ask, plan.target, plan.asked.form, mirrors=whole)

    def _refusal(self, plan: _Plan) -> Machine | None:
        """Give an operation that says why not; None where the same request has one already."""
        assert plan.error is not None
        key = (plan.spec.destination, plan.spec.identity)
        plan.op_id = self._refused.get(key, "")
        old = self._engine.dispatcher.ops.get(plan.op_id)
        if old is not None and old.phase is Phase.FAILED:
            return None
        there = self._records.at(plan.spec.destination)
        if there is not None and there.record.phase is Phase.FAILED and there.record.spec.identity == key[1]:
            plan.op_id = there.record.id
            if standing(there, self._manifest) == "orphaned":
                self._engine.call(lambda: self._engine.custody.adopt([there]))
            return None
        machine = self._made(plan)
        machine.handle(ev.Refused(faults.of(plan.error, faults.Remedy.GIVE_UP)), time.time())
        self._refused[key] = machine.id
        return machine

    def _admit(self, fresh: list[Machine], refused: list[Machine]) -> None:
        self._engine.dispatcher.admit(refused)  # they claim nothing
        self._engine.submit(fresh)

    def _join(self, joined: Sequence[tuple[_Plan, Found]]) -> None:
        """Go on with what is there already: that of others is followed, that of nobody taken over, ours told anew."""
        where = [(plan, found, standing(found, self._manifest)) for plan, found in joined]
        for plan, _, stands in where:
            if stands != "theirs":
                self._give(plan.op_id, plan)

        def join() -> list[steering.Asked]:
            custody = self._engine.custody
            for _, found, stands in where:
                if stands == "theirs":
                    custody.follow(found, adopt=True)
            custody.adopt([found for _, found, stands in where if stands == "orphaned"])
            wanted = [(p.op_id, p.spec, p.decision.before) for p, _, s in where if p.decision and s != "theirs"]
            return [steering.go_on(self._engine.dispatcher, *one) for one in wanted]

        for asked in self._engine.call(join):
            asked.check()


def _asking_nobody(spec: Spec, decision: rerun.Decision) -> Spec:
    """Give the spec that needs no request; raise Offline where there is none."""
    before = decision.before
    if decision.found is None and before is not None and spec.if_exists != "overwrite":
        if before.ours or spec.if_exists == "skip":
            return msgspec.structs.replace(spec, if_exists="skip")
        if spec.checksum is not None:
            return spec  # it is held against that, here
    raise Offline(
        f"{spec.destination} is not here, and the network is not to be asked.",
        hint="Unset NBXFER_OFFLINE (or offline in the configuration) to fetch it.",
    )
