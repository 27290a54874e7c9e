"""What is known of the sales read so far, and the sums over it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from connector.mapping.facts import SALE_FACTS, SALE_GROUPS
from connector.state.sales_read import TOTALS, SalesRead


def facts(*sales: dict[str, Any]) -> pa.Table:
    usual = {"store_id": 1, "day": "2026-11-01", "customer_id": 7, "closed_at": 1000, "cents": 1200}
    usual |= {"currency": "EUR", "kind": "sale", "sent": True}
    return pa.Table.from_pylist([usual | sale for sale in sales], schema=SALE_FACTS)


@pytest.fixture
def read(db) -> SalesRead:
    return SalesRead(db, "maison-lea")


def test_groups_sum_up_per_customer_store_currency_and_kind(read: SalesRead) -> None:
    read.replace(
        [1],
        "2026-11-01",
        facts(
            {"sale_id": 1, "closed_at": 1000},
            {"sale_id": 2, "closed_at": 3000, "cents": 800},
            {"sale_id": 3, "closed_at": 2000, "cents": -500, "kind": "return", "sent": False},
            {"sale_id": 4, "currency": "CHF"},
            {"sale_id": 5, "customer_id": 8, "closed_at": None, "cents": None},
        ),
    )
    groups = read.groups()

    assert groups.schema == SALE_GROUPS
    rows = sorted((tuple(row.values()) for row in groups.to_pylist()), key=repr)
    assert rows == [
        (7, 1, "CHF", "sale", True, 1, 1200, 1000, 1000),
        (7, 1, "EUR", "return", False, 1, -500, 2000, 2000),
        (7, 1, "EUR", "sale", True, 2, 2000, 1000, 3000),
        (8, 1, "EUR", "sale", True, 1, None, None, None),
    ]


def test_groups_of_some_customers_leave_the_others_out(read: SalesRead) -> None:
    read.replace([1], "2026-11-01", facts(*({"sale_id": i, "customer_id": i} for i in range(1, 20))))

    assert set(read.groups([3, 4, 99]).column("customer_id").to_pylist()) == {3, 4}
    assert read.groups([]).num_rows == 0


def test_any_number_of_customers_can_be_asked_for(read: SalesRead) -> None:
    read.replace([1], "2026-11-01", facts({"sale_id": 1, "customer_id": 1}, {"sale_id": 2, "customer_id": 70_000}))

    assert read.groups(range(1, 70_001)).num_rows == 2
    assert read.first_closed(range(1, 70_001)) == {1: 1000, 70_000: 1000}


def test_a_sale_that_is_no_longer_listed_goes_away(read: SalesRead) -> None:
    read.replace([1], "2026-11-01", facts({"sale_id": 1}, {"sale_id": 2}))
    read.replace([1], "2026-11-02", facts({"sale_id": 3, "day": "2026-11-02"}))
    read.replace([1], "2026-11-01", facts({"sale_id": 2}))
    assert read.totals().column("sales").to_pylist() == [1, 1]

    read.replace([1], "2026-11-01", facts())
    assert read.totals().column("day").to_pylist() == ["2026-11-02"]


def test_stores_of_a_day_are_replaced_together_and_others_stay(read: SalesRead) -> None:
    read.replace([1, 2], "2026-11-01", facts({"sale_id": 1}, {"sale_id": 2, "store_id": 2}))
    read.replace([3], "2026-11-01", facts({"sale_id": 3, "store_id": 3}))
    read.replace([1, 2], "2026-11-01", facts({"sale_id": 1, "store_id": 2}))  # of 1 to 2, and 2 is gone

    assert [(row["store_id"], row["sales"]) for row in read.totals().to_pylist()] == [(2, 1), (3, 1)]
    read.replace([], "2026-11-01", facts())
    assert read.totals().num_rows == 2


def test_a_sale_that_two_stores_list_on_one_day_counts_once(read: SalesRead) -> None:
    read.replace([1, 2], "2026-11-01", facts({"sale_id": 1}, {"sale_id": 1, "store_id": 2}))

    assert [(row["store_id"], row["sales"]) for row in read.totals().to_pylist()] == [(2, 1)]


def test_a_sale_that_moved_to_another_store_or_day_counts_once(read: SalesRead) -> None:
    read.replace([1], "2026-11-01", facts({"sale_id": 1}))
    read.replace([2], "2026-11-02", facts({"sale_id": 1, "store_id": 2, "day": "2026-11-02"}))

    totals = read.totals()
    assert totals.schema == TOTALS
    assert [tuple(row.values()) for row in totals.to_pylist()] == [(2, "2026-11-02", "EUR", "sale", True, 1, 1200)]


def test_who_loses_a_sale_is_remembered_unless_it_becomes_nobodys(db, read: SalesRead) -> None:
    read.replace([1], "2026-11-01", facts(*({"sale_id": each, "customer_id": each} for each in (1, 2, 3, 4, 5))))
    moved = {"store_id": 2, "day": "2026-11-02"}
    read.replace([2], "2026-11-02", facts({"sale_id": 1, "customer_id": 5, **moved}))
    read.replace(
        [1], "2026-11-01", facts({"sale_id": 2, "customer_id": 5}, {"sale_id": 3, "customer_id": 0}, {"sale_id": 5})
    )
    read.replace([1], "2026-11-01", facts({"sale_id": 2, "customer_id": 5}, {"sale_id": 5}))
    assert [each for each in range(1, 6) if read.has_lost_a_sale(each)] == [1, 2, 4, 5]
    assert not SalesRead(db, "other").has_lost_a_sale(1)
    with db.begin() as connection:
        read.forget_losses(connection, 1)
    assert [each for each in range(1, 6) if read.has_lost_a_sale(each)] == [2, 4, 5]


def test_the_first_closing_is_of_any_day_and_kind(read: SalesRead) -> None:
    read.replace([1], "2026-11-01", facts({"sale_id": 1, "closed_at": 3000}))
    read.replace(
        [1],
        "2026-11-02",
        facts(
            {"sale_id": 2, "day": "2026-11-02", "closed_at": 2000, "kind": "web_order", "sent": False},
            {"sale_id": 3, "day": "2026-11-02", "customer_id": 8, "closed_at": None},
        ),
    )

    assert read.first_closed([7, 8, 9]) == {7: 2000}


def test_totals_are_per_store_and_day_within_the_days_asked_for(read: SalesRead) -> None:
    for day in ("2026-11-01", "2026-11-02", "2026-11-03"):
        number = int(day[-2:])
        read.replace([1], day, facts({"sale_id": number, "day": day, "cents": number * 100}))

    rows = read.totals("2026-11-02", "2026-11-03").to_pylist()
    assert [(row["store_id"], row["day"], row["sales"], row["cents"]) for row in rows] == [
        (1, "2026-11-02", 1, 200),
        (1, "2026-11-03", 1, 300),
    ]


def test_shops_do_not_see_each_others_sales(db, read: SalesRead) -> None:
    SalesRead(db, "other").replace([1], "2026-11-01", facts({"sale_id": 1, "cents": 1}))
    read.replace([1], "2026-11-01", facts({"sale_id": 1}))

    assert SalesRead(db, "other").totals().column("cents").to_pylist() == [1]
    assert read.totals().column("cents").to_pylist() == [1200]
