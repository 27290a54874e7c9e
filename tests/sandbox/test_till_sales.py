"""Sales of the sandbox's till: pages, bulk lines and turnover tell of the same ones, in every reading."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from running_till import Running


def _details(till: Running, *days: str) -> list[Any]:
    return [till.rows(f"sales/{row['sale_id']}")[0] for day in days for row in till.rows(f"closed_sales/1/{day}")]


def test_every_detail_adds_up(till: Running) -> None:
    details = _details(till, "2026/10/06", "2026/10/07", "2026/10/08", "2026/10/22", "2026/10/28", "2026/11/05")
    assert len(details) > 30
    for sale in details:
        lines = sale["line_items"]
        for line in lines:
            assert Decimal(line["item_total_net"]) + Decimal(line["item_total_tax"]) == Decimal(
                line["item_total_gross"]
            )
        assert sum(Decimal(line["item_total_gross"]) for line in lines) == Decimal(sale["total"])
        assert Decimal(sale["sale_total_net"]) + Decimal(sale["sale_total_tax"]) == Decimal(sale["sale_total_gross"])
        assert sum(Decimal(tax["total_gross"]) for tax in sale["taxes"]) == Decimal(sale["total"])


PRICED = {  # what a line was paid, for each reading of price and discount
    ("unit", "line"): lambda price, pieces, discount: price * pieces - discount,
    ("unit", "unit"): lambda price, pieces, discount: (price - discount) * pieces,
    ("unit", "included"): lambda price, pieces, discount: price * pieces,
    ("line", "line"): lambda price, pieces, discount: price - discount,
    ("line", "unit"): lambda price, pieces, discount: price - discount * pieces,
    ("line", "included"): lambda price, pieces, discount: price,
}


@pytest.mark.parametrize("reading", PRICED, ids="-".join)
def test_bulk_lines_say_the_same_as_the_details_in_each_reading(till: Running, reading: tuple[str, str]) -> None:
    till.switch(products_sold_price=reading[0], products_sold_discount=reading[1])
    rows = [row for row in till.rows("products_sold/1/2026/10/09/") if row["sale_id"] == 507]
    paid = [PRICED[reading](Decimal(row["product_price"]), row["quantity"], Decimal(row["discount"])) for row in rows]
    assert paid == [Decimal("81.00"), Decimal("16.65")]


def test_bulk_rows_can_have_more_and_fewer_keys(till: Running) -> None:
    till.switch(products_sold_extra_keys=["line_item_id", "customer_id"], products_sold_missing_keys=["vat"])
    row = next(row for row in till.rows("products_sold/1/2026/10/09/") if row["sale_id"] == 507)
    assert (row["line_item_id"], row["customer_id"], "vat" in row) == (50701, 34, False)


def test_returns_can_be_kept_apart_from_bulk_lines(till: Running) -> None:
    def sold() -> list[int]:
        return [row["quantity"] for row in till.rows("products_sold/1/2026/10/08/") if row["sale_id"] == 505]

    assert sold() == [-1, 1]
    till.switch(products_sold_returns=False)
    assert sold() == [1]
    assert [row["sale_id"] for row in till.rows("products_returned/1/2026/10/08/")] == [505]


def test_a_return_can_be_a_negative_price_instead(till: Running) -> None:
    till.switch(return_sign="price")
    line = till.rows("sales/504")[0]["line_items"][0]
    assert (line["quantity"], line["product_price"], line["item_total_gross"]) == (1, "-45.00", "-45.00")


def test_weighed_goods_have_fractions(till: Running) -> None:
    assert till.rows("sales/523")[0]["line_items"][0]["quantity"] == 0.35
    till.switch(fractions="text")
    assert till.rows("sales/523")[0]["line_items"][0]["quantity"] == "0.35"


def test_the_month_form_of_bulk_lines_exists_only_when_switched_on(till: Running) -> None:
    assert till.get("products_sold/1/2026/10/").status_code == 404
    till.switch(products_sold_month=True)
    assert {row["sale_date"][:7] for row in till.rows("products_sold/1/2026/10/?p=2")} == {"2026-10"}


def test_a_ticket_across_midnight_is_listed_by_closing_or_by_accounting_day(till: Running) -> None:
    def listed(day: str) -> bool:
        return 520 in {row["sale_id"] for row in till.rows(f"closed_sales/1/{day}")}

    assert (listed("2026/10/31"), listed("2026/11/01")) == (False, True)
    till.switch(closed_sales_day="date_z")
    assert (listed("2026/10/31"), listed("2026/11/01")) == (True, False)


def test_open_tickets_and_quotes_are_not_closed_sales(till: Running) -> None:
    assert {row["sale_id"] for row in till.rows("open_sales/1")} == {518, 519}
    closed = {row["sale_id"] for row in till.rows("closed_sales/1/2026/11/20")}
    till.switch(closed_sales_with_open=True)
    assert {row["sale_id"] for row in till.rows("closed_sales/1/2026/11/20")} - closed == {518}


@pytest.mark.parametrize("store", [1, 2, 5])
def test_turnover_is_the_sum_of_the_days_sales(till: Running, store: int) -> None:
    for row in till.rows(f"reports/turnover/{store}/2026/11"):
        sales = till.rows(f"closed_sales/{store}/{row['date'].replace('-', '/')}")
        assert Decimal(row["total_incl_taxes"]) == sum(Decimal(sale["total"]) for sale in sales)
        assert row["nb_sales"] == len(sales)


def test_a_web_order_is_found_by_its_reference(till: Running) -> None:
    assert [row["sale_id"] for row in till.rows("sales/search/ext_ref/WOO-4711")] == [516]
    assert till.rows("sales/search/ext_ref/WOO-1") == []
