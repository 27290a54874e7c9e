"""Products with their stock, and the miscellaneous product -> product records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from connector.mapping import identifiers, money, times, wording
from connector.mapping.context import ShopContext
from connector.mapping.currencies import currency
from connector.mapping.outcomes import Refusal, refusal
from connector.mapping.records import Records
from connector.mapping.rowwise import Row, map_rows
from connector.mapping.text import clean

_FIELDS = {
    "product_id": "product_id",
    "product_model": "name",
    "name": "name",
    "products_desc": "description",
    "description": "description",
    "product_barcode": "ean13",
    "barcode": "ean13",
    "product_supplier_reference": "reference",
    "reference": "reference",
    "product_price": "price",
    "price": "price",
    "product_discount_price": "price_discount",
    "promo_price": "price_discount",
    "product_category": "category_ids",
    "category_id": "category_ids",
    "product_brand": "manufacturer_id",
    "brand_id": "manufacturer_id",
    "product_arch": "is_active",
    "archived": "is_active",
    "updated_at": "updated_at",
}
_THIRTEEN_DIGITS = re.compile(r"[0-9]{13}")


def stock_by_product(rows: pa.Table) -> dict[int, int | None]:
    """`connector.pos.rows.STOCK` -> what of each product is there, over all warehouses and sizes, in whole pieces.

    The sum is rounded down and may be below zero. None: a row of the product cannot be read, so the sum is not known.
    """
    return {product_id: total for (product_id,), total in _sums(rows, "product_id").items()}


def stock_by_size(rows: pa.Table) -> dict[tuple[int, int], int | None]:
    """The same of each product and size, over all warehouses."""
    return {(product, size): total for (product, size), total in _sums(rows, "product_id", "size_id").items()}


def _sums(rows: pa.Table, *keys: str) -> dict[tuple[int, ...], int | None]:
    sums: dict[tuple[int, ...], Decimal | None] = {}
    columns = (rows[name].to_pylist() for name in (*keys, "available", "problems"))
    for *key, available, problems in zip(*columns, strict=True):
        if None in key:
            continue
        value = money.decimal(available) if problems is None else None
        so_far = sums.get(tuple(key), Decimal(0))
        known = value is not None and so_far is not None and abs(value) <= money.MAX_QUANTITY
        sums[tuple(key)] = so_far + value if known else None  # type: ignore[operator]
    return {key: None if total is None else int(total // 1) for key, total in sums.items()}


def map_products(
    ctx: ShopContext,
    rows: pa.Table,
    stock: Mapping[int, int | None],
    image_links: Mapping[int, str] = MappingProxyType({}),
) -> pa.Table:
    """`connector.pos.rows.PRODUCTS` -> `RECORDS`, one per product. A product without stock rows has none left.

    `image_links` has the address of the image that stands for a product, where one is known.
    A product that is gone from the till's list (`listed` false) becomes inactive and is marked `once`.
    """

    def external_id(row: Row) -> str:
        return str(identifiers.number_id(ctx.identifiers, "product_id", row["product_id"]))

    def add(records: Records, name: str, row: Row) -> None:
        payload = _payload(ctx, int(name), row, stock, image_links.get(row["product_id"]))
        records.send(name, payload, once=_vanished(row))

    return map_rows(rows, "product_id", external_id, add, _FIELDS, once=_vanished)


def map_misc_product(ctx: ShopContext) -> pa.Table:
    """`RECORDS` with the one product that stands for every line without a product. Its id is the shop's offset."""
    records = Records()
    product_id = identifiers.misc_product_id(ctx.identifiers)
    records.send(
        str(product_id),
        {
            "product_id": product_id,
            "lang": ctx.lang,
            "name": wording.misc_product(ctx.lang),
            "reference": None,
            "ean13": None,
            "description": "",
            "description_short": None,
            "link": product_link(ctx, 0),
            "image_link": None,
            "category_ids": [],
            "manufacturer_id": None,
            "currency": ctx.main_store.currency,
            "price": 0,
            "price_discount": 0,
            "quantity_remaining": 0,
            "is_active": True,
            "created_at": ctx.first_day_at,
            "updated_at": ctx.first_day_at,
        },
    )
    return records.table()


def _payload(
    ctx: ShopContext, product_id: int, row: Row, stock: Mapping[int, int | None], image_link: str | None
) -> dict[str, Any]:
    name = clean(row["name"])
    if not name:
        raise refusal("name", Refusal.EMPTY_NAME)
    price = money.cents("price", row["price"])
    if price < 0:
        raise refusal("price", Refusal.NEGATIVE_PRICE, row["price"])
    promo_price = money.cents_or_none("price_discount", row["promo_price"]) or 0
    category_id, brand_id = row["category_id"], row["brand_id"]
    changed = times.moment("updated_at", row["updated_at"], ctx.main_zone)
    changed_at = changed.iso if changed else ctx.first_day_at
    return {
        "product_id": product_id,
        "lang": ctx.lang,
        "name": name,
        "reference": clean(row["reference"]) or None,
        "ean13": ean13(row["barcode"]),
        "description": clean(row["description"]),
        "description_short": None,
        "link": product_link(ctx, row["product_id"]),
        "image_link": image_link,
        "category_ids": ([identifiers.number_id(ctx.identifiers, "category_ids", category_id)] if category_id else []),
        "manufacturer_id": identifiers.text_id(ctx.identifiers, "manufacturer_id", brand_id) if brand_id else None,
        "currency": currency("currency", ctx.main_store.currency),
        "price": money.number(price),
        "price_discount": money.number(promo_price if promo_price > 0 else price),
        "quantity_remaining": quantity(stock.get(row["product_id"], 0)),
        "is_active": not (row["archived"] or _vanished(row)),
        "created_at": changed_at,
        "updated_at": changed_at,
    }


def _vanished(row: Row) -> bool:
    return row["listed"] is False


def product_link(ctx: ShopContext, product_id: int) -> str:
    """The address of a product's page, by the rule."""
    link = ctx.rules.product_link.replace("{account}", ctx.account)
    return link.replace("{product_id}", str(product_id))


def ean13(barcode: str | None) -> str | None:
    """The barcode when it is an EAN-13: thirteen digits, the last of which makes the weighted sum a multiple of ten."""
    digits = clean(barcode)
    if not _THIRTEEN_DIGITS.fullmatch(digits):
        return None
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits if weighted % 10 == 0 else None


def quantity(stock: int | None) -> int:
    """What is left, at least 0. Raises `Refused` when it is not known."""
    if stock is None or stock > money.MAX_QUANTITY:
        raise refusal("quantity_remaining", Refusal.BAD_QUANTITY, stock)
    return max(stock, 0)
