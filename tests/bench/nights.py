"""A shop's nights one after another, at a clock of their own: whole syncs in this process, over a till that follows that clock."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import dagster as dg

from assets.builder import sync_job_name
from assets.definitions import definitions_of
from assets.instance import open_instance
from assets.launch import Launcher
from assets.shop import DUE_ONLY, names_for, range_tags
from connector.config import SHOPS_VARIABLE, load_shops
from connector.sandbox.accounts import Books, Row, TillAccount
from connector.sandbox.serve import Sandbox
from connector.shop_run import ShopRun, State, no_progress
from connector.sync_request import SyncRequest
from connector.window import asked_window

NIGHT = time(3, 15)  # as the schedule `nightly_<shop>`


@dataclass
class BooksSoFar:
    """The books of a till as they are at `now`, store-local: without the sales that are closed later."""

    books: Books
    now: datetime

    def sales_of_day(self, store_id: int, day: date, dated_by: str) -> Iterable[Row]:
        return [sale for sale in self.books.sales_of_day(store_id, day, dated_by) if self.is_there(sale)]

    def is_there(self, sale: Row) -> bool:
        return datetime.fromisoformat(sale["completed_at"]) <= self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(self.books, name)


@dataclass
class Nights:
    """The shop of `account`, whose `books` say what time it is."""

    account: str
    books: BooksSoFar
    sandbox: Sandbox
    shops_file: Path

    def sync(self, on: date) -> list[str]:
        """The night's sync; what it asked of the till, e.g. `closed_sales/1/2026/11/23`. Raises `RuntimeError` if it fails."""
        with self._asked(on) as paths, Launcher() as launcher:
            (shop,) = load_shops(self.shops_file)
            _, report = launcher.launch(SyncRequest(shop), no_progress)
        if report["status"] != "delivered":
            raise RuntimeError(f"the sync of {on} ended as {report['status']}: {report['message']}")
        return paths

    def read(self, on: date) -> list[str]:
        """The same, of which only the orders are delivered: what is asked of the till is that of a whole sync, in less time."""
        (shop,) = load_shops(self.shops_file)
        everything = names_for(shop, ())
        names = names_for(shop, ("orders",)) | {n for n in everything if n.startswith("pos_") and n != "pos_profiles"}
        with self._asked(on) as paths, closing(State.open()) as state, open_instance() as instance:
            days = asked_window(ShopRun(shop, state, run_id="window"), None, None)
            definitions = definitions_of([shop], opened_from=days[0], opened_to=days[1], pooled=False)
            result = definitions.resolve_job_def(sync_job_name(shop)).execute_in_process(
                run_config=DUE_ONLY,
                instance=instance,
                tags=range_tags(*days),
                asset_selection=[dg.AssetKey([shop.key, name]) for name in sorted(names)],
                raise_on_error=False,
            )
        if not result.success:
            raise RuntimeError(f"the night of {on} failed: see the log")
        return paths

    @contextmanager
    def _asked(self, on: date) -> Iterator[list[str]]:
        """Makes it that night; the list is filled with what the till was asked for within the block."""
        self.books.now = datetime.combine(on, NIGHT)
        journal = self.sandbox.till_server.journal
        journal.entries.clear()
        journal.on = True
        paths: list[str] = []
        yield paths
        paths += [entry["path"].split("/api/")[1].strip("/") for entry in journal.entries]


@contextmanager
def nights(account: TillAccount, books: BooksSoFar, zone: ZoneInfo) -> Iterator[Nights]:
    """Serves the account with these books, in the stores' `zone`, until the block ends; nothing of it was ever read."""
    with tempfile.TemporaryDirectory(prefix="nights-") as folder, ExitStack() as stack:
        place = Path(folder)
        homes = {"CONNECTOR_HOME": str(place / "home"), "DAGSTER_HOME": str(place / "dagster")}
        homes |= {SHOPS_VARIABLE: str(place / "shops.yaml")}
        stack.enter_context(patch.dict(os.environ, homes))
        served = [replace(account, books=books)]
        sandbox = stack.enter_context(Sandbox(place / "sandbox", place, accounts=served))
        sandbox.crm.switch(visibility_delay=0.0)
        sandbox.write_shops_yaml(place / "shops.yaml")
        stack.enter_context(_moved_clock(books, zone))
        yield Nights(account.account, books, sandbox, place / "shops.yaml")


@contextmanager
def _moved_clock(books: BooksSoFar, zone: ZoneInfo) -> Iterator[None]:
    """Every run over a shop that begins meanwhile takes its moment from the books."""
    usual = ShopRun.__post_init__

    def begin(run: ShopRun) -> None:
        run.clock = lambda: books.now.replace(tzinfo=zone).timestamp()
        usual(run)

    with patch.object(ShopRun, "__post_init__", begin):
        yield
