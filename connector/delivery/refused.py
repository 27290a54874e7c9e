"""The records that will not be taken: kept with payload, field and reason until they change or are replayed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, literal, or_, select, update

from connector.delivery.entities import ORDERS
from connector.state.database import Database, upsert
from connector.state.errors import StateError
from connector.state.sealing import Sealer
from connector.state.tables import refused

log = logging.getLogger(__name__)

By = Literal["shopimind", "connector"]
_AT_ONCE = 500  # ids in one statement, payloads in memory
_AGAIN = "again "  # before the edition of a record that is to be tried again: how it was made is still known


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused record. `source` is null where it was refused before it had one; `by` says who would not take it.

    `digest` is of all that was refused, so that one that came out different is tried again.
    """

    external_id: str
    digest: bytes
    source: int | None
    store_id: int | None
    day: str | None
    field: str | None
    reason: str
    payload: str
    by: By


@dataclass(frozen=True, slots=True)
class Filters:
    """Which refused records are meant; what is not given does not count. Times are epoch seconds."""

    entity: str | None = None
    reason: str | None = None  # a part of the field's name or of the reason, in any case
    store_id: int | None = None
    external_ids: frozenset[str] = frozenset()
    first_before: int | None = None
    first_after: int | None = None

    def clauses(self) -> Iterator[ColumnElement[bool]]:
        """What the database can tell."""
        if self.entity is not None:
            yield refused.c.entity == self.entity
        if self.store_id is not None:
            yield refused.c.store_id == self.store_id
        if self.first_before is not None:
            yield refused.c.first_at < self.first_before
        if self.first_after is not None:
            yield refused.c.first_at > self.first_after

    def fit(self, row: dict[str, Any]) -> bool:
        """What it is not asked: ids may be more than a statement takes, and no database folds every letter's case."""
        if self.external_ids and row["external_id"] not in self.external_ids:
            return False
        return self.reason is None or self.reason.casefold() in f"{row['field']}: {row['reason']}".casefold()


class RefusedStore:
    """The refused records of one shop. Payloads are sealed, because they hold personal data.

    A record that was refused under another `edition` is tried again, as one that changed is.
    """

    def __init__(self, db: Database, shop: str, sealer: Sealer, edition: str = "") -> None:
        self._db, self._shop, self._sealer, self._edition = db, shop, sealer, edition

    def lookup(self, entity: str, external_ids: Sequence[str]) -> dict[str, tuple[bytes | None, int]]:
        """Digest and source of those of the records that are refused; no digest where it is to be tried again anyhow."""
        found: dict[str, tuple[bytes | None, int]] = {}
        with self._db.read() as connection:
            for ids in _parts(external_ids):
                given = {"shop": self._shop, "entity": entity, "ids": ids}
                for external_id, digest, source, edition in connection.execute(_LOOKUP, given):
                    found[external_id] = (digest if edition == self._edition else None, source)
        return found

    def reasons(self, entity: str, external_ids: Collection[str]) -> dict[str, tuple[str | None, str]]:
        """Field and reason of the given refused records."""
        found: dict[str, tuple[str | None, str]] = {}
        with self._db.read() as connection:
            for ids in _parts(external_ids):
                query = select(refused.c.external_id, refused.c.field, refused.c.reason).where(
                    *self._of(entity), refused.c.external_id.in_(ids)
                )
                found.update((name, (field, reason)) for name, field, reason in connection.execute(query))
        return found

    def note(self, connection: Connection, entity: str, refusals: Collection[Refusal], *, run_id: str, at: int) -> None:
        """Writes refusals down within the caller's transaction; the first time and the number of tries are kept."""
        before: dict[str, tuple[int, int]] = {}
        for ids in _parts([refusal.external_id for refusal in refusals]):
            query = select(refused.c.external_id, refused.c.first_at, refused.c.tries).where(
                *self._of(entity), refused.c.external_id.in_(ids)
            )
            before.update((name, (first_at, tries)) for name, first_at, tries in connection.execute(query))
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
                    "edition": self._edition,
                }
            )
        upsert(connection, refused, rows)

    def forget(self, connection: Connection, entity: str, external_ids: Sequence[str]) -> None:
        """Records that are taken now, or that a rule leaves out: no longer refused."""
        for ids in _parts(external_ids):
            connection.execute(delete(refused).where(*self._of(entity), refused.c.external_id.in_(ids)))

    def drop(self, entity: str, external_ids: Sequence[str]) -> None:
        """Records of which the till has nothing any more."""
        with self._db.begin() as connection:
            self.forget(connection, entity, external_ids)

    def try_again(self, entity: str, external_ids: Sequence[str]) -> None:
        """From now on, unchanged or not, the next sync that reads their rows tries them again."""
        unmarked = ~refused.c.edition.startswith(_AGAIN)  # not of those without an edition, which are tried anyhow
        with self._db.begin() as connection:
            for ids in _parts(external_ids):
                chosen = update(refused).where(*self._of(entity), refused.c.external_id.in_(ids), unmarked)
                connection.execute(chosen.values(edition=literal(_AGAIN) + refused.c.edition))

    def days_to_try_again(self) -> set[tuple[int, str]]:
        """(store, closing day) of the orders that are to be tried again: complete or not, these days are to be read."""
        query = select(refused.c.store_id, refused.c.day).where(
            *self._of(ORDERS.name),
            or_(refused.c.edition.is_(None), refused.c.edition != self._edition),
            refused.c.store_id.is_not(None),
            refused.c.day.is_not(None),
        )
        with self._db.read() as connection:
            return {(store_id, day) for store_id, day in connection.execute(query.distinct())}

    def ids(self, entity: str) -> list[str]:
        """The external ids of all refused records of an entity."""
        return list(self.places(entity))

    def places(self, entity: str) -> dict[str, tuple[int | None, str | None]]:
        """Store and closing day of all refused records of an entity, by external id; both are null but for orders."""
        query = select(refused.c.external_id, refused.c.store_id, refused.c.day).where(*self._of(entity))
        with self._db.read() as connection:
            return {name: (store_id, day) for name, store_id, day in connection.execute(query)}

    def totals(self) -> dict[tuple[str, int | None], int]:
        """How many are refused, per entity and store."""
        query = (
            select(refused.c.entity, refused.c.store_id, func.count())
            .where(refused.c.shop == self._shop)
            .group_by(refused.c.entity, refused.c.store_id)
        )
        with self._db.read() as connection:
            return {(entity, store_id): number for entity, store_id, number in connection.execute(query)}

    def all(self, filters: Filters = Filters()) -> list[dict[str, Any]]:
        """Everything but the payloads, oldest first; `of_now` where this edition would make the record as it was made."""
        columns = [column for column in refused.c if column.name not in ("payload", "digest", "edition")]
        of_now = refused.c.edition.in_([self._edition, _AGAIN + self._edition]).label("of_now")
        query = select(*columns, of_now).where(refused.c.shop == self._shop, *filters.clauses())
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(refused.c.first_at, refused.c.entity, refused.c.external_id))
            return [row for row in map(dict, rows.mappings()) if filters.fit(row)]

    def payload(self, entity: str, external_id: str) -> dict[str, Any] | None:
        """The record as it was refused, personal data included; None when there is none of that id.

        Raises `StateError` when the key that sealed it is not there.
        """
        for _, payload in self.payloads(entity, [external_id]):
            if isinstance(payload, StateError):
                raise payload
            return payload
        return None

    def payloads(
        self, entity: str, external_ids: Sequence[str]
    ) -> Iterator[tuple[str, dict[str, Any] | StateError | None]]:
        """Each of the records as it was refused, or why it cannot be opened; a few at a time, in the order given."""
        for ids in _parts(external_ids):
            query = select(refused.c.external_id, refused.c.payload).where(
                *self._of(entity), refused.c.external_id.in_(ids)
            )
            with self._db.read() as connection:
                sealed = {name: content for name, content in connection.execute(query)}
            for name in ids:
                if name in sealed:
                    yield name, self._opened(sealed[name])

    def reseal(self) -> None:
        """Seals with today's key what an earlier one sealed, where both are given; what no key opens stays as it is."""
        if not self._sealer.has_older_keys:
            return
        with self._db.read() as connection:
            query = select(refused.c.entity, refused.c.external_id).where(refused.c.shop == self._shop)
            keys = [(entity, name) for entity, name in connection.execute(query)]
        closed = 0
        for entity in sorted({entity for entity, _ in keys}):
            for ids in _parts([name for each, name in keys if each == entity]):
                closed += self._reseal(entity, ids)
        if closed:
            log.warning(
                "shop %s: %d refused record(s) were sealed with a key that is not in %s. They are kept, and tried again "
                "when they change; add that key at the end to read or replay them.",
                self._shop,
                closed,
                self._sealer.where,
            )

    def _reseal(self, entity: str, ids: Sequence[str]) -> int:
        closed = 0
        query = select(refused.c.external_id, refused.c.payload).where(
            *self._of(entity), refused.c.external_id.in_(ids)
        )
        with self._db.begin() as connection:
            for name, sealed in connection.execute(query).all():
                try:
                    anew = self._sealer.resealed(sealed)
                except StateError:
                    closed += 1
                    continue
                if anew is not None:
                    row = update(refused).where(*self._of(entity), refused.c.external_id == name)
                    connection.execute(row.values(payload=anew))
        return closed

    def _opened(self, sealed: bytes) -> dict[str, Any] | StateError | None:
        try:
            payload: dict[str, Any] | None = orjson.loads(self._sealer.open(sealed))
        except StateError as error:
            return error
        return payload

    def _of(self, entity: str) -> tuple[ColumnElement[bool], ...]:
        return refused.c.shop == self._shop, refused.c.entity == entity


# Made once: putting hundreds of ids into a new statement takes longer than running it.
_LOOKUP = select(refused.c.external_id, refused.c.digest, refused.c.source, refused.c.edition).where(
    refused.c.shop == bindparam("shop"),
    refused.c.entity == bindparam("entity"),
    refused.c.external_id.in_(bindparam("ids", expanding=True)),
)


def _parts(external_ids: Collection[str]) -> Iterator[list[str]]:
    ids = list(external_ids)
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
