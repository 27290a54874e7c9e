"""Customers of the till -> customer records, from list rows and what their sales say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from connector.mapping import contacts, identifiers, times
from connector.mapping.context import ShopContext
from connector.mapping.facts import CustomerFacts
from connector.mapping.outcomes import Skip
from connector.mapping.records import SKIPPED, Records
from connector.mapping.rowwise import Row, map_rows
from connector.mapping.text import clean

NO_FACTS = CustomerFacts()
CUSTOMER_FIELDS = {
    "customers_id": "customer_id",
    "customer_id": "customer_id",
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "phone": "phone_number",
    "country": "phone_number",
    "date_of_birth": "birth_date",
    "birth_date": "birth_date",
    "last_order_date": "updated_at",
    "consents": "is_opt_in",
}


def map_customers(ctx: ShopContext, rows: pa.Table, facts: Mapping[int, CustomerFacts]) -> pa.Table:
    """`connector.pos.rows.CUSTOMERS` -> `RECORDS`, one per customer."""

    def external_id(row: Row) -> str:
        return identifiers.text_id(ctx.identifiers, "customer_id", row["customer_id"])

    def add(records: Records, name: str, row: Row) -> None:
        email = contacts.email(row["email"])
        if not email and ctx.rules.customers_without_email == "skip":
            records.leave_out(SKIPPED, name, Skip.CUSTOMER_WITHOUT_EMAIL.value)
            return
        of_customer = facts.get(row["customer_id"], NO_FACTS)
        payload = _payload(ctx, name, email, row, of_customer)
        records.send(name, payload, source_store_id=source_store(ctx, of_customer))

    return map_rows(rows, "customer_id", external_id, add, CUSTOMER_FIELDS)


def source_store(ctx: ShopContext, facts: CustomerFacts) -> int | None:
    """The store whose child source tags what belongs to a customer; None is the parent source."""
    return facts.home_store_id if ctx.rules.customers_source == "home_store" else None


def created_at(ctx: ShopContext, first_closed: int | None) -> str:
    """Since when a customer exists: his first closed sale read, else the shop's first day."""
    return ctx.first_day_at if first_closed is None else times.at(first_closed, ctx.main_zone)


def updated_at(ctx: ShopContext, row: Row, facts: CustomerFacts) -> str:
    """The customer's last order day, else since when he exists. Raises `Refused`."""
    last_order = times.moment("updated_at", row["last_order_date"], ctx.main_zone)
    return last_order.iso if last_order else created_at(ctx, facts.first_closed)


def _payload(ctx: ShopContext, name: str, email: str, row: Row, facts: CustomerFacts) -> dict[str, Any]:
    changed_at = updated_at(ctx, row, facts)
    consents = row["consents"] is True
    return {
        "customer_id": name,
        "email": email,
        "phone_number": contacts.phone(row["phone"], contacts.country(row["country"]), ctx.country),
        "first_name": clean(row["first_name"]),
        "last_name": clean(row["last_name"]),
        "birth_date": times.birth_date("birth_date", row["birth_date"]),
        "is_opt_in": consents,
        "is_newsletter_subscribed": consents,
        "lang": ctx.lang,
        "group_ids": _groups(ctx, row.get("groups")),
        "is_active": True,
        "created_at": created_at(ctx, facts.first_closed),
        "updated_at": changed_at,
    }


def _groups(ctx: ShopContext, groups: list[int] | None) -> list[str] | None:
    """The ids of the customer's groups; null when there are none, also of a row from before groups were read."""
    ids = [
        identifiers.text_id(ctx.identifiers, "group_ids", group)
        for group in groups or ()
        if identifiers.is_pos_id(group)
    ]
    return ids or None
