"""How any server is talked to: what is tried again and when, what is refused, what never shows."""

from __future__ import annotations

import gzip
import logging
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from connector import http as transport
from connector.base_urls import check_base_url
from connector.http import HttpClient
from connector.http_answers import TransportFailure
from connector.http_retries import NEVER, RetryPolicy
from tests.scripted_server import Reply, ScriptedServer, closed_port

BIG = transport.BODY_LIMIT


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[HttpClient]:
    made = HttpClient(server.url, {"spm-api-key": "int_secret"})
    yield made
    made.close()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited, in order."""
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    return slept


# --- what is tried again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_trouble_is_tried_again(server: ScriptedServer, client: HttpClient, status: int) -> None:
    server.script(Reply(status), Reply(200, {"fine": True}))
    answer = client.request("POST", "/x", content=b"[1]")
    assert (answer.status, answer.json(), answer.attempts) == (200, {"fine": True}, 2)
    assert [request.body for request in server.requests] == [b"[1]", b"[1]"]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 413, 422, 501])
def test_a_final_answer_is_not_tried_again(server: ScriptedServer, client: HttpClient, status: int) -> None:
    server.script(Reply(status))
    assert client.request("GET", "/x").status == status
    assert len(server.requests) == 1


def test_after_three_retries_the_last_answer_stands(
    server: ScriptedServer, client: HttpClient, waits: list[float]
) -> None:
    server.script(Reply(503, {"message": "down"}))
    answer = client.request("GET", "/x")
    assert (answer.status, answer.attempts, answer.json()) == (503, 4, {"message": "down"})
    assert len(server.requests) == client.attempts == 4
    assert [lowest <= wait <= lowest + 0.5 for lowest, wait in zip([1, 2, 4], waits, strict=True)] == [True] * 3


def test_the_wait_never_passes_the_cap(server: ScriptedServer, client: HttpClient, waits: list[float]) -> None:
    server.script(Reply(503))
    client.request("GET", "/x", retry=RetryPolicy(retries=6))
    assert waits[-2:] == [10.0, 10.0]


def test_a_broken_connection_is_tried_again(server: ScriptedServer, client: HttpClient) -> None:
    server.script(Reply(reset=True), Reply(200))
    assert client.request("POST", "/x", content=b"{}").attempts == 2


def test_half_an_answer_is_no_answer(server: ScriptedServer, client: HttpClient) -> None:
    server.script(Reply(200, b'{"half": ', {"Content-Length": "500", "Connection": "close"}), Reply(200))
    server_closes = client.request("GET", "/x", retry=RetryPolicy(retries=1))
    assert (server_closes.status, server_closes.attempts) == (200, 2)


def test_nobody_listening_is_said_so() -> None:
    client = HttpClient(f"http://127.0.0.1:{closed_port()}", {})
    with pytest.raises(TransportFailure) as caught:
        client.request("GET", "/x")
    assert (caught.value.code, caught.value.retryable, caught.value.attempts) == ("ECONNREFUSED", True, 4)


def test_a_silent_server_is_a_time_out(server: ScriptedServer) -> None:
    released = threading.Event()

    def respond(request: object) -> Reply:
        released.wait(5)
        return Reply()

    server.respond = respond
    client = HttpClient(server.url, {}, timeout=0.1)
    with pytest.raises(TransportFailure) as caught:
        client.request("GET", "/x", retry=NEVER)
    released.set()
    assert (caught.value.code, caught.value.retryable) == ("ECONNABORTED", True)


def test_an_unknown_host_is_said_so() -> None:
    client = HttpClient("https://nowhere.invalid", {})
    with pytest.raises(TransportFailure) as caught:
        client.request("GET", "/x", retry=NEVER)
    assert caught.value.code in ("ENOTFOUND", "ECONNREFUSED", "ENETUNREACH")


def test_a_policy_can_keep_to_certain_network_failures(server: ScriptedServer, client: HttpClient) -> None:
    server.script(Reply(reset=True))
    with pytest.raises(TransportFailure):
        client.request("POST", "/x", retry=RetryPolicy(codes=frozenset({"ECONNREFUSED"})))
    assert len(server.requests) == 1


def test_once_told_to_stop_nothing_is_tried_again(server: ScriptedServer, client: HttpClient) -> None:
    stop = threading.Event()

    def respond(request: object) -> Reply:
        stop.set()
        return Reply(503)

    server.respond = respond
    answer = client.request("GET", "/x", stop=stop)
    assert (answer.status, answer.attempts) == (503, 1)


def test_what_runs_before_an_attempt_runs_before_each_and_can_prevent_it(server: ScriptedServer) -> None:
    paid: list[int] = []

    def pay() -> None:
        if len(paid) == 2:
            raise RuntimeError("nothing left")
        paid.append(1)

    client = HttpClient(server.url, {}, before_attempt=pay)
    server.script(Reply(503))
    with pytest.raises(RuntimeError, match="nothing left"):
        client.request("GET", "/x")
    assert len(server.requests) == client.attempts == 2


# --- Retry-After ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("0.25", 0.25), ("-3", 0.0), ("60", 60.0)])
def test_the_wait_that_the_server_asks_for_replaces_ours(
    server: ScriptedServer, client: HttpClient, waits: list[float], asked: str, waited: float
) -> None:
    server.script(Reply(429, headers={"Retry-After": asked}), Reply(200))
    assert client.request("GET", "/x").status == 200
    assert waits == [waited]


def test_a_date_in_retry_after_is_obeyed(server: ScriptedServer, client: HttpClient, waits: list[float]) -> None:
    server.script(Reply(503, headers={"Retry-After": formatdate(time.time() + 30, usegmt=True)}), Reply(200))
    client.request("GET", "/x")
    assert 25 < waits[0] <= 31


@pytest.mark.parametrize("asked", ["61", "1e400", "86400"])
def test_a_longer_wait_is_left_to_the_next_run(
    server: ScriptedServer, client: HttpClient, waits: list[float], asked: str
) -> None:
    server.script(Reply(429, headers={"Retry-After": asked}))
    assert client.request("GET", "/x").attempts == 1
    assert waits == []


@pytest.mark.parametrize("asked", ["soon", "nan", "", "12 parsecs"])
def test_a_garbled_retry_after_is_ignored(
    server: ScriptedServer, client: HttpClient, waits: list[float], asked: str
) -> None:
    server.script(Reply(429, headers={"Retry-After": asked}), Reply(200))
    client.request("GET", "/x")
    assert 1 <= waits[0] <= 1.5


# --- what is refused -----------------------------------------------------------------------------------------------


def test_a_redirect_is_an_answer_and_never_followed(server: ScriptedServer, client: HttpClient) -> None:
    server.script(Reply(302, headers={"Location": f"{server.url}/elsewhere"}))
    assert client.request("GET", "/x").status == 302
    assert server.calls == ["GET /x"]


def test_a_request_over_25_mib_is_not_sent(server: ScriptedServer, client: HttpClient) -> None:
    with pytest.raises(TransportFailure) as caught:
        client.request("POST", "/x", content=b"0" * (BIG + 1))
    assert (caught.value.code, caught.value.retryable) == ("ERR_BAD_REQUEST", False)
    assert server.requests == []


@pytest.mark.parametrize("declared", [True, False])
def test_an_answer_over_25_mib_is_not_kept(server: ScriptedServer, client: HttpClient, declared: bool) -> None:
    body = b"0" * (BIG + 1)
    if not declared:  # a small body on the wire that grows when it is unpacked
        server.script(Reply(200, gzip.compress(body), {"Content-Encoding": "gzip"}))
    else:
        server.script(Reply(200, body))
    with pytest.raises(TransportFailure) as caught:
        client.request("GET", "/x")
    assert (caught.value.code, caught.value.retryable) == ("ERR_BAD_RESPONSE", False)
    assert len(server.requests) == 1


def test_an_answer_of_exactly_25_mib_is_read(server: ScriptedServer, client: HttpClient) -> None:
    server.script(Reply(200, b"0" * BIG))
    assert len(client.request("GET", "/x").body) == BIG


def test_an_answer_that_cannot_be_unpacked_is_a_failure(server: ScriptedServer, client: HttpClient) -> None:
    server.script(Reply(200, b"not gzip", {"Content-Encoding": "gzip"}))
    with pytest.raises(TransportFailure, match="cannot be decompressed"):
        client.request("GET", "/x", retry=NEVER)


@pytest.mark.parametrize(
    "url", ["https://api.example.org/", "http://127.0.0.1:8080", "http://localhost/", "http://[::1]"]
)
def test_https_and_this_machine_are_accepted(url: str) -> None:
    assert check_base_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org",
        "http://127.0.0.1.example.org",
        "ftp://api.example.org",
        "api.example.org",
        "https://",
        "https://user:pass@api.example.org",
        "https://api.example.org/?a=1",
        "https://api.example.org:99999",
        "http://[::1",
        "",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the wording is the configuration's business)
        check_base_url(url)


def test_a_proxy_of_the_environment_does_not_see_calls_to_this_machine(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    assert HttpClient(server.url, {}).request("GET", "/x", retry=NEVER).status == 200


# --- what never shows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (
            rb'[{"name": "Mar\ud800tin"}, {"name": "L\u00e9a \ud83d\ude00"}]',
            [{"name": "Mar?tin"}, {"name": "L\u00e9a 😀"}],
        ),
        (rb'{"\udfff": 1.5}', {"?": 1.5}),
    ],
)
def test_half_a_character_costs_no_more_than_itself(
    server: ScriptedServer, client: HttpClient, body: bytes, read: object
) -> None:
    server.script(Reply(200, body))
    assert client.request("GET", "/x").json() == read


@pytest.mark.parametrize("body", [b"<html>", b'["\\ud800', b'["\\ud800", NaN]', b"", b"[" * 5000 + b'"\\ud800"'])
def test_what_is_no_json_is_still_a_value_error(server: ScriptedServer, client: HttpClient, body: bytes) -> None:
    server.script(Reply(200, body))
    with pytest.raises(ValueError):  # noqa: PT011
        client.request("GET", "/x").json()


def test_a_byte_order_mark_in_front_of_json_is_passed_over(server: ScriptedServer, client: HttpClient) -> None:
    server.script(Reply(200, b'\xef\xbb\xbf[{"store_name":"Lyon"}]'), Reply(200, b"\xef\xbb\xbf"))
    assert client.request("GET", "/stores").json() == [{"store_name": "Lyon"}]
    with pytest.raises(ValueError, match="empty document"):
        client.request("GET", "/stores").json()


def test_no_credential_shows_in_a_representation(server: ScriptedServer) -> None:
    client = HttpClient(server.url, {"spm-api-key": "int_secret"}, auth=("ops@example.org", "hush"))
    assert "secret" not in repr(client)
    assert "hush" not in repr(client)


def test_no_body_shows_in_the_representation_of_an_answer(server: ScriptedServer, client: HttpClient) -> None:
    server.script(Reply(200, {"email": "lea@example.com"}))
    assert "lea" not in repr(client.request("GET", "/x"))


def test_logs_and_errors_hold_neither_credentials_nor_queries(
    server: ScriptedServer, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="connector")
    logging.getLogger("httpx").propagate = True
    server.script(Reply(503), Reply(reset=True))
    with pytest.raises(TransportFailure) as caught:
        client.request("GET", "/customers", params=[("email", "lea@example.com")])
    told = caplog.text + str(caught.value) + repr(caught.value)
    assert "HTTP 503" in told
    assert "secret" not in told
    assert "lea" not in told
