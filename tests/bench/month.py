"""The calls of a month of nightly syncs, shop by shop: what is asked of a till of that size, by kind of call.

Measured are two weeks, in which every list that is read at intervals has its turn as often as in any other two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.bench.nights import NIGHT, BooksSoFar, nights
from tests.bench.till import GeneratedBooks, account

ZONE = ZoneInfo("Europe/Paris")
FIRST = date(2026, 4, 8)  # after a first sync on the night before
NIGHTS, MONTH = 14, 30  # those measured, and those told
CALLS = 10_000  # a store and month

KINDS = {"customers": "lists", "products": "lists", "customer": "single customers", "reports": "turnover"}
KINDS |= {"closed_sales": "sales", "products_sold": "sales", "sales": "sales"}
SMALL = "small lists"  # stores, categories, brands, stock
COUNTED = ("lists", SMALL, "single customers", "sales", "turnover")


@dataclass(frozen=True)
class Size:
    """A shop, with about 40 sales a day and store, of which a tenth name no customer."""

    stores: int
    customers: int
    products: int


SIZES = (Size(1, 1_000, 500), Size(1, 8_000, 5_000), Size(3, 20_000, 5_000), Size(1, 50_000, 5_000))


def measure() -> Iterator[dict[str, Any]]:
    """One row per size: calls a month by kind, and their share of the quota."""
    for size in SIZES:
        before = FIRST - timedelta(days=1)
        generated = GeneratedBooks(
            days=NIGHTS + 3, per_day=40, stores=size.stores, customers=size.customers, products=size.products,
            anonymous=0.1, begin=FIRST - timedelta(days=3),
        )  # fmt: skip
        books = BooksSoFar(generated, datetime.combine(before, NIGHT))
        asked = Counter[str]()
        with nights(account("month", generated), books, ZONE) as shop:
            shop.read(before)
            for number in range(NIGHTS):
                paths = shop.read(FIRST + timedelta(days=number))
                asked.update(KINDS.get(path.split("/")[0], SMALL) for path in paths)
        month = Counter({kind: round(number * MONTH / NIGHTS) for kind, number in asked.items()})
        yield {"size": size, "calls": month, "share": month.total() / (CALLS * size.stores)}
