"""Later syncs: what is unchanged is not sent, what changed is, and `--only` and `--full` do what they say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sync.conftest import MakeWorld
from tests.sync.world import PRODUCTS, World, day, line, sale

ENTITIES = [
    "data_sources", "order_statuses", "categories", "manufacturers", "customers", "products", "orders", "pos_profiles",
]  # fmt: skip


def sent(ran: Any, shop: str = "alpha") -> dict[str, int]:
    """How many of which entity were sent."""
    found: dict[str, int] = {}
    for row in ran.shop(shop)["entities"]:
        found[row["entity"]] = found.get(row["entity"], 0) + row["sent"]
    return {name: number for name, number in found.items() if number}


@pytest.mark.also_shared
def test_an_unchanged_second_sync_writes_nothing_and_asks_little(world: World) -> None:
    assert world.sync().code == 0
    used = world.status().shop()["quota"]["used"]
    world.record()
    again = world.sync()
    assert (again.code, again.shop()["status"], sent(again)) == (0, "delivered", {})
    assert world.crm_calls(writes=True) == []
    assert again.shop()["calls"]["shopimind"] == len(world.crm_calls()) == 2  # the sources, the definitions
    # lists, days, lines of two days, and once a day the turnover of each store
    assert len(world.till_calls()) == again.shop()["calls"]["hiboutik"] == 6 + 3 * 3 + 2 + 3
    assert {name: row["unchanged"] for (name, _), row in again.rows().items() if name != "orders"} == {
        "data_sources": 4, "order_statuses": 1, "categories": 2, "manufacturers": 1, "customers": 3, "products": 3,
        "pos_profiles": 3,
    }  # fmt: skip
    assert again.row("orders", 1)["unchanged"] == 1
    assert again.row("orders", 5)["id_data_source"] == world.sources()["5"]
    assert again.shop()["quota"]["used"] == used + len(world.till_calls())


@pytest.mark.also_shared
def test_only_what_changed_in_the_till_is_sent(world: World) -> None:
    world.sync()
    till = world.till()
    till.put("customers", {"customers_id": 104, "last_name": "Revenue"})
    till.put("products", {"product_id": 12, "product_price": "21.00"})
    till.put("categories", {"category_id": 1, "category_name": "Bain et douche"})
    till.put("brands", {"brand_id": 2, "brand_name": "Nouvelle"})
    till.put("stores", {"store_id": 2, "store_name": "Saint-Pierre"})
    till.put_sale(sale(508, day(1), line(12, 2, "20.00"), customer=102, at="18:30:00"))
    till.put_sale(sale(600, day(0), line(), customer=104, store=5, at="00:00:01", currency="EUR"))
    world.record()
    changed = world.sync()
    assert changed.code == 0
    assert sent(changed) == {
        "data_sources": 1, "categories": 1, "manufacturers": 1, "products": 1,
        "customers": 1,  # his name, his first sale, and his home store
        "orders": 2, "pos_profiles": 2,  # of the one whose order grew, and of the one who came
    }  # fmt: skip
    assert world.held_by_id("products", "product_id")[900_000_012]["price"] == 21.0
    assert world.held_by_id("customers", "customer_id")["a_104"]["id_data_source"] == world.sources()["5"]
    assert world.held_by_id("orders", "order_id")["a_508"]["amount"] == 40.0
    labels = [source["label"] for source in world.sandbox.crm.shops["alpha"].sources.values()]
    assert "Maison Alpha - Saint-Pierre" in labels
    assert "Maison Alpha - Saint-Denis" not in labels


def test_a_customer_who_came_after_the_list_was_read_is_not_unknown(world: World) -> None:
    world.sync("--only", "customers")
    world.till().put("customers", {"customers_id": 105, "last_name": "Neuve", "email": "neuve@example.org"})
    world.till().put_sale(sale(600, day(1), customer=105))
    ran = world.sync()
    assert ran.row("orders", 1)["skipped"] == {"anonymous": 1, "customer_without_email": 1}
    assert "a_600" in world.held_by_id("orders", "order_id")
    assert "a_105" in world.held_by_id("customers", "customer_id")


def test_a_product_that_vanished_is_sent_once_more_as_inactive_and_then_never_again(world: World) -> None:
    world.sync("--only", "products")
    world.till().delete("products", 13)
    gone = world.sync("--only", "products")
    assert (gone.row("products")["read"], gone.row("products")["sent"]) == (3, 1)
    assert world.held_by_id("products", "product_id")[900_000_013]["is_active"] is False
    after = world.sync("--only", "products")
    assert (after.row("products")["read"], after.row("products")["sent"]) == (2, 0)


def test_full_sends_everything_again(world: World) -> None:
    first = world.sync()
    world.record()
    full = world.sync("--full", "--from", str(day(6)))
    for place, row in full.rows().items():
        if place[0] != "data_sources":
            assert (row["sent"], row["unchanged"]) == (first.rows()[place]["sent"], 0), place
    assert len(world.crm_calls(writes=True)) == 7  # one request each, and nothing is made anew
    assert world.sync().code == 0


# --- --only ---


@pytest.fixture(scope="module")
def synced(make_shared_world: MakeWorld) -> World:
    world = make_shared_world()
    assert world.sync().code == 0
    return world


@pytest.mark.parametrize("entity", ENTITIES)
def test_only_touches_one_entity(synced: World, entity: str) -> None:
    synced.record()
    ran = synced.sync("--only", entity, "--full", "--from", str(day(6)))
    assert ran.code == 0
    rows = {row["entity"] for row in ran.shop()["entities"]} - {entity}
    assert entity in {row["entity"] for row in ran.shop()["entities"]}
    assert rows <= ({"order_statuses"} if entity == "orders" else set())  # a prerequisite that had something to do
    saved = {call["path"].split("/")[2] for call in synced.crm_calls(writes=True)}
    paths = {
        "data_sources": set(), "order_statuses": {"orders-statuses"}, "categories": {"products-categories"},
        "manufacturers": {"products-manufacturers"}, "customers": {"customers"}, "products": {"products"},
        "orders": {"orders", "orders-statuses"}, "pos_profiles": {"custom-data-records"},
    }  # fmt: skip
    assert saved == paths[entity]
    assert (synced.days_read() != {}) == (entity == "orders")


@pytest.mark.parametrize("entity", ENTITIES)
def test_only_works_on_a_shop_that_was_never_synced(make_world: MakeWorld, entity: str) -> None:
    ran = make_world().sync("--only", entity)
    assert (ran.code, ran.shop()["status"]) == (0, "delivered")
    assert sum(row["sent"] for row in ran.shop()["entities"] if row["entity"] == entity) > 0 or entity == "pos_profiles"
    rest = {row["entity"] for row in ran.shop()["entities"]} - {entity}
    assert rest <= {"data_sources", "order_statuses"}  # prerequisites that were made


def test_only_may_be_repeated(world: World) -> None:
    ran = world.sync("--only", "categories", "--only", "manufacturers", "--only", "data_sources")
    assert sent(ran) == {"data_sources": 4, "categories": 2, "manufacturers": 1}
    world.record()
    ran = world.sync("--only", "products", "--only", "customers")
    assert sent(ran) == {"products": len(PRODUCTS), "customers": 3}
    assert {row["entity"] for row in ran.shop()["entities"]} == {"products", "customers"}


def test_a_sync_of_other_entities_does_not_make_days_complete(world: World) -> None:
    world.sync("--only", "customers", "--only", "products")
    assert world.days_read() == {}
    assert sent(world.sync())["orders"] == 4
