"""What the till's turnover told of the days of a shop: how many sales and how much, per store and day."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import func, select, update

from connector.state.database import Database, upsert
from connector.state.tables import days, turnover


class Told(NamedTuple):
    """One day of one store. `pieces`: how many were sold, None when the till does not say."""

    sales: int
    cents: int  # over all currencies
    pieces: int | None
    told_at: int = 0  # epoch seconds
    disputed: tuple[int, int | None] | None = None  # sales and cents that were read when the day was read again for it


Month = dict[str, Told]  # every day of one month: YYYY-MM-DD -> what was told
StoreMonth = tuple[int, int, int]  # store, year, month


class Turnover:
    """One shop's."""

    def __init__(self, db: Database, shop: str) -> None:
        self._db = db
        self._shop = shop

    def keep(self, store_id: int, told: Mapping[str, Told], at: int) -> None:
        """Takes the place of what was told of these days before. A dispute lasts while the same is told."""
        table = turnover
        mine = (table.c.shop == self._shop) & (table.c.store_id == store_id)
        days_told = table.c.day.between(min(told), max(told))
        rows = [
            {"shop": self._shop, "store_id": store_id, "day": day, "told_at": at}
            | {"sales": each.sales, "cents": each.cents, "pieces": each.pieces}
            for day, each in told.items()
        ]
        with self._db.begin() as connection:
            disputed = select(table).where(mine, days_told, table.c.disputed_sales.is_not(None))
            for row in connection.execute(disputed).all():
                if told[row.day][:2] != (row.sales, row.cents):
                    connection.execute(update(table).where(mine, table.c.day == row.day).values(disputed_sales=None))
            upsert(connection, turnover, rows)

    def month(self, store_id: int, year: int, month: int) -> Month:
        """What is known of that month; empty when it was never asked for."""
        first, last = month_span(year, month)
        table = turnover
        query = select(table).where(
            table.c.shop == self._shop, table.c.store_id == store_id, table.c.day.between(first, last)
        )
        with self._db.read() as connection:
            return {
                row.day: Told(
                    row.sales,
                    row.cents,
                    row.pieces,
                    row.told_at,
                    None if row.disputed_sales is None else (row.disputed_sales, row.disputed_cents),
                )
                for row in connection.execute(query)
            }

    def dispute(self, store_id: int, day: str, sales: int, cents: int | None) -> None:
        """So much had been read of the day when it was to be read again, because the turnover tells otherwise."""
        table = turnover
        one = (table.c.shop == self._shop) & (table.c.store_id == store_id) & (table.c.day == day)
        with self._db.begin() as connection:
            connection.execute(update(table).where(one).values(disputed_sales=sales, disputed_cents=cents))

    def progress(self, before: str) -> tuple[int, int]:
        """Of the days before `before` that have sales by what was told: how many are complete, and how many there are.

        Days are counted per store.
        """
        table = turnover
        same_day = (days.c.shop == table.c.shop) & (days.c.store_id == table.c.store_id) & (days.c.day == table.c.day)
        busy = (table.c.shop == self._shop) & (table.c.sales > 0) & (table.c.day < before)
        known = select(func.count()).select_from(table).where(busy)
        done = select(func.count()).select_from(table.join(days, same_day)).where(busy, days.c.complete)
        with self._db.read() as connection:
            return connection.execute(done).scalar_one(), connection.execute(known).scalar_one()


def month_span(year: int, month: int) -> tuple[str, str]:
    """First and last day of a month."""
    return f"{year}-{month:02}-01", f"{year}-{month:02}-{monthrange(year, month)[1]:02}"
