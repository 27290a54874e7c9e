"""What an erasure ends that is on its way: a subscription, pushed sales, events; and what could bring him back, but does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from connector.sandbox.fault_plan import FaultPlan, status_fault
from connector.sandbox.till_sender import encoded
from connector.shop_run import State
from connector.state.home import HOME_VARIABLE
from connector.state.sealing import KEYS_VARIABLE
from connector.state.tables import event_outbox
from connector.state.till_inbox import TillInbox
from tests.erasure.test_erasure import EMAIL, NAME, erase, named
from tests.events.telling import Events, counted
from tests.reconcile.conftest import A_MOMENT_AGO, reconcile, shopimind
from tests.sync.conftest import MakeWorld
from tests.sync.world import World, day


def ruled(world: World, **rules: Any) -> None:
    world.configure(lambda shops: shops[0].update(rules=rules))


def subscribed(world: World) -> dict[str, bool]:
    return {each["email"]: each["is_subscribed"] for each in world.held("newsletter")}


def subscribers(make_world: MakeWorld) -> World:
    """Everybody has agreed to the newsletter, and is subscribed."""
    world = make_world()
    ruled(world, consent={"misc": "oui"}, newsletter="send")
    world.sandbox.till.switches.customers_extra_keys = ["customers_misc"]
    for number in (101, 102, 104):
        world.till().put("customers", {"customers_id": number, "customers_misc": "oui"})
    return world


def test_his_subscription_to_the_newsletter_is_ended(make_world: MakeWorld) -> None:
    world = subscribers(make_world)
    assert world.sync().code == 0
    before = subscribed(world)
    assert before[EMAIL]

    receipt = erase(world).document

    assert receipt["shopimind"]["newsletter"] == 1
    assert any("newsletter" in each for each in receipt["left"])
    assert subscribed(world) == before | {EMAIL: False}
    assert world.sync("--full").code == 0
    assert subscribed(world) == before | {EMAIL: False}


def test_the_subscription_of_an_address_that_somebody_else_has_too_goes_on(make_world: MakeWorld) -> None:
    world = subscribers(make_world)
    world.till().put("customers", {"customers_id": 104, "email": EMAIL})
    assert world.sync().code == 0

    receipt = erase(world).document

    assert "newsletter" not in receipt["shopimind"]
    assert subscribed(world)[EMAIL]


@contextmanager
def state_of(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """The world's state, opened in this process."""
    for variable, value in {HOME_VARIABLE: str(world.home), **world.state}.items():
        monkeypatch.setenv(variable, value)
    state = State.open()
    try:
        yield state
    finally:
        state.close()


@pytest.fixture
def inbox(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, TillInbox]]:
    """A synced world, and what its till has pushed since."""
    world = make_world()
    assert world.sync().code == 0
    with state_of(world, monkeypatch) as state:
        yield world, TillInbox(state.db, "alpha", state.sealer)


def pushed(sale_id: int, customer: int) -> bytes:
    line = {
        "product_id": 11,
        "quantity": 1,
        "vat": "0.20000",
        "item_total_gross": "6.00",
        "line_item_id": sale_id * 100,
    }
    page = {"sale_id": sale_id, "store_id": 1, "customer_id": customer, "completed_at": f"{day(0)} 00:00:01"}
    return encoded(page | {"currency": "EUR", "total": "6.00", "sale_ext_ref": "", "line_items": [line]})


def test_his_pushed_sales_that_wait_are_purged_and_those_of_others_stay(inbox: tuple[World, TillInbox]) -> None:
    world, messages = inbox
    messages.put(601, pushed(601, 101))
    messages.put(602, pushed(602, 102))

    receipt = erase(world).document

    assert receipt["here"]["pushed_sales"] == 1
    assert [each.sale_id for each in messages.waiting()] == [602]


def test_a_sale_of_his_that_is_pushed_later_is_nobodys(inbox: tuple[World, TillInbox]) -> None:
    world, messages = inbox
    erase(world)
    messages.put(601, pushed(601, 101))
    assert world.sync().code == 0
    assert messages.waiting() == []
    assert named(world) == []


def test_an_event_of_his_that_waits_is_never_told_and_what_it_would_have_said_is_gone(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Events(make_world())
    events.declare(["pos_purchase"])
    events.sync()
    his, others = events.close(customer=101), events.close(customer=102)
    world = events.world
    world.sandbox.crm_server.faults = FaultPlan([status_fault(429, path="/events/trigger/")])
    events.sync()

    assert erase(world).document["here"]["events"] == 1

    rows = select(event_outbox).where(event_outbox.c.customer_id != 102)
    with state_of(world, monkeypatch) as state, state.db.read() as connection:
        (row,) = connection.execute(rows).all()
    assert (row.sale_id, row.customer_id, row.state, row.reason, row.payload) == (his, 0, "dropped", "erased", None)
    world.sandbox.crm_server.faults = FaultPlan()
    ran = events.sync()
    assert counted(ran) == {"read": 1, "sent": 1}
    assert set(events.orders_told()) == {f"a_{others}"}


def test_a_change_of_keys_keeps_him_away(make_world: MakeWorld) -> None:
    world = make_world()
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    world.env[KEYS_VARIABLE] = old
    world.sync()
    erase(world)
    world.env[KEYS_VARIABLE] = f"{new},{old}"
    assert world.sync().code == 0
    world.env[KEYS_VARIABLE] = new

    ran = world.sync("--full")

    assert ran.code == 0
    assert ran.row("customers")["skipped"]["erased"] == 1
    assert named(world) == []


def test_without_the_key_nothing_is_synced_that_might_bring_him_back(make_world: MakeWorld) -> None:
    world = make_world()
    world.env[KEYS_VARIABLE] = Fernet.generate_key().decode()
    world.sync()
    erase(world)
    world.env[KEYS_VARIABLE] = Fernet.generate_key().decode()

    ran = world.sync("--full")

    assert ran.code == 1
    assert KEYS_VARIABLE in ran.shop()["message"]
    assert NAME not in world.held_by_id("customers", "customer_id")


def test_a_repair_brings_others_back_and_not_him(make_world: MakeWorld) -> None:
    world = make_world()
    world.sync(ago_days=A_MOMENT_AGO)
    erase(world)
    with shopimind(world) as crm:
        crm.customers.delete("a_104")
    assert reconcile(world).named == {"missing": ["customers a_104"]}

    assert reconcile(world, "--repair").outcome == (0, "agrees")

    assert set(world.held_by_id("customers", "customer_id")) == {"a_102", "a_104"}
    assert named(world) == []


def test_a_replay_has_nothing_of_his_to_send(make_world: MakeWorld) -> None:
    world = make_world()
    ruled(world, customers_without_email="send")
    world.sandbox.crm.switch(empty_email="refuse")
    world.till().put("customers", {"customers_id": 105, "last_name": "Autre", "email": ""})
    assert world.sync().code == 3
    listed = world.refused("list").document["refused"]
    assert {each["external_id"] for each in listed} == {"a_103", "a_105", "a_505"}

    assert erase(world, 103).document["here"]["refused"] == 2

    assert [each["external_id"] for each in world.refused("list").document["refused"]] == ["a_105"]
    world.sandbox.crm.switch(empty_email="accept")
    assert world.refused("replay").code == 0
    assert "a_105" in world.held_by_id("customers", "customer_id")
    assert world.sync("--full").code == 0
    assert "a_103" not in world.held_by_id("customers", "customer_id")
    assert "a_505" not in world.held_by_id("orders", "order_id")
