"""What a call to Hiboutik costs, what each answer means, and when the client stops asking."""

from __future__ import annotations

import base64
import threading
import time
from datetime import date

import pytest
from loopback_till import API_KEY, Asked, Counter, Reply, reply

from connector.http import BODY_LIMIT
from connector.pos.protocol import PosAccessDenied, PosError, QuotaReached, SaleNeeds

ERROR = {"error": "invalid_request", "code": 12, "error_description": "The till's own words", "details": {}}


def test_a_login_and_its_key_go_as_basic_auth(make, till):
    make().stores()
    scheme, _, pair = till.asked[0].headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair)) == ("Basic", f"ops@example.org:{API_KEY}".encode())


def test_an_oauth_token_goes_as_bearer(make, till):
    make(login=None, api_key=None, oauth_token="t0ken").stores()
    assert till.asked[0].headers["authorization"] == "Bearer t0ken"


def test_json_is_what_is_asked_for(make, till):
    make().stores()
    assert till.asked[0].headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "given",
    [{}, {"login": "ops@example.org"}, {"api_key": "s3cret"}, {"oauth_token": "s3cret\n"}, {"oauth_token": "é"}],
)
def test_credentials_that_cannot_be_used_are_refused_without_being_shown(make, given):
    with pytest.raises(ValueError, match=r"given|header") as refusal:
        make(**({"login": None, "api_key": None} | given))
    assert "s3cret" not in str(refusal.value)


def test_no_secret_is_in_a_repr_or_an_error_even_when_the_till_repeats_it(make, till):
    till.answer = lambda asked: reply(ERROR | {"error_description": f"bad key {API_KEY}"}, 422)
    pos = make()
    with pytest.raises(PosError, match="bad key") as error:
        pos.stores()
    assert API_KEY not in str(error.value)
    assert API_KEY not in repr(pos) + repr(vars(pos))


@pytest.mark.parametrize("status", [422, 200], ids=str)
def test_neither_credentials_nor_persons_are_in_an_error_that_quotes_the_request(make, till, status):
    signed = base64.b64encode(f"ops@example.org:{API_KEY}".encode()).decode()
    words = f"bad header Basic {signed}, asked for claire.martin@example.org"
    till.answer = lambda asked: reply(ERROR | {"error_description": words, "details": {"key": API_KEY}}, status)
    with pytest.raises(PosError, match="bad header") as error:
        make().stores()
    for word in (signed, API_KEY, "claire.martin"):
        assert word not in str(error.value)


def test_every_attempt_is_counted_before_it_is_made(make, till, counter):
    counts = []

    def answer(asked: Asked) -> Reply:
        counts.append(counter.spent)
        return reply([]) if len(counts) > 2 else reply(ERROR, 500)

    till.answer = answer
    pos = make()
    pos.stores()
    assert counts == [1, 2, 3]
    assert pos.attempts == 3


def test_a_month_used_up_by_our_own_count_makes_no_call_and_ends_the_client(make, till):
    counter = Counter(most=1)
    pos = make(counter=counter)
    pos.stores()
    with pytest.raises(QuotaReached):
        pos.brands()
    counter.most = 100
    with pytest.raises(QuotaReached):
        pos.categories()
    assert till.urls == ["/stores"]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_four_times(make, till, status):
    till.answer = lambda asked: reply(ERROR, status)
    with pytest.raises(PosError, match=rf"/stores: HTTP {status} \(The till's own words\), after 4 attempt"):
        make().stores()
    assert len(till.asked) == 4


def test_a_broken_connection_is_tried_again_and_then_told_in_our_words(make, till):
    till.answer = lambda asked: None
    with pytest.raises(PosError, match=r"maison-lea: GET /stores: no usable answer .*tried 4 times"):
        make().stores()
    assert len(till.asked) == 4


def test_an_answer_over_the_size_limit_is_not_read(make, till):
    till.answer = lambda asked: Reply(200, b"", {"Content-Length": str(BODY_LIMIT + 1)})
    with pytest.raises(PosError, match="over 26214400 bytes"):
        make().stores()
    assert len(till.asked) == 1


def test_a_redirect_is_not_followed(make, till):
    till.answer = lambda asked: Reply(301, b"", {"Location": f"{till.base_url}/elsewhere?key=1"})
    with pytest.raises(
        PosError, match=r"HTTP 301, redirected to 127\.0\.0\.1/api/elsewhere\. Redirects are not followed"
    ):
        make().stores()
    assert till.urls == ["/stores"]


def test_401_names_the_credentials_and_ends_the_client(make, till):
    till.answer = lambda asked: reply(ERROR, 401)
    pos = make()
    with pytest.raises(PosAccessDenied, match=r"credentials are not accepted .*pos\.login"):
        pos.stores()
    with pytest.raises(PosAccessDenied):
        pos.brands()
    assert till.urls == ["/stores"]


def test_an_invalid_token_told_with_400_is_a_matter_of_credentials_too(make, till):
    till.answer = lambda asked: reply({"error": "invalid_token", "code": 1}, 400)
    with pytest.raises(PosAccessDenied):
        make().stores()


@pytest.mark.parametrize(
    ("read", "right"),
    [
        (lambda pos: pos.stores(), "read_settings"),
        (lambda pos: pos.stock(), "read_inventory"),
        (lambda pos: pos.brands(), "read_products"),
        (lambda pos: list(pos.customers()), "Customers tab"),
        (lambda pos: pos.customers_by_id([3]), "read_customers"),
    ],
)
def test_403_names_the_right_that_is_missing_and_asks_nothing_more_that_needs_it(make, till, read, right):
    till.answer = lambda asked: reply([]) if asked.path == "/categories/" else Reply(403, b"Forbidden")
    pos = make()
    for _ in range(2):
        with pytest.raises(PosAccessDenied, match=right):
            read(pos)
    assert len(till.asked) == 1
    assert pos.categories().num_rows == 0


def test_403_for_the_sales_of_one_store_says_nothing_of_another(make, till):
    till.answer = lambda asked: reply([]) if asked.path.startswith("/closed_sales/1/") else Reply(403, b"")
    pos = make()
    needs = SaleNeeds(anonymous_lines=False, external_reference=False)
    for day in (date(2024, 6, 5), date(2024, 6, 6)):
        with pytest.raises(PosAccessDenied):
            pos.sales(2, day, needs)
        assert pos.sales(1, day, needs).num_rows == 0
    assert [url for url in till.urls if url.startswith("/closed_sales/2/")] == ["/closed_sales/2/2024/06/05"]


def test_404_422_and_429_are_told_apart(make, till):
    seen = []
    for status in (404, 422, 429):
        till.answer = lambda asked, status=status: reply(ERROR, status)
        with pytest.raises(PosError) as error:
            make().stores()
        seen.append((type(error.value).__name__, str(error.value).split(":")[2][:9]))
    assert seen == [("NotThere", " HTTP 404"), ("Rejected", " HTTP 422"), ("QuotaReached", " the till")]


def test_the_till_s_details_are_in_the_error(make, till):
    till.answer = lambda asked: reply(
        ERROR | {"details": {"product_id": "This function does not handle packages"}}, 422
    )
    with pytest.raises(PosError, match="The till's own words; product_id: This function does not handle packages"):
        make().stores()


@pytest.mark.parametrize("body", [b"", b"Bad request", b"\xff\xfe", b"[]", b"null", b'{"error": null, "details": []}'])
def test_an_error_body_may_be_anything(make, till, body):
    till.answer = lambda asked: Reply(400, body)
    with pytest.raises(PosError, match=r"HTTP 400, the till rejects the request\.$"):
        make().stores()


def test_one_429_waits_two_seconds_and_goes_on(make, till, slept):
    answers = iter([reply(ERROR, 429), reply([])])
    till.answer = lambda asked: next(answers)
    make().stores()
    assert slept == [2.0]


def test_one_429_waits_as_long_as_the_till_asks(make, till, slept):
    answers = iter([reply(ERROR, 429, Retry_After="7"), reply([])])
    till.answer = lambda asked: next(answers)
    make().stores()
    assert slept == [7.0]


def test_a_second_429_stops_the_account(make, till, counter):
    till.answer = lambda asked: reply(ERROR, 429)
    pos = make()
    with pytest.raises(
        QuotaReached, match=r"maison-lea.*stopped until 2026-12-01 00:00 \(UTC\), or until calls are bought"
    ):
        pos.stores()
    with pytest.raises(QuotaReached):
        pos.brands()
    assert counter.stopped
    assert till.urls == ["/stores", "/stores"]


def test_after_a_stop_one_call_finds_out_whether_it_still_holds(make, till, counter, slept):
    counter.probing = True
    till.answer = lambda asked: reply(ERROR, 429)
    with pytest.raises(QuotaReached):
        make().stores()
    assert (till.urls, slept) == (["/stores"], [])


def test_any_answer_of_its_own_says_that_the_stop_is_over(make, till, counter):
    counter.probing = True
    make().stores()
    assert not counter.probing


def test_a_429_that_asks_for_more_than_a_minute_stops_the_account_at_once(make, till, counter, slept):
    till.answer = lambda asked: reply(ERROR, 429, Retry_After="61")
    with pytest.raises(QuotaReached):
        make().stores()
    assert (len(till.asked), counter.stopped, slept) == (1, True, [])


def test_nobody_else_sends_while_one_waits_after_a_429(make, till, monkeypatch):
    waiting, go_on = threading.Event(), threading.Event()

    def wait(seconds: float) -> None:
        waiting.set()
        assert go_on.wait(10)

    monkeypatch.setattr("connector.pos.hiboutik_calls.sleep", wait)
    till.answer = lambda asked: reply(ERROR, 429) if len(till.asked) == 1 else reply([])
    pos = make()
    first = threading.Thread(target=pos.stores)
    first.start()
    assert waiting.wait(10)
    second = threading.Thread(target=pos.brands)
    second.start()
    second.join(0.2)
    assert till.urls == ["/stores"]
    go_on.set()
    first.join(10)
    second.join(10)
    assert till.urls == ["/stores", "/stores", "/brands/"]


def test_html_instead_of_json_asks_whether_the_address_is_right(make, till):
    till.answer = lambda asked: Reply(200, b"<!DOCTYPE html><html>Maintenance</html>", {"Content-Type": "text/html"})
    with pytest.raises(PosError, match="answered HTML instead of JSON: is base_url right"):
        make().stores()


def test_half_written_json_is_asked_for_again_and_counted(make, till, counter):
    answers = iter([Reply(200, b'[{"store_id": 1'), reply([{"store_id": 1}])])
    till.answer = lambda asked: next(answers)
    assert make().stores().num_rows == 1
    assert counter.spent == 2


def test_json_that_stays_broken_is_an_error(make, till):
    till.answer = lambda asked: Reply(200, b'[{"store_id": 1')
    with pytest.raises(PosError, match=r"not JSON \(15 bytes, cut off or damaged\), asked 3 times"):
        make().stores()


@pytest.mark.parametrize("value", [{"error": "oops"}, "text", None, 7])
def test_anything_but_a_list_where_a_list_belongs_is_an_error(make, till, value):
    till.answer = lambda asked: reply(value)
    with pytest.raises(PosError, match="instead of a list"):
        make().stores()


def test_at_most_the_allowed_number_of_calls_is_in_flight(make, till):
    lock, now, most = threading.Lock(), [0], [0]

    def answer(asked: Asked) -> Reply:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return reply([])

    till.answer = answer
    pos = make(calls_in_flight=2)
    threads = [threading.Thread(target=pos.stores) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(till.asked) == 12
    assert most == [2]


def test_checking_the_rights_names_all_that_are_missing_in_six_calls(make, till):
    till.answer = lambda asked: (
        Reply(403, b"")
        if asked.path.startswith(("/customers", "/stock_available"))
        else reply([{"store_id": 3}, {"store_id": 2}] if asked.path == "/stores" else [])
    )
    customers, stock = make().check_rights()
    assert "read_customers" in customers
    assert "read_inventory" in stock
    assert [url.split("/")[1] for url in till.urls] == [
        "stores", "products", "customers", "stock_available", "closed_sales", "products_sold",
    ]  # fmt: skip
    assert till.asked[-1].path.startswith("/products_sold/2/")


def test_checking_the_rights_with_wrong_credentials_asks_once(make, till):
    till.answer = lambda asked: reply(ERROR, 401)
    (problem,) = make().check_rights()
    assert "credentials are not accepted" in problem
    assert len(till.asked) == 1


def test_checking_the_rights_over_the_quota_says_so(make, till):
    till.answer = lambda asked: reply(ERROR, 429)
    with pytest.raises(QuotaReached):
        make().check_rights()
