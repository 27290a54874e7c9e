"""`connector status` and `connector check`: what they promise, and that they change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.sandbox.fault_plan import FaultPlan, status_fault
from tests.sync.conftest import MakeWorld
from tests.sync.world import PARIS, World, first_sync_calls, till_account

# --- status ---


def test_status_before_any_sync(make_world: MakeWorld) -> None:
    world = make_world()
    ran = world.status()
    assert ran.code == 0
    assert all(row["delivered"] == row["refused"] == row["waiting"] == 0 for row in ran.shop()["entities"])
    assert all(row["last_delivery"] is None for row in ran.shop()["entities"])
    assert ran.shop()["quota"]["used"] == 0
    assert world.till_calls() == world.crm_calls() == []


def test_status_tells_what_was_delivered_when_and_makes_no_call(world: World) -> None:
    start = datetime.now(UTC).replace(microsecond=0)
    world.sync()
    world.record()
    ran = world.status()
    assert world.till_calls() == world.crm_calls() == []
    shop = ran.shop()
    assert {"shop", "status", "quota", "entities"} <= set(shop)
    assert (shop["status"], shop["quota"]["used"]) == ("delivered", first_sync_calls())
    for row in shop["entities"]:
        assert set(row) == {"entity", "store_id", "delivered", "refused", "waiting", "last_delivery"}
    assert {place: row["delivered"] for place, row in ran.rows().items()} == {
        ("data_sources", None): 4, ("order_statuses", None): 1, ("categories", None): 2, ("manufacturers", None): 1,
        ("customers", None): 3, ("products", None): 3, ("orders", 1): 3, ("orders", 2): 1, ("orders", 5): 0,
        ("pos_profiles", None): 3,
    }  # fmt: skip
    at = datetime.fromisoformat(ran.row("orders", 1)["last_delivery"])
    assert start <= at <= datetime.now(UTC)
    assert ran.row("orders", 5)["last_delivery"] is None


def test_status_forecasts_the_months_calls(world: World) -> None:
    world.sync()
    quota = world.status().shop()["quota"]
    assert quota["forecast"] >= quota["used"] > 0


def test_an_account_that_its_till_stopped_is_told_until_when(world: World) -> None:
    shops = ("--shops", str(world.shops_file))
    world.sandbox.till.switches.quota = 12
    assert world.sync().code == 4
    this_month = datetime.now(PARIS).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    until = (this_month + timedelta(days=32)).replace(day=1).isoformat()
    sentence = f"The till said that its quota is reached: stopped until {until}; the next run finds out with one call"
    assert world.status().shop()["quota"]["stopped_until"] == until
    assert sentence in world.run("status", *shops).out
    world.record()
    planned = world.plan()
    assert (planned.shop()["status"], planned.shop()["quota"]["stopped_until"]) == ("quota", until)
    assert len(world.till_calls()) == 1
    assert sentence in world.run("plan", *shops).out

    world.sandbox.till.switches.quota = None
    assert world.plan().shop()["quota"]["stopped_until"] is None  # its first call found out
    assert world.status().shop()["quota"]["stopped_until"] is None
    assert sentence not in world.run("status", *shops).out
    assert world.sync().code == 0


def test_what_waits_is_told_until_it_is_delivered(world: World) -> None:
    world.sandbox.crm_server.faults = FaultPlan([status_fault(503, path="/orders$", method="POST")])
    assert world.sync().code == 1
    assert [world.status().row("orders", store)["waiting"] for store in (1, 2, 5)] == [3, 1, 0]
    world.sandbox.crm_server.faults = FaultPlan()
    assert world.sync("--only", "customers").code == 0
    ran = world.status()
    assert [ran.row("orders", store)["waiting"] for store in (1, 2, 5)] == [3, 1, 0]  # nobody delivered them meanwhile
    assert world.sync().code == 0
    ran = world.status()
    assert [ran.row("orders", store)["waiting"] for store in (1, 2, 5)] == [0, 0, 0]
    assert ran.row("orders", 1)["delivered"] == 3


def test_an_inactive_installation_shows_in_the_status(world: World) -> None:
    world.sandbox.crm.set_status("alpha", "revoked")
    assert world.sync().code == 4
    assert world.status().shop()["status"] == "inactive"
    world.sandbox.crm.set_status("alpha", "active")
    assert world.sync().code == 0
    assert world.status().shop()["status"] == "delivered"


def test_status_of_some_shops_and_in_words(make_world: MakeWorld) -> None:
    world = make_world([till_account(), till_account("beta", offset=0)])
    assert [shop["shop"] for shop in world.status("--shop", "beta").document["shops"]] == ["beta"]
    assert "alpha" in world.run("status", "--shops", str(world.shops_file)).out


# --- check ---


@pytest.fixture(scope="module")
def checked(make_shared_world: MakeWorld) -> World:
    return make_shared_world([till_account(), till_account("beta", offset=0)])


def check(world: World, *argv: str) -> dict[str, dict]:  # type: ignore[type-arg]
    ran = world.run("check", "--json", "--shops", str(world.shops_file), *argv)
    assert ran.document["exit_code"] == ran.code
    assert ran.document["ok"] == (ran.code == 0)
    return {"": ran.document, **{shop["shop"]: shop for shop in ran.document["shops"]}}


def test_check_finds_the_stores_and_writes_nothing(checked: World) -> None:
    checked.record()
    found = check(checked)
    assert found[""]["ok"] is True
    for key in ("alpha", "beta"):
        assert set(found[key]) == {"shop", "ok", "problems", "stores"}
        assert (found[key]["ok"], found[key]["problems"]) == (True, [])
        assert [store["store_id"] for store in found[key]["stores"]] == [1, 2, 5]
    assert found["alpha"]["stores"][1]["name"] == "Saint-Denis"
    assert checked.crm_calls(writes=True) == []
    assert all(call["method"] == "GET" for call in checked.sandbox.till_server.journal.entries)
    assert checked.held("orders") == []
    assert check(checked, "--shop", "beta").keys() == {"", "beta"}


def test_check_names_the_right_that_is_missing(checked: World) -> None:
    checked.sandbox.till.switches.forbidden = ["customers", "closed_sales"]
    found = check(checked, "--shop", "alpha")
    checked.sandbox.till.switches.forbidden = []
    assert found[""]["exit_code"] == 1
    assert len(found["alpha"]["problems"]) == 2
    assert "Customers tab" in found["alpha"]["problems"][0]


def test_check_tells_an_inactive_installation_from_a_failure(checked: World) -> None:
    checked.sandbox.crm.set_status("alpha", "revoked")
    found = check(checked)
    assert (found[""]["exit_code"], found["alpha"]["ok"], found["beta"]["ok"]) == (4, False, True)
    checked.configure(lambda shops: shops[1]["pos"].update(api_key="wrong"))
    found = check(checked)
    assert found[""]["exit_code"] == 1
    assert "credentials" in " ".join(found["beta"]["problems"])
    checked.sandbox.crm.set_status("alpha", "active")
