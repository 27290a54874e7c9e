"""The worlds of `tests.sync`, for erasures, and one whose till tells the receiver of every change of a customer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from starlette.applications import Starlette

from connector.config import Shop, load_shops
from connector.receive.rate import RateLimit
from connector.receive.till import till_routes
from connector.sandbox.serve import Server
from connector.shop_run import State
from connector.state.changed_customers import ChangedCustomers
from connector.state.home import HOME_VARIABLE
from tests.sync.conftest import MakeWorld, make_world, warm
from tests.sync.world import Ran, World

__all__ = ["make_world", "warm"]

SECRET = "secret-of-alpha-0123456789"
SOON = -2 / 1440  # days: a sync that begins two minutes later


@dataclass
class Telling:
    """A synced shop with `erase_deleted`, registered at its till."""

    world: World
    receiver: Server
    state: State

    def told(self) -> set[int]:
        """Of whom the till has told."""
        return set(ChangedCustomers(self.state.db, "alpha").told_before(int(time.time()) + 3_600))

    def delete_at_the_till(self, customer_id: int) -> None:
        url = f"{self.world.sandbox.till_url}/_sandbox/alpha/customers/{customer_id}"
        httpx.delete(url).raise_for_status()
        self._is_told(customer_id)

    def change_at_the_till(self, customer_id: int) -> None:
        url = f"{self.world.sandbox.till_url}/_sandbox/alpha/customers"
        httpx.post(url, json={"customers_id": customer_id, "loyalty_points": 77}).raise_for_status()
        self._is_told(customer_id)

    def sync(self, *argv: str) -> Ran:
        return self.world.sync(*argv, ago_days=SOON)

    def _is_told(self, customer_id: int) -> None:
        deadline = time.monotonic() + 10
        while customer_id not in self.told():
            assert time.monotonic() < deadline, "the receiver was not told"
            time.sleep(0.02)


@pytest.fixture
def telling(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[Telling]:
    world = make_world()
    world.configure(lambda shops: shops[0]["pos"].update(webhook_secret=SECRET, erase_deleted=True))
    for variable, value in {HOME_VARIABLE: str(world.home), **world.state}.items():
        monkeypatch.setenv(variable, value)
    state = State.open()
    shops: dict[str, Shop] = {shop.key: shop for shop in load_shops(world.shops_file)}
    with Server(Starlette(routes=till_routes(shops.get, state, RateLimit(per_second=1, burst=30))), "till") as receiver:
        argv = ("register", "--url", receiver.url, "--json", "--shops", str(world.shops_file))
        assert world.run("webhooks", *argv).code == 0
        assert world.sync(ago_days=1 / 24).code == 0  # long enough ago for ShopiMind to list what it was sent
        yield Telling(world, receiver, state)
    state.close()
