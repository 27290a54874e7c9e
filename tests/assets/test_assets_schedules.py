"""What the schedules ask for, and when they ask for nothing."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, time, timedelta

import dagster as dg
import pytest

from assets.orphans import run_tags
from assets.shop import FIRST, LAST
from connector.reading_sales import SalesReading
from connector.sandbox.fault_plan import FaultPlan, status_fault
from connector.shop_run import ShopRun, State
from connector.state.leases import Lease
from connector.state.way import HISTORY_LEASE, ask_for_way, way_is_asked
from tests.assets.conftest import WEEK, World
from tests.sync.world import PARIS, day


def tick(world: World, name: str, at: time, on: int = -1) -> dg.RunRequest | dg.SkipReason:
    """The schedule's answer at that hour in Paris, `on` so many days ago (default: tomorrow)."""
    moment = datetime.combine(day(on), at, PARIS)
    context = dg.build_schedule_context(instance=world.instance, scheduled_execution_time=moment)
    data = world.definitions.resolve_schedule_def(name).evaluate_tick(context)
    if data.run_requests:
        (request,) = data.run_requests
        return request
    return dg.SkipReason(data.skip_message)


def days_of(asked: dg.RunRequest | dg.SkipReason) -> tuple[str, str]:
    assert isinstance(asked, dg.RunRequest), asked
    return asked.tags[FIRST], asked.tags[LAST]


def test_the_first_night_asks_for_everything_since_the_shops_first_day(world: World) -> None:
    assert days_of(tick(world, "nightly_alpha", time(3, 15))) == (day(6).isoformat(), day(-1).isoformat())


def test_a_later_night_asks_for_the_look_back_and_today(world: World) -> None:
    assert world.run(days=WEEK).success
    assert days_of(tick(world, "nightly_alpha", time(3, 15))) == (day(1).isoformat(), day(-1).isoformat())


def test_a_day_that_is_not_complete_is_asked_for_until_it_is(world: World) -> None:
    world.sandbox.crm_server.faults = FaultPlan([status_fault(403, method="POST", path="orders")])
    world.run(days=WEEK)
    assert days_of(tick(world, "nightly_alpha", time(3, 15)))[0] == day(5).isoformat()


def test_the_night_reads_only_what_is_due_of_its_range(world: World) -> None:
    asked = tick(world, "nightly_alpha", time(3, 15))
    assert isinstance(asked, dg.RunRequest)
    assert asked.run_config["resources"]["connector"]["config"]["only_due"] is True


def test_no_schedule_asks_for_a_day_that_has_not_begun_in_the_shops_country(world: World) -> None:
    """A store in Saint-Denis is up to three hours ahead of Paris, and the partitions are days of Paris."""
    assert world.run(days=WEEK).success
    late = time(23, 30)
    assert days_of(tick(world, "nightly_alpha", late))[1] == day(-1).isoformat()
    assert days_of(tick(world, "today_alpha", late)) == (day(-1).isoformat(), day(-1).isoformat())


def test_a_night_can_be_launched_as_it_was_asked_for(world: World) -> None:
    asked = tick(world, "nightly_alpha", time(3, 15), on=0)
    assert isinstance(asked, dg.RunRequest)
    assert asked.tags[FIRST] == day(6).isoformat()
    assert world.run(days=[day(6), day(0)], only_due=True).success


def test_todays_sales_are_not_asked_for_before_everything_was_read_once(world: World) -> None:
    asked = tick(world, "today_alpha", time(12, 0))
    assert isinstance(asked, dg.SkipReason)
    assert "pos_stores and pos_customers were never read" in (asked.skip_message or "")
    assert "sync_alpha" in (asked.skip_message or "")


def test_todays_sales_wait_while_another_run_of_the_shop_goes_on(world: World) -> None:
    world.run(days=WEEK)
    going_on = world.instance.create_run_for_job(
        world.definitions.resolve_job_def("sync_alpha"), tags=run_tags("alpha"), status=dg.DagsterRunStatus.STARTED
    )
    asked = tick(world, "today_alpha", time(12, 0))
    assert isinstance(asked, dg.SkipReason)
    assert "another run has not ended" in (asked.skip_message or "")
    world.instance.report_run_canceled(going_on)
    assert days_of(tick(world, "today_alpha", time(12, 0)))[0] == day(-1).isoformat()


def test_the_history_is_asked_for_until_it_is_there(world: World) -> None:
    assert isinstance(tick(world, "history_alpha", time(1, 5)), dg.SkipReason)  # nothing was read yet
    assert world.run(days=[day(2), day(0)], only_due=True).success
    assert days_of(tick(world, "history_alpha", time(1, 5))) == (day(6).isoformat(), day(3).isoformat())
    assert world.run(job="history_alpha", days=[day(6), day(3)], backfill=True).success
    asked = tick(world, "history_alpha", time(1, 5))
    assert isinstance(asked, dg.SkipReason)
    assert "the whole history is there" in (asked.skip_message or "")


def test_a_run_that_reads_history_gives_way_and_what_is_left_stays_due(world: World) -> None:
    assert world.run(days=[day(2), day(0)], only_due=True).success
    state = State.open()
    with closing(state), closing(ShopRun(world.shops[0], state, "backfill", backfill=True)) as run:
        due = run.calendar.history()
        ask_for_way(state.db, "alpha")
        assert list(SalesReading(run, run.calendar.to_read([]))) == []
        assert run.calendar.history() == due
        assert run.problems == []  # it did what it should
        assert f"{sum(map(len, due.values()))} days and stores are left" in run.stop_reasons["way"]


def test_todays_sales_ask_a_run_that_reads_history_for_way_instead_of_being_left_out(world: World) -> None:
    assert world.run(days=[day(2), day(0)], only_due=True).success
    with closing(State.open()) as state:
        with Lease.acquire(state.db, "alpha", HISTORY_LEASE):
            assert isinstance(tick(world, "today_alpha", time(12, 0), on=0), dg.RunRequest)
        assert way_is_asked(state.db, "alpha")


@pytest.mark.parametrize("name", ["nightly_alpha", "today_alpha", "history_alpha"])
def test_schedules_keep_the_time_of_the_shops_country(world: World, name: str) -> None:
    assert world.definitions.resolve_schedule_def(name).execution_timezone == "Europe/Paris"
    assert timedelta(0) < datetime.now(PARIS).utcoffset()  # type: ignore[operator]
