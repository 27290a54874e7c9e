"""Contract, section 3: what `connector sync --json` prints about a first sync, and what became of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from tests.sync.conftest import MakeWorld
from tests.sync.world import Ran, World, day, line, sale, till_account, usual_sales

ENTITIES = [
    "data_sources", "order_statuses", "categories", "manufacturers", "customers", "products", "orders", "pos_profiles",
]  # fmt: skip
NUMBERS = ("read", "unchanged", "sent", "refused", "failed")


@pytest.fixture(scope="module")
def world(make_shared_world: MakeWorld) -> World:
    in_francs = sale(509, day(2), line(12, 1, "30.00"), store=1, currency="CHF")
    in_dollars = sale(510, day(2), line(12, 1, "9.99"), store=1, customer=0, currency="USD")
    return make_shared_world(
        [till_account(sales=[*usual_sales(), in_francs, in_dollars]), till_account("beta", offset=0)]
    )


@pytest.fixture(scope="module")
def first(world: World) -> Ran:
    return world.sync()


@pytest.fixture(scope="module")
def calls(world: World, first: Ran) -> dict[str, tuple[int, int]]:
    """Attempts that the servers saw of the first sync, by shop."""
    return {shop: (len(world.till_calls(shop)), len(world.crm_calls(shop))) for shop in ("alpha", "beta")}


def test_standard_output_is_one_json_document_and_nothing_else(first: Ran) -> None:
    document, end = json.JSONDecoder().raw_decode(first.out)
    assert first.out[end:].strip() == ""
    assert first.err == ""
    assert document["exit_code"] == first.code == 0


def test_the_document_has_exactly_the_promised_keys_and_types(first: Ran) -> None:
    document = first.document
    assert set(document) == {"run_ids", "ok", "exit_code", "shops"}
    assert document["ok"] is True
    assert [shop["shop"] for shop in document["shops"]] == ["alpha", "beta"] == sorted(document["run_ids"])
    for shop in document["shops"]:
        assert set(shop) - {"message"} == {"shop", "status", "entities", "calls", "quota"}
        assert {type(value) for value in shop["calls"].values()} == {int}
        assert set(shop["calls"]) == {"hiboutik", "shopimind"}
        assert {name: type(value) for name, value in shop["quota"].items()} == {"month": str, "used": int, "limit": int}
        for row in shop["entities"]:
            _assert_row(row)


def _assert_row(row: dict[str, Any]) -> None:
    amounts = {"amount_read"} if row["entity"] == "orders" else set()
    keys = {
        "entity",
        "store_id",
        "id_data_source",
        "read",
        "skipped",
        "unchanged",
        "sent",
        "refused",
        "failed",
    } | amounts
    assert set(row) - ({"amount_read_other"} if amounts else set()) == keys
    assert all(type(row[name]) is int and row[name] >= 0 for name in NUMBERS)
    assert all(type(name) is str and type(number) is int for name, number in row["skipped"].items())
    for amount in [*(row[name] for name in amounts), *row.get("amount_read_other", {}).values()]:
        assert type(amount) is str
        assert Decimal(amount).as_tuple().exponent == -2


def test_every_entity_has_its_row_and_every_store_its_row_of_orders_the_empty_one_included(first: Ran) -> None:
    places = [(row["entity"], row["store_id"]) for row in first.shop()["entities"]]
    expected = []
    for name in ENTITIES:
        expected += [(name, store) for store in (1, 2, 5)] if name == "orders" else [(name, None)]
    assert places == expected
    assert first.row("orders", 5)["read"] == 0


def test_each_row_names_the_source_its_records_carry_and_null_where_it_varies(world: World, first: Ran) -> None:
    sources = world.sources()
    parent = sources[None]
    for name in ("order_statuses", "categories", "manufacturers", "products"):
        assert first.row(name)["id_data_source"] == parent
    for store in (1, 2, 5):
        assert first.row("orders", store)["id_data_source"] == sources[str(store)]
    for name in ("data_sources", "customers", "pos_profiles"):
        assert first.row(name)["id_data_source"] is None


def test_what_is_counted_is_what_happened(world: World, first: Ran) -> None:
    outcomes = {place: (row["read"], row["skipped"], row["sent"]) for place, row in first.rows().items()}
    assert outcomes == {
        ("data_sources", None): (4, {}, 4),
        ("order_statuses", None): (1, {}, 1),
        ("categories", None): (2, {}, 2),
        ("manufacturers", None): (1, {}, 1),
        ("customers", None): (4, {"customer_without_email": 1}, 3),
        ("products", None): (3, {}, 3),
        ("orders", 1): (7, {"anonymous": 2, "customer_without_email": 1}, 4),
        ("orders", 2): (3, {"web_order": 1, "return": 1}, 1),
        ("orders", 5): (0, {}, 0),
        ("pos_profiles", None): (3, {}, 3),
    }
    held = {
        "statuses": 1,
        "categories": 2,
        "manufacturers": 1,
        "customers": 3,
        "products": 3,
        "orders": 5,
        "pos_profile": 3,
    }
    assert {name: len(world.held(name)) for name in held} == held


def test_amount_read_is_in_the_stores_currency_and_others_are_apart(first: Ran) -> None:
    lyon = first.row("orders", 1)
    assert lyon["amount_read"] == "54.55"  # 6 + 6 + 16.55 + 6 + 20, the skipped ones included
    assert lyon["amount_read_other"] == {"CHF": "30.00", "USD": "9.99"}
    reunion = first.row("orders", 2)
    assert reunion["amount_read"] == "26.00"  # 40 + 6 - 20
    assert "amount_read_other" not in reunion
    assert first.row("orders", 5)["amount_read"] == "0.00"


def test_calls_are_the_attempts_that_the_servers_saw(first: Ran, calls: dict[str, tuple[int, int]]) -> None:
    for shop in ("alpha", "beta"):
        told = first.shop(shop)["calls"]
        assert (told["hiboutik"], told["shopimind"]) == calls[shop]


def test_the_quota_counts_every_attempt_and_its_limit_is_per_store(first: Ran) -> None:
    for shop in ("alpha", "beta"):
        told = first.shop(shop)
        assert told["quota"] == {"month": f"{day(0):%Y-%m}", "used": told["calls"]["hiboutik"], "limit": 30_000}


def test_every_shop_is_one_dagster_run_with_the_reported_id(
    world: World, first: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = world.home / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(place))
    with dg.DagsterInstance.from_config(str(place)) as instance:
        runs = {run.run_id: run for run in instance.get_runs()}
        for shop, run_id in first.document["run_ids"].items():
            assert runs[run_id].status is dg.DagsterRunStatus.SUCCESS
            assert {key.path[0] for key in instance.get_run_by_id(run_id).asset_selection or ()} <= {shop}
            assert runs[run_id].job_name == f"sync_{shop}"
        assert [run.job_name for run in runs.values()].count("sync_beta") == 1


def test_an_order_carries_the_source_of_its_own_store_and_of_no_other(world: World, first: Ran) -> None:
    sources = world.sources()
    orders = world.held_by_id("orders", "order_id")
    expected = {"a_501": "1", "a_502": "2", "a_504": "1", "a_508": "1", "a_509": "1"}
    assert {name: order["id_data_source"] for name, order in orders.items()} == {
        name: sources[store] for name, store in expected.items()
    }


def test_no_item_lacks_its_source_and_no_body_names_a_label(world: World, first: Ran) -> None:
    assert world.sandbox.crm.complaints == []
    bulk = [call for shop in ("alpha", "beta") for call in world.crm_calls(shop) if isinstance(call["body"], list)]
    assert len(bulk) >= 14
    for call in bulk:
        assert all(type(item["id_data_source"]) is int for item in call["body"]), call["path"]
    for call in [*world.crm_calls("alpha"), *world.crm_calls("beta")]:
        assert "label_source" not in json.dumps(call["body"])


def test_without_json_it_says_the_same_in_words(world: World, first: Ran) -> None:
    ran = world.run("sync", "--shops", str(world.shops_file), "--shop", "alpha", "--only", "orders")
    assert ran.code == 0
    assert "alpha: delivered" in ran.out
    assert "orders (store 5)" in ran.out
    with pytest.raises(json.JSONDecodeError):
        json.loads(ran.out)


def test_where_customers_belong_to_the_parent_their_rows_name_it(make_world: MakeWorld) -> None:
    world = make_world()
    world.configure(lambda shops: shops[0].update(rules={"customers_source": "parent"}))
    first, planned = world.sync(), world.plan()
    for name in ("customers", "pos_profiles"):
        assert first.row(name)["id_data_source"] == planned.row(name)["id_data_source"] == world.sources()[None]
    assert {customer["id_data_source"] for customer in world.held("customers")} == {world.sources()[None]}
