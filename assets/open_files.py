"""How a file of Dagster's SQLite records is opened that stays open."""

from typing import Any

from sqlalchemy import Engine, QueuePool, create_engine, event

_BUSY_SECONDS = 60


def open_engine(url: str) -> Engine:
    """An engine whose connections stay open, for any thread. A write waits for the disk only now and then."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _write_without_waiting)
    return engine


def _write_without_waiting(connection: Any, _record: Any) -> None:
    """As our own database does: in this journal mode nothing is damaged by it."""
    connection.execute("PRAGMA synchronous = NORMAL")
