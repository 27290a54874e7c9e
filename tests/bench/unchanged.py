"""Wall time of `connector sync` over a day that has not changed, from the start of the process to its end."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import Any

from tests.bench.command import served
from tests.bench.till import FIRST_DAY, GeneratedBooks

BOOKS = GeneratedBooks(days=1, per_day=100, stores=3, customers=1_000)
LATENCY = 0.03
REPETITIONS = 3


def measure() -> dict[str, Any]:
    """Medians in seconds: the command, and what only importing the command and its assets takes."""
    with served(BOOKS, latency=LATENCY) as account:
        account.sync(FIRST_DAY, FIRST_DAY)
        runs = [account.sync(FIRST_DAY, FIRST_DAY) for _ in range(REPETITIONS)]
    rows = runs[0].shop["entities"]
    sent = sum(row["sent"] for run in runs for row in run.shop["entities"])
    if sent:
        raise RuntimeError(f"the day was not unchanged: {sent} records were sent again")
    return {
        "seconds": median(run.seconds for run in runs),
        "imports": median(_seconds("import connector.cli, assets.launch") for _ in range(REPETITIONS)),
        "read": sum(row["read"] for row in rows),
        "calls": runs[0].shop["calls"],
    }


def _seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started
