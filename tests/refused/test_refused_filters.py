"""Which refused records `list` and `show` give: by shop, store, entity, reason and age, all of them, and masked."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from connector.delivery.refused import Filters, Refusal, RefusedStore
from connector.state.database import open_database
from connector.state.sealing import Sealer
from connector.state.tables import refused as table
from tests.faults.shop_world import World
from tests.refused.refusals import CUSTOMER, EUROS, ORDER, PRODUCT, listed, refused

DAY = 86_400


@pytest.fixture
def aged(refusing: World) -> World:
    """The refused customer has been one for ten days."""
    with refusing.opened() as run, run.state.db.begin() as connection:
        ten_days_ago = int(run.clock()) - 10 * DAY
        connection.execute(update(table).where(table.c.external_id == "a_9").values(first_at=ten_days_ago))
    return refusing


def test_every_filter_narrows_the_list(aged: World) -> None:
    for arguments, expected in [
        ([], {CUSTOMER, ORDER, PRODUCT, EUROS}),
        (["--store", "2"], {EUROS}),
        (["--entity", "orders"], {ORDER, EUROS}),
        (["--reason", "NAME is empty"], {PRODUCT}),
        (["--older-than", "9.5"], {CUSTOMER}),
        (["--newer-than", "9.5"], {ORDER, PRODUCT, EUROS}),
        (["--older-than", "1", "--newer-than", "9"], set()),
        (["--entity", "orders", "--store", "1"], {ORDER}),
    ]:
        assert set(listed(aged, *arguments)) == expected, arguments


def test_show_takes_the_same_filters_and_masks_unless_asked_not_to(aged: World) -> None:
    shown = refused(aged, "show", "--older-than", "9")
    (row,) = shown.document["refused"]
    assert (shown.code, row["external_id"], row["payload"]["last_name"]) == (0, "a_9", "N***")
    plain = refused(aged, "show", "--older-than", "9", "--unmasked")
    assert plain.document["refused"][0]["payload"]["last_name"] == "Nom9"
    assert len(refused(aged, "show", "a_9", "a_901").document["refused"]) == 2
    nothing = refused(aged, "show", "--older-than", "99")
    assert (nothing.code, nothing.document["exit_code"]) == (2, 2)


def test_nothing_is_capped(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    store = RefusedStore(db, "lea", Sealer(tmp_path))
    names = [f"c{number:05}" for number in range(3_000)]
    refusals = [Refusal(name, b"0" * 16, 1, None, None, None, "odd", '{"a":1}', "shopimind") for name in names]
    with db.begin() as connection:
        store.note(connection, "customers", refusals, run_id="r1", at=1)
        store.note(connection, "customers", refusals, run_id="r2", at=2)
    rows = store.all()
    assert [row["external_id"] for row in rows] == names
    assert {(row["first_at"], row["last_at"], row["tries"]) for row in rows} == {(1, 2, 2)}
    assert len(store.all(Filters(external_ids=frozenset(names)))) == 3_000
    assert len(store.lookup("customers", names)) == len(list(store.payloads("customers", names))) == 3_000
    store.drop("customers", names)
    assert store.all() == []
    db.close()
