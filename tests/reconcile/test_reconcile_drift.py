"""Contract, section 3: what does not agree is named by id, and `--repair` delivers what is missing or different."""

from __future__ import annotations

import pytest

from connector.sandbox.crm_state import Status
from connector.sandbox.fault_plan import FaultPlan, status_fault
from connector.shop_run import SYNC_LEASE, State
from connector.state.leases import Lease
from tests.reconcile.conftest import Reconciled, change, reconcile, shopimind
from tests.sync.world import World, day, line, sale


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
    (definition,) = synced.sandbox.crm.shops["alpha"].definitions
    with shopimind(synced) as crm:
        records = crm.custom_data_records.of(definition)
        assert records.delete(records.list(1).unwrap("list")[0]["id"]).ok
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
    synced.configure(lambda shops: shops[0]["pos"].update(monthly_calls=used // 3 + 1))
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
