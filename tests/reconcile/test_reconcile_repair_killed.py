"""A repair that is killed after what it repairs was forgotten, before any of it is delivered again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest

from connector.delivery.ledger import Ledger
from connector.sandbox.fault_plan import Fault, FaultPlan
from connector.shop_run import State
from tests.reconcile.conftest import A_MOMENT_AGO, lose_a_profile, reconcile, shopimind
from tests.sync.world import PATIENCE, World, day, sale, till_account

HELD = {"orders": "order_id", "customers": "customer_id", "products": "product_id"}
NOT_ASKED_TO_COMPARE = "^/alpha/api/(?!reports|customers|products)"  # the first call of a sync, to the till, is


def kill_a_repair(world: World, monkeypatch: pytest.MonkeyPatch, forgotten: Callable[[State], bool]) -> None:
    """`connector reconcile --repair`, killed when `forgotten`; its sync gets no answer from the till."""
    world.sandbox.till_server.faults = FaultPlan([Fault(kind="hang", path=NOT_ASKED_TO_COMPARE, seconds=5.0)])
    for name, value in {"CONNECTOR_HOME": str(world.home), **world.state}.items():
        monkeypatch.setenv(name, value)
    with closing(State.open()) as state:
        started = world.start("reconcile", "--repair", "--json", "--shops", str(world.shops_file))
        end = time.monotonic() + PATIENCE
        while not forgotten(state):
            assert time.monotonic() < end, "nothing was ever forgotten"
            time.sleep(0.002)
        started.kill()
    assert started.wait().code == -9
    world.sandbox.till_server.faults = FaultPlan()


def not_in_ledger(state: State, entity: str, external_id: str) -> bool:
    return not Ledger(state.db, "alpha").delivered_ids(entity, [external_id])


@pytest.mark.parametrize("command", ["sync", "reconcile --repair"])
def test_what_a_killed_repair_forgot_is_delivered_by_the_next_run(
    synced: World, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    before = {kind: synced.held_by_id(kind, key) for kind, key in HELD.items()}
    with shopimind(synced) as crm:
        crm.orders.delete("a_501")
        crm.customers.delete("a_104")
        crm.products.delete(900000013)
    lose_a_profile(synced)
    kill_a_repair(synced, monkeypatch, lambda state: not_in_ledger(state, "orders", "a_501"))
    assert "a_501" not in synced.held_by_id("orders", "order_id")

    if command == "sync":
        ran = synced.sync(ago_days=A_MOMENT_AGO)
        assert (ran.code, ran.row("orders", 1)["sent"], ran.row("pos_profiles")["sent"]) == (0, 1, 3)
    else:
        repaired = reconcile(synced, "--repair")
        assert repaired.outcome == (0, "agrees")
        assert repaired.shop["repaired"]["sent"] == 6  # an order, a customer, a product, all three profiles
    assert {kind: synced.held_by_id(kind, key) for kind, key in HELD.items()} == before
    assert len(synced.held("pos_profile")) == 3
    assert reconcile(synced).outcome == (0, "agrees")


def test_a_day_before_the_first_one_is_still_in_doubt_after_a_killed_repair(
    make_synced: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No sync reads it by itself: the next repair does."""
    world = make_synced([till_account(sales=[sale(600, day(20)), sale(601, day(1))], first_day=day(25))])
    world.configure(lambda shops: shops[0].update(first_day=day(5)))
    with shopimind(world) as crm:
        crm.orders.delete("a_600")
    kill_a_repair(world, monkeypatch, lambda state: not_in_ledger(state, "orders", "a_600"))

    assert world.sync(ago_days=A_MOMENT_AGO).code == 0
    again = reconcile(world, "--from", str(day(25)), "--repair")
    assert again.outcome == (0, "agrees"), again.shop["message"]
    assert set(world.held_by_id("orders", "order_id")) == {"a_600", "a_601"}
