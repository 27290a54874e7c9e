"""`connector plan --price` tells a sync's calls from the turnover alone, and changes nothing but what is known of that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.reading.test_reading_history import MONTHS, asked_of, quiet_shop
from tests.sync.conftest import MakeWorld
from tests.sync.world import STORES, Ran, World, day, line, sale, till_account

TODAY = 1  # calls: of today nobody knows whether its sales need their lines


def priced(world: World, *arguments: str) -> dict[str, Any]:
    price: dict[str, Any] = price_of(world, *arguments).shop()["price"]
    return price


def price_of(world: World, *arguments: str) -> Ran:
    before = len(world.crm_calls())
    ran = world.plan("--price", *arguments)
    assert set(ran.shop()) == {"shop", "status", "message", "price", "quota"}
    assert len(world.crm_calls()) == before
    return ran


def test_the_price_is_what_the_sync_then_costs(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    world.record()
    price = priced(world)
    asked = world.till_calls()
    assert len(asked) == price["spent"] == 1 + len(asked_of(world, "reports/turnover"))  # and the stores
    world.record()
    assert world.sync().code == 0
    done = world.till_calls()
    assert abs(len(done) - price["total"]) <= TODAY
    assert len(asked_of(world, "reports/turnover")) == price["calls"]["turnover"] == 0
    assert abs(len(asked_of(world, "closed_sales")) - price["calls"]["sales"]) <= TODAY
    assert abs(len(asked_of(world, "products_sold")) - price["calls"]["lines"]) <= TODAY
    assert price["sales"] == len(range(0, MONTHS, 3))
    world.record()
    again = priced(world)
    assert (again["history"], again["months"], again["spent"]) == (0, 0, 0)
    assert abs(world.sync().shop()["calls"]["hiboutik"] - again["total"]) <= TODAY


def test_the_price_of_a_backfill_is_what_it_then_costs(make_world: MakeWorld) -> None:
    """Of days before the first one, of two stores, one of which sells on no day of a month, with a day of many lines."""
    many = [line(11 + n % 3) for n in range(260)]
    sales = [sale(1000 + ago, day(ago), store=1 + ago % 2) for ago in range(20, MONTHS, 2)]
    sales += [sale(3000 + ago, day(ago), *many, store=2) for ago in (25, 37)]
    world = make_world([till_account(first_day=day(6), stores=STORES[:2], sales=sales)])
    asked = ("--from", day(MONTHS).isoformat(), "--to", day(10).isoformat())
    price = priced(world, *asked)
    world.record()
    done = world.sync(*asked)
    assert done.code == 0
    assert done.shop()["calls"]["hiboutik"] == price["total"]
    assert price["days_known"] == price["days"]
    finding_out = 1  # whether the account gives the lines of a month at once
    assert price["calls"]["lines"] == price["days_with_sales"] + 2 + finding_out
    assert price["upper_estimate"] is True  # if it did, it would be less
    again = priced(world, *asked)
    assert again["total"] < price["total"]
    assert again["upper_estimate"] is False
    assert world.sync(*asked).shop()["calls"]["hiboutik"] == again["total"]


def test_months_come_from_what_history_may_take(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    world.configure(lambda shops: shops[0]["pos"].update(monthly_calls=50, calls_for_others=10))
    asked = ("--from", day(MONTHS).isoformat(), "--to", day(10).isoformat())
    ran = price_of(world, *asked)
    price, quota = ran.shop()["price"], ran.shop()["quota"]
    kept = quota["kept_for_syncs"] + quota["kept_for_others"]
    assert price["left_this_month"] == max(0, 50 - quota["used"] - kept)
    assert price["left_in_a_month"] == 50 - 10 - 10
    later = price["history"] - price["left_this_month"]
    assert price["months"] == 1 + -(-later // price["left_in_a_month"]) > 1
    world.configure(lambda shops: shops[0]["pos"].update(monthly_calls=40, calls_for_others=39))
    none = price_of(world, *asked)
    assert none.shop()["price"]["months"] is None  # a quota that leaves history nothing
    assert none.shop()["price"]["total"] > 0


def test_without_the_turnover_every_day_is_two_calls_at_most(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    world.sandbox.till.switches.forbidden = ["reports"]
    ran = price_of(world)
    price = ran.shop()["price"]
    assert ran.code == 0
    assert price["upper_estimate"]
    assert price["calls"]["sales"] == price["calls"]["lines"] == MONTHS + 1
    assert "upper estimate" in ran.shop()["message"]
    assert "two calls" in ran.shop()["message"]
    assert world.sync().shop()["calls"]["hiboutik"] <= price["total"]


def test_a_price_decides_nothing_of_a_later_sync(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    world.configure(lambda shops: shops[0].pop("first_day"))
    price = priced(world)
    first = datetime.now(UTC).date() - timedelta(days=365)  # the store's own day may be one further already
    assert price["days"] == (day(0) - first).days + 1
    world.configure(lambda shops: shops[0].update(first_day=day(4)))
    assert priced(world)["days"] == 5
    assert world.sync().row("orders", 1)["read"] == len(range(0, 5, 3))


def test_on_a_terminal_it_is_a_table_and_sentences(make_world: MakeWorld) -> None:
    world = quiet_shop(make_world)
    told = world.run("plan", "--price", "--shops", str(world.shops_file))
    assert told.code == 0
    assert "days with sales" in told.out
    assert "left for history this month" in told.out
    wrong = world.run("plan", "--price", "--only", "orders", "--shops", str(world.shops_file))
    assert wrong.code == 2
