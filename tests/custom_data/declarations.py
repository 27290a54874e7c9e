"""Declarations that are right, to be used or spoilt."""

from __future__ import annotations

from typing import Any


def field(name: str, kind: str, value: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": name.title(), "type": kind, "value": value, **more}


CONTACT = field("contact_id", "number", "contact(customer_id)", required=True, relates_to="contacts")

VIP: dict[str, Any] = {
    "name": "vip_card",
    "description": "Who holds a card",
    "rows": "customers",
    "unique_keys": ["contact_id"],
    "fields": [
        CONTACT,
        field("card", "text", "concat('VIP-', customer_id)", required=True),
        field("points", "number", "default(number(loyalty_points), 0)"),
        field("spent", "decimal", "money(amount_spent)"),
        field("tier", "list", "default(country, 'none')", options=["none", "REU"]),
        field("since", "datetime", "first_order_at"),
        field("opted_in", "bool", "consents"),
    ],
}
SHELF: dict[str, Any] = {
    "name": "shelf",
    "description": "A category as a shelf",
    "rows": "categories",
    "unique_keys": ["shelf_no"],
    "fields": [field("shelf_no", "number", "category_id", required=True), field("title", "text", "upper(name)")],
}
PLACED: dict[str, Any] = {
    "name": "placed",
    "description": "On which shelf a product lies",
    "rows": "products",
    "unique_keys": ["product_id"],
    "fields": [
        field("product_id", "number", "product(product_id)", required=True, relates_to="products"),
        field("shelf", "number", "default(category_id, 1)", relates_to="shelf"),
        field("in_stock", "number", "stock"),
    ],
}
TICKET: dict[str, Any] = {
    "name": "ticket",
    "description": "A closed sale",
    "rows": "sales",
    "unique_keys": ["ticket_id"],
    "fields": [
        field("ticket_id", "text", "prefixed(sale_id)", required=True),
        field("amount", "decimal", "amount"),
        field("currency", "text", "currency"),
        field("closed_at", "datetime", "closed_at", required=True),
    ],
}
