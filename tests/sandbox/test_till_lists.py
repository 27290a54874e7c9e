"""How the sandbox's till pages its lists, and the shapes of their rows and of single pages."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from running_till import Running


def test_lists_come_in_pages_of_250_and_tell_where_they_are(till: Running) -> None:
    answer = till.get("customers/?p=2")
    assert len(answer.json()) == 39
    assert answer.headers["Content-Range"] == "251-289/289"
    links = re.findall(r'<http[^>]*/maison-lea/api/customers/\?p=(\d)>; rel="(\w+)"', answer.headers["Link"])
    assert links == [("1", "start"), ("1", "prev"), ("2", "current"), ("2", "last")]
    assert 'rel="next"' in till.get("customers/").headers["Link"]


def test_the_pages_together_are_the_whole_list_and_nothing_follows(till: Running) -> None:
    ids = [row["customers_id"] for page in (1, 2) for row in till.rows(f"customers/?p={page}&per_page=10")]
    assert len(ids) == len(set(ids)) == 289
    assert till.rows("customers/?p=3") == []


def test_short_lists_have_no_paging_headers(till: Running) -> None:
    answer = till.get("products_sold/1/2026/10/06/")
    assert not {"link", "content-range"} & set(answer.headers)
    assert till.rows("products_sold/1/2026/10/06/?p=2") == []


def test_stock_comes_in_one_answer(till: Running) -> None:
    answer = till.get("stock_available/all_wh/")
    assert len(answer.json()) > 750
    assert "link" not in answer.headers


def test_paging_can_misbehave_in_every_known_way(till: Running) -> None:
    till.switch(link_next=False, content_range_error=-30)
    answer = till.get("customers/")
    assert 'rel="next"' not in answer.headers["Link"]
    assert answer.headers["Content-Range"] == "1-250/259"
    till.switch(paging_headers=False)
    assert not {"link", "content-range"} & set(till.get("customers/").headers)
    first = till.rows("customers/?p=1")
    till.switch(page_overlap=5)
    assert till.rows("customers/?p=2")[:5] == first[-5:]
    till.switch(ignore_page=True)
    assert till.rows("customers/?p=2") == first


def test_products_sold_can_be_without_headers_and_stock_with_pages(till: Running) -> None:
    till.switch(products_sold_paging_headers=False, stock_paginated=True)
    answer = till.get("products_sold/1/2026/10/17/")
    assert (len(answer.json()), "link" in answer.headers) == (250, False)
    assert len(till.rows("stock_available/all_wh/")) == 250


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("stores", "stores/"),
        ("customers/?p=2", "customers?p=2"),
        ("closed_sales/1/2026/10/6", "closed_sales/1/2026/10/06/"),
    ],
)
def test_a_path_works_with_and_without_last_slash_and_leading_zeros(till: Running, one: str, other: str) -> None:
    assert till.rows(one) == till.rows(other) != []


def test_the_other_form_of_a_path_can_redirect_on_the_same_host(till: Running) -> None:
    till.switch(slash_redirect="slash")
    answer = till.get("stores")
    assert (answer.status_code, answer.headers["location"]) == (301, f"{till.base}/maison-lea/api/stores/")


@pytest.mark.parametrize(
    ("path", "has", "has_not"),
    [
        ("closed_sales/1/2026/10/06", "resource_id", "ressource_id"),
        ("sales/501", "ressource_id", "resource_id"),
        ("products/", "products_desc", "product_desc"),
        ("products/1008", "product_desc", "products_desc"),
        ("closed_sales/1/2026/10/06", "customer_id", "customers_id"),
        ("customer/24", "customers_id", "customer_id"),
        ("customer/24", "intial_loyalty_points", "initial_loyalty_points"),
    ],
)
def test_the_same_thing_has_other_names_in_lists_and_details(till: Running, path: str, has: str, has_not: str) -> None:
    row = till.rows(path)[0]
    assert (has in row, has_not in row) == (True, False)


def test_list_rows_have_exactly_the_keys_seen_in_captures(till: Running) -> None:
    assert len(till.rows("customers/")[0]) == 16
    plain = next(row for row in till.rows("products/") if row["product_size_type"] == 0)
    assert len(plain) == 28
    assert len(till.rows("closed_sales/1/2026/10/06")[0]) == 17
    till.switch(closed_sales_ref_key=False)
    assert len(till.rows("closed_sales/1/2026/10/06")[0]) == 14
    assert len(till.rows("customer/33/sales/")[0]) == 12


def test_customer_rows_can_carry_more_keys(till: Running) -> None:
    till.switch(customers_extra_keys=["tags", "customers_misc"])
    row = next(row for row in till.rows("customers/") if row["customers_id"] == 24)
    assert row["tags"] == [{"tag_id": 2, "tag": "Newsletter"}]
    assert row["customers_misc"] == "newsletter=oui"


def test_money_is_text_and_ids_are_numbers(till: Running) -> None:
    sale = till.rows("sales/506")[0]
    assert (sale["total"], sale["sale_id"], sale["without_taxes"]) == ("63.50", 506, 0)
    assert sale["line_items"][0]["vat"] == "0.20000"
    assert till.rows("taxes")[1]["tax_value"] == "0.055"
    till.switch(rate_decimals=3)
    assert till.rows("sales/506")[0]["line_items"][0]["vat"] == "0.200"


def test_a_sale_in_no_z_report_has_false_date_parts_and_an_open_one_zero_times(till: Running) -> None:
    sale = till.rows("sales/518")[0]
    assert (sale["date_z"], sale["date_z_mm"], sale["date_z_dd"]) == (0, False, False)
    assert sale["completed_at"] == "0000-00-00 00:00:00"
    assert till.rows("sales/506")[0]["date_z_mm"] == "10"


def test_only_split_payments_have_details(till: Running) -> None:
    sale = till.rows("sales/506")[0]
    assert sale["payment"] == "DIV"
    assert sum(Decimal(row["payment_amount"]) for row in sale["payment_details"]) == Decimal(sale["total"])
    assert till.rows("sales/507")[0]["payment_details"] == []


def test_the_list_shows_all_sizes_and_the_detail_those_in_use(till: Running) -> None:
    listed = next(row for row in till.rows("products/") if row["product_id"] == 1001)
    assert [size["size_name"] for size in listed["product_size_details"]] == ["S", "M", "L"]
    assert [size["size_name"] for size in till.rows("products/1001")[0]["product_size_details"]] == ["S", "M"]
    assert "product_size_details" not in till.rows("products/1003")[0]


def test_archived_products_may_be_left_out_of_the_list(till: Running) -> None:
    assert 1002 in {row["product_id"] for row in till.rows("products/")}
    till.switch(products_archived=False)
    assert 1002 not in {row["product_id"] for row in till.rows("products/")}


def test_a_customers_list_has_its_members(till: Running) -> None:
    names = {row["list_name"]: row["list_id"] for row in till.rows("customers/lists/")}
    assert [row["customers_id"] for row in till.rows(f"customers/lists/{names['Professionnels']}")] == [23]


def test_a_customer_is_found_by_exact_address(till: Running) -> None:
    assert [row["customers_id"] for row in till.rows("customers/search/?email=famille.rivaudon@example.org")] == [13]
    assert till.rows("customers/search/?email=nobody@example.org") == []
