"""One run over one shop: what it works with, what it has read so far, and what stopped it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa

from connector.config import Shop
from connector.delivery.counts import Counts
from connector.delivery.deliver import Deliverer
from connector.delivery.ledger import Ledger
from connector.delivery.outbox import Outbox
from connector.delivery.refused import RefusedStore
from connector.due_days import Days as DueDays
from connector.mapping.context import ShopContext, shop_context
from connector.mapping.edition import edition
from connector.pos.protocol import PointOfSale, QuotaReached
from connector.pos.rows import conformed
from connector.pos.systems import open_point_of_sale
from connector.run_calendar import RunCalendar
from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import ApiError, Envelope, InstallationInactive
from connector.state.calls import STORES, TIME_ZONE, MonthlyCalls
from connector.state.changed_customers import ChangedCustomers
from connector.state.database import Database, open_database
from connector.state.days import Days
from connector.state.home import home
from connector.state.installations import Installation
from connector.state.lake import Lake, LakeMissing, open_lake
from connector.state.leases import Lease, LeaseHeld
from connector.state.memory import Memory, MemoryOfARun
from connector.state.run_log import RunLog
from connector.state.sales_read import SalesRead
from connector.state.sealing import Sealer
from connector.state.till_inbox import TillInbox
from connector.state.tombstones import Tombstones
from connector.state.turnover import Turnover
from connector.state.variations import VariationNumbers
from connector.state.way import BACKFILL_LEASE, HISTORY_LEASE
from connector.state.webhook_installations import LifecycleState, lifecycle_state

SYNC_LEASE = "sync"  # one run at a time over a shop
_NEVER_REACHED = 1_000_000  # the monthly calls of a till that costs none: its count stays at zero

# What is said of an installation that the webhooks left in this state.
_DEFERRED: dict[LifecycleState | None, str] = {
    None: "has not been heard of: ShopiMind has sent no webhook about it",
    "installed": "is not activated yet",
    "deactivated": "is deactivated",
    "uninstalled": "is uninstalled",
}

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int | None], None]  # what, how many done, of how many (None: unknown)


def no_progress(what: str, done: int, total: int | None) -> None:
    """Nobody watches."""


class NotActivated(InstallationInactive):
    """ShopiMind's webhooks have not activated the shop's installation, or not again: nothing was asked of anybody."""

    def __init__(self, reason: str) -> None:
        super().__init__("installation", Envelope(False, 0, None, ApiError(reason, "NOT_ACTIVATED", False, 0)))
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


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
    `inbox_only` reads none, and delivers what the till has pushed.
    `dry` is for a plan: nothing is sent, and neither the run log nor the days say that anything was.
    `backfill` reads nothing that every sync reads: the next days that are due of the history, whatever days are asked.
    """

    shop: Shop
    state: State
    run_id: str
    full: bool = False
    only_due: bool = False
    only: Collection[str] = ()  # the entities that were asked for by name; none: all of them
    dry: bool = False
    backfill: bool = False
    inbox_only: bool = False
    clock: Callable[[], float] = time.time
    progress: Progress = no_progress
    lease: Lease | None = None  # what keeps other runs away from the shop
    problems: list[str] = field(default_factory=list)  # what failed, in sentences
    stop_reasons: dict[str, str] = field(default_factory=dict)  # 'quota' or 'inactive' -> the sentence
    read_pairs: DueDays | None = None  # the days and stores whose sales this run has read; None: it reads none
    unread: set[tuple[int, str]] = field(
        default_factory=set
    )  # (store, day) of which a sale's own page or customer did not come
    changed: set[tuple[int, str]] = field(
        default_factory=set
    )  # (store, day) that was over when it was last read, and said something else then
    history_until: float | None = None  # by `time.monotonic`, when no older day is asked for any more
    passes: dict[str, int] = field(default_factory=dict)  # the lists that this run has read to their end -> pages
    pushed_pairs: set[tuple[int, str]] = field(default_factory=set)  # (store, day) with sales that the till has pushed
    inbox_taken: list[str] = field(default_factory=list)  # the messages that they came in
    customers_touched: set[int] | None = None  # the only customers whom this run looks at; None: all
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
        self.calendar = RunCalendar(self)
        self.sales_read = SalesRead(db, key)
        self.turnover = Turnover(db, key)
        self.variations = VariationNumbers(db, key, dry=self.dry)
        self.installation = Installation(db, key, clock=self.clock)
        self.log = RunLog(db)
        self.tombstones = Tombstones(db, key, self.state.sealer)
        self.changed_customers = ChangedCustomers(db, key, clock=self.clock)
        self.inbox = TillInbox(db, key, self.state.sealer, dry=self.dry, clock=self.clock)
        pos = self.shop.pos
        self.memory = Memory(db, pos.state_key)
        self.calls = MonthlyCalls(
            db,
            pos.state_key,
            monthly_calls=pos.monthly_calls or _NEVER_REACHED,
            calls_for_others=pos.calls_for_others,
            memory=self.memory,
            clock=self.clock,
        )
        self.outbox = Outbox(
            db,
            self.shop,
            self.state.sealer,
            started=int(self.started.timestamp()),
            is_news=self.calendar.is_news,
            store_names=self._store_names,
        )
        self._stores: pa.Table | None = None
        self._history: Lease | None = None

    @cached_property
    def till(self) -> PointOfSale:
        """The account's till, every call of which is counted. Raises `NotActivated`."""
        self._check_activated()
        memory = MemoryOfARun(self.memory) if self.dry else self.memory
        return open_point_of_sale(self.shop.pos, self.shop.rules, self.calls, memory)

    @cached_property
    def crm(self) -> ShopiMind:
        """The shop's ShopiMind installation. Raises `NotActivated`."""
        self._check_activated()
        account = self.shop.shopimind
        # an activated installation has one, and a run looks it up when it starts
        assert account.access_token is not None
        return ShopiMind(
            account.access_token.get_secret_value(), account.base_url, requests_in_flight=account.requests_in_flight
        )

    @cached_property
    def deliverer(self) -> Deliverer:
        return Deliverer(
            self.state.db,
            self.ledger,
            self.refused,
            run_id=self.run_id,
            full=self.full,
            in_flight=self.shop.shopimind.requests_in_flight,
            lease=self.lease,
            outbox=self.outbox,
            clock=self.clock,
        )

    def close(self) -> None:
        """Closes what was opened. The state belongs to the caller."""
        if self._history is not None:
            self._history.release()
        for name in ("till", "crm"):
            if name in self.__dict__:
                self.__dict__[name].close()

    @property
    def deferred(self) -> str | None:
        """Why no call may be made for the shop: what the webhooks of its installation say. None when one may.

        Asked each time: a webhook may come while a process runs.
        """
        installation = self.shop.installation_id
        if installation is None:
            return None
        state = lifecycle_state(self.state.db, installation)
        if state == "activated":
            return None
        until = "installed and activated again" if state == "uninstalled" else "activated"
        return (
            f"shop {self.shop.key} waits: its installation {installation} {_DEFERRED[state]}. Nothing was asked of the till or "
            f"of ShopiMind; everything is delivered once it is {until}."
        )

    def _check_activated(self) -> None:
        if (reason := self.deferred) is not None:
            self.stop_reasons.setdefault("inactive", reason)
            raise NotActivated(reason)

    @property
    def inactive(self) -> bool:
        """A 401 was met in this run: ShopiMind is not called any more."""
        return "inactive" in self.stop_reasons

    @property
    def first_day(self) -> date:
        """The configured first day, else `history_days` before the first sync, remembered from then on."""
        if self.shop.first_day is not None:
            return self.shop.first_day
        return self.installation.first_day((self.started - timedelta(days=self.shop.history_days)).date(), dry=self.dry)

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

    def _store_names(self) -> dict[int, str]:
        try:
            return {store.store_id: store.name for store in self.ctx.stores}
        except LakeMissing:  # a replay over a lake that was lost
            return {}

    def hold_history(self) -> None:
        """From here on others can see that the run reads history, and would give way to them."""
        if self._history is None:
            with suppress(LeaseHeld):  # of a run that has just ended
                lease = BACKFILL_LEASE if self.backfill else HISTORY_LEASE
                self._history = Lease.acquire(self.state.db, self.shop.key, lease)

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
        except (Stopped, NotActivated):
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
        message = " ".join([*self.stop_reasons.values(), *self.problems]) or None
        self.log.finish(
            self.run_id,
            self.shop.key,
            status,
            message,
            calls_till=self.calls.spent,
            calls_shopimind=self.crm.attempts if "crm" in self.__dict__ else 0,
            quota=self.quota(),
            at=int(self.clock()),
        )

    def calls_made(self, shopimind: int | None = None) -> dict[str, int]:
        """The run's calls so far, those to the till under the name of its system; `shopimind` where it knows better."""
        if shopimind is None:
            shopimind = self.crm.attempts if "crm" in self.__dict__ else 0
        return {self.shop.pos.system: self.calls.spent, "shopimind": shopimind}

    def quota(self) -> dict[str, Any] | None:
        """The month's calls to the till; None for one whose reading costs none."""
        if self.shop.pos.monthly_calls is None:
            return None
        usage = self.calls.usage()
        return {"month": usage.month, "used": usage.used, "limit": usage.limit}
