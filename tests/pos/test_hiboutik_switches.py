"""Both answers to every open question about Hiboutik: whatever the till does, the same rows come out, in bulk."""

from __future__ import annotations

import dataclasses
from collections import Counter as Tally
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from loopback_till import Counter, Memory

from connector.config import Consent
from connector.pos.hiboutik import Hiboutik
from connector.pos.protocol import PosAccessDenied, PosError, QuotaReached, SaleNeeds
from connector.sandbox.accounts import TillAccount, load_accounts
from connector.sandbox.fault_plan import PRESETS, FaultPlan
from connector.sandbox.hiboutik import create_till
from connector.sandbox.hiboutik_shapes import line_total
from connector.sandbox.serve import Server
from connector.sandbox.till_switches import TillSwitches
from connector.state.calls import MonthlyCalls
from connector.state.database import open_database
from connector.state.memory import Memory as StateMemory

BUSY = date(2026, 10, 17)  # 110 sales and 291 lines: more than one page
ODD = [date(2026, 10, day) for day in (6, 7, 8, 9, 10, 14, 20, 21, 22, 23, 24, 28, 30)]  # see data_samples/oddities.py
LINES = SaleNeeds(anonymous_lines=True, external_reference=False)
REFERENCES = SaleNeeds(anonymous_lines=True, external_reference=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(create_till(load_accounts(Path(__file__).parents[2] / "data_samples")), "till") as running:
        yield running


@pytest.fixture
def switches(server: Server) -> Iterator[TillSwitches]:
    """The till's switches, at their defaults again after each test."""
    yield server.state.switches
    for name, usual in TillSwitches():
        setattr(server.state.switches, name, usual)
    server.faults = FaultPlan()
    for till in server.state.tills.values():
        till.calls.clear()


@pytest.fixture
def account(server: Server) -> TillAccount:
    return next(account for account in server.state.accounts if account.account == "maison-lea")


@pytest.fixture
def open_till(server: Server, account: TillAccount) -> Iterator:
    opened = []

    def client(
        consent: Consent | None = None,
        memory: Memory | None = None,
        counter: Counter | None = None,
        **rules: Any,
    ) -> Hiboutik:
        pos = Hiboutik(
            account.account,
            f"{server.url}/{account.account}/api",
            login=account.login,
            api_key=account.api_key,
            consent=consent,
            counter=counter or Counter(),
            memory=memory or Memory(),
            **rules,
        )
        opened.append(pos)
        return pos

    yield client
    for pos in opened:
        pos.close()


def true_lines(account: TillAccount, store_id: int, day: date) -> dict[int, Tally]:
    """What was really sold, from the books: per sale, product, pieces and what was paid for them."""
    return {
        sale["sale_id"]: Tally(
            (line["product_id"], Decimal(str(line["quantity"])), line_total(line, sale)) for line in sale["line_items"]
        )
        for sale in account.books.sales_of_day(store_id, day, "completed_at")
    }


def read_lines(rows: list[dict]) -> dict[int, Tally]:
    return {
        row["sale_id"]: Tally(
            (line["product_id"], Decimal(line["quantity"]), Decimal(line["total"])) for line in row["lines"]
        )
        for row in rows
    }


def pages_asked(server: Server) -> int:
    return sum(entry.path.startswith("sales/") for entry in server.state.log)


READINGS = [
    {"products_sold_price": price, "products_sold_discount": discount}
    for price in ("unit", "line")
    for discount in ("line", "unit", "included")
]


@pytest.mark.parametrize("how", READINGS, ids=lambda how: "-".join(how.values()))
def test_every_sale_is_read_right_and_in_bulk_whatever_a_price_means(server, switches, account, open_till, how):
    for name, value in how.items():
        setattr(switches, name, value)
    memory = Memory()
    pos = open_till(memory=memory)
    server.state.log.clear()
    for day in [BUSY, *ODD]:
        rows = pos.sales(1, day, LINES).to_pylist()
        assert read_lines(rows) == true_lines(account, 1, day), day
        assert [row["problems"] for row in rows] == [None] * len(rows)
    assert memory.known == {"products_sold_reading": "-".join(how.values())}
    # what no bulk row can say: a price without tax, a line total set by hand, a discount that cents cannot share out
    assert pages_asked(server) <= 5


BEHAVIOURS = [
    {"products_sold_extra_keys": ["line_item_id", "product_size", "customer_id"]},
    {"products_sold_extra_keys": ["line_item_id"], "page_overlap": 40},
    {"page_overlap": 40},
    {"products_sold_missing_keys": ["discount"]},
    {"products_sold_missing_keys": ["vat"]},
    {"products_sold_returns": False},
    {"products_sold_paging_headers": False},
    {"products_sold_date": "date"},
    {"products_sold_day": "date_z"},
    {"closed_sales_extra_keys": ["date_z", "points", "quotation", "without_taxes", "prices_without_taxes"]},
    {"closed_sales_paginated": False},
    {"closed_sales_with_open": True},
    {"paging_headers": False},
    {"paging_headers": False, "page_overlap": 40, "products_sold_extra_keys": ["line_item_id"]},
    {"link_next": False},
    {"content_range_error": 100},
    {"content_range_error": -100},
    {"ignore_page": True},
    {"sale_detail": "2021", "products_sold_missing_keys": ["quantity"]},
    {"fractions": "text"},
    {"rate_decimals": 3},
]


@pytest.mark.parametrize("how", BEHAVIOURS, ids=str)
def test_every_sale_is_read_right_however_the_till_behaves(server, switches, account, open_till, how):
    for name, value in how.items():
        setattr(switches, name, value)
    pos = open_till()
    for day in [BUSY, *ODD]:
        rows = pos.sales(1, day, LINES).to_pylist()
        assert read_lines(rows) == true_lines(account, 1, day), day
        assert [row["problems"] for row in rows] == [None] * len(rows)


@pytest.mark.parametrize("empty", ["404", "object", "null"])
def test_a_day_without_sales_may_be_answered_with_nothing(server, switches, account, open_till, empty):
    switches.closed_sales_empty = empty
    books, pos = account.books, open_till()
    october = [date(2026, 10, day) for day in range(1, 32)]
    closed = [day for day in october if not books.sales_of_day(1, day, "completed_at")]
    assert len(closed) > 1
    server.state.log.clear()
    assert [pos.sales(1, day, LINES).num_rows for day in closed] == [0] * len(closed)
    assert [entry.path for entry in server.state.log if "closed_sales" not in entry.path] == [
        "reports/turnover/1/2026/10"
    ]
    assert pos.sales(1, BUSY, LINES).num_rows == 110
    assert pos.check_rights() == []


@pytest.mark.parametrize("in_list", [True, False])
@pytest.mark.parametrize("detail", ["2021", "2025"])
def test_web_orders_are_known_by_the_list_or_else_by_their_page(switches, account, open_till, in_list, detail):
    switches.closed_sales_ref_key, switches.sale_detail = in_list, detail
    pos = open_till()
    for day in ODD:
        rows = pos.sales(1, day, REFERENCES).to_pylist()
        references = {
            sale["sale_id"]: sale.get("sale_ext_ref", "") for sale in account.books.sales_of_day(1, day, "completed_at")
        }
        assert {row["sale_id"]: row["external_reference"] for row in rows} == references


def test_a_return_by_a_negative_price_keeps_its_negative_total(switches, open_till):
    switches.return_sign = "price"
    row = next(row for row in open_till().sales(1, date(2026, 10, 7), LINES).to_pylist() if row["sale_id"] == 504)
    assert [(line["quantity"], line["total"]) for line in row["lines"]] == [("1", "-45.00")]


@pytest.mark.parametrize(
    "how",
    [{}, {"paging_headers": False}, {"link_next": False}, {"content_range_error": -60}, {"page_overlap": 90},
     {"page_overlap": 90, "paging_headers": False}, {"small_lists_paginated": True, "stock_paginated": True}],
    ids=str,
)  # fmt: skip
def test_long_lists_are_read_whole_and_once(switches, account, open_till, how):
    for name, value in how.items():
        setattr(switches, name, value)
    pos, books = open_till(), account.books
    read = {
        "customers": [n for page in pos.customers() for n in page["customer_id"].to_pylist()],
        "products": [n for page in pos.products() for n in page["product_id"].to_pylist()],
        "stores": pos.stores()["store_id"].to_pylist(),
        "categories": pos.categories()["category_id"].to_pylist(),
        "brands": pos.brands()["brand_id"].to_pylist(),
        "stock": [(row["product_id"], row["size_id"], row["warehouse_id"]) for row in pos.stock().to_pylist()],
    }  # fmt: skip
    assert {name: sorted(ids) for name, ids in read.items()} == {name: sorted(books.keys(name)) for name in read}
    assert (pos.incomplete_lists, pos.warnings) == (set(), [])


@pytest.mark.parametrize("how", [{"ignore_page": True}, {"content_range_error": 60}], ids=str)
def test_a_list_that_may_lack_rows_is_named_so_that_nothing_counts_as_deleted(switches, open_till, how):
    for name, value in how.items():
        setattr(switches, name, value)
    pos = open_till()
    assert sum(page.num_rows for page in pos.products()) >= 250
    assert pos.incomplete_lists == {"products"}


@pytest.mark.parametrize("answer", ["404", "empty"])
def test_a_customer_who_is_gone_gives_no_row(switches, open_till, answer):
    switches.unknown_id = answer
    assert open_till().customers_by_id([7, 11])["customer_id"].to_pylist() == [11]


@pytest.mark.parametrize("rows", ["customers", "ids"])
@pytest.mark.parametrize("rule", ["list", "tag", "misc"])
def test_consent_is_found_where_the_rule_says(server, switches, account, open_till, rule, rows):
    switches.customer_list_rows = rows
    switches.customers_extra_keys = ["tags", "customers_misc"]
    books = account.books
    tags = {tag["tag_id"]: tag["tag"] for key in books.keys("tags") for tag in books.row("tags", key)["tag_details"]}
    wanted = Consent(**{rule: {
        "list": books.row("customer_lists", 1)["list_name"], "tag": tags[2], "misc": "newsletter=oui"}[rule]
    })  # fmt: skip
    server.state.log.clear()
    pos = open_till(consent=wanted)
    consenting = {row["customer_id"] for page in pos.customers() for row in page.to_pylist() if row["consents"]}
    every = {key: books.row("customers", key) for key in books.keys("customers")}
    assert consenting == {
        key for key, row in every.items()
        if (rule == "list" and 1 in row.get("lists", [])) or (rule == "tag" and 2 in row.get("tags", []))
        or (rule == "misc" and "newsletter=oui" in row.get("customers_misc", ""))
    }  # fmt: skip
    assert 24 in consenting
    assert pos.warnings == []
    assert len(server.state.log) <= 5


@pytest.mark.parametrize("shape", ["groups", "flat"])
def test_customer_groups_by_tags(server, switches, account, open_till, shape):
    switches.tags_shape, switches.customers_extra_keys = shape, ["tags"]
    server.state.log.clear()
    pos, books = open_till(customer_groups="tags"), account.books
    groups = {row["group_id"]: row["name"] for row in pos.customer_groups().to_pylist()}
    of = {row["customer_id"]: row["groups"] for page in pos.customers() for row in page.to_pylist()}
    assert groups == {1: "VIP", 2: "Newsletter", 3: "SMS"}
    assert of == {key: sorted(books.row("customers", key).get("tags", [])) for key in books.keys("customers")}
    assert any(of.values())
    assert [entry for entry in server.state.log if "tags" in str(entry)][1:] == []  # they are asked for once


@pytest.mark.parametrize("keys", ["list_", "customers_list_", ""])
def test_customer_groups_by_lists(server, switches, account, open_till, keys):
    switches.customer_list_keys = keys
    server.state.log.clear()
    pos, books = open_till(customer_groups="lists", consent=Consent(list="Newsletter")), account.books
    groups = {row["group_id"]: row["name"] for row in pos.customer_groups().to_pylist()}
    of = {row["customer_id"]: row["groups"] for page in pos.customers() for row in page.to_pylist()}
    assert groups == {1: "Newsletter", 2: "Professionnels"}
    assert of == {key: sorted(books.row("customers", key).get("lists", [])) for key in books.keys("customers")}
    assert len(server.state.log) <= 6  # consent reads no list a second time


def test_tags_that_the_list_does_not_give_are_told(open_till):
    pos = open_till(customer_groups="tags")
    assert {str(row["groups"]) for page in pos.customers() for row in page.to_pylist()} == {"None"}
    assert any("customer_groups: tags needs the tags" in warning for warning in pos.warnings)


def test_days_read_side_by_side_are_the_same_as_one_by_one(server, account, open_till):
    days, pos = [BUSY, *ODD], open_till()
    with ThreadPoolExecutor(5) as pool:
        tables = list(pool.map(lambda day: pos.sales(1, day, LINES), days))
    for day, table in zip(days, tables, strict=True):
        assert read_lines(table.to_pylist()) == true_lines(account, 1, day)


def test_calls_and_what_was_learned_are_kept_in_the_state_database(switches, account, open_till, tmp_path):
    switches.products_sold_price = "line"
    database = open_database(tmp_path)
    counter = MonthlyCalls(database, account.account, monthly_calls=100)
    pos = open_till(counter=counter, memory=StateMemory(database, account.account))
    pos.sales(1, BUSY, LINES)
    assert counter.usage().used == pos.attempts == 3
    assert StateMemory(database, account.account).recall("products_sold_reading") == "line-line"
    database.close()


def test_the_quota_of_the_till_stops_the_account(server, switches, open_till):
    switches.quota = 3
    counter = Counter()
    pos = open_till(counter=counter)
    for _ in range(3):
        pos.stores()
    with pytest.raises(QuotaReached):
        pos.stores()
    with pytest.raises(QuotaReached):
        pos.brands()
    assert (counter.spent, counter.stopped, pos.attempts) == (5, True, 5)


@pytest.mark.parametrize("body", ["json", "no_description", "text"])
def test_a_right_that_is_missing_is_named(switches, open_till, body):
    switches.error_body = body
    switches.forbidden = ["customers"]
    with pytest.raises(PosAccessDenied, match="Customers tab"):
        list(open_till().customers())
    assert len(open_till().check_rights()) == 1


@pytest.mark.parametrize("how", ["slash", "plain"])
def test_a_redirect_between_the_two_forms_of_an_address_is_told_not_followed(switches, open_till, how):
    switches.slash_redirect = how
    with pytest.raises(PosError, match="Redirects are not followed"):
        open_till().brands() if how == "plain" else open_till().stores()


def test_a_maintenance_page_is_told(switches, open_till):
    switches.html = ["closed_sales"]
    with pytest.raises(PosError, match="HTML instead of JSON"):
        open_till().sales(1, BUSY, LINES)


def test_without_the_lines_of_a_day_each_sale_that_needs_them_waits(switches, open_till):
    switches.html = ["products_sold"]
    found = open_till().sales(1, BUSY, LINES)
    waiting = found.filter(pc.equal(found["lines_from"], "unread"))
    assert waiting.num_rows > 0
    assert "HTML instead of JSON" in waiting["problems"][0].as_py()
    assert not pc.any(pc.is_in(found["lines_from"], value_set=pa.array(["bulk", "detail"]))).as_py()


@pytest.mark.parametrize("fault", ["500", "503", "reset_before", "reset_after", "truncated", "cut"])
def test_a_till_that_stumbles_now_and_then_is_read_right(server, switches, account, open_till, fault):
    server.faults = FaultPlan([dataclasses.replace(PRESETS[fault], every=3)])
    pos = open_till()
    for day in [BUSY, *ODD]:
        assert read_lines(pos.sales(1, day, LINES).to_pylist()) == true_lines(account, 1, day)


@pytest.mark.parametrize("fault", ["redirect", "wrong_shape", "oversize", "400", "404"])
def test_what_trying_again_cannot_help_is_asked_once(server, switches, open_till, fault):
    server.faults = FaultPlan([PRESETS[fault]])
    pos = open_till()
    with pytest.raises(PosError):
        pos.sales(1, BUSY, LINES)
    assert pos.attempts == (2 if fault == "404" else 1)  # whether the day was empty, the turnover is asked


@pytest.mark.parametrize("empty_days", [True, False])
def test_the_turnover_of_a_month_is_the_same_with_and_without_rows_for_empty_days(
    switches, account, open_till, empty_days
):
    switches.turnover_empty_days = empty_days
    october = [date(2026, 10, number) for number in range(1, 32)]
    sold = {day: account.books.sales_of_day(1, day, "completed_at") for day in october}
    read = open_till().turnover(1, 2026, 10).to_pylist()
    assert {row["day"]: row["sales"] for row in read if row["sales"]} == {
        day.isoformat(): len(sales) for day, sales in sold.items() if sales
    }
    assert not any(row["problems"] for row in read)
    assert len(read) == (31 if empty_days else 25)
