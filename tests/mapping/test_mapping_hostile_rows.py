"""Whatever a till holds: nothing raises, nothing vanishes, every row ends in one outcome that can be delivered."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from till_examples import customer, known, line, product, sale, shop

from connector.config import Rules
from connector.mapping.addresses import AddressNumbers, map_addresses
from connector.mapping.customers import map_customers
from connector.mapping.facts import SALE_FACTS, SALE_GROUPS, customer_facts
from connector.mapping.identifiers import preferred_number
from connector.mapping.images import first_images, map_images
from connector.mapping.newsletter import Addresses, map_newsletter
from connector.mapping.orders import map_orders
from connector.mapping.outcomes import Refusal, Skip
from connector.mapping.products import map_products, stock_by_product, stock_by_size
from connector.mapping.profiles import map_profiles
from connector.mapping.records import RECORDS
from connector.mapping.reference import map_brands, map_categories, map_customer_groups
from connector.mapping.variations import map_variations, sizes_of
from connector.pos import rows

INT64 = st.integers(-(2**63), 2**63 - 1)
IDS = st.none() | st.sampled_from([0, 1, 3, 5, 42, 99_999_999, 100_000_000]) | INT64
NASTY = st.sampled_from(
    ["", " ", "0", "-0", "1", "-1.005", "0.5", "1e5", "1e99", "NaN", "Infinity", "-inf", "9" * 400, "1,5",
     "0x10", "１２", "0000-00-00", "0000-00-00 00:00:00",
     "2024-06-05 11:22:32", "2024-02-30 11:22:32", "0001-01-01 00:00:00",
     "9999-12-31 23:59:59", "2024-03-31 02:30:00", "EUR", "€", "\x00", "\u202e", "&#0;&#xD800;", "a@b.co",
     "@", "+33612345678", "NULL", "{}", "2147483648", "0.20000", "-1", "999999999999.99", "1000000000000"]
)  # fmt: skip
TEXTS = st.none() | NASTY | st.text(max_size=30)
FLAGS = st.none() | st.booleans()
LINES = st.none() | st.lists(
    st.none()
    | st.fixed_dictionaries({"product_id": IDS, "quantity": TEXTS, "total": TEXTS, "tax_rate": TEXTS, "size_id": IDS})
    | st.just(line()),
    max_size=3,
)
SIZES = st.none() | st.lists(
    st.fixed_dictionaries({"size_id": IDS, "name": TEXTS, "barcode": TEXTS, "problems": st.none() | TEXTS}), max_size=4
)
GROUPS = st.none() | st.lists(IDS, max_size=3)
RULES = st.builds(
    Rules,
    **{
        name: st.sampled_from(Rules.model_fields[name].annotation.__args__)  # type: ignore[union-attr]
        for name in (
            "customers_without_email",
            "anonymous_sales",
            "web_orders",
            "returns",
            "return_lines",
            "line_without_product",
            "fractional_quantity",
            "customers_source",
        )
    },
)
REASONS = tuple(refusal.value for refusal in Refusal)


def hostile(schema: pa.Schema, ordinary: dict[str, Any]) -> st.SearchStrategy[pa.Table]:
    """Tables of up to five rows: ordinary ones of which any columns were replaced by anything of their type."""
    of_type = {pa.int64(): IDS, pa.bool_(): FLAGS, pa.string(): TEXTS}
    lists = {"lines": LINES, "sizes": SIZES, "groups": GROUPS}
    columns = {field.name: lists[field.name] if field.name in lists else of_type[field.type] for field in schema}
    columns["problems"] = st.none() | TEXTS
    row = st.fixed_dictionaries({}, optional=columns).map(lambda changes: {**ordinary, **changes})
    return st.lists(row, max_size=5).map(lambda found: rows.to_table(found, schema))


def check(read: pa.Table, records: pa.Table) -> None:
    """Every row read has one record, and every record is one that delivery can work with."""
    assert records.schema == RECORDS
    assert records.num_rows == read.num_rows
    for record in records.to_pylist():
        if record["outcome"] == "skipped":
            assert record["reason"] in list(Skip)
            assert record["payload"] is None
        elif record["outcome"] == "refused":
            assert record["reason"].startswith(REASONS)
            assert record["field"]
            assert isinstance(orjson.loads(record["payload"]), dict)
        else:
            assert record["outcome"] == "send"
            assert re.fullmatch(r"[A-Za-z0-9_-]+", record["external_id"])
            check_sendable(orjson.loads(record["payload"]))
        assert (record["digest"] is None) == (record["outcome"] == "skipped")


def check_sendable(payload: dict[str, Any]) -> None:
    """What ShopiMind demands of every payload: real dates, ids in range, money with two decimals, clean text."""
    for name, value in payload.items():
        if name.endswith("_at"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", value), value
        if isinstance(value, float):
            assert value == round(value, 2)
        if isinstance(value, int):
            assert abs(value) <= 2**31 - 1
        if isinstance(value, str) and name != "link":
            assert value == " ".join(value.split())
            assert not re.search(r"[\x00-\x1f\x7f-\x9f]", value)
        for nested in value if isinstance(value, list) else [value]:
            if isinstance(nested, dict):
                check_sendable(nested)


@settings(max_examples=300)
@given(hostile(rows.SALES, sale()), RULES)
def test_sales(table, rules):
    ctx = shop(**rules.model_dump())
    found = map_orders(ctx, table, known(customer(), customer(customer_id=3, email="")), {5: 1_700_000_000})
    check(table, found.records)
    assert found.facts.schema == SALE_FACTS
    assert found.facts.num_rows == sum(sale_id is not None for sale_id in table["sale_id"].to_pylist())
    assert found.facts["sent"].to_pylist().count(True) == found.records["outcome"].to_pylist().count("send")


@settings(max_examples=200)
@given(hostile(rows.CUSTOMERS, customer()), RULES)
def test_customers_and_their_profiles(table, rules):
    ctx = shop(**rules.model_dump())
    customers = map_customers(ctx, table, {})
    check(table, customers)
    addresses = Addresses([table])
    check(table, map_newsletter(ctx, table, {}, addresses))
    delivered = {record["external_id"] for record in customers.to_pylist() if record["outcome"] == "send"}
    profiles = map_profiles(ctx, table, {}, delivered)
    wanted = [row for row in table.to_pylist() if f"ml_{row['customer_id']}" in delivered]
    check(rows.to_table(wanted, rows.CUSTOMERS), profiles)


IMAGE = {"place": 1, "url": "https://img.example/front.jpg"}
ADDRESS = {"address_id": 9, "address": "4 rue des Lilas", "zip_code": "69003", "city": "Lyon", "listed": True}


@settings(max_examples=200)
@given(hostile(rows.CUSTOMERS, customer()), st.lists(hostile(pa.schema(rows.ADDRESS), ADDRESS), max_size=2))
def test_addresses(table, books):
    ids = dict.fromkeys([each for each in table["customer_id"].to_pylist() if each is not None])
    read = [{"customer_id": each, "addresses": book.to_pylist()} for each, book in zip(ids, books, strict=False)]
    delivered = {f"ml_{each}" for each in ids}
    known = rows.to_table(read, rows.ADDRESSES)
    found = map_addresses(shop(), table, {}, delivered, known, AddressNumbers(known))
    check(found, found)  # as many as there are addresses: none of them raises, each can be delivered
    sent = [record["external_id"] for record in found.to_pylist() if record["outcome"] == "send"]
    assert len(sent) == len(set(sent))


@settings(max_examples=200)
@given(hostile(rows.PRODUCTS, product()), hostile(rows.STOCK, {"product_id": 1204, "available": "3"}))
def test_products_and_their_stock(table, stock):
    check(table, map_products(shop(), table, stock_by_product(stock)))
    numbers = {size: preferred_number(*size) for size in sizes_of(table)}
    variations = map_variations(shop(), table, stock_by_size(stock), lambda *size: numbers.get(size))
    check(variations, variations)  # as many as there are sizes: none of them raises, each can be delivered
    sent = {record["external_id"] for record in variations.to_pylist() if record["outcome"] == "send"}
    assert len(sent) <= len(numbers)


@settings(max_examples=200)
@given(hostile(rows.PRODUCTS, product()), st.lists(hostile(pa.schema(rows.IMAGE), IMAGE), max_size=2))
def test_images(table, pages):
    ids = dict.fromkeys([each for each in table["product_id"].to_pylist() if each is not None])
    read = [
        {"product_id": each, "images": [{**image, "place": n} for n, image in enumerate(page.to_pylist(), 1)]}
        for each, page in zip(ids, pages, strict=False)
    ]
    images = rows.to_table(read, rows.IMAGES)
    found = map_images(shop(), table, {str(900_000_000 + each) for each in ids}, images)
    check(found, found)
    check(table, map_products(shop(), table, {}, first_images(images)))


@settings(max_examples=100)
@given(
    hostile(rows.CATEGORIES, {"category_id": 12, "parent_id": 0, "name": "Hauts", "enabled": True}),
    hostile(rows.BRANDS, {"brand_id": 3, "name": "Armor", "enabled": True}),
)
def test_categories_and_brands(categories, brands):
    check(categories, map_categories(shop(), categories))
    check(brands, map_brands(shop(), brands))


@settings(max_examples=100)
@given(hostile(rows.CUSTOMER_GROUPS, {"group_id": 3, "name": "VIP"}))
def test_customer_groups(groups):
    check(groups, map_customer_groups(shop(), groups))


@settings(max_examples=100)
@given(st.data())
def test_rows_that_are_refused_are_refused_the_same_way_in_every_run(data):
    table = data.draw(hostile(rows.SALES, sale(sale_id=None)))
    one, other = (map_orders(shop(), table, known(), {}).records for _ in range(2))
    assert one.equals(other)
    ids = [record["external_id"] for record in one.to_pylist() if record["external_id"].startswith("?")]
    assert len(ids) == len(set(ids))


@settings(max_examples=100)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "customer_id": st.none() | st.integers(0, 2),
                "store_id": st.none() | st.integers(1, 4),
                "currency": st.sampled_from([None, "EUR", "CHF"]),
                "kind": st.sampled_from(["order", "return", "web_order"]),
                "sent": st.booleans(),
                "sales": st.integers(1, 9),
                "cents": st.none() | st.integers(-(10**6), 10**6),
                "first_closed": st.none() | st.integers(0, 2**31),
                "last_closed": st.none() | st.integers(0, 2**31),
            }
        )
    )
)
def test_facts_of_any_groups_give_profiles_that_can_be_sent(groups):
    ctx = shop()
    facts = customer_facts(ctx, rows.to_table(groups, SALE_GROUPS))
    table = rows.to_table([customer(customer_id=1), customer(customer_id=2)], rows.CUSTOMERS)
    check(table, map_profiles(ctx, table, facts, {"ml_1", "ml_2"}))
    check(table, map_customers(ctx, table, facts))
