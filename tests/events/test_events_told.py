"""Which sales are told of, what is told, and that it is told once, ever."""

from __future__ import annotations

import time

import pytest

from tests.events.telling import NAME, Events, counted
from tests.sync.conftest import MakeWorld
from tests.sync.world import line


def test_without_the_section_nothing_is_declared_or_triggered(make_world: MakeWorld) -> None:
    events = Events(make_world())
    events.sync()
    events.close()
    ran = events.sync()
    assert ran.code == 0
    assert not events.declared()
    assert not [call for call in events.world.crm_calls() if "/events" in call["path"]]
    assert ("events", None) not in ran.rows()
    assert "events" not in events.world.status().shop()


def test_the_built_in_event_is_declared_with_its_properties(events: Events) -> None:
    (declared,) = events.declared().values()
    assert (declared["code_name"], declared["name"]) == ("pos_purchase", NAME)
    assert {each["name"]: (each["type"], each["required"]) for each in declared["properties"]["metaData"]} == {
        "total": ("decimal", True),
        "currency": ("text", True),
        "store": ("text", True),
        "order_id": ("text", True),
        "items": ("number", True),
    }


def test_the_first_sync_tells_of_none_of_the_sales_that_it_finds(make_world: MakeWorld) -> None:
    events = Events(make_world())
    events.declare(["pos_purchase"])
    events.close()
    ran = events.sync(hours_later=1)
    assert ran.row("orders", 1)["sent"] > 0
    assert counted(ran) == {}
    assert events.told() == []


def test_a_sale_is_told_of_with_exact_values(events: Events) -> None:
    number = events.close(line(12, 2, "20.00"), line(13, 1, "10.55", "0.05500"), customer=102)
    ran = events.sync()
    assert (ran.code, counted(ran)) == (0, {"read": 1, "sent": 1})
    (payload,) = events.told()
    assert payload == {
        "contact": {"email": "bastien.ourgaud@example.org"},
        "metaData": {"total": 50.55, "currency": "EUR", "store": "Lyon", "order_id": f"a_{number}", "items": 3},
    }
    assert type(payload["metaData"]["items"]) is int


def test_every_property_that_a_sale_offers_is_taken(make_world: MakeWorld) -> None:
    names = ["total", "total_without_tax", "currency", "store", "store_id"]
    names += ["order_id", "reference", "items", "day", "closed_at"]
    events = Events(make_world())
    events.declare([{"code_name": "visit", "name": "Visit", "properties": names}])
    events.sync()
    number = events.close(line(11, 2))
    assert counted(events.sync()) == {"read": 1, "sent": 1}
    (payload,) = events.told("visit")
    told = payload["metaData"]
    order = events.world.held_by_id("orders", "order_id")[f"a_{number}"]
    assert list(told) == names
    assert (told["total"], told["total_without_tax"], told["store_id"]) == (12, 10, 1)
    assert (told["reference"], told["closed_at"]) == (order["reference"], order["created_at"])
    assert told["closed_at"].startswith(told["day"])


def test_it_is_never_told_again_whatever_becomes_of_the_sale(events: Events) -> None:
    number = events.close()
    events.sync()
    assert counted(events.sync("--full")) == {}
    events.world.till().put_sale({"sale_id": number, "customer_id": 102})
    edited = events.sync()
    assert edited.row("orders", 1)["sent"] == 1
    assert counted(edited) == {}
    assert events.orders_told() == {f"a_{number}": 1}


def test_returned_and_anonymous_sales_and_those_of_nobody_reachable_are_not_told_of(make_world: MakeWorld) -> None:
    events = Events(make_world())
    rules = {"returns": "send", "anonymous_sales": "send", "customers_without_email": "send", "web_orders": "skip"}
    events.declare(["pos_purchase"], **rules)
    events.sync()
    events.close(line(12, -1, "20.00"))
    events.close(customer=0)
    events.close(customer=999)
    events.close(customer=103)
    events.close(sale_ext_ref="WEB-2")
    ran = events.sync()
    assert ran.row("orders", 1)["sent"] == 4
    assert counted(ran) == {}
    assert events.told() == []


def test_a_sale_that_is_older_than_the_event_allows_is_counted_and_not_told_of(events: Events) -> None:
    events.close()
    ran = events.sync(hours_later=6.5)
    assert counted(ran) == {"read": 1, "skipped": {"too_old": 1}}
    assert counted(events.sync()) == {}
    assert events.told() == []
    assert events.status()["skipped"] == {"too_old": 1}


def test_the_age_is_that_of_the_event(events: Events) -> None:
    events.declare([{"code_name": "pos_purchase", "max_age_hours": 8}])
    events.close()
    assert counted(events.sync(hours_later=6.5)) == {"read": 1, "sent": 1}


def test_a_new_event_begins_with_the_sync_that_first_has_it(events: Events) -> None:
    before = events.close()
    time.sleep(1.1)  # the till writes whole seconds
    other = {"code_name": "visit", "name": "Visit", "properties": ["order_id"]}
    events.declare(["pos_purchase", other])
    assert counted(events.sync()) == {"read": 1, "sent": 1}
    after = events.close()
    assert counted(events.sync("--full")) == {"read": 2, "sent": 2}
    assert events.orders_told() == {f"a_{before}": 1, f"a_{after}": 1}
    assert events.orders_told("visit") == {f"a_{after}": 1}


def test_consent_is_that_of_the_tills_list_and_without_it_nothing_is_told(make_world: MakeWorld) -> None:
    events = Events(make_world())
    events.declare([{"code_name": "pos_purchase", "consent": True}], consent={"misc": "optin"})
    customers = events.world.till()
    events.world.sandbox.till.switches.customers_extra_keys = ["customers_misc"]
    for number, consent in ((101, "optin"), (102, "")):
        customers.put("customers", {**customers.row("customers", number), "customers_misc": consent})
    events.sync()
    granted, withheld = events.close(customer=101), events.close(customer=102)
    ran = events.sync()
    assert counted(ran) == {"read": 2, "sent": 1, "skipped": {"no_consent": 1}}
    assert events.orders_told() == {f"a_{granted}": 1}
    assert f"a_{withheld}" not in events.orders_told()


@pytest.mark.also_shared
def test_status_and_the_plan_tell_of_events(events: Events) -> None:
    events.close()
    events.close()
    planned = events.world.plan().row("events")
    assert (planned["read"], planned["new"], planned["skipped"]) == (2, 2, {})
    plan_calls = events.world.plan().shop()["calls"]["shopimind"]
    ran = events.sync()
    assert counted(ran) == {"read": 2, "sent": 2}
    assert ran.shop()["calls"]["shopimind"] == plan_calls
    told = events.status()
    assert (told["code_name"], told["sent"], told["waiting"], told["unclear"]) == ("pos_purchase", 2, 0, 0)
    row = events.world.status().row("events")
    assert (row["delivered"], row["waiting"]) == (2, 0)
    assert row["last_delivery"] is not None
    assert events.world.plan().row("events")["read"] == 0
