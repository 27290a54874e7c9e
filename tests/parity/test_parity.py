"""The official SDK and our client make the same calls: the same bytes arrive, the same envelopes come back.

Real integrations use `@shopimind/sdk-shopimind`; whoever knows it should find nothing surprising here. What we want to
be different is in the last part, each with its reason, so that no other difference can creep in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import Envelope
from tests.parity.calls import CALLS, CHUNK, TRIGGER, Ours, items
from tests.parity.conftest import OfficialCalls, as_official, official_envelope
from tests.scripted_server import Reply, Request, ScriptedServer, closed_port

TOKEN = "int_parity"


def answer(request: Request) -> Reply:
    """As the API answers, by the kind of the call."""
    if request.method == "GET":
        pagination = {"total_items": 1, "has_next_page": False}
        return Reply(200, {"statusCode": 200, "data": [{"id": 1}], "meta": {"pagination": pagination}})
    body = request.json if request.body else None
    if isinstance(body, list):
        return Reply(200, {"statusCode": 200, "sent_count": len(body), "rejected_count": 0, "rejected_items": []})
    return Reply(200, {"statusCode": 200, "data": {"id": 1}})


@pytest.fixture
def api() -> Iterator[ScriptedServer]:
    with ScriptedServer(answer) as running:
        yield running


def arrived(api: ScriptedServer) -> list[Any]:
    """What the API got since the last look, as far as it can matter to it."""
    seen = [
        {
            "call": f"{request.method} {request.path}",
            "query": request.query,
            "body": request.body,
            "headers": {name: request.headers.get(name) for name in ("accept", "content-type", "spm-api-key")},
        }
        for request in api.requests
    ]
    api.requests.clear()
    return seen


def ours(api: ScriptedServer, call: Ours) -> Envelope:
    """One request in flight: the official SDK sends its chunks one after the other."""
    with ShopiMind(TOKEN, api.url, requests_in_flight=1) as client:
        return call(client)


# --- the same ------------------------------------------------------------------------------------------------------


def test_the_same_calls_arrive_and_the_same_envelopes_come_back(api: ScriptedServer, official: OfficialCalls) -> None:
    theirs = [official_envelope(envelope) for envelope in official(api.url, *(call for call, _ in CALLS))]
    their_requests = arrived(api)
    own = [as_official(ours(api, call)) for _, call in CALLS]
    assert arrived(api) == their_requests
    assert own == theirs


def test_every_resource_of_the_official_sdk_is_compared(official: OfficialCalls, modules: Any) -> None:
    source = (modules / "@shopimind" / "sdk-shopimind" / "index.js").read_text()
    resources = set(re.findall(r"require\('./src/resources/(\w+)'\)", source))
    # absent from the API's own description, and for shops instead of integrations
    assert resources - {call[0] for call, _ in CALLS} == {"SpmCustomKpi", "SpmShopConnection"}


FAILURES = {
    "400": Reply(400, {"statusCode": 400, "message": ["email must be an email"]}),
    "401": Reply(401, {"statusCode": 401, "message": "Unauthorized"}),
    "404 as text": Reply(404, b"nothing here"),
    "409": Reply(409, {"statusCode": 409, "message": "already exists"}),
    "413 empty": Reply(413, b""),
    "429": Reply(429, {"statusCode": 429}),
    "408": Reply(408, {"statusCode": 408}),
    "500": Reply(500, {"statusCode": 500}),
    "501": Reply(501, {"statusCode": 501}),
    "503 as html": Reply(503, b"<html>down</html>"),
    "504": Reply(504, {"statusCode": 504}),
}


@pytest.mark.parametrize("reply", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_is_tried_as_often_and_told_in_the_same_words(
    api: ScriptedServer, official: OfficialCalls, reply: Reply
) -> None:
    api.script(reply)
    (theirs,) = official(api.url, ["SpmCustomers", "bulkSave", items(2)])
    their_requests = arrived(api)
    own = ours(api, lambda c: c.customers.bulk_save(items(2), chunk=False))
    assert arrived(api) == their_requests
    assert as_official(own) == official_envelope(theirs)


def test_a_passing_failure_passes(api: ScriptedServer, official: OfficialCalls) -> None:
    accepted = Reply(200, {"statusCode": 200, "sent_count": 2, "rejected_count": 0, "rejected_items": []})
    api.script(Reply(503), Reply(reset=True), accepted)
    (theirs,) = official(api.url, ["SpmCustomers", "bulkSave", items(2)])
    their_requests = arrived(api)
    api.script(Reply(503), Reply(reset=True), accepted)
    own = ours(api, lambda c: c.customers.bulk_save(items(2), chunk=False))
    assert arrived(api) == their_requests
    assert len(their_requests) == 3
    assert as_official(own) == official_envelope(theirs)


@pytest.mark.parametrize("code", ["ECONNREFUSED", "ECONNRESET"])
def test_the_network_is_told_in_the_same_words(api: ScriptedServer, official: OfficialCalls, code: str) -> None:
    api.script(Reply(reset=True))
    url = api.url if code == "ECONNRESET" else f"http://127.0.0.1:{closed_port()}"
    (theirs,) = official(url, ["SpmCustomers", "list"])
    with ShopiMind(TOKEN, url) as client:
        own = as_official(client.customers.list())
    for envelope in (theirs, own):
        assert (envelope["ok"], envelope["statusCode"], envelope["data"]) == (False, 0, None)
        error = envelope["error"]
        assert (error["code"], error["retryable"], error["attempts"]) == (code, True, 4)


def _second_chunk(reply: Reply) -> Callable[[Request], Reply]:
    return lambda request: reply if any(item["customer_id"] == "c50" for item in request.json) else answer(request)


def test_a_failed_chunk_in_the_middle_is_told_alike(api: ScriptedServer, official: OfficialCalls) -> None:
    api.respond = _second_chunk(Reply(422, {"statusCode": 422, "message": "no"}))
    (theirs,) = official(api.url, ["SpmCustomers", "bulkSave", items(120), CHUNK])
    their_requests = arrived(api)
    own = ours(api, lambda c: c.customers.bulk_save(items(120)))
    assert arrived(api) == their_requests
    told, expected = as_official(own), official_envelope(theirs)
    assert told["data"] == expected["data"]
    assert told["error"] == expected["error"]
    assert own.error is not None
    assert [error.code for error in own.error.details] == [error["code"] for error in theirs["error"]["details"]]


# --- wanted differences --------------------------------------------------------------------------------------------


def test_an_aggregate_never_says_200_for_a_failure(api: ScriptedServer, official: OfficialCalls) -> None:
    """The official one takes the last chunk's status, so a caller that looks at it believes that all is saved."""
    api.respond = _second_chunk(Reply(422))
    (theirs,) = official(api.url, ["SpmCustomers", "bulkSave", items(120), CHUNK])
    own = ours(api, lambda c: c.customers.bulk_save(items(120)))
    assert (theirs["ok"], theirs["statusCode"]) == (False, 200)
    assert (own.ok, own.status_code) == (False, 422)


def test_what_must_not_happen_twice_is_not_repeated(api: ScriptedServer, official: OfficialCalls) -> None:
    """The official one repeats every POST: after a lost answer the event could happen up to four times."""
    api.script(Reply(503))
    calls = [["SpmEvents", "trigger", "x", TRIGGER], ["SpmDataSources", "create", {"label": "x"}]]
    assert [envelope["error"]["attempts"] for envelope in official(api.url, *calls)] == [4, 4]
    for call in (lambda c: c.events.trigger("x", TRIGGER), lambda c: c.data_sources.create({"label": "x"})):
        error = ours(api, call).error
        assert error is not None
        assert (error.attempts, error.retryable) == (1, True)


def test_retry_after_is_obeyed(api: ScriptedServer, official: OfficialCalls) -> None:
    """The official one ignores it and hammers; we leave a wait of over a minute to the next run."""
    api.script(Reply(429, headers={"Retry-After": "120"}))
    (theirs,) = official(api.url, ["SpmCustomers", "list"])
    own = ours(api, lambda c: c.customers.list())
    assert own.error is not None
    assert (theirs["error"]["attempts"], own.error.attempts) == (4, 1)
    assert own.error.retry_after == 120


@pytest.mark.parametrize(
    "body", [b"<html>maintenance</html>", b"", {"surprise": True}, {"sent_count": 1}, {"failed_count": 2}]
)
def test_a_2xx_that_accounts_for_nothing_is_a_failure(api: ScriptedServer, official: OfficialCalls, body: Any) -> None:
    """The official one takes any 2xx for a success: what a proxy swallowed would count as delivered."""
    api.script(Reply(200, body))
    (theirs,) = official(api.url, ["SpmCustomers", "bulkSave", items(2)])
    own = ours(api, lambda c: c.customers.bulk_save(items(2), chunk=False))
    assert (theirs["ok"], own.ok) == (True, False)


def test_a_redirect_is_not_followed(api: ScriptedServer, official: OfficialCalls) -> None:
    """The official one follows: the key would go wherever a redirect on the same host points."""
    api.respond = lambda request: (
        answer(request) if request.path == "/elsewhere" else Reply(302, headers={"Location": f"{api.url}/elsewhere"})
    )
    (theirs,) = official(api.url, ["SpmDataSources", "list"])
    assert theirs["ok"]
    own = ours(api, lambda c: c.data_sources.list())
    assert (own.ok, own.status_code) == (False, 302)
    assert api.requests[-1].path == "/v1/data-sources"


def test_an_id_cannot_change_the_route(api: ScriptedServer, official: OfficialCalls) -> None:
    """The official one pastes ids as they are: this one would delete something else."""
    official(api.url, ["SpmCustomers", "delete", "c1/addresses/7?"])
    ours(api, lambda c: c.customers.delete("c1/addresses/7?"))
    theirs, own = (request.target for request in api.requests)
    assert theirs.rstrip("?") == "/v1/customers/c1/addresses/7"
    assert own == "/v1/customers/c1%2Faddresses%2F7%3F"


def test_the_place_of_a_rejected_item_counts_from_the_first_of_all(
    api: ScriptedServer, official: OfficialCalls
) -> None:
    """The official one passes on the place in a chunk without saying in which."""
    entry = {"index": 1, "errors": ["email must be an email"]}
    body = {"statusCode": 200, "sent_count": 49, "rejected_count": 1, "rejected_items": [entry]}
    api.respond = _second_chunk(Reply(200, body))
    (theirs,) = official(api.url, ["SpmCustomers", "bulkSave", items(120), CHUNK])
    own = ours(api, lambda c: c.customers.bulk_save(items(120)))
    assert theirs["data"]["rejected_items"] == [entry]
    assert own.data["rejected_items"] == [entry | {"index": 51}]


def test_label_source_is_never_added(api: ScriptedServer, official: OfficialCalls) -> None:
    """The official one tags items as "web" unless told otherwise; an integration's items say their `id_data_source`."""
    official(api.url, ["SpmCustomers", "bulkSave", items(1)], labelSource="web")
    ours(api, lambda c: c.customers.bulk_save(items(1)))
    theirs, own = (request.json[0] for request in api.requests)
    assert theirs == own | {"label_source": "web"}


def test_after_a_401_the_remaining_chunks_stay_here(api: ScriptedServer, official: OfficialCalls) -> None:
    """The official one goes on asking with a key that was just said to be void."""
    api.script(Reply(401))
    official(api.url, ["SpmCustomers", "bulkSave", items(120), CHUNK])
    assert len(arrived(api)) == 3
    ours(api, lambda c: c.customers.bulk_save(items(120)))
    assert len(arrived(api)) == 1
