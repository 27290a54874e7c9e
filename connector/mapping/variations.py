"""Sizes of products -> variation records, and how an order line names the one that was sold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from connector.config import Identifiers
from connector.mapping import identifiers, money
from connector.mapping.context import ShopContext
from connector.mapping.outcomes import Refusal, refusal
from connector.mapping.products import ean13, product_link, quantity
from connector.mapping.records import Records
from connector.mapping.rowwise import Row, map_rows
from connector.mapping.text import clean

Size = tuple[int, int]  # the till's product and size
NumberOf = Callable[[int, int], int | None]  # the number that was allotted to a product's size

_SIZED = pa.schema(
    [
        pa.field("place", pa.string()),  # "<product>/<size>", the till's
        pa.field("product_id", pa.int64()),
        pa.field("size_id", pa.int64()),
        pa.field("name", pa.string()),
        pa.field("barcode", pa.string()),
        pa.field("reference", pa.string()),
        pa.field("price", pa.string()),
        pa.field("promo_price", pa.string()),
        pa.field("is_default", pa.bool_()),
        pa.field("problems", pa.string()),
    ]
)
_FIELDS = {
    "size_id": "variation_id",
    "product_id": "product_id",
    "size_name": "name",
    "barcode": "ean13",
    "product_price": "price",
    "product_discount_price": "price_discount",
    "product_supplier_reference": "reference",
}


def sizes_of(products: pa.Table) -> list[Size]:
    """The sizes of `connector.pos.rows.PRODUCTS` that can have a variation, by product and size."""
    sizes = {
        (product["product_id"], size["size_id"])
        for product in _listed(products)
        for size in product["sizes"]
        if identifiers.is_pos_id(product["product_id"]) and identifiers.is_pos_id(size["size_id"])
    }
    return sorted(sizes)


def map_variations(
    ctx: ShopContext, products: pa.Table, stock: Mapping[Size, int | None], number_of: NumberOf
) -> pa.Table:
    """`connector.pos.rows.PRODUCTS` -> `RECORDS`, one per product and size of those that the till lists.

    A size without stock rows has none left. `number_of` knows every size of `sizes_of`.
    """

    def external_id(row: Row) -> str:
        product_id, size_id = row["product_id"], row["size_id"]
        identifiers.number_id(ctx.identifiers, "product_id", product_id)
        if not identifiers.is_pos_id(size_id) or (number := number_of(product_id, size_id)) is None:
            raise refusal("variation_id", Refusal.BAD_ID, size_id if size_id is not None else "none")
        return str(identifiers.variation_id(ctx.identifiers, number))

    def add(records: Records, name: str, row: Row) -> None:
        records.send(name, _payload(ctx, int(name), row, stock))

    return map_rows(pa.Table.from_pylist(list(_sized(products)), schema=_SIZED), "place", external_id, add, _FIELDS)


class NamedSizes:
    """The variations that order lines name. What a line could not be given is kept, to be told."""

    def __init__(self, ids: Identifiers, number_of: NumberOf, has_sizes: Callable[[int], bool]) -> None:
        self._ids, self._number_of, self._has_sizes = ids, number_of, has_sizes
        self.unknown: set[Size] = set()  # sold, and not in the catalogue as it was last read
        self.unsaid: set[int] = set()  # products with sizes, of which a line does not say which one

    def id_of(self, product_id: int, size_id: int | None) -> int | None:
        """The integer id of the variation; None where the line is of no size, or of one that is not known."""
        if size_id is None:
            if self._has_sizes(product_id):
                self.unsaid.add(product_id)
            return None
        if size_id == 0:
            return None
        number = self._number_of(product_id, size_id)
        if number is None:
            self.unknown.add((product_id, size_id))
            return None
        return identifiers.variation_id(self._ids, number)


def _listed(products: pa.Table) -> Iterator[Row]:
    """The products that the till lists; those of a file from before sizes were read have none."""
    for row in products.to_pylist():
        if row["listed"] is not False:
            yield {**row, "sizes": row.get("sizes") or []}


def _sized(products: pa.Table) -> Iterator[Row]:
    for product in _listed(products):
        seen: set[int | None] = set()
        lowest = min((size["size_id"] for size in product["sizes"] if size["size_id"]), default=None)
        for size in product["sizes"]:
            size_id = size["size_id"]
            if size_id is not None and size_id in seen:  # the till repeats itself
                continue
            seen.add(size_id)
            yield {
                **{name: product[name] for name in ("product_id", "reference", "price", "promo_price")},
                "place": f"{product['product_id']}/{size_id}",
                "size_id": size_id,
                "name": size["name"],
                "barcode": size["barcode"],
                "is_default": size_id == lowest,
                "problems": size["problems"] or product["problems"],
            }


def _payload(ctx: ShopContext, variation_id: int, row: Row, stock: Mapping[Size, int | None]) -> dict[str, Any]:
    name = clean(row["name"])
    if not name:
        raise refusal("name", Refusal.EMPTY_NAME)
    price = money.cents("price", row["price"])
    if price < 0:
        raise refusal("price", Refusal.NEGATIVE_PRICE, row["price"])
    promo_price = money.cents_or_none("price_discount", row["promo_price"]) or 0
    product_id = row["product_id"]
    return {
        "variation_id": variation_id,
        "product_id": str(identifiers.number_id(ctx.identifiers, "product_id", product_id)),
        "lang": ctx.lang,
        "name": name,
        "reference": clean(row["reference"]) or None,
        "ean13": ean13(row["barcode"]),
        "link": product_link(ctx, product_id),
        "image_link": None,
        "price": money.number(price),
        "price_discount": money.number(promo_price) if 0 < promo_price < price else None,
        "quantity_remaining": quantity(stock.get((product_id, row["size_id"]), 0)),
        "is_default": row["is_default"] is True,
    }
