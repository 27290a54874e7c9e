"""`connector refused replay`: sent again although nothing changed, and nothing left behind whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.cli import app
from connector.config import load_shops
from connector.delivery.refused import Filters
from connector.replay import replay_shops
from connector.sandbox.fault_plan import status_fault
from connector.shop_run import SYNC_LEASE
from connector.state.leases import Lease
from tests.faults.little_till import alpha, beta, customer, days_ago
from tests.faults.shop_world import World
from tests.refused.refusals import CUSTOMER, EUROS, OLD, ORDER, PRODUCT, account, listed, refused

ONE_SENT = {"read": 1, "sent": 1, "refused": 0, "failed": 0}
ONE_REFUSED = {"read": 1, "sent": 0, "refused": 1, "failed": 0}
ONE_FAILED = {"read": 1, "sent": 0, "refused": 0, "failed": 1}


def test_what_shopimind_takes_now_is_delivered_as_if_it_had_never_refused(
    refusing: World, make_world: Callable[..., World]
) -> None:
    refusing.sandbox.crm.switch(empty_email="accept")

    ran = refused(refusing, "replay", "a_9", "a_901")

    assert (ran.code, ran.document["ok"], ran.document["exit_code"]) == (0, True, 0)
    (shop,) = ran.document["shops"]
    assert (shop["shop"], shop["status"], shop["message"]) == ("alpha", "delivered", None)
    assert shop["calls"] == {"hiboutik": 0, "shopimind": 2}
    assert (ran.row("customers"), ran.row("orders", 1)) == (ONE_SENT, ONE_SENT)
    assert not refusing.requests("till")
    assert set(listed(refusing)) == {PRODUCT, EUROS}

    assert refusing.sync().status == "refused"  # the product
    assert refusing.sent("customers") == refusing.sent("orders") == []
    assert OLD not in refusing.days_asked(1)
    never = make_world(account())
    never.configure(rules={"customers_without_email": "send"})
    never.sync()
    assert refusing.end_state() == never.end_state()


def test_what_is_still_refused_is_tried_from_the_tills_row_by_the_next_sync(refusing: World) -> None:
    refusing.till().put("customers", {"customers_id": 9, "email": "enfin@example.org"})

    ran = refused(refusing, "replay", "--reason", "email")

    assert ran.code == 3
    assert (ran.row("customers"), ran.row("orders", 1)) == (ONE_REFUSED, ONE_REFUSED)
    assert listed(refusing)[CUSTOMER]["tries"] == listed(refusing)[ORDER]["tries"] == 2

    refused(refusing, "replay", "a_901")
    refusing.sync()
    assert [order["customer"]["email"] for order in refusing.sent("orders")] == ["enfin@example.org"]
    assert set(listed(refusing)) == {PRODUCT, EUROS}
    refusing.sync()
    assert OLD not in refusing.days_asked(1)


def test_what_is_refused_for_a_third_time_by_that_sync_is_left_alone_by_later_ones(refusing: World) -> None:
    refused(refusing, "replay", "a_901")
    refusing.sync()
    assert [order["order_id"] for order in refusing.sent("orders")] == ["a_901"]
    assert listed(refusing)[ORDER]["tries"] == 3
    refusing.sync()
    assert not refusing.sent("orders")
    assert OLD not in refusing.days_asked(1)


@pytest.mark.parametrize("refused_again_before", [False, True])
def test_what_was_made_under_another_configuration_is_not_sent_but_made_anew_by_the_next_sync(
    refusing: World, refused_again_before: bool
) -> None:
    if refused_again_before:
        refused(refusing, "replay", "a_9", "a_901")
    refusing.sandbox.crm.switch(empty_email="accept")
    refusing.configure(identifiers={"prefix": "x_"})

    ran = refused(refusing, "replay", "a_9", "a_901")

    assert not refusing.requests("crm")
    assert (ran.code, ran.row("customers"), ran.row("orders", 1)) == (3, ONE_REFUSED, ONE_REFUSED)
    assert "2 of the refused were made under another configuration" in ran.document["shops"][0]["message"]

    refusing.sync()
    assert {"x_9"} <= refusing.items("customers").keys()
    assert {"x_901"} <= refusing.items("orders").keys()
    assert "a_9" not in refusing.items("customers")
    assert "a_901" not in refusing.items("orders")
    assert not {CUSTOMER, ORDER} & set(listed(refusing))


def test_what_failed_can_be_replayed_at_once(refusing: World) -> None:
    refusing.sandbox.crm.switch(empty_email="accept")
    refusing.break_crm(status_fault(503))
    refused(refusing, "replay", "a_9")
    refusing.mend()
    assert refused(refusing, "replay", "a_9").row("customers") == ONE_SENT


def test_of_orders_before_first_day_it_says_that_no_sync_reads_them_by_itself_and_which_one_does(
    refusing: World,
) -> None:
    refusing.configure(first_day=days_ago(3))

    ran = refused(refusing, "replay", "--entity", "orders")

    message = ran.document["shops"][0]["message"]
    assert f"2 of the orders that are still refused are of days before first_day ({days_ago(3)})" in message
    assert f"`connector sync --shop alpha --from {OLD} --to {OLD}`" in message
    refusing.sync()
    assert OLD not in refusing.days_asked(1) | refusing.days_asked(2)
    day = date.fromisoformat(OLD)
    refusing.sync(first=day, last=day)
    assert [order["order_id"] for order in refusing.sent("orders")] == ["a_901"]
    assert listed(refusing)[ORDER]["tries"] == 3


def test_of_orders_of_a_store_that_is_gone_it_says_that_no_sync_reads_them(refusing: World) -> None:
    refusing.till().delete("stores", 2)
    refusing.sync()

    ran = refused(refusing, "replay", "--entity", "orders")

    message = ran.document["shops"][0]["message"]
    assert "1 of the orders that are still refused are of stores that the till does not list any more" in message
    assert "first_day" not in message
    refusing.sync()
    assert OLD not in refusing.days_asked(2)
    assert EUROS in listed(refusing)


def test_what_our_own_checks_refuse_is_left_to_the_next_sync_which_reads_its_day_again(refusing: World) -> None:
    refusing.till().put_sale({"sale_id": 902, "currency": "EUR"})
    refusing.sync()
    assert OLD not in refusing.days_asked(2)

    ran = refused(refusing, "replay", "a_902", "100000007")

    assert ran.code == 3
    assert (ran.row("products"), ran.row("orders", 2)) == (ONE_REFUSED, ONE_REFUSED)
    assert "2 of the refused were refused by the connector's own checks" in ran.document["shops"][0]["message"]
    assert not refusing.requests("crm")

    refusing.sync()
    assert [order["order_id"] for order in refusing.sent("orders")] == ["a_902"]
    assert OLD in refusing.days_asked(2)
    assert OLD not in refusing.days_asked(1)
    assert set(listed(refusing)) == {CUSTOMER, ORDER, PRODUCT}
    refusing.sync()  # once more, because the day had changed since it was read before
    refusing.sync()
    assert OLD not in refusing.days_asked(2)


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ([], {"a_9", "a_901"}),
        (["a_9"], {"a_9"}),
        (["--store", "1"], {"a_901"}),
        (["--entity", "customers"], {"a_9"}),
        (["--reason", "EMAIL", "--entity", "orders", "--shop", "alpha"], {"a_901"}),
        (["--newer-than", "1", "a_901"], {"a_901"}),
    ],
)
def test_some_can_be_chosen(refusing: World, arguments: list[str], sent: set[str]) -> None:
    refusing.sandbox.crm.switch(empty_email="accept")
    refused(refusing, "replay", *arguments)
    items = [*refusing.sent("customers"), *refusing.sent("orders")]
    assert {item.get("order_id") or item["customer_id"] for item in items} == sent


@pytest.mark.parametrize(
    "arguments", [["a_404"], ["--store", "9"], ["--older-than", "1"], ["--entity", "tickets"], ["--shop", "gamma"]]
)
def test_a_choice_that_meets_nothing_is_a_mistake_and_no_call_is_made(refusing: World, arguments: list[str]) -> None:
    ran = refused(refusing, "replay", *arguments)
    assert (ran.code, ran.document["ok"], ran.document["exit_code"]) == (2, False, 2)
    assert ran.document["errors"][0]["message"]
    assert not refusing.requests("crm")


def test_what_fails_is_tried_by_the_next_sync_although_nothing_changed(refusing: World) -> None:
    refusing.sandbox.crm.switch(empty_email="accept")
    refusing.break_crm(status_fault(503))

    ran = refused(refusing, "replay", "a_9", "a_901")

    assert (ran.code, ran.document["shops"][0]["status"]) == (1, "failed")
    assert (ran.row("customers"), ran.row("orders", 1)) == (ONE_FAILED, ONE_FAILED)
    assert "HTTP 503" in ran.document["shops"][0]["message"]
    assert set(listed(refusing)) == {CUSTOMER, ORDER, PRODUCT, EUROS}
    refusing.mend()
    refusing.sync()
    assert set(listed(refusing)) == {PRODUCT, EUROS}


def test_a_replay_that_dies_after_shopimind_took_the_records_is_made_good_by_the_next_sync(
    refusing: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing.sandbox.crm.switch(empty_email="accept")

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("connector.delivery.deliver.Deliverer.note", dies)
        refusing.enter()
        with pytest.raises(KeyboardInterrupt):
            replay_shops(load_shops(refusing.shops_file), Filters(), lambda *progress: None)

    refusing.sync()
    assert set(listed(refusing)) == {PRODUCT, EUROS}
    assert {"a_901"} <= refusing.items("orders").keys()


def test_an_inactive_installation_ends_it_with_4_and_everything_is_kept(refusing: World) -> None:
    refusing.sandbox.crm.switch(empty_email="accept")
    refusing.sandbox.crm.set_status("alpha", "revoked")

    ran = refused(refusing, "replay", "a_9", "a_901")

    assert (ran.code, ran.document["shops"][0]["status"]) == (4, "inactive")
    assert len(refusing.requests("crm")) == 1
    assert ran.row("orders", 1) == ONE_FAILED
    refusing.sandbox.crm.set_status("alpha", "active")
    refusing.sync()
    assert set(listed(refusing)) == {PRODUCT, EUROS}


def test_an_installation_that_was_not_active_is_asked_with_one_call_that_carries_no_record(refusing: World) -> None:
    refusing.sandbox.crm.switch(empty_email="accept")
    refusing.sandbox.crm.set_status("alpha", "revoked")
    refusing.sync()

    ran = refused(refusing, "replay", "a_9", "a_901")

    assert (ran.code, ran.document["shops"][0]["status"]) == (4, "inactive")
    assert [(call["method"], call["body"]) for call in refusing.requests("crm")] == [("GET", None)]
    assert (ran.row("customers"), ran.row("orders", 1)) == (ONE_FAILED, ONE_FAILED)

    refusing.break_crm(status_fault(503, method="GET"))
    ran = refused(refusing, "replay", "a_9")
    assert (ran.code, ran.row("customers")) == (1, ONE_FAILED)
    assert "503" in ran.document["shops"][0]["message"]
    assert not refusing.requests("crm", method="POST")
    refusing.mend()

    refusing.sandbox.crm.set_status("alpha", "active")
    assert refused(refusing, "replay", "a_9", "a_901").code == 0
    with refusing.opened() as run:
        assert run.installation.status() == "active"


def test_it_never_runs_beside_a_sync_of_the_shop(refusing: World) -> None:
    with refusing.opened() as run, Lease.acquire(run.state.db, "alpha", SYNC_LEASE, holder="elsewhere/1:1:1"):
        ran = refused(refusing, "replay")
    assert ran.code == 1
    assert "Another sync holds shop alpha" in ran.document["shops"][0]["message"]
    assert not refusing.requests("crm")


def test_on_a_terminal_it_is_a_table_per_shop_and_a_sentence(refusing: World) -> None:
    refusing.enter()
    ran = CliRunner().invoke(app, ["refused", "replay", "--shops", str(refusing.shops_file)])
    assert ran.exit_code == 3
    for words in (
        "alpha: refused",
        "chosen",
        "orders (store 1)",
        "alpha: 2 of the refused were refused by the connector",
    ):
        assert words in ran.stdout


def test_one_shops_trouble_does_not_touch_another(make_world: Callable[..., World]) -> None:
    both = [make(customers=[customer(1), customer(9, email="")], sales=[]) for make in (alpha, beta)]
    world = make_world(*both)
    world.sandbox.crm.switch(empty_email="refuse")
    for shop in ("alpha", "beta"):
        world.configure(shop, rules={"customers_without_email": "send"})
        world.sync(shop)
    world.sandbox.crm.switch(empty_email="accept")
    world.sandbox.crm.set_status("alpha", "revoked")

    ran = refused(world, "replay")

    assert ran.code == 4
    assert [(shop["shop"], shop["status"]) for shop in ran.document["shops"]] == [
        ("alpha", "inactive"),
        ("beta", "delivered"),
    ]
    assert "b_9" in world.items("customers", "beta")


@pytest.mark.only_local("the key is in the home")
def test_a_lost_key_costs_no_record(refusing: World) -> None:
    refusing.sandbox.crm.switch(empty_email="accept")
    Path(refusing.home / "key").unlink()

    shown = refused(refusing, "show", "a_9")
    assert (shown.code, shown.document["refused"][0]["payload"]) == (1, None)
    assert "cannot be opened with the keys of" in shown.document["refused"][0]["problem"]

    ran = refused(refusing, "replay", "a_9", "a_901")
    assert (ran.code, ran.row("orders", 1)) == (1, ONE_FAILED)
    assert "Add the key that sealed it" in ran.document["shops"][0]["message"]
    assert not refusing.sent("customers")

    refusing.sync()
    assert set(listed(refusing)) == {PRODUCT, EUROS}
