"""A shop that a webhook installs in a whole world: the receiver, and ShopiMind driven through its controls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from connector.state.sealing import KEYS_VARIABLE
from tests.receive.service import SECRET, Service, installed_shops, write_configuration
from tests.sync.conftest import MakeWorld
from tests.sync.world import World

CONFIGS = {"hib_account": "alpha", "hib_login": "ops@example.org", "hib_key": "hiboutik-key-alpha"}
HISTORY_DAYS = 7  # more than any sale of the world is old


class Both:
    """A world whose only shop comes by webhook, and the receiver; ShopiMind is driven through its controls."""

    def __init__(self, world: World, service: Service) -> None:
        self.world, self.service = world, service
        self.crm = world.sandbox.crm_url

    def drive(self, event: str, **more: Any) -> dict[str, Any]:
        """What became of a step of the lifecycle."""
        done = httpx.post(f"{self.crm}/_sandbox/lifecycle/alpha", json={"event": event, **more}, timeout=20)
        assert done.status_code == 200, done.text
        answered: dict[str, Any] = done.json()
        return answered

    def step(self, event: str, **more: Any) -> None:
        """A step that has to succeed at the first try."""
        answered = self.drive(event, **more)
        assert (answered["accepted"], answered["attempts"]) == (True, 1), answered


Start = Callable[..., Both]


@pytest.fixture
def start(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    services: list[Service] = []

    def begin(
        shops: Callable[[World], list[dict[str, Any]]] | None = None, pos: dict[str, Any] | None = None, **receive: Any
    ) -> Both:
        world = make_world()
        world.env[KEYS_VARIABLE] = world.state.get(KEYS_VARIABLE) or Fernet.generate_key().decode()
        for variable, value in {"CONNECTOR_HOME": str(world.home), **world.state, **world.env}.items():
            monkeypatch.setenv(variable, value)
        listed = shops(world) if shops else None
        account = {"base_url": world.sandbox.till_url + "/{account}/api", **(pos or {})}
        template = installed_shops(account, shopimind_url=world.sandbox.crm_url, history_days=HISTORY_DAYS)
        write_configuration(world.shops_file, listed, **{"installed_shops": template} | receive)
        service = Service(world.shops_file)
        service.__enter__()
        services.append(service)
        both = Both(world, service)
        httpx.post(f"{both.crm}/_sandbox/webhooks", json={"url": service.url, "secret": SECRET}).raise_for_status()
        return both

    yield begin
    for service in services:
        service.__exit__()
