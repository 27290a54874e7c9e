"""Turns every row of a table into exactly one record, whatever the row holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from connector.mapping.identifiers import Places
from connector.mapping.outcomes import Refused, Skip, unreadable_row
from connector.mapping.records import SKIPPED, Records

Row = dict[str, Any]


def map_rows(
    rows: pa.Table,
    key: str,
    external_id: Callable[[Row], str],
    add: Callable[[Records, str, Row], None],
    fields: Mapping[str, str],
    once: Callable[[Row], bool] = lambda row: False,
) -> pa.Table:
    """`RECORDS`, one per row and in their order.

    `external_id` makes a row's id and `add` its record (sent or skipped); where either raises `Refused`, the row is
    refused with that field and reason. A row with `problems` is refused for these; `fields` says which ShopiMind field
    each key of the till fills. `key` is the column with the till's id; `once` marks refused rows as `send` does.
    """
    records = Records()
    places = Places(key)
    for row in rows.to_pylist():
        if row["problems"] == Skip.ERASED:  # `connector.pos.rows.ERASED`: nothing else of it is kept
            records.leave_out(SKIPPED, Skip.ERASED.value, Skip.ERASED.value)
            continue
        name = None
        try:
            name = external_id(row)
            if row["problems"] is None:
                add(records, name, row)
                continue
            fault = unreadable_row(row["problems"], fields)
        except Refused as refused:
            fault = refused if row["problems"] is None else unreadable_row(row["problems"], fields)
        name = name or places.name(row[key], row)
        records.refuse(name, fault.field, fault.reason, row, once=once(row))
    return records.table()
