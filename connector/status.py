"""`connector status`: where every shop stands, from our own state; no call is made."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connector.config import load_configuration
from connector.delivery import entities
from connector.delivery.ledger import Held
from connector.delivery.outbox import Drop
from connector.delivery.outbox import State as EventState
from connector.delivery.provisioned import known_event_types, known_sources
from connector.due_days import recent_from, today
from connector.quota import quota_outlook
from connector.report import store_currencies
from connector.shop_run import SYNC_LEASE, ShopRun, State
from connector.state.leases import living_holder
from connector.state.webhook_installations import WebhookInstallations

Place = tuple[str, int | None]  # entity, and the store of an order


def status_of_installations(file: Path) -> list[dict[str, Any]]:
    """What ShopiMind's webhooks said of every installation; `problem` is why one that is activated makes no shop."""
    if load_configuration(file).receive is None:
        return []
    state = State.open()
    try:
        found = WebhookInstallations(state.db, state.sealer).all()
    finally:
        state.close()
    return [
        {
            "installation_id": each.installation_id,
            "shop": each.shop,
            "state": each.state,
            "since": datetime.fromtimestamp(each.since, UTC).isoformat(),
            "problem": each.problem,
        }
        for each in found
    ]


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
    events = run.outbox.totals() if run.shop.events else {}
    rows = []
    for place in _places(run):
        if place[0] == entities.EVENTS:
            rows.append(_events_row(run, events, refused.get(place, 0)))
            continue
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
        "message": run.deferred or (last["message"] if last else None),
        "last_run": datetime.fromtimestamp(last["started_at"], UTC).isoformat() if last else None,
        "days_waiting": _days_waiting(run),
        "history": history(run),
        "quota": quota_outlook(run),
        "entities": rows,
        **({"events": _events(run)} if run.shop.events else {}),
    }


def _events_row(run: ShopRun, events: dict[str, Counter[str]], refused: int) -> dict[str, Any]:
    """The events' row, whose rows are kept in the outbox and not in the ledger."""
    last = run.outbox.last_sent()
    return {
        "entity": entities.EVENTS,
        "store_id": None,
        "delivered": sum(numbers[EventState.SENT] for numbers in events.values()),
        "refused": refused,
        "waiting": sum(numbers[EventState.WAITING] + numbers[EventState.SENDING] for numbers in events.values()),
        "last_delivery": None if last is None else datetime.fromtimestamp(last, UTC).isoformat(),
    }


def _events(run: ShopRun) -> list[dict[str, Any]]:
    """What became of each event so far; `differs` is in what its event type in ShopiMind is not as configured."""
    types = known_event_types(run.state.db, run.shop.key)
    found = []
    for code_name, numbers in run.outbox.totals().items():
        id_event, differs = types.get(code_name, (None, []))
        found.append(
            {
                "code_name": code_name,
                "id_event": id_event,
                "waiting": numbers[EventState.WAITING] + numbers[EventState.SENDING],
                "sent": numbers[EventState.SENT],
                "unclear": numbers[EventState.UNCLEAR],
                "refused": numbers[EventState.REFUSED],
                "skipped": {drop.value: numbers[drop] for drop in Drop if drop is not Drop.UNCLEAR and numbers[drop]},
                "differs": differs,
            }
        )
    return found


def _status(run: ShopRun, last: dict[str, Any] | None) -> str:
    if run.deferred:
        return "inactive"
    if last is None:
        return "never"
    if last["status"] is None:  # the run has not ended: it goes on, or its process died
        return "running" if living_holder(run.state.db, run.shop.key, SYNC_LEASE) else "failed"
    return str(last["status"])


def _places(run: ShopRun) -> list[Place]:
    stores: list[int | None] = [*store_currencies(run)]
    return [
        (name, store_id)
        for name in entities.names_of(run.shop)
        for store_id in (stores if name == entities.ORDERS.name else [None])
    ]


def history(run: ShopRun) -> dict[str, Any]:
    """How far the days older than the look-back are, counted per store.

    `done` of `known` days that have sales by the turnover's word are complete; `left` are due, from day `from` on.
    """
    if not store_currencies(run):
        return {"done": 0, "known": 0, "left": 0, "from": None}
    due = run.calendar.history()
    recent = min(recent_from(run.ctx, store.store_id, run.started) for store in run.ctx.stores)
    done, known = run.turnover.progress(recent.isoformat())
    return {"done": done, "known": known, "left": sum(map(len, due.values())), "from": min(due, default=None)}


def _days_waiting(run: ShopRun) -> int:
    """Days before today that are not complete, of the store that has most of them."""
    if not store_currencies(run):
        return 0
    complete = run.calendar.complete()
    due = run.calendar.due()
    today_in = {store.store_id: today(run.ctx, store.store_id, run.started).isoformat() for store in run.ctx.stores}
    return sum(
        any(day < today_in[store_id] and day not in complete[store_id] for store_id in stores)
        for day, stores in due.items()
    )
