"""POS product, its stock, and the miscellaneous product -> product records."""

from __future__ import annotations

from typing import Any

import pytest
from till_examples import product, records, shop

from connector.mapping.products import map_misc_product, map_products, stock_by_product
from connector.pos import rows


def one(stock: Any = None, rules: Any = None, **changes: Any) -> dict[str, Any]:
    table = map_products(shop(**(rules or {})), rows.to_table([product(**changes)], rows.PRODUCTS), stock or {})
    (record,) = records(table)
    return record


def test_every_field_of_a_product():
    record = one({1204: 6})
    assert (record["external_id"], record["outcome"], record["source_store_id"], record["once"]) == (
        "900001204",
        "send",
        None,
        False,
    )
    assert record["payload"] == {
        "product_id": 900_001_204,
        "lang": "fr",
        "name": "Marinière col rond",
        "reference": "MAR-01",
        "ean13": "2430000012044",
        "description": "Coton bio",
        "description_short": None,
        "link": "https://maison-lea.hiboutik.com/?product_id=1204",
        "image_link": None,
        "category_ids": [900_000_012],
        "manufacturer_id": "ml_3",
        "currency": "EUR",
        "price": 39.0,
        "price_discount": 39.0,
        "quantity_remaining": 6,
        "is_active": True,
        "created_at": "2025-02-25T11:43:36+01:00",
        "updated_at": "2025-02-25T11:43:36+01:00",
    }


@pytest.mark.parametrize(
    ("barcode", "ean13"),
    [("3760000000017", "3760000000017"), (" 3760000000017 ", "3760000000017"), ("3760000000018", None),
     ("376000000001", None), ("", None), ("37600000000１7", None), ("ABC", None), (None, None)],
)  # fmt: skip
def test_a_barcode_is_an_ean13_only_with_a_right_checksum(barcode, ean13):
    assert one(barcode=barcode)["payload"]["ean13"] == ean13


def test_a_promo_price_is_the_discounted_price():
    assert one(promo_price="29.90")["payload"]["price_discount"] == 29.9


@pytest.mark.parametrize("none", ["0.00", "", None, "0"])
def test_without_promo_price_it_is_the_price(none):
    assert one(promo_price=none)["payload"]["price_discount"] == 39.0


def test_without_category_brand_reference_and_description_they_are_empty():
    payload = one(category_id=0, brand_id=0, reference="", description="")["payload"]
    assert (payload["category_ids"], payload["manufacturer_id"], payload["reference"]) == ([], None, None)
    assert payload["description"] == ""


def test_without_date_it_is_the_first_day():
    payload = one(updated_at="0000-00-00 00:00:00")["payload"]
    assert payload["created_at"] == payload["updated_at"] == "2024-01-01T00:00:00+01:00"


def test_an_archived_product_is_inactive():
    record = one(archived=True)
    assert (record["payload"]["is_active"], record["once"]) == (False, False)


def test_a_vanished_product_is_inactive_once():
    record = one(listed=False)
    assert (record["payload"]["is_active"], record["once"]) == (False, True)


def test_a_vanished_product_that_is_refused_counts_once_too():
    assert one(listed=False, name="")["once"] is True


def test_the_link_follows_the_rule():
    link = "https://lea.example.org/{account}/p/{product_id}"
    assert one(rules={"product_link": link})["payload"]["link"] == "https://lea.example.org/maison-lea/p/1204"


def test_stock_is_summed_over_warehouses_and_sizes_rounded_down():
    stock = rows.to_table(
        [
            {"product_id": 1, "size_id": 0, "warehouse_id": 1, "available": "3"},
            {"product_id": 1, "size_id": 2, "warehouse_id": 2, "available": "4.7"},
            {"product_id": 2, "size_id": 0, "warehouse_id": 1, "available": "-5"},
            {"product_id": None, "size_id": 0, "warehouse_id": 1, "available": "9", "problems": "product_id: …"},
        ],
        rows.STOCK,
    )
    assert stock_by_product(stock) == {1: 7, 2: -5}


def test_stock_is_at_least_zero_and_zero_where_nothing_is_known():
    assert one({1204: -5})["payload"]["quantity_remaining"] == 0
    assert one({})["payload"]["quantity_remaining"] == 0


@pytest.mark.parametrize("unreadable", [{"available": "beaucoup"}, {"available": "3", "problems": "size: ?"}])
def test_a_stock_that_cannot_be_read_refuses_the_product_rather_than_inventing_a_number(unreadable):
    table = rows.to_table([{"product_id": 1204, **unreadable}, {"product_id": 1204, "available": "2"}], rows.STOCK)
    record = one(stock_by_product(table))
    assert (record["outcome"], record["field"]) == ("refused", "quantity_remaining")


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"name": " "}, "name", "the name is empty"),
        ({"price": "-1.00"}, "price", "the price is below zero: '-1.00'"),
        ({"price": ""}, "price", "not an amount: ''"),
        ({"promo_price": "abc"}, "price_discount", "not an amount: 'abc'"),
        ({"category_id": 100_000_000}, "category_ids", "not an id that can be sent: 100000000"),
        ({"brand_id": -1}, "manufacturer_id", "not an id that can be sent: -1"),
        ({"updated_at": "2024-02-30"}, "updated_at", "impossible date: '2024-02-30'"),
        ({"product_id": 100_000_000}, "product_id", "not an id that can be sent: 100000000"),
        ({"product_id": 0}, "product_id", "not an id that can be sent: 0"),
        ({"problems": "product_arch: 'x' is not a whole number"}, "is_active",
         "the row could not be read: product_arch: 'x' is not a whole number"),
    ],
)  # fmt: skip
def test_a_product_that_breaks_a_rule_is_refused_with_field_and_reason(changes, field, reason):
    record = one(**changes)
    assert (record["outcome"], record["field"], record["reason"]) == ("refused", field, reason)


def test_the_miscellaneous_product_has_the_offset_as_id():
    (record,) = records(map_misc_product(shop()))
    assert (record["external_id"], record["payload"]["product_id"]) == ("900000000", 900_000_000)
    assert (record["payload"]["name"], record["payload"]["currency"]) == ("Article divers", "EUR")
    assert set(record["payload"]) == set(one()["payload"])
