"""The records that will not be taken: kept with payload, field and reason until they change or are replayed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, delete, func, select

from connector.delivery.ledger import digests
from connector.state.database import Database, upsert
from connector.state.sealing import Sealer
from connector.state.tables import refused

By = Literal["shopimind", "connector"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused record. `source` is null where it was refused before it had one; `by` says who would not take it."""

    external_id: str
    digest: bytes
    source: int | None
    store_id: int | None
    day: str | None
    field: str | None
    reason: str
    payload: str
    by: By


class RefusedStore:
    """The refused records of one shop. Payloads are sealed, because they hold personal data."""

    def __init__(self, db: Database, shop: str, sealer: Sealer) -> None:
        self._db, self._shop, self._sealer = db, shop, sealer

    def lookup(self, entity: str, external_ids: Sequence[str]) -> dict[str, tuple[bytes, int]]:
        """Digest and source of those of the records that are refused."""
        return digests(self._db, refused, self._shop, entity, external_ids)

    def reasons(self, entity: str, external_ids: Collection[str]) -> dict[str, tuple[str | None, str]]:
        """Field and reason of the given refused records."""
        query = select(refused.c.external_id, refused.c.field, refused.c.reason).where(
            refused.c.shop == self._shop, refused.c.entity == entity, refused.c.external_id.in_(list(external_ids))
        )
        with self._db.read() as connection:
            return {external_id: (field, reason) for external_id, field, reason in connection.execute(query)}

    def note(self, connection: Connection, entity: str, refusals: Collection[Refusal], *, run_id: str, at: int) -> None:
        """Writes refusals down within the caller's transaction; the first time and the number of tries are kept."""
        ids = [refusal.external_id for refusal in refusals]
        query = select(refused.c.external_id, refused.c.first_at, refused.c.tries).where(
            refused.c.shop == self._shop, refused.c.entity == entity, refused.c.external_id.in_(ids)
        )
        before = {name: (first_at, tries) for name, first_at, tries in connection.execute(query)}
        rows = []
        for refusal in refusals:
            first_at, tries = before.get(refusal.external_id, (at, 0))
            rows.append(
                {
                    "shop": self._shop,
                    "entity": entity,
                    "external_id": refusal.external_id,
                    "digest": refusal.digest,
                    "source": refusal.source,
                    "store_id": refusal.store_id,
                    "day": refusal.day,
                    "field": refusal.field,
                    "reason": refusal.reason,
                    "payload": self._sealer.seal(refusal.payload.encode()),
                    "by": refusal.by,
                    "first_at": first_at,
                    "last_at": at,
                    "tries": tries + 1,
                    "run_id": run_id,
                }
            )
        upsert(connection, refused, rows)

    def forget(self, connection: Connection, entity: str, external_ids: Sequence[str]) -> None:
        """Records that are taken now, or that a rule leaves out: no longer refused."""
        if external_ids:
            connection.execute(
                delete(refused).where(
                    refused.c.shop == self._shop, refused.c.entity == entity, refused.c.external_id.in_(external_ids)
                )
            )

    def ids(self, entity: str) -> list[str]:
        """The external ids of all refused records of an entity."""
        query = select(refused.c.external_id).where(refused.c.shop == self._shop, refused.c.entity == entity)
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    def totals(self) -> dict[tuple[str, int | None], int]:
        """How many are refused, per entity and store."""
        query = (
            select(refused.c.entity, refused.c.store_id, func.count())
            .where(refused.c.shop == self._shop)
            .group_by(refused.c.entity, refused.c.store_id)
        )
        with self._db.read() as connection:
            return {(entity, store_id): number for entity, store_id, number in connection.execute(query)}

    def all(self, *, entity: str | None = None, reason: str | None = None) -> list[dict[str, Any]]:
        """Everything but the payloads, oldest first; `reason` is a part of the field's name or of the reason."""
        query = select(*(column for column in refused.c if column.name not in ("payload", "digest"))).where(
            refused.c.shop == self._shop
        )
        if entity is not None:
            query = query.where(refused.c.entity == entity)
        with self._db.read() as connection:
            rows = [
                dict(row._mapping)
                for row in connection.execute(query.order_by(refused.c.first_at, refused.c.external_id))
            ]
        if reason is None:
            return rows
        return [row for row in rows if reason.lower() in f"{row['field']}: {row['reason']}".lower()]

    def payload(self, entity: str, external_id: str) -> dict[str, Any] | None:
        """The record as it was refused, personal data included; None when there is none of that id."""
        query = select(refused.c.payload).where(
            refused.c.shop == self._shop, refused.c.entity == entity, refused.c.external_id == external_id
        )
        with self._db.read() as connection:
            sealed = connection.execute(query).scalar()
        return None if sealed is None else orjson.loads(self._sealer.open(sealed))
