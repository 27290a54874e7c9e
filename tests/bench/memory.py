"""Peak memory of a first sync, over one and over ten times the rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.bench.command import served
from tests.bench.till import FIRST_DAY, GeneratedBooks

SIZES = (GeneratedBooks(days=20, per_day=200, customers=1_000), GeneratedBooks(days=200, per_day=200, customers=10_000))


def measure() -> list[dict[str, Any]]:
    """One row per size: the rows read, and the peak resident memory of the largest process, in MiB."""
    found = []
    for books in SIZES:
        with served(books) as account:
            synced = account.sync(FIRST_DAY, FIRST_DAY + timedelta(days=books.days - 1))
        read = {row["entity"]: row["read"] for row in synced.shop["entities"]}
        found.append({**read, "mib": synced.peak / 2**20, "seconds": synced.seconds})
    return found
