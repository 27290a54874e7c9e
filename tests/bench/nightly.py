"""A night over many shops in which nothing has changed: whether the tills' answers are waited for, or we are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from tests.bench.command import served_accounts
from tests.bench.till import GeneratedBooks, account

SHOPS = 20
LATENCIES = (0.03, 0.2)  # seconds an answer
DAYS = 4  # of sales: the look-back, today, and one that is complete


def measure(shops: int) -> Iterator[dict[str, Any]]:
    """One row per latency: the second `connector sync` over all shops, of one small store each."""
    begin = date.today() - timedelta(days=DAYS - 1)
    books = GeneratedBooks(days=DAYS, per_day=40, customers=300, products=200, begin=begin)
    accounts = [replace(account("bench", books), account=f"bench{number}") for number in range(shops)]
    for latency in LATENCIES:
        with served_accounts(accounts, latency) as served:
            served.sync()
            night = served.sync()
        if sent := sum(row["sent"] for shop in night.shops for row in shop["entities"]):
            raise RuntimeError(f"the night was not unchanged: {sent} records were sent again")
        calls = [sum(shop["calls"].values()) for shop in night.shops]
        yield {
            "latency": latency,
            "shops": shops,
            "seconds": night.seconds,
            "cpu": night.cpu,
            "calls": sum(calls) / shops,
            "mib": night.peak / 2**20,
        }
