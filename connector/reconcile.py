"""`connector reconcile`: every shop compared with its till and with ShopiMind, and with `--repair` put right."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector import reading_passes
from connector.config import Shop
from connector.delivery import entities
from connector.delivery.entities import ORDERS
from connector.outcome import exit_code
from connector.reconciliation import reconcile_shop
from connector.reconciliation_result import Reconciliation
from connector.shop_run import SYNC_LEASE, ShopRun, State
from connector.state.errors import StateError
from connector.state.leases import Lease, LeaseHeld
from connector.sync import Watch, sync
from connector.sync_request import SyncRequest

_SIDE_BY_SIDE = 16
_STATUS = {"agrees": "delivered", "drift": "failed"}  # what the exit codes of a sync call them


@dataclass(frozen=True)
class Question:
    """What is to be compared; `first` and `last` are closing days, none means the usual window."""

    first: date | None = None
    last: date | None = None
    only: tuple[str, ...] = ()


class _Interrupted(Exception):
    """The command was stopped: nobody waits for the rest of a list."""


@dataclass
class _Repair:
    """What of one shop is to be delivered again."""

    forget: dict[str, list[str]] = field(default_factory=dict)  # ids by entity that are no longer taken for delivered
    reopen: set[tuple[int, str]] = field(default_factory=set)  # days (of stores) to be read again
    lists: set[str] = field(default_factory=set)  # of the till, to be read whole whether or not it is their turn
    only: set[str] = field(default_factory=set)  # the entities in doubt


def reconcile_shops(shops: Sequence[Shop], question: Question, *, repair: bool, watch: Watch) -> dict[str, Any]:
    """The document that `connector reconcile --json` prints; shops side by side."""
    state, stop = State.open(), threading.Event()

    def watched(*told: Any) -> None:
        if stop.is_set():
            raise _Interrupted
        watch(*told)

    try:
        with ThreadPoolExecutor(max(1, min(len(shops), _SIDE_BY_SIDE)), thread_name_prefix="reconcile") as pool:
            try:
                found = list(pool.map(lambda shop: _compared(shop, state, question, watched), shops))
            except BaseException:
                stop.set()
                raise
        documents = [each.document() for each in found]
        if repair:
            documents = _repaired(shops, found, documents, state, question, watch)
    finally:
        state.close()
    code = exit_code([_STATUS.get(each["status"], each["status"]) for each in documents])
    return {"ok": code == 0, "exit_code": code, "shops": documents}


def _compared(shop: Shop, state: State, question: Question, watch: Watch) -> Reconciliation:
    run = ShopRun(shop, state, run_id="reconcile", progress=partial(watch, shop.key))
    try:
        return reconcile_shop(run, question.first, question.last, question.only)
    except Exception as error:
        told = str(error) if isinstance(error, StateError) else f"unexpected {type(error).__name__}: {error}"
        run.problems.append(told)
        return Reconciliation(run)
    finally:
        run.close()


def _repaired(
    shops: Sequence[Shop],
    found: Sequence[Reconciliation],
    documents: list[dict[str, Any]],
    state: State,
    question: Question,
    watch: Watch,
) -> list[dict[str, Any]]:
    """The documents after what is missing or different was delivered by a sync, and compared again."""
    requests: dict[str, list[SyncRequest]] = {}
    messages: dict[str, str] = {}
    for each in found:
        key, what = each.run.shop.key, _to_repair(each)
        if what.only:
            try:
                _prepare(each.run, what)
                requests[key] = _requests(each.run, what, question)
            except (LeaseHeld, StateError) as error:
                messages[key] = f"Nothing was repaired: {error}"
    synced = _synced(requests, watch)
    for place, shop in enumerate(shops):
        if shop.key in synced:
            again = _compared(shop, state, question, watch).document()
            documents[place] = _after(again, synced[shop.key], documents[place])
        elif shop.key in messages:
            told = filter(None, [documents[place]["message"], messages[shop.key]])
            documents[place] = {**documents[place], "status": "failed", "message": " ".join(told)}
    return documents


def _to_repair(found: Reconciliation) -> _Repair:
    """What is missing or different. What is extra stays: nothing is ever deleted in ShopiMind."""
    repair = _Repair(reopen=found.days_in_doubt)
    for each in (*found.missing, *found.different):
        repair.only.add(each["entity"])
        if each["entity"] != entities.DATA_SOURCES and each.get("missing_from") != "ledger":
            repair.forget.setdefault(each["entity"], []).append(each["external_id"])
    repair.reopen |= _days_under(found.run, [e["external_id"] for e in found.missing if _is_source(e)])
    if repair.reopen:
        repair.only.add(ORDERS.name)
    for line in found.lines:
        if (line["till"] or {}).get("agrees") is False:
            repair.only.add(line["entity"])
            repair.lists |= {line["entity"]} & reading_passes.LISTS.keys()
    for entity in found.uncounted - found.closed.keys():
        # which of them are missing cannot be told, so all are sent again
        repair.only.add(entity.name)
        repair.forget[entity.name] = found.run.ledger.records(entity.name)["external_id"].to_pylist()
    return repair


def _is_source(finding: dict[str, Any]) -> bool:
    return bool(finding["entity"] == entities.DATA_SOURCES)


def _days_under(run: ShopRun, sources: Sequence[str]) -> set[tuple[int, str]]:
    """The days (of stores) with orders under sources that are gone: another source will be made, to tag them anew."""
    if not sources:
        return set()
    noted = run.ledger.records(ORDERS.name)
    of_them = pc.is_in(noted["source"], value_set=pa.array(map(int, sources), pa.int64()))
    found = noted.filter(of_them).group_by(["store_id", "day"]).aggregate([])
    return {(row["store_id"], row["day"]) for row in found.to_pylist()}


def _prepare(run: ShopRun, repair: _Repair) -> None:
    """Makes a sync deliver it, in one transaction and while no other run delivers this shop. Raises `LeaseHeld`."""
    db = run.state.db
    with Lease.acquire(db, run.shop.key, SYNC_LEASE):
        for name in repair.lists:
            reading_passes.forget(run, name)
        with db.begin() as connection:
            for entity, external_ids in repair.forget.items():
                run.ledger.forget(connection, entity, external_ids)
            run.days.reopen(connection, repair.reopen)


def _requests(run: ShopRun, repair: _Repair, question: Question) -> list[SyncRequest]:
    """One sync of what is not complete now; before it one of days that are never due by themselves, if there are any.

    Orders move home stores and profiles, so with them everything is synced.
    """
    only = question.only or (() if ORDERS.name in repair.only else tuple(sorted(repair.only)))
    usual = SyncRequest(run.shop, only=only)
    days = sorted(day for _, day in repair.reopen)
    early = [date.fromisoformat(day) for day in days if day < run.first_day.isoformat()]
    if not early:
        return [usual]
    of_early = replace(usual, first=early[0], last=early[-1])
    return [of_early] if len(early) == len(days) else [of_early, usual]


def _synced(requests: dict[str, list[SyncRequest]], watch: Watch) -> dict[str, list[dict[str, Any]]]:
    """What became of each shop's requests, which are carried out one after the other; shops side by side."""
    synced: dict[str, list[dict[str, Any]]] = {}
    for turn in zip_longest(*requests.values()):
        for each in sync([request for request in turn if request], watch)["shops"]:
            synced.setdefault(each["shop"], []).append(each)
    return synced


def _after(document: dict[str, Any], synced: list[dict[str, Any]], before: dict[str, Any]) -> dict[str, Any]:
    """The second comparison, with what came between it and the first, and the calls of all of them."""
    calls = {side: sum(each["calls"][side] for each in (before, *synced, document)) for side in document["calls"]}
    repaired = {
        "status": next((each["status"] for each in synced if each["status"] != "delivered"), "delivered"),
        "message": " ".join(filter(None, (each["message"] for each in synced))) or None,
        "missing": before["missing"],
        "different": before["different"],
        "sent": sum(row["sent"] for each in synced for row in each["entities"]),
    }
    return {**document, "calls": calls, "repaired": repaired}
