"""Who may ask the sandbox's till, what its errors look like, and how many calls it takes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from running_till import LOGIN, Running


def test_basic_and_bearer_credentials_both_work(till: Running) -> None:
    assert till.get("stores").status_code == 200
    bearer = {"Authorization": "Bearer demo-token-maison-lea"}
    assert httpx.get(f"{till.base}/maison-lea/api/stores", headers=bearer).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Basic !!"}, {"Authorization": "Bearer nope"}, {"Authorization": "Basic b3BzOmtleQ=="}],
)
def test_missing_or_wrong_credentials_are_401_with_an_error_body(till: Running, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{till.base}/maison-lea/api/stores", headers=headers)
    assert answer.status_code == 401
    assert {"error", "code", "error_description", "details"} == set(answer.json())


def test_one_accounts_key_does_not_open_another(till: Running) -> None:
    assert httpx.get(f"{till.base}/atelier-noa/api/stores", auth=LOGIN).status_code == 401


def test_a_user_without_a_right_gets_403_there_and_only_there(till: Running) -> None:
    till.switch(forbidden=["customers"])
    assert till.get("customers/").status_code == 403
    assert till.get("products/").status_code == 200


def test_only_json_is_served(till: Running) -> None:
    assert till.get("stores", headers={"Accept": "text/html"}).status_code == 406
    assert till.get("stores", headers={"Accept": "application/json"}).status_code == 200


def test_error_bodies_can_lack_a_description_or_not_be_json(till: Running) -> None:
    till.switch(error_body="no_description")
    assert till.get("sales/99999999").json() == {"error": "not_found"}
    till.switch(error_body="text")
    with pytest.raises(json.JSONDecodeError):
        till.get("sales/99999999").json()


def test_a_maintenance_page_is_html_with_status_200(till: Running) -> None:
    till.switch(html=["closed_sales"])
    answer = till.get("closed_sales/1/2026/10/06")
    assert (answer.status_code, answer.headers["content-type"][:9]) == (200, "text/html")


@pytest.mark.parametrize("path", ["customer/7", "products/1099", "sales/99999999"])
def test_an_unknown_id_is_404_or_an_empty_list(till: Running, path: str) -> None:
    assert till.get(path).status_code == 404
    till.switch(unknown_id="empty")
    assert till.rows(path) == []


def test_the_quota_is_per_account_and_month_and_ends_in_429(fresh: Running) -> None:
    fresh.switch(quota=2)
    assert [fresh.get("stores").status_code for _ in range(3)] == [200, 200, 429]
    noa = ("noa@example.org", "demo-key-atelier-noa")
    assert httpx.get(f"{fresh.base}/atelier-noa/api/stores", auth=noa).status_code == 200
    assert fresh.app.state.calls() == {"maison-lea": {"2026-11": 2}, "atelier-noa": {"2026-11": 1}}
    assert "retry-after" not in fresh.get("stores").headers
    fresh.switch(retry_after=7)
    assert fresh.get("stores").headers["retry-after"] == "7"


def test_too_many_calls_at_once_are_429(fresh: Running) -> None:
    fresh.switch(concurrency=2, hold_ms=300)
    with ThreadPoolExecutor(5) as pool:
        statuses = sorted(
            pool.map(lambda _: httpx.get(f"{fresh.base}/maison-lea/api/stores", auth=LOGIN).status_code, range(5))
        )
    assert statuses[0] == 200
    assert statuses[-1] == 429


def test_every_call_is_logged(fresh: Running) -> None:
    fresh.get("customers/?p=2")
    fresh.get("customer/7")
    assert [tuple(entry) for entry in fresh.app.state.log] == [
        ("maison-lea", "GET", "customers", "p=2", 200),
        ("maison-lea", "GET", "customer/7", "", 404),
    ]
