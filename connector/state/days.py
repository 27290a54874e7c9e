"""How far the reading of every closing day of a shop got."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from connector.state.database import Database, upsert
from connector.state.tables import days


class DayRead(NamedTuple):
    """What was read of one store's day. `cents` is None where it has several currencies."""

    sales: int
    cents: int | None
    digest: bytes | None = None
    read_at: int = 0  # epoch seconds


class Days:
    """One shop's days per store. A day is complete when it was over, read, and its records were dealt with.

    What was read later than now was read by a clock that was ahead: it says nothing of whether the day was over.
    """

    def __init__(self, db: Database, shop: str) -> None:
        self._db = db
        self._shop = shop

    def mark_read(self, day: str, read: Mapping[int, DayRead], at: int) -> dict[int, DayRead]:
        """A day was read of these stores; what was read of them before.

        It counts as incomplete until it is marked complete (again): a run may die in between.
        """
        rows = [
            self._row(store_id, day, at, complete=False, sales=each.sales, cents=each.cents) | {"digest": each.digest}
            for store_id, each in read.items()
        ]
        query = select(days.c.store_id, days.c.sales, days.c.cents, days.c.digest, days.c.read_at).where(
            days.c.shop == self._shop, days.c.day == day, days.c.store_id.in_(list(read)), days.c.digest.is_not(None)
        )
        with self._db.begin() as connection:
            before = {store_id: DayRead(*rest) for store_id, *rest in connection.execute(query)}
            upsert(connection, days, rows)
        return before

    def mark_complete(self, store_id: int, complete: Iterable[str], at: int) -> None:
        """Days that need no reading any more, but for the look-back. `at` is kept for those never marked read.

        The store's days that were read after `at` are complete no longer.
        """
        ahead = (days.c.shop == self._shop) & (days.c.store_id == store_id) & (days.c.read_at > at)
        rows = [self._row(store_id, day, at, complete=True, sales=0, cents=None) for day in complete]
        with self._db.begin() as connection:
            connection.execute(update(days).where(ahead).values(complete=False))
            upsert(connection, days, rows, update=["complete"])

    def reopen(self, connection: Connection, pairs: Collection[tuple[int, str]]) -> None:
        """Days (of stores) that the next run reads again, whatever was read; within the caller's transaction."""
        for store_id, day in pairs:
            one = (days.c.shop == self._shop) & (days.c.store_id == store_id) & (days.c.day == day)
            connection.execute(update(days).where(one).values(complete=False))

    def ask_for(self, asked: Mapping[str, Iterable[int]]) -> None:
        """Days with their stores that somebody asked for: they are due until they are read, wherever the history begins."""
        with self._db.begin() as connection:
            for day, stores in asked.items():
                rows = [
                    {"shop": self._shop, "store_id": store_id, "day": day, "complete": False, "sales": 0}
                    for store_id in stores
                ]
                upsert(connection, days, rows, update=())

    def asked_before(self, first_day: str) -> dict[int, set[str]]:
        """Per store the days before `first_day` that were asked for or begun, and are not complete."""
        found: dict[int, set[str]] = {}
        query = select(days.c.store_id, days.c.day).where(
            days.c.shop == self._shop, days.c.day < first_day, days.c.complete.is_(False)
        )
        with self._db.read() as connection:
            for store_id, day in connection.execute(query):
                found.setdefault(store_id, set()).add(day)
        return found

    def read_at(self, day: str) -> dict[int, int]:
        """When the day was last read (epoch seconds), of each store of which it ever was."""
        query = select(days.c.store_id, days.c.read_at).where(
            days.c.shop == self._shop, days.c.day == day, days.c.read_at.is_not(None)
        )
        with self._db.read() as connection:
            return {store_id: at for store_id, at in connection.execute(query)}

    def complete_days(self, store_ids: Collection[int], now: int) -> dict[int, set[str]]:
        """The complete days of every one of these stores at epoch second `now`."""
        found: dict[int, set[str]] = {store_id: set() for store_id in store_ids}
        query = select(days.c.store_id, days.c.day).where(
            days.c.shop == self._shop, days.c.store_id.in_(list(found)), days.c.complete, days.c.read_at <= now
        )
        with self._db.read() as connection:
            for store_id, day in connection.execute(query):
                found[store_id].add(sys.intern(day))  # the same days in every store: one text for all of them
        return found

    def complete_of(self, store_id: int, first: str, last: str) -> dict[str, DayRead]:
        """What was read of the store's complete days from `first` to `last`, both inclusive."""
        query = select(days.c.day, days.c.sales, days.c.cents, days.c.digest, days.c.read_at).where(
            days.c.shop == self._shop, days.c.store_id == store_id, days.c.complete, days.c.day.between(first, last)
        )
        with self._db.read() as connection:
            return {day: DayRead(*rest) for day, *rest in connection.execute(query)}

    def _row(
        self, store_id: int, day: str, at: int, *, complete: bool, sales: int, cents: int | None
    ) -> dict[str, object]:
        row: dict[str, object] = {"shop": self._shop, "store_id": store_id, "day": day, "read_at": at}
        return row | {"complete": complete, "sales": sales, "cents": cents}
