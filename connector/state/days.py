"""How far the reading of every closing day of a shop got."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, select, update

from connector.state.database import Database, upsert
from connector.state.tables import days


class Days:
    """One shop's days per store. A day is complete when it was over, read, and its records were dealt with.

    What was read later than now was read by a clock that was ahead: it says nothing of whether the day was over.
    """

    def __init__(self, db: Database, shop: str) -> None:
        self._db = db
        self._shop = shop

    def mark_read(self, store_id: int, day: str, sales: int, cents: int | None, at: int) -> None:
        """A day was read. It counts as incomplete until it is marked complete (again): a run may die in between."""
        row = self._row(store_id, day, at, complete=False, sales=sales, cents=cents)
        with self._db.begin() as connection:
            upsert(connection, days, [row])

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
                found[store_id].add(day)
        return found

    def _row(
        self, store_id: int, day: str, at: int, *, complete: bool, sales: int, cents: int | None
    ) -> dict[str, object]:
        row: dict[str, object] = {"shop": self._shop, "store_id": store_id, "day": day, "read_at": at}
        return row | {"complete": complete, "sales": sales, "cents": cents}
