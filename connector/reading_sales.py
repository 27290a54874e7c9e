"""Reading the sales of one shop: today and the look-back first, then the days that are due of its history, newest first."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import groupby

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery.counts import Counts
from connector.delivery.entities import ORDERS
from connector.due_days import Days, over
from connector.pos.protocol import QuotaReached
from connector.pos.rows import SALES
from connector.reading_pairs import Pair, PairReader
from connector.reading_turnover import WORTH_ASKING, TurnoverFirst, look_for_late_changes, pieces_of
from connector.shop_run import ShopRun
from connector.state.days import DayRead
from connector.state.turnover import Month

_NO_SALES = SALES.empty_table()  # shared by all days without any
_JOINED = 20  # tables of a day, before they are made one: a table takes some 20 kB, however few its rows
_SAYS_SOMETHING_NEW = ("sale_id", "customer_id", "closed_at", "currency", "total", "lines")  # of a day read again


@dataclass
class SalesReading:
    """The sales of the due (store, day) pairs. `run.read_pairs` grows as they are read."""

    run: ShopRun
    days: Days
    totals: dict[int, Counts] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, pa.Table]]:
        """Each day with its `SALES`, once; a day of which nothing could be read is left out.

        A reached quota ends it without an error: what was read is delivered. A pair that cannot be read is told among
        the run's problems and is not read; the others are. Sales of stores that are not read this time stay in the
        day's table as they were.
        """
        run = self.run
        run.read_pairs = {}
        self.totals = {store.store_id: Counts() for store in run.ctx.stores}
        self._remember_what_was_asked()
        outstanding = {day: len(stores) for day, stores in self.days.items()}
        read = {day: _DayReading() for day in self.days}
        done, total = 0, sum(outstanding.values())
        try:
            for (day, store_id), table in self._read():
                if table is not None:
                    self._count(day, store_id, table)
                    read[day].add(store_id, table)
                done += 1
                outstanding[day] -= 1
                if not outstanding[day] and (whole := read.pop(day)).facts:
                    self._note(day, whole.facts)
                    yield day, self._with_other_stores(day, whole.tables)
                run.progress("sales", done, total)
        except Exception:
            self._expect_delivery()
            raise
        self._expect_delivery()

    def _remember_what_was_asked(self) -> None:
        """Days before the shop's first one are due from now on, until they are read: a run may end before."""
        first, run = self.run.first_day.isoformat(), self.run
        if not run.dry:
            run.days.ask_for({day: stores for day, stores in self.days.items() if day < first})

    def _read(self) -> Iterator[tuple[Pair, pa.Table | None]]:
        """Every pair once, None for one that was not read: first what every sync reads, then month by month."""
        first = TurnoverFirst(self.run)
        with PairReader(self.run) as pairs:
            newest_first = sorted(self.days, reverse=True)
            recent = [pair for pair in self._pairs(newest_first) if not pairs.is_history(pair)]
            yield from pairs.read(reversed(recent))
            for _, days in groupby(newest_first, key=lambda day: day[:7]):
                if month := [pair for pair in self._pairs(days) if pairs.is_history(pair)]:
                    yield from _MonthReading(first, pairs, month)
            if self._looks_back() and not pairs.stopped:
                with suppress(QuotaReached):  # whatever needs a call next meets it too, and tells it
                    look_for_late_changes(first)

    def _pairs(self, days: Iterable[str]) -> Iterator[Pair]:
        return ((day, store) for day in days for store in self.days[day])

    def _looks_back(self) -> bool:
        """Whether this is a sync of what is due, and not only of today or of the history."""
        run = self.run
        oldest = {store: day for day, stores in sorted(self.days.items(), reverse=True) for store in stores}
        return (
            run.only_due and not run.backfill and any(over(run.ctx, s, [day], run.started) for s, day in oldest.items())
        )

    def _count(self, day: str, store_id: int, table: pa.Table) -> None:
        totals = self.totals[store_id]
        for total, currency in zip(table["total"].to_pylist(), table["currency"].to_pylist(), strict=True):
            totals.read += 1
            totals.add_amount(amount_of(total), currency)
        # what has no id may stand for any sale of the day
        if pc.any(pc.equal(table["lines_from"], "unread")).as_py() or table["sale_id"].null_count:
            self.run.unread.add((store_id, day))

    def _note(self, day: str, read: dict[int, DayRead]) -> None:
        run = self.run
        assert run.read_pairs is not None
        run.read_pairs[day] = list(read)
        if run.dry:
            return
        for store_id, before in run.days.mark_read(day, read, int(run.clock())).items():
            if read[store_id].digest != before.digest and run.calendar.was_over(store_id, day, before.read_at):
                run.changed.add((store_id, day))

    def _with_other_stores(self, day: str, tables: list[pa.Table]) -> pa.Table:
        run = self.run
        assert run.read_pairs is not None
        fresh = pa.concat_tables([_NO_SALES, *tables])
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


@dataclass
class _DayReading:
    """A day until all of its stores were read, which for many stores is a month's reading later."""

    facts: dict[int, DayRead] = field(default_factory=dict)  # by store
    tables: list[pa.Table] = field(default_factory=list)

    def add(self, store_id: int, table: pa.Table) -> None:
        self.facts[store_id] = day_read(table)
        if table.num_rows:
            self.tables.append(table)
        if len(self.tables) >= _JOINED:
            self.tables = [pa.concat_tables(self.tables).combine_chunks()]


@dataclass
class _MonthReading:
    """The due days of one month of history: those with sales, by the turnover's word, and what they prove of the others."""

    first: TurnoverFirst
    pairs: PairReader
    wanted: list[Pair]
    told: dict[int, Month] = field(default_factory=dict)  # by store
    read: dict[int, dict[str, DayRead]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[Pair, pa.Table | None]]:
        self._ask()
        busy_pairs = [pair for pair in self.wanted if not self._is_empty(pair)]
        at_once = self._expect_months(busy_pairs)
        # one such store after another, so that few months are open at a time
        yield from self._take(sorted(busy_pairs, key=lambda pair: pair[1] if pair[1] in at_once else 0))
        doubtful = []
        for store_id in self.told:
            busy = [day for day, store in self.wanted if store == store_id and not self._is_empty((day, store))]
            read = self.read.get(store_id, {})
            proven = self.first.proves(self.told[store_id], read, busy)
            if busy and all(day in read for day in busy):
                self.first.learn(agreed=proven)
            if not proven:
                doubtful.append(store_id)
        again = []
        for pair in filter(self._is_empty, self.wanted):
            if pair[1] in doubtful:
                again.append(pair)
            else:
                yield pair, _NO_SALES
        yield from self._take(again)
        if any(self.read[store][day].sales for day, store in again if day in self.read.get(store, {})):
            self.first.learn(agreed=False, hidden=True)

    def _ask(self) -> None:
        days_of = Counter(store_id for _, store_id in self.wanted)
        year, month = map(int, self.wanted[0][0][:7].split("-"))
        unknown = []
        for store_id, days in days_of.items():
            place = (store_id, year, month)
            if not self.first.useful:
                continue
            if (known := self.first.known(place)) is not None:
                self.told[store_id] = known
            elif days >= WORTH_ASKING:
                unknown.append(place)
        for (store_id, _, _), told in self.pairs.ask(unknown, self.first.ask):
            if told is not None:
                self.told[store_id] = told

    def _expect_months(self, busy: list[Pair]) -> set[int]:
        """The stores whose days the till may read together. Sold pieces bound the lines: there are no more of those."""
        found = set()
        for store_id, told in self.told.items():
            days = {day for day, store in busy if store == store_id}
            pieces = pieces_of(told)
            if days and pieces is not None:
                others = sum(sold for day, sold in pieces.items() if day not in days)
                if self.pairs.expect_month(store_id, {day: pieces[day] for day in days}, others):
                    found.add(store_id)
        return found

    def _is_empty(self, pair: Pair) -> bool:
        day, store_id = pair
        return store_id in self.told and not self.told[store_id][day].sales

    def _take(self, pairs: Iterable[Pair]) -> Iterator[tuple[Pair, pa.Table | None]]:
        for (day, store_id), table in self.pairs.read(pairs):
            if table is not None:
                self.read.setdefault(store_id, {})[day] = day_read(table)
            yield (day, store_id), table


def day_read(table: pa.Table) -> DayRead:
    """What is kept of one store's day of `SALES`: how many, how much, and what makes a later reading differ."""
    cents = sum(int((amount_of(total) or 0) * 100) for total in table["total"].to_pylist())
    mixed = len(set(table["currency"].to_pylist())) > 1
    columns = [table[name].to_pylist() for name in _SAYS_SOMETHING_NEW]
    digest = hashlib.blake2b(orjson.dumps(columns), digest_size=16).digest()
    return DayRead(table.num_rows, None if mixed else cents, digest)


def amount_of(text: str | None) -> Decimal | None:
    """A till's total; None when it is not an amount of money."""
    try:
        amount = Decimal((text or "").strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < 10**12 else None
