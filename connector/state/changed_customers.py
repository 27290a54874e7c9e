"""Customers of whom a shop's till has told that something changed, until it is known whether they still exist."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import ColumnElement, bindparam, delete, select, update

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
        if told:
            with self._db.begin() as connection:
                connection.execute(delete(table).where(self._one()), _as_told(told))

    def put_back(self, told: Mapping[int, int], at: int) -> None:
        """It could not be known of these: as if the till had told of them at `at`, unless it has told again since."""
        if told:
            with self._db.begin() as connection:
                connection.execute(update(table).where(self._one()).values(told_at=at), _as_told(told))

    def forget(self, customer_id: int) -> None:
        """He is erased: nothing is to be known of him any more."""
        with self._db.begin() as connection:
            connection.execute(delete(table).where(table.c.shop == self._shop, table.c.customer_id == customer_id))

    def _one(self) -> ColumnElement[bool]:
        of_him = (table.c.shop == self._shop) & (table.c.customer_id == bindparam("who"))
        return of_him & (table.c.told_at == bindparam("then"))


def _as_told(told: Mapping[int, int]) -> list[dict[str, int]]:
    return [{"who": who, "then": then} for who, then in told.items()]
