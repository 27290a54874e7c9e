"""What ShopiMind asks while a merchant fills in the till's credentials: asked of a real till, answered in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.sandbox.serve import Sandbox
from tests.receive.conftest import MakeService
from tests.receive.service import CONFIGS, SECRET, TOKEN, Service
from tests.scripted_server import Reply, ScriptedServer
from tests.sync.world import till_account


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox", Path(), accounts=[till_account()]) as running:
        yield running


def installed_shops(till_url: str) -> dict[str, object]:
    return {
        "lang": "fr",
        "pos": {
            "system": "hiboutik",
            "configs": {"account": "hib_account", "login": "hib_login", "api_key": "hib_key"},
            "base_url": till_url + "/{account}/api",
        },
    }


@pytest.fixture
def service(make_service: MakeService, sandbox: Sandbox) -> Service:
    return make_service(installed_shops=installed_shops(sandbox.till_url))


def test_credentials_that_the_till_takes(service: Service, sandbox: Sandbox) -> None:
    sandbox.till_server.journal.on = True
    assert service.ask("/webhook/test-connection", CONFIGS).json() == {"success": True}
    assert [entry["path"].strip("/") for entry in sandbox.till_server.journal.entries] == ["alpha/api/stores"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"hib_key": "wrong-0001"}, "credentials are not accepted"),
        ({"hib_key": ""}, "configs.hib_key is missing"),
        ({"hib_account": "../admin"}, "configs.hib_account must be letters"),
        ({"hib_account": {"a": 1}}, "configs.hib_account is missing"),
    ],
)
def test_credentials_that_it_does_not_take(service: Service, change: dict[str, object], told: str) -> None:
    answer = service.ask("/webhook/test-connection", CONFIGS | change)
    assert answer.status_code == 200
    assert answer.json()["success"] is False
    assert told in answer.json()["error"]
    assert "wrong-0001" not in answer.text


def test_the_stores_of_the_account_are_choices(service: Service) -> None:
    expected = {
        "data": [
            {"value": "1", "label": "Lyon"},
            {"value": "2", "label": "Saint-Denis"},
            {"value": "5", "label": "Genève"},
        ]
    }
    assert service.ask("/webhook/remote-data/stores", CONFIGS).json() == expected
    service.install()
    assert service.ask("/webhook/remote-data/stores", {"installation_id": "inst_alpha"}).json() == expected


def test_other_resources_do_not_exist(service: Service) -> None:
    answer = service.ask("/webhook/remote-data/customers", CONFIGS)
    assert (answer.status_code, answer.json()) == (404, {"success": False, "error": "unknown_resource"})


def test_stores_that_cannot_be_read_are_an_empty_list_with_the_reason(service: Service) -> None:
    answer = service.ask("/webhook/remote-data/stores", CONFIGS | {"hib_key": "wrong"}).json()
    assert answer["data"] == []
    assert "credentials" in answer["error"]


def test_a_till_that_hangs_costs_an_answer_within_two_seconds(make_service: MakeService) -> None:
    release = threading.Event()

    def hang(_: object) -> Reply:
        release.wait(10)
        return Reply(200, b"[]")

    with ScriptedServer(hang) as till:
        service = make_service(installed_shops=installed_shops(till.url))
        for path in ("/webhook/test-connection", "/webhook/remote-data/stores"):
            began = time.monotonic()
            answer = service.ask(path, CONFIGS)
            assert time.monotonic() - began < 2
            assert answer.status_code == 200
            assert answer.json()["success"] is False
        release.set()


def test_a_failing_till_is_asked_once(make_service: MakeService) -> None:
    with ScriptedServer(lambda _: Reply(503, b"")) as till:
        service = make_service(installed_shops=installed_shops(till.url))
        assert service.ask("/webhook/test-connection", CONFIGS).json()["success"] is False
        assert len(till.requests) == 1


def test_secrets_of_the_question_are_in_no_answer_and_no_log(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "connector")
    answers = [service.ask("/webhook/test-connection", CONFIGS | {"hib_account": "nowhere"}).text]
    service.install(token=TOKEN)
    for secret in (SECRET, TOKEN, CONFIGS["hib_key"]):
        assert secret not in caplog.text
        assert all(secret not in answer for answer in answers)
