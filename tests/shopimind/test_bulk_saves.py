"""Bulk saves: how items are cut, what one chunk's fate means for the others, what a 2xx has to say to be believed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from connector.shopimind.bulk import save_chunks
from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import Envelope, rejections
from connector.shopimind.resources import Saved
from tests.scripted_server import Reply, Request, ScriptedServer


def items(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"customer_id": f"c{n}", "id_data_source": 1} for n in range(start, start + count)]


def encoded(count: int, start: int = 0) -> list[bytes]:
    return [json.dumps(item).encode() for item in items(count, start)]


def accepts(request: Request) -> Reply:
    return Reply(200, {"statusCode": 200, "sent_count": len(request.json), "rejected_count": 0, "rejected_items": []})


def holds(request: Request, customer_id: str) -> bool:
    return any(item["customer_id"] == customer_id for item in request.json)


@pytest.fixture(autouse=True)
def accepting(api: ScriptedServer) -> None:
    api.respond = accepts


# --- cutting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("customers", 50),
        ("products", 50),
        ("orders", 50),
        ("vouchers", 50),
        ("newsletter_subscribers", 50),
        ("products_categories", 100),
        ("products_manufacturers", 100),
        ("orders_statuses", 100),
        ("orders_carriers", 100),
        ("customers_groups", 100),
    ],
)
def test_a_request_takes_no_more_than_the_api_does(
    api: ScriptedServer, client: ShopiMind, name: str, size: int
) -> None:
    resource: Saved = getattr(client, name)
    assert resource.chunk_size == size
    assert resource.bulk_save(items(size + 1)).ok
    assert sorted(len(request.json) for request in api.requests) == [1, size]


def test_custom_data_records_go_20_at_a_time(api: ScriptedServer, client: ShopiMind) -> None:
    assert client.custom_data_records.of(7).bulk_save(items(41)).ok
    assert sorted(len(request.json) for request in api.requests) == [1, 20, 20]
    assert {request.path for request in api.requests} == {"/v1/custom-data-records/7"}


def test_another_size_can_be_asked_for_and_chunks_can_be_left_out(api: ScriptedServer, client: ShopiMind) -> None:
    client.customers.bulk_save(items(5), chunk_size=2)
    assert sorted(len(request.json) for request in api.requests) == [1, 2, 2]
    client.customers.bulk_save(items(120), chunk=False)
    assert len(api.requests[-1].json) == 120


def test_nothing_to_save_is_a_success_without_a_request(api: ScriptedServer, client: ShopiMind) -> None:
    envelope = client.customers.bulk_save([])
    assert (envelope.ok, envelope.status_code, envelope.counts) == (True, 200, (0, 0, 0))
    assert api.requests == []


# --- the aggregate of all chunks -----------------------------------------------------------------------------------


def test_the_counts_of_all_chunks_are_added_up_in_order(api: ScriptedServer, client: ShopiMind) -> None:
    def respond(request: Request) -> Reply:
        if not holds(request, "c60"):
            return accepts(request)
        entry = {"index": 10, "item": {"customer_id": "c60"}, "errors": ["email must be an email"]}
        return Reply(200, {"statusCode": 200, "sent_count": 49, "rejected_count": 1, "rejected_items": [entry]})

    api.respond = respond
    envelope = client.customers.bulk_save(items(120))
    assert envelope.ok
    assert envelope.counts == (119, 1, 0)
    assert [(chunk["statusCode"], chunk["sent_count"]) for chunk in envelope.data["chunks"]] == [
        (200, 50),
        (200, 49),
        (200, 20),
    ]
    assert [(found.index, found.field) for found in rejections(envelope)] == [(60, "email")]


def test_a_failed_chunk_is_told_and_the_others_are_saved(api: ScriptedServer, client: ShopiMind) -> None:
    api.respond = lambda request: Reply(503) if holds(request, "c0") else accepts(request)
    envelope = client.customers.bulk_save(items(120))
    assert envelope.error is not None
    assert (envelope.ok, envelope.counts) == (False, (70, 0, 50))
    assert (envelope.error.code, envelope.error.retryable, envelope.error.attempts) == ("PARTIAL_FAILURE", True, 4)
    assert envelope.error.message == "1 chunk(s) failed out of 3"
    assert [error.code for error in envelope.error.details] == ["ERR_BAD_RESPONSE"]


@pytest.mark.parametrize("fault", [Reply(503), Reply(400), Reply(reset=True), Reply(200, b"<html>")])
def test_no_aggregate_says_200_when_a_chunk_failed(api: ScriptedServer, client: ShopiMind, fault: Reply) -> None:
    api.respond = lambda request: fault if holds(request, "c0") else accepts(request)
    envelope = client.customers.bulk_save(items(120))
    assert not envelope.ok
    assert not 200 <= envelope.status_code < 300


def test_an_aggregate_is_only_retryable_when_all_its_failures_are(api: ScriptedServer, client: ShopiMind) -> None:
    api.respond = lambda request: Reply(400 if holds(request, "c0") else 503)
    envelope = client.customers.bulk_save(items(60))
    assert envelope.error is not None
    assert not envelope.error.retryable
    assert len(envelope.error.details) == 2


def test_what_was_held_back_after_a_401_counts_as_failed(api: ScriptedServer) -> None:
    api.script(Reply(401))
    with ShopiMind("int_x", api.url, requests_in_flight=1) as client:
        envelope = client.customers.bulk_save(items(120))
    assert len(api.requests) == 1
    assert (envelope.ok, envelope.status_code, envelope.counts) == (False, 401, (0, 0, 120))
    assert envelope.error is not None
    assert [error.code for error in envelope.error.details] == ["ERR_BAD_REQUEST", "NOT_SENT", "NOT_SENT"]


# --- chunks side by side -------------------------------------------------------------------------------------------


def test_every_chunk_comes_back_once_with_its_place(api: ScriptedServer, client: ShopiMind) -> None:
    outcomes = dict(save_chunks(client.customers, [encoded(3, start=10 * n) for n in range(20)]))
    assert sorted(outcomes) == list(range(20))
    assert all(envelope.ok and envelope.counts.sent == 3 for envelope in outcomes.values())


def test_no_more_than_so_many_are_in_flight(api: ScriptedServer, client: ShopiMind) -> None:
    gate = threading.Barrier(3, timeout=5)
    lock = threading.Lock()
    now, most = 0, 0

    def respond(request: Request) -> Reply:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        gate.wait()  # opens only for three at once
        with lock:
            now -= 1
        return accepts(request)

    api.respond = respond
    assert len(list(save_chunks(client.customers, [encoded(1, n) for n in range(9)], in_flight=3))) == 9
    assert most == 3


def test_chunks_are_pulled_only_as_there_is_room_for_them(api: ScriptedServer, client: ShopiMind) -> None:
    pulled = 0

    def chunks() -> Iterator[list[bytes]]:
        nonlocal pulled
        for n in range(10):
            pulled += 1
            yield encoded(1, n)

    running = save_chunks(client.customers, chunks(), in_flight=2)
    next(running)
    assert pulled == 2  # so what was sent and not yet told is never more than what may be in flight
    next(running)
    assert pulled == 3
    running.close()


def test_a_slow_chunk_does_not_hold_up_the_others(api: ScriptedServer, client: ShopiMind) -> None:
    others_done = threading.Event()

    def respond(request: Request) -> Reply:
        if holds(request, "c0"):
            others_done.wait(5)
        return accepts(request)

    api.respond = respond
    order = []
    for place, _ in save_chunks(client.customers, [encoded(1, n) for n in range(6)], in_flight=2):
        order.append(place)
        if len(order) == 5:
            others_done.set()
    assert order == [1, 2, 3, 4, 5, 0]


def test_after_a_401_no_chunk_is_started_and_those_in_flight_are_told(api: ScriptedServer, client: ShopiMind) -> None:
    second_arrived, refused = threading.Event(), threading.Event()

    def respond(request: Request) -> Reply:
        if holds(request, "c0"):
            second_arrived.wait(5)
            refused.set()
            return Reply(401)
        second_arrived.set()
        refused.wait(5)
        return accepts(request)

    api.respond = respond
    outcomes = dict(save_chunks(client.customers, [encoded(1, n) for n in range(10)], in_flight=2))
    assert {place: envelope.status_code for place, envelope in outcomes.items() if place < 2} == {0: 401, 1: 200}
    assert len(api.requests) == len(outcomes) <= 3  # a third may have started before the 401 was read


def test_after_a_401_nothing_is_tried_again(api: ScriptedServer, client: ShopiMind) -> None:
    refused = threading.Event()
    both = threading.Barrier(2, timeout=5)

    def respond(request: Request) -> Reply:
        both.wait()
        if holds(request, "c0"):
            refused.set()
            return Reply(401)
        return Reply(503, headers={"Retry-After": "0.5"})

    api.respond = respond
    with stamina.set_testing(False):  # the half second gives the 401 the time to be read
        outcomes = dict(save_chunks(client.customers, [encoded(1, 0), encoded(1, 1)], in_flight=2))
    assert {place: envelope.status_code for place, envelope in outcomes.items()} == {0: 401, 1: 503}
    assert len(api.requests) == 2


def test_a_mistake_in_the_chunks_is_raised_after_what_was_sent_is_told(api: ScriptedServer, client: ShopiMind) -> None:
    def chunks() -> Iterator[list[bytes]]:
        yield encoded(1)
        raise LookupError("the ledger is gone")

    running = save_chunks(client.customers, chunks())
    place, envelope = next(running)
    assert (place, envelope.ok) == (0, True)
    with pytest.raises(LookupError):
        next(running)


def test_closing_early_leaves_no_thread_behind(api: ScriptedServer, client: ShopiMind) -> None:
    running = save_chunks(client.customers, [encoded(1, n) for n in range(50)], in_flight=4)
    next(running)
    running.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shopimind")]
    assert len(api.requests) < 50


# --- which 2xx is believed -----------------------------------------------------------------------------------------


def _one_chunk(api: ScriptedServer, client: ShopiMind, body: Any, count: int = 3) -> Envelope:
    api.script(Reply(200, body))
    ((_, envelope),) = save_chunks(client.customers, [encoded(count)])
    return envelope


@pytest.mark.parametrize(
    "body",
    [
        b"<html>maintenance</html>",
        b"",
        b'{"statusCode": 200, "sent_count": 3, "reje',
        b"[]",
        b"null",
        {},
        {"surprise": True},
        {"statusCode": 200},
        {"statusCode": 200, "data": []},
        {"statusCode": 200, "sent_count": "three"},
        {"statusCode": 200, "sent_count": 0, "rejected_count": 0},
        {"statusCode": 500, "sent_count": 3, "rejected_count": 0},
    ],
)
def test_a_2xx_that_does_not_account_for_every_item_is_a_failure(
    api: ScriptedServer, client: ShopiMind, body: Any
) -> None:
    envelope = _one_chunk(api, client, body)
    assert envelope.error is not None
    assert (envelope.ok, envelope.status_code) == (False, 0)
    assert (envelope.error.code, envelope.error.retryable) == ("ERR_BAD_RESPONSE", True)


@pytest.mark.parametrize(
    "body",
    [
        {"statusCode": 200, "sent_count": 2, "rejected_count": 0},
        {"statusCode": 200, "sent_count": 2, "rejected_count": 1},
        {"statusCode": 200, "sent_count": 2, "rejected_count": 1, "rejected_items": []},
        {"statusCode": 200, "sent_count": 2, "rejected_count": 1, "rejected_items": ["something is wrong"]},
        {"statusCode": 200, "sent_count": 2, "rejected_count": 1, "rejected_items": [{"index": 9, "errors": ["x"]}]},
        {"statusCode": 200, "sent_count": 2, "rejected_count": 1, "rejected_items": [{"row": 3, "why": ["x"]}]},
        {"statusCode": 200, "sent_count": 1, "rejected_count": 2, "rejected_items": [{"index": 1, "errors": ["x"]}]},
    ],
)
def test_a_2xx_that_does_not_say_which_items_it_left_out_says_so(
    api: ScriptedServer, client: ShopiMind, body: Any
) -> None:
    envelope = _one_chunk(api, client, body)
    assert envelope.error is not None
    assert (envelope.ok, envelope.status_code) == (False, 0)
    assert (envelope.error.code, envelope.error.retryable) == ("UNIDENTIFIED", True)


def test_failed_items_in_a_200_fail_the_chunk(api: ScriptedServer, client: ShopiMind) -> None:
    body = {"statusCode": 200, "sent_count": 2, "rejected_count": 0, "failed_count": 1}
    envelope = _one_chunk(api, client, body)
    assert envelope.error is not None
    assert (envelope.ok, envelope.status_code) == (False, 0)
    assert (envelope.error.code, envelope.error.retryable) == ("PARTIAL_FAILURE", True)


def test_counters_may_be_under_data(api: ScriptedServer, client: ShopiMind) -> None:
    entry = {"index": 1, "errors": ["email must be an email"]}
    counted = {"sent_count": 2, "rejected_count": 1, "rejected_items": [entry]}
    envelope = _one_chunk(api, client, {"statusCode": 200, "data": counted})
    assert (envelope.ok, *envelope.counts) == (True, 2, 1, 0)
    assert [(each.index, each.reason) for each in rejections(envelope)] == [(1, "email must be an email")]


def test_counters_under_data_have_to_account_for_every_item_too(api: ScriptedServer, client: ShopiMind) -> None:
    envelope = _one_chunk(api, client, {"statusCode": 200, "data": {"sent_count": 1, "rejected_count": 0}})
    assert envelope.error is not None
    assert (envelope.ok, envelope.error.code) == (False, "UNIDENTIFIED")


def test_counters_may_be_written_as_text(api: ScriptedServer, client: ShopiMind) -> None:
    assert _one_chunk(api, client, {"sent_count": "3", "rejected_count": "0"}).counts == (3, 0, 0)


@pytest.mark.parametrize(
    "entry",
    [
        {"index": 1, "item": {"customer_id": "c1"}, "errors": ["email must be an email"]},
        {"index": "1", "errors": ["email must be an email"]},
        {"objectIndex": 1, "validationErrors": [{"message": "email must be an email"}]},
        {"what": items(3)[1], "why": "email must be an email"},
        {"index": 2, "item": items(3)[1], "errors": ["email must be an email"]},  # counts from one
    ],
)
def test_a_rejected_item_is_found_by_what_the_entry_repeats_else_by_its_index(
    api: ScriptedServer, client: ShopiMind, entry: Any
) -> None:
    body = {"statusCode": 200, "sent_count": 2, "rejected_count": 1, "rejected_items": [entry]}
    envelope = _one_chunk(api, client, body)
    assert envelope.ok
    (found,) = rejections(envelope)
    assert found.index == 1
    assert "email must be an email" in found.reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"rejected_count": 1, "rejected_items": ["email must be an email"]}, "email must be an email"),
        ({"sent_count": 0, "rejected_items": ["email must be an email"]}, "email must be an email"),
        ({"rejected_count": 1, "rejected_items": [{"row": 3, "why": ["odd"]}]}, '{"row":3,"why":["odd"],"index":0}'),
        ({"sent_count": 1, "rejected_count": 1, "rejected_items": []}, "rejected without a reason"),
        ({"rejected_count": 1, "rejected_items": items(1)}, "rejected without a reason"),
    ],
)
def test_a_chunk_of_one_needs_no_index(
    api: ScriptedServer, client: ShopiMind, answer: dict[str, Any], reason: str
) -> None:
    envelope = _one_chunk(api, client, {"statusCode": 200, **answer}, count=1)
    assert [(found.index, found.reason) for found in rejections(envelope)] == [(0, reason)]


def test_an_entry_that_is_the_item_itself_is_identified_and_never_quoted(
    api: ScriptedServer, client: ShopiMind
) -> None:
    envelope = _one_chunk(api, client, {"sent_count": 2, "rejected_count": 1, "rejected_items": [items(3)[1]]})
    assert [(found.index, found.reason) for found in rejections(envelope)] == [(1, "rejected without a reason")]


def test_a_chunk_rejected_as_a_whole_is_rejected_item_by_item(api: ScriptedServer, client: ShopiMind) -> None:
    envelope = _one_chunk(api, client, {"statusCode": 200, "sent_count": 0, "rejected_count": 3})
    assert envelope.ok
    assert [found.index for found in rejections(envelope)] == [0, 1, 2]
    assert {found.reason for found in rejections(envelope)} == {"rejected without a reason"}
