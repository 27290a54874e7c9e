"""What a sync or a backfill will cost in calls to the till, told from its turnover before anything is read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from connector import reading_passes
from connector.config import Shop
from connector.due_days import Days, day_range
from connector.outcome import exit_code
from connector.pos.hiboutik_month_lines import MONTH_TRAIT, YES, pays
from connector.pos.paging import pages_of
from connector.pos.protocol import QuotaReached
from connector.quota import quota_outlook
from connector.reading_customers import current_customers
from connector.reading_details import OF_ADDRESSES, OF_IMAGES, PAGES, pages_to_ask
from connector.reading_lists import read_stores
from connector.reading_pairs import Pair, PairReader
from connector.reading_turnover import AGREES, WORTH_ASKING, TurnoverFirst, late_looks, pieces_of
from connector.shop_run import ShopRun, State
from connector.shopimind.envelope import InstallationInactive
from connector.state.lake import LakeMissing
from connector.state.turnover import Month, StoreMonth, Told
from connector.window import asked_window

_SHORT_LISTS = 4  # stores, categories, brands, stock: one call each, of every sync


def price_shops(shops: Sequence[Shop], first: date | None, last: date | None, full: bool) -> dict[str, Any]:
    """The document that `connector plan --price --json` prints; shops side by side."""
    state = State.open()
    try:
        with ThreadPoolExecutor(max_workers=max(1, min(len(shops), 16)), thread_name_prefix="price") as pool:
            found = list(pool.map(lambda shop: _priced(shop, state, first, last, full), shops))
    finally:
        state.close()
    code = exit_code(["delivered" if each["status"] == "priced" else each["status"] for each in found])
    return {"ok": code == 0, "exit_code": code, "shops": found}


def _priced(shop: Shop, state: State, first: date | None, last: date | None, full: bool) -> dict[str, Any]:
    """One shop's part. It takes no lease: all that it writes is what the turnover told, as any reader would."""
    run = ShopRun(shop, state, run_id="price", full=full, only_due=first is None and last is None, dry=True)
    price = None
    status = "priced"
    told = list[str]()
    try:
        if shop.pos.monthly_calls is None:
            told.append(f"Reading a till of the system {shop.pos.system} costs no calls.")
        else:
            with run.told("price"):
                _know_the_stores(run)
                price = _price(run, run.calendar.to_read(day_range(*asked_window(run, first, last))))
    except QuotaReached:
        status = "quota"
    except InstallationInactive:
        status = "inactive"
    except Exception:
        status = "failed"
    if status == "priced" and "quota" in run.stop_reasons:
        status = "quota"
    told += [*run.stop_reasons.values(), *run.problems, *(price.remarks() if price else ())]
    try:
        return {
            "shop": shop.key,
            "status": status,
            "message": " ".join(told) or None,
            "price": price.as_json(run) if price else None,
            "quota": quota_outlook(run),
        }
    finally:
        run.close()


def _know_the_stores(run: ShopRun) -> None:
    """From an earlier run; where there was none, by one call."""
    try:
        _ = run.ctx
    except LakeMissing:
        read_stores(run)


@dataclass
class _Price:
    days: int = 0  # to read, counted per store
    days_told: int = 0  # of these, those of which the turnover told
    days_with_sales: int = 0
    sales: int = 0
    calls: Counter[str] = field(default_factory=Counter)  # turnover, sales, lines, lists, pages
    history: int = 0  # of all calls, those for days before the look-back
    unread_lists: list[str] = field(default_factory=list)  # whose length nobody knows
    asks_for_months: bool = False  # a call will find out whether the account gives a month's lines at once
    misleads: bool = False  # the account's turnover was found out to count something else

    @property
    def total(self) -> int:
        return self.calls.total()

    def remarks(self) -> list[str]:
        """What makes it an estimate, a sentence each."""
        said = []
        if untold := self.days - self.days_told:
            why = "does not agree with the till's lists" if self.misleads else "is not known"
            said.append(
                f"An upper estimate: the turnover of {untold} of {self.days} days and stores {why}, and each of them is "
                "counted as two calls, as if it had sales."
            )
        if self.asks_for_months:
            said.append(
                "An upper estimate: one of the calls finds out whether the account gives the lines of a month at once, and if "
                "it does, the lines cost less."
            )
        if self.unread_lists:
            names = " and ".join(self.unread_lists)
            said.append(f"The list of {names} was never read whole: it is counted as one page (250 rows) each.")
        if self.calls["pages"] and self.unread_lists:
            said.append(
                f"Pages of single customers and products are counted as {self.calls['pages']}, the most that one sync asks for."
            )
        return said

    def as_json(self, run: ShopRun) -> dict[str, Any]:
        left, a_month = run.calls.left_for_history(), run.calls.history_of_a_month()
        return {
            "days": self.days,
            "days_known": self.days_told,
            "days_with_sales": self.days_with_sales,
            "sales": self.sales,
            "calls": {kind: self.calls[kind] for kind in ("turnover", "sales", "lines", "lists", "pages")},
            "total": self.total,
            "history": self.history,
            "upper_estimate": self.days_told < self.days or self.asks_for_months,
            "left_this_month": left,
            "left_in_a_month": a_month,
            "months": _months(self.history, left, a_month),
            "spent": run.calls.spent,
        }

    def add_day(self, told: Told | None, *, is_history: bool, passed_over: bool = True) -> None:
        """One day of a store; one without sales is not asked for when it may be `passed_over`."""
        self.days += 1
        sales, lines = 1, 1
        if told is not None:
            self.days_told += 1
            self.days_with_sales += told.sales > 0
            self.sales += told.sales
            sales = 1 if told.sales or not passed_over else 0
            lines = pages_of(told.pieces or 0) if told.sales else 0
        self.add(is_history=is_history, sales=sales, lines=lines)

    def gives_months(self, known: str | None, saved: int) -> None:
        """A store and month whose lines could come at once; whether the account gives them is asked once."""
        if saved and known == YES:
            self.add(is_history=True, lines=-saved)
        elif saved and known is None and not self.asks_for_months:
            self.asks_for_months = True
            self.add(is_history=True, lines=1)

    def add(self, *, is_history: bool, **calls: int) -> None:
        self.calls.update(calls)
        self.history += sum(calls.values()) * is_history


def _months(history: int, left: int, a_month: int) -> int | None:
    """The calendar months, this one included, in which the history would be read; None: no month leaves any calls."""
    if history <= left:
        return 1 if history else 0
    return 1 + math.ceil((history - left) / a_month) if a_month > 0 else None


def _price(run: ShopRun, wanted: Days) -> _Price:
    """Goes the way of `connector.reading_sales`, and asks for the turnover that it would ask for."""
    price = _Price()
    recent, history = list[Pair](), list[Pair]()
    with PairReader(run) as pairs:
        for day in sorted(wanted, reverse=True):
            for store_id in wanted[day]:
                (history if pairs.is_history((day, store_id)) else recent).append((day, store_id))
        turnover = _Turnover(run, pairs)
        price.misleads = not turnover.first.useful
        trusted = turnover.first.trust == AGREES
        for _, month in groupby(history, key=lambda pair: pair[0][:7]):
            of_month = list(month)
            turnover.look_up(of_month)
            for store_id in dict.fromkeys(store_id for _, store_id in of_month):
                days = [day for day, store in of_month if store == store_id]
                told = turnover.told.get(_place(days[0], store_id))
                # where days with sales agree with it, as is assumed, those without are believed, and later months too
                trusted = trusted or (told is not None and any(told[day].sales for day in days))
                for day in days:
                    price.add_day(told[day] if told else None, is_history=True, passed_over=trusted)
                price.gives_months(run.memory.recall(MONTH_TRAIT), _saved_by_month(told, days) if told else 0)
    for day, store_id in recent:
        place = _place(day, store_id)
        told = turnover.told.get(place) or (turnover.first.known(place) if turnover.first.useful else None)
        price.add_day(told[day] if told else None, is_history=False, passed_over=False)
    price.add(is_history=True, turnover=len(turnover.in_vain))
    looks = late_looks(run, wanted) if run.only_due and turnover.first.useful else set[StoreMonth]()
    price.add(is_history=False, turnover=len(looks - turnover.in_vain), lists=_lists(run, price.unread_lists))
    price.add(is_history=False, pages=min(_pages(run), max(0, run.calls.left_for_history() - price.history)))
    return price


def _saved_by_month(told: Month, days: Sequence[str]) -> int:
    """The calls that fewer are needed where the lines of a month come at once."""
    pieces = pieces_of(told)
    if pieces is None:
        return 0
    busy = [pieces[day] for day in days if told[day].sales]
    whole = sum(pieces.values())
    return sum(map(pages_of, busy)) - pages_of(whole) if pays(busy, whole - sum(busy)) else 0


@dataclass
class _Turnover:
    """What the turnover tells of the months that a sync would ask for, by store and month."""

    run: ShopRun
    pairs: PairReader
    told: dict[StoreMonth, Month] = field(default_factory=dict)
    in_vain: set[StoreMonth] = field(default_factory=set)  # the sync asks for them again

    def __post_init__(self) -> None:
        self.first = TurnoverFirst(self.run)
        self._answers = True

    def look_up(self, pairs: Sequence[Pair]) -> None:
        """The days of one month, as far as it pays a sync to ask. What the till tells is kept, and is not asked again.

        Nothing more is asked after a month for which no answer came. A reached quota is told among the run's stop reasons.
        """
        if not self.first.useful:
            return
        unknown = []
        for place, days in Counter(_place(day, store_id) for day, store_id in pairs).items():
            if (known := self.first.known(place)) is not None:
                self.told[place] = known
            elif days >= WORTH_ASKING:
                unknown.append(place)
        if self._answers:
            for place, told in self.pairs.ask(unknown, self.first.ask):
                if told is not None:
                    self.run.turnover.keep(place[0], told, int(self.run.clock()))
                    self.told[place] = told
        missing = [place for place in unknown if place not in self.told]
        if missing and self._answers:
            self._answers = len(missing) < len(unknown)
            self._tell_quota()
        self.in_vain.update(missing)

    def _tell_quota(self) -> None:
        try:
            self.run.calls.keep_reserve()
        except QuotaReached as stop:
            self.run.stop_reasons.setdefault("quota", str(stop))


def _place(day: str, store_id: int) -> StoreMonth:
    return store_id, int(day[:4]), int(day[5:7])


def _pages(run: ShopRun) -> int:
    """The pages that the next sync asks for, by the lists as they were last read; of one that never was, all it may."""
    rules, found = run.shop.rules, 0
    for asked, kind, names in (
        (rules.addresses == "send", OF_ADDRESSES, ("pos_customers", "pos_new_customers")),
        (rules.images == "send", OF_IMAGES, ("pos_products",)),
    ):
        if asked:
            try:
                listed, *new = (run.state.lake.read(run.shop.key, name) for name in names)
            except LakeMissing:
                found += PAGES
            else:
                found += pages_to_ask(run, kind, current_customers(listed, *new) if new else listed)
    return found


def _lists(run: ShopRun, unread: list[str]) -> int:
    """The calls for the lists that the next sync reads, as long as they were when they were last read."""
    calls = _SHORT_LISTS
    for name in reading_passes.LISTS:
        if reading_passes.is_due(run, name):
            last = reading_passes.last_pass(run, name)
            calls += 1 if last is None else max(1, last.pages)
            if last is None:
                unread.append(name)
    return calls
