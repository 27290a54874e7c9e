"""The schema: built step by step, forward only, and never touched by a connector that is older than it."""

from __future__ import annotations

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from connector.state.errors import StateError
from connector.state.schema import _MIGRATIONS, HEAD, VERSION_TABLE
from connector.state.tables import account_memory, metadata


def test_the_migrations_build_exactly_the_tables(db) -> None:
    with db.read() as connection:
        options = {"compare_type": True, "version_table": VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_the_file_names_tell_the_newest_revision() -> None:
    assert ScriptDirectory(str(_MIGRATIONS)).get_heads() == [HEAD]


def test_a_database_from_a_newer_connector_is_refused_and_left_as_it_is(place) -> None:
    db = place.open()
    with db.begin() as connection:
        connection.execute(text("INSERT INTO account_memory VALUES ('maison-lea', 'stores', '3')"))
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))

    with pytest.raises(StateError, match=f"newer version.*9999.*knows up to {HEAD}.*Nothing was read or changed"):
        place.open()

    with db.read() as connection:
        assert connection.execute(select(account_memory.c.value)).scalars().all() == ["3"]
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one() == "9999"
    db.close()


def test_a_migration_that_fails_halfway_leaves_nothing_behind(sqlite_place) -> None:
    file = sqlite3.connect(sqlite_place.home / "state.sqlite")
    file.execute("CREATE TABLE leases (somebody_elses TEXT)")

    with pytest.raises(StateError, match="leases already exists"):
        sqlite_place.open()

    assert file.execute("SELECT name FROM sqlite_master").fetchall() == [("leases",)]


def test_tables_do_not_get_in_the_way_of_dagsters_own_in_the_same_database() -> None:
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
    from dagster._core.storage.runs.schema import RunStorageSqlMetadata
    from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata

    dagster = {"alembic_version"}
    for theirs in (SqlEventLogStorageMetadata, RunStorageSqlMetadata, ScheduleStorageSqlMetadata):
        dagster |= set(theirs.tables)
    assert not dagster & {*metadata.tables, VERSION_TABLE}
