"""A call as the API sees it, and the envelope that it comes back in."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import Envelope, InstallationInactive, ShopiMindError
from tests.scripted_server import Reply, ScriptedServer, closed_port

ACCEPTED_ONE = Reply(200, {"statusCode": 200, "sent_count": 1, "rejected_count": 0, "rejected_items": []})

Call = Callable[[ShopiMind], Envelope]


# --- the request ---------------------------------------------------------------------------------------------------


def test_every_call_carries_the_key_and_asks_for_json(api: ScriptedServer, client: ShopiMind) -> None:
    client.customers.delete("c1")
    headers = api.requests[0].headers
    assert headers["spm-api-key"] == "int_secret_token"
    assert headers["accept"] == headers["content-type"] == "application/json"


def test_a_save_is_compact_utf8_json_and_nothing_is_added_to_it(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(ACCEPTED_ONE)
    client.products.bulk_save([{"name": "Café", "price": Decimal("6.90"), "ean13": None, "id_data_source": 12}])
    assert api.calls == ["POST /v1/products"]
    assert api.requests[0].body == '[{"name":"Café","price":6.9,"ean13":null,"id_data_source":12}]'.encode()


def test_the_given_address_wins_over_the_environment_and_that_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOPIMIND_CORE_API_BASE", raising=False)
    assert ShopiMind("int_x").base_url == "https://core.shopimind.com"
    monkeypatch.setenv("SHOPIMIND_CORE_API_BASE", "https://core-staging.example.org/")
    assert ShopiMind("int_x").base_url == "https://core-staging.example.org"
    assert ShopiMind("int_x", "https://other.example.org").base_url == "https://other.example.org"
    monkeypatch.setenv("SHOPIMIND_CORE_API_BASE", "")
    assert ShopiMind("int_x", "").base_url == "https://core.shopimind.com"


def test_a_base_address_keeps_its_path(api: ScriptedServer) -> None:
    with ShopiMind("int_x", api.url + "/gateway//") as client:
        client.orders.delete("o1")
    assert api.calls == ["DELETE /gateway/v1/orders/o1"]


def test_plain_http_is_for_this_machine_only() -> None:
    with pytest.raises(ValueError, match="https"):
        ShopiMind("int_x", "http://core.shopimind.com")


@pytest.mark.parametrize("token", ["", "int x", "int_é", "int_\n"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ValueError, match="access token") as caught:
        ShopiMind(token)
    assert not token or token not in str(caught.value)


def test_a_message_that_repeats_the_token_is_told_without_it(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(Reply(400, {"statusCode": 400, "message": "spm-api-key int_secret_token is of another shop"}))
    envelope = client.customers.delete("c1")
    assert envelope.business_message == "spm-api-key *** is of another shop"


def test_the_token_shows_nowhere(client: ShopiMind) -> None:
    for shown in (client, client._transport, client._transport._http, client.customers):
        assert "secret" not in repr(shown)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda c: c.customers.delete("a/b?c#d é"), "DELETE /v1/customers/a%2Fb%3Fc%23d%20%C3%A9"),
        (lambda c: c.customers.get("c1"), "GET /v1/customers/c1"),
        (lambda c: c.customers.list_groups("c1"), "GET /v1/customers/c1/groups"),
        (lambda c: c.customers_addresses.of("c1").delete(7), "DELETE /v1/customers/c1/addresses/7"),
        (lambda c: c.products_images.of(5).bulk_delete(["i"]), "POST /v1/products/5/images/bulk-delete"),
        (lambda c: c.products_variations.all.bulk_save([{}]), "POST /v1/products/variations/bulk"),
        (lambda c: c.orders.get("o1"), "GET /v1/orders/id/o1"),
        (lambda c: c.orders.get_by_reference("T-1/2"), "GET /v1/orders/reference/T-1%2F2"),
        (lambda c: c.newsletter_subscribers.bulk_update([{}]), "PUT /v1/newsletter-subscribers"),
        (lambda c: c.data_sources.update(4, {"active": True}), "PUT /v1/data-sources/4"),
        (lambda c: c.custom_data_definitions.activate(3), "PATCH /v1/custom-data-definitions/3/activate"),
        (lambda c: c.custom_data_definitions.extend(3, {}), "PATCH /v1/custom-data-definitions/3/extend"),
        (lambda c: c.custom_data_records.of(3).update(9, {"points": 1}), "PATCH /v1/custom-data-records/3/9"),
        (lambda c: c.custom_data_records.of(3).bulk_delete([1]), "POST /v1/custom-data-records/3/bulk-delete"),
        (lambda c: c.events.create({"code_name": "x"}), "POST /v1/events"),
        (lambda c: c.events.update({"id_event": 1}), "PATCH /v1/events"),
        (lambda c: c.events.trigger("pos purchase", {}), "POST /v1/events/trigger/pos%20purchase"),
        (lambda c: c.contacts.list(), "GET /v1/contacts/all"),
        (lambda c: c.contacts.list_consent_history(), "GET /v1/contact-consent-history"),
        (lambda c: c.lists.list_contacts(4), "GET /v1/lists/4/contacts"),
        (lambda c: c.integration_config.set({"a": 1}), "PUT /v1/integration-config"),
    ],
)
def test_each_resource_has_its_route(api: ScriptedServer, client: ShopiMind, call: Call, expected: str) -> None:
    call(client)
    assert [f"{request.method} {request.target}" for request in api.requests] == [expected]


@pytest.mark.parametrize("item_id", ["", ".", ".."])
def test_an_id_that_would_name_something_else_is_refused(api: ScriptedServer, client: ShopiMind, item_id: str) -> None:
    with pytest.raises(ValueError, match="cannot be an id"):
        client.customers.delete(item_id)
    assert api.requests == []


def test_a_bulk_delete_names_its_ids(api: ScriptedServer, client: ShopiMind) -> None:
    client.customers.bulk_delete([f"c{n}" for n in range(120)])
    assert api.requests[0].json == {"customer_ids": [f"c{n}" for n in range(120)]}


def test_a_query_is_written_as_the_api_reads_it(api: ScriptedServer, client: ShopiMind) -> None:
    client.orders.list(
        limit=5,
        fields=["order_id", "amount"],
        filters={"created_at": {"gte": date(2026, 5, 1)}, "is_confirmed": {"eq": True}, "status": {"in": ["a", "b"]}},
        order=None,
    )
    assert api.requests[0].query == [
        ("limit", "5"),
        ("fields[]", "order_id"),
        ("fields[]", "amount"),
        ("filters[created_at][gte]", "2026-05-01"),
        ("filters[is_confirmed][eq]", "true"),
        ("filters[status][in][]", "a"),
        ("filters[status][in][]", "b"),
    ]


def test_an_activation_has_no_body(api: ScriptedServer, client: ShopiMind) -> None:
    client.custom_data_definitions.activate(3)
    assert api.requests[0].headers["content-length"] == "0"


def test_a_shop_connection_presents_itself(api: ScriptedServer, client: ShopiMind) -> None:
    client.shop_connection.save({"langs": ["fr"]}, client_id="x", client_version="5.0.0", current_build="1")
    assert api.requests[0].headers["client-version"] == "5.0.0"


# --- the envelope --------------------------------------------------------------------------------------------------


def test_a_success_has_the_status_the_parsed_body_and_no_error(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(Reply(201, {"statusCode": 201, "data": {"id_data_source": 4}}))
    envelope = client.data_sources.create({"label": "x"})
    assert (envelope.ok, envelope.status_code, envelope.error) == (True, 201, None)
    assert envelope.unwrap("source") == {"id_data_source": 4}


def test_an_empty_answer_to_a_deletion_is_a_success(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(Reply(204))
    envelope = client.orders.delete("o1")
    assert (envelope.ok, envelope.status_code, envelope.data) == (True, 204, "")


@pytest.mark.parametrize(
    ("status", "code", "retryable", "attempts"),
    [
        (400, "ERR_BAD_REQUEST", False, 1),
        (404, "ERR_BAD_REQUEST", False, 1),
        (429, "ERR_BAD_REQUEST", True, 4),
        (408, "ERR_BAD_REQUEST", True, 4),
        (503, "ERR_BAD_RESPONSE", True, 4),
        (501, "ERR_BAD_RESPONSE", False, 1),
        (302, "ERR_BAD_RESPONSE", False, 1),
    ],
)
def test_a_failure_of_http_is_told_in_the_words_of_the_sdk(
    api: ScriptedServer, client: ShopiMind, status: int, code: str, retryable: bool, attempts: int
) -> None:
    api.script(Reply(status, {"statusCode": status, "message": ["email must be an email", "lang is too long"]}))
    envelope = client.customers.list()
    assert envelope.error is not None
    assert (envelope.ok, envelope.status_code) == (False, status)
    assert (envelope.error.code, envelope.error.retryable, envelope.error.attempts) == (code, retryable, attempts)
    assert envelope.error.message == f"Request failed with status code {status}"
    assert envelope.business_message == "email must be an email; lang is too long"


def test_no_answer_at_all_is_status_0_without_data() -> None:
    with ShopiMind("int_x", f"http://127.0.0.1:{closed_port()}") as client:
        envelope = client.customers.list()
    assert envelope.error is not None
    assert (envelope.ok, envelope.status_code, envelope.data) == (False, 0, None)
    assert (envelope.error.code, envelope.error.retryable, envelope.error.attempts) == ("ECONNREFUSED", True, 4)


@pytest.mark.parametrize(
    "body",
    [b"<html>welcome</html>", b"", b'{"statusCode": 200, "data": [', b"null", b'"fine"', {"statusCode": 200}],
)
def test_a_2xx_without_the_list_that_was_asked_for_is_a_failure(
    api: ScriptedServer, client: ShopiMind, body: Any
) -> None:
    api.script(Reply(200, body))
    envelope = client.customers.list()
    assert envelope.error is not None
    assert (envelope.ok, envelope.status_code) == (False, 0)
    assert (envelope.error.code, envelope.error.retryable) == ("ERR_BAD_RESPONSE", True)


@pytest.mark.parametrize(
    "body",
    [
        [{"id": 1}],
        {"data": [{"id": 1}]},
        {"data": [{"id": 1}], "meta": {}, "message": "fine"},
        {"data": [{"id": 1}], "links": {"self": "/"}},
        {"statusCode": 200, "data": [{"id": 1}], "meta": {"pagination": {"has_next_page": False}}},
    ],
)
def test_a_list_is_read_from_any_wrapping(api: ScriptedServer, client: ShopiMind, body: Any) -> None:
    api.script(Reply(200, body))
    assert list(client.custom_data_definitions.list_all()) == [{"id": 1}]
    assert list(client.data_sources.list_all()) == [{"id": 1}]


def test_a_payload_is_unwrapped_without_a_status_code(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(Reply(201, {"data": {"id_data_source": 4}, "message": "created"}))
    assert client.data_sources.create({"label": "x"}).unwrap("source") == {"id_data_source": 4}


def test_a_body_with_a_field_called_data_is_not_unwrapped(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(Reply(200, {"id": 3, "data": {"a": 1}}))
    assert client.data_sources.create({"label": "x"}).unwrap("source") == {"id": 3, "data": {"a": 1}}


def test_html_is_no_answer_even_where_nothing_was_expected(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(Reply(200, b"<html>maintenance</html>"))
    assert not client.orders.delete("o1").ok


def test_a_body_over_25_mib_either_way_is_a_final_failure(api: ScriptedServer, client: ShopiMind) -> None:
    sent = client.products.bulk_save([{"description": "x" * (25 * 1024 * 1024)}], chunk=False)
    assert api.requests == []
    assert sent.error is not None
    assert (sent.status_code, sent.error.code, sent.error.retryable) == (0, "ERR_BAD_REQUEST", False)
    api.script(Reply(200, gzip.compress(b"0" * (26 * 1024 * 1024)), {"Content-Encoding": "gzip"}))
    received = client.products.list()
    assert received.error is not None
    assert (received.status_code, received.error.code, received.error.retryable) == (0, "ERR_BAD_RESPONSE", False)


def test_unwrapping_a_failure_says_what_was_asked_and_hides_addresses(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(Reply(422, {"statusCode": 422, "message": "email lea@example.com is taken"}))
    with pytest.raises(ShopiMindError) as caught:
        client.customers.list().unwrap("list of customers")
    assert (caught.value.status_code, caught.value.code) == (422, "ERR_BAD_REQUEST")
    expected = "ShopiMind list of customers failed (HTTP 422): email ***@example.com is taken"
    assert str(caught.value) == expected


def test_a_401_means_that_the_installation_is_not_active(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(Reply(401, {"statusCode": 401, "message": "Unauthorized"}))
    with pytest.raises(InstallationInactive):
        client.data_sources.list().unwrap("list of data sources")
    assert len(api.requests) == 1


def test_personal_data_is_no_part_of_a_representation(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(Reply(200, {"statusCode": 200, "data": [{"email": "lea@example.com"}]}))
    assert "lea" not in repr(client.customers.list())


# --- what is tried again -------------------------------------------------------------------------------------------

BULK_SAVE: Call = lambda c: c.customers.bulk_save([{"customer_id": "c1"}])  # noqa: E731
REPEATED = {
    "bulk save": BULK_SAVE,
    "update": lambda c: c.customers.bulk_update([{"customer_id": "c1"}]),
    "read": lambda c: c.contacts.get(id_shop_contact=1),
    "delete": lambda c: c.orders.delete("o1"),
    "bulk delete": lambda c: c.orders.bulk_delete(["o1"]),
    "activate": lambda c: c.custom_data_definitions.activate(1),
}
ONCE = {
    "create a source": lambda c: c.data_sources.create({"label": "x"}),
    "create a definition": lambda c: c.custom_data_definitions.create({"name": "x"}),
    "extend a definition": lambda c: c.custom_data_definitions.extend(1, {"fields": []}),
    "create an event": lambda c: c.events.create({"code_name": "x"}),
    "create a list": lambda c: c.lists.create({"name": "x"}),
    "trigger an event": lambda c: c.events.trigger("x", {}),
}


@pytest.mark.parametrize("call", REPEATED.values(), ids=REPEATED.keys())
@pytest.mark.parametrize(
    "fault", [Reply(503), Reply(408), Reply(429), Reply(reset=True)], ids=["503", "408", "429", "reset"]
)
def test_what_can_be_repeated_is(api: ScriptedServer, client: ShopiMind, call: Call, fault: Reply) -> None:
    api.script(fault, ACCEPTED_ONE)
    assert call(client).ok
    assert [request.body for request in api.requests[1:]] == [api.requests[0].body]


@pytest.mark.parametrize("call", ONCE.values(), ids=ONCE.keys())
@pytest.mark.parametrize(
    "fault", [Reply(503), Reply(408), Reply(500), Reply(reset=True)], ids=["503", "408", "500", "reset"]
)
def test_what_may_have_happened_is_not_repeated(
    api: ScriptedServer, client: ShopiMind, call: Call, fault: Reply
) -> None:
    api.script(fault, Reply(200))
    envelope = call(client)
    assert not envelope.ok
    assert envelope.error is not None
    assert envelope.error.retryable
    assert len(api.requests) == 1


@pytest.mark.parametrize("call", ONCE.values(), ids=ONCE.keys())
def test_what_was_certainly_turned_away_is_repeated(api: ScriptedServer, client: ShopiMind, call: Call) -> None:
    api.script(Reply(429), Reply(200, {"statusCode": 200, "data": {}}))
    assert call(client).ok
    assert len(api.requests) == client.attempts == 2


# --- reading pages -------------------------------------------------------------------------------------------------


def _page(rows: list[dict[str, Any]], **pagination: Any) -> Reply:
    meta = {"meta": {"pagination": pagination}} if pagination else {}
    return Reply(200, {"statusCode": 200, "data": rows, **meta})


def test_all_items_are_read_in_pages_of_100(api: ScriptedServer, client: ShopiMind) -> None:
    rows = [{"order_id": str(n)} for n in range(250)]

    def respond(request: Any) -> Reply:
        query = dict(request.query)
        start, size = int(query["offset"]), int(query["limit"])
        return _page(rows[start : start + size], has_next_page=start + size < len(rows))

    api.respond = respond
    assert list(client.orders.list_all(fields=["order_id"])) == rows
    assert [request.query for request in api.requests] == [
        [("limit", "100"), ("offset", offset), ("fields[]", "order_id")] for offset in ("0", "100", "200")
    ]


def test_sources_are_one_call_unless_the_answer_says_that_there_are_more(
    api: ScriptedServer, client: ShopiMind
) -> None:
    rows = [{"id_data_source": n} for n in range(25)]

    def respond(request: Any) -> Reply:
        query = dict(request.query)
        start, size = int(query.get("offset", 0)), int(query.get("limit", 10))
        return _page(rows[start : start + size], has_next_page=start + size < len(rows))

    api.respond = respond
    assert list(client.data_sources.list_all()) == rows
    assert [request.query for request in api.requests] == [[], [("limit", "100"), ("offset", "10")]]


def test_pages_shorter_than_asked_for_lose_nothing(api: ScriptedServer, client: ShopiMind) -> None:
    rows = [{"order_id": str(n)} for n in range(25)]

    def respond(request: Any) -> Reply:
        start = int(dict(request.query)["offset"])
        return _page(rows[start : start + 10], total_items="25")

    api.respond = respond
    assert list(client.orders.list_all()) == rows
    assert len(api.requests) == 3


def test_without_any_word_on_pages_reading_ends_with_an_empty_one(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(_page([{"a": 1}]), _page([{"a": 2}]), _page([]))
    assert list(client.vouchers.list_all()) == [{"a": 1}, {"a": 2}]


def test_a_server_that_repeats_its_page_does_not_keep_us_for_ever(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(_page([{"a": 1}], has_next_page=True))
    assert list(client.vouchers.list_all()) == [{"a": 1}]
    assert len(api.requests) == 2


def test_a_page_that_cannot_be_read_is_an_error(api: ScriptedServer, client: ShopiMind) -> None:
    api.script(_page([{"a": 1}], has_next_page=True), Reply(500))
    with pytest.raises(ShopiMindError, match="list of vouchers from 1 failed"):
        list(client.vouchers.list_all())
