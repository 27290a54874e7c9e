"""Dagster's SQLite event log with connections that stay open: the same files, a third of a small run's time.

Dagster opens and closes a database file several times per event, and each closing writes the whole journal back. A sync of an
unchanged day is a few hundred events, so that was most of its time (docs/performance.md). A write waits for the disk only now
and then: runs side by side write to one of the files, one after another, and what a power failure takes away is an account
of what was done, not what was done. Used by the command line only; the web server and the daemon keep Dagster's own class
over the same files.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

_BUSY_SECONDS = 60


class OpenSqliteEventLog(SqliteEventLogStorage):
    """`SqliteEventLogStorage` whose `_connect` (Dagster 1.13) borrows from a pool per file instead of opening it anew."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engines: dict[str, Engine] = {}
        self._engines_lock = threading.RLock()
        super().__init__(*args, **kwargs)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Dagster's own names its class here."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._engines_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                max_overflow=-1,
                connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _write_without_waiting)
            self._initdb(engine)
            self._engines[shard] = engine
        return engine

    def dispose(self) -> None:
        """Closes the files."""
        with self._engines_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()
        super().dispose()


def _write_without_waiting(connection: Any, _record: Any) -> None:
    """As our own database does: in this journal mode nothing is damaged by it."""
    connection.execute("PRAGMA synchronous = NORMAL")
