"""The left side of a shop's graph: what its till says."""

from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from assets import showing
from assets.builder import READ, SOURCES, AssetBuilder
from assets.storage import DayRows, Metadata, Rows, StoredDays, StoredRows
from connector import reading_passes
from connector.pos.rows import (
    ADDRESSES,
    BRANDS,
    CATEGORIES,
    CUSTOMER_GROUPS,
    CUSTOMERS,
    IMAGES,
    PRODUCTS,
    SALES,
    STOCK,
    STORES,
)
from connector.reading_customers import (
    current_customers,
    new_customers_written,
    read_customers,
    read_new_customers,
)
from connector.reading_details import DetailReading, read_addresses, read_images
from connector.reading_inbox import with_inbox
from connector.reading_lists import read_products, read_stores
from connector.reading_sales import SalesReading
from connector.shop_run import ShopRun


def reading_assets(build: AssetBuilder) -> list[dg.AssetsDefinition | None]:
    """Stores first; everything else only once ShopiMind has a source for each of them, so that no call is spent in vain."""
    return [
        build.asset(
            "pos_stores",
            SOURCES,
            "The stores of the till's account, one row each, with their currency and time zone. Everything starts from them: "
            "each store gets a data source of its own in ShopiMind, and its days are read in its own time zone.",
            lambda run: Rows(STORES, [read_stores(run)]),
            schema=STORES,
            reads_till=True,
        ),
        *(_list_asset(build, *each) for each in _LISTS),
        build.asset(
            "pos_sales",
            READ,
            "The closed sales with their lines, one file per closing day, all stores in it. Open tickets and quotes are not read. "
            "The lines of a day are read in bulk, and taken only where they add up to the sale's total; otherwise the sale's "
            "own page is read.",
            _sales,
            schema=SALES,
            after=["pos_stores", "shopimind_sources"],
            daily=True,
            reads_till=True,
        ),
        build.asset(
            "pos_new_customers",
            READ,
            "Customers whom the sales of this run name and whose row is not that of a list just read: those who were registered "
            "since the list was last read, and those with new sales, as far as the day's allowance goes. One call each. They "
            "count before the list's rows.",
            _new_customers,
            schema=CUSTOMERS,
            inputs=["pos_sales", "pos_customers"],
            reads_till=True,
        ),
        build.asset(
            "pos_addresses",
            READ,
            f"The addresses of the customers, which only the till's page of each of them has{_PAGES}",
            lambda run, listed, new: _pages(read_addresses(run, current_customers(listed, new))),
            schema=ADDRESSES,
            inputs=["pos_customers", "pos_new_customers"],
            reads_till=True,
        ),
        build.asset(
            "pos_images",
            READ,
            f"Where the images of the products are, which only the till's page of each of them says{_PAGES}",
            lambda run, products: _pages(read_images(run, products)),
            schema=IMAGES,
            inputs=["pos_products"],
            reads_till=True,
        ),
    ]


_PAGES = (
    ": one call each, for those never read and those whose row of the list has changed since, a bounded number a run and only "
    "from the calls that the daily syncs leave. The others stay as they were read."
)

# name, what it is, schema, how it is read
_LISTS: tuple[tuple[str, str, pa.Schema, Callable[[ShopRun], Any]], ...] = (
    (
        "pos_categories",
        "The product categories of the account, as a tree: each row names its parent.",
        CATEGORIES,
        lambda run: [run.till.categories()],
    ),
    ("pos_brands", "The brands of the account.", BRANDS, lambda run: [run.till.brands()]),
    (
        "pos_customer_groups",
        "The groups of customers, as shops.yaml says: the account's customer tags, or its customer lists.",
        CUSTOMER_GROUPS,
        lambda run: [run.till.customer_groups()],
    ),
    (
        "pos_products",
        "Every product of the account. One that is gone from the till's list stays in here as not listed, so that ShopiMind can "
        "be told once.",
        PRODUCTS,
        read_products,
    ),
    (
        "pos_stock",
        "How much of every product and size is available, per warehouse.",
        STOCK,
        lambda run: [run.till.stock()],
    ),
    (
        "pos_customers",
        "Every customer of the account, as the till lists them page by page: no call per customer.",
        CUSTOMERS,
        read_customers,
    ),
)


def _list_asset(
    build: AssetBuilder, name: str, description: str, schema: pa.Schema, read: Callable[[ShopRun], Any]
) -> dg.AssetsDefinition | None:
    return build.asset(
        name,
        READ,
        description,
        lambda run: Rows(schema, read(run), partial(_list_written, run, name)),
        schema=schema,
        after=["pos_stores", "shopimind_sources"],
        reads_till=True,
    )


def _sales(run: ShopRun) -> DayRows:
    asked = () if run.inbox_only else SalesReading(run, run.calendar.to_read(run.partition_days))
    sales = with_inbox(run, asked)
    return DayRows(SALES, sales, lambda table: showing.of_day_read(run.ctx, table), beyond=run.calendar.beyond)


def _new_customers(run: ShopRun, sales: StoredDays, listed: StoredRows) -> Rows:
    tables = (table for _, table in sales.of(run.read_pairs or {}))
    return Rows(CUSTOMERS, [read_new_customers(run, tables, iter(listed))], partial(new_customers_written, run))


def _pages(reading: DetailReading) -> Rows:
    return Rows(reading.kind.schema, reading, reading.of_reading)


def _list_written(run: ShopRun, name: str) -> Metadata:
    """Of a list that may be read at intervals only, how old it is."""
    listed = name.removeprefix("pos_")
    return reading_passes.written(run, listed) if listed in reading_passes.LISTS else {}
