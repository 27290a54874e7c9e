"""Categories, brands and the order status -> the reference data that products and orders point to."""

from __future__ import annotations

import pyarrow as pa

from connector.mapping import identifiers, wording
from connector.mapping.context import ShopContext
from connector.mapping.outcomes import Refusal, refusal
from connector.mapping.records import Records
from connector.mapping.rowwise import Row, map_rows
from connector.mapping.text import clean

_CATEGORY_FIELDS = {
    "category_id": "category_id",
    "category_id_parent": "parent_category_id",
    "parent_id": "parent_category_id",
    "category_name": "name",
    "name": "name",
    "category_enabled": "is_active",
    "enabled": "is_active",
}
_BRAND_FIELDS = {
    "brand_id": "manufacturer_id",
    "brand_name": "name",
    "name": "name",
    "brand_enabled": "is_active",
    "enabled": "is_active",
}

_GROUP_FIELDS = {"group_id": "group_id", "tag_id": "group_id", "list_id": "group_id", "tag": "name", "name": "name"}


def map_categories(ctx: ShopContext, rows: pa.Table) -> pa.Table:
    """`connector.pos.rows.CATEGORIES` -> `RECORDS`, one per category."""

    def external_id(row: Row) -> str:
        return str(identifiers.number_id(ctx.identifiers, "category_id", row["category_id"]))

    def add(records: Records, name: str, row: Row) -> None:
        parent = row["parent_id"]
        records.send(
            name,
            {
                "category_id": int(name),
                "lang": ctx.lang,
                "name": _name(row),
                "description": "",
                "parent_category_id": (
                    identifiers.number_id(ctx.identifiers, "parent_category_id", parent) if parent else None
                ),
                "link": f"{ctx.website}/?category_id={row['category_id']}",
                "is_active": row["enabled"] is not False,
                "created_at": ctx.first_day_at,
                "updated_at": ctx.first_day_at,
            },
        )

    return map_rows(rows, "category_id", external_id, add, _CATEGORY_FIELDS)


def map_brands(ctx: ShopContext, rows: pa.Table) -> pa.Table:
    """`connector.pos.rows.BRANDS` -> `RECORDS` of the entity `manufacturers`, one per brand."""

    def external_id(row: Row) -> str:
        return identifiers.text_id(ctx.identifiers, "manufacturer_id", row["brand_id"])

    def add(records: Records, name: str, row: Row) -> None:
        records.send(
            name,
            {
                "manufacturer_id": name,
                "name": _name(row),
                "is_active": row["enabled"] is not False,
                "created_at": ctx.first_day_at,
                "updated_at": ctx.first_day_at,
            },
        )

    return map_rows(rows, "brand_id", external_id, add, _BRAND_FIELDS)


def map_customer_groups(ctx: ShopContext, rows: pa.Table) -> pa.Table:
    """`connector.pos.rows.CUSTOMER_GROUPS` -> `RECORDS`, one per group."""

    def external_id(row: Row) -> str:
        return identifiers.text_id(ctx.identifiers, "group_id", row["group_id"])

    def add(records: Records, name: str, row: Row) -> None:
        records.send(
            name,
            {
                "group_id": name,
                "lang": ctx.lang,
                "name": _name(row),
                "created_at": ctx.first_day_at,
                "updated_at": ctx.first_day_at,
            },
        )

    return map_rows(rows, "group_id", external_id, add, _GROUP_FIELDS)


def map_order_status(ctx: ShopContext) -> pa.Table:
    """`RECORDS` with the one status that every order has: a sale is read only when it is closed."""
    records = Records()
    status_id = identifiers.status_id(ctx.identifiers)
    records.send(
        status_id,
        {
            "status_id": status_id,
            "lang": ctx.lang,
            "name": wording.completed_status(ctx.lang),
            "is_deleted": False,
            "created_at": ctx.first_day_at,
            "updated_at": ctx.first_day_at,
        },
    )
    return records.table()


def _name(row: Row) -> str:
    name = clean(row["name"])
    if not name:
        raise refusal("name", Refusal.EMPTY_NAME)
    return name
