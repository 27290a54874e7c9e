"""What ShopiMind itself holds of a shop, read from its lists."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery import entities
from connector.delivery.entities import Entity
from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import ShopiMindError, whole
from connector.shopimind.resources import PAGE, Listed

# What of a listed record is compared. Absent from the list, or not to be read: null.
HELD = pa.schema(
    [
        pa.field("external_id", pa.string()),  # null where the list does not repeat our id (custom data)
        pa.field("source", pa.int64()),  # its `id_data_source`
        pa.field("cents", pa.int64()),  # its `amount`
        pa.field("currency", pa.string()),
        pa.field("created_at", pa.string()),
    ]
)
NO_SOURCE = -1  # the list says that the record has no data source

# Custom data is listed under numbers that ShopiMind gave (to a profile's contact, say), which nobody here knows.
_ID = {
    entities.ORDER_STATUSES: "status_id",
    entities.CATEGORIES: "category_id",
    entities.MANUFACTURERS: "manufacturer_id",
    entities.CUSTOMER_GROUPS: "group_id",
    entities.CUSTOMERS: "customer_id",
    entities.PRODUCTS: "product_id",
    entities.ORDERS: "order_id",
}
_NUMBERS = frozenset({entities.CATEGORIES, entities.PRODUCTS})

Owns = Callable[[str | int], bool]


def held_by_crm(
    crm: ShopiMind,
    entity: Entity,
    sources: Iterable[int],
    owns: Owns,
    definition: int | None,
    *,
    in_flight: int,
    progress: Callable[[int], None],
) -> pa.Table:
    """`HELD`: the listed records under one of the sources, or with an id that is ours (`owns`), each id once.

    `definition` is the definition whose records custom data is, if there is one; `progress` is told the rows of each page. Raises
    `ShopiMindError`.
    """
    ours = set(sources)
    columns: list[list[Any]] = [[] for _ in HELD]
    pieces = [HELD.empty_table()]
    for page in _pages_of(crm, entity, definition, in_flight):
        progress(len(page))
        for row in page:
            external_id = _external_id(entity, row)
            if whole(row.get("id_data_source")) in ours or (external_id is not None and owns(external_id)):
                for column, value in zip(columns, _values(row, external_id), strict=True):
                    column.append(value)
        if len(columns[0]) >= 10_000:
            pieces.append(_table(columns))
            columns = [[] for _ in HELD]
    return _each_id_once(pa.concat_tables([*pieces, _table(columns)]))


def _pages_of(crm: ShopiMind, entity: Entity, definition: int | None, in_flight: int) -> Iterator[list[dict[str, Any]]]:
    if entity.definition is None:
        resource = entities.resource_of(crm, entity)
        assert isinstance(resource, Listed), f"ShopiMind has no list of {entity.name}"
        yield from pages(resource, in_flight)
    elif definition is not None:
        yield from pages(crm.custom_data_records.of(definition), in_flight)


def pages(resource: Listed, in_flight: int) -> Iterator[list[dict[str, Any]]]:
    """Every page of a list, several requests at once where the first one tells how many rows there are."""
    first = resource.list(PAGE, 0)
    rows = first.rows(f"list of {resource.path}")
    total = _total(first.data)
    if total is None or len(rows) == 0:
        yield from _in_order(resource)
        return
    yield rows
    offsets = range(len(rows), total, len(rows))
    stop = threading.Event()

    def read(offset: int) -> list[dict[str, Any]]:
        if stop.is_set():
            return []
        try:
            return resource.list(PAGE, offset).rows(f"list of {resource.path} from {offset}")
        except ShopiMindError:  # told by whoever takes this page; after a 401 nothing more may be asked
            stop.set()
            raise

    batch = in_flight * 4  # pages that are kept at one time
    with ThreadPoolExecutor(in_flight, thread_name_prefix="shopimind") as pool:
        for start in range(0, len(offsets), batch):
            yield from pool.map(read, offsets[start : start + batch])


def _total(body: Any) -> int | None:
    meta = body.get("meta") if isinstance(body, dict) else None
    pagination = meta.get("pagination") if isinstance(meta, dict) else None
    return whole(pagination.get("total_items")) if isinstance(pagination, dict) else None


def _in_order(resource: Listed) -> Iterator[list[dict[str, Any]]]:
    for row in resource.list_all():
        yield [row]


def _external_id(entity: Entity, row: dict[str, Any]) -> str | int | None:
    value = row.get(_ID[entity]) if entity in _ID else None
    if value is None or entity in _NUMBERS:
        return whole(value)
    return str(value)


def _values(row: dict[str, Any], external_id: str | int | None) -> tuple[Any, ...]:
    source = whole(row.get("id_data_source"))
    if source is None and "id_data_source" in row:
        source = NO_SOURCE
    currency, created = row.get("currency"), row.get("created_at")
    return (
        None if external_id is None else str(external_id),
        source,
        _cents(row.get("amount")),
        None if currency is None else str(currency),
        None if created is None else str(created),
    )


def _cents(amount: Any) -> int | None:
    try:
        return None if amount is None else int(Decimal(str(amount)) * 100)
    except (InvalidOperation, ValueError, OverflowError):
        return None


def _table(columns: list[list[Any]]) -> pa.Table:
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, HELD, strict=True)], schema=HELD)


def _each_id_once(table: pa.Table) -> pa.Table:
    """A record is listed twice when it has two languages, or when the list grew while it was read."""
    ids = table["external_id"]
    if pc.count_distinct(ids).as_py() + ids.null_count == table.num_rows:
        return table
    rows = {each: row for row, each in reversed(list(enumerate(ids.to_pylist()))) if each is not None}
    unnamed = [row for row, each in enumerate(ids.to_pylist()) if each is None]
    return table.take(pa.array(sorted([*rows.values(), *unnamed]), pa.int64()))
