"""Dagster's SQLite event log with connections that stay open and events written together: the same files, a fraction of the time.

Dagster opens and closes a database file several times per event, and each closing writes the whole journal back. A sync of an
unchanged day is a few hundred events, so that was most of its time (docs/performance.md). What the steps of a run say waits for
a second at most, and is written together before anything is read. A write waits for the disk only now and then: runs side by
side write to one of the files, one after another, and what a power failure takes away is an account of what was done, not what
was done. Used by the command line and the processes of runs; the web server and the daemon keep Dagster's own class over the
same files.
"""

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Self

from dagster._core.definitions.asset_key import AssetKey
from dagster._core.event_api import EventLogRecord
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import OperationalError

from assets.event_log_batch import write_to_all, write_to_run
from assets.open_files import open_engine

_WAITS_SECONDS = 1.0  # for more that is written together: so late is what somebody sees who watches
_MOST_WAITING = 500
_MOST_OPEN = 4  # files of runs
_PASSES = OperationalError, OSError  # a full disk, a locked file

Row = dict[str, Any]

log = logging.getLogger(__name__)


class OpenSqliteEventLog(SqliteEventLogStorage):
    """`SqliteEventLogStorage` whose `_connect` (Dagster 1.13) borrows from a pool per file instead of opening it anew.

    Within a connection another one to the same file is the same: what is written together is one transaction. What the
    tables have is looked up once, and not before everything that is written: Dagster takes no table or column away.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engines: dict[str, Engine] = {}
        self._engines_lock = threading.RLock()
        self._borrowed: dict[str, Connection] = {}
        self._there: set[tuple[str, str]] = set()
        self._waiting: list[tuple[EventLogEntry, Row]] = []
        self._in_run_files = 0  # how many of those that wait are in the file of their run already
        self._writing = False
        self._writer: threading.Timer | None = None
        self._materialized: dict[AssetKey, EventLogRecord] = {}
        super().__init__(*args, **kwargs)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Dagster's own names its class here."""
        return cls(inst_data=inst_data, **config_value)

    def store_event(self, event: EventLogEntry) -> None:
        """What a step says waits for more of it; what becomes of the run is written at once, after what waited."""
        row = self._event_to_row(event)
        with self._engines_lock:
            self._waiting.append((event, row))
            if not self._may_wait(event) or len(self._waiting) >= _MOST_WAITING:
                self.write_waiting()
            elif self._writer is None:
                self._writer = threading.Timer(_WAITS_SECONDS, self._write_late)
                self._writer.daemon = True
                self._writer.start()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Together. What the disk does not take waits, and is told later: of an error Dagster would write it all once more."""
        rows = [(event, self._event_to_row(event)) for event in events]
        with self._engines_lock, suppress(*_PASSES):
            self._waiting += rows
            self.write_waiting()

    @staticmethod
    def _may_wait(event: EventLogEntry) -> bool:
        told = event.dagster_event
        return bool(event.run_id) and (told is None or not told.is_job_event)

    def write_waiting(self) -> None:
        """Writes what waits. What the disk does not take goes on waiting, and whoever asked is told."""
        with self._engines_lock:
            if self._writer is not None:
                self._writer.cancel()
                self._writer = None
            if self._writing or not self._waiting:
                return
            self._writing = True
            try:
                self._write()
            finally:
                self._writing = False

    def _write(self) -> None:
        """To the files of the runs, then to that of all runs: if the latter fails, the next time goes on there."""
        for run_id, of_one in groupby(self._waiting[self._in_run_files :], key=lambda each: each[0].run_id):
            rows = [row for _, row in of_one]
            with self.run_connection(run_id) as of_run:
                write_to_run(rows, of_run)
            self._in_run_files += len(rows)
        try:
            self._write_to_all(self._waiting)
        except _PASSES:
            raise
        except Exception:  # one of them can never be written, and keeps no other from it
            for each in self._waiting:
                with suppress(Exception):
                    self._write_to_all([each])
            self._forget_waiting()
            raise
        self._forget_waiting()

    def _write_to_all(self, events: Sequence[tuple[EventLogEntry, Row]]) -> None:
        with self.index_connection() as of_all:
            materialized = write_to_all(self, events, of_all)
        self._materialized.update(materialized)

    def _forget_waiting(self) -> None:
        self._waiting, self._in_run_files = [], 0

    def _write_late(self) -> None:
        try:
            self.write_waiting()
        except _PASSES:
            pass  # told to whoever writes or reads next
        except Exception as error:  # nobody else is told, and its text may show what it was about
            log.error(
                "An event of Dagster's is in its run's file only, and not among those of all (%s).",
                type(error).__name__,
            )

    def _get_latest_materialization_records(self, raw_asset_rows: Any) -> Mapping[AssetKey, EventLogRecord | None]:
        """Before each step Dagster asks for those it depends on: those of this run need not be read again."""
        known: dict[AssetKey, EventLogRecord | None] = {}
        others = []
        for row in raw_asset_rows:
            key = AssetKey.from_db_string(row["asset_key"])
            record = self._materialized.get(key) if key else None
            if key is None or record is None or row["last_run_id"] != record.run_id or row["asset_details"]:
                others.append(row)
            else:
                known[key] = record
        return {**known, **super()._get_latest_materialization_records(others)} if others else known

    def has_table(self, table_name: str) -> bool:
        return self._is_there("table", table_name, lambda: SqliteEventLogStorage.has_table(self, table_name))

    def has_secondary_index(self, name: str) -> bool:
        return self._is_there("index", name, lambda: SqliteEventLogStorage.has_secondary_index(self, name))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        stock = SqliteEventLogStorage._has_asset_key_col_on_connection
        return self._is_there("column", column_name, lambda: stock(self, conn, column_name))

    def has_asset_key_col(self, column_name: str) -> bool:
        return self._is_there("column", column_name, lambda: SqliteEventLogStorage.has_asset_key_col(self, column_name))

    def _is_there(self, kind: str, name: str, look: Callable[[], bool]) -> bool:
        if (kind, name) not in self._there and look():
            self._there.add((kind, name))
        return (kind, name) in self._there

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._engines_lock:
            if shard in self._borrowed:
                yield self._borrowed[shard]
                return
            if not self._borrowed:  # in the middle of something nothing else is written
                self.write_waiting()
            with self._engine(shard).connect() as connection, connection.begin():
                self._borrowed[shard] = connection
                try:
                    yield connection
                finally:
                    del self._borrowed[shard]

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is None:
            made = _make(Path(self.path_for_shard(shard)))
            engine = open_engine(self.conn_string_for_shard(shard))
            if not made:
                self._initdb(engine)
            self._engines[shard] = engine
            self._close_others()
        return engine

    def _close_others(self) -> None:
        """Files of runs that were used longest ago: each takes three descriptors."""
        idle = [shard for shard in self._engines if shard != INDEX_SHARD_NAME and shard not in self._borrowed]
        for shard in idle[:-_MOST_OPEN]:
            self._engines.pop(shard).dispose()

    def dispose(self) -> None:
        """Closes the files."""
        with self._engines_lock:
            try:
                self.write_waiting()
            finally:
                for engine in self._engines.values():
                    engine.dispose()
                self._engines.clear()
                super().dispose()


def _make(file: Path) -> bool:
    """Puts an empty file there if there is none; False when somebody else, the web server say, may be making it."""
    if file.exists():
        return False
    with tempfile.NamedTemporaryFile(dir=file.parent) as new:
        new.write(empty_file())
        new.flush()
        os.fsync(new.fileno())
        try:
            os.link(new.name, file)
        except OSError:  # it is there now, or the file system has no links
            return False
    return True


class _Maker(SqliteEventLogStorage):
    """Only makes a file's tables; opens none of an instance's."""

    def __init__(self, file: Path) -> None:
        self._initdb(create_engine(f"sqlite:///{file}", poolclass=NullPool))


@cache
def empty_file() -> bytes:
    """A run's file before its first event: to make the tables and to note their version takes Dagster a tenth of a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "empty.db")
        _Maker(file)
        return file.read_bytes()
