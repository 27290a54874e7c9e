"""Hiboutik's JSON rows -> rows of `connector.pos.rows`, keeping what cannot be typed together with the reason. Pure.

Keys are those of the Hiboutik API, in every spelling that it uses for the same thing. Unknown keys are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP
from typing import Any

from connector.pos.row_reader import Reader, Row, shown, text_of, whole_number
from connector.pos.sale_lines import CENT, SoldLine, number

CUSTOMER_ID = ("customers_id", "customer_id")
LINE_ID = ("line_item_id", "detail_commande_id")

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])", re.ASCII)


def key_of(*keys: str) -> Any:
    """A function that gives a row's id under any of `keys`, None when the row has none that can be read."""

    def key(row: object) -> int | None:
        if not isinstance(row, Mapping):
            return None
        return next((whole_number(row[key]) for key in keys if key in row), None) or None

    return key


def stock_key(row: object) -> tuple[int | None, ...] | None:
    """What one stock row is about: a product in a size in a warehouse; None when one of the three cannot be read."""
    if not isinstance(row, Mapping):
        return None
    key = tuple(whole_number(row.get(name)) for name in ("product_id", "product_size", "warehouse_id"))
    return None if None in key else key


def store(row: object) -> dict[str, Any]:
    read = Reader(row)
    return {
        "store_id": read.id("store_id"),
        "name": read.text("store_name"),
        "currency": read.text("store_default_currency"),
        "time_zone": read.text("store_time_zone"),
        "warehouse_id": read.link("store_warehouse_id"),
        "problems": read.problems,
    }


def turnover_day(row: object) -> str | None:
    """The day of a row of the turnover calendar, None when it cannot be read."""
    text = text_of(row.get("date")) if isinstance(row, Mapping) else ""
    return text[:10] if _DAY.match(text) else None


def turnover(row: object, store_id: int) -> dict[str, Any]:
    read = Reader(row)
    day = turnover_day(row)
    if day is None:
        read.problem(f"date: {shown(read.row.get('date'))} is not a day")
    return {
        "store_id": store_id,
        "day": day,
        "sales": read.id("nb_sales"),
        "total": read.text("total_incl_taxes"),
        "pieces": whole_number(read.row.get("nb_products")),
        "problems": read.problems,
    }


def category(row: object) -> dict[str, Any]:
    read = Reader(row)
    return {
        "category_id": read.id("category_id"),
        "parent_id": read.link("category_id_parent"),
        "name": read.text("category_name"),
        "enabled": read.flag("category_enabled", default=True),
        "problems": read.problems,
    }


def brand(row: object) -> dict[str, Any]:
    read = Reader(row)
    return {
        "brand_id": read.id("brand_id"),
        "name": read.text("brand_name"),
        "enabled": read.flag("brand_enabled", default=True),
        "problems": read.problems,
    }


def product(row: object) -> dict[str, Any]:
    read = Reader(row)
    return {
        "product_id": read.id("product_id"),
        "name": read.text("product_model"),
        "description": read.text("products_desc", "product_desc"),
        "barcode": read.text("product_barcode"),
        "reference": read.text("product_supplier_reference"),
        "price": read.text("product_price"),
        "promo_price": read.text("product_discount_price"),
        "category_id": read.link("product_category"),
        "brand_id": read.link("product_brand"),
        "archived": read.flag("product_arch"),
        "updated_at": read.text("updated_at"),
        "sizes": sizes(read.row),
        "listed": True,
        "problems": read.problems,
    }


def sizes(row: Row) -> list[dict[str, Any]]:
    """The sizes of a product's row, none when the key is missing. What is wrong with one is no fault of the product."""
    return [
        {
            "size_id": read.id("size_id"),
            "name": read.text("size_name"),
            "barcode": read.text("barcode"),
            "problems": read.problems,
        }
        for read in _parts(row.get("product_size_details"))
    ]


def _parts(value: object) -> list[Reader]:
    """A reader for each object of a list inside a row; anything that is no list is one object that cannot be read."""
    if not value:
        return []
    return [Reader(each) for each in (value if isinstance(value, list) else [value])]


def stock(row: object) -> dict[str, Any]:
    read = Reader(row)
    return {
        "product_id": read.id("product_id"),
        "size_id": read.link("product_size"),
        "warehouse_id": read.link("warehouse_id"),
        "available": read.text("stock_available"),
        "problems": read.problems,
    }


def customer(row: object, consents: bool, groups: list[int] | None) -> dict[str, Any]:
    read = Reader(row)
    return {
        "customer_id": read.id(*CUSTOMER_ID),
        "first_name": read.text("first_name"),
        "last_name": read.text("last_name"),
        "email": read.text("email"),
        "phone": read.text("phone"),
        "country": read.text("country"),
        "birth_date": read.text("date_of_birth"),
        "last_order_date": read.text("last_order_date"),
        "loyalty_points": read.text("loyalty_points"),
        "store_credit": read.text("store_credit"),
        "prepaid_balance": read.text("prepaid_purchases"),
        "consents": consents,
        "groups": groups,
        "problems": read.problems,
    }


def addresses(row: Row) -> list[dict[str, Any]]:
    """The addresses on a customer's page. What is wrong with one is no fault of the others."""
    return [
        {
            "address_id": read.id("address_id"),
            "first_name": read.text("first_name"),
            "last_name": read.text("last_name"),
            "company": read.text("company"),
            "phone": read.text("phone"),
            "address": read.text("address"),
            "zip_code": read.text("zip_code"),
            "city": read.text("city"),
            "country": read.text("country"),
            "listed": True,
            "problems": read.problems,
        }
        for read in _parts(row.get("addresses"))
    ]


def images(row: Row) -> list[dict[str, Any]]:
    """The images on a product's page, in its order."""
    return [
        {"place": place, "url": read.text("url"), "problems": read.problems}
        for place, read in enumerate(_parts(row.get("images")), 1)
    ]


def sale(row: object, store_id: int, day: str) -> dict[str, Any]:
    """A sale's header, without lines (`lines_from` is "none"); `external_reference` is null when the key is missing."""
    read = Reader(row)
    listed_under = read.link("store_id") if read.has("store_id") else store_id
    if listed_under != store_id:
        read.problem(f"store_id: the till lists it under store {store_id}, but the sale says {listed_under}")
    return {
        "sale_id": read.id("sale_id"),
        "store_id": store_id,
        "day": day,
        "customer_id": read.link(*reversed(CUSTOMER_ID)),
        "closed_at": read.text("completed_at"),
        "reference": read.text("unique_sale_id"),
        "currency": read.text("currency"),
        "total": read.text("total"),
        "external_reference": read.text("sale_ext_ref") if read.has("sale_ext_ref") else None,
        "lines": [],
        "lines_from": "none",
        "problems": read.problems,
    }


def is_closed_sale(row: object) -> bool:
    """Neither an open ticket (no closing time) nor a quote. What cannot be told counts as a sale, not to be lost."""
    if not isinstance(row, Mapping):
        return True
    closed_at = row.get("completed_at", "unknown")
    still_open = closed_at is None or (isinstance(closed_at, str) and not closed_at.strip("0-: "))
    return not still_open and whole_number(row.get("quotation")) != 1


def sold_line(row: object) -> SoldLine | None:
    """One row of `products_sold`; None when a field that a line needs is missing or cannot be read."""
    read = Reader(row)
    product_id = read.id("product_id")
    quantity_text, rate_text = read.text("quantity"), read.text("vat")
    quantity, price, rate = number(quantity_text), number(read.text("product_price")), number(rate_text)
    discount = number(read.text("discount") or "0")
    if product_id is None or quantity is None or price is None or discount is None or rate is None or not 0 <= rate < 1:
        return None
    return SoldLine(product_id, quantity, price, discount, quantity_text, rate_text, _size_of(read.row))


def detail_lines(detail: Row) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of a sale's own page, and what of them cannot be typed."""
    items = detail.get("line_items")
    if not isinstance(items, list):
        return [], [f"line_items: {shown(items)} is not a list"]
    duty_free = whole_number(detail.get("without_taxes")) == 1
    net_prices = whole_number(detail.get("prices_without_taxes")) == 1
    lines, problems = [], []
    for place, item in enumerate(in_line_order(items)):
        read = Reader(item)
        rate = "0" if duty_free else _detail_rate(read)
        lines.append(
            {
                "product_id": read.link("product_id"),
                "quantity": read.text("quantity"),
                "total": read.text("item_total_gross") or _computed_total(read, rate if net_prices else "0"),
                "tax_rate": rate,
                "size_id": _size_of(read.row),
            }
        )
        if read.problems:
            problems.append(f"line_items[{place}]: {read.problems}")
    return lines, problems


def _size_of(row: Row) -> int | None:
    """The size of a line; null when the row does not say, or not readably: no line is lost for that."""
    return whole_number(row["product_size"]) if "product_size" in row else None


def in_line_order(items: list[Any]) -> list[Any]:
    """The lines of one sale by their line id, because pages may shuffle them; as they are when one has no id."""
    ids = [key_of(*LINE_ID)(item) for item in items]
    if None in ids:
        return items
    return [item for _, item in sorted(zip(ids, items, strict=True), key=lambda pair: pair[0])]


def _detail_rate(read: Reader) -> str:
    """`vat` is a fraction; `tax_value`, its replacement where `vat` is missing, is in percent."""
    rate = read.text("vat")
    percent = number(read.text("tax_value"))
    if rate or percent is None:
        return rate
    return format((percent / 100).normalize(), "f")


def _computed_total(read: Reader, net_rate: str) -> str:
    """Quantity times unit price less the line's discount, for a line that does not say its total; "" if unreadable."""
    quantity, price, rate = number(read.text("quantity")), number(read.text("product_price")), number(net_rate)
    discount = number(read.text("item_discount_gross") or read.text("discount") or "0")
    if quantity is None or price is None or discount is None or rate is None:
        return ""
    return str(((quantity * price - discount) * (1 + rate)).quantize(CENT, ROUND_HALF_UP))
