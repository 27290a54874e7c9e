"""The first `connector sync` of a large account: whether time stays in proportion to the records, and memory flat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from tests.bench.command import served
from tests.bench.till import FIRST_DAY, GeneratedBooks

SIZES = (100_000, 500_000, 1_000_000)  # records
STORES, PER_DAY = 20, 200  # so that a day is the same size in every account, and only their number grows


def measure(sizes: Iterable[int]) -> Iterator[dict[str, Any]]:
    """One row per size: about four fifths orders, a tenth customers, a tenth their loyalty profiles."""
    for size in sizes:
        books = GeneratedBooks(
            days=max(1, round(size * 0.8 / (STORES * PER_DAY))), per_day=PER_DAY, stores=STORES, customers=size // 10
        )
        with served(books) as account:
            synced = account.sync(FIRST_DAY, FIRST_DAY + timedelta(days=books.days - 1))
        sent = sum(row["sent"] for row in synced.shop["entities"])
        yield {
            "records": sent,
            "seconds": synced.seconds,
            "per_second": sent / synced.seconds,
            "mib": synced.peak / 2**20,
            "calls": synced.shop["calls"],
        }
