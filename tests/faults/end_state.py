"""What ShopiMind holds of the shop, by id, and what it would hold if nothing had ever gone wrong."""

from __future__ import annotations

import hashlib
import json

from connector.sandbox.serve import Sandbox
from tests.faults.broken import promise
from tests.faults.shop_world import World
from tests.faults.short_waits import unhurried_nowhere
from tests.faults.till_changes import SHOP, Changes

IDS = {
    "customers": "customer_id",
    "orders": "order_id",
    "products": "product_id",
    "categories": "category_id",
    "manufacturers": "manufacturer_id",
    "statuses": "status_id",
    "profiles": "contact_id",
}


def held(world: World, changes: Changes) -> dict[str, dict[str, str]]:
    """What ShopiMind holds, by id, but for what the till took back meanwhile: of that it may hold what it once was.

    An order keeps its customer's address and date as they were when it was sent (contract, section 5).
    """
    gone = {f"a_{number}" for number in changes.gone_customers}
    gone |= {f"customer:{name}" for name in gone} | {str(100_000_000 + n) for n in changes.gone_products}
    state = world.end_state(SHOP)
    by_id: dict[str, dict[str, str]] = {"sources": {text: text for text in state["sources"]}}
    for kind, name in IDS.items():
        by_id[kind] = {}
        for text in state.get(kind, []):
            item = json.loads(text)
            if kind == "orders":
                item["customer"] = item["customer"]["customer_id"]
            if str(item[name]) not in gone and item.get("customer") not in gone:
                by_id[kind][str(item[name])] = json.dumps(item, sort_keys=True)
    return by_id


def differences(there: dict[str, dict[str, str]], expected: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    """(kind, id) of everything that is missing, extra or not the same."""
    return [
        (kind, name)
        for kind in expected
        for name in there[kind].keys() | expected[kind].keys()
        if there[kind].get(name) != expected[kind].get(name)
    ]


_expected: dict[str, dict[str, dict[str, str]]] = {}


def expected_state(world: World, changes: Changes) -> dict[str, dict[str, str]]:
    """The end state of one sync of that till, as it is now, without any fault."""
    account, saved = world.sandbox.accounts[0], {**world.till(SHOP).saved(), "calls": {}}
    books = json.dumps([saved, len(account.books.keys("customers"))], sort_keys=True, default=str)
    key = hashlib.blake2b(books.encode(), digest_size=12).hexdigest()
    if key not in _expected:
        folder = world.folder / f"expected-{key}"
        folder.mkdir()
        with Sandbox(folder / "sandbox", folder, accounts=[account]) as sandbox, unhurried_nowhere():
            calm = World(sandbox, folder, folder / "home")
            calm.till(SHOP)._restore(json.loads(json.dumps(saved)))
            synced = calm.sync(SHOP)
            promise(synced.status == "delivered", f"without any fault: {synced.status}: {synced.message}")
            _expected[key] = held(calm, changes)
        world.enter()
    return _expected[key]
