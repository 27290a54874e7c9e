"""Lists that lack rows: nothing counts as deleted, no call is wasted, and what is in doubt is decided later."""

from __future__ import annotations

import pytest

from connector.sandbox.fault_plan import Fault, FaultPlan
from tests.sync.conftest import MakeWorld
from tests.sync.world import CUSTOMERS, PRODUCTS, World, day, sale, till_account

MANY_CUSTOMERS = [
    {"customers_id": n, "first_name": "Client", "last_name": f"N{n}", "email": f"client.{n}@example.org"}
    for n in range(1, 301)
]
MANY_PRODUCTS = [
    {"product_id": n, "product_model": f"Objet {n}", "product_price": "5.00", "product_vat": 1} for n in range(1, 31)
]


def listing(world: World, path: str, rows: object, **more: object) -> None:
    fault = Fault(kind="answer", status=200, path=path, body=rows, **more)  # type: ignore[arg-type]
    world.sandbox.till_server.faults = FaultPlan([fault])


def mend(world: World) -> None:
    world.sandbox.till_server.faults = FaultPlan()
    world.record()


def test_customers_that_a_repeated_page_hides_are_asked_for_by_themselves(make_world: MakeWorld) -> None:
    sales = [sale(501, day(5), customer=290), sale(502, day(5), customer=7), sale(503, day(5), customer=299)]
    world = make_world([till_account(customers=MANY_CUSTOMERS[:298] + MANY_CUSTOMERS[299:], sales=sales)])
    world.sync("--only", "customers")  # one that knows the highest id by now
    short = MANY_CUSTOMERS[:249] + MANY_CUSTOMERS[299:]
    listing(world, "/customers/", short, headers={"content-range": "1-250/300"})  # for ever: its count may be wrong
    ran = world.sync()
    assert (ran.code, ran.shop()["status"]) == (0, "delivered")
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_502"]
    assert ran.row("orders", 1)["skipped"] == {"unknown_customer": 1}
    assert [call for call in world.till_calls() if call.startswith("customer/")] == ["customer/290", "customer/299"]
    world.record()
    assert world.sync().code == 0  # the day is complete, and nobody is asked for again
    assert not [call for call in world.till_calls() if call.startswith("customer/")]


def test_customers_of_a_list_that_lacks_many_keep_their_days_open(make_world: MakeWorld) -> None:
    sales = [sale(1000 + n, day(5), customer=n) for n in range(1, 301)]
    world = make_world([till_account(customers=MANY_CUSTOMERS, sales=sales)])
    listing(world, "/customers/", MANY_CUSTOMERS[299:], headers={"content-range": "1-1/300"})
    ran = world.sync()
    assert (ran.code, ran.shop()["status"]) == (1, "failed")
    assert "sales name 299 that are not in it" in ran.shop()["message"]
    assert not [call for call in world.till_calls() if call.startswith("customer/")]
    mend(world)
    assert world.sync().code == 0
    assert len(world.held("orders")) == 300


def test_an_empty_list_of_customers_costs_no_call_per_customer_and_loses_no_order(world: World) -> None:
    listing(world, "/customers/", [])
    ran = world.sync()
    assert (ran.code, ran.shop()["status"]) == (1, "failed")
    assert "the till's list is empty" in ran.shop()["message"]
    assert not [call for call in world.till_calls() if call.startswith("customer/")]
    mend(world)
    assert world.sync().code == 0
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_502", "a_504", "a_508"]


def test_single_customers_are_asked_for_a_page_s_worth_at_most(make_world: MakeWorld) -> None:
    sales = [sale(1000 + n, day(5), customer=n) for n in range(1, 301)]
    world = make_world([till_account(customers=MANY_CUSTOMERS, sales=sales)])
    listing(world, "/customers/", MANY_CUSTOMERS[:1])
    ran = world.sync()
    assert (ran.code, ran.shop()["status"]) == (1, "failed")
    assert len([call for call in world.till_calls() if call.startswith("customer/")]) == 250
    assert len(world.held("orders")) == 251
    mend(world)
    assert world.sync().code == 0
    assert len(world.held("orders")) == 300


def test_a_single_customer_who_cannot_be_read_keeps_the_day_open_and_stops_no_other(make_world: MakeWorld) -> None:
    sales = [sale(501, day(5), customer=102), sale(502, day(4), customer=101)]
    world = make_world([till_account(customers=CUSTOMERS, sales=sales)])
    faults = [
        Fault(kind="answer", status=200, path="/customers/", body=CUSTOMERS[:1]),
        Fault(kind="answer", status=418, path="/customer/102"),
    ]
    world.sandbox.till_server.faults = FaultPlan(faults)
    ran = world.sync()
    assert (ran.code, ran.shop()["status"]) == (1, "failed")
    assert list(world.held_by_id("orders", "order_id")) == ["a_502"]
    mend(world)
    assert world.sync().code == 0
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_502"]


@pytest.mark.parametrize("left", [0, 10])
def test_a_list_that_lost_most_products_makes_none_inactive(make_world: MakeWorld, left: int) -> None:
    world = make_world([till_account(products=MANY_PRODUCTS, sales=[])])
    world.sync("--only", "products")
    listing(world, "/products/", MANY_PRODUCTS[:left])
    ran = world.sync("--only", "products")
    assert f"lacks {30 - left} of the 30" in ran.err
    assert all(item["is_active"] for item in world.held("products"))
    mend(world)
    world.till().delete("products", 30)  # what really vanished is still found afterwards
    assert world.sync("--only", "products").row("products")["sent"] == 1


def test_a_handful_of_products_may_be_replaced_at_once(world: World) -> None:
    world.sync("--only", "products")
    listing(world, "/products/", MANY_PRODUCTS[:3])
    assert world.sync("--only", "products").row("products")["sent"] == 3 + len(PRODUCTS)
    assert [item["is_active"] for item in world.held("products")].count(False) == len(PRODUCTS)
