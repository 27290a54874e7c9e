"""`connector webhooks`: registering twice changes nothing, others' webhooks stay, no secret is shown, calls are counted."""

from __future__ import annotations

from typing import Any

import pytest

from connector.sandbox.accounts import Row
from tests.sync.conftest import MakeWorld
from tests.sync.world import Ran, World

SECRET = "secret-of-alpha-0123456789"
URL = "https://connector.example"
OTHERS: Row = {
    "webhook_label": "accounting",
    "webhook_url": "https://books.example/hook?key=theirs",
    "webhook_action": "sale",
    "webhook_app_id_int": "77",
    "webhook_async": 1,
}


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    made = make_world()
    secret_is(made, SECRET)
    made.till().put("webhooks", OTHERS)
    return made


def secret_is(world: World, secret: str) -> None:
    world.configure(lambda shops: shops[0]["pos"].update(webhook_secret=secret))


def webhooks(world: World, *argv: str) -> Ran:
    ran = world.run("webhooks", *argv, "--json", "--shops", str(world.shops_file))
    assert SECRET not in ran.out + ran.err
    assert "key=theirs" not in ran.out + ran.err
    return ran


def register(world: World, *argv: str) -> dict[str, Any]:
    ran = webhooks(world, "register", "--url", URL, *argv)
    assert ran.code == 0, ran.out
    return ran.shop()


def held(world: World) -> list[Row]:
    return world.till().rows("webhooks")


def test_one_webhook_for_all_stores_is_registered_and_nobody_waits_for_it(world: World) -> None:
    shop = register(world)
    assert (shop["registered"], shop["unchanged"], shop["removed"]) == (1, 0, 0)
    (ours,) = [each for each in held(world) if each["webhook_label"] != "accounting"]
    assert ours["webhook_url"] == f"{URL}/pos/alpha/{SECRET}"
    assert (ours["webhook_action"], ours["webhook_store_id"], ours["webhook_async"]) == ("sale", 0, 1)
    assert {each["address"] for each in shop["webhooks"]} == {f"{URL}/pos/alpha/***", "https://books.example"}


@pytest.mark.parametrize("app_id", ["text", "number"])
def test_registering_again_changes_nothing(world: World, app_id: str) -> None:
    world.sandbox.till.switches.webhooks_app_id = app_id
    register(world)
    before = held(world)
    shop = register(world)
    assert (shop["registered"], shop["unchanged"], shop["removed"]) == (0, 1, 0)
    assert held(world) == before


def test_another_secret_or_address_takes_the_place_of_the_first(world: World) -> None:
    register(world)
    secret_is(world, "another-secret-of-alpha")
    shop = register(world)
    assert (shop["registered"], shop["removed"]) == (1, 1)
    assert [each["webhook_url"] for each in held(world)] == [
        OTHERS["webhook_url"],
        f"{URL}/pos/alpha/another-secret-of-alpha",
    ]


def test_where_no_webhook_is_for_all_stores_there_is_one_for_each(world: World) -> None:
    register(world)
    shop = register(world, "--per-store")
    assert (shop["registered"], shop["removed"]) == (3, 1)
    assert sorted(each["store_id"] for each in shop["webhooks"] if each["ours"]) == [1, 2, 5]


def test_removing_leaves_those_of_others(world: World) -> None:
    register(world)
    ran = webhooks(world, "remove")
    assert ran.shop()["removed"] == 1
    assert [each["webhook_label"] for each in held(world)] == ["accounting"]


def test_calls_are_counted(world: World) -> None:
    world.record()
    shop = register(world)
    assert len(world.till_calls()) == shop["calls"]["hiboutik"] == 3
    assert world.status().shop()["quota"]["used"] == 3


def test_a_right_that_is_missing_is_told(world: World) -> None:
    world.sandbox.till.switches.forbidden = ["webhooks"]
    ran = webhooks(world, "register", "--url", URL)
    assert ran.code == 1
    assert "HTTP 403" in ran.shop()["message"]
    assert "write_settings" in ran.shop()["message"]


@pytest.mark.parametrize("url", ["http://connector.example", "connector.example", "https://u:p@connector.example"])
def test_an_address_that_is_not_safe_is_a_mistake(world: World, url: str) -> None:
    world.record()
    assert webhooks(world, "register", "--url", url).code == 2
    assert world.till_calls() == []


def test_a_shop_without_a_secret_cannot_be_registered(world: World) -> None:
    world.configure(lambda shops: shops[0]["pos"].pop("webhook_secret"))
    ran = webhooks(world, "register", "--url", URL)
    assert ran.code == 2
    assert "pos.webhook_secret" in ran.out


@pytest.mark.parametrize("secret", ["short", "with/a/slash/in/it", "ends with a blank "])
def test_a_secret_that_is_no_part_of_an_address_is_a_mistake(world: World, secret: str) -> None:
    secret_is(world, secret)
    ran = webhooks(world, "list")
    assert ran.code == 2
    assert "pos.webhook_secret" in ran.out
    assert secret not in ran.out
