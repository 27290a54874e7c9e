"""The played till answers like the Hiboutik API, in both readings of everything its sources leave open."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback import serving
from starlette.applications import Starlette

from connector.sandbox.accounts import load_accounts
from connector.sandbox.hiboutik import create_till
from connector.sandbox.till_switches import TillSwitches

SAMPLES = Path(__file__).parents[2] / "data_samples"
LOGIN = ("ops@example.org", "demo-key-maison-lea")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Running:
    """A till that runs on loopback; `get` asks the sample account `maison-lea`."""

    def __init__(self, app: Starlette, base: str) -> None:
        self.app, self.base = app, base
        self.client = httpx.Client(base_url=f"{base}/maison-lea/api/", auth=LOGIN)

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.client.get(path, **kwargs)

    def rows(self, path: str) -> Any:
        return self.get(path).raise_for_status().json()

    def switch(self, **switches: Any) -> None:
        httpx.post(f"{self.base}/_sandbox/switches", json=switches).raise_for_status()

    def change(self, path: str, **body: Any) -> Any:
        return httpx.post(f"{self.base}/_sandbox/maison-lea/{path}", json=body).raise_for_status().json()


@pytest.fixture(scope="module")
def _server() -> Iterator[tuple[Starlette, str]]:
    app = create_till(load_accounts(SAMPLES), clock=lambda: NOW)
    with serving(app) as base:
        yield app, base


@pytest.fixture
def till(_server: tuple[Starlette, str]) -> Iterator[Running]:
    """The shared server, its switches as they were afterwards. For tests that change no rows."""
    running = Running(*_server)
    yield running
    running.switch(**TillSwitches().model_dump())
    running.client.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Running]:
    """A server of its own, for tests that change rows or count calls."""
    app = create_till(load_accounts(SAMPLES), state_file=tmp_path / "till.json", clock=lambda: NOW)
    with serving(app) as base:
        yield Running(app, base)


# --- credentials and errors ---


def test_basic_and_bearer_credentials_both_work(till: Running) -> None:
    assert till.get("stores").status_code == 200
    bearer = {"Authorization": "Bearer demo-token-maison-lea"}
    assert httpx.get(f"{till.base}/maison-lea/api/stores", headers=bearer).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Basic !!"}, {"Authorization": "Bearer nope"}, {"Authorization": "Basic b3BzOmtleQ=="}],
)
def test_missing_or_wrong_credentials_are_401_with_an_error_body(till: Running, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{till.base}/maison-lea/api/stores", headers=headers)
    assert answer.status_code == 401
    assert {"error", "code", "error_description", "details"} == set(answer.json())


def test_one_accounts_key_does_not_open_another(till: Running) -> None:
    assert httpx.get(f"{till.base}/atelier-noa/api/stores", auth=LOGIN).status_code == 401


def test_a_user_without_a_right_gets_403_there_and_only_there(till: Running) -> None:
    till.switch(forbidden=["customers"])
    assert till.get("customers/").status_code == 403
    assert till.get("products/").status_code == 200


def test_only_json_is_served(till: Running) -> None:
    assert till.get("stores", headers={"Accept": "text/html"}).status_code == 406
    assert till.get("stores", headers={"Accept": "application/json"}).status_code == 200


def test_error_bodies_can_lack_a_description_or_not_be_json(till: Running) -> None:
    till.switch(error_body="no_description")
    assert till.get("sales/99999999").json() == {"error": "not_found"}
    till.switch(error_body="text")
    with pytest.raises(json.JSONDecodeError):
        till.get("sales/99999999").json()


def test_a_maintenance_page_is_html_with_status_200(till: Running) -> None:
    till.switch(html=["closed_sales"])
    answer = till.get("closed_sales/1/2026/10/06")
    assert (answer.status_code, answer.headers["content-type"][:9]) == (200, "text/html")


@pytest.mark.parametrize("path", ["customer/7", "products/1099", "sales/99999999"])
def test_an_unknown_id_is_404_or_an_empty_list(till: Running, path: str) -> None:
    assert till.get(path).status_code == 404
    till.switch(unknown_id="empty")
    assert till.rows(path) == []


# --- paging ---


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


# --- shapes ---


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


# --- sales ---


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


# --- limits ---


def test_the_quota_is_per_account_and_month_and_ends_in_429(fresh: Running) -> None:
    fresh.switch(quota=2)
    assert [fresh.get("stores").status_code for _ in range(3)] == [200, 200, 429]
    noa = ("noa@example.org", "demo-key-atelier-noa")
    assert httpx.get(f"{fresh.base}/atelier-noa/api/stores", auth=noa).status_code == 200
    assert fresh.app.state.calls() == {"maison-lea": {"2026-11": 2}, "atelier-noa": {"2026-11": 1}}
    assert "retry-after" not in fresh.get("stores").headers
    fresh.switch(retry_after=7)
    assert fresh.get("stores").headers["retry-after"] == "7"


def test_too_many_calls_at_once_are_429(fresh: Running) -> None:
    fresh.switch(concurrency=2, hold_ms=300)
    with ThreadPoolExecutor(5) as pool:
        statuses = sorted(
            pool.map(lambda _: httpx.get(f"{fresh.base}/maison-lea/api/stores", auth=LOGIN).status_code, range(5))
        )
    assert statuses[0] == 200
    assert statuses[-1] == 429


def test_every_call_is_logged(fresh: Running) -> None:
    fresh.get("customers/?p=2")
    fresh.get("customer/7")
    assert [tuple(entry) for entry in fresh.app.state.log] == [
        ("maison-lea", "GET", "customers", "p=2", 200),
        ("maison-lea", "GET", "customer/7", "", 404),
    ]


# --- changing a running till ---


def test_an_added_sale_is_on_its_day_with_a_number_and_a_total(fresh: Running) -> None:
    line = {"product_id": 1003, "quantity": 2, "discount": "1.00"}
    sale = fresh.change("sales", store_id=1, customer_id=31, completed_at="2026-11-20 19:00:00", line_items=[line])
    row = next(row for row in fresh.rows("closed_sales/1/2026/11/20") if row["sale_id"] == sale["sale_id"])
    assert (row["total"], row["currency"]) == ("36.00", "EUR")
    numbers = [row["unique_sale_id"] for row in fresh.rows("closed_sales/1/2026/11/20")]
    assert len(set(numbers)) == len(numbers)


def test_an_edited_sale_keeps_its_id_and_changes_its_total(fresh: Running) -> None:
    fresh.change("sales", sale_id=512, line_items=[{"product_id": 1003, "quantity": 3}])
    rows = [row for row in fresh.rows("closed_sales/1/2026/10/12") if row["sale_id"] == 512]
    assert [row["total"] for row in rows] == ["55.50"]


def test_a_closed_ticket_leaves_the_open_ones(fresh: Running) -> None:
    fresh.change("sales/518/close", completed_at="2026-11-21 09:00:00")
    assert {row["sale_id"] for row in fresh.rows("open_sales/1")} == {519}
    assert {row["sale_id"] for row in fresh.rows("closed_sales/1/2026/11/21")} == {518}


def test_customers_products_and_stores_can_be_changed(fresh: Running) -> None:
    fresh.change("customers", customers_id=31, email="new@example.org")
    assert fresh.rows("customer/31")[0]["email"] == "new@example.org"
    added = fresh.change("customers", last_name="Neuve")["customers_id"]
    assert fresh.rows("customers/?p=2")[-1]["customers_id"] == added
    fresh.change("products/1003/archive")
    assert fresh.rows("products/1003")[0]["product_arch"] == 1
    fresh.change("stores", store_id=2, store_name="Saint-Paul")
    assert [row["store_name"] for row in fresh.rows("stores")] == ["Lyon Croix-Rousse", "Saint-Paul", "Genève"]


def test_a_deleted_customer_is_gone_but_its_sales_keep_the_id(fresh: Running) -> None:
    httpx.delete(f"{fresh.base}/_sandbox/maison-lea/customers/33").raise_for_status()
    assert fresh.get("customer/33").status_code == 404
    assert fresh.rows("sales/506")[0]["customer_id"] == 33


def test_changed_credentials_lock_the_old_ones_out(fresh: Running) -> None:
    fresh.change("credentials", api_key="another")
    assert fresh.get("stores").status_code == 401


def test_a_webhook_can_be_set_listed_and_removed(fresh: Running) -> None:
    answer = fresh.client.post("webhooks", data={"webhook_label": "x", "webhook_url": "https://example.org/h"})
    assert (answer.status_code, answer.json()) == (200, {"webhook_id": 1})
    assert fresh.rows("webhooks")[0]["webhook_url"] == "https://example.org/h"
    assert fresh.client.delete("webhooks/1").status_code == 200
    assert fresh.rows("webhooks") == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("sales", {"store_id": 99}, 422), ("sales", {}, 422), ("teapots", {}, 404), ("sales/7/close", {}, 404)],
)
def test_an_impossible_change_is_refused(till: Running, path: str, body: dict[str, Any], status: int) -> None:
    assert httpx.post(f"{till.base}/_sandbox/maison-lea/{path}", json=body).status_code == status


def test_an_unknown_switch_is_refused(till: Running) -> None:
    assert httpx.post(f"{till.base}/_sandbox/switches", json={"warp": 9}).status_code == 422


def test_changes_and_counters_survive_a_restart(fresh: Running, tmp_path: Path) -> None:
    sale = fresh.change("sales", store_id=1, completed_at="2026-11-20 19:00:00", line_items=[{"product_id": 1003}])
    httpx.delete(f"{fresh.base}/_sandbox/maison-lea/customers/33").raise_for_status()
    fresh.get("stores")
    again = create_till(load_accounts(SAMPLES), state_file=tmp_path / "till.json", clock=lambda: NOW)
    assert again.state.calls()["maison-lea"] == {"2026-11": 1}
    with serving(again) as base:
        restarted = Running(again, base)
        assert restarted.rows(f"sales/{sale['sale_id']}")[0]["total"] == "18.50"
        assert restarted.get("customer/33").status_code == 404


# --- the samples ---


def test_the_samples_are_what_the_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SAMPLES / "make.py"), str(tmp_path)], check=True)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.glob("*/*.json")}
    kept = {file.relative_to(SAMPLES): file.read_bytes() for file in SAMPLES.glob("*/*.json")}
    assert made == kept


def test_the_samples_need_a_second_page_of_customers_products_and_a_days_lines(till: Running) -> None:
    for path in ("customers/", "products/", "products_sold/1/2026/10/17/"):
        assert till.rows(f"{path}?p=2"), path


def test_the_samples_hold_no_address_that_could_be_someones(till: Running) -> None:
    hosts = {
        row["email"].strip().lower().rpartition("@")[2]
        for page in (1, 2)
        for row in till.rows(f"customers/?p={page}")
        if row["email"]
    }
    assert hosts <= {"example.org", "example.com", "example"}
