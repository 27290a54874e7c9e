"""What a client sees of each scripted fault, and which requests a plan hits. Everything over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox.fault_plan import PRESETS, Fault, FaultPlan, status_fault
from connector.sandbox.serve import Server

handled: list[str] = []  # the paths that reached the app


async def _echo(request: Request) -> Response:
    handled.append(request.url.path)
    return Response(orjson.dumps({"path": request.url.path, "body": (await request.body()).decode()}))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    app = Starlette(routes=[Route("/{path:path}", _echo, methods=["GET", "POST"])])
    with Server(app, "crm") as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    handled.clear()
    server.faults = FaultPlan()
    with httpx.Client(base_url=server.url, timeout=5) as client:
        yield client


def test_without_a_plan_nothing_goes_wrong(client: httpx.Client) -> None:
    assert client.post("/v1/orders", content="x").json() == {"path": "/v1/orders", "body": "x"}


# --- what a fault looks like ---------------------------------------------------------------------------------------


def test_a_status_comes_with_an_error_body_and_its_retry_after(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([status_fault(429, retry_after=7)])

    answer = client.get("/v1/orders")

    assert (answer.status_code, answer.headers["retry-after"], handled) == (429, "7", [])
    assert answer.json()["statusCode"] == 429


def test_a_reset_before_the_app_leaves_nothing_written(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([Fault(kind="reset", nth=1)])

    with pytest.raises(httpx.ReadError, match=r"reset|104"):
        client.post("/v1/orders", content="x")

    assert handled == []
    assert client.post("/v1/orders", content="x").status_code == 200


def test_a_reset_after_the_app_loses_only_the_answer(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([Fault(kind="reset", applied=True)])

    with pytest.raises(httpx.ReadError):
        client.post("/v1/orders", content="x")

    assert handled == ["/v1/orders"]


def test_a_server_that_refuses_connections_takes_them_again_after_a_while(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([Fault(kind="refuse", nth=1, seconds=0.3)])

    with pytest.raises(httpx.NetworkError):
        client.get("/v1/orders")
    with pytest.raises(httpx.ConnectError):  # nobody listens, also not for those who were connected before
        client.get("/v1/orders")

    assert handled == []
    time.sleep(0.5)
    assert client.get("/v1/orders").status_code == 200


def test_a_wait_can_be_told_as_the_date_when_it_ends(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([Fault(kind="answer", status=503, retry_in=30.0)])

    ends = parsedate_to_datetime(client.get("/v1/orders").headers["retry-after"])

    assert 28 <= ends.timestamp() - time.time() <= 31


def test_a_status_can_be_answered_after_the_write_was_done(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([PRESETS["503_applied"]])

    assert client.post("/v1/orders", content="x").status_code == 503
    assert handled == ["/v1/orders"]


def test_a_hang_outlasts_the_clients_patience(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([Fault(kind="hang", seconds=1)])

    with pytest.raises(httpx.ReadTimeout):
        client.get("/v1/orders", timeout=0.1)


def test_a_drip_takes_its_time_and_arrives_whole(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([Fault(kind="drip", seconds=0.2)])
    start = time.monotonic()

    assert client.get("/v1/orders").json()["path"] == "/v1/orders"
    assert time.monotonic() - start > 0.15


def test_a_truncated_answer_is_not_json(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([Fault(kind="truncated")])

    answer = client.get("/v1/orders")

    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"JSON|Unterminated|Expecting|char"):
        answer.json()


def test_a_cut_answer_ends_in_the_middle(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([Fault(kind="cut")])

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        client.get("/v1/orders")

    assert handled == ["/v1/orders"]


@pytest.mark.parametrize(
    ("name", "status", "start"),
    [
        ("html", 200, "<html>"),
        ("wrong_shape", 200, '{"surprise"'),
        ("redirect", 302, ""),
        ("401", 401, '{"statusCode"'),
    ],
)
def test_an_answer_of_another_kind(server: Server, client: httpx.Client, name: str, status: int, start: str) -> None:
    server.faults = FaultPlan([PRESETS[name]])

    answer = client.get("/v1/orders")

    assert answer.status_code == status
    assert answer.text.startswith(start)


@pytest.mark.parametrize("compressed", [False, True])
def test_an_oversize_answer_is_as_large_as_asked_for(server: Server, client: httpx.Client, compressed: bool) -> None:
    server.faults = FaultPlan([Fault(kind="oversize", size=26 * 1024 * 1024, compressed=compressed)])

    answer = client.get("/v1/orders", timeout=30)

    assert len(answer.content) > 26 * 1024 * 1024
    assert orjson.loads(answer.content)["statusCode"] == 200
    assert (answer.num_bytes_downloaded < 100_000) == compressed


def test_latency_is_added_to_every_answer(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan(latency=0.1)
    start = time.monotonic()

    client.get("/v1/orders")

    assert time.monotonic() - start > 0.08


# --- which requests it hits ----------------------------------------------------------------------------------------


def statuses(client: httpx.Client, *calls: str) -> list[int]:
    return [client.request(*call.split()).status_code for call in calls]


def test_a_fault_hits_its_side_method_and_path_only(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan(
        [status_fault(500, side="till"), status_fault(503, side="crm", method="POST", path=r"^/v1/orders$")]
    )

    assert statuses(client, "POST /v1/orders", "GET /v1/orders", "POST /v1/orders/x") == [503, 200, 200]


def test_the_nth_matching_request_is_hit(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([status_fault(503, path="orders", nth=2)])

    assert statuses(client, "GET /orders", "GET /other", "GET /orders", "GET /orders") == [200, 200, 503, 200]


def test_one_in_every_so_many_is_hit_at_most_so_often(server: Server, client: httpx.Client) -> None:
    server.faults = FaultPlan([status_fault(503, every=2, times=2)])

    assert statuses(client, *["GET /orders"] * 7) == [200, 503, 200, 503, 200, 200, 200]


def test_chances_repeat_with_their_seed() -> None:
    def drawn(seed: int) -> list[Any]:
        plan = FaultPlan(chances={"503": 0.3, "reset_after": 0.2}, seed=seed)
        return [plan.pick("crm", "GET", "/") for _ in range(200)]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert 70 < sum(fault is not None for fault in drawn(7)) < 130


def test_a_plan_is_read_from_a_short_text_and_from_json() -> None:
    plan = FaultPlan.parse("503=0.05, reset_after=0.02, seed=7, latency=0.1")

    assert (plan.chances, plan.seed, plan.latency) == ({"503": 0.05, "reset_after": 0.02}, 7, 0.1)
    assert FaultPlan.from_json(plan.to_json()) == plan
    scripted = FaultPlan.from_json(
        {"faults": [{"preset": "429_retry_after", "nth": 3}, {"kind": "hang", "seconds": 2}]}
    )
    assert scripted.faults == [status_fault(429, retry_after=1, nth=3), Fault(kind="hang", seconds=2)]


@pytest.mark.parametrize("text", ["no_such_fault=0.5", "503", "503=often", "503=2"])
def test_a_plan_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown|is not of the form|from 0 to 1"):
        FaultPlan.parse(text)


# --- controls ------------------------------------------------------------------------------------------------------


def test_a_plan_can_be_set_and_cleared_over_http(server: Server, client: httpx.Client) -> None:
    client.post("/_sandbox/faults", json={"faults": [{"kind": "answer", "status": 418}]})
    assert statuses(client, "GET /v1/orders", "GET /_sandbox/faults") == [418, 200]

    client.delete("/_sandbox/faults")
    assert statuses(client, "GET /v1/orders") == [200]
    assert client.post("/_sandbox/faults", json={"chances": {"nothing": 1}}).status_code == 400


def test_the_journal_keeps_what_came_and_what_was_answered(server: Server, client: httpx.Client) -> None:
    client.get("/before")
    client.post("/_sandbox/journal", json={"on": True})
    server.faults = FaultPlan([Fault(kind="reset", nth=2)])
    client.post("/v1/orders?a=1", json=[1], headers={"spm-api-key": "int_x"})
    with pytest.raises(httpx.ReadError):
        client.get("/v1/customers")

    first, second = client.get("/_sandbox/journal").json()
    client.post("/_sandbox/journal", json={"on": False})
    client.delete("/_sandbox/journal")

    assert (first["method"], first["path"], first["query"], first["body"], first["status"]) == (
        "POST",
        "/v1/orders",
        "a=1",
        [1],
        200,
    )
    assert first["headers"]["spm-api-key"] == "int_x"
    assert (second["path"], second["status"], second["fault"]) == ("/v1/customers", None, "reset")
    assert server.journal.entries == []
