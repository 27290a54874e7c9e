"""A ShopiMind that refuses what refers to a record it does not have: one lost request must not cost what comes after it."""

from __future__ import annotations

import pytest

from connector.sandbox.fault_plan import FaultPlan, status_fault
from tests.sync.conftest import MakeWorld
from tests.sync.world import World


@pytest.fixture
def strict(make_world: MakeWorld) -> World:
    world = make_world()
    world.sandbox.crm.switch(
        order_references="must_exist", product_references="must_exist", parent_category="must_exist"
    )
    return world


def everything(world: World) -> dict[str, int]:
    return {name: len(world.held(name)) for name in ("categories", "manufacturers", "customers", "products", "orders")}


@pytest.mark.parametrize(
    ("path", "entity"),
    [
        ("orders-statuses", "orders"),
        ("customers", "orders"),
        ("products-categories", "products"),
        ("products-manufacturers", "products"),
    ],
)
def test_what_refers_to_a_record_that_did_not_arrive_waits_for_the_next_run(
    make_world: MakeWorld, strict: World, path: str, entity: str
) -> None:
    undisturbed = make_world()
    assert undisturbed.sync().code == 0
    strict.sandbox.crm_server.faults = FaultPlan([status_fault(403, path=f"/v1/{path}", times=1)])
    ran = strict.sync()
    rows = [row for row in ran.shop()["entities"] if row["entity"] == entity]
    assert (ran.code, sum(row["refused"] for row in rows)) == (1, 0)
    assert sum(row["failed"] for row in rows) > 0
    assert "has not had yet what it refers to" in ran.shop()["message"]
    assert strict.sync().code == 0
    assert everything(strict) == everything(undisturbed)


def test_orders_alone_wait_for_their_status_and_customers(strict: World) -> None:
    ran = strict.sync("--only", "orders")
    assert (ran.code, ran.row("orders", 1)["refused"]) == (1, 0)
    assert strict.sync().code == 0
    assert len(strict.held("orders")) > 0


def test_what_refers_to_a_refused_record_is_refused_too(strict: World) -> None:
    strict.till().put("categories", {"category_id": 1, "category_name": "", "category_id_parent": 0})
    ran = strict.sync()
    assert (ran.code, ran.row("products")["failed"]) == (3, 0)
    assert ran.row("products")["refused"] > 0
