"""Rows of an export folder as text -> rows of `connector.pos.rows`, keeping what cannot be typed with the reason. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connector.pos.files_tables import FileRow
from connector.pos.row_reader import Reader, shown, whole_number
from connector.pos.sale_lines import CENT, number

Row = dict[str, Any]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])", re.ASCII)
_TRUE = frozenset({"1", "true", "t", "yes", "y", "oui", "o", "vrai", "x"})
_FALSE = frozenset({"", "0", "false", "f", "no", "n", "non", "faux"})


class _Reader(Reader):
    """Reads one row of a file, with the problems that it has already."""

    def __init__(self, row: FileRow) -> None:
        super().__init__(row.texts)
        for problem in row.problems:
            self.problem(problem)

    def truth(self, key: str, *, default: bool = False) -> bool:
        """`yes` and `no` in the words that tills use; `default` when nothing is written."""
        text = self.text(key).strip().lower()
        if text not in _TRUE | _FALSE:
            self.problem(f"{key}: {shown(text)} is neither yes nor no")
        return default if not text else text in _TRUE


def store(row: FileRow) -> Row:
    read = _Reader(row)
    return {
        "store_id": read.id("store_id"),
        "name": read.text("name"),
        "currency": read.text("currency"),
        "time_zone": read.text("time_zone"),
        "warehouse_id": 0,
        "problems": read.problems,
    }


def category(row: FileRow) -> Row:
    read = _Reader(row)
    return {
        "category_id": read.id("category_id"),
        "parent_id": read.link("parent_id"),
        "name": read.text("name"),
        "enabled": read.truth("enabled", default=True),
        "problems": read.problems,
    }


def brand(row: FileRow) -> Row:
    read = _Reader(row)
    return {
        "brand_id": read.id("brand_id"),
        "name": read.text("name"),
        "enabled": read.truth("enabled", default=True),
        "problems": read.problems,
    }


def product(row: FileRow) -> Row:
    read = _Reader(row)
    return {
        "product_id": read.id("product_id"),
        **{name: read.text(name) for name in ("name", "description", "barcode", "reference", "price", "promo_price")},
        "category_id": read.link("category_id"),
        "brand_id": read.link("brand_id"),
        "archived": read.truth("archived"),
        "updated_at": read.text("updated_at"),
        "listed": True,
        "problems": read.problems,
    }


def stock(row: FileRow) -> Row:
    read = _Reader(row)
    return {
        "product_id": read.id("product_id"),
        "size_id": read.link("size_id"),
        "warehouse_id": read.link("warehouse_id"),
        "available": read.text("available"),
        "problems": read.problems,
    }


_OF_CUSTOMER = (
    *("first_name", "last_name", "email", "phone", "country", "birth_date", "last_order_date"),
    *("loyalty_points", "store_credit", "prepaid_balance"),
)


def customer(row: FileRow) -> Row:
    read = _Reader(row)
    return {
        "customer_id": read.id("customer_id"),
        **{name: read.text(name) for name in _OF_CUSTOMER},
        "consents": read.truth("consents"),
        "problems": read.problems,
    }


def line(row: FileRow, file: int, *, percent: bool) -> tuple[int | None, int, Row]:
    """The sale's id, the number of the file, and the line with its own `problems`."""
    read = _Reader(row)
    rate = read.text("tax_rate")
    if percent and (value := number(rate)) is not None:
        rate = format(value / 100, "f")
    of_line = {
        "product_id": read.link("product_id"),
        "quantity": read.text("quantity"),
        "total": read.text("total"),
        "tax_rate": rate,
        "problems": read.problems,
    }
    return whole_number(row.texts["sale_id"]), file, of_line


@dataclass
class SalesWriter:
    """Makes rows of `SALES`, without their lines, of the rows of the sales' files.

    A sale is of the day that its row names, else of that of its closing. One without a day that can be read, or of a
    store that is not listed, is kept where somebody will ask for it: on the day on which the file was written, under the
    store with the lowest id. Either is a problem of its row.
    """

    stores: Collection[int]
    written_on: date
    open_tickets: int = 0

    def sales(self, found: Iterable[FileRow]) -> Iterator[Row]:
        for row in found:
            if "closed_at" in row.texts and not row.texts["closed_at"].strip("0-:/. T"):
                self.open_tickets += 1
            else:
                yield self._sale(row)

    def _sale(self, row: FileRow) -> Row:
        read = _Reader(row)
        closed_at = read.text("closed_at")
        named = read.text("day") or closed_at
        day = _day(named)
        if day is None:
            read.problem(f"closed_at: {shown(named)} is not a day (is pos.dates right?)")
        store_id = read.id("store_id")
        if store_id is not None and store_id not in self.stores:
            read.problem(f"store_id: {store_id} is not among the stores of the account")
        known = store_id if store_id in self.stores else min(self.stores)
        return {
            "sale_id": read.id("sale_id"),
            "store_id": known,
            "day": (day or self.written_on).isoformat(),
            "customer_id": read.link("customer_id"),
            "closed_at": closed_at,
            "reference": read.text("reference"),
            "currency": read.text("currency"),
            "total": read.text("total"),
            "external_reference": read.text("external_reference"),
            "lines": [],
            "lines_from": "none",
            "problems": read.problems,
        }


def give_lines(sale: Row, lines: Sequence[Row]) -> None:
    """Gives a sale its lines, and a problem when they are not the whole of it."""
    problems = [f"lines[{place}]: {line['problems']}" for place, line in enumerate(lines) if line["problems"]]
    sale["lines"] = [{name: value for name, value in line.items() if name != "problems"} for line in lines]
    sale["lines_from"] = "bulk"
    total, parts = number(sale["total"]), [number(line["total"]) for line in lines]
    readable = [part for part in parts if part is not None]
    # a number that cannot be read is refused for itself, by mapping
    if total is not None and len(readable) == len(parts) and not _adds_up(total, readable):
        problems.append(f"lines: they add up to {sum(readable, Decimal(0))}, and the sale's total is {sale['total']}")
    if problems:
        sale["problems"] = "; ".join(filter(None, [sale["problems"], *problems]))


def _adds_up(total: Decimal, parts: Sequence[Decimal]) -> bool:
    """To the cent, whether the till rounds each line or their sum."""
    by_line = sum((_to_cent(part) for part in parts), Decimal(0))
    return _to_cent(total) in (by_line, _to_cent(sum(parts, Decimal(0))))


def _to_cent(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _day(text: str) -> date | None:
    written = _DAY.match(text.strip())
    try:
        return date.fromisoformat(written[0]) if written else None
    except ValueError:
        return None


def _key(*names: str) -> Callable[[Row], str | None]:
    """What tells a row from others of its kind; None when that cannot be read."""

    def key(row: Row) -> str | None:
        return None if row[names[0]] is None else "/".join(str(row[name]) for name in names)

    return key


LISTS: dict[str, tuple[Callable[[Row], str | None], Callable[[FileRow], Row]]] = {
    "stores": (_key("store_id"), store),
    "categories": (_key("category_id"), category),
    "brands": (_key("brand_id"), brand),
    "products": (_key("product_id"), product),
    "stock": (_key("product_id", "size_id", "warehouse_id"), stock),
    "customers": (_key("customer_id"), customer),
}
