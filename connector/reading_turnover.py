"""The turnover before the sales: which days of history have none, whether that can be believed, and what changed late.

What turnover counts is not documented (by closing or by accounting day, with or without returns, ...). So nothing rests
on its word: days without sales are passed over only where the days with sales were read and agree, one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from connector.due_days import Days, recent_from, today
from connector.pos.protocol import PosError, QuotaReached
from connector.shop_run import ShopRun
from connector.state.days import DayRead
from connector.state.turnover import Month, StoreMonth, Told, month_span

log = logging.getLogger(__name__)

WORTH_ASKING = 8  # days of history of one store and month: one call saves one where a shop is closed a day a week
LATE_DAYS = 5  # days of a new month on which the one before is still looked at for late changes

_TRAIT = "turnover"  # in the account's memory
AGREES, _MISLEADS = "agrees", "misleads"
_DOUBTS = 3  # store-months in a row that do not agree, before the account's turnover is not asked for any more
_OLDEST = timedelta(days=31)  # what was told longer ago is asked for again
_OLDEST_ASKED = timedelta(days=1)  # the same, where somebody asked for these days by name


@dataclass
class TurnoverFirst:
    """The turnover as one run over a shop uses it. `ask` may be called by several threads."""

    run: ShopRun
    asked: dict[StoreMonth, bool] = field(default_factory=dict)  # whether it came; what it told is in the database
    _trust: str | None = None  # what this run has learned, which a plan does not keep

    @property
    def trust(self) -> str | None:
        """`agrees`, `misleads`, `doubted/<times in a row>`; None while nothing is known of this account."""
        return self._trust or self.run.memory.recall(_TRAIT)

    @property
    def useful(self) -> bool:
        """Whether it was not found out that this account's turnover counts something else than its lists."""
        return self.trust != _MISLEADS

    def known(self, place: StoreMonth) -> Month | None:
        """What was told of a month after its days of history were history, and not too long ago; no call."""
        run = self.run
        told = run.turnover.month(*place)
        now = datetime.fromtimestamp(run.clock(), UTC)
        oldest = now - (_OLDEST if run.only_due or run.backfill else _OLDEST_ASKED)
        for day, each in told.items():
            at = datetime.fromtimestamp(each.told_at, UTC)
            is_history = date.fromisoformat(day) < recent_from(run.ctx, place[0], run.started)
            if (
                at > now
                or at < oldest
                or (is_history and date.fromisoformat(day) >= recent_from(run.ctx, place[0], at))
            ):
                return None
        return told or None

    def ask(self, place: StoreMonth) -> Month | None:
        """The month as the till tells it now, in one call; None when it does not or cannot be read.

        Raises `QuotaReached`.
        """
        store_id, year, month = place
        try:
            told = told_of(self.run.till.turnover(store_id, year, month), year, month)
        except QuotaReached:
            raise
        except PosError as error:
            log.warning("%s: turnover is not used: %s", self.run.shop.key, error)
            told = None
        self.asked[place] = told is not None
        if told is not None and not self.run.dry:
            self.run.turnover.keep(store_id, told, int(self.run.clock()))
        return told

    def proves(self, told: Month, read: Mapping[str, DayRead], busy: Iterable[str]) -> bool:
        """Whether the days without sales need no reading: those with sales (`busy`) were read, and each agrees.

        A month without any is believed where another one of this account has agreed.
        """
        agreed = [day in read and agrees(told[day], read[day]) for day in busy]
        return all(agreed) if agreed else self.trust == AGREES

    def learn(self, *, agreed: bool, hidden: bool = False) -> None:
        """What a store-month has shown; `hidden`: a day without sales, by the turnover's word, had some."""
        before = self.trust or ""
        if hidden:
            trust = _MISLEADS
        elif agreed:
            trust = AGREES
        else:
            times = int(before.partition("/")[2] or 0) + 1
            trust = _MISLEADS if times >= _DOUBTS else f"doubted/{times}"
        self._trust = trust
        if not self.run.dry:
            self.run.memory.learn(_TRAIT, trust)


def agrees(told: Told, read: DayRead) -> bool:
    """In count, and in money where the day has one currency."""
    return told.sales == read.sales and (read.cents is None or told.cents == read.cents)


def pieces_of(told: Month) -> dict[str, int] | None:
    """The pieces sold on each day, which a day's lines are no more than; None when the till does not say it of every day."""
    pieces = {day: each.pieces for day, each in told.items() if each.pieces is not None}
    return pieces if len(pieces) == len(told) else None


def told_of(rows: pa.Table, year: int, month: int) -> Month | None:
    """Every day of the month; None when a row cannot be read or is of another month."""
    first, last = month_span(year, month)
    days = (date.fromisoformat(first) + timedelta(days=n) for n in range(int(last[-2:])))
    told = {day.isoformat(): Told(0, 0, 0) for day in days}
    for row in rows.to_pylist():
        cents = _cents(row["total"])
        if row["day"] not in told or row["sales"] is None or cents is None:
            return None
        told[row["day"]] = Told(row["sales"], cents, row["pieces"])
    return told


def look_for_late_changes(first: TurnoverFirst) -> None:
    """Compares what was read of complete days with what the turnover tells now, at most once a day per store and month.

    A day that does not agree is due again. When it was read again for the same disagreement, it is left alone.
    Raises `QuotaReached`.
    """
    for place in _places_of_late_changes(first.run):
        _look_at(first, place)


def late_looks(run: ShopRun, to_read: Days) -> set[StoreMonth]:
    """What `look_for_late_changes` would ask for once the days `to_read` were read."""
    found = set()
    for place in _places_of_late_changes(run):
        begin, end = _span_of_late_changes(run, place)
        due = any(begin <= day <= end and place[0] in stores for day, stores in to_read.items())
        if (due or run.days.complete_of(place[0], begin, end)) and not _told_today(run, place):
            found.add(place)
    return found


def _places_of_late_changes(run: ShopRun) -> Iterator[StoreMonth]:
    for store in run.ctx.stores:
        now = today(run.ctx, store.store_id, run.started)
        yield store.store_id, now.year, now.month
        if now.day <= LATE_DAYS:
            last = now.replace(day=1) - timedelta(days=1)
            yield store.store_id, last.year, last.month


def _span_of_late_changes(run: ShopRun, place: StoreMonth) -> tuple[str, str]:
    store_id, year, month = place
    begin, end = month_span(year, month)
    return begin, min(end, (recent_from(run.ctx, store_id, run.started) - timedelta(days=1)).isoformat())


def _look_at(first: TurnoverFirst, place: StoreMonth) -> None:
    run, store_id = first.run, place[0]
    read = run.days.complete_of(store_id, *_span_of_late_changes(run, place))
    if not read or not first.useful:
        return
    if place not in first.asked and not _told_today(run, place):
        first.ask(place)
    if run.dry or not first.asked.get(place, True):
        return
    told = run.turnover.month(*place)
    differing = [day for day in read if not agrees(told[day], read[day])]
    if first.trust != AGREES:
        first.learn(agreed=not differing)  # an account whose turnover counts something else is not read twice for it
        return
    for day in differing:
        disputed = (read[day].sales, read[day].cents)
        if told[day].disputed == disputed:
            continue
        run.turnover.dispute(store_id, day, *disputed)
        with run.state.db.begin() as connection:
            run.days.reopen(connection, [(store_id, day)])


def _told_today(run: ShopRun, place: StoreMonth) -> bool:
    told_at = min((each.told_at for each in run.turnover.month(*place).values()), default=0)
    asked_on = today(run.ctx, place[0], datetime.fromtimestamp(told_at, UTC))
    return asked_on == today(run.ctx, place[0], run.started)


def _cents(text: str | None) -> int | None:
    try:
        amount = Decimal((text or "").strip())
    except InvalidOperation:
        return None
    return int(amount * 100) if amount.is_finite() and abs(amount) < 10**12 else None
