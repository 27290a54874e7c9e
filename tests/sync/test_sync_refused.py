"""Refused records: kept, counted in every run, sent again only when they changed, and shown without personal data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.sync.conftest import MakeWorld
from tests.sync.world import CUSTOMERS, PRODUCTS, Ran, World, day, sale, till_account, usual_sales

NAMELESS = {"product_id": 14, "product_model": " ", "product_price": "1.00", "product_vat": 1}
EMAIL = "ines.morvane@example.org"


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Our own rules refuse a product and an order; ShopiMind refuses a customer and orders without e-mail."""
    unreadable = sale(509, day(1), customer=101, currency="euros")
    without_email = sale(510, day(1), customer=103)
    world = make_world(
        [till_account(products=[*PRODUCTS, NAMELESS], sales=[*usual_sales(), unreadable, without_email])]
    )
    world.configure(lambda shops: shops[0].update(rules={"customers_without_email": "send"}))
    world.sandbox.crm.switch(empty_email="refuse")
    return world


def counts(ran: Ran, name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for (entity, _), row in ran.rows().items():
        found[entity] = found.get(entity, 0) + row[name]
    return {entity: number for entity, number in found.items() if number}


def ids(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["entity"], row["external_id"]): row for row in world.refused("list").document["refused"]}


def items_sent(world: World, entity: str) -> list[dict[str, Any]]:
    calls = [c for c in world.crm_calls(writes=True) if c["path"] == f"/v1/{entity}"]
    return [item for call in calls for item in call["body"]]


def test_one_bad_record_takes_no_neighbour_down_and_the_run_ends_with_3(world: World) -> None:
    ran = world.sync()
    assert (ran.code, ran.shop()["status"], ran.document["ok"]) == (3, "refused", False)
    assert counts(ran, "refused") == {"customers": 1, "products": 1, "orders": 3}
    assert counts(ran, "failed") == {}
    assert len(world.held("customers")) == 3
    assert len(world.held("products")) == 3
    assert len(world.held("orders")) == 4
    assert world.held_by_id("pos_profile", "id").keys()


def test_unchanged_they_are_counted_again_without_being_sent(world: World) -> None:
    first = world.sync("--from", str(day(6)))
    before = ids(world)
    world.record()
    again = world.sync("--from", str(day(6)))
    assert again.code == 3
    assert counts(again, "refused") == counts(first, "refused")
    assert world.crm_calls(writes=True) == []
    assert ids(world) == before  # not one more try


def test_a_sync_that_meets_none_of_them_ends_with_0(world: World) -> None:
    world.sync()
    assert world.sync("--only", "categories").code == 0
    assert len(ids(world)) == 5


def test_changed_ones_are_sent_again_and_once_taken_they_are_refused_no_longer(world: World) -> None:
    world.sync()
    till = world.till()
    till.put("customers", {"customers_id": 103, "last_name": "Toujours-Sans"})
    till.put("products", {"product_id": 14, "product_model": "Carnet"})
    till.put_sale({"sale_id": 509, "currency": "EUR"})
    world.record()
    changed = world.sync()
    assert counts(changed, "refused") == {"customers": 1, "orders": 1}  # the other order's day is not read again
    assert [item["customer_id"] for item in items_sent(world, "customers")] == ["a_103"]
    assert [item["product_id"] for item in items_sent(world, "products")] == [900_000_014]
    assert [item["order_id"] for item in items_sent(world, "orders")] == ["a_509"]
    kept = ids(world)
    assert set(kept) == {("customers", "a_103"), ("orders", "a_505"), ("orders", "a_510")}
    assert kept["customers", "a_103"]["tries"] == 2
    till.put("customers", {"customers_id": 103, "email": "enfin@example.org"})
    assert world.sync("--from", str(day(6))).code == 0  # the orders were refused for their customer's e-mail
    assert set(ids(world)) == set()


def test_one_that_a_rule_leaves_out_now_is_refused_no_longer(world: World) -> None:
    world.sync()
    world.configure(lambda shops: shops[0].update(rules={}))
    ran = world.sync("--from", str(day(6)))
    assert counts(ran, "refused") == {"products": 1, "orders": 1}
    assert set(ids(world)) == {("products", "900000014"), ("orders", "a_509")}


# --- refused list and show ---


@pytest.fixture(scope="module")
def shown(make_shared_world: MakeWorld) -> World:
    """Two shops; a customer with all kinds of personal data is refused for his birth date."""
    born = {**CUSTOMERS[0], "date_of_birth": "1980-02-31"}
    accounts = [
        till_account(customers=[born, *CUSTOMERS[1:]], products=[*PRODUCTS, NAMELESS]),
        till_account("beta", offset=0, products=[*PRODUCTS, NAMELESS]),
    ]
    world = make_shared_world(accounts)
    assert world.sync("--only", "customers", "--only", "products").code == 3
    return world


def test_list_has_exactly_the_promised_keys(shown: World) -> None:
    ran = shown.refused("list")
    assert ran.code == 0
    assert {"ok", "exit_code", "refused"} == set(ran.document)
    assert len(ran.document["refused"]) == 3
    for row in ran.document["refused"]:
        keys = {"shop", "entity", "external_id", "store_id", "field", "reason", "first_at", "last_at", "tries"}
        assert set(row) - {"by"} == keys
        assert row["tries"] == 1
        assert row["store_id"] is None
        assert datetime.fromisoformat(row["first_at"]).tzinfo is not None
        assert row["first_at"] == row["last_at"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--shop", "beta"], {("beta", "products")}),
        (["--entity", "customers"], {("alpha", "customers")}),
        (["--reason", "NAME is empty"], {("alpha", "products"), ("beta", "products")}),
        (["--reason", "birth_date"], {("alpha", "customers")}),
        (["--reason", "no such reason"], set()),
    ],
)
def test_list_can_be_narrowed(shown: World, arguments: list[str], expected: set[tuple[str, str]]) -> None:
    rows = shown.refused("list", *arguments).document["refused"]
    assert {(row["shop"], row["entity"]) for row in rows} == expected


def test_show_masks_personal_data_unless_asked_not_to(shown: World) -> None:
    masked = shown.refused("show", "a_101")
    (row,) = masked.document["refused"]
    assert (row["field"], row["payload"]["customer_id"]) == ("birth_date", 101)
    for word in (EMAIL, "ines.morvane", "Morvane", "Inès", "06 39 98 01 01", "1980-02-31", "1980"):
        assert word not in masked.out, word
    plain = shown.refused("show", "a_101", "--unmasked")
    assert EMAIL in plain.out
    assert "1980-02-31" in plain.out


def test_show_of_an_id_that_two_shops_have_can_be_narrowed(shown: World) -> None:
    assert shown.refused("show", "900000014").document["refused"][0]["shop"] == "alpha"
    assert shown.refused("show", "14").document["refused"][0]["shop"] == "beta"
    missing = shown.refused("show", "900000014", "--shop", "beta")
    assert (missing.code, missing.document["exit_code"], missing.document["ok"]) == (2, 2, False)


def test_no_refusal_names_a_person_anywhere_but_where_asked(shown: World) -> None:
    for ran in (shown.refused("list"), shown.status(), shown.run("refused", "list", "--shops", str(shown.shops_file))):
        assert "example.org" not in ran.out + ran.err
        assert "1980" not in ran.out + ran.err
