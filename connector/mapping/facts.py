"""What a customer's closed sales say about him: since when, which store, how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa

from connector.mapping.context import ShopContext

_SALE_FACTS: list[pa.Field[Any]] = [
    pa.field("sale_id", pa.int64()),
    pa.field("store_id", pa.int64()),
    pa.field("day", pa.string()),  # YYYY-MM-DD, the closing day it was listed under
    pa.field("customer_id", pa.int64()),  # 0 = anonymous
    pa.field("closed_at", pa.int64()),  # seconds since 1970 UTC; null: unreadable
    pa.field("cents", pa.int64()),  # the sale's total; null: unreadable
    pa.field("currency", pa.string()),  # null: unreadable
    pa.field("kind", pa.string()),  # SaleKind
    pa.field("sent", pa.bool_()),  # the sale is mapped to an order that is sent
]
SALE_FACTS = pa.schema(_SALE_FACTS)

# `SALE_FACTS` summed up: one row per distinct (customer_id, store_id, currency, kind, sent).
_SALE_GROUPS: list[pa.Field[Any]] = [
    pa.field("customer_id", pa.int64()),
    pa.field("store_id", pa.int64()),
    pa.field("currency", pa.string()),
    pa.field("kind", pa.string()),
    pa.field("sent", pa.bool_()),
    pa.field("sales", pa.int64()),  # how many
    pa.field("cents", pa.int64()),  # the sum; null counts as 0
    pa.field("first_closed", pa.int64()),  # the earliest and latest closing; null where none is readable
    pa.field("last_closed", pa.int64()),
]
SALE_GROUPS = pa.schema(_SALE_GROUPS)


class SaleKind(StrEnum):
    """What a closed sale counts as."""

    ORDER = "order"
    RETURN = "return"  # its total is below zero
    WEB_ORDER = "web_order"  # skipped as one; with the rule `web_orders: send` it is an order as any other


@dataclass(slots=True)
class CustomerFacts:
    """One customer's closed sales read so far. Times are seconds since 1970 UTC, money is in cents.

    Orders and money are of orders that are sent (returns among them where the rule `returns` sends them), in the currency
    of the store with the lowest id.
    """

    home_store_id: int | None = None  # the store with most sales, of those the till lists
    first_closed: int | None = None  # of any sale
    orders_count: int = 0
    orders_cents: int = 0
    returned_cents: int = 0  # of returns that are not sent, below zero
    first_order: int | None = None
    first_order_store: int | None = None
    last_order: int | None = None
    last_order_store: int | None = None

    @property
    def spent_cents(self) -> int:
        """What the customer paid, less what was given back."""
        return self.orders_cents + self.returned_cents


def customer_facts(ctx: ShopContext, groups: pa.Table) -> dict[int, CustomerFacts]:
    """`SALE_GROUPS` -> facts per customer id. Customers without any row are not in it."""
    facts: dict[int, CustomerFacts] = {}
    visits: dict[tuple[int, int], tuple[int, int]] = {}  # (customer, store) -> (sales, latest closing)
    currency = ctx.main_store.currency
    for group in _groups(groups):
        customer_id = group["customer_id"]
        if not customer_id:
            continue
        of_customer = facts.setdefault(customer_id, CustomerFacts())
        of_customer.first_closed = _earliest(of_customer.first_closed, group["first_closed"])
        if group["kind"] == SaleKind.ORDER and ctx.store(group["store_id"]):
            sales, latest = visits.get((customer_id, group["store_id"]), (0, 0))
            visits[customer_id, group["store_id"]] = (sales + group["sales"], max(latest, group["last_closed"] or 0))
        if group["currency"] == currency:
            _add_money(of_customer, group)
    for customer_id, store_id in _home_stores(visits).items():
        facts[customer_id].home_store_id = store_id
    return facts


# What customers bought in each store: one row per customer and store with an order, or a return that is not sent.
_STORE_ACTIVITY: list[pa.Field[Any]] = [
    pa.field("customer_id", pa.int64()),
    pa.field("store_id", pa.int64()),
    pa.field("orders_count", pa.int64()),
    pa.field("cents", pa.int64()),  # less what was given back
    pa.field("first_order", pa.int64()),  # seconds since 1970 UTC
    pa.field("last_order", pa.int64()),
]
STORE_ACTIVITY = pa.schema(_STORE_ACTIVITY)


def store_activity(ctx: ShopContext, groups: pa.Table) -> pa.Table:
    """`SALE_GROUPS` -> `STORE_ACTIVITY`, by customer and store: as `CustomerFacts`, but in each store's own currency."""
    found: dict[tuple[int, int], CustomerFacts] = {}
    for group in _groups(groups):
        store = ctx.store(group["store_id"])
        if group["customer_id"] and store is not None and group["currency"] == store.currency:
            place = (group["customer_id"], store.store_id)
            _add_money(found.setdefault(place, CustomerFacts()), group)
    rows = [
        (*place, facts.orders_count, facts.spent_cents, facts.first_order, facts.last_order)
        for place, facts in sorted(found.items())
        if facts.orders_count or facts.returned_cents
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(STORE_ACTIVITY)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, STORE_ACTIVITY, strict=True)], schema=STORE_ACTIVITY)


def _groups(groups: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in groups.select(SALE_GROUPS.names).to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def _add_money(facts: CustomerFacts, group: dict[str, Any]) -> None:
    if group["kind"] == SaleKind.RETURN and not group["sent"]:
        facts.returned_cents += group["cents"] or 0
    elif group["kind"] in (SaleKind.ORDER, SaleKind.RETURN) and group["sent"]:
        facts.orders_count += group["sales"]
        facts.orders_cents += group["cents"] or 0
        first, last = group["first_closed"], group["last_closed"]
        if first is not None and (facts.first_order is None or first < facts.first_order):
            facts.first_order, facts.first_order_store = first, group["store_id"]
        if last is not None and (facts.last_order is None or last > facts.last_order):
            facts.last_order, facts.last_order_store = last, group["store_id"]


def _home_stores(visits: dict[tuple[int, int], tuple[int, int]]) -> dict[int, int]:
    """The store with most sales; a tie goes to the latest closing, then to the lowest id."""
    best: dict[int, tuple[int, int, int]] = {}
    for (customer_id, store_id), (sales, latest) in visits.items():
        candidate = (sales, latest, -store_id)
        if customer_id not in best or candidate > best[customer_id]:
            best[customer_id] = candidate
    return {customer_id: -store for customer_id, (_, _, store) in best.items()}


def _earliest(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
