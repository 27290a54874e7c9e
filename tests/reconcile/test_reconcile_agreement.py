"""Contract, section 3: the till, the ledger and ShopiMind compared, where they agree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from connector.reconciliation_source import DayRead
from tests.reconcile.conftest import A_MOMENT_AGO, reconcile
from tests.sync.conftest import MakeWorld
from tests.sync.world import PRODUCTS, REUNION, World, day, line, sale, till_account

NAMELESS = {"product_id": 14, "product_model": "", "product_price": "1.00", "product_vat": 1}  # refused


def test_after_a_sync_everything_agrees_and_every_sale_is_accounted_for(in_order: World) -> None:
    found = reconcile(in_order)
    assert found.outcome == (0, "agrees")
    assert found.ran.document["ok"] is True
    assert found.named == {}
    assert found.in_doubt == set()
    one = {"records": 1, "amount": "16.55"}
    assert found.line("orders", 1, day(4)) == {
        "entity": "orders",
        "store_id": 1,
        "day": str(day(4)),
        "till": {"records": 2, "amount": "22.55", "agrees": True},
        "read": {"records": 2, "amount": "22.55", "skipped": {"anonymous": 1}, "refused": 0},
        "to_send": one,
        "ledger": one,
        "shopimind": one,
        "agrees": True,
    }
    assert found.line("customers")["till"] == {"records": 4, "agrees": True}
    assert [found.line("customers")[place]["records"] for place in ("to_send", "ledger", "shopimind")] == [3, 3, 3]
    assert found.line("customers")["read"] == {
        "records": 4,
        "skipped": {"customer_without_email": 1},
        "refused": 0,
        "built": 0,
    }
    products = found.line("products")
    assert products["read"] == {"records": 3, "skipped": {}, "refused": 0, "built": 0}
    assert products["to_send"]["records"] == 3
    assert found.line("pos_profiles")["shopimind"] == {"records": 3}


def test_sales_that_the_rules_skip_add_up_with_the_tills_turnover(in_order: World) -> None:
    found = reconcile(in_order)
    skipped = {
        (line["store_id"], line["day"]): line["read"]["skipped"]
        for line in found.shop["lines"]
        if line["day"] and line["read"]["skipped"]
    }
    assert skipped == {
        (1, str(day(4))): {"anonymous": 1},
        (1, str(day(3))): {"other": 1},  # a customer without e-mail
        (2, str(day(3))): {"web_order": 1},
        (2, str(day(1))): {"return": 1},
    }
    for each in found.shop["lines"]:
        if each["day"]:
            read = each["read"]
            assert each["till"]["records"] == read["records"]
            assert read["records"] == each["to_send"]["records"] + sum(read["skipped"].values()) + read["refused"]


@pytest.mark.parametrize("empty_days", [True, False])
def test_the_till_may_have_rows_for_days_without_sales_or_none(in_order: World, empty_days: bool) -> None:
    in_order.sandbox.till.switches.turnover_empty_days = empty_days
    found = reconcile(in_order)
    assert found.outcome == (0, "agrees")
    assert {line["day"] for line in found.shop["lines"] if line["store_id"] == 2} == {
        str(day(5)), str(day(3)), str(day(1)), None,
    }  # fmt: skip


def test_refused_sales_and_other_currencies_add_up_too(make_synced: Callable[..., World]) -> None:
    sales = [
        sale(501, day(3)),
        sale(502, day(3), currency="euro"),  # refused: no currency
        sale(100_000_502, day(3)),  # refused: no id that can be sent
        sale(503, day(3), store=5),
        sale(504, day(3), line(12, 1, "20.00"), store=5, currency="EUR"),
    ]
    found = reconcile(make_synced([till_account(sales=sales, products=[*PRODUCTS, NAMELESS])], expected=3))
    assert found.line("products")["read"] == {"records": 4, "skipped": {}, "refused": 1, "built": 0}  # it has no name
    assert found.outcome == (0, "agrees")
    assert found.named == {}
    refused = {"records": 3, "amount": "18.00", "skipped": {}, "refused": 2}
    assert found.line("orders", 1, day(3))["read"] == refused
    assert found.line("orders", 5, day(3))["till"] == {"records": 2, "amount": "26.00", "agrees": True}
    assert found.line("orders", 5, day(3))["shopimind"] == {"records": 2, "amount": "26.00"}


def test_a_refused_product_that_vanished_is_neither_read_nor_refused(make_synced: Callable[..., World]) -> None:
    world = make_synced([till_account(products=[*PRODUCTS, NAMELESS])], expected=3)
    world.till().delete("products", NAMELESS["product_id"])
    world.sync("--only", "products", ago_days=A_MOMENT_AGO)
    found = reconcile(world, "--only", "products")
    assert found.line("products")["read"] == {"records": 3, "skipped": {}, "refused": 0, "built": 0}
    assert found.line("products")["to_send"]["records"] == 3


def test_the_miscellaneous_product_is_told_beside_those_that_were_read(make_synced: Callable[..., World]) -> None:
    sales = [sale(501, day(3), line(0, 1, "4.00", product_model="Divers"))]
    found = reconcile(make_synced([till_account(sales=sales)], expected=0))
    assert found.outcome == (0, "agrees")
    products = found.line("products")
    assert products["read"] == {"records": 3, "skipped": {}, "refused": 0, "built": 1}
    assert products["to_send"]["records"] == 4


def test_what_shopimind_does_not_show_yet_is_waited_for(make_world: MakeWorld) -> None:
    world = make_world()
    world.sandbox.crm.switch(visibility_delay=2.0)
    assert world.sync("--only", "orders", "--only", "order_statuses").code == 0
    found = reconcile(world, "--only", "orders")
    assert found.outcome == (0, "agrees")
    assert found.line("orders", 1, day(5))["shopimind"]["records"] == 1


def test_it_asks_the_till_for_one_call_a_store_and_month_and_shopimind_for_no_write(in_order: World) -> None:
    used = in_order.status().shop()["quota"]["used"]
    found = reconcile(in_order)
    months = {f"{day(ago):%Y/%m}" for ago in range(1, 7)}
    turnover = {f"reports/turnover/{store}/{month}" for store in (1, 2, 5) for month in months}
    assert sorted(in_order.till_calls()) == sorted({"customers?p=1", "products?p=1"} | turnover)
    assert in_order.crm_calls(writes=True) == []
    assert found.shop["calls"] == {"hiboutik": len(in_order.till_calls()), "shopimind": len(in_order.crm_calls())}
    assert found.shop["quota"]["used"] == used + found.shop["calls"]["hiboutik"]


def test_the_usual_window_is_this_month_and_the_last_and_says_so(make_synced: Callable[..., World]) -> None:
    world = make_synced([till_account(first_day=day(100), sales=[sale(501, day(95)), sale(502, day(2))])])
    found = reconcile(world)
    yesterday = day(1, REUNION)
    last_month = (yesterday.replace(day=1) - timedelta(days=1)).replace(day=1)
    assert found.shop["window"] == {"from": str(last_month), "to": str(yesterday)}
    assert sum(call.startswith("reports/turnover/1/") for call in world.till_calls()) == 2
    assert found.line("orders", 1, None)["ledger"] == {"records": 1, "amount": "6.00"}  # of 95 days ago
    assert found.outcome == (0, "agrees")


def test_a_number_of_sales_that_the_till_does_not_tell_is_not_compared() -> None:
    read = DayRead(records=2, cents=2255)
    assert read.against(None, 2255)["agrees"]
    assert not read.against(None, 2256)["agrees"]
    assert not read.against(3, 2255)["agrees"]


def test_given_days_are_compared_alone(in_order: World) -> None:
    found = reconcile(in_order, "--from", str(day(5)), "--to", str(day(4)))
    assert found.shop["window"] == {"from": str(day(5)), "to": str(day(4))}
    days = {line["day"] for line in found.shop["lines"] if line["entity"] == "orders"}
    assert days == {str(day(5)), str(day(4))}


def test_only_the_asked_entities_are_read(in_order: World) -> None:
    found = reconcile(in_order, "--only", "products")
    assert [line["entity"] for line in found.shop["lines"]] == ["products"]
    assert in_order.till_calls() == ["products?p=1"]
    assert {call["path"] for call in in_order.crm_calls()} == {"/v1/products"}


def test_a_long_list_is_read_page_by_page_with_every_record_once(make_synced: Callable[..., World]) -> None:
    sales = [sale(1000 + number, day(2 + number % 3)) for number in range(420)]
    world = make_synced([till_account(sales=sales)])
    found = reconcile(world, "--only", "orders")
    assert found.outcome == (0, "agrees")
    assert sum(line["shopimind"]["records"] for line in found.shop["lines"]) == 420
    assert len([call for call in world.crm_calls() if call["path"] == "/v1/orders"]) == 5


def test_shops_are_compared_side_by_side(make_synced: Callable[..., World]) -> None:
    world = make_synced([till_account(), till_account("beta", offset=700_000_000)])
    assert reconcile(world).ran.code == 0
    assert reconcile(world, "--shop", "beta", shop="beta").outcome == (0, "agrees")


def test_on_a_terminal_it_shows_a_line_per_store_and_entity(in_order: World) -> None:
    ran = in_order.run("reconcile", "--shops", str(in_order.shops_file))
    assert ran.code == 0
    assert f"sales of {day(6)} to {day(1, REUNION)}" in ran.out
    (row,) = [row.split("│") for row in ran.out.splitlines() if "│ orders (store 1)" in row]
    assert [cell.strip() for cell in row[2:9]] == ["5", "5", "2", "0", "3", "3", "3"]
    assert "orders (store 1) skipped: 1 anonymous, 1 other" in ran.out
    assert "✗" not in ran.out


def test_a_shop_that_was_never_synced_is_told_to_be(world: World) -> None:
    found = reconcile(world)
    assert found.outcome == (1, "failed")
    assert "connector sync" in found.shop["message"]
    assert world.till_calls() == []


@pytest.mark.parametrize("argv", [("--shop", "nobody"), ("--only", "carts"), ("--from", "2026-02-30")])
def test_a_wrong_command_is_told_before_any_call(in_order: World, argv: tuple[str, str]) -> None:
    ran = in_order.run("reconcile", "--json", "--shops", str(in_order.shops_file), *argv)
    assert (ran.code, ran.document["exit_code"]) == (2, 2)
    assert in_order.till_calls() == []
