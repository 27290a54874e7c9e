"""A day, a sale or a right that cannot be had costs its neighbours nothing, and is told."""

from __future__ import annotations

import pytest

from connector.sandbox.fault_plan import Fault, FaultPlan, status_fault
from tests.sync.conftest import MakeWorld
from tests.sync.world import Ran, World, day, sale, till_account, usual_sales


def break_till(world: World, status: int, path: str) -> None:
    world.sandbox.till_server.faults = FaultPlan([status_fault(status, path=path)])


def mend(world: World) -> None:
    world.sandbox.till_server.faults = FaultPlan()
    world.record()


def outcome(ran: Ran) -> tuple[int, str]:
    return ran.code, ran.shop()["status"]


@pytest.mark.parametrize("status", [404, 418])
def test_a_day_of_a_store_that_cannot_be_read_is_told_and_all_others_are_delivered(world: World, status: int) -> None:
    break_till(world, status, f"closed_sales/2/{day(5):%Y/%m/%d}")
    ran = world.sync()
    assert outcome(ran) == (1, "failed")
    assert f"sales of store 2 on {day(5)} were not read" in ran.shop()["message"]
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_504", "a_508"]
    mend(world)
    assert outcome(world.sync()) == (0, "delivered")
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_502", "a_504", "a_508"]
    assert world.days_read()[2][0] == str(day(5))
    assert str(day(5)) not in world.days_read()[1]


def test_a_store_whose_sales_may_not_be_read_is_told_and_the_others_are_delivered(world: World) -> None:
    break_till(world, 403, "closed_sales/2/")
    ran = world.sync()
    assert outcome(ran) == (1, "failed")
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_504", "a_508"]
    mend(world)
    assert outcome(world.sync()) == (0, "delivered")
    assert "a_502" in world.held_by_id("orders", "order_id")


def test_a_right_that_is_missing_for_the_stock_stops_neither_customers_nor_orders(world: World) -> None:
    world.sandbox.till.switches.forbidden = ["stock_available"]
    ran = world.sync()
    assert outcome(ran) == (1, "failed")
    assert "scope read_inventory" in ran.shop()["message"]
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_502", "a_504", "a_508"]
    assert len(world.held("customers")) == 3
    assert not world.held("products")


@pytest.mark.parametrize("status", [404, 418])
def test_without_bulk_lines_the_sales_own_pages_are_read(world: World, status: int) -> None:
    break_till(world, status, "products_sold")
    assert outcome(world.sync()) == (0, "delivered")
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_502", "a_504", "a_508"]


@pytest.mark.parametrize("status", [404, 418, 503])
def test_a_sale_whose_own_page_does_not_come_fails_and_its_day_is_read_again(world: World, status: int) -> None:
    faults = [status_fault(404, path="products_sold"), status_fault(status, path="/sales/504")]
    world.sandbox.till_server.faults = FaultPlan(faults)
    ran = world.sync()
    assert outcome(ran) == (1, "failed")
    assert (ran.row("orders", 1)["sent"], ran.row("orders", 1)["failed"]) == (2, 1)
    assert "orders of store 1: 1 not delivered (the till did not give all of it: " in ran.shop()["message"]
    mend(world)
    assert outcome(world.sync()) == (0, "delivered")
    assert "a_504" in world.held_by_id("orders", "order_id")
    assert str(day(4)) in world.days_read()[1]


def test_whether_a_sale_came_from_a_web_shop_is_asked_once(world: World) -> None:
    world.sandbox.till.switches.closed_sales_ref_key = False
    world.record()
    first = world.sync()
    asked = [call for call in world.till_calls() if call.startswith("sales/")]
    world.record()
    again = world.sync()
    assert outcome(first) == outcome(again) == (0, "delivered")
    assert asked
    assert not [call for call in world.till_calls() if call.startswith("sales/")], world.till_calls()


def test_sales_whose_lines_do_not_come_are_counted_as_failed_with_their_amount(world: World) -> None:
    break_till(world, 503, "products_sold/1/")
    ran = world.sync()
    row = ran.row("orders", 1)
    assert outcome(ran) == (1, "failed")
    assert row["read"] == 5
    assert row["failed"] == row["read"] - sum(row["skipped"].values()) > 0
    assert row["amount_read"] != "0.00"
    mend(world)
    assert outcome(world.sync()) == (0, "delivered")


def test_an_order_whose_lines_do_not_come_again_stays_in_its_customers_profile(world: World) -> None:
    world.sync()
    before = world.sandbox.crm.shops["alpha"].records("pos_profile")
    break_till(world, 503, "products_sold/1/")
    ran = world.sync()
    assert ran.row("orders", 1)["failed"] == 1
    assert ran.row("pos_profiles")["sent"] == 0
    assert world.sandbox.crm.shops["alpha"].records("pos_profile") == before


def test_old_days_that_the_till_never_answers_for_keep_today_from_nothing(make_world: MakeWorld) -> None:
    old = [sale(600 + ago, day(ago)) for ago in range(30, 15, -1)]  # else the turnover says that nothing was sold
    world = make_world([till_account(first_day=day(30), sales=[*usual_sales(), *old])])
    world.sandbox.till_server.faults = FaultPlan(
        [status_fault(503, path=f"closed_sales/./{day(ago):%Y/%m/%d}") for ago in range(30, 15, -1)]
    )
    ran = world.sync()
    assert outcome(ran) == (1, "failed")
    assert "no older day was asked for" in ran.shop()["message"]
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_502", "a_504", "a_508"]


def test_customers_that_cannot_be_read_keep_no_product_back(world: World) -> None:
    break_till(world, 403, "/customers/$")
    ran = world.sync()
    assert outcome(ran) == (1, "failed")
    assert ran.row("products")["sent"] == ran.row("products")["read"] > 0
    assert ran.row("orders", 1)["failed"] == ran.row("orders", 1)["read"] > 0


def test_a_sale_that_can_never_be_read_does_not_keep_its_day_open(make_world: MakeWorld) -> None:
    world = make_world([till_account(first_day=day(6))])
    rows = [{**sale(501, day(5)), "customer_id": "abc"}]
    fault = Fault(kind="answer", status=200, path=f"closed_sales/1/{day(5):%Y/%m/%d}", body=rows)
    world.sandbox.till_server.faults = FaultPlan([fault])
    assert outcome(world.sync()) == (3, "refused")
    world.record()
    world.sync()
    assert str(day(5)) not in world.days_read()[1]


def test_a_till_that_answers_for_no_day_is_not_asked_for_all_of_them(make_world: MakeWorld) -> None:
    world = make_world([till_account(first_day=day(60))])
    break_till(world, 503, "closed_sales")
    ran = world.sync("--only", "orders")
    assert outcome(ran) == (1, "failed")
    assert "in a row" in ran.shop()["message"]
    look_back = 3 * 3  # is asked for all the same
    assert len({call for call in world.till_calls() if call.startswith("closed_sales")}) <= 10 + 20 + look_back


def test_what_was_read_ahead_when_the_quota_ends_is_delivered(make_world: MakeWorld) -> None:
    """The first day is so slow that the quota ends meanwhile; the days after it that were read are not read in vain."""
    sales = [sale(1000 + ago, day(ago)) for ago in range(40)]
    world = make_world([till_account(first_day=day(39), sales=sales)])
    world.sandbox.till.switches.quota = 22
    slow = Fault(kind="hang", path=f"closed_sales/1/{day(39):%Y/%m/%d}", seconds=1.0)
    world.sandbox.till_server.faults = FaultPlan([slow])
    ran = world.sync("--only", "orders")
    assert outcome(ran) == (4, "quota")
    assert ran.row("orders", 1)["sent"] > 0
