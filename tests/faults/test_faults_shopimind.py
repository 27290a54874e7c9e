"""ShopiMind answers badly, or not at all: what it took is not sent again, what it did not take is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connector.sandbox.fault_plan import PRESETS, Fault, status_fault
from tests.faults.little_till import alpha, crowded
from tests.faults.shop_world import World

LOST = Fault(kind="reset", applied=True)


def on(path: str, fault: Fault, **more: Any) -> Fault:
    return replace(fault, side="crm", path=f"^/v1/{path}", **more)


def test_a_failed_chunk_takes_no_other_along_and_the_next_run_sends_that_chunk_only(
    make_world: Callable[..., World], undisturbed: Callable[..., Any]
) -> None:
    world = make_world(crowded())
    # 501 is not tried again, so that one chunk fails for good
    world.break_crm(on("customers", status_fault(501), nth=3), on("orders$", status_fault(505), nth=2))

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "501" in failed.message
    assert failed.row("customers")["failed"] == 50
    assert failed.row("customers")["sent"] == 570
    orders = [failed.row("orders", store_id) for store_id in (1, 2)]
    assert sum(row["failed"] for row in orders) == 50
    assert sum(row["sent"] for row in orders) == 550
    missing = {"customers": 620 - len(world.items("customers")), "orders": 600 - len(world.items("orders"))}
    assert missing == {"customers": 50, "orders": 50}

    world.mend()
    assert world.sync().status == "delivered"
    assert len(world.sent("customers")) == len(world.sent("orders")) == 50
    assert world.end_state() == undisturbed(crowded())


def test_answers_that_are_lost_after_the_write_cost_a_second_request_and_nothing_else(
    world: World, undisturbed: Callable[..., Any]
) -> None:
    paths = ("customers", "products$", "orders$", "custom-data-records", "data-sources", "custom-data-definitions")
    world.break_crm(*(on(path, LOST, method="POST", nth=1) for path in paths))

    synced = world.sync()

    assert synced.status == "delivered", synced.message
    assert world.end_state() == undisturbed(alpha())
    assert len(world.crm().sources) == 1 + 3
    assert len(world.crm().definitions) == 1
    assert Counter(item["order_id"] for item in world.sent("orders")).most_common(1)[0][1] == 2
    assert world.sync().total("sent") == 0


def test_every_create_answer_lost_still_makes_one_source_per_store(
    world: World, undisturbed: Callable[..., Any]
) -> None:
    world.break_crm(on("data-sources", LOST, method="POST"))

    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_why_a_source_was_refused_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.sync()
    world.till().put("stores", {"store_id": 2, "store_name": "Nice Centre"})
    body = {"statusCode": 400, "message": "no label may hold Centre"}
    world.break_crm(on("data-sources", replace(status_fault(400), body=body), method="PUT"))
    with caplog.at_level("WARNING"):
        assert world.sync().row("data_sources")["refused"] == 1
    assert "no label may hold Centre" in caplog.text
    assert "Alpha - Nice Centre" in caplog.text


def test_each_kind_of_unusable_answer_counts_as_failed_and_is_sent_again(
    world: World, undisturbed: Callable[..., Any]
) -> None:
    kinds = {
        "orders-statuses": PRESETS["failed_count"],
        "products-categories": PRESETS["html"],
        "products-manufacturers": PRESETS["redirect"],
        "customers": replace(PRESETS["oversize"], applied=False),
        "products$": PRESETS["truncated"],
        "orders$": PRESETS["wrong_shape"],
        "custom-data-records": PRESETS["cut"],
    }
    world.break_crm(*(on(path, fault) for path, fault in kinds.items()))

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    numbers = {"order_statuses": 1, "categories": 1, "manufacturers": 1, "customers": 8, "products": 6}
    assert {entity: failed.row(entity)["failed"] for entity in numbers} == numbers
    assert failed.row("orders", 1)["failed"] + failed.row("orders", 2)["failed"] == 28
    assert failed.total("sent") == 3  # the sources
    waiting = {row["entity"]: row["waiting"] for row in world.status()["entities"] if row["store_id"] is None}
    assert waiting["customers"] == 8

    world.mend()
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_chunk_that_is_refused_as_a_whole_is_halved_until_the_bad_record_stands_alone(
    world: World, status: int
) -> None:
    world.break_crm(on("customers", status_fault(status), times=1))
    synced = world.sync()
    assert synced.status == "delivered"
    # the first half is taken, so the bad one is taken to be in the second, which is not asked as a whole again
    assert [len(entry["body"]) for entry in world.requests("crm", "/v1/customers")] == [8, 4, 2, 1, 1]


def test_an_unreachable_shopimind_costs_the_till_nothing_before_the_first_sync(
    world: World, undisturbed: Callable[..., Any]
) -> None:
    world.configure(shopimind={"base_url": "http://127.0.0.1:9"})

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "ECONNREFUSED" in failed.message
    assert [entry["path"] for entry in world.requests("till")] == ["/alpha/api/stores"]

    world.configure(shopimind={"base_url": world.sandbox.crm_url})
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_a_wait_of_an_hour_is_left_to_the_next_run(world: World, undisturbed: Callable[..., Any]) -> None:
    world.break_crm(on("orders$", status_fault(429, retry_after=3600)))

    failed = world.sync()

    assert failed.status == "failed"
    assert len([e for e in world.requests("crm", "/v1/orders", "POST") if e["status"] == 429]) == 1
    world.mend()
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_records_that_shopimind_refuses_are_refused_once_and_sent_again_when_they_change(world: World) -> None:
    world.sandbox.crm.switch(empty_email="refuse")
    world.configure(rules={"customers_without_email": "send"})
    world.till().put("customers", {"customers_id": 3, "email": ""})

    refused = world.sync()
    assert (refused.status, refused.exit_code) == ("refused", 3)
    assert refused.row("customers")["refused"] == 1
    again = world.sync()
    assert (again.status, again.row("customers")["refused"]) == ("refused", 1)
    assert not world.sent("customers")

    world.till().put("customers", {"customers_id": 3, "email": "camille.3@example.org"})
    assert world.sync().row("customers")["sent"] == 1


# --- sources and the definition ---


def test_a_deactivated_source_is_activated_again(world: World, undisturbed: Callable[..., Any]) -> None:
    world.sync()
    source = next(each for each in world.crm().sources.values() if each["label"] == "Alpha - Nice")
    source["active"] = False

    again = world.sync()

    assert again.status == "delivered"
    assert again.row("data_sources")["sent"] == 1
    assert world.end_state() == undisturbed(alpha())


def test_records_of_an_inactive_definition_fail_with_that_reason(world: World) -> None:
    world.sync()
    next(iter(world.crm().definitions.values()))["status"] = "inactive"
    world.till().put("customers", {"customers_id": 1, "loyalty_points": 500})

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "inactive" in failed.message
    assert failed.row("pos_profiles")["failed"] == 1
    assert failed.row("pos_profiles")["unchanged"] == 7
    assert failed.row("customers")["failed"] == 0
    next(iter(world.crm().definitions.values()))["status"] = "active"
    assert world.sync().row("pos_profiles")["sent"] == 1


def test_a_definition_left_in_the_making_is_activated(world: World, undisturbed: Callable[..., Any]) -> None:
    world.break_crm(on("custom-data-definitions/.*/activate", status_fault(501)))
    failed = world.sync()
    assert failed.status == "failed"
    assert failed.row("pos_profiles")["failed"] == 8
    assert [d["status"] for d in world.crm().definitions.values()] == ["creating"]

    world.mend()
    assert world.sync().status == "delivered"
    assert [d["status"] for d in world.crm().definitions.values()] == ["active"]
    assert world.end_state() == undisturbed(alpha())


def test_a_definition_that_was_deleted_is_made_again_and_filled_again(
    world: World, undisturbed: Callable[..., Any]
) -> None:
    world.sync()
    (deleted,) = world.crm().definitions.values()
    deleted["status"] = "deleted"

    planned = world.run("plan")[1]["shops"][0]["entities"]
    again = world.sync()

    profiles = again.row("pos_profiles")
    assert (profiles["sent"], profiles["unchanged"]) == (8, 0)
    (row,) = [row for row in planned if row["entity"] == "pos_profiles"]
    assert (row["new"], row["unchanged"]) == (8, 0)
    assert len(world.crm().records("pos_profile")) == 8
    assert world.sync().row("pos_profiles")["unchanged"] == 8
