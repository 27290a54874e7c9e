"""Sizes of a product -> variation records, and how an order line names one."""

from __future__ import annotations

from typing import Any

import pytest
from till_examples import known, line, product, records, sale, shop, the_order

from connector.mapping.identifiers import preferred_number
from connector.mapping.orders import map_orders
from connector.mapping.products import stock_by_size
from connector.mapping.variations import NamedSizes, map_variations, sizes_of
from connector.pos import rows

M = {"size_id": 32, "name": " M ", "barcode": "2430000012051", "problems": None}
L = {"size_id": 33, "name": "L", "barcode": "", "problems": None}
NUMBERS = {(1204, 32): 17, (1204, 33): 18}


def mapped(*sizes: dict[str, Any], stock: Any = None, **changes: Any) -> list[dict[str, Any]]:
    table = rows.to_table([product(sizes=list(sizes), **changes)], rows.PRODUCTS)
    return records(map_variations(shop(), table, stock or {}, lambda *size: NUMBERS.get(size)))


def test_every_field_of_a_variation():
    variation, _ = mapped(M, L, stock={(1204, 32): 6})
    assert (variation["external_id"], variation["outcome"], variation["source_store_id"]) == ("900000017", "send", None)
    assert variation["payload"] == {
        "variation_id": 900_000_017,
        "product_id": "900001204",
        "lang": "fr",
        "name": "M",
        "reference": "MAR-01",
        "ean13": "2430000012051",
        "link": "https://maison-lea.hiboutik.com/?product_id=1204",
        "image_link": None,
        "price": 39.0,
        "price_discount": None,
        "quantity_remaining": 6,
        "is_default": True,
    }


def test_the_size_with_the_lowest_number_is_the_default_wherever_it_stands():
    assert [each["payload"]["is_default"] for each in mapped(L, M)] == [False, True]


@pytest.mark.parametrize(("promo", "discount"), [("29.90", 29.9), ("39.00", None), ("45.00", None), ("0.00", None)])
def test_a_promo_price_counts_only_when_it_is_lower(promo, discount):
    assert mapped(M, promo_price=promo)[0]["payload"]["price_discount"] == discount


def test_stock_of_a_size_is_that_of_all_warehouses():
    level = {"product_id": 1204, "size_id": 32, "available": "2"}
    others = [{**level, "size_id": 33, "available": "x"}, {**level, "size_id": 0, "available": "9"}]
    table = rows.to_table([level, {**level, "available": "3"}, *others], rows.STOCK)
    assert stock_by_size(table) == {(1204, 32): 5, (1204, 33): None, (1204, 0): 9}


@pytest.mark.parametrize(
    ("size", "field", "reason"),
    [
        ({"name": ""}, "name", "the name is empty"),
        ({"size_id": None}, "variation_id", "not an id that can be sent: 'none'"),
        ({"size_id": 100_000_000}, "variation_id", "not an id that can be sent: 100000000"),
        ({"problems": "size_name: is a list"}, "name", "the row could not be read: size_name: is a list"),
    ],
)
def test_a_size_that_cannot_be_sent_is_refused_and_the_next_one_is_not(size, field, reason):
    bad, good = mapped({**M, **size}, L)
    assert (bad["outcome"], bad["field"], bad["reason"]) == ("refused", field, reason)
    assert good["outcome"] == "send"


def test_a_size_that_the_till_repeats_is_one_variation():
    assert len(mapped(M, M, L)) == 2


def test_products_without_sizes_or_gone_from_the_list_have_none():
    assert mapped() == []
    assert mapped(M, listed=False) == []


def test_sizes_are_those_that_can_have_a_number():
    table = rows.to_table(
        [product(sizes=[L, M, {**M, "size_id": 0}, {**M, "size_id": None}]), product(product_id=0, sizes=[M])],
        rows.PRODUCTS,
    )
    assert sizes_of(table) == [(1204, 32), (1204, 33)]


def test_a_file_from_before_sizes_were_read_has_none():
    table = rows.to_table([product()], rows.PRODUCTS).drop_columns(["sizes"])
    assert sizes_of(table) == []


def test_numbers_stay_in_the_range_of_a_shop():
    numbers = {preferred_number(product_id, size) for product_id in range(1, 2_000) for size in (1, 99_999_999)}
    assert min(numbers) >= 1
    assert max(numbers) <= 99_999_999
    assert len(numbers) > 3_950


def named() -> NamedSizes:
    return NamedSizes(shop().identifiers, lambda *size: NUMBERS.get(size), lambda product_id: product_id == 1204)


def variation_of(sizes: NamedSizes, one_line: dict[str, Any]) -> int | None:
    table = rows.to_table([sale(one_line)], rows.SALES)
    (record,) = records(map_orders(shop(variations="send"), table, known(), {}, sizes).records)
    return record["payload"]["products"][0]["product_variation_id"]


def test_an_order_line_names_the_variation_that_was_sold():
    sizes = named()
    assert variation_of(sizes, line(size_id=33)) == 900_000_018
    assert (sizes.unknown, sizes.unsaid) == (set(), set())


def test_a_size_that_is_not_known_is_null_and_kept_to_be_told():
    sizes = named()
    assert variation_of(sizes, line(size_id=99)) is None
    assert variation_of(sizes, line(size_id=None)) is None
    assert variation_of(sizes, line(7, size_id=None)) is None
    assert variation_of(sizes, line(size_id=0)) is None
    assert (sizes.unknown, sizes.unsaid) == ({(1204, 99)}, {1204})


def test_without_the_rule_no_line_names_a_variation():
    assert the_order(shop(), sale(line(size_id=32)))["products"][0]["product_variation_id"] is None
