"""The custom data that a shop can have by its name alone, declared in the very terms of `shops.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Declared = Mapping[str, Any]


def _field(name: str, label: str, kind: str, value: str, **more: Any) -> Declared:
    return {"name": name, "label": label, "type": kind, "value": value, **more}


POS_STORE_ACTIVITY: Declared = {
    "name": "pos_store_activity",
    "description": "What a customer bought in each store of the point of sale",
    "rows": "customer_stores",
    "unique_keys": ["contact_id", "store_id"],
    "fields": [
        _field("contact_id", "Contact", "number", "contact(customer_id)", required=True, relates_to="contacts"),
        _field("store_id", "Store id", "number", "store_id", required=True),
        _field("store", "Store", "text", "store_name(store_id)"),
        _field("orders_count", "Orders in this store", "number", "orders_count"),
        _field("amount_spent", "Amount spent in this store", "decimal", "amount_spent"),
        _field("currency", "Currency", "text", "currency"),
        _field("first_order_at", "First order in this store", "datetime", "first_order_at"),
        _field("last_order_at", "Last order in this store", "datetime", "last_order_at"),
    ],
}

POS_STOCK: Declared = {
    "name": "pos_stock",
    "description": "What of a product is available in each store of the point of sale",
    "rows": "product_stores",
    "unique_keys": ["product_id", "store_id"],
    "fields": [
        _field("product_id", "Product", "number", "product(product_id)", required=True, relates_to="products"),
        _field("store_id", "Store id", "number", "store_id", required=True),
        _field("store", "Store", "text", "store_name(store_id)"),
        _field("available", "Available", "number", "available", required=True),
    ],
}

BUILT_INS: Mapping[str, Declared] = {each["name"]: each for each in (POS_STORE_ACTIVITY, POS_STOCK)}
