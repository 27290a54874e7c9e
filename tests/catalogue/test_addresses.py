"""Addresses through both APIs: a page of each customer, read once and again when his row changes, from calls to spare."""

from __future__ import annotations

from typing import Any

import pytest

from connector.sandbox.fault_plan import FaultPlan, status_fault
from tests.sync.conftest import MakeWorld
from tests.sync.test_sync_plan import assert_the_sync_does_what_the_plan_says
from tests.sync.test_sync_wire import Crowd
from tests.sync.world import CUSTOMERS, STORES, World, day, sale, till_account

HOME = {"address_id": 9, "address": "4 rue des Lilas", "zip_code": "69003", "city": "Lyon", "country": "FRA"}
AWAY = {"address_id": 10, "address": "1 chemin Bleu", "zip_code": "97400", "city": "Saint-Denis", "country": "REU"}
NO_CITY = {"address_id": 11, "address": "2 rue Sans", "zip_code": "", "city": ""}
SENT = [101, 102, 104]  # customers: 103 has no e-mail address


def switch_on(world: World) -> None:
    world.configure(lambda shops: shops[0].setdefault("rules", {}).update(addresses="send"))


@pytest.fixture
def people(make_world: MakeWorld) -> World:
    """101 has two addresses, 102 none, 103 no e-mail, and the one of 104 says no city."""
    addresses = {101: [HOME, AWAY], 103: [{**HOME, "address_id": 12}], 104: [NO_CITY]}
    customers = [row | {"addresses": addresses.get(row["customers_id"], [])} for row in CUSTOMERS]
    world = make_world([till_account(customers=customers, sales=[sale(501, day(1), store=2)])])
    switch_on(world)
    return world


def pages(world: World) -> list[int]:
    return [int(call.split("/")[1]) for call in world.till_calls() if call.startswith("customer/")]


def held(world: World) -> dict[int, dict[str, Any]]:
    return world.held_by_id("addresses", "address_id")


def outcomes(ran: Any) -> dict[str, Any]:
    row = ran.row("addresses")
    return {name: row[name] for name in ("read", "skipped", "unchanged", "sent", "refused")}


def test_every_customer_ends_in_one_outcome_as_planned_and_an_unchanged_night_asks_and_sends_nothing(
    people: World,
) -> None:
    planned, done = assert_the_sync_does_what_the_plan_says(people)
    assert planned.code == 0
    assert sorted(pages(people)) == SENT
    skipped = {"customer_without_email": 1, "no_address": 1}
    assert outcomes(done) == {"read": 5, "skipped": skipped, "unchanged": 0, "sent": 2, "refused": 1}
    sources = people.sources()
    assert {number: (each["customer_id"], each["city"], each["id_data_source"]) for number, each in held(people).items()} == {
        900_000_009: ("a_101", "Lyon", sources["2"]),
        900_000_010: ("a_101", "Saint-Denis", sources["2"]),
    }  # fmt: skip
    paths = [call["path"] for call in people.crm_calls(writes=True)]
    assert paths.index("/v1/customers") < paths.index("/v1/customers/addresses/bulk")
    (refused,) = people.refused("list").document["refused"]
    assert (refused["entity"], refused["external_id"], refused["field"]) == ("addresses", "900000011", "city")

    people.record()
    again = people.sync()
    assert again.code == 3
    assert pages(people) == people.crm_calls(writes=True) == []
    assert outcomes(again) == {"read": 5, "skipped": skipped, "unchanged": 2, "sent": 0, "refused": 1}


def test_a_page_is_read_again_when_the_row_changed_and_what_is_gone_becomes_inactive(people: World) -> None:
    people.sync()
    till = people.till()
    till.put("customers", {"customers_id": 101, "addresses": [HOME | {"city": "Villeurbanne"}]})
    till.put("customers", {"customers_id": 104, "addresses": [NO_CITY | {"city": "Dijon"}]})
    people.record()
    people.sync()
    assert pages(people) == []  # no list shows that an address changed
    till.put("customers", {"customers_id": 101, "phone": "06 39 98 01 99"})
    till.put("customers", {"customers_id": 104, "loyalty_points": 5})
    people.record()
    ran = people.sync()
    assert sorted(pages(people)) == [101, 104]
    assert (ran.code, ran.row("addresses")["sent"]) == (0, 3)
    told = {number: (each["city"], each["is_active"]) for number, each in held(people).items()}
    assert told[900_000_009] == ("Villeurbanne", True)
    assert told[900_000_010] == ("Saint-Denis", False)
    assert told[900_000_011] == ("Dijon", True)
    people.record()
    assert people.sync().row("addresses")["sent"] == 0
    assert pages(people) == []


MANY = [
    {"customers_id": n, "first_name": "Client", "last_name": f"N{n}", "email": f"client.{n}@example.org",
     "addresses": [{**HOME, "address_id": n}]}
    for n in range(1, 261)
]  # fmt: skip


@pytest.fixture
def crowd(make_world: MakeWorld) -> World:
    world = make_world([till_account(customers=MANY, stores=STORES[:1], sales=[])])
    switch_on(world)
    return world


def test_a_run_asks_for_250_pages_at_most_the_newest_first_and_the_next_one_goes_on(crowd: World) -> None:
    _, done = assert_the_sync_does_what_the_plan_says(crowd)
    assert (outcomes(done)["sent"], outcomes(done)["skipped"]) == (250, {"not_read_yet": 10})
    crowd.record()
    ran = crowd.sync()
    assert sorted(pages(crowd)) == list(range(1, 11))
    assert (ran.code, outcomes(ran)["sent"], outcomes(ran)["skipped"]) == (0, 10, {})


def test_five_pages_are_asked_for_at_once(crowd: World) -> None:
    till = Crowd(crowd.sandbox.till_server, 0.05)
    assert crowd.sync("--only", "customers").code == 0
    assert till.most < 5  # a list's pages are read one after another
    assert crowd.sync().code == 0
    assert till.most == 5
    assert len(pages(crowd)) == 250


def test_pages_leave_alone_what_is_kept_for_daily_syncs_and_other_applications(crowd: World) -> None:
    crowd.configure(lambda shops: shops[0]["pos"].update(monthly_calls=100, calls_for_others=40))
    ran = crowd.sync()
    assert (ran.code, ran.shop()["quota"]["limit"]) == (0, 100)
    kept = ran.shop()["quota"]
    status = crowd.status().shop()["quota"]
    assert 0 < len(pages(crowd)) < 60
    assert kept["used"] == 100 - status["kept_for_syncs"] - status["kept_for_others"]
    assert outcomes(ran)["skipped"] == {"not_read_yet": 260 - len(pages(crowd))}
    crowd.record()
    assert crowd.sync().code == 0
    assert pages(crowd) == []


def test_the_tills_own_stop_ends_the_run_and_keeps_what_was_read(crowd: World) -> None:
    crowd.sandbox.till.switches.quota = 40
    ran = crowd.sync()
    read = len(set(pages(crowd)))
    assert (ran.code, ran.shop()["status"]) == (4, "quota")
    assert 0 < outcomes(ran)["sent"] < read < 40
    crowd.sandbox.till.switches.quota = None
    crowd.record()
    assert crowd.sync().code == 0
    assert len(pages(crowd)) == len(MANY) - outcomes(ran)["sent"]


def test_the_price_counts_the_pages_without_reading_one(crowd: World) -> None:
    price = crowd.plan("--price").shop()["price"]
    assert (price["calls"]["pages"], pages(crowd)) == (250, [])
    crowd.sync()
    crowd.record()
    price = crowd.plan("--price").shop()["price"]
    assert (price["calls"]["pages"], pages(crowd)) == (10, [])
    crowd.sync()
    assert len(pages(crowd)) == 10


def test_a_page_that_does_not_come_is_told_and_asked_for_by_the_next_run(people: World) -> None:
    people.sandbox.till.switches.html = ["customer/101"]
    ran = people.sync()
    assert ran.code == 1
    assert "addresses of customers 101" in ran.shop()["message"]
    assert outcomes(ran)["skipped"]["page_not_given"] == 1
    people.sandbox.till.switches.html = []
    people.record()
    assert people.sync().row("addresses")["sent"] == 2
    assert pages(people) == [101]


def test_addresses_are_not_compared_because_shopimind_lists_them_by_customer_only(people: World) -> None:
    people.till().put("customers", {"customers_id": 104, "addresses": []})
    people.sync(ago_days=0.001)
    ran = people.run("reconcile", "--json", "--shops", str(people.shops_file))
    assert ran.code == 0, ran.shop()["message"]
    assert "addresses" not in {each["entity"] for each in ran.shop()["lines"]}


def test_who_is_erased_has_no_address_anywhere_and_gets_none_again(people: World) -> None:
    people.sync()
    receipt = people.run("erase", "--shop", "alpha", "--customer", "101", "--json").document
    assert receipt["shopimind"]["addresses"] == 2
    assert held(people) == {}
    files = people.lake_files()
    assert {"pos_addresses", "addresses"} <= set(files)
    assert not [
        name for name, rows in files.items() if ("Lilas" in rows and "a_101" in rows) or '"customer_id": 101' in rows
    ]
    people.record()
    ran = people.sync()
    assert ran.row("addresses")["skipped"]["erased"] == 1
    assert (held(people), pages(people)) == ({}, [])


def test_addresses_that_shopimind_does_not_list_yet_are_deleted_too(people: World) -> None:
    people.sync()
    people.sandbox.crm.switch(visibility_delay=3_600.0)
    people.till().put(
        "customers", {"customers_id": 101, "phone": "1", "addresses": [HOME, AWAY, {**HOME, "address_id": 13}]}
    )
    people.sync("--full")
    receipt = people.run("erase", "--shop", "alpha", "--customer", "101", "--json", ago_days=-1).document
    assert receipt["shopimind"]["addresses"] == 3, receipt


def test_of_a_customer_who_is_not_listed_any_more_the_addresses_are_erased_too(people: World) -> None:
    people.sync()
    people.till().delete("customers", 101)
    people.sync()
    assert len(held(people)) == 2
    receipt = people.run("erase", "--shop", "alpha", "--customer", "101", "--json", ago_days=-1).document
    assert (receipt["shopimind"]["addresses"], receipt["here"]["ledger"]) == (2, 4)
    assert held(people) == {}


def test_an_address_that_came_with_a_merge_becomes_inactive_when_it_is_gone_there_too(people: World) -> None:
    people.sync()
    till = people.till()
    till.delete("customers", 101)
    for phone, addresses in (("06 39 98 01 04", [HOME]), ("06 39 98 01 05", [])):
        till.put("customers", {"customers_id": 104, "phone": phone, "addresses": addresses})
        people.sync()
    told = held(people)[900_000_009]
    assert (told["customer_id"], told["is_active"]) == ("a_104", False)


def test_that_shopimind_knows_nobody_of_that_name_is_no_reason_to_fail(people: World) -> None:
    """He was removed there by somebody else, or by a command that was broken off."""
    people.sync()
    people.sandbox.crm_server.faults = FaultPlan([status_fault(404, path="/customers/a_101")])
    ran = people.run("erase", "--shop", "alpha", "--customer", "101", "--json")
    assert (ran.code, ran.document["status"]) == (0, "erased"), ran.document


def test_a_shop_that_did_not_ask_for_them_reads_no_page(people: World) -> None:
    people.configure(lambda shops: shops[0].update(rules={}))
    ran = people.sync()
    assert "addresses" not in {entity for entity, _ in ran.rows()}
    assert (pages(people), held(people)) == ([], {})
