"""The database: what it keeps, who may write at once, and what it says when it cannot."""

from __future__ import annotations

import socketserver
import sqlite3
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Connection, insert, make_url, select, text, update

from connector.state import database as module
from connector.state.database import Database, open_database, upsert
from connector.state.errors import StateError, StateMistake
from connector.state.tables import account_memory, calls, provisioned, refused
from tests.shared_state import Databases


def rows(db: Database, table=account_memory) -> list[tuple]:
    with db.read() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]


def trait(name: str, value: str) -> dict[str, str]:
    return {"account": "maison-lea", "trait": name, "value": value}


def test_what_was_committed_is_there_after_reopening(place) -> None:
    first = place.open()
    with first.begin() as connection:
        upsert(connection, account_memory, [trait("stores", "3")])
    first.close()

    assert rows(place.open()) == [("maison-lea", "stores", "3")]


def test_a_block_that_raises_keeps_nothing(db) -> None:
    def write_and_fail() -> None:
        with db.begin() as connection:
            upsert(connection, account_memory, [trait("stores", "3")])
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert rows(db) == []


def test_questions_about_many_ids_leave_no_memory_behind(db) -> None:
    def ask(ids: int) -> None:
        with db.read() as connection:
            chosen = calls.c.used.in_([10**9 + number for number in range(ids)])
            assert connection.execute(select(calls.c.used).where(chosen)).all() == []

    ask(5_000)
    before = psutil.Process().memory_info().rss
    for ids in range(4_900, 5_000):
        ask(ids)
    assert psutil.Process().memory_info().rss - before < 30 * 2**20


def test_upsert_inserts_and_overwrites_in_one_go(db) -> None:
    with db.begin() as connection:
        upsert(connection, account_memory, [trait("stores", "3"), trait("zone", "UTC")])
        upsert(connection, account_memory, [trait("stores", "4"), trait("currency", "EUR")])

    assert rows(db) == [
        ("maison-lea", "currency", "EUR"),
        ("maison-lea", "stores", "4"),
        ("maison-lea", "zone", "UTC"),
    ]


def test_upsert_overwrites_only_the_columns_it_is_told_to(db) -> None:
    row = {"shop": "maison-lea", "kind": "store", "natural_key": "1", "remote_id": 14, "detail": "{}", "at": 100}
    with db.begin() as connection:
        upsert(connection, provisioned, [row])
        upsert(connection, provisioned, [row | {"remote_id": 15, "at": 200}], update=["remote_id"])
        upsert(connection, provisioned, [row | {"remote_id": 16}], update=())

    assert rows(db, provisioned) == [("maison-lea", "store", "1", 15, "{}", 100)]


def test_upsert_of_nothing_does_nothing(db) -> None:
    with db.begin() as connection:
        upsert(connection, account_memory, [])

    assert rows(db) == []


def test_upsert_takes_bytes_nulls_and_columns_named_like_keywords(db) -> None:
    row = {"shop": "maison-lea", "entity": "orders", "external_id": "ml_7", "digest": b"\0" * 16, "source": None}
    row |= {
        "store_id": 3,
        "day": None,
        "field": None,
        "reason": "100% wrong: %s",
        "payload": b"\xff\0",
        "by": "shopimind",
    }
    row |= {"first_at": 1, "last_at": 2, "tries": 1, "run_id": "run", "edition": None}
    with db.begin() as connection:
        upsert(connection, refused, [row])
        kept = connection.execute(select(refused)).mappings().one()

    assert dict(kept) == row


def test_threads_that_write_at_once_all_get_through(db) -> None:
    with db.begin() as connection:
        connection.execute(insert(calls).values(account="maison-lea", month="2026-11", used=0))

    def count() -> None:
        for _ in range(25):
            with db.begin() as connection:
                used = connection.execute(select(calls.c.used).with_for_update()).scalar_one()
                connection.execute(update(calls).values(used=used + 1))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with db.read() as connection:
        assert connection.execute(select(calls.c.used)).scalars().all() == [200]


def test_a_reader_does_not_wait_for_a_writer_and_sees_only_what_is_committed(db) -> None:
    with db.begin() as connection:
        upsert(connection, account_memory, [trait("stores", "3")])
        assert rows(db) == []


def test_two_processes_open_a_fresh_database_at_once(place, workers: Callable) -> None:
    crowd = [workers(place, "opens") for _ in range(3)]
    for worker in crowd:
        worker.go()

    said = [worker.line() for worker in crowd]
    assert all(line.endswith("alembic") for line in said)
    assert "with alembic" in said


def test_alembic_is_not_loaded_for_a_database_that_is_up_to_date(place, workers: Callable) -> None:
    place.open().close()
    worker = workers(place, "opens")
    worker.go()

    assert worker.line() == "without alembic"


def test_the_file_is_for_its_owner_only(sqlite_place) -> None:
    db = sqlite_place.open()
    with db.begin() as connection:
        upsert(connection, account_memory, [trait("stores", "3")])

    files = list(sqlite_place.home.iterdir())
    assert {file.name for file in files} >= {"state.sqlite", "state.sqlite-wal"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_database_that_another_process_keeps_locked_is_an_error_with_advice(
    sqlite_place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)
    db = sqlite_place.open()
    other = sqlite3.connect(sqlite_place.home / "state.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StateError, match=r"Another process kept it locked.*Run again"), db.begin():
        pass

    other.close()
    with db.begin() as connection:
        upsert(connection, account_memory, [trait("stores", "3")])


def test_a_full_disk_is_an_error_that_shows_no_row_and_undoes_only_its_block(sqlite_place) -> None:
    db = sqlite_place.open()
    with db.begin() as connection:
        upsert(connection, account_memory, [trait("stores", "3")])
    fill_up(db)

    with (
        pytest.raises(StateError, match=r"state\.sqlite.*The disk is full.*Make room") as caught,
        db.begin() as connection,
    ):
        upsert(connection, account_memory, [trait("stores", "4"), trait("note", "someone@example.org" * 100_000)])

    assert "example.org" not in str(caught.value) + str(caught.value.__cause__)
    assert rows(db) == [("maison-lea", "stores", "3")]


def fill_up(db: Database) -> None:
    """Lets the file grow no further: SQLite answers as it does on a full disk."""
    with db.engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 1"))


def test_a_file_that_is_no_database_is_an_error_that_names_it(sqlite_place) -> None:
    (sqlite_place.home / "state.sqlite").write_bytes(b"once upon a time " * 100)

    with pytest.raises(StateError, match=r"state\.sqlite.*not a SQLite database"):
        sqlite_place.open()


def test_a_directory_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"nowhere/state\.sqlite.*Check that the directory exists"):
        open_database(tmp_path / "nowhere")


def test_a_server_that_drops_the_connection_is_an_error_and_the_next_block_works(tmp_path: Path, postgres_url) -> None:
    db = open_database(tmp_path, postgres_url)

    def write_while_dropped() -> None:
        with db.begin() as connection:
            drop_from_outside(db, connection)
            upsert(connection, account_memory, [trait("stores", "3")])

    with pytest.raises(StateError, match=r"could not be used.*run again"):
        write_while_dropped()
    with db.begin() as connection:
        upsert(connection, account_memory, [trait("stores", "4")])
    assert rows(db) == [("maison-lea", "stores", "4")]
    db.close()


def drop_from_outside(db: Database, connection: Connection) -> None:
    own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with db.begin() as other:
        other.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})


def test_a_server_that_cannot_be_reached_is_an_error_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"postgresql\+psycopg://connector:\*\*\*@127\.0\.0\.1:1/state") as caught:
        open_database(tmp_path, "postgresql+psycopg://connector:hunter2@127.0.0.1:1/state")

    assert "hunter2" not in str(caught.value) + str(caught.value.__cause__)


def test_a_password_that_is_not_taken_is_an_error_that_does_not_show_it(tmp_path: Path) -> None:
    with (
        refusing_server() as port,
        pytest.raises(StateError, match=r"password authentication.*takes the user") as caught,
    ):
        open_database(tmp_path, f"postgresql+psycopg://connector:hunter2@127.0.0.1:{port}/state?password=hunter2")

    assert "hunter2" not in str(caught.value) + str(caught.value.__cause__)


@contextmanager
def refusing_server() -> Iterator[int]:
    """A PostgreSQL server that takes no password; the real one here may trust everybody."""
    message = b'SFATAL\0C28P01\0Mpassword authentication failed for user "connector"\0\0'

    class Refusal(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while (start := self.request.recv(4096))[4:8] != struct.pack("!I", 196_608):  # protocol 3.0
                if not start:
                    return
                self.request.sendall(b"N")  # no encryption
            self.request.sendall(b"R" + struct.pack("!II", 8, 3))  # asks for the password
            self.request.recv(4096)
            self.request.sendall(b"E" + struct.pack("!I", 4 + len(message)) + message)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_user_without_the_right_to_make_tables_is_an_error_with_advice(
    tmp_path: Path, databases: Databases, postgres_url: str
) -> None:
    with (
        databases.new_user() as user,
        pytest.raises(StateError, match=r"permission denied.*takes the user"),
    ):
        open_database(tmp_path, make_url(postgres_url).set(username=user).render_as_string(hide_password=False))


def test_a_database_that_is_not_there_is_an_error_that_names_it(tmp_path: Path, databases: Databases) -> None:
    with databases.new() as url:
        pass

    with pytest.raises(StateError, match=rf'database "{make_url(url).database}" does not exist.*the database of'):
        open_database(tmp_path, url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://a:hunter2@127.0.0.1/state", "names mysql"),
        ("not a url hunter2", "is not a database URL"),
        ("postgresql://a:hunter2@127.0.0.1:port/state", "is not a database URL"),
        ("postgresql://a:in@hunter2@127.0.0.1/state", "has an @ too many"),
        ("postgresql://a:hunter2@127.0.0.1/state?no_such=hunter2", 'has an invalid connection option "no_such"'),
    ],
)
def test_an_address_that_cannot_work_is_an_error_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("CONNECTOR_DATABASE_URL", url)

    with pytest.raises(StateMistake, match=f"CONNECTOR_DATABASE_URL {said}") as caught:
        open_database(tmp_path)

    assert "hunter2" not in str(caught.value)


def test_what_is_committed_after_another_process_has_come_and_gone_is_kept(tmp_path: Path) -> None:
    """Opening the file a second time must not give up the locks by which the other process sees that we are here."""
    first = open_database(tmp_path)
    open_database(tmp_path).close()
    visit = "import pathlib, sys; from connector.state import database as d; d.open_database(pathlib.Path(sys.argv[1])).close()"
    subprocess.run([sys.executable, "-c", visit, str(tmp_path)], check=True)

    with first.begin() as connection:
        upsert(connection, account_memory, [trait("stores", "3")])

    count = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM account_memory').fetchone()[0])"
    file = str(tmp_path / "state.sqlite")
    seen = subprocess.run([sys.executable, "-c", count, file], check=True, capture_output=True, text=True).stdout
    first.close()
    assert seen.strip() == "1"
