"""Shops side by side: a till that hangs, and one whose calls are used up, keep no other shop from being delivered."""

from __future__ import annotations

import time

from connector.sandbox.fault_plan import Fault, FaultPlan
from tests.sync.conftest import MakeWorld
from tests.sync.world import World, till_account

FINE = ("one", "two", "three", "four")
PATIENCE = 100.0  # seconds; the till that hangs is waited for longer: each attempt has 30 of them


def statuses(world: World) -> dict[str, str]:
    return {shop["shop"]: shop["status"] for shop in world.status().document["shops"]}


def test_one_shop_that_hangs_and_one_without_calls_delay_no_other(make_world: MakeWorld) -> None:
    world = make_world([till_account(key, offset=0) for key in ("hangs", "spent", *FINE)])
    world.configure(lambda shops: shops[1]["pos"].update(monthly_calls=7))
    world.sandbox.till_server.faults = FaultPlan([Fault(kind="hang", path="^/hangs/", seconds=600.0)])
    sync = world.start("sync", "--json", "--shops", str(world.shops_file))
    try:
        expected = {"hangs": "running", "spent": "quota"} | dict.fromkeys(FINE, "delivered")
        deadline = time.monotonic() + PATIENCE
        while (found := statuses(world)) != expected:
            assert time.monotonic() < deadline, found
        assert all(len(world.held("orders", key)) == 4 for key in FINE)
        assert world.held("orders", "spent")  # what it could still read
        assert world.held("orders", "hangs") == []
    finally:
        sync.kill()  # its processes end with it
