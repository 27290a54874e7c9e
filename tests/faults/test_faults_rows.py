"""Rows of the till with impossible values: each is refused with its field, and takes nothing down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.sandbox.fault_plan import Fault
from tests.faults.little_till import customer, days_ago, line, product, sale, store
from tests.faults.shop_world import World

VALUES: list[Any] = [
    None, "", " ", "abc", "-1", -1, 0, 1.5, "1e400", "NaN", "Infinity", 10**8, 2**63, 10**30, True, [], {}, [1], {"a": 1},
    "0000-00-00", "9999-99-99 99:99:99", "\x00\x07", "<script>&amp;&#0;", "é" * 70_000, "٣", "+33", "2026-13-01 00:00:00",
]  # fmt: skip


def spoilt(row: dict[str, Any], number: str) -> list[dict[str, Any]]:
    """The row once per key and impossible value; `number` is the key of its id, which counts up."""
    rows = []
    for key in row:
        for value in VALUES:
            rows.append(row | {number: 1000 + len(rows)} | {key: value})
        rows.append({k: v for k, v in (row | {number: 1000 + len(rows)}).items() if k != key})
    return rows


@pytest.mark.parametrize(
    ("entity", "path", "rows", "good"),
    [
        ("customers", "/customers/$", spoilt(customer(1), "customers_id"), customer(77)),
        ("products", "/products/$", spoilt(product(1), "product_id"), product(77)),
        (
            "categories",
            "/categories/$",
            spoilt({"category_id": 1, "category_name": "Mode", "category_id_parent": 1}, "category_id"),
            {"category_id": 77, "category_name": "Bain"},
        ),
        (
            "manufacturers",
            "/brands/$",
            spoilt({"brand_id": 1, "brand_name": "M"}, "brand_id"),
            {"brand_id": 77, "brand_name": "B"},
        ),
    ],
)
def test_impossible_values_in_a_list_are_refused_and_the_good_row_is_delivered(
    world: World, entity: str, path: str, rows: list[dict[str, Any]], good: dict[str, Any]
) -> None:
    junk: list[Any] = [None, 1, "row", [], {}, [good]]
    page = [*junk, *rows, good]
    world.break_till(Fault(kind="answer", status=200, path=path, body=json.dumps(page)))

    synced = world.sync()

    assert synced.status == "refused", synced.message
    row = synced.row(entity)
    assert row["refused"] > 0
    assert row["sent"] > 0
    assert row["failed"] == 0
    assert {"customers": "a_77", "products": "100000077", "categories": "100000077", "manufacturers": "a_77"}[
        entity
    ] in world.items(entity)
    assert not world.crm().refused_count  # what breaks ShopiMind's rules does not get there
    again = world.sync()
    assert again.row(entity) == row | {"unchanged": row["sent"], "sent": 0}


def test_impossible_values_in_sales_are_refused_and_the_good_sale_is_delivered(world: World) -> None:
    whole = sale(1, 1, days_ago(1), 2, line(1))
    keys = ("created_at", "completed_at", "store_id", "unique_sale_id", "customer_id", "currency", "total")
    header = {key: whole[key] for key in ("sale_id", *keys)} | {"sale_ext_ref": ""}
    rows = [row for row in spoilt(header, "sale_id") if "sale_id" in row]
    good = header | {"sale_id": 77, "unique_sale_id": "good"}
    sold = [
        {"sale_id": 77, "line_item_id": 1, "product_id": 1, "quantity": 1, "product_price": "10.00", "vat": "0.2",
         "discount": "0.00"}
    ]  # fmt: skip
    day = days_ago(1).replace("-", "/")
    world.break_till(
        Fault(kind="answer", status=200, path=f"/closed_sales/1/{day}", body=json.dumps([None, 1, "x", *rows, good])),
        Fault(kind="answer", status=200, path=f"/products_sold/1/{day}", body=sold),
        *(
            Fault(
                kind="answer", status=200, path=f"/api/sales/{number}$", body=[whole | {"sale_id": number} | UNREADABLE]
            )
            for number in (row["sale_id"] for row in rows)
            if isinstance(number, int)
        ),
    )

    synced = world.sync()

    assert synced.status == "refused", synced.message
    assert synced.row("orders", 1)["refused"] > 50
    assert synced.row("orders", 1)["failed"] == 0
    assert synced.row("orders", 2)["sent"] == 14
    assert "a_77" in world.items("orders")
    assert not world.crm().refused_count


UNREADABLE = {"line_items": [None, {}, 5]}
LINES = [
    {"product_id": value} for value in ("abc", -3, 10**8, 2**63, [1], True)
] + [
    {"quantity": value} for value in (None, "", "abc", 0, 10**12, "1e9", "NaN", [], True)
] + [
    {"product_price": value, "item_total_gross": value} for value in (None, "abc", "1e300", "NaN", {}, "-5.00", "99999999999999.99")
] + [{"vat": value} for value in (None, "", "abc", "-0.2", "20.0", "NaN", [], "1.0")]  # fmt: skip


def test_impossible_values_in_lines_refuse_their_sale_only(world: World) -> None:
    day = days_ago(1)
    pages, headers = [], []
    for number, change in enumerate([*LINES, {}], 500):
        whole = sale(number, 1, day, 2, line(1))
        whole["line_items"][0] |= {"item_total_gross": "10.00"} | change
        pages.append(Fault(kind="answer", status=200, path=f"/api/sales/{number}/?$", body=json.dumps([whole])))
        headers.append({key: value for key, value in whole.items() if key != "line_items"} | {"sale_ext_ref": ""})
    path = day.replace("-", "/")
    world.break_till(
        Fault(kind="answer", status=200, path=f"/closed_sales/1/{path}", body=headers),
        Fault(kind="answer", status=200, path=f"/products_sold/1/{path}", body=[]),
        *pages,
    )

    synced = world.sync()

    assert synced.status == "refused", synced.message
    row = synced.row("orders", 1)
    assert row["read"] == 12 + len(LINES) + 1
    assert row["failed"] == 0
    assert row["refused"] >= len(LINES) - 6
    assert f"a_{500 + len(LINES)}" in world.items("orders")
    assert not world.crm().refused_count


@pytest.mark.parametrize(
    "change",
    [
        {"store_time_zone": "Mars/Olympus"},
        {"store_time_zone": None},
        {"store_default_currency": "XXXX"},
        {"store_name": ""},
        {"store_name": "é" * 500},
        {"store_id": None},
        {"store_id": "abc"},
        {"store_id": 10**12},
    ],
)
def test_an_impossible_store_leaves_the_other_store_delivered(world: World, change: dict[str, Any]) -> None:
    stores = [store(1, "Lyon"), store(2, "Nice") | change]
    world.break_till(Fault(kind="answer", status=200, path="/stores", body=stores))

    synced = world.sync()

    assert synced.row("orders", 1)["sent"] == 14, synced.message
    assert synced.exit_code in (0, 1, 3)
