"""Addresses of customers -> address records."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.mapping import contacts, identifiers
from connector.mapping.context import ShopContext
from connector.mapping.customers import NO_FACTS, source_store
from connector.mapping.facts import CustomerFacts
from connector.mapping.outcomes import Refusal, Skip, refusal
from connector.mapping.records import SKIPPED, Records
from connector.mapping.rowwise import Row, map_rows
from connector.mapping.text import clean

_ROWS = pa.schema(
    [
        *(pa.field(name, pa.int64()) for name in ("customer_id", "address_id")),
        *(pa.field(name, pa.string()) for name in ("first_name", "last_name", "company", "phone")),
        *(pa.field(name, pa.string()) for name in ("address", "zip_code", "city", "country")),
        pa.field("customer_country", pa.string()),
        pa.field("listed", pa.bool_()),
        pa.field("skip", pa.string()),  # why nothing is sent of a customer, who then has this one row
        pa.field("problems", pa.string()),
    ]
)
_FIELDS = {
    "address_id": "address_id",
    "first_name": "first_name",
    "last_name": "last_name",
    "company": "company",
    "phone": "primary_phone",
    "address": "address_line_1",
    "zip_code": "postal_code",
    "city": "city",
    "country": "country",
}
_NOT_OF_A_CODE = re.compile(r"[^\w\s-]")  # ShopiMind takes letters, digits, white space and hyphens


class AddressNumbers:
    """The numbers of one pass over all `ADDRESSES`: each is sent once, by whoever has it rather than who had it before."""

    def __init__(self, books: pa.Table) -> None:
        addresses = pc.list_flatten(books["addresses"])
        there = pc.fill_null(pc.struct_field(addresses, "listed"), True)
        self._there = set(pc.struct_field(addresses, "address_id").filter(there).to_pylist())
        self._taken = set[int]()

    def is_elsewhere(self, address: Row) -> bool:
        """Whether somebody has it now: two customers were made one, say."""
        return _gone(address) and address["address_id"] in self._there

    def take(self, number: int) -> bool:
        """False where another customer has taken it."""
        if number in self._taken:
            return False
        self._taken.add(number)
        return True


def map_addresses(
    ctx: ShopContext,
    customers: pa.Table,
    facts: Mapping[int, CustomerFacts],
    delivered: Collection[str],
    books: pa.Table,
    numbers: AddressNumbers,
) -> pa.Table:
    """`connector.pos.rows.CUSTOMERS` with their `ADDRESSES` -> `RECORDS`: one per address, or one that says why there is none.

    Of customers whose external id is not in `delivered` no address is sent. A number that comes again in the pass, with
    another customer, is refused. An address that is gone becomes inactive, marked `once`.
    """
    known = {row["customer_id"]: _book(row["addresses"], numbers) for row in books.to_pylist()}

    def external_id(row: Row) -> str:
        if row["skip"]:
            return f"{ctx.identifiers.prefix}{row['customer_id']}"
        number = identifiers.number_id(ctx.identifiers, "address_id", row["address_id"])
        if not numbers.take(number):
            raise refusal("address_id", Refusal.SAME_KEY)
        return str(number)

    def add(records: Records, name: str, row: Row) -> None:
        if skip := row["skip"] or (None if _says_where(row) else Skip.EMPTY_ADDRESS.value):
            records.leave_out(SKIPPED, name, skip)
            return
        of_customer = facts.get(row["customer_id"], NO_FACTS)
        payload = _payload(ctx, int(name), row)
        records.send(name, payload, source_store_id=source_store(ctx, of_customer), once=_gone(row))

    rows = [each for customer in customers.to_pylist() for each in _rows(ctx, customer, delivered, known)]
    return map_rows(pa.Table.from_pylist(rows, _ROWS), "address_id", external_id, add, _FIELDS, once=_gone)


def _book(addresses: list[Row] | None, numbers: AddressNumbers) -> list[Row] | None:
    """Those of a customer that nobody else has now; None where his page was asked for, and never given."""
    return None if addresses is None else [each for each in addresses if not numbers.is_elsewhere(each)]


def _rows(
    ctx: ShopContext, customer: Row, delivered: Collection[str], known: Mapping[int, list[Row] | None]
) -> Iterator[dict[str, Any]]:
    customer_id = customer["customer_id"]
    if (skip := _why_none(ctx, customer, delivered, known)) is not None:
        yield {"customer_id": customer_id, "skip": skip, "problems": skip if skip == Skip.ERASED else None}
        return
    ids = set[int]()
    for address in known[customer_id] or ():
        if address["address_id"] in ids:  # the till repeats itself
            continue
        ids.update({address["address_id"]} - {None})
        named = address if clean(address["first_name"]) or clean(address["last_name"]) else customer
        names = {"first_name": named["first_name"], "last_name": named["last_name"]}
        yield {**address, **names, "customer_id": customer_id, "customer_country": customer["country"]}


def _why_none(
    ctx: ShopContext, customer: Row, delivered: Collection[str], known: Mapping[int, list[Row] | None]
) -> str | None:
    """Why nothing can be sent of a customer's addresses; None when he has some."""
    customer_id = customer["customer_id"]
    if customer["problems"] == Skip.ERASED:
        return Skip.ERASED.value
    if not contacts.email(customer["email"]) and ctx.rules.customers_without_email == "skip":
        return Skip.CUSTOMER_WITHOUT_EMAIL.value
    if not identifiers.is_pos_id(customer_id) or f"{ctx.identifiers.prefix}{customer_id}" not in delivered:
        return Skip.CUSTOMER_NOT_DELIVERED.value
    if customer_id not in known:
        return Skip.NOT_READ_YET.value
    if known[customer_id] is None:
        return Skip.PAGE_NOT_GIVEN.value
    return None if known[customer_id] else Skip.NO_ADDRESS.value


def _payload(ctx: ShopContext, address_id: int, row: Row) -> dict[str, Any]:
    first, *others = [line for each in (row["address"] or "").splitlines() if (line := clean(each))] or [""]
    country = contacts.country(row["country"]) or contacts.country(row["customer_country"])
    return {
        "address_id": address_id,
        "customer_id": identifiers.text_id(ctx.identifiers, "customer_id", row["customer_id"]),
        "first_name": clean(row["first_name"]),
        "last_name": clean(row["last_name"]),
        "primary_phone": contacts.phone(row["phone"], country, ctx.country),
        "secondary_phone": None,
        "company": clean(row["company"]) or None,
        "address_line_1": _filled("address_line_1", first),
        "address_line_2": ", ".join(others) or None,
        "postal_code": clean(_NOT_OF_A_CODE.sub(" ", clean(row["zip_code"]))) or None,
        "city": _filled("city", clean(row["city"])),
        "country": country,
        "is_active": not _gone(row),
    }


def _filled(field: str, text: str) -> str:
    if not text:
        raise refusal(field, Refusal.NO_VALUE)
    return text


def _says_where(row: Row) -> bool:
    return any(clean(row[name]) for name in ("address", "zip_code", "city"))


def _gone(row: Row) -> bool:
    return row["listed"] is False
