"""ShopiMind says 401: the installation is not active, or its token was revoked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connector.sandbox.fault_plan import status_fault
from tests.faults.little_till import alpha, beta, crowded
from tests.faults.shop_world import World

IN_FLIGHT = 8


def test_a_revoked_token_costs_one_call_and_no_reading_of_the_till(
    world: World, undisturbed: Callable[..., Any]
) -> None:
    world.sandbox.crm.set_status("alpha", "revoked")

    stopped = world.sync()

    assert (stopped.status, stopped.exit_code) == ("inactive", 4)
    assert "401" in stopped.message
    assert "alpha" in stopped.message
    assert len(world.requests("crm")) == 1
    assert [entry["path"] for entry in world.requests("till")] == ["/alpha/api/stores"]
    assert stopped.report["calls"] == {"hiboutik": 1, "shopimind": 1}
    assert world.status()["status"] == "inactive"

    world.sandbox.crm.set_status("alpha", "active")
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())
    assert world.status()["status"] == "delivered"


def test_a_401_midway_stops_the_shop_at_once_and_the_next_run_delivers_the_rest(
    make_world: Callable[..., World], undisturbed: Callable[..., Any]
) -> None:
    world = make_world(crowded(), latency=0.01)
    world.break_crm(status_fault(401, path="/v1/customers", nth=5))
    world.sandbox.crm_server.faults.latency = 0.01

    stopped = world.sync()

    assert (stopped.status, stopped.exit_code) == ("inactive", 4)
    statuses = [entry["status"] for entry in world.requests("crm")]
    after = statuses[statuses.index(401) + 1 :]
    assert len(after) < IN_FLIGHT
    assert not world.requests("crm", "/v1/orders", "POST")[1:]  # the status only
    assert not world.crm().tables["orders"].accepted
    row = stopped.row("customers")
    assert row["sent"] == len(world.items("customers")) < 620
    assert row["failed"] == 620 - row["sent"]
    assert stopped.row("orders", 1)["failed"] == stopped.row("orders", 1)["read"] == 300
    assert world.status()["days_waiting"] > 0

    world.mend()
    again = world.sync()
    assert again.status == "delivered"
    assert len(world.requests("crm", "/v1/data-sources")) == 1
    assert len(world.sent("customers")) == row["failed"]
    assert world.end_state() == undisturbed(crowded())


def test_a_401_while_still_stopped_is_asked_with_one_call_every_time(world: World) -> None:
    world.sync(first=None)
    world.sandbox.crm.set_status("alpha", "revoked")
    for _ in range(2):
        assert world.sync().status == "inactive"
        assert len(world.requests("crm")) == 1


def test_a_401_for_the_definition_stops_before_the_first_profile(world: World) -> None:
    world.break_crm(status_fault(401, path="/v1/custom-data-definitions"))

    stopped = world.sync()

    assert (stopped.status, stopped.exit_code) == ("inactive", 4)
    assert world.requests("crm")[-1]["status"] == 401
    assert stopped.row("pos_profiles")["failed"] == stopped.row("pos_profiles")["read"] == 8
    assert stopped.row("orders", 1)["sent"] == 14

    world.mend()
    assert world.sync().row("pos_profiles")["sent"] == 8


def test_another_shop_is_not_touched_by_a_revoked_token(make_world: Callable[..., World]) -> None:
    world = make_world(alpha(), beta())
    world.sandbox.crm.set_status("alpha", "revoked")

    code, document, _ = world.run("sync")

    assert code == document["exit_code"] == 4, [shop["message"] for shop in document["shops"]]
    assert {shop["shop"]: shop["status"] for shop in document["shops"]} == {"alpha": "inactive", "beta": "delivered"}
    assert len(world.items("orders", "beta")) == 14
    keys = {entry["headers"]["spm-api-key"] for entry in world.requests("crm")}
    assert len(keys) == 2
    code, told, _ = world.run("status")
    assert code == 0
    assert [shop["status"] for shop in told["shops"]] == ["inactive", "delivered"]
