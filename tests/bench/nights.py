"""A shop's nights one after another, at a clock of their own: whole syncs in this process, over a till that follows that clock."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from assets.launch import launch
from connector.sandbox.accounts import Books, Row, TillAccount
from connector.sandbox.serve import Sandbox
from connector.shop_run import ShopRun, no_progress
from connector.sync_request import SyncRequest

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
        self.books.now = datetime.combine(on, NIGHT)
        journal = self.sandbox.till_server.journal
        journal.entries.clear()
        journal.on = True
        _, report = launch(SyncRequest(self.shops_file, self.account), no_progress)
        if report["status"] != "delivered":
            raise RuntimeError(f"the sync of {on} ended as {report['status']}: {report['message']}")
        return [entry["path"].split("/api/")[1].strip("/") for entry in journal.entries]


@contextmanager
def nights(account: TillAccount, books: BooksSoFar, zone: ZoneInfo) -> Iterator[Nights]:
    """Serves the account with these books, in the stores' `zone`, until the block ends; nothing of it was ever read."""
    with tempfile.TemporaryDirectory(prefix="nights-") as folder, ExitStack() as stack:
        place = Path(folder)
        homes = {"CONNECTOR_HOME": str(place / "home"), "DAGSTER_HOME": str(place / "dagster")}
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
