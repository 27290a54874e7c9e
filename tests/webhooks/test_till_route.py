"""What the receiving route answers, and what it keeps."""

from __future__ import annotations

import sqlite3

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


def test_it_is_one_of_the_routes_of_connector_receive(make_service: MakeService) -> None:
    shop = {
        "key": "alpha",
        "label": "Alpha",
        "lang": "fr",
        "shopimind": {"access_token": "int_alpha"},
        "pos": {"system": "hiboutik", "account": "alpha", "oauth_token": "token", "webhook_secret": SECRET},
        "identifiers": {"prefix": "a_", "offset": 0},
    }
    service = make_service([shop])
    assert httpx.post(service.url + webhook_path("alpha", SECRET), content=SALE, trust_env=False).status_code == 200
    assert httpx.post(service.url + webhook_path("alpha", "x" * 20), content=SALE, trust_env=False).status_code == 404
    waiting = TillInbox(service.state.db, "alpha", service.state.sealer).waiting()
    assert [each.sale_id for each in waiting] == [7]


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
