"""A shop's troubled life: syncs in trouble, changes at the till, and the promises after every sync.

A `Story` plays it against a world; a promise that breaks raises `Broken`.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import Any

from tests.faults import promises
from tests.faults.broken import promise
from tests.faults.end_state import differences, expected_state, held
from tests.faults.resent import IN_FLIGHT, Answered, Resent
from tests.faults.shop_world import Synced, World
from tests.faults.short_waits import unhurried_nowhere
from tests.faults.struck_sync import Watched, sync_in_process, wait_until_quiet
from tests.faults.till_changes import SHOP, Changes
from tests.faults.troubles import NOTHING, PATIENCE, Trouble


@dataclass
class Figures:
    """What a story came to."""

    records: int = 0
    syncs: int = 0
    kills: int = 0
    repeated: list[int] = field(default_factory=list)  # records sent again, per kill
    recovery: list[float] = field(default_factory=list)  # seconds of the faultless sync after a kill
    lost: int = 0
    refused: int = 0  # stories in which a refusal was told, and ended by `sync --full`
    faults: int = 0  # requests that were answered by a fault


class Story:
    """A world, what happened to it so far, and the promises."""

    def __init__(self, world: World, customers: int) -> None:
        self.world, self.figures = world, Figures()
        self.changes = Changes(world, customers)
        self.told: list[str] = []  # what happened, for whoever reads of a broken promise
        self._answered = Answered(world.home)
        self._killed = False  # the last run was
        self._since_kill: int | None = None  # records sent again since a kill that no run has made up for yet

    # --- acting

    def change(self, chance: random.Random) -> None:
        self.told.append(f"changed: {self.changes.draw(chance)}")

    def sync(self, trouble: Trouble = NOTHING, **request: Any) -> Synced | None:
        """A sync in that trouble, and every promise after it. None when the run could give no report."""
        self.told.append(f"sync: {trouble or 'nothing wrong'}")
        self.figures.syncs += 1
        plans = [Watched(faults=list(trouble.faults), blow=trouble.blow) for _ in range(2)]
        servers = [self.world.sandbox.till_server, self.world.sandbox.crm_server]
        for server, plan in zip(servers, plans, strict=True):
            server.faults = plan
        if trouble.blow is None and trouble.disk is None:
            with unhurried_nowhere(PATIENCE if trouble.hangs else None):
                synced = self.world.sync(SHOP, **request)
        else:
            synced = sync_in_process(self.world, trouble, plans)
        wait_until_quiet(self.world, plans, trouble)
        self.world.mend()
        self.figures.faults += sum(1 for side in ("till", "crm") for e in self.world.requests(side) if e["fault"])
        self._check(synced, trouble, full=bool(request.get("full")))
        return synced

    def settle(self) -> None:
        """The faults are gone: one more sync, and everything is there, or it is told what waits and why."""
        killed, began = self._killed, time.monotonic()
        synced = self.sync()
        if killed:
            self.figures.recovery.append(time.monotonic() - began)
        assert synced is not None
        if synced.status == "refused":
            self.figures.refused += 1
            promises.named_where_different(self.world, self.changes)
            again = self.sync(full=True)
            assert again is not None
            synced = again
        promise(synced.status == "delivered", f"after the faults: {synced.status}: {synced.message}")
        expected = expected_state(self.world, self.changes)
        self.figures.records += sum(map(len, expected.values()))
        different = differences(held(self.world, self.changes), expected)
        self.figures.lost += len(different)
        promise(not different, f"not as without faults: {sorted(different)[:10]} ({len(different)})")
        promises.inactive_when_gone(self.world, self.changes)

    # --- promises

    def _check(self, synced: Synced | None, trouble: Trouble, *, full: bool) -> None:
        promises.under_its_own_source(self.world)
        whole = synced is not None and synced.status in ("delivered", "refused")
        self._killed = trouble.blow is not None and trouble.blow.kind == "kill" and synced is None
        lost = trouble.blow is not None and trouble.blow.kind == "lose"
        resent = self._answered.take(self.world.requests("crm", method="POST"), whole=whole, lost=lost)
        if not full:
            self._check_resent(resent, trouble, whole=whole)
        if lost:  # what is sent again now is not the kill's doing
            self._since_kill = None
        self.figures.kills += self._killed
        if self._killed:
            self._since_kill = self._since_kill or 0
        if synced is not None:
            promises.told_truly(self.world, self.changes, synced)

    def _check_resent(self, resent: Resent, trouble: Trouble, *, whole: bool) -> None:
        """Nothing is sent again but what a stopped run had in flight, and that is little."""
        # what a killed run had in flight is sent again by the next run that gets so far: it may be stopped before
        if self._since_kill is not None:
            self._since_kill += len(resent.again - resent.forgotten)
            if whole:
                self.figures.repeated.append(self._since_kill)
                self._since_kill = None
        if trouble.cuts_off:
            return
        told = sorted(resent.without_cause)[:5]
        promise(not told, f"{len(resent.without_cause)} records sent again without a cause: {told}")
        if trouble.blow is None and trouble.disk is None:
            promise(not resent.unnoted, f"answered for and not noted, by entity: {resent.unnoted}")
        elif trouble.blow is None or trouble.blow.kind != "lose":
            few = all(requests <= IN_FLIGHT for requests in resent.unnoted.values())
            promise(few, f"more requests in flight than {IN_FLIGHT}: {resent.unnoted}")
            promise(not self._killed or len(resent.unnoted) <= 1, f"of several entities in flight: {resent.unnoted}")
