"""The kinds of rows of which custom data can be made: their columns, and what else a declaration may say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector.config_expressions import ValueType as T

Columns = Mapping[str, T]


@dataclass(frozen=True)
class RowKind:
    """`key` is the column that names a row. `lists` are the till's lists that it is made of, as the lake calls them.

    `sources` are the data sources that may tag its records, the usual one first. Of a kind that is `of_customers` only
    rows of customers whom ShopiMind has become records, whatever the declaration relates to.
    """

    columns: Columns
    key: str
    lists: tuple[str, ...]
    sources: tuple[str, ...] = ("parent",)
    of_customers: bool = False


_CUSTOMER_LISTS = ("pos_customers", "pos_new_customers")
_PRODUCT_LISTS = ("pos_products", "pos_stock")

ROW_KINDS: Mapping[str, RowKind] = {
    "customers": RowKind(
        {
            "customer_id": T.WHOLE,
            "first_name": T.TEXT,
            "last_name": T.TEXT,
            "email": T.TEXT,
            "phone": T.TEXT,
            "country": T.TEXT,
            "birth_date": T.TEXT,
            "last_order_date": T.TEXT,
            "loyalty_points": T.TEXT,
            "store_credit": T.TEXT,
            "prepaid_balance": T.TEXT,
            "consents": T.BOOL,
            "home_store_id": T.WHOLE,
            "orders_count": T.WHOLE,
            "amount_spent": T.DECIMAL,
            "first_order_at": T.DATETIME,
            "last_order_at": T.DATETIME,
        },
        "customer_id",
        _CUSTOMER_LISTS,
        ("home_store", "parent"),
        of_customers=True,
    ),
    "customer_stores": RowKind(
        {
            "customer_id": T.WHOLE,
            "store_id": T.WHOLE,
            "orders_count": T.WHOLE,
            "amount_spent": T.DECIMAL,
            "currency": T.TEXT,
            "first_order_at": T.DATETIME,
            "last_order_at": T.DATETIME,
        },
        "customer_id",
        _CUSTOMER_LISTS,
        ("store", "parent"),
        of_customers=True,
    ),
    "products": RowKind(
        {
            "product_id": T.WHOLE,
            "name": T.TEXT,
            "description": T.TEXT,
            "barcode": T.TEXT,
            "reference": T.TEXT,
            "price": T.TEXT,
            "promo_price": T.TEXT,
            "category_id": T.WHOLE,
            "brand_id": T.WHOLE,
            "archived": T.BOOL,
            "updated_at": T.TEXT,
            "stock": T.WHOLE,
        },
        "product_id",
        _PRODUCT_LISTS,
    ),
    "product_stores": RowKind(
        {"product_id": T.WHOLE, "store_id": T.WHOLE, "warehouse_id": T.WHOLE, "available": T.WHOLE},
        "product_id",
        _PRODUCT_LISTS,
        ("store", "parent"),
    ),
    "stock": RowKind(
        {"product_id": T.WHOLE, "size_id": T.WHOLE, "warehouse_id": T.WHOLE, "available": T.TEXT},
        "product_id",
        _PRODUCT_LISTS,
    ),
    "sales": RowKind(
        {
            "sale_id": T.WHOLE,
            "store_id": T.WHOLE,
            "day": T.TEXT,
            "customer_id": T.WHOLE,
            "closed_at": T.DATETIME,
            "amount": T.DECIMAL,
            "currency": T.TEXT,
            "kind": T.TEXT,
            "sent": T.BOOL,
        },
        "sale_id",
        _CUSTOMER_LISTS,
        ("store", "parent"),
    ),
    "categories": RowKind(
        {"category_id": T.WHOLE, "parent_id": T.WHOLE, "name": T.TEXT, "enabled": T.BOOL},
        "category_id",
        ("pos_categories",),
    ),
    "brands": RowKind(
        {"brand_id": T.WHOLE, "name": T.TEXT, "enabled": T.BOOL},
        "brand_id",
        ("pos_brands",),
    ),
    "stores": RowKind(
        {"store_id": T.WHOLE, "name": T.TEXT, "currency": T.TEXT, "time_zone": T.TEXT, "warehouse_id": T.WHOLE},
        "store_id",
        ("pos_stores",),
        ("store", "parent"),
    ),
}
