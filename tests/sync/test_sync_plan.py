"""`connector plan` says what a sync would do, and the sync right after it does exactly that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest

from connector.sandbox.till_sender import encoded
from connector.shop_run import State
from connector.state.home import HOME_VARIABLE
from connector.state.till_inbox import TillInbox
from tests.sync.conftest import MakeWorld
from tests.sync.world import CUSTOMERS, PRODUCTS, Ran, World, day, line, sale, till_account, usual_sales


def assert_the_sync_does_what_the_plan_says(world: World, *arguments: str) -> tuple[Ran, Ran]:
    world.record()
    before = {kind: world.held(kind) for kind in ("customers", "orders", "products", "categories")}
    planned = world.plan(*arguments)
    assert planned.document["exit_code"] == planned.code == 0, planned.shop()["message"]
    assert world.crm_calls(writes=True) == []
    assert {kind: world.held(kind) for kind in before} == before
    world.record()
    done = world.sync(*arguments)
    for place, row in planned.rows().items():
        assert (
            row["read"]
            == row["new"] + row["changed"] + row["unchanged"] + sum(row["skipped"].values()) + row["refused"]
        )
        real = done.rows()[place]
        assert row["new"] + row["changed"] == real["sent"], place
        for name in ("read", "unchanged", "skipped", "refused"):
            assert row[name] == real[name], (place, name)
        assert row.get("amount_read") == real.get("amount_read")
        assert row.get("amount_read_other") == real.get("amount_read_other")
        assert row["id_data_source"] in (real["id_data_source"], None)
    assert set(planned.rows()) == set(done.rows())
    assert planned.shop()["calls"] == done.shop()["calls"]
    assert len(world.till_calls()) == planned.shop()["calls"]["hiboutik"]
    assert len(world.crm_calls()) == planned.shop()["calls"]["shopimind"]
    return planned, done


def totals(ran: Ran, name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for (entity, _), row in ran.rows().items():
        found[entity] = found.get(entity, 0) + row[name]
    return {entity: number for entity, number in found.items() if number}


@pytest.fixture
def rich(make_world: MakeWorld) -> World:
    """More than one request of most entities, refused and skipped rows, and sales whose lines need a second look."""
    customers = [{**CUSTOMERS[0], "customers_id": 200 + n, "email": f"client.{n}@example.org"} for n in range(1, 124)]
    nameless = {"product_id": 14, "product_model": "", "product_price": "1.00", "product_vat": 1}
    ordinary = [sale(700 + n, day(1 + n % 3), customer=201 + n, store=1 + n % 2) for n in range(120)]
    discounted = [sale(900 + n, day(2 + n % 3), line(12, 2, "20.00", discount="5.00"), total="35.00") for n in range(6)]
    return make_world(
        [
            till_account(
                customers=[*CUSTOMERS, *customers],
                products=[*PRODUCTS, nameless],
                sales=[*usual_sales(), *ordinary, *discounted, sale(990, day(1), line(0, 1, "3.00"))],
            )
        ]
    )


def test_first_load_then_unchanged_then_changed(rich: World) -> None:
    planned, _ = assert_the_sync_does_what_the_plan_says(rich)
    assert totals(planned, "changed") == {}
    assert totals(planned, "new")["orders"] == 4 + 120 + 6 + 1
    assert totals(planned, "new")["products"] == 3 + 1  # the miscellaneous item, which a line needs
    assert totals(planned, "refused") == {"products": 1}

    planned, _ = assert_the_sync_does_what_the_plan_says(rich)
    assert (totals(planned, "new"), totals(planned, "changed")) == ({}, {})
    assert planned.shop()["calls"]["shopimind"] == 2

    till = rich.till()
    till.put("products", {"product_id": 11, "product_price": "7.00"})
    till.put("products", {"product_id": 15, "product_model": "Lampe", "product_price": "30.00"})
    till.put("categories", {"category_id": 2, "category_name": "Jardin"})
    till.put("stores", {"store_id": 5, "store_name": "Lausanne"})
    till.put("stores", {"store_id": 6, "store_name": "Nouveau", "store_default_currency": "EUR"})
    till.put("customers", {"customers_id": 150, "last_name": "Neuf", "email": "neuf@example.org"})
    till.put_sale(sale(995, day(0), line(), customer=150, store=6, at="00:00:01"))
    planned, _ = assert_the_sync_does_what_the_plan_says(rich)
    assert totals(planned, "new") == {
        "data_sources": 1, "customers": 1, "products": 1, "orders": 1, "pos_profiles": 1,
    }  # fmt: skip
    assert totals(planned, "changed")["data_sources"] == 1


def test_a_tree_of_categories_costs_a_request_for_each_level(make_world: MakeWorld) -> None:
    tree = [{"category_id": n, "category_name": f"Rayon {n}", "category_id_parent": n - 1} for n in (3, 1, 2)]
    world = make_world([till_account(categories=tree)])
    planned, _ = assert_the_sync_does_what_the_plan_says(world)
    assert totals(planned, "new")["categories"] == 3
    world.till().put("categories", {"category_id": 2, "category_name": "Étagère"})
    assert_the_sync_does_what_the_plan_says(world)


def test_records_that_fill_a_request_before_there_are_fifty_are_planned_as_they_go(make_world: MakeWorld) -> None:
    long = {**PRODUCTS[0], "products_desc": "x" * 11 * 1024 * 1024}
    world = make_world([till_account(products=[long, {**long, "product_id": 15}])])
    assert_the_sync_does_what_the_plan_says(world)


def test_a_refused_order_that_changed_counts_in_the_planned_profile(make_world: MakeWorld) -> None:
    world = make_world([till_account(sales=[*usual_sales(), sale(509, day(1), customer=101, currency="euros")])])
    world.sync()
    world.till().put_sale({"sale_id": 509, "currency": "EUR"})
    planned, _ = assert_the_sync_does_what_the_plan_says(world)
    assert planned.row("pos_profiles")["changed"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "orders"],
        ["--only", "customers", "--only", "pos_profiles"],
        ["--from", str(day(4)), "--to", str(day(3))],
    ],
    ids=" ".join,
)
def test_with_options_too(world: World, arguments: Sequence[str]) -> None:
    assert_the_sync_does_what_the_plan_says(world, *arguments)
    assert_the_sync_does_what_the_plan_says(world, "--full", *arguments)


def test_what_the_till_has_pushed_is_planned_as_the_sync_takes_it_and_left_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sale of a day that is not due any more, a newer message of it, and one that the sync reads anyway."""
    assert world.sync().code == 0
    for variable, value in {HOME_VARIABLE: str(world.home), **world.state}.items():
        monkeypatch.setenv(variable, value)
    state = State.open()
    try:
        inbox = TillInbox(state.db, "alpha", state.sealer)
        for sale_id, at, total in ((601, day(5), "6.00"), (601, day(5), "12.00"), (602, day(0), "6.00")):
            inbox.put(sale_id, _pushed(sale_id, at, total))
        waits = [message.message_id for message in inbox.waiting()]
        world.till().put_sale(sale(602, day(0), customer=102, at="00:00:01"))
        elsewhere = world.plan("--from", str(day(4)), "--to", str(day(1)))
        assert totals(elsewhere, "new") == {}
        planned = world.plan()
        assert [message.message_id for message in inbox.waiting()] == waits
        assert inbox.is_due()
        assert_the_sync_does_what_the_plan_says(world)
        assert totals(planned, "new") == {"orders": 2}
        assert inbox.waiting() == []
    finally:
        state.close()
    assert world.held_by_id("orders", "order_id")["a_601"]["amount"] == 12.0


def _pushed(sale_id: int, at: date, total: str) -> bytes:
    item = {"product_id": 11, "quantity": 1, "vat": "0.20000", "item_total_gross": total, "line_item_id": sale_id * 100}
    page = {"sale_id": sale_id, "store_id": 1, "customer_id": 102, "completed_at": f"{at} 00:00:01"}
    return encoded(page | {"currency": "EUR", "total": total, "sale_ext_ref": "", "line_items": [item]})


def _inactive_definition(world: World) -> None:
    (definition,) = world.sandbox.crm.shops["alpha"].definitions.values()
    definition["status"] = "inactive"


def _gone_source(world: World) -> None:
    world.sandbox.crm.shops["alpha"].sources[world.sources()["2"]]["active"] = False


def _renamed_shop(world: World) -> None:
    world.configure(lambda shops: shops[0].update(label="Maison Renommée"))


@pytest.mark.parametrize("change", [_gone_source, _renamed_shop])
def test_what_changed_in_shopimind_or_the_configuration_is_planned_too(
    world: World, change: Callable[[World], None]
) -> None:
    world.sync()
    change(world)
    planned, _ = assert_the_sync_does_what_the_plan_says(world)
    assert totals(planned, "changed")["data_sources"] == (1 if change is _gone_source else 4)


def test_an_inactive_definition_is_planned_as_failed_and_fails(world: World) -> None:
    world.sync()
    _inactive_definition(world)
    world.till().put("customers", {"customers_id": 101, "loyalty_points": 41})
    planned, done = world.plan(), world.sync()
    assert (planned.row("pos_profiles")["failed"], planned.row("pos_profiles")["new"]) == (1, 0)
    assert (done.row("pos_profiles")["failed"], done.code) == (1, 1)
    assert planned.shop()["calls"] == done.shop()["calls"]


def test_the_document_has_exactly_the_promised_keys(world: World) -> None:
    ran = world.plan()
    assert set(ran.document) == {"ok", "exit_code", "shops"}
    shop: dict[str, Any] = ran.shop()
    assert set(shop) - {"message"} == {"shop", "status", "entities", "calls", "quota"}
    for row in shop["entities"]:
        keys = {"entity", "store_id", "id_data_source", "new", "changed", "unchanged", "skipped", "refused", "read"}
        assert set(row) - {"amount_read", "amount_read_other", "failed"} == keys
    assert [row["store_id"] for row in shop["entities"] if row["entity"] == "orders"] == [1, 2, 5]
    assert set(shop["quota"]) == {
        "month", "used", "limit", "forecast", "kept_for_syncs", "kept_for_others", "stopped_until",
    }  # fmt: skip
    assert shop["quota"]["used"] == shop["calls"]["hiboutik"]  # planning costs as many


def test_a_plan_of_a_shop_that_is_stopped_or_failing_says_so(make_world: MakeWorld) -> None:
    world = make_world([till_account(), till_account("beta", offset=0)])
    world.sandbox.crm.set_status("alpha", "revoked")
    ran = world.plan()
    assert (ran.code, ran.shop("alpha")["status"]) == (4, "inactive")
    assert ran.row("orders", 1, shop="beta")["new"] == 3
    world.configure(lambda shops: shops[1]["pos"].update(api_key="wrong"))
    ran = world.plan()
    assert (ran.code, ran.shop("beta")["status"]) == (1, "failed")
