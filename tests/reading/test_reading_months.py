"""The lines of a whole month of history at once, where the account's till gives them."""

from __future__ import annotations

import pytest

from tests.reading.test_reading_history import MONTHS, asked_of
from tests.sync.conftest import MakeWorld
from tests.sync.world import STORES, World, day, line, sale, till_account

BUSY = range(4, MONTHS, 2)


def busy_shop(make_world: MakeWorld, *, months: bool) -> World:
    """Two stores that sell every other day, some of it returned."""
    sales = [
        sale(1000 + 10 * ago + s, day(ago), line(11 + s), line(12, 2, "20.00"), store=s) for ago in BUSY for s in (1, 2)
    ]
    sales += [sale(5000 + ago, day(ago), line(12, -1, "20.00"), line(11, 5)) for ago in BUSY if ago % 3 == 0]
    world = make_world([till_account(first_day=day(MONTHS), stores=STORES[:2], sales=sales)])
    world.sandbox.till.switches.products_sold_month = months
    return world


def test_with_and_without_months_the_same_is_delivered(make_world: MakeWorld) -> None:
    delivered, lines = [], []
    for months in (True, False):
        world = busy_shop(make_world, months=months)
        world.record()
        assert world.sync("--only", "orders").code == 0
        delivered.append(world.held_by_id("orders", "order_id"))
        lines.append(asked_of(world, "products_sold"))
    assert delivered[0] == delivered[1]
    days = 2 * len(BUSY)
    assert len(lines[0]) <= days / 4  # one call per store and month, but for days that no turnover was asked for
    assert len(lines[1]) == days + 1  # a till without it is asked once, for the account


@pytest.mark.parametrize("months", [True, False])
def test_a_plan_and_a_price_know_what_it_costs(make_world: MakeWorld, months: bool) -> None:
    world = busy_shop(make_world, months=months)
    planned = world.plan()
    assert planned.shop()["calls"] == world.sync().shop()["calls"]
    asked = ("--from", day(MONTHS).isoformat(), "--to", day(4).isoformat())
    price = world.plan("--price", *asked).shop()["price"]
    assert world.sync(*asked).shop()["calls"]["hiboutik"] == price["total"]
