"""Whole graphs, ranges, single days and single assets, as a person launches them in Dagster."""

from __future__ import annotations

import pytest

from assets.launch import Launcher
from connector.sandbox.fault_plan import FaultPlan, status_fault
from connector.sync_request import SyncRequest
from tests.assets.conftest import WEEK, World, failure, materialized, metadata
from tests.sync.world import day, sale

DAILY = ("pos_sales", "orders", "shopimind_orders")


def complete_days(world: World, store_id: int = 1) -> set[str]:
    with world.looking() as run:
        return run.days.complete_days([store_id], int(run.clock()))[store_id]


@pytest.mark.also_shared
def test_one_day_can_be_read_and_delivered_again(world: World) -> None:
    world.run(days=WEEK)
    world.sandbox.till.tills["alpha"].put_sale(sale(504, day(4), customer=101) | {"total": "12.00"})
    result = world.run(*DAILY, days=[day(4)])
    assert result.success
    assert materialized(result) == {name: {day(4).isoformat()} for name in DAILY}
    assert metadata(result, "shopimind_orders", day(4))["this run"].value.endswith("| all | 2 | 1 | 0 | 1 | 0 | 0 |")


@pytest.mark.also_shared
def test_orders_can_be_delivered_again_from_the_lake_without_asking_the_till(world: World) -> None:
    world.run(days=WEEK)
    calls = world.sandbox.till_server.journal
    calls.on = True
    result = world.run("orders", "shopimind_orders", days=[day(5)], full=True)
    assert result.success
    assert not [e["path"] for e in calls.entries]
    assert metadata(result, "shopimind_orders", day(5))["orders in ShopiMind"].value == 2


def test_a_single_asset_without_days_can_be_made_again(world: World) -> None:
    world.run(days=WEEK)
    result = world.run("pos_brands")
    assert result.success
    assert metadata(result, "pos_brands")["dagster/row_count"].value == 1


def test_a_day_that_was_not_due_says_that_it_was_left_as_it_was(world: World) -> None:
    world.run(days=WEEK)
    result = world.run(days=WEEK, only_due=True)
    assert "left as it was" in metadata(result, "pos_sales", day(5))["note"].value
    assert "sales" in metadata(result, "pos_sales", day(1))


def test_the_summary_fails_when_something_waits_and_says_what(world: World) -> None:
    world.sandbox.crm_server.faults = FaultPlan([status_fault(403, method="POST", path="orders")])
    result = world.run(days=WEEK)
    assert not result.success
    told = failure(result, "shopimind_summary")
    assert "alpha/shopimind_summary: failed." in told
    assert "not delivered" in told
    assert "the next run tries them again" in told
    data = result.failure_data_for_node("alpha__shopimind_summary")
    assert data is not None
    assert data.user_failure_data is not None
    assert {"status", "outcomes"} <= set(data.user_failure_data.metadata)


def test_a_till_that_fails_stops_what_needs_it_and_nothing_else(world: World) -> None:
    world.sandbox.till_server.faults = FaultPlan([status_fault(403, path="/products/")])
    result = world.run(days=WEEK)
    assert failure(result, "pos_products").startswith("alpha/pos_products: ")
    assert "shopimind_products" not in materialized(result)
    assert len(world.orders()) == 4


def test_an_installation_that_is_not_active_ends_the_run_before_the_till_is_read(world: World) -> None:
    world.sandbox.crm.set_status("alpha", "revoked")
    result = world.run(days=WEEK)
    assert "the installation is not active" in failure(result, "shopimind_sources")
    assert set(materialized(result)) == {"pos_stores"}
    run = world.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["outcome"] == "inactive"


def test_an_asset_whose_input_was_never_made_says_which_job_makes_it(world: World) -> None:
    result = world.run(job="today_alpha", days=[day(0)])
    assert not result.success
    assert "Run the job sync_alpha once" in failure(result, "shopimind_sources")


def test_todays_job_reads_no_whole_list(world: World) -> None:
    world.run(days=WEEK)
    journal = world.sandbox.till_server.journal
    journal.on = True
    world.sandbox.till.tills["alpha"].put_sale(sale(601, day(0), at="00:00:01"))
    result = world.run(job="today_alpha", days=[day(0)], only_due=True)
    assert result.success
    assert len(world.orders()) == 5
    assert not [each for each in journal.entries if each["path"].endswith(("/customers/", "/products/"))]


@pytest.mark.parametrize("with_new_customers", [False, True])
def test_a_day_stays_open_whose_customer_nobody_has_asked_for(world: World, with_new_customers: bool) -> None:
    world.run(days=WEEK)
    till = world.sandbox.till.tills["alpha"]
    till.put("customers", {"customers_id": 150, "last_name": "Neuve", "email": "neuve@example.org"})
    till.put_sale(sale(700, day(4), customer=150))
    names = (*DAILY, "pos_new_customers") if with_new_customers else DAILY
    for _ in range(2):  # the first time it has changed since, so it is due once more
        assert world.run(*names, days=[day(4)]).success
    assert (day(4).isoformat() in complete_days(world)) is with_new_customers
    assert len(world.orders()) == (5 if with_new_customers else 4)


def test_a_sync_is_over_the_shop_as_the_command_read_it(world: World) -> None:
    """With many shops most of them wait: what is in shops.yaml by then would have to be read by each anew."""
    request = SyncRequest(world.shops[0])
    (world.folder / "shops.yaml").unlink()
    with Launcher() as launcher:
        _, report = launcher.launch(request, lambda *told: None)
    assert report["status"] == "delivered"
