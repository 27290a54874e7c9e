"""How the rows of a running till are changed, and that they last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback import serving
from running_till import NOW, SAMPLES, Running

from connector.sandbox.accounts import load_accounts
from connector.sandbox.hiboutik import create_till


def test_an_added_sale_is_on_its_day_with_a_number_and_a_total(fresh: Running) -> None:
    line = {"product_id": 1003, "quantity": 2, "discount": "1.00"}
    sale = fresh.change("sales", store_id=1, customer_id=31, completed_at="2026-11-20 19:00:00", line_items=[line])
    row = next(row for row in fresh.rows("closed_sales/1/2026/11/20") if row["sale_id"] == sale["sale_id"])
    assert (row["total"], row["currency"]) == ("36.00", "EUR")
    numbers = [row["unique_sale_id"] for row in fresh.rows("closed_sales/1/2026/11/20")]
    assert len(set(numbers)) == len(numbers)


def test_an_edited_sale_keeps_its_id_and_changes_its_total(fresh: Running) -> None:
    fresh.change("sales", sale_id=512, line_items=[{"product_id": 1003, "quantity": 3}])
    rows = [row for row in fresh.rows("closed_sales/1/2026/10/12") if row["sale_id"] == 512]
    assert [row["total"] for row in rows] == ["55.50"]


def test_a_closed_ticket_leaves_the_open_ones(fresh: Running) -> None:
    fresh.change("sales/518/close", completed_at="2026-11-21 09:00:00")
    assert {row["sale_id"] for row in fresh.rows("open_sales/1")} == {519}
    assert {row["sale_id"] for row in fresh.rows("closed_sales/1/2026/11/21")} == {518}


def test_customers_products_and_stores_can_be_changed(fresh: Running) -> None:
    fresh.change("customers", customers_id=31, email="new@example.org")
    assert fresh.rows("customer/31")[0]["email"] == "new@example.org"
    added = fresh.change("customers", last_name="Neuve")["customers_id"]
    assert fresh.rows("customers/?p=2")[-1]["customers_id"] == added
    fresh.change("products/1003/archive")
    assert fresh.rows("products/1003")[0]["product_arch"] == 1
    fresh.change("stores", store_id=2, store_name="Saint-Paul")
    assert [row["store_name"] for row in fresh.rows("stores")] == ["Lyon Croix-Rousse", "Saint-Paul", "Genève"]


def test_a_deleted_customer_is_gone_but_its_sales_keep_the_id(fresh: Running) -> None:
    httpx.delete(f"{fresh.base}/_sandbox/maison-lea/customers/33").raise_for_status()
    assert fresh.get("customer/33").status_code == 404
    assert fresh.rows("sales/506")[0]["customer_id"] == 33


def test_changed_credentials_lock_the_old_ones_out(fresh: Running) -> None:
    fresh.change("credentials", api_key="another")
    assert fresh.get("stores").status_code == 401


def test_a_webhook_can_be_set_listed_and_removed(fresh: Running) -> None:
    answer = fresh.client.post("webhooks", data={"webhook_label": "x", "webhook_url": "https://example.org/h"})
    assert (answer.status_code, answer.json()) == (200, {"webhook_id": 1})
    assert fresh.rows("webhooks")[0]["webhook_url"] == "https://example.org/h"
    assert fresh.client.delete("webhooks/1").status_code == 200
    assert fresh.rows("webhooks") == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("sales", {"store_id": 99}, 422), ("sales", {}, 422), ("teapots", {}, 404), ("sales/7/close", {}, 404)],
)
def test_an_impossible_change_is_refused(till: Running, path: str, body: dict[str, Any], status: int) -> None:
    assert httpx.post(f"{till.base}/_sandbox/maison-lea/{path}", json=body).status_code == status


def test_an_unknown_switch_is_refused(till: Running) -> None:
    assert httpx.post(f"{till.base}/_sandbox/switches", json={"warp": 9}).status_code == 422


def test_changes_and_counters_survive_a_restart(fresh: Running, tmp_path: Path) -> None:
    sale = fresh.change("sales", store_id=1, completed_at="2026-11-20 19:00:00", line_items=[{"product_id": 1003}])
    httpx.delete(f"{fresh.base}/_sandbox/maison-lea/customers/33").raise_for_status()
    fresh.get("stores")
    again = create_till(load_accounts(SAMPLES), state_file=tmp_path / "till.json", clock=lambda: NOW)
    assert again.state.calls()["maison-lea"] == {"2026-11": 1}
    with serving(again) as base:
        restarted = Running(again, base)
        assert restarted.rows(f"sales/{sale['sale_id']}")[0]["total"] == "18.50"
        assert restarted.get("customer/33").status_code == 404
