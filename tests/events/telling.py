"""A world with events: declaring them, closing a sale this moment, and what ShopiMind was told."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from tests.sync.world import PARIS, Ran, Row, World, line, sale

NAME = "Purchase in a store"


class Events:
    """Commands over a world, and what came of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.last_sale = 600

    def declare(self, events: list[Any], **rules: Any) -> None:
        def change(shops: list[dict[str, Any]]) -> None:
            shops[0].update(events=events, rules=rules)

        self.world.configure(change)

    def close(self, *lines: Row, **more: Any) -> int:
        """A sale that closes now in Lyon; its number."""
        now = datetime.now(PARIS)
        self.last_sale += 1
        row = sale(self.last_sale, now.date(), *lines, at=f"{now:%H:%M:%S}", **more)
        self.world.till().put_sale(row)
        return self.last_sale

    def sync(self, *argv: str, hours_later: float = 0) -> Ran:
        return self.world.sync(*argv, ago_days=-hours_later / 24)

    def told(self, code_name: str = "pos_purchase") -> list[dict[str, Any]]:
        """The payloads of the triggers that ShopiMind carried out, in order."""
        data = self.world.sandbox.crm.shops["alpha"]
        found = sorted(data.docs[f"triggers:{code_name}"].values(), key=lambda doc: doc["id"])
        return [doc["payload"] for doc in found]

    def orders_told(self, code_name: str = "pos_purchase") -> Counter[str]:
        return Counter(payload["metaData"]["order_id"] for payload in self.told(code_name))

    def declared(self) -> dict[str, Any]:
        return self.world.sandbox.crm.shops["alpha"].docs["events"]

    def trigger_calls(self) -> list[str]:
        return [call["path"] for call in self.world.crm_calls(writes=True) if "/events/trigger/" in call["path"]]

    def status(self) -> dict[str, Any]:
        (event,) = self.world.status().shop()["events"]
        return event


def counted(ran: Ran) -> dict[str, Any]:
    """The events' row, without what is zero."""
    row = ran.row("events")
    found = {name: row[name] for name in ("read", "unchanged", "sent", "refused", "failed", "skipped")}
    return {name: number for name, number in found.items() if number}


__all__ = ["NAME", "Events", "counted", "line"]
