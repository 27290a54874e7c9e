"""The quota: how many calls an account's till may still be asked this month, counted durably before each call."""

from __future__ import annotations

import threading
import time
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from connector.pos.protocol import AccountMemory, QuotaReached
from connector.state.database import Database
from connector.state.memory import Memory
from connector.state.tables import calls

STORES, TIME_ZONE = "stores", "time_zone"  # the traits of the account that the quota depends on

_RESERVED = 5  # a fifth of a month's calls is kept for its daily syncs

# One statement, so that no two processes can both take the last call.
_SPEND = text(
    "INSERT INTO calls (account, month, used) VALUES (:account, :month, 1) "
    "ON CONFLICT (account, month) DO UPDATE SET used = calls.used + 1 WHERE calls.used < :most RETURNING used"
)


@dataclass(frozen=True)
class Quota:
    """An account's calls in one month `YYYY-MM`: those counted, by every run and worker, and those allowed."""

    month: str
    used: int
    limit: int


class MonthlyCalls:
    """The `connector.pos.protocol.CallCounter` of one account. Threads and processes may spend side by side."""

    def __init__(
        self,
        db: Database,
        account: str,
        *,
        monthly_calls: int,
        memory: AccountMemory | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`monthly_calls` is per store. Give the `memory` that learns the account's stores while this object lives."""
        self._db = db
        self._account = account
        self._monthly_calls = monthly_calls
        self._memory = memory or Memory(db, account)
        self._clock = clock
        self._lock = threading.Lock()
        self._stopped_in: str | None = None
        self.spent = 0  # by this object

    @property
    def stores(self) -> int:
        """How many stores the account has; one until they are known."""
        return int(self._memory.recall(STORES) or 1)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which its months begin: that of the store with the lowest id, UTC until it is known."""
        return ZoneInfo(self._memory.recall(TIME_ZONE) or "UTC")

    def spend(self) -> None:
        """Counts one call before it is made. Raises `QuotaReached` instead when the month has none left."""
        month, limit = self._month(), self._limit()
        if self._stopped_in == month:
            raise QuotaReached(self._refusal("The till answered that the quota is reached", self.usage()))
        with self._db.begin() as connection:
            used = connection.execute(_SPEND, {"account": self._account, "month": month, "most": limit}).scalar()
        if used is None:
            raise QuotaReached(self._refusal("Every call of the month is used up", self.usage()))
        with self._lock:
            self.spent += 1

    def stop(self) -> None:
        """The till itself said that the quota is reached: `spend` raises `QuotaReached` for the rest of the month."""
        self._stopped_in = self._month()

    def keep_reserve(self) -> None:
        """Raises `QuotaReached` when what is left of the month is kept for its daily syncs.

        That is a fifth of the month's calls at its beginning, and less with every day, today's share included.
        """
        now = datetime.fromtimestamp(self._clock(), self.zone)
        days = monthrange(now.year, now.month)[1]
        reserve = -(-self._limit() * (days - now.day + 1) // (_RESERVED * days))
        quota = self.usage()
        if quota.limit - quota.used <= reserve:
            what = f"The last {reserve} calls of the month are kept for the syncs of the days to come"
            raise QuotaReached(self._refusal(what, quota))

    def usage(self) -> Quota:
        """The month as it stands."""
        month = self._month()
        query = select(calls.c.used).where(calls.c.account == self._account, calls.c.month == month)
        with self._db.read() as connection:
            used = connection.execute(query).scalar()
        return Quota(month, used or 0, self._limit())

    def _limit(self) -> int:
        return self._monthly_calls * self.stores

    def _month(self) -> str:
        return datetime.fromtimestamp(self._clock(), self.zone).strftime("%Y-%m")

    def _refusal(self, what: str, quota: Quota) -> str:
        return (
            f"{what}: account {self._account} used {quota.used} of {quota.limit} calls in {quota.month} by "
            "our own count. What was read is delivered. The next run goes on from there: "
            "start it when the next month begins, or raise pos.monthly_calls if the till grants the account more."
        )
