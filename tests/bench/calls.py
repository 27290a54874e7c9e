"""Calls to the Hiboutik API that a full sync makes per 1,000 sales, next to one call per sale."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.sandbox.till_switches import TillSwitches
from tests.bench.command import served
from tests.bench.till import FIRST_DAY, GeneratedBooks

DAYS = 30
BOOKS = GeneratedBooks(days=DAYS, per_day=100, customers=1_000, anonymous=0.25)


def measure() -> list[dict[str, Any]]:
    """One row per reading of `products_sold` that a till may have: of the price of one piece, or of the whole line."""
    found = []
    for price in ("unit", "line"):
        with served(BOOKS, switches=TillSwitches.model_validate({"products_sold_price": price})) as account:
            synced = account.sync(FIRST_DAY, FIRST_DAY + timedelta(days=DAYS - 1))
        sales = sum(row["read"] for row in synced.shop["entities"] if row["entity"] == "orders")
        calls = synced.shop["calls"]["hiboutik"]
        found.append(
            {
                "price": price,
                "sales": sales,
                "calls": calls,
                "per_1000": calls / sales * 1000,
                "one_per_sale": (sales + DAYS) / sales * 1000,  # each sale's own page, and the list of each day
            }
        )
    return found
