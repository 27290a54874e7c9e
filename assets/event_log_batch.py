"""Writes many of a run's events at once to Dagster's SQLite tables: what its own class does for one after the other."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from dagster._core.definitions.asset_key import AssetKey
from dagster._core.event_api import EventLogRecord
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy.dialects.sqlite import insert

_ROWS = SqlEventLogStorageTable.insert()
_ROWS_WITH_IDS = _ROWS.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
# what the file of all runs has besides the run's own
_MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS | EVENT_TYPE_TO_PIPELINE_RUN_STATUS.keys()


def write_to_run(rows: Sequence[dict[str, Any]], of_run: sa.Connection) -> None:
    """Writes these rows (`SqlEventLogStorage._event_to_row`) to the file of their run."""
    of_run.execute(_ROWS, rows)


def write_to_all(
    log: SqlEventLogStorage, events: Sequence[tuple[EventLogEntry, dict[str, Any]]], of_all: sa.Connection
) -> dict[AssetKey, EventLogRecord]:
    """What the file of all runs has of these events, with their rows. The last materialization of each asset among them."""
    mirrored = [(event, row) for event, row in events if event.dagster_event_type in _MIRRORED]
    if not mirrored:
        return {}
    ids = of_all.execute(_ROWS_WITH_IDS, [row for _, row in mirrored]).scalars().all()
    known = [(event, number) for (event, _), number in zip(mirrored, ids, strict=True)]
    of_assets = [each for each in known if each[0].dagster_event_type in ASSET_EVENTS]
    if of_assets:
        log._store_asset_event_tags(of_all, [event for event, _ in of_assets], [number for _, number in of_assets])
        _write_assets(log, of_assets, of_all)
    for event, number in known:
        if event.dagster_event_type in ASSET_CHECK_EVENTS:
            log.store_asset_check_event(event, number)
    return _materialized(of_assets)


def _write_assets(
    log: SqlEventLogStorage, events: Iterable[tuple[EventLogEntry, int]], connection: sa.Connection
) -> None:
    """The row of each asset, of which the last event of each kind counts."""
    last: dict[tuple[AssetKey | None, Any], tuple[EventLogEntry, int]] = {}
    for event, number in events:
        kind = _key(event), event.dagster_event_type
        last.pop(kind, None)  # in the order in which they were said last
        last[kind] = event, number
    rows: dict[str, dict[str, Any]] = {}
    for (key, _), (event, number) in last.items():
        if key is not None:
            said = log._get_asset_entry_values(event, number, has_asset_key_index_cols=True)
            rows.setdefault(key.to_string(), {}).update(said)
    by_columns: dict[frozenset[str], list[dict[str, Any]]] = {}
    for text, row in rows.items():
        if row:
            by_columns.setdefault(frozenset(row), []).append({"asset_key": text, **row})
    for columns, alike in by_columns.items():
        statement = insert(AssetKeyTable)
        statement = statement.on_conflict_do_update(
            index_elements=["asset_key"], set_={column: statement.excluded[column] for column in sorted(columns)}
        )
        connection.execute(statement, alike)


def _materialized(events: Iterable[tuple[EventLogEntry, int]]) -> dict[AssetKey, EventLogRecord]:
    return {
        key: EventLogRecord(storage_id=number, event_log_entry=event)
        for event, number in events
        if event.run_id  # what no run has made, another process may make again
        and event.dagster_event is not None
        and event.dagster_event.is_step_materialization
        and (key := _key(event)) is not None
    }


def _key(event: EventLogEntry) -> AssetKey | None:
    return event.dagster_event.asset_key if event.dagster_event is not None else None
