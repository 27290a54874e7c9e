"""What is remembered of a run."""

from __future__ import annotations

from connector.state.run_log import RunLog

COUNTS = {"read": 120, "skipped": {"anonymous": 31}, "unchanged": 80, "sent": 9, "refused": 0, "failed": 0}


def test_the_last_run_of_a_shop_is_the_one_that_started_last(db) -> None:
    log = RunLog(db)
    log.start("older", "maison-lea", 100)
    log.finish("older", "maison-lea", "failed", "the till hung up", 3, 0, None, at=110)
    log.start("newer", "maison-lea", 200)
    log.start("elsewhere", "other", 300)
    under_way = log.last_run("maison-lea")
    assert under_way is not None
    assert (under_way["run_id"], under_way["status"], under_way["finished_at"]) == ("newer", None, None)

    quota = {"month": "2026-11", "used": 812, "limit": 30_000}
    log.finish("newer", "maison-lea", "delivered", None, 9, 7, quota, at=210)
    assert log.last_run("maison-lea") == {
        "run_id": "newer",
        "shop": "maison-lea",
        "started_at": 200,
        "finished_at": 210,
        "status": "delivered",
        "message": None,
        "calls_till": 9,
        "calls_shopimind": 7,
        "quota": quota,
    }


def test_the_last_run_is_the_one_that_began_last_although_the_clock_went_back(db) -> None:
    log = RunLog(db)
    log.start("ahead", "maison-lea", 9_000)
    log.start("right", "maison-lea", 100)
    log.start("same second", "maison-lea", 100)

    last = log.last_run("maison-lea")
    assert last is not None
    assert last["run_id"] == "same second"


def test_a_shop_that_never_ran_has_no_last_run(db) -> None:
    assert RunLog(db).last_run("maison-lea") is None


def test_a_run_has_one_line_per_entity_and_store_with_its_latest_counts(db) -> None:
    log = RunLog(db)
    log.entity("run", "maison-lea", "orders", 10, 15, COUNTS)
    log.entity("run", "maison-lea", "orders", 3, 14, COUNTS | {"sent": 0})
    log.entity("run", "maison-lea", "orders", 3, 14, COUNTS)
    log.entity("run", "maison-lea", "customers", None, None, COUNTS)
    log.entity("run", "other", "orders", 3, 99, COUNTS)
    log.entity("earlier", "maison-lea", "orders", 3, 14, COUNTS)

    assert log.entities("run", "maison-lea") == [
        {"entity": "customers", "store_id": None, "id_data_source": None, "counts": COUNTS},
        {"entity": "orders", "store_id": 3, "id_data_source": 14, "counts": COUNTS},
        {"entity": "orders", "store_id": 10, "id_data_source": 15, "counts": COUNTS},
    ]
