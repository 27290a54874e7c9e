"""What a webhook is answered, and that it is carried out once."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson
import pytest

from connector.receive import app
from connector.receive.lifecycle import Lifecycle
from connector.receive.rate import RateLimit
from connector.state.errors import StateError
from tests.receive.conftest import MakeService
from tests.receive.service import CONFIGS, TOKEN, Service, answer_to_a_drop, signed

OK = (200, {"success": True})


def said(answer: httpx.Response) -> tuple[int, object]:
    return answer.status_code, answer.json()


def test_the_life_of_an_installation(service: Service) -> None:
    states = []
    for event in ("installed", "activated", "config_updated", "deactivated", "activated", "uninstalled"):
        fields = {"configs": CONFIGS} if event in ("activated", "config_updated") else {}
        token = {"access_token": TOKEN} if event == "installed" else {}
        assert said(service.tell(event, **fields, **token)) == OK
        states.append(service.installations["inst_alpha"].state)
    assert states == ["installed", "activated", "activated", "deactivated", "activated", "uninstalled"]


def test_the_older_names_of_the_identity_are_read(service: Service) -> None:
    body = {"event": "integration.installed", "id_shop_integration": 77, "id_shop": 5, "access_token": TOKEN}
    assert said(service.ask("/webhook/receive", body)) == OK
    assert service.installations["77"].merchant == "5"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"event": "integration.renamed", "installation_id": "i"}, "unknown_event"),
        ({"installation_id": "i"}, "unknown_event"),
        ({"event": ["integration.installed"], "installation_id": "i"}, "unknown_event"),
        ({"event": {"name": "integration.installed"}, "installation_id": "i"}, "unknown_event"),
        ({"event": "integration.installed", "access_token": TOKEN}, "missing_installation_id"),
        (
            {"event": "integration.installed", "installation_id": "a b", "access_token": TOKEN},
            "missing_installation_id",
        ),
        (
            {"event": "integration.installed", "installation_id": ["i"], "access_token": TOKEN},
            "missing_installation_id",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_told_with_200(service: Service, body: dict[str, object], error: str) -> None:
    assert said(service.ask("/webhook/receive", body)) == (200, {"success": False, "error": error})


def test_a_token_and_an_identity_are_kept_however_long_they_are(service: Service) -> None:
    token = "int_" + "e" * 2000
    first, second = "i" * 150 + "_1", "i" * 150 + "_2"
    service.install(first, token)
    assert said(service.tell("installed", second, access_token=TOKEN)) == OK
    assert {each: kept.token for each, kept in service.installations.items()} == {first: token, second: TOKEN}


def test_without_a_token_there_is_no_installation(service: Service) -> None:
    answer = service.tell("activated", configs=CONFIGS)
    assert answer.status_code == 200
    assert "access_token" in answer.json()["error"]
    assert not service.installations


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff"])
def test_what_is_no_json_object_is_400(service: Service, body: bytes) -> None:
    assert said(service.post("/webhook/receive", body, signed(body))) == (
        400,
        {"success": False, "error": "invalid_json"},
    )


def test_a_verbatim_replay_is_answered_success_without_work(service: Service) -> None:
    service.install()
    raw = orjson.dumps({"event": "integration.deactivated", "installation_id": "inst_alpha"})
    headers = signed(raw)
    assert said(service.post("/webhook/receive", raw, headers)) == OK
    assert said(service.tell("activated", configs=CONFIGS)) == OK

    assert said(service.post("/webhook/receive", raw, headers)) == OK

    assert service.installations["inst_alpha"].state == "activated"


def test_one_that_failed_is_carried_out_when_it_comes_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = orjson.dumps({"event": "integration.installed", "installation_id": "inst_alpha", "access_token": TOKEN})
    headers = signed(raw)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise StateError("The disk is full.")

        patch.setattr("connector.state.webhook_installations.WebhookInstallations.keep", full)
        assert said(service.post("/webhook/receive", raw, headers)) == (
            503,
            {"success": False, "error": "internal_error"},
        )
        assert not service.installations
    assert said(service.post("/webhook/receive", raw, headers)) == OK
    assert service.installations["inst_alpha"].state == "installed"


def test_one_whose_configuration_was_wrong_is_looked_at_again(make_service: MakeService) -> None:
    service = make_service()
    assert said(service.tell("installed", access_token=TOKEN)) == OK
    raw = orjson.dumps({"event": "integration.activated", "installation_id": "inst_alpha", "configs": {}})
    headers = signed(raw)
    for _ in range(2):
        assert said(service.post("/webhook/receive", raw, headers)) == (
            200,
            {"success": False, "error": "configs.hib_account is missing"},
        )


@pytest.mark.parametrize("event", ["config_updated", "deactivated", "uninstalled"])
def test_what_comes_of_an_installation_that_is_not_known_is_taken_and_changes_nothing(
    service: Service, event: str
) -> None:
    assert said(service.tell(event, configs=CONFIGS)) == OK
    assert not service.installations


def test_a_webhook_that_was_overtaken_changes_nothing(service: Service) -> None:
    now = time.time()
    assert said(service.tell("installed", at=now - 100, access_token=TOKEN)) == OK
    assert said(service.tell("deactivated", at=now)) == OK
    assert said(service.tell("activated", at=now - 50, configs=CONFIGS)) == OK
    assert service.installations["inst_alpha"].state == "deactivated"


@pytest.mark.also_shared
def test_of_one_webhook_to_two_workers_one_does_the_work(
    make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = [make_service(), make_service()]
    done: list[str] = []
    apply = Lifecycle._apply

    def slow(self: Lifecycle, connection: object, event: str, *rest: object) -> str | None:
        done.append(event)
        time.sleep(0.2)  # the other one comes meanwhile
        return apply(self, connection, event, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Lifecycle, "_apply", slow)
    raw = orjson.dumps({"event": "integration.installed", "installation_id": "inst_alpha", "access_token": TOKEN})
    headers = signed(raw)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda worker: said(worker.post("/webhook/receive", raw, headers)), workers))
    assert answers == [OK, OK]
    assert done == ["integration.installed"]


@pytest.mark.also_shared
def test_shops_that_come_at_once_share_no_key_no_prefix_and_no_ids(make_service: MakeService) -> None:
    workers = [make_service(), make_service()]
    names = [f"inst_{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: workers[n % 2].install(names[n], shop_domain="one.example"), range(6)))
    found = [workers[0].installations[name] for name in names]
    for of in ("shop", "number", "offset"):
        assert len({getattr(each, of) for each in found}) == 6
    offsets = sorted(each.offset or 0 for each in found)
    assert all(later - earlier >= 100_000_000 for earlier, later in itertools.pairwise(offsets))


@pytest.mark.parametrize(
    ("path", "limit"), [("/webhook/receive", app.WEBHOOK_LIMIT), ("/webhook/test-connection", app.QUESTION_LIMIT)]
)
def test_a_body_over_the_limit_is_refused_declared_or_not(service: Service, path: str, limit: int) -> None:
    long = b"x" * (limit + 1)
    assert service.post(path, long, signed(long)).status_code == 413

    def pieces():  # type: ignore[no-untyped-def]
        yield from (b"x" * 4096 for _ in range(limit // 4096 + 1))

    assert httpx.post(service.url + path, content=pieces(), headers=signed(long)).status_code == 413
    fits = b" " * (limit - 2) + b"{}"
    assert service.post(path, fits, signed(fits)).status_code == 200


def test_whoever_is_not_believed_too_often_is_told_so_and_keeps_no_signed_webhook_out(service: Service) -> None:
    service.receiver.unbelieved = RateLimit(per_second=0.001, burst=3)
    codes = [service.post("/webhook/receive", b"{}", {}).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]
    assert said(service.tell("installed", access_token=TOKEN)) == OK  # of the same address, as behind a proxy


def test_a_body_that_comes_by_drops_is_not_waited_for_and_holds_no_connection(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.receive.body.PATIENCE", 0.3)
    told = answer_to_a_drop(service.url, "/webhook/receive", signed(b"x" * 1000))
    assert told.startswith(b"HTTP/1.1 408 ")
    assert told.endswith(b'{"success":false,"error":"body_too_slow"}')


def test_what_no_body_could_make_right_is_answered_before_any_body_came(service: Service) -> None:
    told = answer_to_a_drop(service.url, "/webhook/receive")
    assert told.startswith(b"HTTP/1.1 401 ")


def test_an_installation_that_calls_too_often_is_told_so_alone(service: Service) -> None:
    service.receiver.believed = RateLimit(per_second=0.001, burst=2)
    answers = [service.tell("config_updated", "inst_1", configs={}).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert service.tell("config_updated", "inst_2", configs={}).status_code == 200


def test_a_bucket_fills_with_time_and_not_over_its_brim() -> None:
    now = 0.0
    limit = RateLimit(per_second=1, burst=2, clock=lambda: now)
    assert [limit.take("a") for _ in range(3)] == [True, True, False]
    now = 1.0
    assert [limit.take("a") for _ in range(2)] == [True, False]
    now = 100.0
    assert [limit.take("a") for _ in range(3)] == [True, True, False]
    assert limit.take("b")


@pytest.mark.only_local("one writer holds up all others")
def test_a_database_that_is_held_up_costs_an_answer_within_two_seconds_and_the_retry_succeeds(service: Service) -> None:
    raw = orjson.dumps({"event": "integration.installed", "installation_id": "inst_alpha", "access_token": TOKEN})
    headers, free = signed(raw), threading.Event()

    def hold() -> None:
        with service.state.db.begin():
            free.wait(10)

    holding = threading.Thread(target=hold)
    holding.start()
    time.sleep(0.1)
    began = time.monotonic()
    assert service.post("/webhook/receive", raw, headers).status_code == 503
    assert time.monotonic() - began < 2
    assert httpx.get(service.url + "/health", timeout=10).status_code == 503
    free.set()
    holding.join()
    assert said(service.post("/webhook/receive", raw, headers)) == OK
    assert httpx.get(service.url + "/health").json() == {"status": "ok", "problems": []}


def test_an_error_of_ours_shows_nothing_of_what_it_worked_on(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Lifecycle, webhook: object) -> None:
        raise RuntimeError(f"cannot read {TOKEN}")

    monkeypatch.setattr(Lifecycle, "carry_out", broken)
    assert said(service.tell("installed", access_token=TOKEN)) == (500, {"success": False, "error": "internal_error"})
    assert "RuntimeError" in caplog.text
    assert TOKEN not in caplog.text
