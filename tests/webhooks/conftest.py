"""A shop whose till pushes its sales: the world of `tests.assets`, and the receiving route on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import httpx
import pytest
import yaml
from starlette.applications import Starlette

from connector.config import Shop
from connector.receive.rate import RateLimit
from connector.receive.till import till_routes
from connector.sandbox.serve import Server
from connector.shop_run import State
from connector.state.till_inbox import Message
from connector.webhooks import webhook_path
from tests.assets.conftest import WEEK, World, making_world
from tests.conftest import NewState
from tests.receive.conftest import make_service, receiving_state
from tests.sync.conftest import make_shared_world, make_world, warm
from tests.sync.world import day, sale

__all__ = ["make_service", "make_shared_world", "make_world", "receiving_state", "warm"]

SECRET = "secret-of-alpha-0123456789"


@dataclass
class Pushing:
    """The shop `alpha`, synced once, with a webhook on its till for the sales of all stores."""

    world: World
    receiver: Server
    state: State

    @property
    def shop(self) -> Shop:
        return self.world.shops[0]

    @property
    def address(self) -> str:
        return self.receiver.url + webhook_path("alpha", SECRET)

    def webhook(self, **more: Any) -> None:
        """Registers one, synchronous, so that whoever closes a sale knows that it was pushed."""
        row = {"webhook_action": "sale", "webhook_url": self.address, "webhook_store_id": 0, "webhook_async": 0}
        self.world.sandbox.till.tills["alpha"].put("webhooks", row | more)

    def close_sale(self, sale_id: int, ago: int = 0, *lines: Any, **more: Any) -> dict[str, Any]:
        """At the till, which pushes it; also to change a closed one."""
        return self.at_till("sales", sale(sale_id, day(ago), *lines, **more))

    def at_till(self, what: str, row: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(f"{self.world.sandbox.till_url}/_sandbox/alpha/{what}", json=row, trust_env=False)
        answer.raise_for_status()
        stored: dict[str, Any] = answer.json()
        return stored

    def switch(self, **switches: Any) -> None:
        for name, value in switches.items():
            setattr(self.world.sandbox.till.switches, name, value)

    def waiting(self) -> list[Message]:
        with self.world.looking() as run:
            return run.inbox.waiting()

    def tick(self) -> dg.RunRequest | dg.SkipReason:
        """What the sensor asks for now."""
        context = dg.build_sensor_context(instance=self.world.instance)
        data = self.world.definitions.resolve_sensor_def("pushed_alpha").evaluate_tick(context)
        if data.run_requests:
            (request,) = data.run_requests
            return request
        return dg.SkipReason(data.skip_message)

    def run(self, *names: str) -> dg.ExecuteInProcessResult:
        """The run that the sensor asks for, or only these of its assets."""
        return self.world.run(*names, job="pushed_alpha", days=[day(0)], inbox_only=True)

    def deliver(self) -> None:
        """A tick that asks for a run, and the run."""
        request = self.tick()
        assert isinstance(request, dg.RunRequest), request
        assert request.run_config == {"resources": {"connector": {"config": {"inbox_only": True}}}}
        assert self.run().success

    def till_calls(self) -> list[str]:
        """What the till's API was asked since `record`."""
        entries = self.world.sandbox.till_server.journal.entries
        return [e["path"].removeprefix("/alpha/api/") for e in entries if "/_sandbox/" not in e["path"]]

    def record(self) -> None:
        self.world.sandbox.till_server.journal.entries.clear()
        self.world.sandbox.till_server.journal.on = True


@pytest.fixture
def unsynced(new_state: NewState) -> Iterator[Pushing]:
    """The same before its first sync."""
    with making_world(new_state) as world:
        file = world.folder / "shops.yaml"
        document = yaml.safe_load(file.read_text("utf-8"))
        document["shops"][0]["pos"]["webhook_secret"] = SECRET
        file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        state = State.open()
        shops = {shop.key: shop for shop in world.shops}
        with Server(
            Starlette(routes=till_routes(shops.get, state, RateLimit(per_second=1, burst=30))), "till"
        ) as receiver:
            made = Pushing(world, receiver, state)
            made.webhook()
            yield made
        state.close()


@pytest.fixture
def pushing(unsynced: Pushing) -> Pushing:
    assert unsynced.world.run(days=WEEK, only_due=True).success
    assert unsynced.waiting() == []
    unsynced.record()
    return unsynced
