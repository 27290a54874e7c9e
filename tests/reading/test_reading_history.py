"""History is read newest first, its empty days are not asked for where the turnover can be believed, and it gives way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.sync.conftest import MakeWorld
from tests.sync.world import STORES, Row, World, day, line, sale, till_account

MONTHS = 70  # days: two whole months of history at least


def quiet_shop(make_world: MakeWorld, *more: Row) -> World:
    """One store that sells every third day."""
    sales = [sale(1000 + ago, day(ago)) for ago in range(0, MONTHS, 3)]
    return make_world([till_account(first_day=day(MONTHS), stores=STORES[:1], sales=[*sales, *more])])


def asked_of(world: World, kind: str) -> list[str]:
    return [call for call in world.till_calls() if call.startswith(kind)]


def test_days_without_sales_are_not_asked_for(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    ran = world.sync("--only", "orders")
    assert ran.code == 0
    assert ran.row("orders", 1)["sent"] == len(range(0, MONTHS, 3))
    assert len(asked_of(world, "closed_sales")) < MONTHS / 2 + 10
    assert len(asked_of(world, "reports/turnover")) <= 4
    world.record()
    world.sync("--only", "orders")  # a day that was passed over is complete
    assert world.days_read() == {1: [day(ago).isoformat() for ago in (2, 1, 0)]}


def test_history_comes_newest_first_after_what_every_sync_reads(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    world.sandbox.till.switches.quota = 14
    assert world.sync("--only", "orders").code == 4
    read = world.days_read()[1]
    assert read[-1] == day(0).isoformat()
    assert read[0] > day(MONTHS // 2).isoformat()


def test_a_turnover_by_another_day_than_the_lists_hides_no_sale(make_world: MakeWorld) -> None:
    """The till lists by accounting day, its turnover tells by closing day: every sale is told a day late."""
    world = quiet_shop(make_world)
    till = world.till()
    for ago in range(0, MONTHS, 3):
        moved = day(ago) + timedelta(days=1)
        till.put_sale(sale(1000 + ago, day(ago), date_z=int(f"{min(moved, day(0)):%Y%m%d}")))
    turnover = type(till).sales_of_day
    world.sandbox.till.switches.closed_sales_day = "date_z"

    def told_by_closing_day(self: object, store: int, when: object, by: str, *rest: object) -> object:
        import inspect

        by = "completed_at" if any(frame.function == "_turnover" for frame in inspect.stack()[1:4]) else by
        return turnover(self, store, when, by, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(till), "sales_of_day", told_by_closing_day)
        ran = world.sync("--only", "orders")
    assert ran.row("orders", 1)["read"] == len(range(0, MONTHS, 3))
    world.record()
    world.sync("--only", "orders", "--from", day(MONTHS).isoformat())
    assert not asked_of(world, "reports/turnover")  # it is remembered that this account's turnover misleads


@pytest.mark.parametrize("path", ["reports"])
def test_without_the_turnover_every_day_is_read(make_world: MakeWorld, path: str) -> None:
    world = quiet_shop(make_world)
    world.sandbox.till.switches.forbidden = [path]
    ran = world.sync("--only", "orders")
    assert ran.code == 0
    assert len(world.days_read()[1]) == MONTHS + 1


def test_a_sale_that_was_put_in_late_is_found_by_the_turnover(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    world.sync("--only", "orders", ago_days=2)
    late = day(4) if day(4).month == day(0).month else day(3)
    world.till().put_sale(sale(5000, late, store=1))
    world.sync("--only", "orders")
    again = world.sync("--only", "orders")
    assert again.code == 0
    assert "a_5000" in world.held_by_id("orders", "order_id")


@pytest.mark.parametrize(("returns", "orders"), [("skip", 0), ("send", 1)])
def test_a_return_that_was_put_in_late_corrects_what_its_customer_spent(
    make_world: MakeWorld, returns: str, orders: int
) -> None:
    def profile() -> tuple[int, float]:
        (found,) = [each for each in world.held("pos_profile") if each["orders_count"]]
        return found["orders_count"], found["amount_spent"]

    world = quiet_shop(make_world)
    world.configure(lambda shops: shops[0].setdefault("rules", {}).update(returns=returns))
    assert world.sync(ago_days=2).code == 0
    assert world.sync().code == 0
    sold = len(range(0, MONTHS, 3))
    assert profile() == (sold, 6.0 * sold)

    world.till().put_sale(sale(5003, day(3), line(11, -1, "6.00"), at="15:00:00"))  # that day is complete
    later = -1  # days: the turnover of a month is asked for once a day
    world.record()
    assert world.sync(ago_days=later).code == 0  # finds out
    assert asked_of(world, "reports/turnover")
    assert day(3).isoformat() not in world.days_read()[1]
    assert profile() == (sold, 6.0 * sold)
    assert world.sync(ago_days=later).code == 0  # reads that day again
    assert profile() == (sold + orders, 6.0 * (sold - 1))
    assert ("a_5003" in world.held_by_id("orders", "order_id")) == bool(orders)


def test_a_day_that_changed_is_read_until_it_does_not(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    world.sync("--only", "orders", ago_days=1)
    world.till().put_sale(sale(5001, day(2), store=1))
    world.sync("--only", "orders")
    world.till().put_sale(sale(5002, day(2), store=1))
    world.record()
    world.sync("--only", "orders")
    assert {"a_5001", "a_5002"} <= set(world.held_by_id("orders", "order_id"))
    assert world.status().shop()["days_waiting"] == 1  # it is still due
    world.sync("--only", "orders")
    assert world.status().shop()["days_waiting"] == 0


def test_a_plan_makes_the_calls_of_the_sync(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    planned = world.plan()
    assert planned.shop()["calls"] == world.sync().shop()["calls"]


def told_days(world: World) -> list[int]:
    """How many days ago the shop sold, of the days before the look-back whose month's turnover was asked for."""
    months = {call.removeprefix("reports/turnover/1/").split("?")[0] for call in asked_of(world, "reports/turnover")}
    return [ago for ago in range(3, MONTHS, 3) if f"{day(ago):%Y/%m}" in months]


def test_status_tells_how_far_the_history_is(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    assert world.status().shop()["history"] == {"done": 0, "known": 0, "left": 0, "from": None}

    world.sandbox.till.switches.quota = 14
    assert world.sync("--only", "orders").code == 4
    past = world.status().shop()["history"]
    there = {order["order_id"] for order in world.held("orders")} & {f"a_{1000 + ago}" for ago in range(3, MONTHS, 3)}
    assert (past["done"], past["known"]) == (len(there), len(told_days(world)))
    assert 0 < past["done"] < past["known"]
    assert past["from"] == day(MONTHS).isoformat()
    assert past["known"] - past["done"] < past["left"] <= MONTHS - 2 - past["done"]  # empty days are due too
    assert (
        f"history, per store: {past['done']} of {past['known']} known days with sales are there; "
        f"{past['left']} days are due, from {past['from']} on"
    ) in world.run("status", "--shops", str(world.shops_file)).out

    world.sandbox.till.switches.quota = None
    assert world.sync("--only", "orders").code == 0
    known = len(told_days(world))
    assert world.status().shop()["history"] == {"done": known, "known": known, "left": 0, "from": None}
    assert "history, per store" not in world.run("status", "--shops", str(world.shops_file)).out
