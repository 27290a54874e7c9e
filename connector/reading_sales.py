"""Reading the sales of one shop: the days that are due, several stores and days at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery.counts import Counts
from connector.delivery.entities import ORDERS
from connector.due_days import Days, recent_from
from connector.pos.protocol import CallsKept, PosAccessDenied, PosError, PosUnavailable, QuotaReached, SaleNeeds
from connector.pos.rows import SALES
from connector.shop_run import ShopRun

CALLS_IN_FLIGHT = 5  # what the contract allows towards a till
_AHEAD = 4 * CALLS_IN_FLIGHT  # (store, day) pairs read ahead of what was handed on
_IN_VAIN = 10  # pairs one after another for which the till did not answer, before no more are asked for
_TOLD = 5  # sentences about pairs that could not be read, before the others are only counted


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


@dataclass
class SalesReading:
    """The sales of the due (store, day) pairs. `run.read_pairs` grows as they are read."""

    run: ShopRun
    days: Days
    totals: dict[int, Counts] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, pa.Table]]:
        """Each day with its `SALES`, in order; a day of which nothing could be read is left out.

        A reached quota ends it without an error: what was read is delivered. A pair that cannot be read is told among
        the run's problems and is not read; the others are. Sales of stores that are not read this time stay in the
        day's table as they were.
        """
        run = self.run
        run.read_pairs = {}
        self.totals = {store.store_id: Counts() for store in run.ctx.stores}
        pairs = [(day, store) for day, stores in self.days.items() for store in stores]
        day, tables = "", list[pa.Table]()
        try:
            for (at, store_id), table in self._read(pairs):
                if at != day:
                    if tables:
                        yield day, self._with_other_stores(day, tables)
                    day, tables = at, []
                tables.append(table)
                self._note(store_id, at, table)
        except Exception:
            self._expect_delivery()
            raise
        if tables:
            yield day, self._with_other_stores(day, tables)
        self._expect_delivery()

    def _read(self, pairs: list[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], pa.Table]]:
        """Several pairs at once; those that can be read are handed on in order, the others are told."""
        rules = self.run.shop.rules
        needs = SaleNeeds(
            anonymous_lines=rules.anonymous_sales == "send", external_reference=rules.web_orders == "skip"
        )
        recent = {s.store_id: recent_from(self.run.ctx, s.store_id, self.run.started) for s in self.run.ctx.stores}

        def read(store_id: int, day: date) -> pa.Table:
            if day < recent[store_id]:
                with self.run.calls.for_history():
                    return self.run.till.sales(store_id, day, needs)
            return self.run.till.sales(store_id, day, needs, self._references(day.isoformat()))

        stop = _Stop(self.run, recent)
        left = deque(pairs)
        waiting: deque[tuple[tuple[str, int], Future[pa.Table]]] = deque()
        pool = ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="till")
        try:
            while left or waiting:
                while left and len(waiting) < _AHEAD and not stop.everything:
                    day, store_id = pair = left.popleft()
                    at = date.fromisoformat(day)
                    if store_id not in stop.stores and not (stop.history and at < recent[store_id]):
                        waiting.append((pair, pool.submit(read, store_id, at)))
                if not waiting:
                    break
                pair, future = waiting.popleft()
                try:
                    table = future.result()
                except PosError as error:
                    stop.because(pair, error)
                else:
                    stop.came(pair, table)
                    yield pair, table
                self.run.progress("sales", len(pairs) - len(left) - len(waiting), len(pairs))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            stop.tell_the_rest()

    def _references(self, day: str) -> dict[int, str]:
        """Which sale of the day came from which web shop's order, as far as an earlier run found out."""
        before = self.run.snapshot("pos_sales", SALES, day)
        if before is None:
            return {}
        found = before.filter(pc.and_(before["external_reference"].is_valid(), before["sale_id"].is_valid()))
        return dict(zip(found["sale_id"].to_pylist(), found["external_reference"].to_pylist(), strict=True))

    def _note(self, store_id: int, day: str, table: pa.Table) -> None:
        run = self.run
        assert run.read_pairs is not None
        run.read_pairs.setdefault(day, []).append(store_id)
        totals = self.totals[store_id]
        cents = 0
        for total, currency in zip(table["total"].to_pylist(), table["currency"].to_pylist(), strict=True):
            totals.read += 1
            amount = amount_of(total)
            totals.add_amount(amount, currency)
            cents += int((amount or 0) * 100)
        # what has no id may stand for any sale of the day
        if pc.any(pc.equal(table["lines_from"], "unread")).as_py() or table["sale_id"].null_count:
            run.unread.add((store_id, day))
        if run.dry:
            return
        run.days.mark_read(store_id, day, table.num_rows, cents, int(run.clock()))

    def _with_other_stores(self, day: str, tables: list[pa.Table]) -> pa.Table:
        run = self.run
        assert run.read_pairs is not None
        fresh = pa.concat_tables([SALES.empty_table(), *tables])
        if len(run.read_pairs[day]) == len(run.ctx.stores):
            return fresh
        before = run.snapshot("pos_sales", SALES, day)
        if before is None:
            return fresh
        stores = pa.array(run.read_pairs[day], pa.int64())
        return pa.concat_tables([fresh, before.filter(pc.invert(pc.is_in(before["store_id"], value_set=stores)))])

    def _expect_delivery(self) -> None:
        """Until the orders are delivered, everything read counts as failed: a run may end here."""
        for store_id, counts in self.totals.items():
            if counts.read:
                counts.fail("read, and not delivered yet", counts.read)
            self.run.write_counts(ORDERS.name, counts, store_id=store_id)


def amount_of(text: str | None) -> Decimal | None:
    """A till's total; None when it is not an amount of money."""
    try:
        amount = Decimal((text or "").strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < 10**12 else None
