"""The middle of a shop's graph: rows of the till as records for ShopiMind, each with its one outcome."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from assets import showing
from assets.builder import DELIVERED, MAPPED, AssetBuilder
from assets.storage import DayRows, Rows, StoredDays, StoredRows
from connector import recording
from connector.config import CustomData
from connector.config_custom_data import in_order
from connector.delivery.entities import custom_entity
from connector.mapping.records import RECORDS
from connector.mapping.reference import map_brands, map_categories, map_customer_groups
from connector.reading_customers import current_customers
from connector.recording_custom import record_custom_data
from connector.shop_run import ShopRun


def mapping_assets(build: AssetBuilder) -> list[dg.AssetsDefinition | None]:
    """Records are payloads with an outcome: to send, skipped by a rule, or refused because they break one of ShopiMind's."""

    def records(
        name: str, description: str, body: Callable[..., Rows | DayRows], group: str = MAPPED, **more: Any
    ) -> dg.AssetsDefinition | None:
        return build.asset(name, group, f"{description} {_RECORDS}", body, schema=RECORDS, **more)

    return [
        records(
            "categories",
            "The till's categories as ShopiMind takes them, under the shop's parent data source.",
            lambda run, rows: _records(map_categories(run.ctx, table) for table in rows),
            inputs=["pos_categories"],
        ),
        records(
            "manufacturers",
            "The till's brands as ShopiMind's manufacturers, under the shop's parent data source.",
            lambda run, rows: _records(map_brands(run.ctx, table) for table in rows),
            inputs=["pos_brands"],
        ),
        records(
            "customer_groups",
            "The till's customer tags or lists as ShopiMind's customer groups, under the shop's parent data source.",
            lambda run, rows: _records(map_customer_groups(run.ctx, table) for table in rows),
            inputs=["pos_customer_groups"],
        ),
        records(
            "variations",
            "The sizes of the products with their stock over all warehouses, under the shop's parent data source. Made before the "
            "orders, which name them, but no order waits for it.",
            lambda run, rows, stock: _records(recording.record_variations(run, rows, stock)),
            inputs=["pos_products", "pos_stock"],
        ),
        records(
            "orders",
            "The closed sales as orders, one file per closing day. Each order belongs to the data source of its own store, and to "
            "no other. What the sales say about customers (home store, first order, amounts) is noted for their profiles.",
            _orders,
            inputs=["pos_sales", "pos_customers", "pos_new_customers"],
            daily=True,
        ),
        records(
            "customers",
            "The customers as ShopiMind takes them, under the data source of their home store: the one where they buy most.",
            lambda run, listed, new: _records(recording.record_customers(run, current_customers(listed, new))),
            inputs=["pos_customers", "pos_new_customers"],
            after=["orders"],
        ),
        records(
            "addresses",
            "The addresses of the customers that ShopiMind has, as far as their pages were read, under the customer's data source.",
            lambda run, listed, new, books: _records(
                recording.record_addresses(run, lambda: current_customers(listed, new), books)
            ),
            group=DELIVERED,
            inputs=["pos_customers", "pos_new_customers", "pos_addresses"],
            after=["orders", "shopimind_customers"],
        ),
        records(
            "newsletter",
            "The newsletter status of every e-mail address that customers have, by the shop's consent rule.",
            lambda run, listed, new: _records(recording.record_newsletter(run, lambda: current_customers(listed, new))),
            inputs=["pos_customers", "pos_new_customers"],
            after=["orders"],
        ),
        records(
            "products",
            "The products with their stock over all warehouses, under the shop's parent data source.",
            # made after the orders, which may need the miscellaneous product, but delivered without them too
            lambda run, rows, stock, *pages: _records(recording.record_products(run, rows, stock, *pages)),
            inputs=["pos_products", "pos_stock", *(["pos_images"] if build.shop.rules.images == "send" else [])],
        ),
        records(
            "images",
            "The images of the products that ShopiMind has, as far as their pages were read, under the shop's parent data source.",
            lambda run, rows, stock, pages: _records(recording.record_images(run, rows, stock, pages)),
            group=DELIVERED,
            inputs=["pos_products", "pos_stock", "pos_images"],
            after=["shopimind_products"],
        ),
        records(
            "pos_profiles",
            "The loyalty profile of every customer that ShopiMind has: points, balances, home store, orders so far. Made after "
            "the customers and orders were delivered: ShopiMind only takes the profile of a customer that it knows.",
            lambda run, listed, new: _records(recording.record_profiles(run, current_customers(listed, new))),
            group=DELIVERED,
            inputs=["pos_customers", "pos_new_customers"],
            after=["orders", "shopimind_customers", "shopimind_orders"],
        ),
        *(
            records(
                custom_entity(declared).snapshot,
                f"Custom data: {declared.description}. Made of the {declared.rows} as shops.yaml declares it, of those customers "
                "and products that ShopiMind has.",
                partial(_custom_data, declared),
                group=DELIVERED,
                inputs=declared.row_kind.lists,
                after=["orders", "shopimind_customers", "shopimind_orders", "shopimind_products"],
            )
            for declared in in_order(build.shop.custom_data)
        ),
    ]


_RECORDS = "Each record is either to be sent, or skipped by a rule of shops.yaml, or refused because it breaks a rule of ShopiMind."


def _custom_data(declared: CustomData, run: ShopRun, *lists: StoredRows) -> Rows:
    of_list = dict(zip(declared.row_kind.lists, lists, strict=True))
    return _records(record_custom_data(run, declared, of_list))


def _records(tables: Iterable[pa.Table]) -> Rows:
    outcomes: Counter[str] = Counter()

    def counted() -> Iterator[pa.Table]:
        for table in tables:
            outcomes.update(table["outcome"].to_pylist())
            yield table

    return Rows(RECORDS, counted(), lambda: showing.of_outcomes(outcomes))


def _orders(run: ShopRun, sales: StoredDays, listed: StoredRows, new: StoredRows) -> DayRows:
    days = recording.record_orders(run, sales.of(run.read_pairs), current_customers(listed, new))
    return DayRows(RECORDS, days, showing.of_day_recorded, beyond=run.calendar.beyond)
