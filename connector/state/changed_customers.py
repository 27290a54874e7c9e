"""Customers of whom a shop's till has told that something changed, until it is known whether they still exist."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, bindparam, delete, select

from connector.state.database import Database, upsert
from connector.state.tables import changed_customers as table


class ChangedCustomers:
    """One shop's; each customer once, with when (epoch seconds) the till told of him last."""

    def __init__(self, db: Database, shop: str, *, clock: Callable[[], float] = time.time) -> None:
        self._db, self._shop, self._clock = db, shop, clock

    def put(self, customer_id: int) -> None:
        """Keeps that the till told of him. Raises `StateError` when it could not be kept."""
        row = {"shop": self._shop, "customer_id": customer_id, "told_at": int(self._clock())}
        with self._db.begin(durable=True) as connection:
            upsert(connection, table, [row])

    def told_before(self, at: int) -> dict[int, int]:
        """Those of whom it told last before `at`, with when it did."""
        query = select(table.c.customer_id, table.c.told_at).where(table.c.shop == self._shop, table.c.told_at < at)
        with self._db.read() as connection:
            return dict(map(tuple, connection.execute(query)))

    def settle(self, told: Mapping[int, int]) -> None:
        """It is known what became of these; one of whom the till has told again since stays."""
        one = (
            (table.c.shop == self._shop)
            & (table.c.customer_id == bindparam("who"))
            & (table.c.told_at == bindparam("at"))
        )
        if told:
            with self._db.begin() as connection:
                connection.execute(delete(table).where(one), [{"who": who, "at": at} for who, at in told.items()])

    def forget(self, connection: Connection, customer_id: int) -> None:
        """Removes him, within the caller's transaction."""
        connection.execute(delete(table).where(table.c.shop == self._shop, table.c.customer_id == customer_id))
