"""Customers and what their sales say -> profiles, and the custom data definition that holds them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa

from connector.mapping import identifiers, money, times
from connector.mapping.context import ShopContext
from connector.mapping.currencies import currency
from connector.mapping.customers import source_store
from connector.mapping.facts import CustomerFacts
from connector.mapping.records import Records
from connector.mapping.rowwise import Row, map_rows


def _field(name: str, label: str, kind: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "label": label, "type": kind, "required": required}


PROFILE_DEFINITION: dict[str, Any] = {
    "name": "pos_profile",
    "description": "What the point of sale knows of a customer: loyalty, credit, home store, what was bought in store",
    "unique_keys": ["contact_id"],
    "fields": [
        _field("contact_id", "Contact", "number", required=True),
        _field("id_data_source", "Data source", "number", required=True),
        _field("loyalty_points", "Loyalty points", "number"),
        _field("store_credit", "Store credit", "decimal"),
        _field("prepaid_balance", "Prepaid balance", "decimal"),
        _field("home_store", "Home store", "text"),
        _field("home_store_id", "Home store id", "number"),
        _field("orders_count", "Orders in store", "number"),
        _field("amount_spent", "Amount spent in store", "decimal"),
        _field("average_basket", "Average basket in store", "decimal"),
        _field("currency", "Currency", "text"),
        _field("first_order_at", "First order in store", "datetime"),
        _field("last_order_at", "Last order in store", "datetime"),
    ],
    "relationships": [{"sourceField": "contact_id", "targetSchemaType": "system", "targetSchema": "contacts"}],
}

_NO_FACTS = CustomerFacts()
_FIELDS = {
    "customers_id": "contact_id",
    "customer_id": "contact_id",
    "loyalty_points": "loyalty_points",
    "store_credit": "store_credit",
    "prepaid_purchases": "prepaid_balance",
    "prepaid_balance": "prepaid_balance",
}


def map_profiles(
    ctx: ShopContext, rows: pa.Table, facts: Mapping[int, CustomerFacts], delivered: Collection[str]
) -> pa.Table:
    """`connector.pos.rows.CUSTOMERS` -> `RECORDS`, one per customer whose external id is in `delivered`."""

    def external_id(row: Row) -> str:
        return identifiers.text_id(ctx.identifiers, "contact_id", row["customer_id"])

    def add(records: Records, name: str, row: Row) -> None:
        of_customer = facts.get(row["customer_id"], _NO_FACTS)
        payload = _payload(ctx, name, row, of_customer)
        records.send(name, payload, source_store_id=source_store(ctx, of_customer))

    return map_rows(of_delivered(ctx, rows, delivered), "customer_id", external_id, add, _FIELDS)


def of_delivered(ctx: ShopContext, rows: pa.Table, delivered: Collection[str]) -> pa.Table:
    """The rows (with a column `customer_id`) of customers whose external id is in `delivered`."""
    wanted = [_is_delivered(ctx, customer_id, delivered) for customer_id in rows["customer_id"].to_pylist()]
    return rows.filter(pa.array(wanted, pa.bool_()))


def _is_delivered(ctx: ShopContext, customer_id: int | None, delivered: Collection[str]) -> bool:
    if customer_id is None or not 0 < customer_id < identifiers.POS_IDS:
        return False
    return identifiers.text_id(ctx.identifiers, "contact_id", customer_id) in delivered


def _payload(ctx: ShopContext, name: str, row: Row, facts: CustomerFacts) -> dict[str, Any]:
    """The profile's fields; those of which nothing is known are left out."""
    home = ctx.store(facts.home_store_id)
    payload = {
        "contact_id": {"by": "id_customer", "value": name},
        "loyalty_points": money.points("loyalty_points", row["loyalty_points"]),
        "store_credit": _amount("store_credit", row["store_credit"]),
        "prepaid_balance": _amount("prepaid_balance", row["prepaid_balance"]),
        "home_store": home.name if home else None,
        "home_store_id": home.store_id if home else None,
        "orders_count": facts.orders_count,
        "amount_spent": money.number(facts.spent_cents),
        "average_basket": (
            money.number(money.half_up(facts.orders_cents, facts.orders_count)) if facts.orders_count else None
        ),
        "currency": currency("currency", ctx.main_store.currency),
        "first_order_at": _at(ctx, facts.first_order, facts.first_order_store),
        "last_order_at": _at(ctx, facts.last_order, facts.last_order_store),
    }
    return {key: value for key, value in payload.items() if value is not None}


def _amount(field: str, text: str | None) -> float | None:
    cents = money.cents_or_none(field, text)
    return None if cents is None else money.number(cents)


def _at(ctx: ShopContext, epoch: int | None, store_id: int | None) -> str | None:
    return None if epoch is None else times.at(epoch, ctx.zone(store_id))
