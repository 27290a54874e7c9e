"""Clients of the loopback till that never wait."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from loopback_till import API_KEY, Counter, LoopbackTill, Memory
from pydantic import SecretStr

from connector.config import Consent
from connector.pos import hiboutik_calls
from connector.pos.hiboutik import Hiboutik


@pytest.fixture
def till() -> Iterator[LoopbackTill]:
    server = LoopbackTill()
    yield server
    server.close()


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def make(till: LoopbackTill, counter: Counter, memory: Memory) -> Iterator[Callable[..., Hiboutik]]:
    """Builds clients of the loopback till; keyword arguments as `Hiboutik`'s."""
    made: list[Hiboutik] = []

    def client(consent: Consent | None = None, **changes: Any) -> Hiboutik:
        usual = {"login": "ops@example.org", "api_key": SecretStr(API_KEY), "counter": counter, "memory": memory}
        made.append(Hiboutik("maison-lea", till.base_url, consent=consent, **(usual | changes)))
        return made[-1]

    yield client
    for pos in made:
        pos.close()


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits in these tests; what would have been waited outside the usual back-off is noted here."""
    waits: list[float] = []
    monkeypatch.setattr(hiboutik_calls, "sleep", waits.append)
    at_once = dataclasses.replace(hiboutik_calls.RETRIES, base=0.0, cap=0.0, jitter=0.0)
    monkeypatch.setattr(hiboutik_calls, "RETRIES", at_once)
    return waits
