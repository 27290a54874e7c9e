"""What holds after every sync, whatever went wrong; a promise that does not is `Broken`."""

from __future__ import annotations

import json

from connector.outcome import EXIT_CODES
from tests.faults.broken import promise
from tests.faults.end_state import differences, expected_state, held
from tests.faults.shop_world import Synced, World
from tests.faults.till_changes import SHOP, Changes

_ENTITY = {"statuses": "order_statuses", "profiles": "pos_profiles"}


def told_truly(world: World, changes: Changes, synced: Synced) -> None:
    """What the run says is true, and says enough."""
    status, rows = synced.status, synced.report["entities"]
    failed = [row for row in rows if row["failed"]]
    promise(synced.exit_code == EXIT_CODES[status], f"exit code {synced.exit_code} for {status}")  # type: ignore[index]
    if status in ("delivered", "refused"):
        promise(not failed, f"{status}, but {failed}")
        promise(any(row["refused"] for row in rows) == (status == "refused"), f"{status}: {rows}")
    else:
        promise(len(synced.message) > 20, f"{status} without a word")
    if status == "delivered":
        missing = _missing(world, changes)
        promise(not missing, f"said to be delivered, but there is no {sorted(missing)[:5]} ({len(missing)})")


def under_its_own_source(world: World) -> None:
    """No order is under another store's source, nothing under a source that is not ours."""
    data, till = world.crm(SHOP), world.till(SHOP)
    configs = {number: json.loads(source["config"] or "{}") for number, source in data.sources.items()}
    for kind in ("customers", "products", "orders"):
        for item in data.items(kind):
            config = configs[item["id_data_source"]]
            promise(config.get("account") == SHOP, f"{kind}: {item} is under {config}")
            if kind == "orders":
                sold = till.sale(int(item["order_id"].removeprefix("a_")))
                at = str(sold["store_id"]) if sold else None
                promise(config.get("store_id") == at, f"order {item['order_id']} of store {at} is under {config}")


def named_where_different(world: World, changes: Changes) -> None:
    """Whatever is not as without faults is among the refused records, or a profile that depends on one of them."""
    with world.opened(SHOP) as run:
        named = {(row["entity"], row["external_id"]) for row in run.refused.all()}
    expected = expected_state(world, changes)
    buyers = {name: json.loads(text)["customer"] for name, text in expected["orders"].items()}
    told = named | {("pos_profiles", n) for e, n in named if e == "customers"}
    told |= {("pos_profiles", buyers.get(n)) for e, n in named if e == "orders"}  # a profile counts orders sent
    unnamed = []
    for kind, name in differences(held(world, changes), expected):
        name = name.removeprefix("customer:")
        if (_ENTITY.get(kind, kind), name) not in told:
            unnamed.append((kind, name))
    promise(not unnamed, f"neither delivered nor named: {unnamed[:10]}, named are {sorted(named)[:10]}")


def inactive_when_gone(world: World, changes: Changes) -> None:
    """A product that is gone from the till, and that ShopiMind has, is not active there."""
    for item in world.crm(SHOP).items("products"):
        if item["product_id"] - 100_000_000 in changes.gone_products:
            promise(not item["is_active"], f"product {item['product_id']} is gone, and active")


def _missing(world: World, changes: Changes) -> set[str]:
    till, known = world.till(SHOP), held(world, changes)
    there = {key for kind in ("customers", "products", "orders") for key in known[kind]}
    wanted = {f"a_{number}" for number in till.keys("customers")}
    wanted |= {str(100_000_000 + int(number)) for number in till.keys("products")}
    return wanted - there
