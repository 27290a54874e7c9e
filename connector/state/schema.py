"""Brings a database to the schema that this version of the connector knows, and refuses one from the future."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from connector.state.errors import StateError

# Not Alembic's usual name: Dagster uses that one, and may be given the same PostgreSQL database.
VERSION_TABLE = "connector_schema"

_MIGRATIONS = Path(__file__).parent / "migrations"

# Told from the file names, so that opening a database that is up to date costs no import of Alembic.
REVISIONS = sorted(path.name[1:5] for path in (_MIGRATIONS / "versions").glob("r[0-9]*.py"))
HEAD = REVISIONS[-1]

_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps what it is doing in module globals
_ADVISORY_LOCK = 0x636F6E6E  # any number that nobody else takes


def is_current(connection: Connection) -> bool:
    """Whether the database is at `HEAD`. Raises `StateError` when a newer connector wrote it."""
    found = _revision(connection)
    if found is not None and found not in REVISIONS:
        raise StateError(
            f"The state database was written by a newer version of the connector (its schema is {found}, this version "
            f"knows up to {HEAD}). Nothing was read or changed. Install that version, or keep the state elsewhere."
        )
    return found == HEAD


def migrate(connection: Connection) -> None:
    """Runs the missing steps inside the connection's open transaction: all of them are kept, or none.

    Of several processes that come at once, one does the work while the others wait: a SQLite transaction of ours holds
    the write lock from its beginning, on PostgreSQL an advisory lock is taken.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    if is_current(connection):
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
