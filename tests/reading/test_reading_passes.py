"""Long lists take turns: read at intervals, customers with new sales one by one in between; a plan says just that."""

from __future__ import annotations

import pytest

from connector.reading_passes import EVERY_TIME, LONGEST, days_between_passes
from tests.sync.conftest import MakeWorld
from tests.sync.world import World, day, sale, till_account

MANY = [
    {"customers_id": n, "first_name": "Client", "last_name": f"N{n}", "email": f"client.{n}@example.org"}
    for n in range(1, 1_101)
]
PAGES = 5


@pytest.mark.parametrize(
    ("pages", "limit", "days"),
    [
        (EVERY_TIME, 10, 1),
        (32, 10_000, 1),
        (33, 10_000, 2),
        (200, 10_000, 7),
        (200, 30_000, 3),
        (4_000, 10_000, LONGEST),
    ],
)
def test_daily_passes_take_a_tenth_of_the_month_at_most_but_once_a_week_there_is_one(pages, limit, days) -> None:
    assert days_between_passes(pages, limit) == days


@pytest.fixture
def long(make_world: MakeWorld) -> World:
    """Three stores with 400 calls each: too few for 5 pages of customers every day, and 3 single customers a day."""
    world = make_world([till_account(customers=MANY, sales=[sale(501, day(5), customer=7)])])
    world.configure(lambda shops: shops[0]["pos"].update(monthly_calls=400))
    assert world.sync().code == 0
    world.record()
    return world


def pages(world: World) -> int:
    return len([call for call in world.till_calls() if call.startswith("customers?")])


def singles(world: World) -> list[str]:
    return [call for call in world.till_calls() if call.startswith("customer/")]


def buys(world: World, number: int, customer_id: int) -> None:
    world.till().put_sale(sale(number, day(0), customer=customer_id, at="00:00:01"))


def test_a_list_that_is_not_due_costs_nothing_and_loses_nobody(long: World) -> None:
    ran = long.sync()
    assert (pages(long), singles(long)) == (0, [])
    assert (ran.code, ran.row("customers")["read"], ran.row("customers")["unchanged"]) == (0, 1_100, 1_100)


def test_a_customer_with_a_new_sale_is_read_once_and_stays_as_read_until_the_next_pass(long: World) -> None:
    long.till().put("customers", {"customers_id": 7, "email": "nouveau@example.org"})
    buys(long, 601, 7)
    long.record()
    planned = long.plan()
    asked = long.till_calls()
    long.record()
    ran = long.sync()
    assert planned.shop()["calls"] == ran.shop()["calls"]
    assert sorted(asked) == sorted(long.till_calls())
    assert (pages(long), len(singles(long))) == (0, 1)
    assert (ran.row("customers")["read"], ran.row("customers")["sent"]) == (1_100, 1)
    assert long.held_by_id("customers", "customer_id")["a_7"]["email"] == "nouveau@example.org"
    long.record()
    again = long.sync()
    assert singles(long) == []
    assert (again.row("customers")["read"], again.row("customers")["sent"]) == (1_100, 0)


def test_no_more_single_customers_are_read_than_the_day_allows(long: World) -> None:
    for number in range(10, 20):
        buys(long, 600 + number, number)
    long.record()
    assert long.sync().code == 0
    assert len(singles(long)) == 3
    buys(long, 700, 30)
    long.record()
    assert long.sync().code == 0
    assert (len(singles(long)), pages(long)) == (0, 0)


@pytest.mark.parametrize("how", [["--full"], ["--only", "customers"]], ids=" ".join)
def test_who_asks_for_the_list_gets_it(long: World, how: list[str]) -> None:
    long.till().put("customers", {"customers_id": 9, "email": "autre@example.org"})
    long.sync(*how)
    assert pages(long) == PAGES
    assert long.held_by_id("customers", "customer_id")["a_9"]["email"] == "autre@example.org"


def test_a_pass_that_broke_off_is_made_by_the_next_run(long: World) -> None:
    long.sandbox.till.switches.content_range_error = 5
    long.sync("--only", "customers")
    long.sandbox.till.switches.content_range_error = 0
    long.record()
    assert long.sync().code == 0
    assert pages(long) == PAGES
