"""Contract, section 3: which store-local closing days a sync reads, and that it reads no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from connector.due_days import day_range
from tests.sync.conftest import MakeWorld
from tests.sync.world import PARIS, REUNION, STORES, World, day, sale, till_account, usual_sales

ALL = {1, 2, 5}


def days(first: int, last: int = 0) -> list[str]:
    """Days ago, both inclusive."""
    return [day(ago).isoformat() for ago in range(first, last - 1, -1)]


def own_days(first: int, last: int = 0, *, since: int | None = None) -> dict[int, list[str]]:
    """The same of each store, counted from its own today; `since` begins so many days ago in Paris, as `first_day` does."""
    zones = {1: PARIS, 2: REUNION, 5: PARIS}
    begin = {store: day(first, zone) if since is None else day(since) for store, zone in zones.items()}
    return {store: day_range(begin[store], day(last, zone)) for store, zone in zones.items()}


def test_the_first_sync_reads_from_the_first_day_to_today(world: World) -> None:
    world.sync("--only", "orders")
    assert world.days_read() == own_days(6, since=6)


def test_a_later_sync_reads_today_and_a_look_back_of_two_days(world: World) -> None:
    world.sync("--only", "orders")
    world.record()
    world.sync("--only", "orders")
    assert world.days_read() == own_days(2)


def test_days_that_passed_since_the_last_sync_are_read_too(world: World) -> None:
    world.sync("--only", "orders", ago_days=4)
    assert world.days_read() == own_days(6, 4, since=6)
    world.record()
    world.sync("--only", "orders")  # the day of the last sync was not over then; two days before it are complete
    assert world.days_read() == own_days(4)


def test_a_day_that_could_not_be_read_is_read_again(world: World) -> None:
    missing = f"closed_sales/1/{day(4):%Y/%m/%d}"
    world.sandbox.till.switches.html = [missing]
    failed = world.sync("--only", "orders")
    assert (failed.code, failed.shop()["status"]) == (1, "failed")
    assert missing in failed.shop()["message"]
    assert (failed.row("orders", 1)["sent"], failed.row("orders", 2)["sent"]) == (2, 1)  # all but 504
    world.sandbox.till.switches.html = []
    world.record()
    assert world.sync("--only", "orders").code == 0
    assert world.days_read() == own_days(2) | {1: [*days(4, 4), *days(2)]}
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_502", "a_504", "a_508"]


def test_from_and_to_are_both_inclusive(world: World) -> None:
    ran = world.sync("--only", "orders", "--from", str(day(5)), "--to", str(day(4)))
    assert world.days_read() == dict.fromkeys(sorted(ALL), days(5, 4))
    assert sorted(world.held_by_id("orders", "order_id")) == ["a_501", "a_502", "a_504"]
    assert ran.row("orders", 1)["read"] == 3


def test_given_days_are_read_again_although_they_are_complete(world: World) -> None:
    world.sync("--only", "orders")
    world.record()
    ran = world.sync("--only", "orders", "--from", str(day(5)), "--to", str(day(5)))
    assert world.days_read() == dict.fromkeys(sorted(ALL), days(5, 5))
    assert (ran.row("orders", 1)["unchanged"], ran.row("orders", 1)["sent"]) == (1, 0)


def test_a_day_before_the_first_day_is_read_when_it_is_asked_for(make_world: MakeWorld) -> None:
    world = make_world([till_account(sales=[*usual_sales(), sale(400, day(9))])])
    world.sync("--only", "orders", "--from", str(day(9)), "--to", str(day(8)))
    assert world.days_read() == dict.fromkeys(sorted(ALL), days(9, 8))
    assert list(world.held_by_id("orders", "order_id")) == ["a_400"]


def test_only_from_reads_up_to_today_and_only_to_reads_from_the_first_day(world: World) -> None:
    world.sync("--only", "orders", "--from", str(day(3)))
    assert world.days_read() == own_days(3, since=3)
    world.record()
    world.sync("--only", "orders", "--to", str(day(4)))
    assert world.days_read() == dict.fromkeys(sorted(ALL), days(6, 4))


def test_a_last_day_in_the_future_means_today(world: World) -> None:
    ran = world.sync("--only", "orders", "--from", str(day(1)), "--to", str(day(-30)))
    assert ran.code == 0
    assert world.days_read() == own_days(1, since=1)


def test_without_a_first_day_it_is_365_days_ago_at_the_first_sync(make_world: MakeWorld) -> None:
    world = make_world([till_account(stores=STORES[:1])])
    world.configure(lambda shops: shops[0].pop("first_day"))
    world.sync("--only", "orders", ago_days=1)
    first, last = datetime.now(UTC).date() - timedelta(366), day(1)  # the first by UTC, before a time zone is known
    months = [call.removeprefix("reports/turnover/1/") for call in world.till_calls() if "turnover" in call]
    told = {each for each in day_range(first, last) if each[:7].replace("-", "/") in months}
    empty = told - {day(ago).isoformat() for ago in range(6)}
    assert world.days_read()[1] == sorted(set(day_range(first, last)) - empty)
    world.record()
    world.sync("--only", "orders")
    assert world.days_read() == {1: days(2)}  # not one day less at the other end


def test_each_store_has_its_own_today(make_world: MakeWorld) -> None:
    """25 hours lie between these two, so that it is never the same day in both; Dagster's days are the country's."""
    stores = [
        {"store_id": 1, "store_name": "Pago Pago", "store_time_zone": "Pacific/Pago_Pago"},
        {"store_id": 2, "store_name": "Kiritimati", "store_time_zone": "Pacific/Kiritimati"},
    ]

    here, there = (day(0, ZoneInfo(str(store["store_time_zone"]))) for store in stores)
    assert there > here
    world = make_world([till_account(stores=stores, sales=[sale(1, there, store=2), sale(2, here, store=1)])])
    world.configure(lambda shops: shops[0].update(country="AS", first_day=here - timedelta(1)))
    first = world.sync()
    assert first.code == 0, first.shop()["message"]
    assert world.days_read()[1][-1] == str(here)
    assert world.days_read()[2][-1] == str(there)
    assert len(world.held("orders")) == 2
    world.record()
    assert world.sync("--only", "orders").code == 0
    assert (world.days_read()[1][-1], world.days_read()[2][-1]) == (str(here), str(there))
    world.record()
    assert world.sync("--only", "orders", "--from", str(there)).code == 0
    assert world.days_read() == {2: [str(there)]}
