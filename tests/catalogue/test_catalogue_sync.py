"""Variations, customer groups and newsletter status through both APIs: in their order, once, and as planned."""

from __future__ import annotations

from tests.sync.test_sync_plan import assert_the_sync_does_what_the_plan_says, totals
from tests.sync.world import World, day, line, sale

SWITCHED = {"customer_groups", "newsletter", "variations"}


def first_line(world: World, order_id: str = "a_501") -> dict:
    return world.held_by_id("orders", "order_id")[order_id]["products"][0]


def test_the_catalogue_is_delivered_once_and_planned_exactly(world: World) -> None:
    planned, _ = assert_the_sync_does_what_the_plan_says(world)
    assert {name: totals(planned, "new")[name] for name in SWITCHED} == {
        "customer_groups": 2, "newsletter": 3, "variations": 2,
    }  # fmt: skip
    variations = {each["name"]: each for each in world.held("variations")}
    assert {name: (each["product_id"], each["quantity_remaining"]) for name, each in variations.items()} == {
        "M": ("900000021", 6), "L": ("900000021", 0),
    }  # fmt: skip
    assert first_line(world)["product_variation_id"] == variations["M"]["variation_id"]
    assert {each["group_id"]: each["name"] for each in world.held("groups")} == {"a_1": "VIP", "a_2": "Newsletter"}
    groups = {each["customer_id"]: each["group_ids"] for each in world.held("customers")}
    assert groups == {"a_101": ["a_1"], "a_102": ["a_1", "a_2"], "a_104": None}
    assert {each["email"] for each in world.held("newsletter") if each["is_subscribed"]} == {"ines.morvane@example.org"}
    paths = [call["path"] for call in world.crm_calls(writes=True)]
    assert paths.index("/v1/customers-groups") < paths.index("/v1/customers")
    assert paths.index("/v1/products") < paths.index("/v1/products/variations/bulk")

    planned, _ = assert_the_sync_does_what_the_plan_says(world)
    assert (totals(planned, "new"), totals(planned, "changed")) == ({}, {})
    assert world.crm_calls(writes=True) == []


def test_one_of_them_alone_is_planned_and_delivered(world: World) -> None:
    _, done = assert_the_sync_does_what_the_plan_says(world, "--only", "variations")
    assert done.row("variations")["sent"] == 2
    assert world.held("groups") == []


def test_a_size_that_is_new_in_the_catalogue_keeps_the_others_their_ids(world: World) -> None:
    world.till().put_sale(sale(502, day(0), line(21, 1, "39.00", product_size=34), at="00:00:01"))
    world.sync()
    before = {each["name"]: each["variation_id"] for each in world.held("variations")}
    assert first_line(world, "a_502")["product_variation_id"] is None
    shirt = world.till().row("products", 21)
    sizes = [{"size_id": 34, "size_name": "S", "barcode": ""}, *shirt["product_size_details"]]
    world.till().put("products", {"product_id": 21, "product_size_details": sizes})
    assert_the_sync_does_what_the_plan_says(world)
    after = {each["name"]: each["variation_id"] for each in world.held("variations")}
    assert {name: after[name] for name in before} == before
    assert first_line(world, "a_502")["product_variation_id"] == after["S"]


def test_lines_that_do_not_say_their_size_name_no_variation(world: World) -> None:
    world.sandbox.till.switches.products_sold_extra_keys = []
    ran = world.sync()
    assert ran.code == 0
    assert first_line(world)["product_variation_id"] is None
    assert "do not say which size was sold" in ran.err


def test_a_shop_that_switched_nothing_on_has_none_of_it(world: World) -> None:
    world.configure(lambda shops: shops[0].update(rules={}))
    ran = world.sync()
    assert not SWITCHED & {entity for entity, _ in ran.rows()}
    assert world.held("variations") == world.held("groups") == world.held("newsletter") == []
    assert not [call for call in world.till_calls() if "tags" in call or "lists" in call]


def test_newsletter_without_consent_is_a_mistake(world: World) -> None:
    world.configure(lambda shops: shops[0]["rules"].pop("consent"))
    ran = world.run("sync", "--json", "--shops", str(world.shops_file))
    assert (ran.code, [error["where"] for error in ran.document["errors"]]) == (2, ["shops[0].rules.newsletter"])


def test_groups_are_compared_and_what_shopimind_does_not_list_is_not(world: World) -> None:
    world.sync(ago_days=0.001)
    ran = world.run("reconcile", "--json", "--shops", str(world.shops_file))
    lines = {each["entity"]: each for each in ran.shop()["lines"]}
    assert ran.code == 0, ran.shop()["message"]
    assert lines["customer_groups"]["agrees"]
    assert not {"variations", "newsletter"} & set(lines)
