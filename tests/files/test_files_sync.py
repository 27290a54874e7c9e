"""A shop fed by an export folder, end to end: every command, and what an unchanged or a changed export costs."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.files.conftest import Shop
from tests.files.export import at
from tests.sync.world import day


def reconciled(shop: Shop) -> dict[str, Any]:
    world = shop.world
    ran = world.run("reconcile", "--json", "--shops", str(world.shops_file), "--from", str(day(6)))
    found: dict[str, Any] = ran.document["shops"][0] | {"code": ran.code}
    return found


@pytest.mark.also_shared
def test_an_export_is_delivered_and_all_counts_agree(shop: Shop) -> None:
    ran = shop.world.sync()
    assert (ran.code, ran.shop()["status"]) == (0, "delivered")
    assert ran.row("orders", 1) | {"id_data_source": 0} == {
        "entity": "orders", "store_id": 1, "id_data_source": 0, "read": 4, "sent": 2, "unchanged": 0, "refused": 0, "failed": 0,
        "skipped": {"anonymous": 1, "customer_without_email": 1}, "amount_read": "30.00",
    }  # fmt: skip
    assert ran.row("orders", 2)["skipped"] == {"web_order": 1}
    assert {name: row["sent"] for (name, store), row in ran.rows().items() if store is None} == {
        "data_sources": 3, "order_statuses": 1, "categories": 1, "manufacturers": 1, "customers": 2, "products": 2,
        "pos_profiles": 2,
    }  # fmt: skip
    found = reconciled(shop)
    assert (found["code"], found["status"], found["missing"], found["extra"]) == (0, "agrees", [], [])
    compared = [line for line in found["lines"] if line["till"]]
    assert {line["entity"] for line in compared} == {"customers", "products", "orders"}
    assert all(line["till"]["agrees"] for line in compared)


def test_what_is_sent_is_what_the_files_say(shop: Shop) -> None:
    shop.world.sync()
    order = shop.world.held_by_id("orders", "order_id")["a_502"]
    assert (order["amount"], order["amount_without_tax"], order["currency"]) == (1020.0, 966.82, "EUR")
    assert order["created_at"] == f"{day(5)}T10:00:00+04:00"  # store-local: Saint-Denis
    assert order["id_data_source"] == shop.world.sources()["2"]
    products = shop.world.held_by_id("products", "product_id")
    assert products[900_000_011]["quantity_remaining"] == 7
    assert products[900_000_011]["link"] == "https://alpha.example/?product_id=11"
    assert products[900_000_012]["price"] == 1020.0
    (category,) = shop.world.held("categories")
    assert category["link"] == "https://alpha.example/?category_id=1"
    customers = shop.world.held_by_id("customers", "customer_id")
    assert (customers["a_101"]["birth_date"], customers["a_101"]["is_opt_in"]) == ("1987-03-14", True)
    assert customers["a_102"]["is_opt_in"] is False


def test_an_unchanged_second_run_writes_nothing_and_calls_no_till(shop: Shop) -> None:
    first = shop.world.sync()
    shop.world.record()
    again = shop.world.sync()
    assert again.code == 0
    assert shop.world.crm_calls(writes=True) == []
    assert all(row["sent"] == 0 for row in again.rows().values())
    for ran in (first, again):
        assert ran.shop()["calls"]["files"] == 0
        assert set(ran.shop()["calls"]) == {"files", "shopimind"}
        assert ran.shop()["quota"] is None
    assert shop.world.till_calls() == []


def test_a_plan_says_what_the_sync_then_does(shop: Shop) -> None:
    planned = shop.world.plan()
    assert planned.code == 0
    done = shop.world.sync()
    for place, row in done.rows().items():
        assert planned.rows()[place]["new"] == row["sent"], place
    assert planned.shop()["calls"] == done.shop()["calls"]
    assert planned.shop()["quota"] is None


def test_only_what_changed_in_the_files_is_sent(shop: Shop) -> None:
    shop.world.sync()
    shop.export.change("products", "11", "Prix TTC", "6,50")
    shop.export.add("lines", "508", "11", "1", "6,50", "20")
    shop.export.add("sales", "508", "2", "102", at(day(0), "00:01"), "6,50", "")
    ran = shop.world.sync()
    sent = {place: row["sent"] for place, row in ran.rows().items() if row["sent"]}
    assert sent == {("products", None): 1, ("orders", 2): 1, ("pos_profiles", None): 1, ("customers", None): 1} or sent == {
        ("products", None): 1, ("orders", 2): 1, ("pos_profiles", None): 1,
    }  # fmt: skip


def test_a_sale_that_is_added_to_an_old_day_is_found_by_reconciling_and_delivered_by_its_repair(shop: Shop) -> None:
    shop.world.sync()
    shop.export.add("lines", "490", "11", "1", "6,00", "20")
    shop.export.add("sales", "490", "1", "101", at(day(5)), "6,00", "")
    assert shop.world.sync().row("orders", 1)["read"] == 1  # the look-back alone: the day is complete
    assert reconciled(shop)["status"] == "drift"
    world = shop.world
    world.run("reconcile", "--json", "--repair", "--shops", str(world.shops_file), "--from", str(day(6)))
    assert "a_490" in world.held_by_id("orders", "order_id")
    assert reconciled(shop)["status"] == "agrees"


def test_status_and_check_have_nothing_to_say_of_a_quota(shop: Shop) -> None:
    world = shop.world
    shop.world.sync()
    status = world.status()
    assert status.shop()["quota"] is None
    assert status.row("orders", 1)["delivered"] == 2
    checked = world.run("check", "--json", "--shops", str(world.shops_file))
    assert (checked.code, checked.shop()["problems"]) == (0, [])
    assert [store["name"] for store in checked.shop()["stores"]] == ["Lyon", "Saint-Denis"]
    for command in ("sync", "plan", "status", "check"):
        words = world.run(command, "--shops", str(world.shops_file))
        assert words.code == 0
        assert "quota" not in words.out


def test_a_column_that_is_not_there_is_told_before_anything_is_read_or_sent(shop: Shop) -> None:
    shop.export.rows["sales"][0][4] = "Montant"
    shop.export.write("sales")
    shop.export.path("lines").unlink()
    world = shop.world
    checked = world.run("check", "--json", "--shops", str(world.shops_file))
    assert checked.code == 1
    assert len(checked.shop()["problems"]) == 2
    ran = world.sync()
    assert (ran.code, ran.shop()["status"]) == (1, "failed")
    assert "sales.csv has no column 'Total TTC' (for total)" in ran.shop()["message"]
    assert "there is no file lines.csv" in ran.shop()["message"]
    assert world.crm_calls(writes=True) == []


def test_impossible_values_are_refused_beside_their_neighbours(shop: Shop) -> None:
    export = shop.export
    export.change("sales", "501", "Total TTC", "13,00")  # its lines are 12,00
    export.change("sales", "506", "Clôture", "31/02/2026 10:00")
    export.add("sales", "509", "7", "101", at(day(2)), "6,00", "")  # no such store
    export.add("sales", "abc", "1", "101", at(day(2)), "6,00", "")
    export.add("products", "13", "Thé", "gratuit", "", "")
    export.add("customers", "104", "Né", "ne@example.org", "30/02/1990", "peut-être")
    ran = shop.world.sync()
    assert (ran.code, ran.shop()["status"]) == (3, "refused")
    listed = shop.world.refused("list").document["refused"]
    reasons = {row["external_id"].split("_")[-1]: row["reason"] for row in listed if row["entity"] == "orders"}
    assert "add up to 12.00, and the sale's total is 13.00" in reasons["501"]
    assert "is not a day" in reasons["506"]
    assert "store_id: 7 is not among the stores" in reasons["509"]
    assert any("'abc' is not a whole number" in reason for reason in reasons.values())
    assert {row["entity"] for row in listed} == {"orders", "products", "customers"}
    assert "neither yes nor no" in next(row["reason"] for row in listed if row["entity"] == "customers")
    assert ran.row("orders", 1)["refused"] + ran.row("orders", 2)["refused"] == 4
    assert ran.row("orders", 2)["sent"] == 1
    assert shop.world.sync().shop()["status"] == "refused"


def test_a_bad_encoding_fails_the_shop_and_delivers_the_next_time(shop: Shop) -> None:
    shop.configure(encoding="utf-8")
    ran = shop.world.sync()
    assert (ran.code, ran.shop()["status"]) == (1, "failed")
    assert "is not utf-8" in ran.shop()["message"]
    assert "pos.encoding" in ran.shop()["message"]
    assert shop.world.crm_calls(writes=True) == []
    shop.configure(encoding="cp1252")
    assert shop.world.sync().code == 0
    assert len(shop.world.held("orders")) == 3


@pytest.mark.parametrize("kind", ["stores", "sales", "customers", "products"])
def test_an_empty_file_is_an_error_and_a_header_alone_is_not(shop: Shop, kind: str) -> None:
    shop.world.sync()
    whole = shop.export.rows[kind]
    shop.export.path(kind).write_bytes(b"")
    ran = shop.world.sync()
    assert ran.code == 1
    assert f"{kind}.csv is empty" in ran.shop()["message"]
    shop.export.rows[kind] = whole[:1]
    shop.export.write(kind)
    ran = shop.world.sync()
    assert ran.code == (1 if kind in ("stores", "customers") else 0)  # sales name customers that are not listed
    assert all(item["is_active"] for item in shop.world.held("products"))  # a list that lost everything is in doubt
    shop.export.rows[kind] = whole
    shop.export.write(kind)
    assert shop.world.sync().code == 0


def test_a_folder_that_is_gone_loses_nothing(shop: Shop) -> None:
    shop.world.sync()
    away = shop.export.folder.with_name("away")
    os.rename(shop.export.folder, away)
    ran = shop.world.sync()
    assert ran.code == 1
    assert "no such folder" in ran.shop()["message"]
    os.rename(away, shop.export.folder)
    again = shop.world.sync()
    assert (again.code, sum(row["sent"] for row in again.rows().values())) == (0, 0)


def test_beside_a_hiboutik_shop_of_the_same_account_name_the_quotas_stay_apart(shop: Shop) -> None:
    def second(shops: list[dict[str, Any]]) -> None:
        pos = {"system": "hiboutik", "account": "alpha", "login": "ops@example.org", "api_key": "hiboutik-key-alpha",
               "base_url": f"{shop.world.sandbox.till_url}/alpha/api"}  # fmt: skip
        shops.append(shops[0] | {"key": "beta", "label": "B", "pos": pos,
                                 "identifiers": {"prefix": "b_", "offset": 0}})  # fmt: skip

    shop.world.configure(second)
    ran = shop.world.sync()
    assert ran.code == 0
    assert set(ran.shop("alpha")["calls"]) == {"files", "shopimind"}
    assert ran.shop("beta")["calls"]["hiboutik"] == ran.shop("beta")["quota"]["used"] > 0
    assert ran.shop("beta")["quota"]["limit"] == 30_000  # of its three stores, not of the folder's two
