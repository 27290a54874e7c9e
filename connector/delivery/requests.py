"""How records are cut into requests: categories level by level, and nowhere more records or bytes than a request may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from connector.delivery.compare import Record
from connector.delivery.entities import CATEGORIES, Entity
from connector.delivery.levels import Undelivered, levels

REQUEST_BYTES = 20 * 1024 * 1024  # below the 25 MiB that a request may have


def in_turns(entity: Entity, tables: Iterable[pa.Table], undelivered: Undelivered) -> Iterator[Iterable[pa.Table]]:
    """Tables of `RECORDS` in turns, of which one is answered before the next is asked for; all at once, but for categories."""
    if entity is CATEGORIES:
        yield from ([level] for level in levels(tables, undelivered))
    else:
        yield tables


def in_requests(entity: Entity, records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records of one turn, those of a request together."""
    request: list[Record] = []
    size = 0
    for record in records:
        length = len(record.payload or "")
        if request and (len(request) == entity.per_request or size + length > REQUEST_BYTES):
            yield request
            request, size = [], 0
        request.append(record)
        size += length
    if request:
        yield request
