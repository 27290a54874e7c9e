"""Tokens and till credentials: never readable in the database, opened with any of the keys, sealed anew with the first."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from connector.receive.serve import _checked, _look_at_the_keys
from connector.shop_run import State
from connector.shops import known_shops
from connector.state.errors import StateError, StateMistake
from connector.state.sealing import KEYS_VARIABLE
from connector.state.tables import metadata
from tests.receive.conftest import MakeService
from tests.receive.service import KEY, TOKEN, Service, installed_shops


def everything(service: Service) -> str:
    """All rows of all tables."""
    with service.state.db.read() as connection:
        return repr([connection.execute(select(table)).all() for table in metadata.sorted_tables])


@pytest.mark.also_shared
def test_nothing_secret_is_readable_in_the_database(make_service: MakeService, receiving_state: Path) -> None:
    service = make_service(installed_shops=installed_shops({"webhook_secret": "generate"}))
    service.install()
    generated = service.installations["inst_alpha"].webhook_secret
    assert generated is not None
    rows = everything(service)
    assert "inst_alpha" in rows
    files = b"".join(path.read_bytes() for path in receiving_state.rglob("*") if path.is_file())
    for secret in (TOKEN, KEY, generated):
        assert secret not in rows
        assert secret.encode() not in files


def test_without_a_key_of_its_own_the_service_does_not_start(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, "", " , "):
        monkeypatch.delenv(KEYS_VARIABLE)
        if value is not None:
            monkeypatch.setenv(KEYS_VARIABLE, value)
        with pytest.raises(StateMistake, match="CONNECTOR_KEYS is not set"):
            _checked(service.receiver.file)
        monkeypatch.setenv(KEYS_VARIABLE, "x")


def test_after_a_start_under_both_keys_the_old_one_can_go(
    make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    service = make_service(installed_shops=installed_shops({"webhook_secret": "generate"}))
    service.install()
    generated = service.installations["inst_alpha"].webhook_secret
    old, new = os.environ[KEYS_VARIABLE], Fernet.generate_key().decode()
    file = service.receiver.file
    monkeypatch.setenv(KEYS_VARIABLE, f"{new},{old}")
    state = State.open()
    _look_at_the_keys(_checked(file), state, file)
    state.close()

    monkeypatch.setenv(KEYS_VARIABLE, new)
    (shop,) = known_shops(file)
    assert shop.shopimind.access_token is not None
    assert shop.shopimind.access_token.get_secret_value() == TOKEN
    assert shop.pos.webhook_secret is not None
    assert shop.pos.webhook_secret.get_secret_value() == generated
    monkeypatch.setenv(KEYS_VARIABLE, old)
    with pytest.raises(StateError, match=r"inst_alpha cannot be opened .*still there.*CONNECTOR_KEYS"):
        known_shops(file)


def test_health_says_when_the_keys_are_not_the_right_ones(
    make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    make_service().install()
    monkeypatch.setenv(KEYS_VARIABLE, Fernet.generate_key().decode())
    answer = httpx.get(make_service().url + "/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "degraded", "problems": ["keys"]})
