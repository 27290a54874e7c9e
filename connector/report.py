"""What `connector sync --json` says of one shop, made from the run log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.delivery import entities
from connector.delivery.counts import Counts
from connector.delivery.provisioned import known_sources
from connector.shop_run import ShopRun
from connector.state.lake import LakeMissing


def shop_report(run: ShopRun, only: Sequence[str]) -> dict[str, Any]:
    """The shop's part of the document: status, a row per entity (and store), calls, quota.

    An entity that the run did not get to has a row of zeros. With `only`, other entities are left out, but for the data
    sources when something was done about them.
    """
    last = run.log.run(run.run_id, run.shop.key) or {}
    lines = {(line["entity"], line["store_id"]): line for line in run.log.entities(run.run_id, run.shop.key)}
    rows = []
    for entity, store_id in _places(run, only, lines):
        line = lines.get((entity, store_id))
        if line is None:
            line = {"entity": entity, "store_id": store_id, "id_data_source": None, "counts": Counts().as_json()}
        rows.append(_row(run, line))
    return {
        "shop": run.shop.key,
        "status": last.get("status") or "failed",
        "message": last.get("message"),
        "entities": rows,
        "calls": {"hiboutik": last.get("calls_till", 0), "shopimind": last.get("calls_shopimind", 0)},
        "quota": last.get("quota") or run.quota(),
    }


def store_currencies(run: ShopRun) -> dict[int, str]:
    """The currency of each store that is known; empty before the first run that read them."""
    try:
        return {store.store_id: store.currency for store in run.ctx.stores}
    except LakeMissing:
        return {}


def _places(
    run: ShopRun, only: Sequence[str], lines: dict[tuple[str, int | None], dict[str, Any]]
) -> list[tuple[str, int | None]]:
    places: list[tuple[str, int | None]] = []
    for entity in entities.names_of(run.shop.rules):
        stores: list[int | None] = [*store_currencies(run)] if entity == entities.ORDERS.name else [None]
        found = [(entity, store_id) for store_id in stores]
        if not only or entity in only or any(_did_something(lines.get(place)) for place in found):
            places += found
    return places


def _did_something(line: dict[str, Any] | None) -> bool:
    """Whether a prerequisite that nobody asked for has more to tell than that it was there."""
    return line is not None and any(line["counts"][name] for name in ("sent", "refused", "failed"))


def _row(run: ShopRun, line: dict[str, Any]) -> dict[str, Any]:
    counts = line["counts"]
    row = {
        "entity": line["entity"],
        "store_id": line["store_id"],
        "id_data_source": line["id_data_source"],
        **{name: counts[name] for name in ("read", "skipped", "unchanged", "sent", "refused", "failed")},
    }
    if line["store_id"] is None:
        return row
    if row["id_data_source"] is None:
        row["id_data_source"] = known_sources(run.state.db, run.shop.key).get(line["store_id"])
    amounts = dict(counts["amounts"])
    row["amount_read"] = amounts.pop(store_currencies(run).get(line["store_id"], ""), "0.00")
    if amounts:
        row["amount_read_other"] = amounts
    return row
