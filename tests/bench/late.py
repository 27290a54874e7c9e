"""How sales that change late reach ShopiMind: two months of real sales, seeded late changes, a sync each simulated night.

The data set has no changes of its own, so they are made up, by the model of `CHANGED`, `KINDS` and `_delay`. What is
measured is what our reading makes of them: which rule finds a change, how many nights later, and for how many calls.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from unittest.mock import patch

from sqlalchemy import Connection

from connector.due_days import LOOK_BACK
from connector.reading_turnover import LATE_DAYS
from connector.sandbox.accounts import Books, Key, Row
from connector.sandbox.completejourney import ZONE, load_completejourney
from connector.shop_run import ShopRun, State
from connector.shops import known_shops
from connector.state.days import Days
from tests.bench.nights import NIGHT, BooksSoFar, Nights, nights

FIRST, LAST = date(2017, 3, 1), date(2017, 4, 30)  # sales of these days may change
HISTORY = timedelta(days=28)  # read before, so that the account's turnover is known to agree
AFTER = timedelta(days=15)  # nights after the last of these days, for changes that come late
STORES = 6  # the busiest ones

CHANGED = 0.05  # of the sales
KINDS = {"amount": 0.4, "customer": 0.2, "listed late": 0.2, "moved": 0.2}
MEDIAN, SPREAD = 1.0, 1.5  # of the delay after closing: log-normal, in days

BY_LOOK_BACK, BY_READING_ON = "look-back of two days", "reading on until nothing is new"
BY_TURNOVER, NEVER = "turnover that disagrees", "nothing"
RULES = (BY_LOOK_BACK, BY_READING_ON, BY_TURNOVER)
LOOK_BACKS = (2, 3, 7, 14, 30)

Pair = tuple[int, str]  # store and closing day


@dataclass(frozen=True, eq=False)
class Change:
    """One late change of a sale that was closed at `closed` (store-local), made at `at`."""

    sale: Row
    kind: str
    at: datetime

    @property
    def closed(self) -> datetime:
        return datetime.fromisoformat(self.sale["completed_at"])

    @property
    def day(self) -> date:
        """The closing day under which the sale is listed afterwards."""
        return self.closed.date() - timedelta(days=self.kind == "moved")

    @property
    def is_late(self) -> bool:
        """Whether a night had read the sale, or its day without it, before the change."""
        return self.at > _night_after(self.closed)


@dataclass
class _Books(BooksSoFar):
    """The data set's books of some stores, without the sales that are `hidden` until later."""

    stores: list[int] = field(default_factory=list)
    customers: list[Key] = field(default_factory=list)
    hidden: dict[int, datetime] = field(default_factory=dict)

    def keys(self, kind: str) -> Sequence[Key]:
        shown: dict[str, Sequence[Key]] = {"stores": self.stores, "customers": self.customers}
        # a page of products: what is sold and not listed counts as deleted, and lists are not what is measured
        return shown[kind] if kind in shown else self.books.keys(kind)[:200]

    def is_there(self, sale: Row) -> bool:
        return self.now >= self.hidden.get(sale["sale_id"], datetime.min) and super().is_there(sale)


@dataclass
class Night:
    """What one night's sync cost and found."""

    date: date
    calls: Counter[str] = field(default_factory=Counter)  # by what they were for
    seen: dict[int, str] = field(default_factory=dict)  # sale -> the rule by which its changed form was read


@dataclass(frozen=True)
class Found:
    """The whole simulation."""

    sales: int
    changes: list[Change]  # the late ones
    in_time: int  # changes before the first reading, which are none for us
    nights: list[Night]

    def rule(self, change: Change) -> str:
        return next((by for night in self.nights if (by := night.seen.get(change.sale["sale_id"]))), NEVER)

    def days_late(self, change: Change) -> float | None:
        """From the change to the night that delivered it."""
        for night in self.nights:
            if change.sale["sale_id"] in night.seen:
                return (datetime.combine(night.date, NIGHT) - change.at) / timedelta(days=1)
        return None

    def is_compared(self, change: Change) -> bool:
        """Whether the turnover of its month was still asked on the night after the change, and can tell it."""
        night = _night_after(change.at).date()
        this_month = (night.year, night.month) == (change.day.year, change.day.month)
        last_month = (night.replace(day=1) - timedelta(days=1)).replace(day=1) == change.day.replace(day=1)
        return change.kind != "customer" and (this_month or (last_month and night.day <= LATE_DAYS))

    def caught_within(self, look_back: int) -> int:
        """How many a look-back of so many days would have found by itself: a matter of dates, not measured."""
        return sum((_night_after(each.at).date() - each.day).days <= look_back for each in self.changes)


def measure(seed: int = 2017) -> Found:
    """Raises `RuntimeError` when a sync does not deliver everything it read."""
    account = load_completejourney()
    books = _busiest(account.books)
    sales = list(_sales_between(books, FIRST, LAST))
    made = list(_changes(sales, Random(seed)))
    books.hidden = {each.sale["sale_id"]: each.at for each in made if each.kind == "listed late"}
    account = replace(account, first_day=FIRST - HISTORY)
    with nights(account, books, ZONE) as shop:
        simulation = _Simulation(shop, books, [each for each in made if each.at.date() <= _END])
        gone_by = list(simulation.nights())
    late = [each for each in simulation.changes if each.is_late]
    return Found(len(sales), late, len(simulation.changes) - len(late), gone_by)


_END = LAST + AFTER


@dataclass
class _Simulation:
    shop: Nights
    books: _Books
    changes: list[Change]
    waiting: dict[int, tuple[Change, Row | None]] = field(default_factory=dict)  # made; what ShopiMind had before
    disputed: set[Pair] = field(default_factory=set)  # days that the turnover has opened again

    def nights(self) -> Iterator[Night]:
        """From the first one after `FIRST`. The history is read before, and counts for nothing."""
        self._sync(FIRST)
        ahead = sorted(self.changes, key=lambda each: each.at)
        for number in range(1, (_END - FIRST).days + 1):
            night = Night(FIRST + timedelta(days=number))
            held = self._held()
            while ahead and ahead[0].at <= datetime.combine(night.date, NIGHT):
                change = ahead.pop(0)
                self._make(change, held.get(change.sale["sale_id"]))
            reasons = self._older_days(night.date)
            night.calls = Counter(self._purpose(path, night.date, reasons) for path in self._sync(night.date))
            self._look(night, reasons)
            yield night

    def _make(self, change: Change, before: Row | None) -> None:
        sale, till = change.sale, self.shop.sandbox.till.tills["completejourney"]
        if change.is_late:
            self.waiting[sale["sale_id"]] = (change, before)
        if change.kind == "amount":
            till.put_sale({"sale_id": sale["sale_id"], "line_items": sale["line_items"][:-1]})
        elif change.kind == "customer":
            others = self.books.customers
            other = others[(others.index(sale["customer_id"]) + 1) % len(others)]
            till.put_sale({"sale_id": sale["sale_id"], "customer_id": other})
        elif change.kind == "moved":
            moved = change.closed - timedelta(days=1)
            till.put_sale({"sale_id": sale["sale_id"], "completed_at": str(moved), "date_z": int(f"{moved:%Y%m%d}")})

    def _sync(self, on: date) -> list[str]:
        note = self.disputed.update

        def reopen(days: Days, connection: Connection, pairs: Iterable[Pair]) -> None:
            note(pairs)
            usual(days, connection, list(pairs))

        usual: Callable[..., None] = Days.reopen
        with patch.object(Days, "reopen", reopen):
            return self.shop.sync(on)

    def _older_days(self, on: date) -> dict[Pair, str]:
        """The days before the look-back that the night will read, and by which rule."""
        self.books.now = datetime.combine(on, NIGHT)
        state = State.open()
        try:
            due = ShopRun(known_shops(self.shop.shops_file)[0], state, run_id="look").calendar.history()
        finally:
            state.close()
        pairs = {(store_id, day) for day, stores in due.items() for store_id in stores}
        reasons = {pair: BY_TURNOVER if pair in self.disputed else BY_READING_ON for pair in pairs}
        self.disputed.clear()
        return reasons

    def _purpose(self, path: str, on: date, reasons: dict[Pair, str]) -> str:
        """What a call was for; one about a single sale is its day's."""
        what, *rest = path.split("/")
        if what == "reports":
            return "asking the turnover"
        if what in ("closed_sales", "products_sold"):
            pair = int(rest[0]), "-".join(rest[1:])
        elif what == "sales":
            sale = self.shop.sandbox.till.tills["completejourney"].sale(int(rest[0]))
            pair = sale["store_id"], sale["completed_at"][:10]
        else:
            return "lists"
        ago = (on - date.fromisoformat(pair[1])).days
        return "today" if not ago else BY_LOOK_BACK if ago <= LOOK_BACK else reasons[pair]

    def _look(self, night: Night, reasons: dict[Pair, str]) -> None:
        held = self._held()
        for sale_id, (change, before) in list(self.waiting.items()):
            if held.get(sale_id) == before:
                continue
            ago = (night.date - change.day).days
            pair = change.sale["store_id"], change.day.isoformat()
            night.seen[sale_id] = BY_LOOK_BACK if ago <= LOOK_BACK else reasons[pair]
            del self.waiting[sale_id]

    def _held(self) -> dict[int, Row]:
        """What may change of every order in ShopiMind, by sale."""
        orders = self.shop.sandbox.crm.shops["completejourney"].items("orders")
        return {
            int(order["order_id"].removeprefix("cj_")): {
                "amount": order["amount"],
                "customer": order["customer"]["customer_id"],
                "created_at": order["created_at"],
            }
            for order in orders
        }


def _changes(sales: Iterable[Row], chance: Random) -> Iterator[Change]:
    """The seeded model: a share of the sales, each changed once, in one way, some time after it was closed."""
    for sale in sales:
        if chance.random() >= CHANGED:
            continue
        (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
        if kind == "amount" and len(sale["line_items"]) < 2:  # a line is taken off, and one is to stay
            kind = "customer"
        yield Change(sale, kind, datetime.fromisoformat(sale["completed_at"]) + _delay(chance))


def _delay(chance: Random) -> timedelta:
    return timedelta(days=chance.lognormvariate(math.log(MEDIAN), SPREAD))


def _busiest(books: Books) -> _Books:
    numbers = {int(key): 0 for key in books.keys("stores") if isinstance(key, int)}
    for store in numbers:
        numbers[store] = sum(len(list(books.sales_of_day(store, FIRST + timedelta(days=n), ""))) for n in range(7))
    stores = sorted(numbers, key=lambda store: -numbers[store])[:STORES]
    some = _Books(books, datetime.combine(FIRST, NIGHT), sorted(stores))
    buyers = {sale["customer_id"] for sale in _sales_between(some, FIRST - HISTORY, _END)}
    some.customers = [key for key in books.keys("customers") if key in buyers]
    return some


def _sales_between(books: _Books, first: date, last: date) -> Iterator[Row]:
    for number in range((last - first).days + 1):
        for store in books.stores:
            yield from books.books.sales_of_day(store, first + timedelta(days=number), "completed_at")


def _night_after(moment: datetime) -> datetime:
    """The first sync at or after it."""
    tonight = datetime.combine(moment.date(), NIGHT)
    return tonight if moment <= tonight else tonight + timedelta(days=1)
