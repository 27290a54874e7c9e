"""The till's calls of a month are used up: by our own count, or by the till's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

import assets.launch
import assets.resources
from connector.sandbox.fault_plan import status_fault
from connector.shop_run import ShopRun
from connector.state.tables import calls
from tests.faults.little_till import alpha, sale, today
from tests.faults.shop_world import World

PARIS = ZoneInfo("Europe/Paris")


def early_this_month() -> float:
    return datetime.now(PARIS).replace(day=2, hour=12).timestamp()


def a_new_month(world: World) -> None:
    """The calls counted so far are those of an earlier month."""
    with world.opened() as run, run.state.db.begin() as connection:
        connection.execute(update(calls).values(month="2000-01"))


@pytest.mark.parametrize("retry_after", [None, 1, 3600])
def test_a_429_midway_through_a_backfill_delivers_what_was_read_and_the_next_run_goes_on(
    world: World, undisturbed: Callable[..., Any], retry_after: int | None
) -> None:
    switches = world.sandbox.till.switches
    switches.quota, switches.retry_after = 16, retry_after

    stopped = world.sync()

    assert (stopped.status, stopped.exit_code) == ("quota", 4)
    assert "429" in stopped.message
    statuses = [entry["status"] for entry in world.requests("till")]
    assert statuses.count(429) <= 5 + 1  # those in flight, and the one more try
    assert len(statuses) == stopped.report["quota"]["used"] == stopped.report["calls"]["hiboutik"]
    orders = [stopped.row("orders", store_id) for store_id in (1, 2)]
    assert 0 < sum(row["read"] for row in orders) < 28
    assert all(row["sent"] == row["read"] for row in orders)
    assert stopped.row("customers")["sent"] == 8
    assert world.status()["status"] == "quota"
    assert world.status()["days_waiting"] > 0
    read = {store_id: world.days_asked(store_id) for store_id in (1, 2)}

    a_new_month(world)
    switches.quota = None
    resumed = world.sync()
    assert resumed.status == "delivered"
    assert world.end_state() == undisturbed(alpha())
    assert {1: world.days_asked(1), 2: world.days_asked(2)} != read
    assert sum(row["sent"] for row in (resumed.row("orders", 1), resumed.row("orders", 2))) == 28 - sum(
        row["sent"] for row in orders
    )


def test_days_that_a_stopped_backfill_delivered_are_not_read_again(world: World) -> None:
    world.sandbox.till.switches.quota = 26
    stopped = world.sync()
    world.sandbox.till.switches.quota = None
    look_back = {(today() - timedelta(days=ago)).isoformat() for ago in range(3)}
    with world.opened() as run:
        complete = run.days.complete_days([1, 2], int(run.clock()))
    complete = {store_id: days - look_back for store_id, days in complete.items()}
    assert any(complete.values())

    a_new_month(world)
    assert stopped.status == "quota"
    assert world.sync().status == "delivered"

    for store_id, days in complete.items():
        assert not days & world.days_asked(store_id)


def test_a_429_that_passes_stops_nothing(world: World) -> None:
    world.break_till(status_fault(429, path="/closed_sales/", times=1))
    assert world.sync().status == "delivered"


def test_our_own_limit_is_never_overrun_and_a_higher_one_goes_on(world: World, undisturbed: Callable[..., Any]) -> None:
    world.configure(pos={"monthly_calls": 9})  # of two stores: 18

    stopped = world.sync()
    asked = len(world.requests("till"))

    assert (stopped.status, stopped.exit_code) == ("quota", 4)
    assert stopped.report["quota"]["limit"] == 18
    assert asked == stopped.report["quota"]["used"] <= 18
    assert stopped.total("failed") == 0
    again = world.sync()
    assert again.status == "quota"
    assert asked + len(world.requests("till")) == again.report["quota"]["used"] <= 18
    assert again.report["quota"]["limit"] == 18
    assert len(world.requests("crm")) <= 2  # the sources and the definition are looked at; nothing is sent

    world.configure(pos={"monthly_calls": 10_000})
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_a_limit_of_one_call_reads_the_stores_and_stops(world: World) -> None:
    world.configure(pos={"monthly_calls": 1})  # one store until they are known, two then

    stopped = world.sync()

    assert (stopped.status, stopped.exit_code) == ("quota", 4)
    assert len(world.requests("till")) <= 2
    assert "monthly_calls" in stopped.message


def test_every_attempt_counts_against_the_quota(world: World) -> None:
    world.break_till(status_fault(503, path="/products/", times=2), status_fault(502, path="/closed_sales/1", times=3))

    synced = world.sync()

    assert synced.status == "delivered"
    assert synced.report["quota"]["used"] == len(world.requests("till")) == 34 + 5


def test_a_backfill_leaves_calls_for_the_daily_syncs_of_the_month(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = alpha()
    long_ago.first_day = today() - timedelta(days=150)
    world = make_world(long_ago)
    for module in (assets.launch, assets.resources):
        monkeypatch.setattr(module, "ShopRun", functools.partial(ShopRun, clock=early_this_month))
    world.configure(pos={"monthly_calls": 100})  # of two stores: 200

    stopped = world.sync()

    assert (stopped.status, stopped.exit_code) == ("quota", 4)
    assert "syncs of the days to come" in stopped.message
    quota = stopped.report["quota"]
    assert 0 < quota["used"] < quota["limit"] == 200
    assert world.status()["days_waiting"] < 150  # some of the history came

    world.till().put_sale(sale(950, 1, f"{datetime.now(PARIS):%Y-%m}-02", 1))
    again = world.sync()
    assert again.status == "quota"
    assert "a_950" in world.items("orders")
