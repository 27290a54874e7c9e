"""What a record would do: is it new, changed, unchanged, or refused already? Asked alike by a sync and by a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pyarrow as pa

from connector.delivery.ledger import Ledger
from connector.delivery.refused import RefusedStore
from connector.mapping.records import digest_bytes


class Verdict(StrEnum):
    """What is to be done with a record."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    NOT_READ = "not_read"  # not whole, by the till
    REFUSED = "refused"  # by our own rules
    REFUSED_BEFORE = "refused_before"  # by ShopiMind, or by our own rules, and it has not changed since
    NO_SOURCE = "no_source"  # its store has no data source yet


_NOT_ONCE = frozenset({Verdict.UNCHANGED, Verdict.REFUSED_BEFORE})


@dataclass(slots=True)
class Record:
    """One row of `connector.mapping.records.RECORDS` with the data source that tags it."""

    external_id: str
    store_id: int | None
    day: str | None
    reason: str | None
    field: str | None
    payload: str | None
    digest: bytes | None
    amount: Decimal | None
    currency: str | None
    source: int | None
    refused_before: bool  # it is among the refused records, changed since or not

    def refused_as(self) -> bytes:
        """What an unchanged refused record is known by: all of it, and where it counts.

        More than what counts as a change of a delivered one: an order that ShopiMind refused for its customer's e-mail
        deserves another try when that changes.
        """
        parts = (self.store_id, self.day, self.field, self.reason, self.payload)
        return digest_bytes("\0".join(map(str, parts)).encode())

    def tagged(self) -> bytes:
        """The payload as it is sent: with `id_data_source`."""
        assert self.payload is not None
        return f'{self.payload[:-1]},"id_data_source":{self.source}}}'.encode()


def compare(
    table: pa.Table,
    entity: str,
    *,
    sources: Mapping[int | None, int],
    ledger: Ledger,
    refused: RefusedStore,
    full: bool = False,
    nothing_delivered: bool = False,
) -> Iterator[tuple[Verdict, Record]]:
    """A verdict for every record of the table that counts, in its order.

    `sources` gives `id_data_source` by store id, the parent's under None. With `full` neither the ledger nor an earlier
    refusal keeps a record from being sent; with `nothing_delivered` the ledger counts as empty. A record that is counted
    only `once` is left out when it would change nothing, or was refused before: the till has no row of it that could be
    corrected. One that the ledger does not know is sent: a ledger that was lost knows none, and ShopiMind may have it.
    """
    rows = table.to_pylist()
    ids = [row["external_id"] for row in rows]
    delivered = {} if nothing_delivered else ledger.lookup(entity, ids)
    rejected = refused.lookup(entity, ids)
    for row in rows:
        record = _record(row, sources, row["external_id"] in rejected)
        verdict = _verdict(row, record, delivered.get(record.external_id), rejected.get(record.external_id), full)
        if row["once"] and (
            verdict in _NOT_ONCE or (verdict is Verdict.REFUSED and record.external_id not in delivered)
        ):
            continue
        yield verdict, record


def _record(row: Mapping[str, Any], sources: Mapping[int | None, int], refused_before: bool) -> Record:
    return Record(
        row["external_id"],
        row["store_id"],
        row["day"],
        row["reason"],
        row["field"],
        row["payload"],
        row["digest"],
        row["amount"],
        row["currency"],
        sources.get(row["source_store_id"]),
        refused_before,
    )


def _verdict(
    row: Mapping[str, Any],
    record: Record,
    delivered: tuple[bytes, int] | None,
    rejected: tuple[bytes | None, int] | None,
    full: bool,
) -> Verdict:
    if row["outcome"] == "skipped":
        return Verdict.SKIPPED
    if row["outcome"] == "failed":
        return Verdict.NOT_READ
    if row["outcome"] == "refused":
        return Verdict.REFUSED_BEFORE if rejected and rejected[0] == record.refused_as() else Verdict.REFUSED
    if record.source is None:
        return Verdict.NO_SOURCE
    if not full and rejected and rejected == (record.refused_as(), record.source):
        return Verdict.REFUSED_BEFORE
    if not full and delivered == (record.digest, record.source):
        return Verdict.UNCHANGED
    return Verdict.NEW if delivered is None else Verdict.CHANGED
