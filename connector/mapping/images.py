"""Images of products -> image records, and the one that the product itself names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from connector.mapping import identifiers
from connector.mapping.context import ShopContext
from connector.mapping.outcomes import Refusal, Skip, refusal
from connector.mapping.records import SKIPPED, Records
from connector.mapping.rowwise import Row, map_rows
from connector.mapping.text import clean

_ROWS = pa.schema(
    [
        *(pa.field(name, pa.int64()) for name in ("product_id", "place")),
        *(pa.field(name, pa.string()) for name in ("url", "skip", "problems")),
    ]
)
_WEB_ADDRESS = re.compile(r"https?://[!-~]+\.[!-~]+")
_KEPT = "%/:?#[]@!$&'()*+,;=~"  # of an address that is written as it must be; letters and digits anyhow


def map_images(ctx: ShopContext, products: pa.Table, delivered: Collection[str], pages: pa.Table) -> pa.Table:
    """`connector.pos.rows.PRODUCTS` with their `IMAGES` -> `RECORDS`: one per image of those that the till lists, or one that
    says why a product has none. Of products whose external id is not in `delivered` no image is sent.
    """
    known = {row["product_id"]: row["images"] for row in pages.to_pylist()}

    def external_id(row: Row) -> str:
        if row["skip"]:
            return f"{ctx.identifiers.prefix}{row['product_id']}"
        return identifiers.image_id(ctx.identifiers, row["product_id"], row["place"])

    def add(records: Records, name: str, row: Row) -> None:
        if row["skip"]:
            records.leave_out(SKIPPED, name, row["skip"])
        else:
            records.send(name, _payload(ctx, name, row))

    rows = [
        each for row in products.to_pylist() if row["listed"] is not False for each in _rows(ctx, row, delivered, known)
    ]
    return map_rows(pa.Table.from_pylist(rows, _ROWS), "product_id", external_id, add, {"url": "url"})


def first_images(pages: pa.Table) -> dict[int, str]:
    """The address of the first image of each product of `IMAGES`, where it is one that can be sent."""
    columns = zip(pages["product_id"].to_pylist(), pages["images"].to_pylist(), strict=True)
    found = {product_id: _web_address(images[0]["url"]) for product_id, images in columns if images}
    return {product_id: url for product_id, url in found.items() if url}


def _rows(
    ctx: ShopContext, product: Row, delivered: Collection[str], known: Mapping[int, list[Row] | None]
) -> Iterator[dict[str, Any]]:
    product_id = product["product_id"]
    if (skip := _why_none(ctx, product, delivered, known)) is not None:
        yield {"product_id": product_id, "skip": skip}
        return
    for image in known[product_id] or ():
        yield {**image, "product_id": product_id}


def _why_none(
    ctx: ShopContext, product: Row, delivered: Collection[str], known: Mapping[int, list[Row] | None]
) -> str | None:
    """Why nothing can be sent of a product's images; None when it has some."""
    product_id = product["product_id"]
    if product["archived"]:
        return Skip.ARCHIVED_PRODUCT.value
    if not identifiers.is_pos_id(product_id) or str(ctx.identifiers.offset + product_id) not in delivered:
        return Skip.PRODUCT_NOT_DELIVERED.value
    if product_id not in known:
        return Skip.NOT_READ_YET.value
    if known[product_id] is None:
        return Skip.PAGE_NOT_GIVEN.value
    return None if known[product_id] else Skip.NO_IMAGE.value


def _payload(ctx: ShopContext, image_id: str, row: Row) -> dict[str, Any]:
    url = _web_address(row["url"])
    if url is None:
        raise refusal("url", Refusal.BAD_URL, row["url"])
    return {
        "image_id": image_id,
        "product_id": str(identifiers.number_id(ctx.identifiers, "product_id", row["product_id"])),
        "lang": ctx.lang,
        "variation_id": None,
        "url": url,
        "is_default": row["place"] == 1,
    }


def _web_address(text: str | None) -> str | None:
    """The address with what may not stand in one written as it must be; None when it is none."""
    url = quote(clean(text), safe=_KEPT)
    return url if _WEB_ADDRESS.fullmatch(url) else None
