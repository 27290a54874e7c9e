"""A customer who was erased is nowhere any more, and nothing brings him back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.sync.conftest import MakeWorld
from tests.sync.world import Ran, World, day, sale

NAME, EMAIL = "a_101", "ines.morvane@example.org"  # customer 101, with the orders 501 and 504


def erase(world: World, customer: int = 101) -> Ran:
    return world.run("erase", "--shop", "alpha", "--customer", str(customer), "--json")


def named(world: World) -> list[str]:
    """Where he is still named: files of the lake, and kinds of records in ShopiMind."""
    found = []
    for file, rows in world.lake_files().items():
        if EMAIL in rows or "Morvane" in rows or '"customer_id": 101' in rows or f'customer_id\\":\\"{NAME}' in rows:
            found.append(file)
    for entity in ("customers", "orders"):
        if NAME in [row.get("customer_id") or row["customer"]["customer_id"] for row in world.held(entity)]:
            found.append(entity)
    return found


@pytest.fixture
def synced(make_world: MakeWorld) -> World:
    world = make_world()
    assert world.sync().code == 0
    assert len(named(world)) > 5
    return world


@pytest.mark.also_shared
def test_he_is_removed_everywhere_and_the_receipt_counts_it_without_naming_him(make_world: MakeWorld) -> None:
    world = make_world()
    world.sync()
    profiles = len(world.held("pos_profile"))
    ran = erase(world)
    receipt = ran.document
    assert (ran.code, receipt["status"]) == (0, "erased")
    assert receipt["shopimind"] == {"pos_profiles": 1, "orders": 2, "addresses": 0, "customers": 1}
    assert (receipt["here"]["ledger"], receipt["here"]["sales"]) == (3, 2)
    assert receipt["here"]["lake_files"] > 0
    assert EMAIL not in ran.out
    assert "101" not in ran.out
    assert named(world) == []
    assert len(world.held("pos_profile")) == profiles - 1


@pytest.mark.parametrize("argv", [(), ("--full",), ("--from", day(5).isoformat())])
def test_no_later_sync_brings_him_back(synced: World, argv: tuple[str, ...]) -> None:
    erase(synced)
    synced.till().put("customers", {"customers_id": 101, "email": EMAIL, "last_name": "Morvane", "loyalty_points": 90})
    synced.till().put_sale(sale(520, day(0), customer=101))
    ran = synced.sync(*argv)
    assert ran.code == 0
    assert ran.row("customers")["skipped"] == {"erased": 1, "customer_without_email": 1}
    assert ran.row("orders", 1)["skipped"]["anonymous"] >= 1
    assert named(synced) == []


def test_where_anonymous_sales_are_sent_his_orders_come_again_as_nobodys(make_world: MakeWorld) -> None:
    world = make_world()

    def send(shops: list[dict[str, Any]]) -> None:
        shops[0]["rules"] = {**shops[0].get("rules", {}), "anonymous_sales": "send"}

    world.configure(send)
    world.sync()
    before = world.held_by_id("orders", "order_id")
    erase(world)
    assert set(before) - set(world.held_by_id("orders", "order_id")) == {"a_501", "a_504"}
    assert world.sync().code == 0
    after = world.held_by_id("orders", "order_id")
    assert set(after) == set(before)
    assert [after[each]["customer"]["customer_id"] for each in ("a_501", "a_504")] == ["", ""]
    assert [after[each]["amount"] for each in ("a_501", "a_504")] == [before[e]["amount"] for e in ("a_501", "a_504")]
    assert named(world) == []


@pytest.mark.also_shared
def test_an_order_that_stayed_his_although_its_sale_is_no_more_goes_too(synced: World) -> None:
    synced.till().put_sale(sale(501, day(5), customer=0))
    synced.till().put_sale(sale(504, day(4), customer=102))
    assert synced.sync("--from", day(6).isoformat()).code == 0
    assert [row["order_id"] for row in synced.held("orders") if row["customer"]["customer_id"] == NAME] == ["a_501"]
    ran = erase(synced)
    assert ran.document["shopimind"]["orders"] == 1
    assert named(synced) == []
    assert "a_504" in synced.held_by_id("orders", "order_id")  # it is somebody else's now


def test_twice_is_as_once(synced: World) -> None:
    first = erase(synced).document
    again = erase(synced)
    assert (again.code, again.document["erased_at"]) == (0, first["erased_at"])
    assert not any(again.document["here"].values())
    assert not any(again.document["shopimind"].values())


def test_without_an_answer_of_shopimind_nothing_is_removed_here(synced: World) -> None:
    before = sorted(named(synced))
    synced.sandbox.crm.set_status("alpha", "revoked")
    ran = erase(synced)
    assert (ran.code, ran.document["status"], ran.document["here"]) == (4, "inactive", {})
    assert "Nothing was removed here" in ran.document["message"]
    assert sorted(named(synced)) == before
    synced.sandbox.crm.set_status("alpha", "active")
    assert erase(synced).code == 0
    assert named(synced) == []


def test_others_stay_as_they_are(synced: World) -> None:
    before = synced.held_by_id("customers", "customer_id")
    erase(synced)
    assert synced.held_by_id("customers", "customer_id") == {k: v for k, v in before.items() if k != NAME}
    ran = synced.sync()
    assert sum(row["sent"] for row in ran.rows().values()) == 0
    assert synced.run("reconcile", "--json").code == 0


@pytest.mark.parametrize("wrong", ["0", "x", "100000000"])
def test_what_is_no_number_of_a_customer_is_a_mistake(make_world: MakeWorld, wrong: str) -> None:
    ran = make_world().run("erase", "--shop", "alpha", "--customer", wrong, "--json")
    assert ran.code == 2


def test_killed_midway_the_same_command_finishes(synced: World) -> None:
    started = synced.start("erase", "--shop", "alpha", "--customer", "101", "--json")
    while not any("bulk-delete" in call["path"] for call in synced.crm_calls(writes=True)):
        time.sleep(0.001)
    started.kill()
    # two minutes later: until then a profile that is not listed may be one that ShopiMind does not show yet
    argv = ("erase", "--shop", "alpha", "--customer", "101", "--json")
    assert synced.run(*argv, ago_days=-3 / 1440).code == 0
    assert named(synced) == []
    assert synced.sync().code == 0
    assert named(synced) == []
