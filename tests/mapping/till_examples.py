"""Ordinary rows of a till and an ordinary shop; every example says only what it is about."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pyarrow as pa

from connector.config import Identifiers, Rules
from connector.mapping.context import ShopContext, StoreInfo
from connector.mapping.known_customers import KnownCustomers
from connector.mapping.orders import MappedSales, map_orders
from connector.pos import rows

PARIS = StoreInfo(1, "Lyon", "EUR", "Europe/Paris")
REUNION = StoreInfo(3, "Saint-Denis", "EUR", "Indian/Reunion")
GENEVA = StoreInfo(5, "Genève", "CHF", "Europe/Zurich")


def shop(*stores: StoreInfo, **rules: Any) -> ShopContext:
    """A shop with the stores 1 (Paris), 3 (La Réunion) and 5 (Geneva), and these rules."""
    return ShopContext(
        key="maison-lea",
        account="maison-lea",
        website="https://maison-lea.hiboutik.com",
        lang="fr",
        country="FR",
        label="Maison Léa",
        identifiers=Identifiers(prefix="ml_", offset=900_000_000),
        rules=Rules(**rules),
        first_day=date(2024, 1, 1),
        stores=stores or (PARIS, REUNION, GENEVA),
    )


def customer(**changes: Any) -> dict[str, Any]:
    return {
        "customer_id": 5,
        "first_name": "Claire",
        "last_name": "Martin",
        "email": "claire.martin@example.org",
        "phone": "06 12 34 56 78",
        "country": "FRA",
        "birth_date": "1987-03-14",
        "last_order_date": "2024-06-28",
        "loyalty_points": "101",
        "store_credit": "12.50",
        "prepaid_balance": "0.00",
        "consents": False,
        "groups": None,
        "problems": None,
        **changes,
    }


def product(**changes: Any) -> dict[str, Any]:
    return {
        "product_id": 1204,
        "name": "Marinière col rond",
        "description": "Coton bio",
        "barcode": "2430000012044",
        "reference": "MAR-01",
        "price": "39.00",
        "promo_price": "0.00",
        "category_id": 12,
        "brand_id": 3,
        "archived": False,
        "updated_at": "2025-02-25 11:43:36",
        "sizes": [],
        "listed": True,
        "problems": None,
        **changes,
    }


def line(
    product_id: int | None = 1204,
    total: str = "39.00",
    quantity: str = "1",
    rate: str = "0.20000",
    size_id: int | None = 0,
) -> dict[str, Any]:
    return {"product_id": product_id, "quantity": quantity, "total": total, "tax_rate": rate, "size_id": size_id}


def sale(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "sale_id": 42,
        "store_id": 1,
        "day": "2024-06-05",
        "customer_id": 5,
        "closed_at": "2024-06-05 11:22:32",
        "reference": "2024-06-1-1",
        "currency": "EUR",
        "total": "39.00",
        "external_reference": "",
        "lines": list(lines) if lines else [line()],
        "lines_from": "bulk",
        "problems": None,
        **changes,
    }


def known(*customers: dict[str, Any]) -> KnownCustomers:
    found = KnownCustomers()
    found.add(rows.to_table(customers or [customer()], rows.CUSTOMERS))
    return found


def mapped(
    ctx: ShopContext, *sales: dict[str, Any], customers: KnownCustomers | None = None, first_closed: Any = None
) -> MappedSales:
    return map_orders(ctx, rows.to_table(sales, rows.SALES), customers or known(), first_closed or {})


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Records with their payload as it would be read from the wire."""
    found = table.to_pylist()
    for record in found:
        record["payload"] = orjson.loads(record["payload"]) if record["payload"] else None
    return found


def the_order(ctx: ShopContext, one_sale: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The payload of a sale that is sent."""
    (record,) = records(mapped(ctx, one_sale, **more).records)
    assert record["outcome"] == "send", record["reason"]
    return record["payload"]


def outcome(ctx: ShopContext, one_sale: dict[str, Any], **more: Any) -> tuple[str, str | None, str | None]:
    """Outcome, field and reason of a sale."""
    (record,) = records(mapped(ctx, one_sale, **more).records)
    return record["outcome"], record["field"], record["reason"]
