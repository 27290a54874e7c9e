"""`docs/mapping.md` names every reason and every field that the mapping knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from till_examples import customer, mapped, product, records, sale, shop

from connector.mapping.addresses import AddressNumbers, map_addresses
from connector.mapping.customers import map_customers
from connector.mapping.images import map_images
from connector.mapping.outcomes import Refusal, Skip
from connector.mapping.products import map_products
from connector.mapping.profiles import PROFILE_DEFINITION
from connector.mapping.reference import map_brands, map_categories, map_order_status
from connector.pos import rows

PAGE = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str) -> set[str]:
    return {row.split("|")[1].strip(" `") for row in section(title).splitlines() if row.startswith("| ")} - {"reason"}


def test_the_reasons_to_skip_are_exactly_these():
    assert first_cells("Why a row is skipped") == {skip.value for skip in Skip}


def test_the_reasons_to_refuse_are_exactly_these():
    assert first_cells("Why a row is refused") == {refusal.value for refusal in Refusal}


def payloads() -> Iterator[tuple[str, dict[str, Any]]]:
    ctx = shop()
    one_category = rows.to_table([{"category_id": 1, "name": "Hauts"}], rows.CATEGORIES)
    one_brand = rows.to_table([{"brand_id": 1, "name": "Armor"}], rows.BRANDS)
    small = "Categories, manufacturers, order status"
    yield "Customers", records(map_customers(ctx, rows.to_table([customer()], rows.CUSTOMERS), {}))[0]["payload"]
    book = rows.to_table(
        [{"customer_id": 5, "addresses": [{"address_id": 9, "address": "a", "city": "b"}]}], rows.ADDRESSES
    )
    people = rows.to_table([customer()], rows.CUSTOMERS)
    yield "Addresses", records(map_addresses(ctx, people, {}, {"ml_5"}, book, AddressNumbers(book)))[0]["payload"]
    yield "Products", records(map_products(ctx, rows.to_table([product()], rows.PRODUCTS), {}))[0]["payload"]
    pages = rows.to_table([{"product_id": 1204, "images": [{"place": 1, "url": "https://a.example/b"}]}], rows.IMAGES)
    images = map_images(ctx, rows.to_table([product()], rows.PRODUCTS), {"900001204"}, pages)
    yield "Images", records(images)[0]["payload"]
    for table in (map_categories(ctx, one_category), map_brands(ctx, one_brand), map_order_status(ctx)):
        yield small, {name: 0 for name in records(table)[0]["payload"] if name not in ("created_at", "updated_at")}
    yield "Orders", records(mapped(ctx, sale()).records)[0]["payload"]
    yield (
        "Orders",
        {f"products[].{name}": 0 for name in records(mapped(ctx, sale()).records)[0]["payload"]["products"][0]},
    )
    yield "Profiles", {field["name"]: 0 for field in PROFILE_DEFINITION["fields"]}


@pytest.mark.parametrize(("title", "payload"), list(payloads()))
def test_every_field_is_described(title, payload):
    described = set(re.findall(r"`([^`]+)`", section(title)))
    assert set(payload) <= described
