"""Asking the till for the sales of days and stores, several at once, until something stops it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from connector.due_days import recent_from
from connector.pos.protocol import CallsKept, PosAccessDenied, PosError, PosUnavailable, QuotaReached, SaleNeeds
from connector.pos.rows import SALES
from connector.shop_run import ShopRun
from connector.state.turnover import Month, StoreMonth
from connector.state.way import way_is_asked

CALLS_IN_FLIGHT = 5  # what the contract allows towards a till
_AHEAD = 4 * CALLS_IN_FLIGHT  # (day, store) pairs read ahead of what was handed on
_IN_VAIN = 10  # pairs one after another for which the till did not answer, before no more are asked for
_TOLD = 5  # sentences about pairs that could not be read, before the others are only counted
_LOOKS = 1.0  # seconds between two looks whether another run of the shop asks for way

Pair = tuple[str, int]  # closing day and store


@dataclass
class _Stop:
    """What could not be read, told among the run's problems, and what is therefore not asked for any more."""

    run: ShopRun
    recent: Mapping[int, date]  # the first day of each store that every sync reads
    everything: bool = False
    history: bool = False  # nothing older than that any more
    stores: set[int] = field(default_factory=set)  # of which the till gives nothing, for want of a right
    in_vain: int = 0  # pairs in a row for which the till did not answer
    told: int = 0
    untold: int = 0
    left: int = 0  # pairs of history that are left to a later run, because this one gave way or its time was up
    _looked: float = 0.0

    def before(self, pair: tuple[str, int]) -> bool:
        """Whether the pair is not to be asked for."""
        day, store_id = pair
        if self.everything or store_id in self.stores:
            return True
        if date.fromisoformat(day) >= self.recent[store_id]:
            return False
        if not self.history:
            self._give_way()
        self.left += self.history
        return self.history

    def _give_way(self) -> None:
        run, now = self.run, time.monotonic()
        if run.dry:  # a plan keeps nobody waiting for long, and half of one is none
            return
        if run.history_until is not None and now >= run.history_until:
            run.stop_reasons["way"] = "The time of this part of the history is up."
            self.history = True
        elif now - self._looked >= _LOOKS:
            self._looked = now
            run.hold_history()
            if way_is_asked(run.state.db, run.shop.key):
                run.stop_reasons["way"] = "Reading history gave way to another run of the shop."
                self.history = True

    def because(self, pair: tuple[str, int], error: PosError) -> None:
        """One pair, day and store, could not be read."""
        day, store_id = pair
        if isinstance(error, CallsKept):
            self.run.stop_reasons.setdefault("quota", str(error))
            self.history = True
        elif isinstance(error, QuotaReached):
            self.run.stop_reasons["quota"] = str(error)
            self.everything = True
        elif isinstance(error, PosAccessDenied):
            self.stores.add(store_id)
            if str(error) not in self.run.problems:  # refused credentials are refused for every store
                self.run.problems.append(str(error))
        elif self.told >= _TOLD:
            self.untold += 1
        else:
            self.told += 1
            self.run.problems.append(f"sales of store {store_id} on {day} were not read: {error}")
        self._count(pair, in_vain=isinstance(error, PosUnavailable))

    def came(self, pair: tuple[str, int], table: pa.Table) -> None:
        """One pair was read, if only the heads of its sales; what of them waits is told when it is delivered."""
        unread = pc.any(pc.equal(table["lines_from"], "unread")).as_py()
        read_whole = pc.any(pc.is_in(table["lines_from"], value_set=pa.array(["bulk", "detail"]))).as_py()
        self._count(pair, in_vain=bool(unread) and not read_whole)

    def _count(self, pair: tuple[str, int], *, in_vain: bool) -> None:
        """Gives up when the till answers in vain again and again; old days alone never keep today from being read."""
        self.in_vain = self.in_vain + 1 if in_vain else 0
        if self.in_vain < _IN_VAIN or self.everything:
            return
        day, store_id = pair
        is_history = date.fromisoformat(day) < self.recent[store_id]
        if is_history and self.history:
            return
        what = "no older day was" if is_history else "no more were"
        self.run.problems.append(
            f"sales: the till did not answer for {_IN_VAIN} days and stores in a row; {what} asked for."
        )
        self.in_vain = 0
        if is_history:
            self.history = True
        else:
            self.everything = True

    def tell_the_rest(self) -> None:
        """How many pairs there were beyond those that were told one by one."""
        if self.untold:
            self.run.problems.append(
                f"sales: {self.untold} more days and stores were not read; the next run asks again."
            )
            self.untold = 0
        if self.left and (why := self.run.stop_reasons.get("way")):
            said = f"{why} {self.left} days and stores are left; they stay due, and a later run goes on from there."
            self.run.stop_reasons["way"] = said
            if not self.run.backfill:  # it was to read all of them: whoever asked is to know that it did not
                self.run.problems.append(f"sales: {said}")


class PairReader:
    """Reads the sales of (day, store) pairs for one run over a shop. A context manager: it has threads.

    What was not read, and why, is told among the run's problems or stop reasons.
    """

    def __init__(self, run: ShopRun) -> None:
        rules = run.shop.rules
        self._run = run
        self._needs = SaleNeeds(
            anonymous_lines=rules.anonymous_sales == "send", external_reference=rules.web_orders == "skip"
        )
        self.recent = {s.store_id: recent_from(run.ctx, s.store_id, run.started) for s in run.ctx.stores}
        self._stop = _Stop(run, self.recent)
        self._pool = ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="till")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._stop.tell_the_rest()

    @property
    def stopped(self) -> bool:
        """Nothing more is asked of the till."""
        return self._stop.everything

    def is_history(self, pair: Pair) -> bool:
        """Whether the pair is older than what every sync reads."""
        return date.fromisoformat(pair[0]) < self.recent[pair[1]]

    def read(self, pairs: Iterable[Pair]) -> Iterator[tuple[Pair, pa.Table | None]]:
        """Every pair with its `SALES`, in order; None for one that was not read."""
        left = deque(pairs)
        waiting: deque[tuple[Pair, Future[pa.Table] | None]] = deque()
        while left or waiting:
            while left and len(waiting) < _AHEAD:
                pair = left.popleft()
                waiting.append((pair, None if self._stop.before(pair) else self._pool.submit(self._sales, pair)))
            pair, future = waiting.popleft()
            table = None
            if future is not None:
                try:
                    table = future.result()
                except PosError as error:
                    self._stop.because(pair, error)
                else:
                    self._stop.came(pair, table)
            yield pair, table

    def ask(
        self, places: Sequence[StoreMonth], question: Callable[[StoreMonth], Month | None]
    ) -> Iterator[tuple[StoreMonth, Month | None]]:
        """The answer for each month of history, None where its sales would not be read now."""

        def one(place: StoreMonth) -> Month | None:
            if place[0] in self._stop.stores:
                return None
            try:
                with self._run.calls.for_history():
                    return question(place)
            except QuotaReached:  # the sales meet it too, and tell it
                return None

        if self.stopped or self._stop.history:
            return zip(places, [None] * len(places), strict=True)
        return zip(places, self._pool.map(one, places), strict=True)

    def expect_month(self, store_id: int, lines: Mapping[str, int], others: int) -> bool:
        """`PointOfSale.expect_month` of days of history; false when they will not be asked for."""
        if self.stopped or self._stop.history or store_id in self._stop.stores:
            return False
        return self._run.till.expect_month(
            store_id, {date.fromisoformat(day): most for day, most in lines.items()}, others
        )

    def _sales(self, pair: Pair) -> pa.Table:
        day, store_id = date.fromisoformat(pair[0]), pair[1]
        if not self.is_history(pair):
            sales = self._run.till.sales(store_id, day, self._needs, self._references(pair[0]))
            return self._run.tombstones.sales(sales)
        with self._run.calls.for_history():
            return self._run.tombstones.sales(self._run.till.sales(store_id, day, self._needs))

    def _references(self, day: str) -> dict[int, str]:
        """Which sale of the day came from which web shop's order, as far as an earlier run found out."""
        before = self._run.snapshot("pos_sales", SALES, day)
        if before is None:
            return {}
        found = before.filter(pc.and_(before["external_reference"].is_valid(), before["sale_id"].is_valid()))
        return dict(zip(found["sale_id"].to_pylist(), found["external_reference"].to_pylist(), strict=True))
