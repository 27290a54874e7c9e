"""The quota: how many calls an account's till may still be asked this month, counted durably before each call."""

from __future__ import annotations

import threading
import time
from calendar import monthrange
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, text, update

from connector.pos.protocol import AccountMemory, CallsKept, QuotaReached
from connector.state.database import Database
from connector.state.memory import Memory
from connector.state.tables import calls

STORES, TIME_ZONE = "stores", "time_zone"  # the traits of the account that the quota depends on

_RESERVED = 5  # a fifth of a month's calls is kept for its daily syncs

# One statement, so that no two processes can both take the last call. `seen` is the stop that the run knows of.
_SPEND = text(
    "INSERT INTO calls (account, month, used, history, since) VALUES (:account, :month, 1, :history, :now) "
    "ON CONFLICT (account, month) DO UPDATE SET used = calls.used + 1, history = calls.history + :history "
    "WHERE calls.used < :most AND (calls.stopped_at IS NULL OR calls.stopped_at = CAST(:seen AS BIGINT)) "
    "RETURNING used"
)


@dataclass(frozen=True)
class Quota:
    """An account's calls in one month `YYYY-MM`: those counted, by every run and worker, and those allowed."""

    month: str
    used: int
    limit: int
    history: int = field(default=0, compare=False)  # of those used, for days that no daily sync needs
    since: int | None = field(default=None, compare=False)  # when the first of them was counted
    stopped_at: int | None = None  # when the till itself said that the quota is reached; None: it answers


@dataclass(frozen=True)
class Kept:
    """What history leaves alone of a month's calls."""

    for_syncs: int  # of the days to come, today's share included
    for_others: int  # the merchant's other applications

    @property
    def all(self) -> int:
        return self.for_syncs + self.for_others


class MonthlyCalls:
    """The `connector.pos.protocol.CallCounter` of one account. Threads and processes may spend side by side.

    A till's own 429 (`stop`) is written down: runs that go on stop with it; one that begins later has one call to find
    out whether it still holds.
    """

    def __init__(
        self,
        db: Database,
        account: str,
        *,
        monthly_calls: int,
        calls_for_others: int = 0,
        memory: AccountMemory | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Both numbers are per store. Give the `memory` that learns the account's stores while this object lives."""
        self._db = db
        self._account = account
        self._monthly_calls = monthly_calls
        self._calls_for_others = calls_for_others
        self._memory = memory or Memory(db, account)
        self._clock = clock
        self._lock = threading.Lock()
        self._stopped_in: str | None = None
        self._stops_seen: dict[str, int | None] = {}  # month -> the stop that was there before this object's first call
        self._thread = threading.local()
        self.spent = 0  # by this object

    @property
    def stores(self) -> int:
        """How many stores the account has; one until they are known."""
        return int(self._memory.recall(STORES) or 1)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which its months begin: that of the store with the lowest id, UTC until it is known."""
        return ZoneInfo(self._memory.recall(TIME_ZONE) or "UTC")

    def now(self) -> datetime:
        """The moment, in the account's time zone."""
        return datetime.fromtimestamp(self._clock(), self.zone)

    @property
    def probing(self) -> bool:
        """Whether the next call only finds out if a stop that an earlier run met still holds."""
        return self._stop_seen(self._month()) is not None

    def spend(self) -> None:
        """Counts one call before it is made. Raises `QuotaReached` instead when the month has none left for it."""
        month, history = self._month(), self._is_history()
        most = self._limit() - (self.kept().all if history else 0)
        values = {"account": self._account, "month": month, "most": most, "history": int(history)}
        values |= {"seen": self._stop_seen(month), "now": int(self._clock())}
        used = None
        if self._stopped_in != month and most > 0:
            with self._db.begin() as connection:
                used = connection.execute(_SPEND, values).scalar()
        if used is None:
            raise self._why_not(month, history)
        with self._lock:
            self.spent += 1

    def answered(self) -> None:
        """The till answered: a stop that an earlier run met is over, for everyone."""
        month = self._month()
        seen = self._stops_seen.get(month)
        if seen is None:
            return
        over = update(calls).where(calls.c.account == self._account, calls.c.month == month, calls.c.stopped_at == seen)
        with self._db.begin() as connection:
            connection.execute(over.values(stopped_at=None))
        self._stops_seen[month] = None

    def stop(self) -> datetime:
        """The till itself said that the quota is reached: this run, and all that go on beside it, spend nothing more."""
        self._stopped_in = month = self._month()
        stopped = update(calls).where(calls.c.account == self._account, calls.c.month == month)
        with self._db.begin() as connection:
            connection.execute(stopped.values(stopped_at=int(self._clock())))
        return self.next_month()

    @contextmanager
    def for_history(self) -> Iterator[None]:
        """The calls of this thread are history's until the block ends: none of them touches what is `kept`.

        Raises `CallsKept` at once when nothing else is left, and from `spend` when that happens within the block.
        """
        self.keep_reserve()
        self._thread.history = True
        try:
            yield
        finally:
            self._thread.history = False

    def keep_reserve(self) -> None:
        """Raises `CallsKept` when what is left of the month is kept from history."""
        quota = self.usage()
        if quota.limit - quota.used <= self.kept().all:
            raise self._kept_from_history(quota)

    def kept(self) -> Kept:
        """For daily syncs a fifth of the month's calls at its beginning, and less with every day; for others, as configured."""
        now = self.now()
        days = monthrange(now.year, now.month)[1]
        reserve = -(-self._limit() * (days - now.day + 1) // (_RESERVED * days))
        return Kept(reserve, self._calls_for_others * self.stores)

    def left_for_history(self) -> int:
        """The calls of this month that history may still take; none while the till's own stop holds."""
        usage = self.usage()
        return 0 if usage.stopped_at is not None else max(0, usage.limit - usage.used - self.kept().all)

    def history_of_a_month(self) -> int:
        """The same of a month that begins."""
        return max(0, self._limit() - -(-self._limit() // _RESERVED) - self._calls_for_others * self.stores)

    def usage(self) -> Quota:
        """The month as it stands."""
        return self.usage_in(self._month())

    def usage_in(self, month: str) -> Quota:
        """Any month `YYYY-MM`, against today's limit."""
        columns = (calls.c.used, calls.c.history, calls.c.since, calls.c.stopped_at)
        query = select(*columns).where(calls.c.account == self._account, calls.c.month == month)
        with self._db.read() as connection:
            found = connection.execute(query).one_or_none()
        used, history, since, stopped_at = found if found is not None else (0, 0, None, None)
        return Quota(month, used, self._limit(), history, since, stopped_at)

    def next_month(self) -> datetime:
        """Its first moment, in the account's time zone."""
        now = self.now()
        later = now.replace(day=28) + timedelta(days=4)
        return datetime(later.year, later.month, 1, tzinfo=self.zone)

    def _limit(self) -> int:
        return self._monthly_calls * self.stores

    def _month(self) -> str:
        return self.now().strftime("%Y-%m")

    def _is_history(self) -> bool:
        return getattr(self._thread, "history", False)

    def _stop_seen(self, month: str) -> int | None:
        with self._lock:
            if month not in self._stops_seen:
                self._stops_seen[month] = self.usage_in(month).stopped_at
            return self._stops_seen[month]

    def _why_not(self, month: str, history: bool) -> QuotaReached:
        quota = self.usage_in(month)
        if quota.stopped_at is not None and (self._stopped_in == month or quota.stopped_at != self._stop_seen(month)):
            return QuotaReached(self._refusal("The till answered that the quota is reached", quota))
        if history and quota.used < quota.limit:
            return self._kept_from_history(quota)
        return QuotaReached(self._refusal("Every call of the month is used up", quota))

    def _kept_from_history(self, quota: Quota) -> CallsKept:
        kept = self.kept()
        others = (
            f", and {kept.for_others} more for other applications (pos.calls_for_others)" if kept.for_others else ""
        )
        what = f"The last {kept.for_syncs} calls of the month are kept for the syncs of the days to come{others}"
        return CallsKept(self._refusal(what, quota))

    def _refusal(self, what: str, quota: Quota) -> str:
        return (
            f"{what}: account {self._account} used {quota.used} of {quota.limit} calls in {quota.month} by "
            "our own count. What was read is delivered. The next run goes on from there: "
            f"start it when the next month begins, on {self.next_month():%Y-%m-%d}, or raise pos.monthly_calls if the "
            "till grants the account more."
        )
