"""What the receiving route answers, and what it keeps."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from cryptography.fernet import Fernet, MultiFernet

from connector.receive.till import BODY_LIMIT
from connector.sandbox.till_sender import USER_AGENT, encoded
from connector.state.errors import StateError
from connector.state.sealing import Sealer
from connector.state.till_inbox import TillInbox
from connector.webhooks import webhook_path
from tests.receive.conftest import MakeService
from tests.receive.service import Service, answer_to_a_drop
from tests.webhooks.conftest import SECRET, Pushing

SALE = encoded({"sale_id": 7, "customer_id": 101, "comments": "Inès Morvane", "line_items": []})


def push(pushing: Pushing, body: bytes, path: str = webhook_path("alpha", SECRET)) -> httpx.Response:
    headers = {"User-Agent": USER_AGENT, "Content-Type": "application/x-www-form-urlencoded"}
    return httpx.post(pushing.receiver.url + path, content=body, headers=headers, trust_env=False)


def test_a_sale_is_kept_before_it_is_answered_and_sealed(unsynced: Pushing) -> None:
    answer = push(unsynced, SALE)
    assert (answer.status_code, answer.json()) == (200, {})
    assert [(each.sale_id, each.body) for each in unsynced.waiting()] == [(7, SALE)]
    if unsynced.state.db.engine.dialect.name == "sqlite":
        file = sqlite3.connect(unsynced.state.db.engine.url.database)
        ((payload,),) = file.execute("SELECT payload FROM till_inbox").fetchall()
        assert b"Morvane" not in payload


@pytest.mark.parametrize(
    "path",
    [
        webhook_path("alpha", SECRET + "x"),
        webhook_path("alpha", "é" * 20),
        webhook_path("nobody", SECRET),
        webhook_path("alpha", ""),
    ],
)
def test_a_wrong_secret_and_an_unknown_shop_are_not_told_apart(unsynced: Pushing, path: str) -> None:
    answer = push(unsynced, SALE, path)
    assert answer.status_code == 404
    assert SECRET not in answer.text
    assert unsynced.waiting() == []


@pytest.mark.parametrize(
    "body",
    [
        encoded({"customer_id": 101}),
        encoded({"product_id": 11}),
        encoded({"sale_id": 7, "line_item": {"product_id": 11}}),
        b"",
        b"not a form",
        b"\xff\xfe",
        b"a" + b"[b]" * 40 + b"=1",
    ],
)
def test_what_is_no_whole_sale_is_acknowledged_and_not_kept(unsynced: Pushing, body: bytes) -> None:
    """Customers and products are read in lists; a push of them says nothing that the next sync does not find."""
    assert push(unsynced, body).status_code == 200
    assert unsynced.waiting() == []


def test_a_body_over_the_limit_is_not_kept(unsynced: Pushing) -> None:
    assert push(unsynced, SALE + b"&x=" + b"a" * BODY_LIMIT).status_code == 413
    assert unsynced.waiting() == []


def test_a_body_that_comes_by_drops_is_not_waited_for_and_holds_no_connection(
    unsynced: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.receive.body.PATIENCE", 0.3)
    told = answer_to_a_drop(unsynced.receiver.url, webhook_path("alpha", SECRET))
    assert told.startswith(b"HTTP/1.1 408 ")
    assert unsynced.waiting() == []


# --- in connector receive, beside the routes of ShopiMind -------------------------------------------------------------


@pytest.fixture
def service(make_service: MakeService) -> Service:
    """A receiver of two shops whose tills push."""

    def shop(key: str, number: int) -> dict[str, object]:
        return {
            "key": key,
            "label": key,
            "lang": "fr",
            "shopimind": {"access_token": f"int_{key}"},
            "pos": {"system": "hiboutik", "account": key, "oauth_token": "token", "webhook_secret": SECRET},
            "identifiers": {"prefix": f"{key}_", "offset": number * 100_000_000},
        }

    return make_service([shop("alpha", 0), shop("beta", 1)])


def received(service: Service, shop: str = "alpha", secret: str = SECRET) -> int:
    """The status of an answer."""
    return service.post(webhook_path(shop, secret), SALE, {"User-Agent": USER_AGENT}).status_code


def kept(service: Service, shop: str = "alpha") -> list[int]:
    return [each.sale_id for each in TillInbox(service.state.db, shop, service.state.sealer).waiting()]


@contextmanager
def database_held_up(service: Service) -> Iterator[None]:
    """By a writer that does not end, as SQLite has one at a time."""
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with service.state.db.begin():
            held.set()
            free.wait(30)

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait()
    try:
        yield
    finally:
        free.set()
        holding.join()


def test_it_is_one_of_the_routes_of_connector_receive(service: Service) -> None:
    assert received(service) == 200
    assert received(service, secret="x" * 20) == 404
    assert kept(service) == [7]


def test_whoever_guesses_secrets_is_soon_not_listened_to_any_more(service: Service) -> None:
    """Not even with the right one, or guessing would go on at full speed."""
    service.receiver.unbelieved_tills.clock = lambda: 0.0  # a slow machine would give some back meanwhile
    guesses = [received(service, secret=f"guess-{number:014d}") for number in range(40)]
    assert guesses == [404] * 30 + [429] * 10
    assert received(service) == 429
    assert kept(service) == []


def test_one_whose_guesses_were_too_many_is_listened_to_again_after_a_while(service: Service) -> None:
    now = 0.0
    service.receiver.unbelieved_tills.clock = lambda: now
    assert [received(service, secret="x" * 20) for _ in range(31)][-1] == 429
    now = 1.0
    assert received(service) == 200


def test_a_shop_that_is_not_there_is_limited_as_one_that_is(service: Service) -> None:
    for shop in ("alpha", "nobody", "No Shop!"):
        service.receiver.unbelieved_tills.clock = lambda: 0.0
        assert [received(service, shop, "x" * 20) for _ in range(31)] == [404] * 30 + [429]


def test_a_till_whose_secret_is_out_of_date_keeps_no_other_shops_till_out(service: Service) -> None:
    """They call from the same address: that of their maker."""
    service.receiver.unbelieved_tills.clock = lambda: 0.0
    assert [received(service, "alpha", "x" * 20) for _ in range(31)][-1] == 429
    assert received(service, "beta") == 200


def test_a_busy_till_is_never_limited(service: Service) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: received(service), range(200))) == {200}
    assert len(kept(service)) == 200


@pytest.mark.only_local("one writer holds up all others")
def test_a_sale_that_cannot_be_kept_in_time_is_told_within_two_seconds(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with database_held_up(service):
        began = time.monotonic()
        assert received(service) == 503
        assert time.monotonic() - began < 2
    assert "shop alpha: what its till pushed was not kept within 1.7 s; the next poll finds it." in caplog.text
    assert SECRET not in caplog.text
    assert received(service) == 200


@pytest.mark.only_local("one writer holds up all others")
def test_pushes_that_wait_for_the_database_take_no_thread_from_shopiminds_webhooks(service: Service) -> None:
    url = service.url + webhook_path("alpha", SECRET)
    with httpx.Client(trust_env=False, timeout=20) as till, database_held_up(service), ThreadPoolExecutor(60) as pool:
        pushes = [pool.submit(till.post, url, content=SALE) for _ in range(60)]  # more than all threads for requests
        time.sleep(0.5)
        asked = service.ask("/webhook/test-connection", {"configs": {}})
        assert asked.json() == {"success": False, "error": "configs.hib_account is missing"}
        assert {push.result().status_code for push in pushes} == {503}
    assert received(service) == 200
    assert len(kept(service)) < 60  # what had found no thread when its sender was answered was not begun


def test_what_no_key_opens_is_kept_and_holds_nothing_up(unsynced: Pushing) -> None:
    push(unsynced, SALE)
    other = Sealer.__new__(Sealer)
    key = Fernet(Fernet.generate_key())
    other._first, other._any, other.has_older_keys, other.where = key, MultiFernet([key]), False, "CONNECTOR_KEYS"
    inbox = TillInbox(unsynced.state.db, "alpha", other)
    assert inbox.is_due()
    assert inbox.waiting() == []
    assert not inbox.is_due()
    assert [each.sale_id for each in unsynced.waiting()] == [7]


def test_a_sale_that_could_not_be_kept_is_told(unsynced: Pushing, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StateError("the disk is full")

    monkeypatch.setattr(TillInbox, "put", full)
    assert push(unsynced, SALE).status_code == 503
