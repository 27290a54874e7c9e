"""The Arrow schema of every kind of row that a till gives, whatever its system.

Identifiers and flags are whole numbers; money, quantities, rates, dates and times are text exactly as the till wrote
them, because only `connector.mapping` reads them and a value that cannot be read must end as a refused record, not as
an error here. Text is `""` when the till has none. `problems` is null, or says what of a row could not even be typed
(`customers_id: 'abc' is not a whole number`); such a row is kept, so that it can be refused with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

_PROBLEMS = pa.field("problems", pa.string())
ERASED = "erased"  # the `problems` of a customer's row of which nothing else is kept, because he was erased

STORES = pa.schema(
    [
        pa.field("store_id", pa.int64()),
        pa.field("name", pa.string()),
        pa.field("currency", pa.string()),
        pa.field("time_zone", pa.string()),
        pa.field("warehouse_id", pa.int64()),
        _PROBLEMS,
    ]
)

CATEGORIES = pa.schema(
    [
        pa.field("category_id", pa.int64()),
        pa.field("parent_id", pa.int64()),
        pa.field("name", pa.string()),
        pa.field("enabled", pa.bool_()),
        _PROBLEMS,
    ]
)

BRANDS = pa.schema(
    [pa.field("brand_id", pa.int64()), pa.field("name", pa.string()), pa.field("enabled", pa.bool_()), _PROBLEMS]
)

SIZE = pa.struct(
    [
        pa.field("size_id", pa.int64()),
        pa.field("name", pa.string()),
        pa.field("barcode", pa.string()),
        _PROBLEMS,  # of this size only: the product itself can be read
    ]
)

PRODUCTS = pa.schema(
    [
        pa.field("product_id", pa.int64()),
        pa.field("name", pa.string()),
        pa.field("description", pa.string()),
        pa.field("barcode", pa.string()),
        pa.field("reference", pa.string()),
        pa.field("price", pa.string()),  # with tax, as on the shelf
        pa.field("promo_price", pa.string()),  # "0.00" = none
        pa.field("category_id", pa.int64()),  # 0 = none
        pa.field("brand_id", pa.int64()),  # 0 = none
        pa.field("archived", pa.bool_()),
        pa.field("updated_at", pa.string()),
        pa.field("sizes", pa.list_(SIZE)),
        pa.field("listed", pa.bool_()),  # false: it was in an earlier list and is gone from this one
        _PROBLEMS,
    ]
)

STOCK = pa.schema(
    [
        pa.field("product_id", pa.int64()),
        pa.field("size_id", pa.int64()),
        pa.field("warehouse_id", pa.int64()),
        pa.field("available", pa.string()),
        _PROBLEMS,
    ]
)

CUSTOMERS = pa.schema(
    [
        pa.field("customer_id", pa.int64()),
        pa.field("first_name", pa.string()),
        pa.field("last_name", pa.string()),
        pa.field("email", pa.string()),
        pa.field("phone", pa.string()),
        pa.field("country", pa.string()),
        pa.field("birth_date", pa.string()),
        pa.field("last_order_date", pa.string()),
        pa.field("loyalty_points", pa.string()),
        pa.field("store_credit", pa.string()),
        pa.field("prepaid_balance", pa.string()),
        pa.field("consents", pa.bool_()),  # what the shop's consent rule found; false when there is no rule
        pa.field(
            "groups", pa.list_(pa.int64())
        ),  # by the rule `customer_groups`; null: no rule, or the row does not say
        _PROBLEMS,
    ]
)

CUSTOMER_GROUPS = pa.schema([pa.field("group_id", pa.int64()), pa.field("name", pa.string()), _PROBLEMS])

ADDRESS = pa.struct(
    [
        pa.field("address_id", pa.int64()),
        pa.field("first_name", pa.string()),
        pa.field("last_name", pa.string()),
        pa.field("company", pa.string()),
        pa.field("phone", pa.string()),
        pa.field("address", pa.string()),  # street, in one line or several
        pa.field("zip_code", pa.string()),
        pa.field("city", pa.string()),
        pa.field("country", pa.string()),
        pa.field("listed", pa.bool_()),  # false: the customer had it and has it no more
        _PROBLEMS,  # of this address only
    ]
)

ADDRESSES = pa.schema(
    [
        pa.field("customer_id", pa.int64()),
        pa.field("addresses", pa.list_(ADDRESS)),  # null: the page was asked for, and never given
        # of the list's row when this was read, null where the page was not given the last time: see connector.reading_details
        pa.field("row_digest", pa.binary(16)),
    ]
)

IMAGE = pa.struct(
    [
        pa.field("place", pa.int64()),  # among those of the product, from 1: the till has no number for an image
        pa.field("url", pa.string()),
        _PROBLEMS,  # of this image only
    ]
)

IMAGES = pa.schema(
    [
        pa.field("product_id", pa.int64()),
        pa.field("images", pa.list_(IMAGE)),  # both as of `ADDRESSES`
        pa.field("row_digest", pa.binary(16)),
    ]
)

LINE = pa.struct(
    [
        pa.field("product_id", pa.int64()),  # 0 = no product
        pa.field("quantity", pa.string()),
        pa.field("total", pa.string()),  # of the line, with tax, as paid
        pa.field("tax_rate", pa.string()),  # a fraction: "0.20000"
        pa.field("size_id", pa.int64()),  # 0 = no size, null: the till's row does not say
    ]
)

SALES = pa.schema(
    [
        pa.field("sale_id", pa.int64()),
        pa.field("store_id", pa.int64()),
        pa.field("day", pa.string()),  # YYYY-MM-DD, the closing day it was listed under
        pa.field("customer_id", pa.int64()),  # 0 = anonymous
        pa.field("closed_at", pa.string()),  # store-local
        pa.field("reference", pa.string()),
        pa.field("currency", pa.string()),
        pa.field("total", pa.string()),
        pa.field("external_reference", pa.string()),  # null: unknown (nobody needed it), "" = none
        pa.field("lines", pa.list_(LINE)),
        # where the lines come from: "bulk" (they add up to the total), "detail" (the sale's own page),
        # "none" (not read, because the rules skip the sale or its header is refused already), "unread" (the sale's own
        # page did not come; `problems` says why, and it may come next time)
        pa.field("lines_from", pa.string()),
        _PROBLEMS,
    ]
)

TURNOVER = pa.schema(
    [
        pa.field("store_id", pa.int64()),
        pa.field("day", pa.string()),  # YYYY-MM-DD
        pa.field("sales", pa.int64()),
        pa.field("total", pa.string()),  # with tax, over all currencies
        pa.field("pieces", pa.int64()),  # sold; null where the till does not say
        _PROBLEMS,
    ]
)


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table | None:
    """The table with today's columns: those that an earlier version did not write are null. None when it has others."""
    if table.schema.equals(schema):
        return table
    columns = {name: table[name] for name in table.column_names if name in schema.names}
    if len(columns) < table.num_columns:
        return None
    try:
        return pa.table(
            [
                columns[field.name].cast(field.type) if field.name in columns else pa.nulls(table.num_rows, field.type)
                for field in schema
            ],
            schema=schema,
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None


def to_table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows (one mapping each, keys = the schema's names, absent = null) as a table of exactly that schema."""
    return pa.Table.from_pylist(list(rows), schema=schema)
