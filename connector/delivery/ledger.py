"""Our durable memory of what was delivered: one row per record that ShopiMind accepted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import pyarrow as pa
from sqlalchemy import Connection, Select, Table, bindparam, delete, func, select

from connector.state.database import Database, upsert
from connector.state.tables import ledger

_IDS_PER_QUERY = 500
_ROWS_AT_ONCE = 1_000

# The ledger's rows of one entity, as `Ledger.records` gives them.
NOTED = pa.schema(
    [
        pa.field("external_id", pa.string()),
        pa.field("source", pa.int64()),
        pa.field("store_id", pa.int64()),  # orders only
        pa.field("day", pa.string()),  # orders only
        pa.field("cents", pa.int64()),  # orders only
        pa.field("currency", pa.string()),  # orders only
        pa.field("delivered_at", pa.int64()),
    ]
)


@dataclass(slots=True)
class Delivered:
    """One record as it is noted. `digest` tells whether it changed since, `source` is its `id_data_source`."""

    external_id: str
    digest: bytes
    source: int
    store_id: int | None
    day: str | None
    amount: Decimal | None
    currency: str | None


@dataclass(frozen=True)
class Held:
    """Totals of the ledger for one entity and store."""

    entity: str
    store_id: int | None
    source: int
    records: int
    cents: int
    last_delivery: int  # epoch seconds


@dataclass(frozen=True)
class DayHeld:
    """What the ledger has of one store and closing day, in one currency."""

    day: str
    store_id: int
    currency: str
    records: int
    cents: int


class Ledger:
    """The ledger of one shop."""

    def __init__(self, db: Database, shop: str) -> None:
        self._db, self._shop = db, shop

    def lookup(self, entity: str, external_ids: Sequence[str]) -> dict[str, tuple[bytes, int]]:
        """Digest and source of those of the records that were delivered."""
        return digests(self._db, ledger, self._shop, entity, external_ids)

    def note(
        self, connection: Connection, entity: str, delivered: Collection[Delivered], *, run_id: str, at: int
    ) -> None:
        """Writes down a chunk that ShopiMind accepted, within the caller's transaction."""
        rows = [
            {
                "shop": self._shop,
                "entity": entity,
                "external_id": record.external_id,
                "digest": record.digest,
                "source": record.source,
                "store_id": record.store_id,
                "day": record.day,
                "cents": None if record.amount is None else int(record.amount * 100),
                "currency": record.currency,
                "run_id": run_id,
                "delivered_at": at,
            }
            for record in delivered
        ]
        upsert(connection, ledger, rows)

    def delivered_ids(self, entity: str, external_ids: Sequence[str]) -> set[str]:
        """Those of the records that ShopiMind ever accepted."""
        return set(self.lookup(entity, external_ids))

    def delivered_by(self, run_id: str, entity: str, external_ids: Collection[str]) -> set[str]:
        """Those of the records that ShopiMind accepted last in this run."""
        query = select(ledger.c.external_id).where(
            ledger.c.shop == self._shop,
            ledger.c.entity == entity,
            ledger.c.run_id == run_id,
            ledger.c.external_id.in_(list(external_ids)),
        )
        with self._db.read() as connection:
            return set(connection.execute(query).scalars())

    def records(self, entity: str) -> pa.Table:
        """`NOTED`: every record of an entity."""
        query = select(*(ledger.c[name] for name in NOTED.names)).where(
            ledger.c.shop == self._shop, ledger.c.entity == entity
        )
        return self._db.table(query, NOTED)

    def forget_all(self, connection: Connection, entity: str) -> None:
        """All records of an entity count as never delivered; within the caller's transaction."""
        connection.execute(delete(ledger).where(ledger.c.shop == self._shop, ledger.c.entity == entity))

    def forget(self, connection: Connection, entity: str, external_ids: Sequence[str]) -> None:
        """Records that count as never delivered, so that the next run sends them; within the caller's transaction."""
        for start in range(0, len(external_ids), _IDS_PER_QUERY):
            connection.execute(
                delete(ledger).where(
                    ledger.c.shop == self._shop,
                    ledger.c.entity == entity,
                    ledger.c.external_id.in_(external_ids[start : start + _IDS_PER_QUERY]),
                )
            )

    def held(self) -> list[Held]:
        """Totals per entity, store and source."""
        columns = (ledger.c.entity, ledger.c.store_id, ledger.c.source)
        query = (
            select(
                *columns,
                func.count(),
                func.coalesce(func.sum(ledger.c.cents), 0),
                func.max(ledger.c.delivered_at),
            )
            .where(ledger.c.shop == self._shop)
            .group_by(*columns)
            .order_by(*columns)
        )
        with self._db.read() as connection:
            return [Held(*row) for row in connection.execute(query)]

    def held_by_day(self, entity: str, first: str, last: str) -> Iterator[DayHeld]:
        """Totals of the closing days `first` to `last`, both inclusive, by day, store and currency; a few at a time."""
        columns = (ledger.c.day, ledger.c.store_id, func.coalesce(ledger.c.currency, ""))
        query = (
            select(*columns, func.count(), func.coalesce(func.sum(ledger.c.cents), 0))
            .where(ledger.c.shop == self._shop, ledger.c.entity == entity, ledger.c.day.between(first, last))
            .where(ledger.c.store_id.is_not(None))
            .group_by(*columns)
            .order_by(*columns)
        )
        with self._db.read() as connection:
            rows = connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE})
            for day, store_id, currency, records, cents in rows:
                yield DayHeld(day, store_id, currency, records, int(cents))

    def strays(self, entity: str, source_of_store: dict[int, int], run_id: str) -> list[str]:
        """Records that this run delivered under another store's source than that of their store (guarantee 6)."""
        query = select(ledger.c.external_id, ledger.c.store_id, ledger.c.source).where(
            ledger.c.shop == self._shop,
            ledger.c.entity == entity,
            ledger.c.store_id.is_not(None),
            ledger.c.run_id == run_id,
        )
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(ledger.c.external_id))
            return [name for name, store_id, source in rows if source_of_store.get(store_id, source) != source]


def digests(
    db: Database, table: Table, shop: str, entity: str, external_ids: Sequence[str]
) -> dict[str, tuple[bytes, int]]:
    """Digest and source of the given records in the ledger or among the refused."""
    found: dict[str, tuple[bytes, int]] = {}
    query = _digests_query(table)
    with db.read() as connection:
        for start in range(0, len(external_ids), _IDS_PER_QUERY):
            ids = external_ids[start : start + _IDS_PER_QUERY]
            for external_id, digest, source in connection.execute(query, {"shop": shop, "entity": entity, "ids": ids}):
                found[external_id] = (digest, source)
    return found


@lru_cache
def _digests_query(table: Table) -> Select[str, bytes, int]:
    """Made once: putting hundreds of ids into a new statement takes longer than running it."""
    return select(table.c.external_id, table.c.digest, table.c.source).where(
        table.c.shop == bindparam("shop"),
        table.c.entity == bindparam("entity"),
        table.c.external_id.in_(bindparam("ids", expanding=True)),
    )
