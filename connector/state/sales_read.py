"""What is known of every closed sale read so far: home stores, profiles and reconciliation count from it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, cast, delete, func, select, update

from connector.mapping.facts import SALE_FACTS, SALE_GROUPS
from connector.state.database import Database, upsert
from connector.state.tables import closed_sales, former_sales, lost_sales

_TOTALS: list[pa.Field[Any]] = [
    pa.field("store_id", pa.int64()),
    pa.field("day", pa.string()),
    pa.field("currency", pa.string()),
    pa.field("kind", pa.string()),
    pa.field("sent", pa.bool_()),
    pa.field("sales", pa.int64()),
    pa.field("cents", pa.int64()),
]
TOTALS = pa.schema(_TOTALS)

_IDS = 5_000  # in one statement; both databases take 32,766


class SalesRead:
    """One shop's closed sales, each under the store and day that it was last listed under."""

    def __init__(self, db: Database, shop: str) -> None:
        self._db = db
        self._shop = shop

    def replace(self, store_ids: Collection[int], day: str, facts: pa.Table) -> None:
        """Takes `SALE_FACTS` for all that is known of these stores' day: what is no longer listed there goes away.

        A sale that was listed elsewhere before moves here. Whoever loses one by this, but to nobody, is remembered, and
        which sales were whose, to whomever they were lost.
        One transaction for all stores: an account may have hundreds, most of which sell little on a day.
        """
        rows = {
            row["sale_id"]: {"shop": self._shop, **row, "currency": row["currency"] or ""}  # "": it could not be read
            for row in facts.select(SALE_FACTS.names).to_pylist()
        }
        table = closed_sales
        with self._db.begin() as connection:
            here = [
                (table.c.shop == self._shop) & table.c.store_id.in_(chunk) & (table.c.day == day)
                for chunk in _chunks(store_ids)
            ]
            self._note_who_loses(connection, here, {sale_id: row["customer_id"] for sale_id, row in rows.items()})
            for there in here:
                connection.execute(delete(table).where(there))
            upsert(connection, table, list(rows.values()))

    def _note_who_loses(
        self, connection: Connection, here: Sequence[ColumnElement[bool]], owners: Mapping[int, int]
    ) -> None:
        """`owners`: of the sales of the day from now on. A sale that is gone may be another customer's on another day."""
        table = closed_sales
        mine = table.c.shop == self._shop
        # By number, then by key: asked for at once, SQLite goes through all sales of the shop.
        listed = [each for there in here for each in connection.execute(select(table.c.sale_id).where(there)).scalars()]
        known: list[Row[int, int]] = []
        for chunk in _chunks({*listed, *owners}):
            before = select(table.c.sale_id, table.c.customer_id).where(mine, table.c.sale_id.in_(chunk))
            known += connection.execute(before)
        losers = {had for sale_id, had in known if had and owners.get(sale_id, -1) not in (had, 0)}
        upsert(connection, lost_sales, [{"shop": self._shop, "customer_id": had} for had in sorted(losers)], update=())
        former = {(had, sale_id) for sale_id, had in known if had and owners.get(sale_id) != had}
        rows = [{"shop": self._shop, "customer_id": had, "sale_id": sale_id} for had, sale_id in sorted(former)]
        upsert(connection, former_sales, rows, update=())

    def has_lost_a_sale(self, customer_id: int) -> bool:
        """Whether a sale that was read as this customer's is known to be another's since, or to be gone."""
        query = select(lost_sales.c.customer_id).where(
            lost_sales.c.shop == self._shop, lost_sales.c.customer_id == customer_id
        )
        with self._db.read() as connection:
            return connection.execute(query).one_or_none() is not None

    def still_held_as_his(self, customer_id: int) -> set[int]:
        """Sales that are this customer's no more, of which no later version is sent: if an order was, it is his still."""
        table, now = former_sales, closed_sales
        same = (now.c.shop == table.c.shop) & (now.c.sale_id == table.c.sale_id)
        query = (
            select(table.c.sale_id)
            .select_from(table.outerjoin(now, same & now.c.sent))
            .where(table.c.shop == self._shop, table.c.customer_id == customer_id, now.c.sale_id.is_(None))
        )
        with self._db.read() as connection:
            return set(connection.execute(query).scalars())

    def forget_losses(self, connection: Connection, customer_id: int) -> None:
        """Removes what `has_lost_a_sale` and `still_held_as_his` go by, within the caller's transaction."""
        for table in (lost_sales, former_sales):
            connection.execute(delete(table).where(table.c.shop == self._shop, table.c.customer_id == customer_id))

    def mark_sent(self, sale_ids: Collection[int], *, sent: bool) -> None:
        """Sales that are orders at ShopiMind, or no orders there after all, because it refused them."""
        table = closed_sales
        with self._db.begin() as connection:
            for chunk in _chunks(sale_ids):
                mine = update(table).where(table.c.shop == self._shop, table.c.sale_id.in_(chunk))
                connection.execute(mine.values(sent=sent))

    def copy_to(self, db: Database) -> SalesRead:
        """The same sales in another database, where changing them changes nothing here."""
        query = select(closed_sales).where(closed_sales.c.shop == self._shop)
        with self._db.read() as source, db.begin() as target:
            for rows in source.execute(query).mappings().partitions(_IDS):
                upsert(target, closed_sales, [dict(row) for row in rows])
        return SalesRead(db, self._shop)

    def customers_of(self, sale_ids: Collection[int]) -> dict[int, int]:
        """Of those sales the ones that are known, with their customers (0: none)."""
        table = closed_sales
        query = select(table.c.sale_id, table.c.customer_id).where(table.c.shop == self._shop)
        found: dict[int, int] = {}
        with self._db.read() as connection:
            for chunk in _chunks(sale_ids):
                found.update(map(tuple, connection.execute(query.where(table.c.sale_id.in_(chunk)))))
        return found

    def first_closed(self, customer_ids: Collection[int]) -> dict[int, int]:
        """The first closing, of any kind of sale, of those customers that have one with a time that can be read."""
        table = closed_sales
        query = (
            select(table.c.customer_id, func.min(table.c.closed_at))
            .where(table.c.shop == self._shop, table.c.closed_at.is_not(None))
            .group_by(table.c.customer_id)
        )
        found: dict[int, int] = {}
        with self._db.read() as connection:
            for chunk in _chunks(customer_ids):
                found.update(map(tuple, connection.execute(query.where(table.c.customer_id.in_(chunk)))))
        return found

    def last_of(self, customer_id: int) -> tuple[int, int, str] | None:
        """The customer's newest sale: its id, store and day; None when he has none."""
        table = closed_sales
        query = select(table.c.sale_id, table.c.store_id, table.c.day).order_by(table.c.day.desc()).limit(1)
        with self._db.read() as connection:
            row = connection.execute(
                query.where(table.c.shop == self._shop, table.c.customer_id == customer_id)
            ).one_or_none()
        return None if row is None else (row.sale_id, row.store_id, row.day)

    def groups(self, customer_ids: Collection[int] | None = None) -> pa.Table:
        """`SALE_GROUPS`: the sales of those customers (default: of all, anonymous included) summed up, in no order."""
        table = closed_sales
        key = (table.c.customer_id, table.c.store_id, table.c.currency, table.c.kind, table.c.sent)
        query = (
            select(
                *key,
                func.count(),
                _sum_of_cents(),
                func.min(table.c.closed_at),
                func.max(table.c.closed_at),
            )
            .where(table.c.shop == self._shop)
            .group_by(*key)
        )
        if customer_ids is None:
            return self._table([query], SALE_GROUPS)
        return self._table(
            [query.where(table.c.customer_id.in_(chunk)) for chunk in _chunks(customer_ids)], SALE_GROUPS
        )

    def totals(self, first: str | None = None, last: str | None = None) -> pa.Table:
        """`TOTALS` of the closing days `first` to `last`, both inclusive (default: all), by store and day."""
        table = closed_sales
        key = (table.c.store_id, table.c.day, table.c.currency, table.c.kind, table.c.sent)
        query = select(*key, func.count(), _sum_of_cents()).where(table.c.shop == self._shop)
        if first is not None:
            query = query.where(table.c.day >= first)
        if last is not None:
            query = query.where(table.c.day <= last)
        return self._table([query.group_by(*key).order_by(*key)], TOTALS)

    def all(self) -> pa.Table:
        """`SALE_FACTS` of every sale, in no order."""
        query = select(*(closed_sales.c[name] for name in SALE_FACTS.names)).where(closed_sales.c.shop == self._shop)
        return self._db.table(query, SALE_FACTS)

    def _table(self, queries: list[Select[Any]], schema: pa.Schema) -> pa.Table:
        columns: list[list[Any]] = [[] for _ in schema]
        with self._db.read() as connection:
            for query in queries:
                rows = connection.execute(query).all()
                for column, values in zip(columns, zip(*rows, strict=True), strict=False):
                    column.extend(values)
        return pa.table([pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _sum_of_cents() -> ColumnElement[int]:
    return cast(func.sum(closed_sales.c.cents), BigInteger)  # PostgreSQL sums them up as a decimal


def _chunks(numbers: Collection[int]) -> Iterator[list[int]]:
    ids = sorted(set(numbers))
    for start in range(0, len(ids), _IDS):
        yield ids[start : start + _IDS]
