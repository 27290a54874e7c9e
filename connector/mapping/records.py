"""The one shape in which every mapping hands its records on, and the digest that tells a changed record from a sent."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

SEND, SKIPPED, REFUSED, FAILED = "send", "skipped", "refused", "failed"

_RECORDS: list[pa.Field[Any]] = [
    pa.field("external_id", pa.string()),  # as ShopiMind knows it; of a refused row without one, "?" and its place
    pa.field("store_id", pa.int64()),  # the store that the record counts for (orders only), else null
    pa.field("source_store_id", pa.int64()),  # the store whose child source tags it; null = the parent source
    pa.field("day", pa.string()),  # the closing day (orders only), else null
    pa.field("outcome", pa.string()),  # send | skipped | refused | failed
    pa.field("reason", pa.string()),  # why it is not sent (see connector.mapping.outcomes)
    pa.field("field", pa.string()),  # the ShopiMind field that a refused record breaks
    pa.field(
        "payload", pa.string()
    ),  # compact JSON without id_data_source, which delivery adds; null when skipped or failed
    pa.field("digest", pa.binary(16)),  # of what counts as a change; null when skipped or failed
    pa.field("amount", pa.decimal128(18, 2)),  # a sale's total (orders only); null when it cannot be read
    pa.field("currency", pa.string()),  # of `amount`
    pa.field("once", pa.bool_()),  # counted and sent only when it changes something (a vanished product)
]
RECORDS = pa.schema(_RECORDS)


@dataclass(slots=True)
class Records:
    """Collects records; `table()` gives them as one table of schema `RECORDS`."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def send(
        self,
        external_id: str,
        payload: Mapping[str, Any],
        *,
        store_id: int | None = None,
        source_store_id: int | None = None,
        day: str | None = None,
        amount: Decimal | None = None,
        currency: str | None = None,
        once: bool = False,
        digest_of: Mapping[str, Any] | None = None,
    ) -> None:
        """A record to deliver. `digest_of` replaces the payload where a part of it must not count as a change."""
        text = orjson.dumps(payload)
        digest = digest_bytes(text if digest_of is None else orjson.dumps(digest_of))
        self.rows.append(
            (
                external_id,
                store_id,
                source_store_id,
                day,
                SEND,
                None,
                None,
                text.decode(),
                digest,
                amount,
                currency,
                once,
            )
        )

    def leave_out(
        self,
        outcome: str,
        external_id: str,
        reason: str,
        *,
        store_id: int | None = None,
        day: str | None = None,
        amount: Decimal | None = None,
        currency: str | None = None,
    ) -> None:
        """A row of which nothing is sent or kept: a rule leaves it out (`SKIPPED`), or the till has not given it whole
        and the next run reads it again (`FAILED`).
        """
        self.rows.append((external_id, store_id, None, day, outcome, reason, None, None, None, amount, currency, False))

    def refuse(
        self,
        external_id: str,
        field_name: str,
        reason: str,
        row: Mapping[str, Any],
        *,
        store_id: int | None = None,
        day: str | None = None,
        amount: Decimal | None = None,
        currency: str | None = None,
        once: bool = False,
    ) -> None:
        """A row that breaks a ShopiMind rule; `row` is kept as its payload, to be looked at and replayed."""
        text = orjson.dumps(row, default=str)
        self.rows.append(
            (
                external_id,
                store_id,
                None,
                day,
                REFUSED,
                reason,
                field_name,
                text.decode(),
                digest_bytes(text),
                amount,
                currency,
                once,
            )
        )

    def table(self) -> pa.Table:
        """All records so far, in the order they came."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(RECORDS)
        return pa.table([pa.array(c, f.type) for c, f in zip(columns, RECORDS, strict=True)], schema=RECORDS)


def digest_bytes(text: bytes) -> bytes:
    """16 bytes that differ when the text does."""
    return hashlib.blake2b(text, digest_size=16).digest()
