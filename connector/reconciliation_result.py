"""What a comparison of one shop came to: its window, its lines, and by id what does not agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from connector.delivery import entities
from connector.delivery.entities import ORDERS, Entity
from connector.due_days import today
from connector.reconciliation_lines import Line
from connector.shop_run import SYNC_LEASE, ShopRun
from connector.state.leases import living_holder

Finding = dict[str, Any]


@dataclass(frozen=True)
class Window:
    """The closing days whose sales are compared with the till, both inclusive.

    `alone`: they were asked for, so that orders of other days are not looked at.
    """

    first: date
    last: date
    alone: bool

    def has(self, day: str | None) -> bool:
        return day is not None and self.first.isoformat() <= day <= self.last.isoformat()


def usual_window(run: ShopRun) -> Window:
    """The days of this month and of the last one that are over: two calls a store, at most."""
    yesterday = max(today(run.ctx, store.store_id, run.started) for store in run.ctx.stores) - timedelta(days=1)
    last_month = (yesterday.replace(day=1) - timedelta(days=1)).replace(day=1)
    first = min(max(last_month, run.first_day), yesterday)
    return Window(first, yesterday, alone=False)


@dataclass
class Reconciliation:
    """One shop's comparison: a line per entity (for orders per store and day), and by id what does not agree."""

    run: ShopRun
    window: Window | None = None
    lines: list[Line] = field(default_factory=list)
    missing: list[Finding] = field(default_factory=list)
    extra: list[Finding] = field(default_factory=list)
    different: list[Finding] = field(default_factory=list)
    uncounted: set[Entity] = field(default_factory=set)  # custom data that differs in number: which, nobody can tell
    closed: dict[Entity, str] = field(default_factory=dict)  # custom data of which ShopiMind takes none now, and why

    @property
    def status(self) -> str:
        """The first that applies: `inactive`, `failed` (a server could not be read), `drift`, `quota`, `agrees`."""
        run = self.run
        if run.inactive:
            return "inactive"
        if run.problems:
            return "failed"
        if any(not line["agrees"] for line in self.lines):
            return "drift"
        return "quota" if "quota" in run.stop_reasons else "agrees"

    @property
    def days_in_doubt(self) -> set[tuple[int, str]]:
        """The days (of stores) whose sales must be read again to know better."""
        found = {
            (line["store_id"], line["day"])
            for line in self.lines
            if line["till"] and not line["till"].get("agrees", True)
        }
        of_orders = [each for each in (*self.missing, *self.different) if each["entity"] == ORDERS.name]
        found |= {(each["store_id"], each["day"]) for each in of_orders}
        return {(store_id, day) for store_id, day in found if store_id is not None and day is not None}

    def document(self) -> dict[str, Any]:
        """The shop's part of what `connector reconcile --json` prints."""
        run, window = self.run, self.window
        return {
            "shop": run.shop.key,
            "status": self.status,
            "message": " ".join([*run.stop_reasons.values(), *run.problems, *self._notes()]) or None,
            "window": {"from": window.first.isoformat(), "to": window.last.isoformat()} if window else None,
            "lines": self.lines,
            "missing": self.missing,
            "extra": self.extra,
            "different": self.different,
            "calls": run.calls_made(),
            "quota": run.quota(),
        }

    def _notes(self) -> Iterator[str]:
        if self.status == "drift" and living_holder(self.run.state.db, self.run.shop.key, SYNC_LEASE):
            yield "A sync of the shop goes on, so what differs may be on its way: look again when it has ended."
        custom = {entity.name: entity for entity in entities.of_shop(self.run.shop) if entity.definition is not None}
        differ = [custom[line["entity"]] for line in self.lines if line["entity"] in custom and not line["agrees"]]
        if differ:
            names = " and ".join(entity.name for entity in differ)
            yield f"ShopiMind lists {names} under its own numbers, so those that differ cannot be named."
        for entity in differ:
            if entity in self.closed:
                yield f"Nothing is delivered of {entity.name}: {self.closed[entity]}."
