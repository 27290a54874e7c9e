"""Which customers of a shop were erased: keyed marks that name nobody, and rows of the till with them taken out.

A mark is an HMAC of shop and customer id. Its key is made once for each shop and sealed, so that sealing keys can be changed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import cached_property

import pyarrow as pa
from sqlalchemy import Connection, select, update

from connector.pos.rows import CUSTOMERS, ERASED, to_table
from connector.state.database import Database, upsert
from connector.state.sealing import Sealer
from connector.state.tables import tombstone_keys, tombstones


class Tombstones:
    """One shop's erased customers, as they were when first asked for, and whom this object added: runs exclude each other.

    Raises `StateError` when the marks' key cannot be opened: without it, nobody can tell who must not come back.
    """

    def __init__(self, db: Database, shop: str, sealer: Sealer) -> None:
        self._db, self._shop, self._sealer = db, shop, sealer

    def erased(self, customer_id: int | None) -> bool:
        """Whether the till's customer was erased."""
        return bool(self._marks) and customer_id is not None and self._mark(self._key, customer_id) in self._marks

    def customers(self, rows: pa.Table) -> pa.Table:
        """`CUSTOMERS` in which a row of an erased customer says only that it is one."""
        gone = self._gone(rows)
        if not any(gone):
            return rows
        kept = rows.filter(pa.array([not each for each in gone], pa.bool_()))
        empty = to_table([{"problems": ERASED}] * sum(gone), CUSTOMERS)
        return pa.concat_tables([kept, empty.select(rows.column_names)])

    def others(self, rows: pa.Table) -> pa.Table:
        """The rows of customers who were not erased."""
        gone = self._gone(rows)
        return rows.filter(pa.array([not each for each in gone], pa.bool_())) if any(gone) else rows

    def sales(self, rows: pa.Table) -> pa.Table:
        """`SALES` in which those of an erased customer are nobody's."""
        gone = self._gone(rows)
        if not any(gone):
            return rows
        ids = [0 if out else each for each, out in zip(rows["customer_id"].to_pylist(), gone, strict=True)]
        place = rows.schema.get_field_index("customer_id")
        return rows.set_column(place, rows.schema.field(place), pa.array(ids, pa.int64()))

    def add(self, connection: Connection, customer_id: int, at: int) -> int:
        """Marks a customer as erased, within the caller's transaction; since when (epoch seconds) he is."""
        key = self._load_key(connection)
        if key is None:
            key = secrets.token_bytes(32)
            connection.execute(tombstone_keys.insert().values(shop=self._shop, key=self._sealer.seal(key)))
        row = {"shop": self._shop, "mark": self._mark(key, customer_id), "erased_at": at}
        upsert(connection, tombstones, [row], update=())
        self.__dict__.pop("_marks", None)  # asked for anew
        one = (tombstones.c.shop == self._shop) & (tombstones.c.mark == row["mark"])
        return int(connection.execute(select(tombstones.c.erased_at).where(one)).scalar_one())

    def reseal(self) -> None:
        """Seals the marks' key with today's sealing key."""
        with self._db.begin() as connection:
            mine = tombstone_keys.c.shop == self._shop
            sealed = connection.execute(select(tombstone_keys.c.key).where(mine)).scalar()
            anew = None if sealed is None else self._sealer.resealed(sealed)
            if anew is not None:
                connection.execute(update(tombstone_keys).where(mine).values(key=anew))

    @cached_property
    def _marks(self) -> frozenset[bytes]:
        with self._db.read() as connection:
            query = select(tombstones.c.mark).where(tombstones.c.shop == self._shop)
            return frozenset(bytes(mark) for mark in connection.execute(query).scalars())

    @cached_property
    def _key(self) -> bytes:
        with self._db.read() as connection:
            key = self._load_key(connection)
        assert key is not None  # there are marks, and none is made without it
        return key

    def _load_key(self, connection: Connection) -> bytes | None:
        query = select(tombstone_keys.c.key).where(tombstone_keys.c.shop == self._shop)
        sealed = connection.execute(query).scalar()
        return None if sealed is None else self._sealer.open(sealed)

    def _mark(self, key: bytes, customer_id: int) -> bytes:
        return hmac.digest(key, f"{self._shop}/{customer_id}".encode(), hashlib.sha256)

    def _gone(self, rows: pa.Table) -> list[bool]:
        return [self.erased(each) for each in rows["customer_id"].to_pylist()] if self._marks else []
