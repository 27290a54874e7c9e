"""Closed sales of one or more days -> order records, and the facts that customers and profiles are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from connector.mapping import identifiers, money, times
from connector.mapping.context import ShopContext
from connector.mapping.currencies import currency
from connector.mapping.customers import created_at
from connector.mapping.facts import SALE_FACTS, SaleKind
from connector.mapping.identifiers import Places
from connector.mapping.known_customers import KnownCustomers
from connector.mapping.lines import OrderLines, RawLine, order_lines
from connector.mapping.outcomes import Refusal, Refused, Skip, not_read_whole, refusal, unreadable_row
from connector.mapping.records import FAILED, SKIPPED, Records
from connector.mapping.text import clean
from connector.mapping.variations import NamedSizes

_FIELDS = {
    "sale_id": "order_id",
    "store_id": "id_data_source",
    "customer_id": "customer.customer_id",
    "customers_id": "customer.customer_id",
    "completed_at": "created_at",
    "closed_at": "created_at",
    "unique_sale_id": "reference",
    "reference": "reference",
    "currency": "currency",
    "total": "amount",
    "lines": "products",
    "line_items": "products",
}


class MappedSales(NamedTuple):
    """What the sales of a table become."""

    records: pa.Table  # RECORDS, one per sale
    facts: pa.Table  # SALE_FACTS, one per sale that has an id
    needs_misc_product: bool  # an order that is sent has a line that points to the miscellaneous product


_LINE_NAMES = ("product_id", "quantity", "total", "tax_rate", "size_id")


class _Sale(NamedTuple):
    """One row of `connector.pos.rows.SALES`; its lines as tuples."""

    sale_id: int | None
    store_id: int | None
    day: str | None
    customer_id: int | None
    closed_at: str | None
    reference: str | None
    currency: str | None
    total: str | None
    external_reference: str | None
    lines_from: str | None
    problems: str | None
    lines: list[RawLine]

    def row(self) -> dict[str, Any]:
        """The row as the till's reader gave it."""
        return {**self._asdict(), "lines": [dict(zip(_LINE_NAMES, line, strict=True)) for line in self.lines]}


@dataclass(slots=True)
class _Reading:
    """What could be read of a sale; `fault` is the first thing that could not."""

    moment: times.Moment | None = None
    cents: int | None = None
    currency: str | None = None
    kind: SaleKind = SaleKind.ORDER
    fault: Refused | None = None


@dataclass(slots=True)
class _Mapping:
    """The state of one call of `map_orders`."""

    ctx: ShopContext
    emails: Mapping[int, str]  # of the customers that exist
    first_closed: Mapping[int, int]  # per customer, the sales of this table included
    sizes: NamedSizes | None = None
    records: Records = field(default_factory=Records)
    places: Places = field(default_factory=lambda: Places("sale_id"))
    misc: bool = False


def map_orders(
    ctx: ShopContext,
    sales: pa.Table,
    customers: KnownCustomers,
    first_closed: Mapping[int, int],
    sizes: NamedSizes | None = None,
) -> MappedSales:
    """`connector.pos.rows.SALES` -> orders and facts.

    `first_closed` gives, per customer id, the closing (seconds since 1970 UTC) of the first sale read before these;
    `sizes` names the variations, where the shop's rule sends them.
    """
    rows = list(_sales(sales))
    readings = [_read(ctx, sale) for sale in rows]
    emails = customers.find(sale.customer_id for sale in rows if sale.customer_id)
    run = _Mapping(ctx, emails, _first_closed(rows, readings, first_closed), sizes)
    sent = [_map_sale(run, sale, reading) for sale, reading in zip(rows, readings, strict=True)]
    return MappedSales(run.records.table(), _facts(rows, readings, sent), run.misc)


def _sales(sales: pa.Table) -> Iterator[_Sale]:
    plain = [sales[name].to_pylist() for name in _Sale._fields if name != "lines"]
    nested: Any = sales["lines"].combine_chunks()
    # The lines of all sales in one row of columns is several times faster than a list of dictionaries per sale.
    flat = nested.flatten()
    lines = list(zip(*(pc.struct_field(flat, name).to_pylist() for name in _LINE_NAMES), strict=True))
    end = 0
    for values, length in zip(zip(*plain, strict=True), pc.list_value_length(nested).to_pylist(), strict=True):
        start, end = end, end + (length or 0)
        yield _Sale._make((*values, lines[start:end]))


def _read(ctx: ShopContext, sale: _Sale) -> _Reading:
    """Reads what a sale counts by, as far as it can be read; nothing is decided here."""
    reading = _Reading()
    store = ctx.store(sale.store_id)
    if store is None:
        reading.fault = refusal("id_data_source", Refusal.UNKNOWN_STORE, sale.store_id)
    try:
        reading.moment = times.moment("created_at", sale.closed_at, ctx.zone(sale.store_id))
        if reading.moment is None:
            reading.fault = reading.fault or refusal("created_at", Refusal.NO_DATE)
    except Refused as refused:
        reading.fault = reading.fault or refused
    try:
        reading.cents = money.cents("amount", sale.total)
    except Refused as refused:
        reading.fault = reading.fault or refused
    try:
        reading.currency = currency("currency", sale.currency, store.currency if store else "")
    except Refused as refused:
        reading.fault = reading.fault or refused
    if ctx.rules.web_orders == "skip" and sale.external_reference:
        reading.kind = SaleKind.WEB_ORDER
    elif reading.cents is not None and reading.cents < 0:
        reading.kind = SaleKind.RETURN
    return reading


def _first_closed(rows: list[_Sale], readings: list[_Reading], before: Mapping[int, int]) -> dict[int, int]:
    first: dict[int, int] = {}
    for sale, reading in zip(rows, readings, strict=True):
        if sale.customer_id and reading.moment:
            epoch = reading.moment.epoch
            known = first.get(sale.customer_id)
            if known is None:
                known = before.get(sale.customer_id, epoch)
            first[sale.customer_id] = min(known, epoch)
    return first


def _map_sale(run: _Mapping, sale: _Sale, reading: _Reading) -> bool:
    """Gives the sale its one outcome. True when it is sent."""
    name, fault = None, None if sale.problems is None else unreadable_row(sale.problems, _FIELDS)
    counted: dict[str, Any] = {
        "store_id": sale.store_id,
        "day": sale.day,
        "amount": None if reading.cents is None else money.amount(reading.cents),
        "currency": reading.currency,
    }
    try:
        name = identifiers.text_id(run.ctx.identifiers, "order_id", sale.sale_id)
        waits = sale.lines_from == "unread"
        if fault and not waits:
            raise fault
        reason = _skip(run, sale, reading)
        if waits and not reason:
            run.records.leave_out(FAILED, name, not_read_whole(sale.problems), **counted)
            return reading.fault is None  # it is owed, and may have been delivered long ago
        lines = None if reason else _lines(run, sale, reading)
        if lines and not lines.products:
            reason = Skip.NO_LINE
        if reason or lines is None:
            run.records.leave_out(SKIPPED, name, str(reason), **counted)
            return False
        payload = _payload(run, name, sale, reading, lines)
    except Refused as refused:
        row = sale.row()
        name, refused = name or run.places.name(sale.sale_id, row), fault or refused
        run.records.refuse(name, refused.field, refused.reason, row, **counted)
        return False
    run.records.send(name, payload, source_store_id=sale.store_id, digest_of=what_counts(payload), **counted)
    run.misc = run.misc or lines.misc
    return True


def what_counts(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What of an order counts as a change: a customer's new e-mail or earlier first sale is none of his orders."""
    return {**payload, "customer": payload["customer"]["customer_id"]}


def _skip(run: _Mapping, sale: _Sale, reading: _Reading) -> Skip | None:
    """The first rule that leaves the sale out. Its lines are looked at only when there is none."""
    rules = run.ctx.rules
    if sale.customer_id is not None:
        email = run.emails.get(sale.customer_id)
        if email is None:
            if rules.anonymous_sales == "skip":
                return Skip.UNKNOWN_CUSTOMER if sale.customer_id else Skip.ANONYMOUS
        elif not email and rules.customers_without_email == "skip":
            return Skip.CUSTOMER_WITHOUT_EMAIL
    if reading.kind is SaleKind.WEB_ORDER:
        return Skip.WEB_ORDER
    if reading.kind is SaleKind.RETURN and rules.returns == "skip":
        return Skip.RETURN
    return None


def _lines(run: _Mapping, sale: _Sale, reading: _Reading) -> OrderLines:
    if reading.fault is not None:
        raise reading.fault
    if sale.lines_from == "none":
        raise refusal("products", Refusal.LINES_NOT_READ)
    return order_lines(run.ctx, sale.lines, run.sizes, is_return=reading.kind is SaleKind.RETURN)


def _payload(run: _Mapping, name: str, sale: _Sale, reading: _Reading, lines: OrderLines) -> dict[str, Any]:
    assert reading.moment is not None  # without them there is a fault
    assert reading.cents is not None
    closed_at = reading.moment.iso
    return {
        "order_id": name,
        "lang": run.ctx.lang,
        "reference": clean(sale.reference) or None,
        "carrier_id": None,
        "status_id": identifiers.status_id(run.ctx.identifiers),
        "address_delivery_id": None,
        "address_invoice_id": None,
        "customer": _customer(run, sale, closed_at),
        "products": lines.products,
        "cart_id": name,
        "cart_updated_at": closed_at,
        "amount": money.number(reading.cents),
        "amount_without_tax": money.number(lines.net_cents),
        "shipping_costs": 0,
        "shipping_costs_without_tax": 0,
        "shipping_number": None,
        "currency": reading.currency,
        "voucher_used": None,
        "voucher_value": None,
        "is_confirmed": True,
        "created_at": closed_at,
        "updated_at": closed_at,
    }


def _customer(run: _Mapping, sale: _Sale, closed_at: str) -> dict[str, str]:
    email = run.emails.get(sale.customer_id) if sale.customer_id else None
    if sale.customer_id != 0 and (email is not None or sale.customer_id is None):
        return {
            "customer_id": identifiers.text_id(run.ctx.identifiers, "customer.customer_id", sale.customer_id),
            "email": email or "",
            "created_at": created_at(run.ctx, run.first_closed.get(sale.customer_id or 0)),
        }
    return {"customer_id": "", "email": "", "created_at": closed_at}


def _facts(rows: list[_Sale], readings: list[_Reading], sent: list[bool]) -> pa.Table:
    facts = [
        (
            sale.sale_id,
            sale.store_id,
            sale.day,
            sale.customer_id or 0,
            reading.moment.epoch if reading.moment else None,
            reading.cents,
            reading.currency,
            reading.kind.value,
            is_sent,
        )
        for sale, reading, is_sent in zip(rows, readings, sent, strict=True)
        if sale.sale_id is not None
    ]
    columns = zip(*facts, strict=True) if facts else [()] * len(SALE_FACTS)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, SALE_FACTS, strict=True)], schema=SALE_FACTS)
