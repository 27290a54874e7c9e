"""Which transactions wait for the disk, so that a power failure cannot take them back: SQLite's word for it is FULL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event, insert, text

from connector.delivery.outbox import Outbox, State, Waiting
from connector.state.changed_customers import ChangedCustomers
from connector.state.database import Database, open_database
from connector.state.home import HOME_VARIABLE
from connector.state.sealing import KEYS_VARIABLE, Sealer
from connector.state.tables import event_outbox
from connector.state.till_inbox import TillInbox
from connector.state.variations import VariationNumbers
from tests.receive.service import Service, write_configuration


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Database]:
    db = open_database(tmp_path, f"sqlite:///{tmp_path}/state.sqlite")
    yield db
    db.close()


@contextmanager
def writes(db: Database) -> Iterator[list[str]]:
    """How each transaction that writes meanwhile waits for the disk."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("PRAGMA synchronous = "):
            found.append(statement.rpartition(" ")[2])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_only_a_durable_transaction_waits_for_the_disk(on_disk: Database) -> None:
    def level(**how: bool) -> int:
        with on_disk.begin(**how) as connection:
            found: int = connection.execute(text("PRAGMA synchronous")).scalar_one()
        return found

    normal, full = 1, 2
    assert [level(), level(durable=True), level()] == [normal, full, normal]


@pytest.mark.parametrize(
    "act",
    [
        lambda db, sealer: TillInbox(db, "alpha", sealer).put(1, b"sale_id=1"),
        lambda db, sealer: ChangedCustomers(db, "alpha").put(101),
        lambda db, sealer: VariationNumbers(db, "alpha").allot([(11, 3)], lambda product_id, size_id: 7),
    ],
    ids=["what a till pushes", "whom a till tells of", "numbers of variations"],
)
def test_what_cannot_be_had_again_is_on_disk(on_disk: Database, tmp_path: Path, act: Callable[..., None]) -> None:
    with writes(on_disk) as found:
        act(on_disk, Sealer(tmp_path))
    assert found[-1] == "FULL"


def test_a_trigger_is_on_disk_as_begun_before_it_goes(on_disk: Database, tmp_path: Path) -> None:
    sealer = Sealer(tmp_path)
    waiting = Waiting("pos_purchase", 501, 101, 1_700_000_000, State.WAITING, None)
    row = {"shop": "alpha", "payload": sealer.seal(b"{}"), "tries": 0, "at": 0, "run_id": "run", **asdict(waiting)}
    with on_disk.begin() as connection:
        connection.execute(insert(event_outbox).values(row))
    shop: Any = SimpleNamespace(key="alpha", events=())
    outbox = Outbox(on_disk, shop, sealer, started=0, is_news=lambda store_id, day: True, store_names=dict)
    with writes(on_disk) as found:
        assert outbox.claim(waiting, run_id="run", at=1) == {}
    assert found == ["FULL"]


def test_a_webhook_is_on_disk_when_it_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setenv(KEYS_VARIABLE, Fernet.generate_key().decode())
    service = Service(write_configuration(tmp_path / "shops.yaml"))
    with service, writes(service.state.db) as found:
        service.install()
    assert found.count("FULL") == 2  # installed, activated
