"""The database that outlives a run: SQLite in the home directory, or PostgreSQL shared by any number of workers."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import URL, Connection, Engine, Select, Table, create_engine, event, exc, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection

from connector.state import schema
from connector.state.errors import StateError, StateMistake

URL_VARIABLE = "CONNECTOR_DATABASE_URL"
FILE_NAME = "state.sqlite"
LOCK_SECONDS = 30
_NOTHING_DONE = "Nothing was done. It looks like postgresql+psycopg://user:password@host/database."
_making_files = threading.Lock()
_PIECE = 10_000  # rows that are Python objects at one time

# Mistakes in our own statements: these must stay visible as what they are.
_OURS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
_FORBIDDEN = "42501"  # not one of them, though the driver says so: PostgreSQL's user lacks a right


class Database:
    """One open database. Safe to share between threads; every process opens its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._readers = engine.execution_options(connector_reads=True)
        self._durable = engine.execution_options(connector_durable=True)
        # SQLite has one writer at a time anyway; threads of this process queue here instead of polling its lock.
        self._writer = threading.RLock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def begin(self, *, durable: bool = False) -> Iterator[Connection]:
        """A transaction that may write: kept when the block ends, undone when it raises.

        A power failure may take the last ones away, which a later run then makes up for, as nothing is damaged and an
        earlier one is never missing where a later one is there. A `durable` one waits for the disk: for what cannot be
        had again, or must not be done twice. Waits up to 30 s for other writers. Raises `StateError` when the database is
        locked, full, damaged or away.
        """
        engine = self._durable if durable else self.engine
        with self._writer or nullcontext(), self._spoken(), engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: waits for no writer and holds none up. Raises `StateError` as `begin` does."""
        with self._spoken(), self._readers.begin() as connection:
            yield connection

    def table(self, query: Select[*tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
        """The rows of a query as columns, read piece by piece: a million of them take no more than their values do."""
        pieces = []
        with self.read() as connection:
            for rows in connection.execute(query, execution_options={"yield_per": _PIECE}).partitions():
                columns = zip(*rows, strict=True)
                pieces.append(
                    pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
                )
        return pa.concat_tables([schema.empty_table(), *pieces])

    def close(self) -> None:
        """Gives the connections back."""
        self.engine.dispose()

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except _OURS as error:
            if getattr(error.orig, "sqlstate", None) != _FORBIDDEN:
                raise
            raise StateError(_sentence(self.engine.url, error)) from error
        except (exc.DBAPIError, exc.TimeoutError, sqlite3.Error) as error:  # the last: from `_prepare_sqlite`
            raise StateError(_sentence(self.engine.url, error)) from error


def open_database(home: Path, url: str | None = None) -> Database:
    """Opens `url`, else `$CONNECTOR_DATABASE_URL`, else `state.sqlite` in `home`, brought to this version's schema.

    Raises `StateError` when it cannot be opened, or when a newer version of the connector wrote it.
    """
    address = database_address(home, url)
    database = Database(_sqlite(address) if address.get_backend_name() == "sqlite" else _postgresql(address))
    try:
        with database.read() as connection:
            current = schema.is_current(connection)
        if not current:
            with database.begin() as connection:
                schema.migrate(connection)
    except BaseException:
        database.close()
        raise
    return database


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, update: Sequence[str] | None = None
) -> None:
    """Inserts the rows; where the key exists, overwrites the columns `update` (default: all given ones but the key).

    Every row has the same columns, and no two rows the same key. `update=()` keeps what is there.
    """
    if not rows:
        return
    columns = tuple(rows[0])
    overwritten = None if update is None else tuple(update)
    statement = _upsert_text(connection.dialect.name, table, columns, overwritten)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(statement, [dict(row) for row in rows])
    else:
        connection.exec_driver_sql(statement, list(map(itemgetter(*columns), rows)))


@lru_cache(maxsize=64)
def _upsert_text(dialect: str, table: Table, columns: tuple[str, ...], update: tuple[str, ...] | None) -> str:
    """The statement as the driver takes it: building it anew for every batch would cost more than running it."""
    keys = [column.name for column in table.primary_key]
    overwritten = [name for name in columns if name not in keys] if update is None else list(update)
    quote = (postgresql if dialect == "postgresql" else sqlite).dialect().identifier_preparer.quote
    places = [f"%({name})s" if dialect == "postgresql" else "?" for name in columns]
    changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in overwritten)
    return (
        f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, columns))}) VALUES ({', '.join(places)}) "
        f"ON CONFLICT ({', '.join(map(quote, keys))}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}"
    )


def database_address(home: Path, url: str | None = None) -> URL:
    """Where `open_database` looks. Raises `StateMistake`, which never quotes the URL, when that can be no database."""
    url = url or os.environ.get(URL_VARIABLE)
    if not url:
        return URL.create("sqlite", database=str(home / FILE_NAME))
    try:
        address = make_url(url)
    except (exc.ArgumentError, ValueError):  # not chained: they may come to quote the password
        raise StateMistake(URL_VARIABLE, f"{URL_VARIABLE} is not a database URL. {_NOTHING_DONE}") from None
    backend = address.drivername.partition("+")[0]
    if backend == "sqlite":
        return address
    if backend != "postgresql":
        raise StateMistake(
            URL_VARIABLE, f"{URL_VARIABLE} names {backend}; the state can be kept in PostgreSQL or SQLite only."
        )
    if "@" in (address.host or ""):
        raise StateMistake(URL_VARIABLE, f"{URL_VARIABLE} has an @ too many. {_NOTHING_DONE} In a password it is %40.")
    _check_options(address)
    return address.set(drivername="postgresql+psycopg")


def _check_options(address: URL) -> None:
    import psycopg  # here, because its import takes time that a state in SQLite need not wait for
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo(**dict.fromkeys(address.query, "1"))
    except psycopg.Error as error:
        raise StateMistake(URL_VARIABLE, f"{URL_VARIABLE} has an {str(error).strip()}. {_NOTHING_DONE}") from None


def _sqlite(address: URL) -> Engine:
    _make_private(Path(address.database or ""))
    # The driver would keep the last 128 statements of every connection. One that names thousands of ids takes a megabyte,
    # and hardly ever comes again with as many: none is kept.
    options = {"timeout": LOCK_SECONDS, "check_same_thread": False, "cached_statements": 0}
    engine = create_engine(address, hide_parameters=True, max_overflow=-1, connect_args=options)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(file: Path) -> None:
    """A new file has mode 0600, and SQLite gives its -wal and -shm files the same.

    A file that is there is not opened: closing it would give up the locks that this process holds on it (POSIX), and the
    next process to leave would remove the log of writes under us.
    """
    with _making_files:
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            return
        except FileExistsError:
            why = None if os.access(file, os.R_OK | os.W_OK) else "Permission denied"
        except OSError as error:
            why = error.strerror
    if why:
        raise StateError(
            f"The state database {file} could not be opened ({why}). Nothing was done. "
            "Check that the directory exists and can be written."
        )


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says, not where the driver guesses
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite does not wait for the lock itself while a new file changes its mode.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("connector_reads"):
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get('connector_durable') else 'NORMAL'}")
    # A write lock taken later, at the first write, fails at once instead of waiting when somebody else wrote meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql(address: URL) -> Engine:
    usual = {"connect_timeout": 10} if "connect_timeout" not in address.query else {}
    engine = create_engine(address, hide_parameters=True, pool_pre_ping=True, max_overflow=-1, connect_args=usual)
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    cursor.close()
    connection.commit()


_SQLITE_SENTENCES = {
    "SQLITE_FULL": "The disk is full. Make room and run again",
    "SQLITE_BUSY": f"Another process kept it locked for more than {LOCK_SECONDS} s. Run again when that one is done",
    "SQLITE_READONLY": "It cannot be written. Check the owner and mode of the file, of its directory and of the disk",
    "SQLITE_CANTOPEN": "It cannot be opened. Check that the directory exists and that its owner runs the connector",
    "SQLITE_IOERR": "The disk failed to read or write. Check the disk (and the room left on it), then run again",
    "SQLITE_CORRUPT": "It is damaged. Put a backup back, or move it away to start from an empty ledger",
    "SQLITE_NOTADB": "It is not a SQLite database. Move the file away, or use another CONNECTOR_HOME",
}


_SERVER_ADVICE = (
    f"Check that it runs, can be reached, and takes the user, the password and the database of {URL_VARIABLE}; "
    "then run again"
)


def _sentence(url: URL, error: Exception) -> str:
    """What happened, for the one who reads it at night. Never holds a password or a row."""
    kept = "What was committed before is kept, the last step is undone."
    origin = getattr(error, "orig", None) or error
    said = (str(origin).strip() or type(origin).__name__).splitlines()[0]
    if url.get_backend_name() == "sqlite":
        place, name = url.database, getattr(origin, "sqlite_errorname", "")
        known = [sentence for code, sentence in _SQLITE_SENTENCES.items() if name.startswith(code)]
        advice = known[0] if known else "Check the file and its disk, then run again"
    else:
        place, advice = url.set(query={}).render_as_string(hide_password=True), _SERVER_ADVICE
    return f"The state database {place} could not be used ({said}). {kept} {advice}."
