"""`connector status`: where every shop stands, from our own state; no call is made."""

from __future__ import annotations

import math
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.delivery import entities
from connector.delivery.ledger import Held
from connector.delivery.provisioned import known_sources
from connector.due_days import days_due, today
from connector.report import store_currencies
from connector.shop_run import SYNC_LEASE, ShopRun
from connector.state.leases import living_holder

Place = tuple[str, int | None]  # entity, and the store of an order


def status_of_shop(run: ShopRun) -> dict[str, Any]:
    """One shop's part of the document. `waiting` counts what the last run over the entity could not deliver."""
    last = run.log.last_run(run.shop.key)
    lines = run.log.last_lines(run.shop.key)
    waiting = {(line["entity"], line["store_id"]): line["counts"]["failed"] for line in lines}
    held: dict[Place, list[Held]] = {}
    for each in run.ledger.held():
        held.setdefault((each.entity, each.store_id), []).append(each)
    refused = run.refused.totals()
    sources = known_sources(run.state.db, run.shop.key)
    rows = []
    for place in _places(run):
        delivered = held.get(place, [])
        at = max((each.last_delivery for each in delivered), default=None)
        rows.append(
            {
                "entity": place[0],
                "store_id": place[1],
                "delivered": len(sources) if place[0] == entities.DATA_SOURCES else sum(e.records for e in delivered),
                "refused": refused.get(place, 0),
                "waiting": waiting.get(place, 0),
                "last_delivery": None if at is None else datetime.fromtimestamp(at, UTC).isoformat(),
            }
        )
    return {
        "shop": run.shop.key,
        "status": _status(run, last),
        "message": last["message"] if last else None,
        "last_run": datetime.fromtimestamp(last["started_at"], UTC).isoformat() if last else None,
        "days_waiting": _days_waiting(run),
        "quota": {**run.quota(), "forecast": _forecast(run)},
        "entities": rows,
    }


def _status(run: ShopRun, last: dict[str, Any] | None) -> str:
    if last is None:
        return "never"
    if last["status"] is None:  # the run has not ended: it goes on, or its process died
        return "running" if living_holder(run.state.db, run.shop.key, SYNC_LEASE) else "failed"
    return str(last["status"])


def _forecast(run: ShopRun) -> int:
    """The calls of the whole month if it goes on as it has so far; of its first day, as if that were over."""
    now = datetime.fromtimestamp(run.clock(), run.calls.zone)
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    days = monthrange(now.year, now.month)[1]
    return math.ceil(run.calls.usage().used * days / max(1.0, (now - start) / timedelta(days=1)))


def _places(run: ShopRun) -> list[Place]:
    stores: list[int | None] = [*store_currencies(run)]
    return [
        (name, store_id)
        for name in entities.names_of(run.shop.rules)
        for store_id in (stores if name == entities.ORDERS.name else [None])
    ]


def _days_waiting(run: ShopRun) -> int:
    """Days before today that are not complete, of the store that has most of them."""
    if not store_currencies(run):
        return 0
    complete = run.complete_days()
    due = days_due(run.ctx, complete, run.started)
    today_in = {store.store_id: today(run.ctx, store.store_id, run.started).isoformat() for store in run.ctx.stores}
    return sum(
        any(day < today_in[store_id] and day not in complete[store_id] for store_id in stores)
        for day, stores in due.items()
    )
