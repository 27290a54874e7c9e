"""Tills small enough to be read whole in a second: their books are made here, on days that end today."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connector.sandbox.accounts import MemoryBooks, Row, TillAccount

DAYS = 7  # the shop's first day and today included
PRODUCTS, CUSTOMERS = 6, 8


def today() -> date:
    """The store-local day of every store here."""
    return datetime.now(ZoneInfo("Europe/Paris")).date()


def days_ago(number: int) -> str:
    """`YYYY-MM-DD` of a store-local day."""
    return (today() - timedelta(days=number)).isoformat()


def store(store_id: int, name: str, **more: Any) -> Row:
    return {
        "store_id": store_id,
        "store_name": name,
        "store_warehouse_id": store_id,
        "store_default_currency": "EUR",
        "store_time_zone": "Europe/Paris",
    } | more


def product(product_id: int, **more: Any) -> Row:
    return {
        "product_id": product_id,
        "product_model": f"Pull {product_id}",
        "product_price": f"{10 * product_id}.00",
        "product_category": 1,
        "product_brand": 1,
        "product_vat": 1,
        "updated_at": "2026-01-15 10:00:00",
    } | more


def customer(customer_id: int, **more: Any) -> Row:
    return {
        "customers_id": customer_id,
        "last_name": f"Nom{customer_id}",
        "first_name": "Camille",
        "email": f"camille.{customer_id}@example.org",
        "country": "FRA",
        "loyalty_points": customer_id,
    } | more


def line(product_id: int = 1, **more: Any) -> Row:
    return {
        "product_id": product_id,
        "quantity": 1,
        "product_price": f"{10 * product_id or 5}.00",
        "vat": "0.20000",
    } | more


def sale(sale_id: int, store_id: int, day: str, customer_id: int, *lines: Row, **more: Any) -> Row:
    """A closed sale; its total is that of its lines."""
    items = [{"line_item_id": sale_id * 10 + n, "product_size": 0} | each for n, each in enumerate(lines or (line(),))]
    total = sum(float(item["product_price"]) * item["quantity"] for item in items)
    at = f"{day} {9 + sale_id % 9:02d}:{sale_id % 60:02d}:00"
    return {
        "sale_id": sale_id,
        "created_at": at,
        "completed_at": at,
        "date_z": int(day.replace("-", "")),
        "store_id": store_id,
        "vendor_id": 1,
        "unique_sale_id": f"{day[:7]}-{store_id}-{sale_id}",
        "customer_id": customer_id,
        "currency": "EUR",
        "total": f"{total:.2f}",
        "payment": "CB",
        "line_items": items,
    } | more


def usual_rows(stores: list[Row]) -> dict[str, list[Row]]:
    return {
        "stores": stores,
        "users": [{"user_id": 1, "user_last_name": "Vendeuse"}],
        "taxes": [{"tax_id": 1, "tax_name": "TVA", "tax_value": "0.20000"}],
        "categories": [{"category_id": 1, "category_name": "Mode"}],
        "brands": [{"brand_id": 1, "brand_name": "Maison"}],
        "products": [product(number) for number in range(1, PRODUCTS + 1)],
        "stock": [
            {"product_id": number, "product_size": 0, "warehouse_id": 1, "stock_available": 5}
            for number in range(1, PRODUCTS + 1)
        ],
        "customers": [customer(number) for number in range(1, CUSTOMERS + 1)],
    }


def usual_sales(stores: list[Row]) -> list[Row]:
    """On each of the last seven days two sales per store, by customers who mostly go to one store."""
    sales = []
    number = 100
    for ago in range(DAYS - 1, -1, -1):
        for at in stores:
            for turn in range(2):
                number += 1
                customer_id = 1 + (at["store_id"] + 2 * turn + (ago if turn else 0)) % CUSTOMERS
                sales.append(sale(number, at["store_id"], days_ago(ago), customer_id, line(1 + number % PRODUCTS)))
    return sales


def account(
    name: str, offset: int, stores: list[Row], sales: list[Row] | None = None, **kinds: list[Row]
) -> TillAccount:
    """An account named `name`; `kinds` replaces whole kinds of its rows."""
    return TillAccount(
        account=name,
        login="ops@example.org",
        api_key=f"key-of-{name}",
        oauth_token=f"token-of-{name}",
        label=name.title(),
        lang="fr",
        country="FR",
        prefix=f"{name[0]}_",
        offset=offset,
        first_day=today() - timedelta(days=DAYS - 1),
        books=MemoryBooks(usual_rows(stores) | kinds, usual_sales(stores) if sales is None else sales),
    )


def alpha(**changes: Any) -> TillAccount:
    """Two stores, 28 sales."""
    return account("alpha", 100_000_000, [store(1, "Lyon"), store(2, "Nice")], **changes)


def crowded(name: str = "alpha") -> TillAccount:
    """`alpha` with 620 customers and 600 sales: several chunks of each."""
    stores = [store(1, "Lyon"), store(2, "Nice")]
    customers = [customer(number) for number in range(1, 621)]
    sales = [
        sale(1000 + number, 1 + number % 2, days_ago(number % DAYS), 1 + number % 620, line(1 + number % PRODUCTS))
        for number in range(600)
    ]
    return replace(account(name, 100_000_000, stores, sales, customers=customers), label="Crowded")


def beta(**changes: Any) -> TillAccount:
    """One store, 14 sales; its till's ids are those of `alpha` again."""
    return account("beta", 200_000_000, [store(1, "Lille")], **changes)
