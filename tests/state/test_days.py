"""Which closing days need no reading any more."""

from __future__ import annotations

from sqlalchemy import select

from connector.state.days import DayRead, Days
from connector.state.tables import days as table

NOW = 1_000


def test_a_day_is_complete_when_it_is_marked_so_and_not_because_it_was_read(db) -> None:
    days = Days(db, "maison-lea")
    days.mark_read("2026-11-01", {1: DayRead(12, 34_050)}, at=100)
    days.mark_read("2026-11-02", {1: DayRead(0, 0)}, at=100)
    days.mark_complete(1, ["2026-11-01"], at=110)

    assert days.complete_days([1, 2], NOW) == {1: {"2026-11-01"}, 2: set()}


def test_a_day_that_is_read_again_is_incomplete_until_it_is_marked_again(db) -> None:
    days = Days(db, "maison-lea")
    days.mark_read("2026-11-01", {1: DayRead(12, 34_050)}, at=100)
    days.mark_complete(1, ["2026-11-01"], at=110)
    days.mark_read("2026-11-01", {1: DayRead(13, 35_050)}, at=200)
    assert days.complete_days([1], NOW) == {1: set()}

    days.mark_complete(1, ["2026-11-01"], at=210)
    assert days.complete_days([1], NOW) == {1: {"2026-11-01"}}


def test_completing_a_day_keeps_what_was_read_of_it(db) -> None:
    days = Days(db, "maison-lea")
    days.mark_read("2026-11-01", {1: DayRead(12, 34_050)}, at=100)
    days.mark_complete(1, ["2026-11-01"], at=110)

    with db.read() as connection:
        kept = connection.execute(select(table.c.sales, table.c.cents, table.c.read_at)).one()
    assert tuple(kept) == (12, 34_050, 100)


def test_shops_and_stores_have_their_own_days(db) -> None:
    Days(db, "maison-lea").mark_complete(1, ["2026-11-01"], at=100)
    Days(db, "maison-lea").mark_complete(2, ["2026-11-02"], at=100)
    Days(db, "other").mark_complete(1, ["2026-11-03"], at=100)

    assert Days(db, "maison-lea").complete_days([1, 2], NOW) == {1: {"2026-11-01"}, 2: {"2026-11-02"}}


def test_a_day_that_a_clock_ahead_of_us_completed_is_not_complete(db) -> None:
    days = Days(db, "maison-lea")
    days.mark_read("2026-11-01", {1: DayRead(12, 34_050)}, at=NOW + 90_000)
    days.mark_complete(1, ["2026-11-01"], at=NOW + 90_000)
    assert days.complete_days([1], NOW) == {1: set()}

    days.mark_read("2026-10-31", {1: DayRead(1, 50)}, at=NOW)
    days.mark_complete(1, ["2026-10-31"], at=NOW)  # the clock is right again, and stays so
    assert days.complete_days([1], NOW + 100_000) == {1: {"2026-10-31"}}
