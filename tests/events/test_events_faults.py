"""At most once, and with `at_least_once` at least once, whatever goes wrong around the call."""

from __future__ import annotations

import time
from typing import Any

import pytest

from connector.sandbox.fault_plan import Fault, FaultPlan, status_fault
from tests.events.telling import Events, counted

TRIGGER = "/events/trigger/"


def spoil(events: Events, **fault: Any) -> None:
    """The next trigger goes wrong."""
    events.world.sandbox.crm_server.faults = FaultPlan(faults=[Fault(path=TRIGGER, times=1, **fault)])


UNCLEAR = {
    "reset after": {"kind": "reset", "applied": True},
    "reset before": {"kind": "reset"},
    "502 after": {"kind": "answer", "status": 502, "applied": True},
    "503 without Retry-After": {"kind": "answer", "status": 503, "applied": True},
    "cut": {"kind": "cut", "applied": True},
}


@pytest.mark.parametrize("fault", UNCLEAR.values(), ids=UNCLEAR)
def test_what_ends_without_a_clear_answer_is_never_told_again(events: Events, fault: dict[str, Any]) -> None:
    number = events.close()
    spoil(events, **fault)
    assert counted(events.sync()) == {"read": 1, "skipped": {"unclear": 1}}
    assert counted(events.sync()) == {}
    assert events.orders_told()[f"a_{number}"] == bool(fault.get("applied"))
    assert len(events.trigger_calls()) == 1
    assert events.status()["unclear"] == 1


@pytest.mark.parametrize("applied", [True, False])
def test_at_least_once_repeats_what_is_unclear(events: Events, applied: bool) -> None:
    events.declare([{"code_name": "pos_purchase", "at_least_once": True}])
    number = events.close()
    spoil(events, kind="reset", applied=applied)
    ran = events.sync()
    assert (ran.code, counted(ran)) == (1, {"read": 1, "failed": 1})
    assert counted(events.sync()) == {"read": 1, "sent": 1}
    assert events.orders_told() == {f"a_{number}": 1 + applied}


@pytest.mark.parametrize("fault", [status_fault(429, retry_after=3600), status_fault(503, retry_after=3600)])
def test_what_was_turned_away_waits_for_the_next_run(events: Events, fault: Fault) -> None:
    first, second = events.close(), events.close()
    events.world.sandbox.crm_server.faults = FaultPlan(
        faults=[status_fault(fault.status, retry_after=3600, path=TRIGGER, times=1)]
    )
    ran = events.sync()
    assert (ran.code, counted(ran)) == (1, {"read": 2, "failed": 2})
    assert events.told() == []
    events.sync()
    assert events.orders_told() == {f"a_{first}": 1, f"a_{second}": 1}


def test_after_three_unclear_answers_in_a_row_the_rest_waits(events: Events) -> None:
    for _ in range(5):
        events.close()
    events.world.sandbox.crm_server.faults = FaultPlan(faults=[Fault(kind="reset", path=TRIGGER)])
    assert counted(events.sync()) == {"read": 5, "failed": 2, "skipped": {"unclear": 3}}
    events.world.sandbox.crm_server.faults = FaultPlan()
    assert counted(events.sync()) == {"read": 2, "sent": 2}


@pytest.mark.parametrize("at_least_once", [False, True])
def test_killed_in_the_middle_of_a_trigger(events: Events, at_least_once: bool) -> None:
    events.declare([{"code_name": "pos_purchase", "at_least_once": at_least_once}])
    number = events.close()
    spoil(events, kind="drip", seconds=20.0)  # carried out, and its answer still on the way
    command = events.world.start("sync", "--json", "--shops", str(events.world.shops_file))
    end = time.monotonic() + 60
    while not events.told() and time.monotonic() < end:
        time.sleep(0.02)
    command.kill()
    command.wait()
    ran = events.sync()
    assert counted(ran) == ({"read": 1, "sent": 1} if at_least_once else {"read": 1, "skipped": {"unclear": 1}})
    assert events.orders_told() == {f"a_{number}": 1 + at_least_once}


def test_a_refused_trigger_is_a_refused_record_and_a_replay_leaves_it_to_the_next_sync(events: Events) -> None:
    number = events.close()
    spoil(events, kind="answer", status=400)
    assert (counted(events.sync()), counted(events.sync())) == ({"read": 1, "refused": 1}, {"read": 1, "refused": 1})
    (listed,) = events.world.refused("list").document["refused"]
    assert (listed["entity"], listed["external_id"]) == ("events", f"pos_purchase-{number}")
    replayed = events.world.refused("replay")
    assert replayed.row("events")["refused"] == 1
    assert events.told() == []
    assert counted(events.sync()) == {"read": 1, "sent": 1}
    assert events.world.refused("list").document["refused"] == []
    assert events.orders_told() == {f"a_{number}": 1}


def test_what_waited_while_the_installation_was_inactive_goes_by_its_age(events: Events) -> None:
    events.close()
    events.world.sandbox.crm.set_status("alpha", "revoked")
    assert events.sync().code == 4
    events.world.sandbox.crm.set_status("alpha", "active")
    assert counted(events.sync(hours_later=6.5)) == {"read": 1, "skipped": {"too_old": 1}}
    assert events.told() == []


def test_a_declaration_that_lacks_a_property_is_told_left_alone_and_its_triggers_wait(events: Events) -> None:
    declared = events.declared()["pos_purchase"]
    whole, fewer = declared["properties"], {"metaData": declared["properties"]["metaData"][1:]}
    declared["properties"] = fewer
    events.close()
    ran = events.sync()
    assert (ran.code, counted(ran)) == (1, {"read": 1, "failed": 1})
    assert "it lacks the property total" in ran.shop()["message"]
    assert events.status()["differs"] == ["it lacks the property total"]
    assert events.declared()["pos_purchase"]["properties"] == fewer
    declared["properties"] = whole
    assert counted(events.sync()) == {"read": 1, "sent": 1}
