"""Customers -> newsletter subscribers, by the shop's consent rule: one per e-mail address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connector.mapping import contacts, identifiers
from connector.mapping.context import ShopContext
from connector.mapping.customers import CUSTOMER_FIELDS, NO_FACTS, source_store, updated_at
from connector.mapping.facts import CustomerFacts
from connector.mapping.outcomes import Skip
from connector.mapping.records import SKIPPED, Records
from connector.mapping.rowwise import Row, map_rows
from connector.mapping.text import clean

_FIELDS = {**CUSTOMER_FIELDS, "customers_id": "email", "customer_id": "email", "consents": "is_subscribed"}


@dataclass(slots=True)
class _Address:
    customer_id: int  # the lowest of those who have it: his record stands for the address
    consents: bool  # all of them do


class Addresses:
    """Who stands for each e-mail address that customers have: built from all of them before any is mapped."""

    def __init__(self, customers: Iterable[pa.Table]) -> None:
        self._found: dict[str, _Address] = {}
        for rows in customers:
            columns = (rows[name].to_pylist() for name in ("customer_id", "email", "consents"))
            for customer_id, text, consents in zip(*columns, strict=True):
                if customer_id is not None and (email := contacts.email(text)):
                    self._add(email, customer_id, consents is True)

    def stands_for(self, email: str, customer_id: int | None) -> bool:
        """Whether this customer's record is that of the address."""
        return email in self._found and self._found[email].customer_id == customer_id

    def consents(self, email: str) -> bool:
        """Whether everybody who has the address agreed."""
        return email in self._found and self._found[email].consents

    def _add(self, email: str, customer_id: int, consents: bool) -> None:
        known = self._found.setdefault(email, _Address(customer_id, consents))
        known.customer_id = min(known.customer_id, customer_id)
        known.consents = known.consents and consents


def map_newsletter(
    ctx: ShopContext, rows: pa.Table, facts: Mapping[int, CustomerFacts], addresses: Addresses
) -> pa.Table:
    """`connector.pos.rows.CUSTOMERS` -> `RECORDS`, one per customer, known by the customer's id: no list shows an address."""

    def external_id(row: Row) -> str:
        return identifiers.text_id(ctx.identifiers, "email", row["customer_id"])

    def add(records: Records, name: str, row: Row) -> None:
        email = contacts.email(row["email"])
        if not email:
            records.leave_out(SKIPPED, name, Skip.CUSTOMER_WITHOUT_EMAIL.value)
        elif not addresses.stands_for(email, row["customer_id"]):
            records.leave_out(SKIPPED, name, Skip.SHARED_EMAIL.value)
        else:
            of_customer = facts.get(row["customer_id"], NO_FACTS)
            payload = {
                "email": email,
                "is_subscribed": addresses.consents(email),
                "first_name": clean(row["first_name"]),
                "last_name": clean(row["last_name"]),
                "postal_code": None,
                "lang": ctx.lang,
                "updated_at": updated_at(ctx, row, of_customer),
            }
            records.send(name, payload, source_store_id=source_store(ctx, of_customer), digest_of=what_counts(payload))

    return map_rows(rows, "customer_id", external_id, add, _FIELDS)


def what_counts(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What counts as a change: a purchase is none, and must not undo what somebody chose in ShopiMind since."""
    return {name: value for name, value in payload.items() if name != "updated_at"}
