"""A sale that the till pushes is at ShopiMind after one tick of the sensor, and the till is asked for nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest

from assets.orphans import run_tags
from connector import reading_pairs
from connector.sandbox.fault_plan import FaultPlan, status_fault
from connector.state.leases import Lease
from connector.state.way import BACKFILL_LEASE, HISTORY_LEASE, backfills, way_is_asked
from tests.assets.conftest import WEEK
from tests.sync.world import STORES, day, line
from tests.webhooks.conftest import Pushing


def order_ids(pushing: Pushing) -> set[str]:
    return set(pushing.world.orders())


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


def profile_of(pushing: Pushing, customer_id: str) -> dict:
    data = pushing.world.sandbox.crm.shops["alpha"]
    contact_id = data.docs["contacts"][f"customer:{customer_id}"]["id_contact"]
    return next(each for each in data.records("pos_profile") if each["contact_id"] == contact_id)


@pytest.mark.also_shared
def test_a_sale_is_delivered_by_one_run_that_asks_the_till_for_nothing(pushing: Pushing) -> None:
    before = pushing.world.orders()
    pushing.close_sale(601, 0, line(12, 2, "20.00"), customer=102, store=2)
    pushing.deliver()
    after = pushing.world.orders()
    assert after["a_601"]["amount"] == 40.0
    assert {name: after[name] for name in before} == before
    assert pushing.till_calls() == []
    assert pushing.waiting() == []
    assert isinstance(pushing.tick(), dg.SkipReason)


def test_the_profile_of_its_customer_counts_it(pushing: Pushing) -> None:
    counted = profile_of(pushing, "a_101")["orders_count"]
    others = profile_of(pushing, "a_102")
    pushing.close_sale(601, 0, line(11, 1, "6.00"), customer=101)
    pushing.deliver()
    assert profile_of(pushing, "a_101")["orders_count"] == counted + 1
    assert profile_of(pushing, "a_102") == others


def test_reading_the_day_afterwards_changes_nothing(pushing: Pushing) -> None:
    """Pushed and polled, a sale is one order; the digest in the ledger is the same."""
    pushing.close_sale(601, 0, line(13, 2, "10.55", "0.05500"), line(11, discount="1.00"), total="26.10", customer=102)
    pushing.close_sale(602, 1, customer=101, store=2)
    pushing.deliver()
    assert pushing.world.run(days=WEEK, only_due=True).success
    with pushing.world.looking() as run:
        lines = run.log.entities(run.log.last_run("alpha")["run_id"], "alpha")
    assert not [each for each in lines if each["counts"]["sent"]]
    assert {"a_601", "a_602"} <= order_ids(pushing)


def test_a_customer_who_is_new_costs_one_call(pushing: Pushing) -> None:
    pushing.at_till("customers", {"customers_id": 205, "first_name": "Neuf", "email": "neuf@example.org"})
    pushing.close_sale(601, customer=205)
    pushing.deliver()
    assert pushing.till_calls() == ["customer/205"]
    assert pushing.world.orders()["a_601"]["customer"]["email"] == "neuf@example.org"
    assert profile_of(pushing, "a_205")["orders_count"] == 1


def test_a_sale_whose_new_customer_cannot_be_read_waits(pushing: Pushing) -> None:
    pushing.at_till("customers", {"customers_id": 205, "first_name": "Neuf", "email": "neuf@example.org"})
    pushing.close_sale(601, customer=205)
    pushing.switch(forbidden=["customer/"])
    assert not pushing.run().success
    assert len(pushing.waiting()) == 1
    pushing.switch(forbidden=[])
    assert pushing.run().success
    assert "a_601" in order_ids(pushing)
    assert pushing.waiting() == []


def test_a_change_of_a_closed_sale_is_pushed_and_delivered(pushing: Pushing) -> None:
    pushing.close_sale(601, 0, line(11, 1, "6.00"))
    pushing.deliver()
    pushing.close_sale(601, 0, line(11, 3, "6.00"))
    pushing.deliver()
    assert pushing.world.orders()["a_601"]["amount"] == 18.0


def test_a_sale_that_went_over_to_another_customer_leaves_the_first_ones_profile(pushing: Pushing) -> None:
    pushing.close_sale(601, customer=101)
    pushing.deliver()
    counted = profile_of(pushing, "a_101")["orders_count"]
    pushing.close_sale(601, customer=102)
    pushing.deliver()
    assert profile_of(pushing, "a_101")["orders_count"] == counted - 1


# --- a pushed day is not a read one ----------------------------------------------------------------------------------


def test_the_days_other_sales_stay_and_the_day_is_no_more_complete_than_before(pushing: Pushing) -> None:
    with pushing.world.looking() as run:
        before, read_at = run.calendar.complete(), run.days.read_at(day(1).isoformat())
        lake = {
            each["sale_id"] for each in next(run.state.lake.read("alpha", "pos_sales", day(1).isoformat())).to_pylist()
        }
    pushing.close_sale(601, 1, customer=102)
    pushing.deliver()
    with pushing.world.looking() as run:
        assert (run.calendar.complete(), run.days.read_at(day(1).isoformat())) == (before, read_at)
        now = {
            each["sale_id"] for each in next(run.state.lake.read("alpha", "pos_sales", day(1).isoformat())).to_pylist()
        }
    assert now == lake | {601}


def test_refused_records_that_no_pushed_sale_is_about_stay(pushing: Pushing) -> None:
    pushing.close_sale(610, 1, line(11, 1, "6.00"), customer=101, currency="XXX1")
    pushing.deliver()
    with pushing.world.looking() as run:
        assert run.refused.ids("orders") == ["a_610"]
        refused_customers = run.refused.ids("customers")
    pushing.close_sale(611, 1, customer=101)
    pushing.deliver()
    with pushing.world.looking() as run:
        assert run.refused.ids("orders") == ["a_610"]
        assert run.refused.ids("customers") == refused_customers


def test_where_the_lake_has_lost_a_day_that_was_read_it_is_read_again_instead(pushing: Pushing) -> None:
    """Laid over nothing, the pushed sale would take the place of all others in what profiles are counted from."""
    counted = profile_of(pushing, "a_102")["orders_count"]
    with pushing.world.looking() as run:
        (run.state.lake.root / "alpha" / "pos_sales" / f"{day(1)}.parquet").unlink()
    pushing.close_sale(601, 1, customer=102)
    pushing.deliver()
    assert "a_601" not in order_ids(pushing)
    assert pushing.waiting() == []
    assert pushing.world.run(days=WEEK, only_due=True).success
    assert "a_601" in order_ids(pushing)
    assert profile_of(pushing, "a_102")["orders_count"] == counted + 1


# --- what is not delivered -------------------------------------------------------------------------------------------


def test_open_tickets_and_quotes_are_no_sales(pushing: Pushing) -> None:
    pushing.close_sale(601, completed_at="0000-00-00 00:00:00")
    pushing.close_sale(602, quotation=1)
    assert pushing.waiting() == []
    pushing.at_till("sales/601/close", {"completed_at": f"{day(0)} 11:00:00"})
    pushing.deliver()
    assert "a_601" in order_ids(pushing)


def test_a_sale_of_a_store_that_is_not_known_yet_is_left_to_the_sync_that_finds_the_store(pushing: Pushing) -> None:
    pushing.at_till("stores", STORES[0] | {"store_id": 9, "store_name": "Nîmes"})
    pushing.close_sale(601, store=9)
    pushing.deliver()
    assert "a_601" not in order_ids(pushing)
    assert pushing.waiting() == []
    assert pushing.world.run(days=WEEK, only_due=True).success
    assert "a_601" in order_ids(pushing)


def test_a_sale_from_before_the_shops_first_day_is_not_delivered(pushing: Pushing) -> None:
    pushing.close_sale(601, 30)
    pushing.deliver()
    assert "a_601" not in order_ids(pushing)
    assert pushing.waiting() == []


# --- duplicates, loss, order -----------------------------------------------------------------------------------------


def test_a_sale_that_is_pushed_three_times_is_one_order(pushing: Pushing) -> None:
    pushing.switch(webhooks_copies=3)
    pushing.close_sale(601)
    assert len(pushing.waiting()) == 3
    pushing.deliver()
    assert pushing.waiting() == []
    assert (
        len([each for each in pushing.world.sandbox.crm.shops["alpha"].items("orders") if each["order_id"] == "a_601"])
        == 1
    )


def test_a_sale_that_is_never_pushed_is_found_by_polling(pushing: Pushing) -> None:
    pushing.switch(webhooks_lost=True)
    pushing.close_sale(601)
    assert isinstance(pushing.tick(), dg.SkipReason)
    assert pushing.world.run(job="today_alpha", days=[day(0)], only_due=True).success
    assert "a_601" in order_ids(pushing)


def test_messages_in_the_wrong_order_are_put_right_by_polling(pushing: Pushing) -> None:
    """Nothing in a message tells which is newer: the one that came last wins until the day is read."""
    pushing.switch(webhooks_reordered=True)
    pushing.close_sale(601, 0, line(11, 1, "6.00"))
    pushing.close_sale(601, 0, line(11, 3, "6.00"))
    pushing.deliver()
    assert pushing.world.orders()["a_601"]["amount"] == 6.0
    assert pushing.world.run(job="today_alpha", days=[day(0)], only_due=True).success
    assert pushing.world.orders()["a_601"]["amount"] == 18.0


def test_a_message_that_is_older_than_a_reading_of_the_sale_changes_nothing(
    pushing: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushing.close_sale(601, 0, line(11, 1, "6.00"))
    (old,) = pushing.waiting()
    pushing.switch(webhooks_lost=True)
    pushing.close_sale(601, 0, line(11, 3, "6.00"))
    assert pushing.world.run(job="today_alpha", days=[day(0)], only_due=True).success
    assert pushing.waiting() == []
    with pushing.world.looking() as run, monkeypatch.context() as clock:
        clock.setattr(run.inbox, "_clock", lambda: old.received_at - 600)
        run.inbox.put(old.sale_id, old.body)
    pushing.run()
    assert pushing.world.orders()["a_601"]["amount"] == 18.0
    assert pushing.waiting() == []


def test_messages_may_come_late(pushing: Pushing) -> None:
    pushing.switch(webhooks_delay_ms=50)
    pushing.close_sale(601)
    pushing.deliver()
    assert "a_601" in order_ids(pushing)


# --- when a run ends early, or cannot begin --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "last",
    ["pos_sales", "pos_new_customers", "orders", "shopimind_customers", "shopimind_orders", "shopimind_pos_profiles"],
)
def test_a_run_that_ends_after_any_step_loses_and_doubles_nothing(pushing: Pushing, last: str) -> None:
    counted = profile_of(pushing, "a_102")["orders_count"]
    pushing.close_sale(601, customer=102)
    order = ["shopimind_sources", "shopimind_order_statuses", "pos_sales", "pos_new_customers", "orders", "customers"]
    order += ["shopimind_customers", "shopimind_orders", "pos_profiles", "shopimind_pos_profiles"]
    pushing.run(*order[: order.index(last) + 1])
    assert len(pushing.waiting()) == 1
    assert pushing.run().success
    assert pushing.waiting() == []
    assert "a_601" in order_ids(pushing)
    assert profile_of(pushing, "a_102")["orders_count"] == counted + 1


def test_what_shopimind_does_not_take_waits_longer_each_time(pushing: Pushing) -> None:
    pushing.close_sale(601)
    pushing.world.sandbox.crm_server.faults = FaultPlan([status_fault(403, method="POST", path="orders")])
    assert not pushing.run().success
    assert isinstance(pushing.tick(), dg.SkipReason)
    with pushing.world.looking() as run:
        start = run.clock()
        for tries, pause in enumerate((60, 120, 240, 480, 960, 1_800, 1_800), 1):
            run.inbox._clock = lambda pause=pause: start + pause - 5
            assert not run.inbox.is_due(), tries
            run.inbox._clock = lambda pause=pause: start + pause + 5
            assert run.inbox.is_due(), tries
            run.inbox._clock = lambda: start
            run.inbox.note_try([each.message_id for each in run.inbox.waiting()])
    pushing.world.sandbox.crm_server.faults = FaultPlan()
    assert pushing.run().success
    assert "a_601" in order_ids(pushing)


def test_a_new_message_does_not_wait_for_an_old_ones_time(pushing: Pushing) -> None:
    pushing.close_sale(601)
    pushing.world.sandbox.crm_server.faults = FaultPlan([status_fault(403, method="POST", path="orders")])
    assert not pushing.run().success
    pushing.close_sale(602)
    assert isinstance(pushing.tick(), dg.RunRequest)


def test_the_sensor_waits_while_another_run_of_the_shop_goes_on(pushing: Pushing) -> None:
    pushing.close_sale(601)
    job = pushing.world.definitions.resolve_job_def("sync_alpha")
    pushing.world.instance.create_run_for_job(job, tags=run_tags("alpha"), status=dg.DagsterRunStatus.STARTED)
    asked = pushing.tick()
    assert isinstance(asked, dg.SkipReason)
    assert "another run has not ended" in (asked.skip_message or "")


def test_a_run_that_reads_history_gives_way_to_a_pushed_sale(
    unsynced: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_pairs, "_AHEAD", 1)  # a history so short would be asked for whole before the first look
    assert unsynced.world.run(days=[day(2), day(0)], only_due=True).success
    with unsynced.world.looking() as run:
        due = run.calendar.history()
    unsynced.switch(hold_ms=1_200)  # every call: twelve days and stores would take long
    unsynced.record()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(unsynced.world.run, job="history_alpha", days=[day(6), day(3)], backfill=True)
        assert within(20, lambda: backfills(unsynced.state.db, "alpha"))
        unsynced.close_sale(601)
        asked = unsynced.tick()
        unsynced.switch(hold_ms=0)
        assert isinstance(asked, dg.SkipReason)
        assert "asked to give way" in (asked.skip_message or "")
        assert reading.result().success
    with unsynced.world.looking() as run:
        left = run.calendar.history()
    assert left
    assert set(left) <= set(due)
    assert unsynced.waiting() == []  # it took the sale along with what it had read
    assert "a_601" in order_ids(unsynced)


def test_a_run_that_reads_history_is_left_alone_while_nothing_was_pushed(pushing: Pushing) -> None:
    with Lease.acquire(pushing.state.db, "alpha", BACKFILL_LEASE):
        assert isinstance(pushing.tick(), dg.SkipReason)
    assert not way_is_asked(pushing.state.db, "alpha")


def test_a_sync_that_somebody_started_over_old_days_is_not_ended_by_every_sale(pushing: Pushing) -> None:
    """It gives way to the schedules; each sale would leave it with no time at all, and failed."""
    pushing.close_sale(601)
    job = pushing.world.definitions.resolve_job_def("sync_alpha")
    pushing.world.instance.create_run_for_job(job, tags=run_tags("alpha"), status=dg.DagsterRunStatus.STARTED)
    with Lease.acquire(pushing.state.db, "alpha", HISTORY_LEASE):
        assert isinstance(pushing.tick(), dg.SkipReason)
    assert not way_is_asked(pushing.state.db, "alpha")


def test_the_sensor_starts_nothing_while_the_installation_is_not_active(pushing: Pushing) -> None:
    from assets.definitions import definitions_of

    pushing.close_sale(601)
    governed = definitions_of([pushing.shop.model_copy(update={"installation_id": "inst_alpha"})])
    context = dg.build_sensor_context(instance=pushing.world.instance)
    sensor = governed.resolve_sensor_def("pushed_alpha")
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED  # its secret is of the file: it is started by hand
    asked = sensor.evaluate_tick(context)
    assert not asked.run_requests
    assert "inst_alpha" in (asked.skip_message or "")
    assert len(pushing.waiting()) == 1


def test_before_the_first_sync_pushed_sales_wait_for_it(unsynced: Pushing) -> None:
    unsynced.close_sale(601)
    asked = unsynced.tick()
    assert isinstance(asked, dg.SkipReason)
    assert "sync_alpha" in (asked.skip_message or "")
    assert unsynced.world.run(days=WEEK, only_due=True).success
    assert "a_601" in order_ids(unsynced)
    assert unsynced.waiting() == []


def test_a_sync_takes_along_what_was_pushed_of_days_that_it_does_not_read(pushing: Pushing) -> None:
    pushing.close_sale(601, 5, customer=102)
    pushing.record()
    assert pushing.world.run(days=[day(2), day(0)], only_due=True).success
    assert "a_601" in order_ids(pushing)
    assert pushing.waiting() == []
    assert not [path for path in pushing.till_calls() if f"{day(5):%Y/%m/%d}" in path]


def test_a_sync_of_given_days_leaves_what_was_pushed_of_others_where_it_is(pushing: Pushing) -> None:
    pushing.close_sale(601, 5, customer=102)
    assert pushing.world.run(days=[day(1), day(0)]).success
    assert len(pushing.waiting()) == 1
    pushing.deliver()
    assert "a_601" in order_ids(pushing)


def test_a_shop_without_a_secret_has_neither_job_nor_sensor(pushing: Pushing) -> None:
    from assets.definitions import definitions_of

    plain = pushing.shop.model_copy(update={"pos": pushing.shop.pos.model_copy(update={"webhook_secret": None})})
    definitions = definitions_of([plain])
    assert not definitions.sensors
    assert "pushed_alpha" not in {job.name for job in definitions.jobs or ()}
