"""The quota: counted before each call, never overrun, and asked anew every month of the account's own time zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connector.pos.protocol import CallsKept, QuotaReached
from connector.state.calls import MonthlyCalls, Quota
from connector.state.memory import Memory


class Clock:
    def __init__(self, moment: str) -> None:
        self.set(moment)

    def set(self, moment: str) -> None:
        self.now = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-11-10T12:00")


def test_a_call_counts_before_it_is_made_and_for_everyone(db, clock) -> None:
    mine = MonthlyCalls(db, "maison-lea", monthly_calls=10, clock=clock)
    theirs = MonthlyCalls(db, "maison-lea", monthly_calls=10, clock=clock)
    mine.spend()
    mine.spend()
    theirs.spend()

    assert mine.usage() == theirs.usage() == Quota("2026-11", 3, 10)
    assert (mine.spent, theirs.spent) == (2, 1)


def test_the_call_beyond_the_limit_is_refused_and_not_counted(db, clock) -> None:
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=2, clock=clock)
    counter.spend()
    counter.spend()

    with pytest.raises(QuotaReached, match=r"maison-lea used 2 of 2 calls in 2026-11.*next month begins"):
        counter.spend()
    assert counter.usage().used == counter.spent == 2


def test_the_limit_grows_with_the_stores_that_become_known(db, clock) -> None:
    memory = Memory(db, "maison-lea")
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=10, memory=memory, clock=clock)
    assert counter.usage().limit == 10

    memory.learn("stores", "3")
    assert counter.usage().limit == 30
    memory.learn("stores", "4")
    assert counter.usage().limit == 40


def test_a_month_begins_in_the_time_zone_of_the_account(db, clock) -> None:
    memory = Memory(db, "maison-lea")
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=1, memory=memory, clock=clock)
    clock.set("2026-10-31T23:30")
    counter.spend()
    assert counter.usage() == Quota("2026-10", 1, 1)

    memory.learn("time_zone", "Europe/Paris")
    counter.spend()
    assert counter.usage() == Quota("2026-11", 1, 1)


def test_accounts_do_not_share_their_calls(db, clock) -> None:
    MonthlyCalls(db, "maison-lea", monthly_calls=1, clock=clock).spend()

    assert MonthlyCalls(db, "other", monthly_calls=1, clock=clock).usage().used == 0


def test_a_till_that_says_stop_is_not_asked_again_before_the_next_month(db, clock) -> None:
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=10, clock=clock)
    counter.spend()
    counter.stop()

    with pytest.raises(QuotaReached, match="The till answered that the quota is reached"):
        counter.spend()
    assert counter.usage().used == 1

    clock.set("2026-12-01T00:00")
    counter.spend()
    assert counter.usage() == Quota("2026-12", 1, 10)


def test_processes_that_race_for_the_last_calls_never_overrun_the_limit(place, workers: Callable) -> None:
    crowd = [workers(place, "spends", "maison-lea", 150) for _ in range(3)]
    for worker in crowd:
        worker.go()

    assert sum(int(worker.line()) for worker in crowd) == 150
    assert MonthlyCalls(place.open(), "maison-lea", monthly_calls=150).usage().used == 150


@pytest.mark.parametrize(("day", "kept"), [("2026-11-01T12:00", 20), ("2026-11-16T12:00", 10), ("2026-11-30T12:00", 1)])
def test_what_is_kept_for_the_daily_syncs_is_a_fifth_of_the_month_less_with_every_day(db, clock, day, kept) -> None:
    clock.set(day)
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=100, clock=clock)
    for _ in range(100 - kept - 1):
        counter.spend()

    counter.keep_reserve()
    counter.spend()
    with pytest.raises(QuotaReached, match=f"The last {kept} calls of the month are kept"):
        counter.keep_reserve()
    counter.spend()  # a daily sync goes on


def test_history_leaves_other_applications_their_calls_and_daily_syncs_take_them(db, clock) -> None:
    clock.set("2026-11-30T12:00")  # one call is kept for the last day's syncs
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=20, calls_for_others=4, clock=clock)
    with counter.for_history():
        for _ in range(15):
            counter.spend()
        with pytest.raises(CallsKept, match=r"4 more for other applications \(pos.calls_for_others\).*on 2026-12-01"):
            counter.spend()
    with pytest.raises(CallsKept), counter.for_history():
        pytest.fail("nothing is left for history")
    assert (counter.usage().used, counter.usage().history) == (15, 15)
    for _ in range(5):
        counter.spend()
    assert (counter.usage().used, counter.usage().history) == (20, 15)


def test_processes_that_race_for_historys_last_calls_never_touch_what_is_kept(place, workers: Callable) -> None:
    crowd = [workers(place, "spends", "maison-lea", 150, 60) for _ in range(3)]
    for worker in crowd:
        worker.go()

    counter = MonthlyCalls(place.open(), "maison-lea", monthly_calls=150, calls_for_others=60)
    history = 150 - counter.kept().all
    assert sum(int(worker.line()) for worker in crowd) == counter.usage().used == counter.usage().history == history


def test_a_stop_reaches_every_run_that_goes_on_and_the_next_has_one_call_to_find_out(db, clock) -> None:
    first, beside = (MonthlyCalls(db, "maison-lea", monthly_calls=10, clock=clock) for _ in range(2))
    first.spend()
    beside.spend()
    assert f"{first.stop():%Y-%m-%d %H:%M}" == "2026-12-01 00:00"

    with pytest.raises(QuotaReached, match="The till answered that the quota is reached"):
        beside.spend()
    clock.set("2026-11-11T12:00")
    later, other = (MonthlyCalls(db, "maison-lea", monthly_calls=10, clock=clock) for _ in range(2))
    assert later.probing
    assert later.usage().stopped_at is not None
    later.spend()
    other.spend()
    later.stop()
    with pytest.raises(QuotaReached):
        other.spend()

    last = MonthlyCalls(db, "maison-lea", monthly_calls=10, clock=clock)
    last.spend()
    last.answered()
    assert not last.probing
    assert last.usage().stopped_at is None
    last.spend()
    assert last.usage().used == 6


def test_a_stop_is_over_when_the_month_is(db, clock) -> None:
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=10, clock=clock)
    counter.spend()
    counter.stop()
    clock.set("2026-12-01T00:00")
    later = MonthlyCalls(db, "maison-lea", monthly_calls=10, clock=clock)
    later.spend()
    assert not later.probing
    assert later.usage() == Quota("2026-12", 1, 10)


def test_what_is_kept_is_that_of_the_month_that_has_begun_meanwhile(db, clock) -> None:
    clock.set("2026-10-31T23:50")
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=10, clock=clock)
    counter.keep_reserve()
    clock.set("2026-11-01T00:10")
    for _ in range(8):
        counter.spend()
    with pytest.raises(QuotaReached, match="The last 2 calls"):
        counter.keep_reserve()


def test_history_may_take_what_is_neither_used_nor_kept_and_nothing_while_the_till_says_stop(db, clock) -> None:
    clock.set("2026-11-16T12:00")  # 15 of 30 days to come: a tenth of the month is kept for them
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=100, calls_for_others=20, clock=clock)
    assert (counter.left_for_history(), counter.history_of_a_month()) == (70, 60)
    for _ in range(69):
        counter.spend()
    assert counter.left_for_history() == 1
    counter.spend()
    counter.spend()
    assert counter.left_for_history() == 0

    fresh = MonthlyCalls(db, "other", monthly_calls=100, clock=clock)
    fresh.spend()
    fresh.stop()
    assert fresh.left_for_history() == 0


def test_an_earlier_month_is_told_as_it_ended_and_when_its_first_call_was(db, clock) -> None:
    clock.set("2026-10-07T09:00")
    counter = MonthlyCalls(db, "maison-lea", monthly_calls=100, clock=clock)
    first = int(clock())
    counter.spend()
    clock.set("2026-10-31T09:00")
    with counter.for_history():
        counter.spend()
    clock.set("2026-11-02T09:00")
    counter.spend()

    before, now = counter.usage_in("2026-10"), counter.usage()
    assert (before.used, before.history, before.since) == (2, 1, first)
    assert (now.used, now.history, now.since) == (1, 0, int(clock()))
    assert counter.usage_in("2026-09") == Quota("2026-09", 0, 100)
