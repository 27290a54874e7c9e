"""One run over one shop: what it works with, what it has read so far, and what stopped it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa

from connector.config import Shop
from connector.delivery.counts import Counts
from connector.delivery.deliver import Deliverer
from connector.delivery.ledger import Ledger
from connector.delivery.refused import RefusedStore
from connector.due_days import Days as DueDays
from connector.due_days import days_asked, days_due
from connector.mapping.context import ShopContext, shop_context
from connector.mapping.edition import edition
from connector.pos.protocol import PointOfSale, QuotaReached
from connector.pos.rows import conformed
from connector.pos.systems import open_point_of_sale
from connector.shopimind.client import ShopiMind
from connector.state.calls import STORES, TIME_ZONE, MonthlyCalls
from connector.state.database import Database, open_database
from connector.state.days import Days
from connector.state.home import home
from connector.state.installations import Installation
from connector.state.lake import Lake, LakeMissing, open_lake
from connector.state.leases import Lease
from connector.state.memory import Memory
from connector.state.run_log import RunLog
from connector.state.sales_read import SalesRead
from connector.state.sealing import Sealer
from connector.state.variations import VariationNumbers

SYNC_LEASE = "sync"  # one run at a time over a shop
DEFAULT_HISTORY = timedelta(days=365)

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int | None], None]  # what, how many done, of how many (None: unknown)


def no_progress(what: str, done: int, total: int | None) -> None:
    """Nobody watches."""


class Stopped(Exception):
    """The run goes no further, for what it has told already: it is among its `stop_reasons` or `problems`."""


@dataclass(frozen=True)
class State:
    """The database and the lake, shared by every shop of this process."""

    db: Database
    lake: Lake
    sealer: Sealer

    @classmethod
    def open(cls) -> State:
        """As `$CONNECTOR_HOME`, `$CONNECTOR_DATABASE_URL` and `$CONNECTOR_LAKE` say. Raises `StateError`."""
        place = home()
        return cls(open_database(place), open_lake(place), Sealer(place))

    def close(self) -> None:
        self.db.close()


@dataclass
class ShopRun:
    """One shop's clients, state and progress during one run. `close` gives the connections back.

    `full` ignores the ledger. `only_due` reads only those of the asked days that are not complete or within the look-back.
    `dry` is for a plan: nothing is sent, and neither the run log nor the days say that anything was.
    """

    shop: Shop
    state: State
    run_id: str
    full: bool = False
    only_due: bool = False
    dry: bool = False
    in_flight: int = 8
    clock: Callable[[], float] = time.time
    progress: Progress = no_progress
    lease: Lease | None = None  # what keeps other runs away from the shop
    problems: list[str] = field(default_factory=list)  # what failed, in sentences
    stop_reasons: dict[str, str] = field(default_factory=dict)  # 'quota' or 'inactive' -> the sentence
    read_pairs: DueDays | None = None  # the days and stores whose sales this run has read; None: it reads none
    unread: set[tuple[int, str]] = field(
        default_factory=set
    )  # (store, day) of which a sale's own page or customer did not come
    new_customers_read: bool = False  # whether customers that are newer than the list of customers were looked up
    needs_misc_product: bool = False  # an order of this run has a line without product
    new_stores: set[int] = field(default_factory=set)  # stores that the run before did not know
    partition_days: list[str] = field(default_factory=list)  # the closing days that the run was asked for

    def __post_init__(self) -> None:
        db, key = self.state.db, self.shop.key
        self.started = datetime.fromtimestamp(self.clock(), UTC)
        self.ledger = Ledger(db, key)
        self.refused = RefusedStore(db, key, self.state.sealer, edition(self.shop))
        self.days = Days(db, key)
        self.sales_read = SalesRead(db, key)
        self.variations = VariationNumbers(db, key, dry=self.dry)
        self.installation = Installation(db, key, clock=self.clock)
        self.log = RunLog(db)
        self.memory = Memory(db, self.shop.pos.account)
        self.calls = MonthlyCalls(
            db,
            self.shop.pos.account,
            monthly_calls=self.shop.pos.monthly_calls,
            memory=self.memory,
            clock=self.clock,
        )
        self._stores: pa.Table | None = None

    @cached_property
    def till(self) -> PointOfSale:
        """The account's till, every call of which is counted."""
        return open_point_of_sale(self.shop.pos, self.shop.rules, self.calls, self.memory)

    @cached_property
    def crm(self) -> ShopiMind:
        """The shop's ShopiMind installation."""
        account = self.shop.shopimind
        return ShopiMind(account.access_token.get_secret_value(), account.base_url, requests_in_flight=self.in_flight)

    @cached_property
    def deliverer(self) -> Deliverer:
        return Deliverer(
            self.state.db,
            self.ledger,
            self.refused,
            run_id=self.run_id,
            full=self.full,
            in_flight=self.in_flight,
            lease=self.lease,
            clock=self.clock,
        )

    def close(self) -> None:
        """Closes what was opened. The state belongs to the caller."""
        for name in ("till", "crm"):
            if name in self.__dict__:
                self.__dict__[name].close()

    @property
    def inactive(self) -> bool:
        """A 401 was met in this run: ShopiMind is not called any more."""
        return "inactive" in self.stop_reasons

    @property
    def first_day(self) -> date:
        """The configured first day, else 365 days before the first sync, remembered from then on."""
        if self.shop.first_day is not None:
            return self.shop.first_day
        return self.installation.first_day((self.started - DEFAULT_HISTORY).date())

    @property
    def ctx(self) -> ShopContext:
        """What mapping needs to know: from the stores read in this run, else from those of the last one."""
        if self._stores is None:
            self.use_stores(pa.concat_tables(self.state.lake.read(self.shop.key, "pos_stores")))
        return self._ctx

    def use_stores(self, stores: pa.Table) -> None:
        """The account's stores, which also decide its quota and in which zone its month begins."""
        self._stores = stores
        self._ctx = shop_context(self.shop, self.first_day, stores)
        if self._ctx.stores:
            self.memory.learn(STORES, str(len(self._ctx.stores)))
            self.memory.learn(TIME_ZONE, self._ctx.main_store.time_zone)

    def complete_days(self) -> dict[int, set[str]]:
        """Per store the days that need no reading any more, but for the look-back.

        Not among them: days of refused orders that are to be tried again.
        """
        complete = self.days.complete_days([store.store_id for store in self.ctx.stores], int(self.clock()))
        for store_id, day in self.refused.days_to_try_again():
            complete.get(store_id, set()).discard(day)
        return complete

    def days_to_read(self, days: list[str]) -> DueDays:
        """Of the asked closing days, the ones to read, with their stores; of new stores every day that is due."""
        ctx = self.ctx
        asked = days_asked(ctx, days, self.started)
        if not self.only_due:
            return asked
        due = days_due(ctx, self.complete_days(), self.started)
        wanted = {
            day: [store for store in stores if store in asked.get(day, []) or store in self.new_stores]
            for day, stores in due.items()
        }
        return {day: stores for day, stores in wanted.items() if stores}

    def days_of_new_stores(self) -> set[str]:
        """The days that were read only because a store is new, which may lie before those that the run was asked for."""
        pairs = self.read_pairs or {}
        return {day for day, stores in pairs.items() if self.new_stores.intersection(stores)}

    def snapshot(self, name: str, schema: pa.Schema, partition: str | None = None) -> pa.Table | None:
        """What an earlier run left in the lake; None when there is nothing, or it has columns that today's rows have not."""
        try:
            table = pa.concat_tables(self.state.lake.read(self.shop.key, name, partition))
        except LakeMissing:
            return None
        return conformed(table, schema)

    def warn(self, sentence: str) -> None:
        """Tells something that is odd but stops nothing, once."""
        if sentence not in self.till.warnings:
            self.till.warnings.append(sentence)
            log.warning(sentence)

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Keeps the sentence of whatever ends a step, so that the run can say it; the error itself goes on."""
        try:
            yield
        except QuotaReached as stop:
            self.stop_reasons.setdefault("quota", str(stop))
            raise
        except Stopped:
            raise
        except Exception as error:
            self.problems.append(f"{what}: {error}")
            raise

    def stop_inactive(self) -> None:
        """ShopiMind answered 401: nothing of this shop is asked any more until the next run."""
        if not self.inactive:
            reason = "ShopiMind answers 401: the installation is not active, or its token was revoked"
            self.stop_reasons["inactive"] = (
                f"{reason}. Everything undelivered is kept; the next run asks again with one call. "
                f"Activate the integration in ShopiMind, or put its new token in shop {self.shop.key}."
            )
            self.installation.mark_inactive(reason, int(self.clock()))

    def write_counts(
        self, entity: str, counts: Counts, *, store_id: int | None = None, source: int | None = None
    ) -> None:
        """The line of the run log for one entity (of one store)."""
        if self.dry:
            return
        self.log.entity(self.run_id, self.shop.key, entity, store_id, source, counts.as_json())

    def finish(self, status: str) -> None:
        """Closes the run's entry in the run log."""
        quota = self.calls.usage()
        message = " ".join([*self.stop_reasons.values(), *self.problems]) or None
        self.log.finish(
            self.run_id,
            self.shop.key,
            status,
            message,
            calls_till=self.calls.spent,
            calls_shopimind=self.crm.attempts if "crm" in self.__dict__ else 0,
            quota={"month": quota.month, "used": quota.used, "limit": quota.limit},
            at=int(self.clock()),
        )

    def quota(self) -> dict[str, Any]:
        usage = self.calls.usage()
        return {"month": usage.month, "used": usage.used, "limit": usage.limit}
