"""Where the month's calls will end, as `connector status --json` says it: each figure of docs/quota.md, at a given moment."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert

from connector.state.database import URL_VARIABLE, open_database
from connector.state.tables import calls
from tests.sync.conftest import MakeWorld
from tests.sync.world import PARIS, STORES, World, sale, till_account

# A month of 31 days after one of 30, in which no clock changes.
NOON = datetime(2025, 12, 11, 12, tzinfo=PARIS)
THE_FIRST = datetime(2025, 12, 1, 6, tzinfo=PARIS)
NOVEMBER = datetime(2025, 11, 1, tzinfo=PARIS)


@pytest.fixture(scope="module")
def shop(make_shared_world: MakeWorld) -> World:
    """One store in Paris, which is known since the 11th of December 2025; no day was read."""
    world = make_shared_world([till_account(stores=STORES[:1], sales=[])])
    assert world.sync("--only", "products", ago_days=ago(NOON)).code == 0
    return world


def ago(moment: datetime) -> float:
    """In days."""
    return (time.time() - moment.timestamp()) / 86_400


def quota(world: World, moment: datetime) -> dict[str, Any]:
    """What status says at that moment."""
    made = len(world.till_calls())
    ran = world.status(ago_days=ago(moment))
    assert (ran.code, len(world.till_calls())) == (0, made)
    told: dict[str, Any] = ran.shop()["quota"]
    return told


def counted(world: World, *months: tuple[str, int, int, datetime]) -> None:
    """So many calls were counted in each month: all of them, those of history, and when the first was."""
    with closing(open_database(world.home, world.state.get(URL_VARIABLE))) as db, db.begin() as connection:
        connection.execute(delete(calls))
        for month, used, history, since in months:
            row = {"account": account_of(world), "month": month, "used": used, "history": history}
            connection.execute(insert(calls).values(**row, since=int(since.timestamp())))


def account_of(world: World) -> str:
    from connector.config import load_shops

    return load_shops(world.shops_file)[0].pos.state_key


def begin_history(world: World, first_day: date, **pos: int) -> None:
    world.configure(lambda shops: shops[0].update(first_day=first_day, pos={**shops[0]["pos"], **pos}))


@pytest.fixture(autouse=True)
def without_history(shop: World) -> None:
    """Until a test says otherwise, every day that is due is one of the look-back."""
    begin_history(shop, date(2025, 12, 31), monthly_calls=10_000, calls_for_others=1_000)


DECEMBER = datetime(2025, 12, 1, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("moment", "used", "forecast"),
    [
        pytest.param(NOON, 105, 310, id="10.5 days at 10 a day: 20.5 more days"),
        pytest.param(NOON.replace(day=21), 205, 310, id="the same pace ten days later: the same end"),
        pytest.param(NOON.replace(day=31), 305, 310, id="half a day is left"),
        pytest.param(NOON.replace(day=8), 0, 0, id="nothing was asked yet"),
    ],
)
def test_a_month_goes_on_at_the_pace_of_its_days_so_far(
    shop: World, moment: datetime, used: int, forecast: int
) -> None:
    counted(shop, ("2025-12", used, 0, DECEMBER))
    told = quota(shop, moment)
    assert (told["month"], told["used"], told["limit"], told["forecast"]) == ("2025-12", used, 10_000, forecast)


def test_at_the_end_of_the_month_the_forecast_is_what_was_used(shop: World) -> None:
    counted(shop, ("2025-12", 310, 0, DECEMBER))
    assert quota(shop, datetime(2025, 12, 31, 23, 55, tzinfo=PARIS))["forecast"] - 310 in (0, 1)


def test_the_pace_counts_from_the_first_call_and_not_from_the_first_of_the_month(shop: World) -> None:
    counted(shop, ("2025-12", 80, 0, NOON))
    assert quota(shop, NOON + timedelta(days=8))["forecast"] == 80 + 125  # 10 a day, 12.5 days are left


@pytest.mark.parametrize(
    ("last_month", "forecast"),
    [
        pytest.param(None, 248, id="nothing before: the day counts as a whole one, 8 + 30 x 8"),
        pytest.param((300, 0), 300, id="after a month at 10 a day: 8 + 30 x (8 + 6 x 10) / 7"),
        pytest.param((1_300, 1_000), 300, id="whose history says nothing of this month"),
    ],
)
def test_on_the_first_day_the_last_months_pace_stands_in_for_six_missing_days(
    shop: World, last_month: tuple[int, int] | None, forecast: int
) -> None:
    before = [] if last_month is None else [("2025-11", *last_month, NOVEMBER)]
    counted(shop, *before, ("2025-12", 8, 0, DECEMBER))
    assert quota(shop, THE_FIRST)["forecast"] == forecast


def test_a_new_month_begins_at_none_used_with_the_last_ones_pace(shop: World) -> None:
    counted(shop, ("2025-11", 300, 0, NOVEMBER))
    told = quota(shop, DECEMBER + timedelta(minutes=1))
    assert (told["month"], told["used"]) == ("2025-12", 0)
    assert told["forecast"] == 258  # 30 days at 6/7 of 10 a day: the day that has begun counts, and asked nothing


def test_after_a_week_the_last_month_has_no_say(shop: World) -> None:
    counted(shop, ("2025-11", 3_000, 0, NOVEMBER), ("2025-12", 80, 0, DECEMBER))
    assert quota(shop, datetime(2025, 12, 9, tzinfo=PARIS))["forecast"] == 310


def test_calls_of_history_are_used_and_no_pace(shop: World) -> None:
    counted(shop, ("2025-12", 1_105, 1_000, DECEMBER))
    told = quota(shop, NOON)
    assert (told["used"], told["forecast"]) == (1_105, 1_000 + 310)


def test_history_that_waits_is_two_calls_a_day_and_store(shop: World) -> None:
    counted(shop, ("2025-12", 105, 0, DECEMBER))
    begin_history(shop, date(2025, 11, 21))  # 18 days before the look-back
    assert quota(shop, NOON)["forecast"] == 310 + 36


def test_history_never_takes_what_is_left_for_others(shop: World) -> None:
    counted(shop, ("2025-12", 105, 0, DECEMBER))
    begin_history(shop, date(2025, 1, 1), monthly_calls=350, calls_for_others=20)
    told = quota(shop, NOON)
    assert (told["kept_for_others"], told["forecast"]) == (20, 330)


def test_a_forecast_above_the_limit_says_that_daily_syncs_alone_use_it_up(shop: World) -> None:
    counted(shop, ("2025-12", 105, 0, DECEMBER))
    begin_history(shop, date(2025, 1, 1), monthly_calls=200, calls_for_others=20)
    assert quota(shop, NOON)["forecast"] == 310  # and no history


def test_nights_of_real_syncs_are_forecast_from_what_the_till_saw(make_world: MakeWorld) -> None:
    """Four nights in a row: a first sync with its history, and three that cost the same."""
    sales = [sale(500 + of_month, date(2025, 12, of_month)) for of_month in range(1, 13)]
    world = make_world([till_account(stores=STORES[:1], sales=sales, first_day=date(2025, 12, 1))])
    night = datetime(2025, 12, 9, 3, 15, tzinfo=PARIS)
    spent = []
    for number in range(4):
        world.record()
        assert world.sync(ago_days=ago(night + timedelta(days=number))).code == 0
        spent.append(len(world.till_calls()))
    told = quota(world, night + timedelta(days=4))
    of_history = spent[0] - spent[1]  # what the first night took beyond a usual one
    assert told["used"] == sum(spent)
    left = 31 - 8 - 3.25 / 24 - 4  # days since the first call, and those before it
    assert abs(told["forecast"] - (sum(spent) + (sum(spent) - of_history) / 4 * left)) <= 5
