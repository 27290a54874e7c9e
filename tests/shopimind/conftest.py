from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from connector.shopimind.client import ShopiMind
from tests.scripted_server import ScriptedServer

TOKEN = "int_secret_token"


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retries as in earnest, four tries, but without the waits between them."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
def api() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def client(api: ScriptedServer) -> Iterator[ShopiMind]:
    with ShopiMind(TOKEN, api.url) as made:
        yield made
