"""How much at once: items a request, requests in flight to ShopiMind, calls in flight to a till."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connector.sandbox.fault_plan import Fault, FaultPlan, status_fault
from connector.sandbox.serve import Server
from tests.sync.conftest import MakeWorld
from tests.sync.world import CUSTOMERS, PRODUCTS, World, day, first_sync_calls, sale, till_account


class Crowd:
    """An ASGI app before another one: holds every request for a moment, and knows how many it held at most."""

    def __init__(self, server: Server, seconds: float) -> None:
        self._app, self._seconds = server._faulty.app, seconds
        self._now = self.most = 0
        server._faulty.app = self

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(self._seconds)
        await self._app(scope, receive, send)
        self._now -= 1


def crowded(make_world: MakeWorld, *keys: str) -> World:
    """More than a request's worth of every entity."""
    customers = [{**CUSTOMERS[0], "customers_id": 200 + n, "email": f"client.{n}@example.org"} for n in range(560)]
    return make_world(
        [
            till_account(
                key,
                offset=100_000_000 * place,
                customers=customers,
                products=[{**PRODUCTS[0], "product_id": 100 + n} for n in range(120)],
                categories=[{"category_id": 1 + n, "category_name": f"Rayon {n}"} for n in range(230)],
                brands=[{"brand_id": 1 + n, "brand_name": f"Marque {n}"} for n in range(101)],
                sales=[
                    sale(1000 + n, day(n % 6), customer=200 + n, store=1 + n % 2, at="00:00:01") for n in range(540)
                ],
            )
            for place, key in enumerate(keys or ["alpha"])
        ]
    )


def test_no_request_is_too_large_and_never_too_many_are_in_flight(make_world: MakeWorld) -> None:
    world = crowded(make_world)
    crm, till = Crowd(world.sandbox.crm_server, 0.1), Crowd(world.sandbox.till_server, 0.05)
    ran = world.sync()
    assert ran.code == 0
    sizes: dict[str, list[int]] = {}
    for call in world.crm_calls(writes=True):
        if isinstance(call["body"], list):
            sizes.setdefault(call["path"].split("/")[2], []).append(len(call["body"]))
    assert {name: (sum(found), max(found), len(found)) for name, found in sizes.items()} == {
        "orders-statuses": (1, 1, 1),
        "products-categories": (230, 100, 3),
        "products-manufacturers": (101, 100, 2),
        "customers": (560, 50, 12),
        "products": (120, 50, 3),
        "orders": (540, 50, 11),
        "custom-data-records": (560, 20, 28),
    }
    assert 5 < crm.most <= 8
    assert 3 < till.most <= 5
    assert len(world.held("orders")) == 540


@pytest.mark.parametrize(("shared", "requests", "calls"), [("shopimind", 4, 5), ("pos", 8, 2)])
def test_shops_of_one_token_or_one_till_have_their_share_in_flight_also_alone(
    make_world: MakeWorld, shared: str, requests: int, calls: int
) -> None:
    world = crowded(make_world, "alpha", "beta")
    world.configure(lambda shops: shops[1].update({shared: shops[0][shared]}))
    crm, till = Crowd(world.sandbox.crm_server, 0.1), Crowd(world.sandbox.till_server, 0.05)
    assert world.sync("--shop", "alpha").code == 0
    assert requests / 2 < crm.most <= requests
    assert calls / 2 < till.most <= calls


def test_fewer_may_be_in_flight_where_the_configuration_says_so(make_world: MakeWorld) -> None:
    world = crowded(make_world)

    def limit(shops: list[dict[str, Any]]) -> None:
        shops[0]["shopimind"]["requests_in_flight"] = 2
        shops[0]["pos"]["calls_in_flight"] = 1

    world.configure(limit)
    crm, till = Crowd(world.sandbox.crm_server, 0.02), Crowd(world.sandbox.till_server, 0.02)
    assert world.sync().code == 0
    assert (crm.most, till.most) == (2, 1)


def test_a_lost_request_is_an_attempt_on_both_sides(world: World) -> None:
    world.sandbox.till_server.faults = FaultPlan(
        [status_fault(503, path="products/", times=2), Fault(kind="reset", path="customers", times=1)]
    )
    world.sandbox.crm_server.faults = FaultPlan(
        [
            status_fault(502, path="/v1/orders$", times=3),
            Fault(kind="reset", applied=True, path="/v1/customers", times=1),
        ]
    )
    ran = world.sync()
    assert ran.code == 0
    assert ran.shop()["calls"] == {"hiboutik": len(world.till_calls()), "shopimind": len(world.crm_calls())}
    assert ran.shop()["calls"] == {"hiboutik": first_sync_calls() + 3, "shopimind": 15 + 4}
    # Also the attempts that never reached the till's own count:
    assert ran.shop()["quota"]["used"] == first_sync_calls() + 3
