"""What a month of history costs in calls, and how many months a backfill takes: the figures of docs/backfill.md."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from tests.reading.test_reading_history import asked_of
from tests.sync.conftest import MakeWorld
from tests.sync.world import PARIS, STORES, line, sale, till_account

OPEN = 26  # days a month


def month(ago: int) -> date:
    """The first day of a month; 0 is this one."""
    today = datetime.now(PARIS).date()
    years, months = divmod(today.year * 12 + today.month - 1 - ago, 12)
    return date(years, months + 1, 1)


@pytest.mark.parametrize(
    ("sales_a_day", "lines_calls"),
    [
        (99, 26),  # 53 calls in all; the month's lines at once would take 26 pages too
        (100, 27),  # 54: a day's 250 lines are a full page, after which another one is asked for; at once that is once
        (20, 6),  # 33: the month's 1,300 lines at once
    ],
)
def test_a_month_of_26_days_with_sales_of_two_and_a_half_lines(
    make_world: MakeWorld, sales_a_day: int, lines_calls: int
) -> None:
    first = month(2)
    sales = [
        sale(1000 * (n + 1) + s, first + timedelta(days=n), *[line(11 + each) for each in range(2 + s % 2)])
        for n in range(OPEN)
        for s in range(sales_a_day)
    ]
    world = make_world([till_account(first_day=month(1), stores=STORES[:1], sales=sales)])
    world.sandbox.till.switches.products_sold_month = True
    asked = ("--from", first.isoformat(), "--to", (month(1) - timedelta(days=1)).isoformat())
    world.record()
    ran = world.sync("--only", "orders", *asked)
    assert ran.code == 0, ran.shop()["message"]
    assert ran.row("orders", 1)["sent"] == OPEN * sales_a_day
    found = {kind: len(asked_of(world, kind)) for kind in ("reports/turnover", "closed_sales", "products_sold")}
    assert found == {"reports/turnover": 1, "closed_sales": OPEN, "products_sold": lines_calls}


@pytest.mark.slow
def test_two_years_take_as_many_months_as_their_price_says(make_world: MakeWorld) -> None:
    """With a sync on the first of each month, by a clock that is put there. 24 x 53 calls, of which a month leaves 560."""
    years = [month(1 + n) + timedelta(days=each) for n in range(24) for each in range(OPEN)]
    pieces = line(quantity=249)  # of a day: a page of lines, and a month's at once cost no less
    sales = [sale(1000 + n, each, pieces) for n, each in enumerate(years)]
    world = make_world([till_account(first_day=month(24), stores=STORES[:1], sales=sales)])
    world.configure(lambda shops: shops[0]["pos"].update(monthly_calls=800, calls_for_others=80))

    price = world.plan("--price", ago_days=days_since_noon_of(month(0))).shop()["price"]
    assert price["spent"] == 1 + 24  # the stores, and the turnover of each month
    assert price["history"] + 24 == 24 * 53 == 1_272
    assert price["left_in_a_month"] == 560
    world.record()
    codes = []
    while not codes or (codes[-1] == 4 and len(codes) < 12):
        codes.append(world.sync("--only", "orders", ago_days=days_since_noon_of(month(-len(codes)))).code)
    assert codes == [4] * (price["months"] - 1) + [0]
    assert price["months"] == 3
    assert len(asked_of(world, "products_sold")) == len(years)
    assert len(world.held("orders")) == len(years)


def days_since_noon_of(day: date) -> float:
    """Negative for a day to come."""
    return (datetime.now(UTC) - datetime.combine(day, time(12), UTC)) / timedelta(days=1)
