"""A night over many shops in which nothing has changed: whether the tills' answers are waited for, or we are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from connector.sync import SIDE_BY_SIDE
from tests.bench.command import Served, served_accounts
from tests.bench.till import GeneratedBooks, account

SHOPS = 20
LATENCIES = (0.03, 0.2, 0.5)  # seconds an answer
DAYS = 4  # of sales: the look-back, today, and one that is complete


def measure(shops: int) -> Iterator[dict[str, Any]]:
    """One row per latency: a `connector sync` with nothing to do, over all shops, of one small store each.

    `answers` is the time that they alone take, one after the other in each shop, `SIDE_BY_SIDE` shops at once.
    """
    begin = date.today() - timedelta(days=DAYS - 1)
    books = GeneratedBooks(days=DAYS, per_day=40, customers=300, products=200, begin=begin)
    accounts = [replace(account("bench", books), account=f"bench{number}") for number in range(shops)]
    with served_accounts(accounts) as served:
        served.sync()
        for latency in LATENCIES:
            served.answer_after(latency)
            yield _night(served, latency, shops)


def _night(served: Served, latency: float, shops: int) -> dict[str, Any]:
    night = served.sync()
    if sent := sum(row["sent"] for shop in night.shops for row in shop["entities"]):
        raise RuntimeError(f"the night was not unchanged: {sent} records were sent again")
    calls = [sum(shop["calls"].values()) for shop in night.shops]
    return {
        "latency": latency,
        "shops": shops,
        "seconds": night.seconds,
        "answers": sum(calls) * latency / min(shops, SIDE_BY_SIDE),
        "cpu": night.cpu,
        "calls": sum(calls) / shops,
    }
