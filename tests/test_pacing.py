"""How many requests are in flight to one ShopiMind installation: it grows, it gives way, a pause holds for all."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stamina
from starlette.responses import JSONResponse

from connector import pacing
from connector.http import HttpClient
from connector.http_answers import TransportFailure
from connector.http_retries import NEVER
from connector.pacing import PATIENCE, Pace
from connector.shopimind.bulk import save_chunks
from connector.shopimind.client import ShopiMind
from tests.scripted_server import Reply, Request, ScriptedServer
from tests.shopimind.crm import TOKEN, Crm


@pytest.fixture(autouse=True)
def no_backoff() -> Iterator[None]:
    """Four tries without the waits between them; a pause that the server asks for is waited."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


class Crowd:
    """An ASGI app before the sandbox's: takes `room` requests at once, each for some time; any further gets 429."""

    def __init__(self, crm: Crm, *, room: int = 100, seconds: float = 0.01) -> None:
        self._app, self._room, self._seconds = crm.server._faulty.app, room, seconds
        self.now = self.turned_away = 0
        self.crowds: list[int] = []  # how many there were, with each that came
        crm.server._faulty.app = self

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        self.now += 1
        self.crowds.append(self.now)
        try:
            if self.now > self._room:
                self.turned_away += 1
                return await JSONResponse({"statusCode": 429}, 429)(scope, receive, send)
            await asyncio.sleep(self._seconds)
            return await self._app(scope, receive, send)
        finally:
            self.now -= 1


@pytest.fixture
def crm() -> Iterator[Crm]:
    with Crm(data_source="optional") as running:
        yield running


def chunks(count: int) -> Iterator[list[bytes]]:
    for number in range(count):
        customer: dict[str, Any] = {"customer_id": f"c{number}", "email": f"client.{number}@example.org", "lang": "fr"}
        customer |= {"first_name": "Léa", "last_name": "Aubrac", "is_newsletter_subscribed": False}
        customer |= {"created_at": "2026-01-01T08:00:00.000Z", "updated_at": "2026-01-01T08:00:00.000Z"}
        yield [json.dumps(customer).encode()]


def accepts(request: Request) -> Reply:
    return Reply(200, {"statusCode": 200, "sent_count": len(request.json), "rejected_count": 0})


@pytest.fixture
def api() -> Iterator[ScriptedServer]:
    with ScriptedServer(accepts) as running:
        yield running


# --- how many at once ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [1, 3, 5])
def test_a_server_that_takes_fewer_is_soon_sent_no_more_than_that_and_gets_everything(crm: Crm, room: int) -> None:
    crowd = Crowd(crm, room=room)
    outcomes = dict(save_chunks(crm.client.customers, chunks(120)))
    assert sorted(outcomes) == list(range(120))
    assert all(envelope.ok for envelope in outcomes.values())
    assert len(crm.data.items("customers")) == 120
    assert crowd.turned_away <= 4 + 120 / PATIENCE + 1  # those of the beginning, and each time one more was tried
    assert max(crowd.crowds[20:]) <= room + 1
    assert sum(now >= min(room, 2) for now in crowd.crowds) > 60  # and it is not left idle either


def test_fast_answers_let_it_grow_from_half_the_ceiling_to_the_ceiling_and_no_further(crm: Crm) -> None:
    crowd = Crowd(crm)
    assert all(envelope.ok for _, envelope in save_chunks(crm.client.customers, chunks(100), in_flight=20))
    assert max(crowd.crowds[:4]) <= 4
    assert max(crowd.crowds) == 8


def test_the_ceiling_is_the_clients_own(crm: Crm) -> None:
    crowd = Crowd(crm)
    with ShopiMind(TOKEN, crm.server.url, requests_in_flight=3) as client:
        assert all(envelope.ok for _, envelope in save_chunks(client.customers, chunks(30)))
    assert max(crowd.crowds) == 3


def test_slow_answers_do_not_let_it_grow(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "FAST", 0.005)
    crowd = Crowd(crm, seconds=0.02)
    assert all(envelope.ok for _, envelope in save_chunks(crm.client.customers, chunks(40)))
    assert max(crowd.crowds) == 4


def test_one_request_after_the_other_shows_nothing_and_changes_nothing(api: ScriptedServer) -> None:
    pace = Pace(8)
    client = HttpClient(api.url, {}, pace=pace)
    for _ in range(50):
        client.request("POST", "/x", content=b"[]")
    assert pace.limit == 4


@pytest.mark.parametrize(
    ("status", "limit"), [(408, 4), (429, 4), (503, 4), (504, 4), (500, 8), (400, 8), (401, 8), (302, 8)]
)
def test_an_answer_that_says_too_much_halves_it_and_no_other_does(api: ScriptedServer, status: int, limit: int) -> None:
    pace = Pace(16)
    api.script(Reply(status))
    HttpClient(api.url, {}, pace=pace).request("GET", "/x", retry=NEVER)
    assert pace.limit == limit


def test_a_time_out_halves_it_and_a_broken_connection_does_not(api: ScriptedServer) -> None:
    pace = Pace(16)
    released = threading.Event()

    def hangs(request: Request) -> Reply:
        released.wait(5)
        return Reply()

    api.script(Reply(reset=True))
    with pytest.raises(TransportFailure):
        HttpClient(api.url, {}, pace=pace).request("GET", "/x", retry=NEVER)
    assert pace.limit == 8
    api.respond = hangs
    with pytest.raises(TransportFailure):
        HttpClient(api.url, {}, timeout=0.1, pace=pace).request("GET", "/x", retry=NEVER)
    released.set()
    assert pace.limit == 4


def test_it_never_falls_below_one(api: ScriptedServer) -> None:
    pace = Pace(8)
    api.script(*[Reply(429)] * 10, Reply(200))
    client = HttpClient(api.url, {}, pace=pace)
    for _ in range(10):
        client.request("GET", "/x", retry=NEVER)
    assert pace.limit == 1
    assert client.request("GET", "/x", retry=NEVER).ok


def test_what_was_in_flight_together_halves_it_once(api: ScriptedServer) -> None:
    together = threading.Barrier(4, timeout=5)
    seen = threading.Lock()
    came = 0

    def respond(request: Request) -> Reply:
        nonlocal came
        with seen:
            came += 1
            first = came <= 4
        if not first:
            return accepts(request)
        together.wait()
        return Reply(429)

    api.respond = respond
    pace = Pace(8)
    client = HttpClient(api.url, {}, pace=pace)
    in_parallel(4, lambda: client.request("POST", "/x", content=b"[]", retry=NEVER))
    assert pace.limit == 2


def in_parallel(count: int, work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)


# --- a pause -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_one_request_is_asked_for_holds_for_all(api: ScriptedServer, status: int) -> None:
    asked_at = 0.0
    came: list[float] = []

    def respond(request: Request) -> Reply:
        nonlocal asked_at
        came.append(time.monotonic())
        if b'"c5"' in request.body and not asked_at:
            asked_at = time.monotonic()
            return Reply(status, headers={"Retry-After": "0.5"})
        time.sleep(0.005)
        return accepts(request)

    api.respond = respond
    with ShopiMind("int_x", api.url) as client:
        assert all(envelope.ok for _, envelope in save_chunks(client.customers, chunks(60)))
    late = [at for at in came if at > asked_at + 0.1]  # what was on its way then may still arrive
    assert len(late) > 15
    assert min(late) >= asked_at + 0.5


def test_a_pause_over_a_minute_is_left_to_the_next_run_by_the_request_that_was_told(api: ScriptedServer) -> None:
    told = Reply(429, headers={"Retry-After": "3600"})
    api.respond = lambda request: told if b'"c0"' in request.body else accepts(request)
    with ShopiMind("int_x", api.url) as client:
        outcomes = dict(save_chunks(client.customers, chunks(10)))
    assert [place for place, envelope in outcomes.items() if not envelope.ok] == [0]
    assert len(api.requests) == len(outcomes) == 10


def test_who_stops_during_a_pause_does_not_wait_for_its_end(api: ScriptedServer) -> None:
    api.respond = lambda request: (
        Reply(429, headers={"Retry-After": "50"}) if b'"c3"' in request.body else accepts(request)
    )
    with ShopiMind("int_x", api.url) as client:
        running = save_chunks(client.customers, chunks(30))
        assert [next(running)[1].ok for _ in range(3)] == [True] * 3
        while not any(b'"c3"' in request.body for request in api.requests):
            time.sleep(0.001)
        started = time.monotonic()
        running.close()
        assert time.monotonic() - started < 2
    assert len(api.requests) < 15


def test_after_a_401_nothing_goes_that_was_waiting_for_its_turn(api: ScriptedServer) -> None:
    api.respond = lambda request: time.sleep(0.1) or Reply(401)  # type: ignore[func-returns-value]
    with ShopiMind("int_x", api.url, requests_in_flight=2) as client:  # one at once in the beginning
        outcomes = dict(save_chunks(client.customers, chunks(10), in_flight=8))
    assert [(place, envelope.status_code) for place, envelope in outcomes.items()] == [(0, 401)]
    assert len(api.requests) == 1
