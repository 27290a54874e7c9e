"""A shop's troubled life: syncs in trouble, changes at the till, and the promises after every sync.

A `Story` plays it against a world; a promise that breaks raises `Broken`.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from tests.faults import promises
from tests.faults.broken import promise
from tests.faults.end_state import differences, expected_state, held
from tests.faults.shop_world import Synced, World
from tests.faults.short_waits import unhurried_nowhere
from tests.faults.struck_sync import Watched, sync_in_process, wait_until_quiet
from tests.faults.till_changes import SHOP, Changes
from tests.faults.troubles import NOTHING, PATIENCE, Trouble

IN_FLIGHT = 8 * 50  # records that a killed run may have had on their way, at most
_ID_OF_SAVE = {
    "customers": "customer_id",
    "orders": "order_id",
    "products": "product_id",
    "products-categories": "category_id",
    "products-manufacturers": "manufacturer_id",
    "orders-statuses": "status_id",
}


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
        self._answered: dict[tuple[str, str], bytes] = {}  # the last payload of each record that was answered for
        self._may_repeat: float = 0
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
        repeated = self._count_repeated()
        if not full and not trouble.hangs:
            promise(repeated <= self._may_repeat, f"{repeated} records sent again, {self._may_repeat} may be")
        # what a killed run had in flight is sent again by the next run that gets so far: it may be stopped before
        whole = synced is not None and synced.status in ("delivered", "refused")
        if self._since_kill is not None and not full:
            self._since_kill += repeated
            if whole:
                self.figures.repeated.append(self._since_kill)
                self._since_kill = None
        self._killed = trouble.blow is not None and trouble.blow.kind == "kill" and synced is None
        self.figures.kills += self._killed
        if self._killed:
            self._since_kill = self._since_kill or 0
        self._may_repeat = 0 if whole else max(0, self._may_repeat - repeated)
        if trouble.blow and trouble.blow.kind == "lose":
            self._may_repeat = float("inf")
        elif synced is None or trouble.disk is not None or trouble.blow or trouble.hangs:
            self._may_repeat += IN_FLIGHT
        if synced is not None:
            promises.told_truly(self.world, self.changes, synced)

    def _count_repeated(self) -> int:
        """Records whose very payload had been answered for before, and that were sent once more."""
        repeated = 0
        for entry in self.world.requests("crm", method="POST"):
            kind = entry["path"].split("/")[2]
            if not isinstance(entry["body"], list) or (kind not in _ID_OF_SAVE and kind != "custom-data-records"):
                continue
            answered = entry["status"] == 200 and entry["fault"] in (None, "drip", "hang")
            for item in entry["body"]:
                key = (kind, json.dumps(item[_ID_OF_SAVE.get(kind, "contact_id")]))
                mark = hashlib.blake2b(json.dumps(item, sort_keys=True).encode(), digest_size=12).digest()
                repeated += self._answered.get(key) == mark
                if answered:
                    self._answered[key] = mark
        return repeated
