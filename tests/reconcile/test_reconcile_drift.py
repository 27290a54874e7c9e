"""Contract, section 3: what does not agree is named by id, and `--repair` delivers what is missing or different."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector.sandbox.crm_state import Status
from connector.sandbox.fault_plan import FaultPlan, status_fault
from connector.shop_run import SYNC_LEASE, State
from connector.state.leases import Lease
from tests.reconcile.conftest import Reconciled, change, lose_a_profile, reconcile, shopimind
from tests.sync.world import World, day, line, sale, till_account


def set_source(world: World, store_id: str, **changes: Any) -> None:
    data = world.sandbox.crm.shops["alpha"]
    number = world.sources()[store_id]
    data.keep("data_sources", number, data.sources[number] | changes)


def set_definition(world: World, **changes: Any) -> None:
    data = world.sandbox.crm.shops["alpha"]
    ((number, definition),) = data.definitions.items()
    data.keep("definitions", number, definition | changes)


@pytest.mark.also_shared
def test_records_that_vanished_from_shopimind_are_named_and_delivered_again(synced: World) -> None:
    before = synced.held_by_id("orders", "order_id")["a_501"]
    with shopimind(synced) as crm:
        crm.orders.delete("a_501")
        crm.customers.delete("a_104")
        crm.products.delete(900000013)

    found = reconcile(synced)
    assert found.outcome == (1, "drift")
    assert found.named == {"missing": ["customers a_104", "products 900000013", "orders a_501"]}
    assert {each["missing_from"] for each in found.shop["missing"]} == {"shopimind"}
    assert found.in_doubt == {("customers", None, None), ("products", None, None), ("orders", 1, str(day(5)))}
    assert synced.crm_calls(writes=True)[3:] == []  # but for ours

    repaired = reconcile(synced, "--repair")
    assert repaired.outcome == (0, "agrees")
    assert synced.held_by_id("orders", "order_id")["a_501"] == before
    assert repaired.shop["repaired"]["status"] == "delivered"
    assert [each["external_id"] for each in repaired.shop["repaired"]["missing"]] == ["a_104", "900000013", "a_501"]
    assert repaired.shop["calls"]["hiboutik"] > found.shop["calls"]["hiboutik"] * 2  # of both comparisons and the sync


def test_what_differs_is_named_with_its_fields_and_put_right(synced: World) -> None:
    sources = synced.sources()
    change(synced, "orders", "order_id", "a_501", amount=7.25)
    change(synced, "orders", "order_id", "a_502", id_data_source=sources["1"], currency="CHF")
    change(synced, "customers", "customer_id", "a_101", id_data_source=sources["5"])

    found = reconcile(synced)
    assert found.outcome == (1, "drift")
    assert {(each["external_id"], *each["fields"]) for each in found.shop["different"]} == {
        ("a_101", "id_data_source"),
        ("a_501", "amount"),
        ("a_502", "currency", "id_data_source"),
    }
    assert found.line("orders", 1, day(5))["shopimind"] == {"records": 1, "amount": "7.25"}

    assert reconcile(synced, "--repair").outcome == (0, "agrees")
    assert synced.held_by_id("orders", "order_id")["a_502"]["id_data_source"] == sources["2"]


def test_what_is_extra_is_named_and_never_deleted(synced: World) -> None:
    parent = synced.sources()[None]
    change(synced, "orders", "order_id", "a_501", order_id="a_999")  # with our prefix, under our source
    change(synced, "orders", "order_id", "a_502", order_id="web_1")  # under our source
    change(synced, "customers", "customer_id", "a_101", customer_id="a_777", id_data_source=1)  # with our prefix
    change(synced, "orders", "order_id", "a_501", order_id="foreign_1", id_data_source=1)  # not ours
    assert parent != 1

    for found in (reconcile(synced), reconcile(synced, "--repair")):
        assert found.outcome == (1, "drift")
        assert found.named == {"extra": ["customers a_777", "orders a_999", "orders web_1"]}
        assert "repaired" not in found.shop
    (extra,) = [each for each in found.shop["extra"] if each["external_id"] == "a_999"]
    assert (extra["store_id"], extra["day"]) == (1, str(day(5)))
    assert {"a_999", "web_1", "foreign_1"} <= synced.held_by_id("orders", "order_id").keys()
    assert "a_777" in synced.run("reconcile", "--shops", str(synced.shops_file)).out


def test_a_sale_that_came_after_the_look_back_is_found_by_the_tills_turnover(synced: World) -> None:
    synced.till().put_sale(sale(900, day(5), line(12, 1, "20.00"), customer=102))
    assert synced.sync(ago_days=0.001).code == 0  # which does not read that day again

    found = reconcile(synced)
    assert found.outcome == (1, "drift")
    assert found.in_doubt == {("orders", 1, str(day(5)))}
    assert found.line("orders", 1, day(5))["till"] == {"records": 2, "amount": "26.00", "agrees": False}
    assert found.line("orders", 1, day(5))["read"]["amount"] == "6.00"
    shown = synced.run("reconcile", "--shops", str(synced.shops_file)).out
    assert f"{day(5)}" in shown
    assert "2 (26.00)" in shown

    synced.record()
    assert reconcile(synced, "--repair").outcome == (0, "agrees")
    assert "a_900" in synced.held_by_id("orders", "order_id")
    assert str(day(4)) not in synced.days_read()[1]  # only what was in doubt, and the look-back


def test_an_order_whose_sale_the_till_does_not_have_any_more_is_extra(synced: World) -> None:
    synced.till().put_sale({"sale_id": 508, "completed_at": f"{day(40)} 10:00:00", "store_id": 1})
    assert synced.sync("--only", "orders", ago_days=0.001).code == 0
    found = reconcile(synced, "--only", "orders")
    assert found.named == {"extra": ["orders a_508"]}


def test_a_customer_whom_the_till_lists_and_nobody_read_is_told_and_read(synced: World) -> None:
    synced.till().put("customers", {"customers_id": 110, "first_name": "Une", "email": "une@example.org"})
    found = reconcile(synced, "--only", "customers")
    assert found.outcome == (1, "drift")
    assert found.line("customers")["till"] == {"records": 5, "agrees": False}
    repaired = reconcile(synced, "--only", "customers", "--repair")
    assert repaired.outcome == (0, "agrees")
    assert "a_110" in synced.held_by_id("customers", "customer_id")


def test_a_lost_profile_is_counted_and_all_are_sent_again(synced: World) -> None:
    lose_a_profile(synced)
    found = reconcile(synced, "--only", "pos_profiles")
    assert found.outcome == (1, "drift")
    assert found.line("pos_profiles")["shopimind"] == {"records": 2}
    assert "cannot be named" in found.shop["message"]
    assert reconcile(synced, "--only", "pos_profiles", "--repair").outcome == (0, "agrees")
    assert len(synced.held("pos_profile")) == 3


def test_what_was_read_and_not_delivered_is_missing_from_the_ledger(synced: World) -> None:
    synced.till().put_sale(sale(901, day(1)))
    synced.sandbox.crm_server.faults = FaultPlan(faults=[status_fault(503, path="/v1/orders")])
    assert synced.sync(ago_days=0.001).code == 1
    synced.sandbox.crm_server.faults = FaultPlan()
    found = reconcile(synced)
    assert found.outcome == (1, "drift")
    assert [(each["external_id"], each["missing_from"]) for each in found.shop["missing"]] == [("a_901", "ledger")]
    assert reconcile(synced, "--repair").outcome == (0, "agrees")


@pytest.mark.parametrize("name", ["POS_Profile", "pôs_profile "])
def test_profiles_are_looked_for_where_a_sync_delivers_them_whatever_the_case_of_its_name(
    synced: World, name: str
) -> None:
    set_definition(synced, name=name)
    assert reconcile(synced, "--only", "pos_profiles").outcome == (0, "agrees")


def test_profiles_that_shopimind_takes_no_more_are_still_taken_for_delivered(synced: World) -> None:
    set_definition(synced, status="inactive")
    assert reconcile(synced, "--only", "pos_profiles").outcome == (0, "agrees")
    lose_a_profile(synced)
    found = reconcile(synced, "--only", "pos_profiles", "--repair")
    assert found.outcome == (1, "drift")
    assert "is inactive: activate it in ShopiMind" in found.shop["message"]
    assert found.line("pos_profiles")["ledger"] == {"records": 3}
    assert "repaired" not in found.shop


def test_profiles_under_another_source_are_sent_again_though_there_are_as_many(synced: World) -> None:
    (profile,) = [each for each in synced.held("pos_profile") if each["loyalty_points"] == 40]
    (definition,) = synced.sandbox.crm.shops["alpha"].definitions
    its_own = ("id", "created_at", "updated_at")  # ShopiMind's
    strayed = {name: value for name, value in profile.items() if value is not None and name not in its_own}
    strayed |= {"contact_id": {"by": "id_customer", "value": "a_101"}, "id_data_source": synced.sources()["5"]}
    with shopimind(synced) as crm:
        assert crm.custom_data_records.of(definition).bulk_save([strayed]).counts.sent == 1
    found = reconcile(synced, "--only", "pos_profiles")
    assert found.outcome == (1, "drift")
    assert found.line("pos_profiles")["shopimind"] == found.line("pos_profiles")["ledger"]
    assert reconcile(synced, "--only", "pos_profiles", "--repair").outcome == (0, "agrees")
    sources = {each["contact_id"]: each["id_data_source"] for each in synced.held("pos_profile")}
    assert sources[profile["contact_id"]] == profile["id_data_source"]


def test_a_customer_whom_the_till_has_no_more_stays_as_last_sent_whatever_became_of_him(synced: World) -> None:
    synced.till().delete("customers", 104)
    assert synced.sync(ago_days=0.001).code == 0
    change(synced, "customers", "customer_id", "a_104", id_data_source=synced.sources()["5"])
    for argv in ((), ("--repair",), ()):
        assert reconcile(synced, "--only", "customers", *argv).outcome == (0, "agrees")


def test_the_source_of_a_store_that_is_gone_may_be_switched_off(synced: World) -> None:
    synced.till().delete("stores", 5)
    assert synced.sync(ago_days=0.001).code == 0
    set_source(synced, "5", active=False)
    assert reconcile(synced, "--only", "data_sources").outcome == (0, "agrees")


@pytest.mark.parametrize("off", [False, 0])
def test_a_source_of_a_store_that_is_switched_off_is_told_and_switched_on(synced: World, off: object) -> None:
    source = str(synced.sources()["1"])
    set_source(synced, "1", active=off)
    found = reconcile(synced, "--only", "data_sources")
    assert found.named == {"different": [f"data_sources {source}"]}
    assert reconcile(synced, "--only", "data_sources", "--repair").outcome == (0, "agrees")


def test_a_source_that_is_gone_is_made_anew_and_everything_under_it_sent_again(synced: World) -> None:
    gone = synced.sources()["2"]
    assert synced.sandbox.crm.shops["alpha"].drop("data_sources", gone)
    assert reconcile(synced).named == {"missing": [f"data_sources {gone}"]}
    assert reconcile(synced, "--repair").outcome == (0, "agrees")
    assert synced.held_by_id("orders", "order_id")["a_502"]["id_data_source"] == synced.sources()["2"] != gone


def test_of_days_before_the_first_one_only_those_in_doubt_are_read_again(make_synced: Callable[..., World]) -> None:
    sales = [sale(501, day(18)), sale(502, day(9)), sale(503, day(4)), sale(504, day(3))]
    world = make_synced([till_account(first_day=day(20), sales=sales)])
    world.configure(lambda shops: shops[0].update(first_day=day(6)))
    with shopimind(world) as crm:
        for order in ("a_501", "a_503"):
            assert crm.orders.delete(order).ok
    world.record()
    found = reconcile(world, "--repair")
    assert found.outcome == (0, "agrees")
    assert {"a_501", "a_503"} <= world.held_by_id("orders", "order_id").keys()
    read = world.days_read()[1]
    assert {str(day(18)), str(day(4))} <= set(read)
    assert {str(day(9)), str(day(3))}.isdisjoint(read)


# --- what keeps it from comparing ----------------------------------------------------------------------------------


def test_a_401_stops_before_the_till_is_asked(synced: World) -> None:
    revoked: Status = "revoked"
    synced.sandbox.crm.set_status("alpha", revoked)
    found = reconcile(synced)
    assert found.outcome == (4, "inactive")
    assert found.shop["lines"] == []
    assert synced.till_calls() == []
    assert len(synced.crm_calls()) == 1


def test_a_quota_reached_midway_leaves_the_rest_to_the_ledger(synced: World) -> None:
    used = synced.status().shop()["quota"]["used"]
    synced.sandbox.till.switches.quota = used + 3  # customers, products, and one store's month
    found = reconcile(synced)
    assert found.outcome == (4, "quota")
    assert "429" in found.shop["message"]
    assert found.line("orders", 1, day(5))["till"] is not None
    assert found.line("orders", 2, day(5))["till"] is None
    assert found.line("orders", 2, day(5))["agrees"]

    with shopimind(synced) as crm:
        crm.orders.delete("a_502")
    assert reconcile(synced).outcome == (1, "drift")  # it is found all the same


def test_the_calls_of_the_daily_syncs_are_not_taken(synced: World) -> None:
    used = synced.status().shop()["quota"]["used"]
    synced.configure(lambda shops: shops[0]["pos"].update(monthly_calls=used // 3))
    synced.record()
    found = reconcile(synced)
    assert found.outcome == (4, "quota")
    assert synced.till_calls() == []


@pytest.mark.parametrize("side", ["till", "crm"])
def test_a_server_that_cannot_be_read_is_named(synced: World, side: str) -> None:
    if side == "till":
        synced.sandbox.till.switches.forbidden = ["reports"]
    else:
        synced.sandbox.crm_server.faults = FaultPlan(faults=[status_fault(503, path="/v1/orders")])
    found = reconcile(synced, "--only", "orders")
    assert found.outcome == (1, "failed")
    assert ("read_reports" if side == "till" else "orders were not compared: ShopiMind") in found.shop["message"]
    assert found.named == {}


def test_nothing_is_repaired_while_another_run_delivers_the_shop(
    synced: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shopimind(synced) as crm:
        crm.orders.delete("a_501")
    monkeypatch.setenv("CONNECTOR_HOME", str(synced.home))
    for name, value in synced.state.items():
        monkeypatch.setenv(name, value)
    state = State.open()
    try:
        with Lease.acquire(state.db, "alpha", SYNC_LEASE):
            found: Reconciled = reconcile(synced, "--repair")
    finally:
        state.close()
    assert found.outcome == (1, "failed")
    assert "Nothing was repaired" in found.shop["message"]
    assert found.named == {"missing": ["orders a_501"]}
    assert "a_501" not in synced.held_by_id("orders", "order_id")
