"""A database that an older connector filled: its rows survive every step up, and the product goes on with them.

The rows are those of a real sync; a database of the older schema gets of each what its revision had a column for.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import copy
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, select, text

from connector.sandbox.serve import Sandbox
from connector.state import schema
from connector.state.database import URL_VARIABLE, database_address, open_database
from connector.state.tables import metadata
from tests.faults.shop_world import World
from tests.faults.short_waits import unhurried_nowhere
from tests.refused.refusals import CUSTOMER, EUROS, ORDER, PRODUCT, account, listed
from tests.state.conftest import Place, Worker

Rows = dict[str, list[dict[str, Any]]]  # of every table that there was, by its name

OTHER = "maison-lea"  # rows that a sync of this shop leaves alone, in the tables that it fills with nothing
OTHERS: Rows = {
    "installations": [{"shop": OTHER, "status": "inactive", "since": 1, "reason": "HTTP 401", "first_day": None}],
    "leases": [{"shop": OTHER, "entity": "*", "holder": "elsewhere", "token": "t", "expires_at": 1.5}],
    "turnover": [
        {"shop": OTHER, "store_id": 1, "day": "2026-01-02", "sales": 3, "cents": 4200, "pieces": None, "told_at": 7}
        | {"disputed_sales": None, "disputed_cents": None}
    ],
    "webhook_installations": [
        {"installation_id": "i1", "number": 1, "state": "uninstalled", "since": 1, "said_at": 2, "shop": OTHER}
        | {"merchant": "m1", "shop_name": "Léa", "offset": 5, "token": b"sealed", "configs": b"sealed"}
        | {"webhook_secret": b"sealed", "problem": None, "to_purge": False}
    ],
    "webhooks": [{"installation_id": "i1", "signature": "abc", "at": 2}],
    "till_inbox": [
        {"shop": OTHER, "message_id": "0001", "sale_id": 9, "payload": b"sealed", "received_at": 3, "tries": 1}
        | {"tried_at": None}
    ],
    "event_starts": [{"shop": OTHER, "event": "pos_purchase", "since": 4}],
    "event_outbox": [
        {"shop": OTHER, "event": "pos_purchase", "sale_id": 9, "customer_id": 8, "closed_at": 5, "state": "waiting"}
        | {"reason": None, "payload": b"sealed", "tries": 0, "at": 6, "run_id": "r"}
    ],
    "variations": [{"shop": OTHER, "product_id": 1, "size_id": 2, "number": 3}],
    "tombstone_keys": [{"shop": OTHER, "key": b"sealed"}],
    "tombstones": [{"shop": OTHER, "mark": b"m" * 32, "erased_at": 8}],
    "changed_customers": [{"shop": OTHER, "customer_id": 8, "told_at": 9}],
    "lost_sales": [{"shop": OTHER, "customer_id": 8}],
    "former_sales": [{"shop": OTHER, "customer_id": 8, "sale_id": 9}],
}


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What a sync sets in it is taken back."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A shop of which four records are refused, synced once."""
    folder, before = tmp_path_factory.mktemp("synced"), dict(os.environ)
    with Sandbox(folder / "sandbox", folder, accounts=[account()]) as sandbox:
        world = World(sandbox, folder, folder / "home")
        world.configure(rules={"customers_without_email": "send"})
        sandbox.crm.switch(empty_email="refuse")
        with unhurried_nowhere():
            assert world.sync().status == "refused"
        os.environ.clear()
        os.environ.update(before)
        yield world


@pytest.fixture(scope="module")
def filled(synced: World) -> Rows:
    """The rows of every table of the present schema: what the sync wrote, and of other shops what it had nothing to write of."""
    db = open_database(synced.home)
    with db.read() as connection:
        rows = {t.name: [dict(row) for row in connection.execute(select(t)).mappings()] for t in metadata.sorted_tables}
    db.close()
    for table, more in OTHERS.items():
        rows[table] += more
    assert all(rows.values()), "a table that no test fills"
    return rows


def build(place: Place, revision: str, filled: Rows) -> Rows:
    """A database as it was at that revision, filled; the rows that it got."""
    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))
    old, put = MetaData(), {}
    engine = create_engine(database_address(place.home, place.url))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        old.reflect(connection)
        for table in old.tables.values():
            if table.name != schema.VERSION_TABLE:
                names = table.columns.keys()
                put[table.name] = [{name: row[name] for name in names} for row in filled[table.name]]
                connection.execute(table.insert(), put[table.name])
    engine.dispose()
    return put


def present(place: Place, put: Rows) -> Rows:
    """The rows that the present connector finds, in the columns that the older database had."""
    db, found = place.open(), {}
    with db.read() as connection:
        assert schema.is_current(connection)
        for name, rows in put.items():
            columns = [metadata.tables[name].c[column] for column in rows[0]]
            found[name] = [dict(row) for row in connection.execute(select(*columns)).mappings()]
    db.close()
    return found


def in_order(rows: Rows) -> dict[str, list[str]]:
    return {name: sorted(map(repr, each)) for name, each in rows.items()}


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_every_row_of_an_older_database_is_there_after_it_was_opened(place: Place, filled: Rows, revision: str) -> None:
    put = build(place, revision, filled)

    assert in_order(present(place, put)) == in_order(put)


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_a_sync_over_an_older_database_goes_on_where_the_older_connector_stopped(
    place: Place, synced: World, filled: Rows, revision: str
) -> None:
    world = moved(synced, place)
    put = build(place, revision, filled)
    assert set(listed(world)) == {CUSTOMER, ORDER, PRODUCT, EUROS}
    (calls,) = put["calls"]

    with unhurried_nowhere():
        again = world.sync()

    assert again.status == "refused"
    assert (again.total("sent"), again.total("failed")) == (0, 0)
    assert again.total("unchanged") > len(put["ledger"]) / 2  # of the closing days only the last ones are read again
    assert again.report["quota"]["used"] == calls["used"] + len(world.requests("till"))
    # what an older connector refused without a note of its edition is tried once more, and nothing else is sent
    more = int("edition" not in put["refused"][0])
    saved = {item.get("order_id", item.get("customer_id")) for e in saves(world) for item in e["body"]}
    assert saved == ({"a_9", "a_901"} if more else set())
    assert {row["tries"] for row in listed(world).values()} == {1 + more}


def saves(world: World) -> list[dict[str, Any]]:
    return [entry for entry in world.requests("crm", method="POST") if isinstance(entry["body"], list)]


def moved(synced: World, place: Place) -> World:
    """The world of a worker with a copy of that home, but for its database, and with the database of that place."""
    shutil.copytree(synced.home, place.home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("state.sqlite*"))
    world = copy(synced)
    world.home, world.state = place.home, {URL_VARIABLE: place.url} if place.url else {}
    return world


def test_of_processes_that_open_an_older_database_at_once_one_migrates_it(
    place: Place, filled: Rows, workers: Callable[..., Worker]
) -> None:
    put = build(place, schema.REVISIONS[0], filled)
    crowd = [workers(place, "opens") for _ in range(3)]
    with held(place):
        for worker in crowd:
            worker.go()
        time.sleep(0.5)  # by then each has seen that the database is old, and waits for its turn

    assert sorted(worker.line() for worker in crowd) == ["with alembic", "without alembic", "without alembic"]
    assert in_order(present(place, put)) == in_order(put)


def held(place: Place) -> ExitStack:
    """Nobody can migrate the database until the block ends."""
    stack = ExitStack()
    engine = create_engine(database_address(place.home, place.url))
    stack.callback(engine.dispose)
    connection = stack.enter_context(engine.connect())
    if place.url:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": schema._ADVISORY_LOCK})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    return stack
