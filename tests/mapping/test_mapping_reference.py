"""Categories, brands and the one order status."""

from __future__ import annotations

from typing import Any

import pytest
from till_examples import records, shop

from connector.mapping.reference import map_brands, map_categories, map_order_status
from connector.pos import rows

UNREADABLE = "the row could not be read"
FIRST_DAY = "2024-01-01T00:00:00+01:00"


def category(**changes: Any) -> dict[str, Any]:
    row = {"category_id": 12, "parent_id": 2, "name": "Hauts", "enabled": True, **changes}
    return records(map_categories(shop(), rows.to_table([row], rows.CATEGORIES)))[0]


def brand(**changes: Any) -> dict[str, Any]:
    row = {"brand_id": 3, "name": "Armor", "enabled": True, **changes}
    return records(map_brands(shop(), rows.to_table([row], rows.BRANDS)))[0]


def test_every_field_of_a_category():
    record = category()
    assert (record["external_id"], record["source_store_id"]) == ("900000012", None)
    assert record["payload"] == {
        "category_id": 900_000_012,
        "lang": "fr",
        "name": "Hauts",
        "description": "",
        "parent_category_id": 900_000_002,
        "link": "https://maison-lea.hiboutik.com/?category_id=12",
        "is_active": True,
        "created_at": FIRST_DAY,
        "updated_at": FIRST_DAY,
    }


def test_a_root_category_has_no_parent():
    assert category(parent_id=0)["payload"]["parent_category_id"] is None


def test_a_disabled_category_or_brand_is_inactive():
    assert category(enabled=False)["payload"]["is_active"] is False
    assert brand(enabled=False)["payload"]["is_active"] is False


def test_every_field_of_a_manufacturer():
    assert brand()["payload"] == {
        "manufacturer_id": "ml_3",
        "name": "Armor",
        "is_active": True,
        "created_at": FIRST_DAY,
        "updated_at": FIRST_DAY,
    }


def test_the_order_status_is_one_in_the_shops_language():
    (record,) = records(map_order_status(shop()))
    assert record["payload"] == {
        "status_id": "ml_completed",
        "lang": "fr",
        "name": "Terminée",
        "is_deleted": False,
        "created_at": FIRST_DAY,
        "updated_at": FIRST_DAY,
    }


@pytest.mark.parametrize(
    ("record", "field", "reason"),
    [
        (category(name="&nbsp;"), "name", "the name is empty"),
        (category(parent_id=-1), "parent_category_id", "not an id that can be sent: -1"),
        (category(category_id=0), "category_id", "not an id that can be sent: 0"),
        (category(problems="category_id_parent: 'x'"), "parent_category_id", f"{UNREADABLE}: category_id_parent: 'x'"),
        (category(problems="the row is 5, not an object"), "category_id", f"{UNREADABLE}: the row is 5, not an object"),
        (brand(name=""), "name", "the name is empty"),
        (brand(brand_id=100_000_000), "manufacturer_id", "not an id that can be sent: 100000000"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_with_field_and_reason(record, field, reason):
    assert (record["outcome"], record["field"], record["reason"]) == ("refused", field, reason)
