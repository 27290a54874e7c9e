"""Categories reach ShopiMind parents first, level by level, whatever their order in the till and whatever goes wrong."""

from __future__ import annotations

import pytest

from connector.sandbox.accounts import Row
from connector.sandbox.fault_plan import FaultPlan, status_fault
from tests.sync.conftest import MakeWorld
from tests.sync.world import World, till_account

ROOTS, LEAVES = range(401, 551), range(1, 151)  # each leaf has its own root; the till lists leaves first


def category(number: int, parent: int = 0) -> Row:
    return {"category_id": number, "category_name": f"Rayon {number}", "category_id_parent": parent}


def tree_of(make_world: MakeWorld, categories: list[Row], *, parent: str = "must_exist") -> World:
    world = make_world([till_account(categories=categories, products=[], sales=[])])
    world.sandbox.crm.switch(parent_category=parent)
    return world


def broad(make_world: MakeWorld, *, parent: str = "must_exist") -> World:
    """Three levels of more than a request's worth but for the last, whose one category is the first of the till's."""
    leaves = [category(number, 400 + number) for number in LEAVES]
    return tree_of(make_world, [category(999, LEAVES[0]), *leaves, *map(category, ROOTS)], parent=parent)


def requests(world: World) -> list[list[int]]:
    """The numbers of the categories of each request, as they arrived."""
    bodies = [call["body"] for call in world.crm_calls(writes=True) if call["path"] == "/v1/products-categories"]
    return [[item["category_id"] - 900_000_000 for item in body] for body in bodies]


def held(world: World) -> set[int]:
    return {item["category_id"] - 900_000_000 for item in world.held("categories")}


@pytest.mark.parametrize("parent", ["must_exist", "free"])
def test_parents_arrive_before_their_children_however_many_there_are(make_world: MakeWorld, parent: str) -> None:
    world = broad(make_world, parent=parent)
    ran = world.sync("--only", "categories")
    assert (ran.code, ran.row("categories")["sent"]) == (0, 301)
    arrived = requests(world)
    assert sorted(map(len, arrived[:2])) == sorted(map(len, arrived[2:4])) == [50, 100]
    assert ({*arrived[0], *arrived[1]}, {*arrived[2], *arrived[3]}, arrived[4:]) == ({*ROOTS}, {*LEAVES}, [[999]])


@pytest.mark.parametrize(("parent", "refused"), [("must_exist", {1, 2, 3, 7}), ("free", set())])
def test_circles_and_parents_that_are_not_listed_end_somewhere(
    make_world: MakeWorld, parent: str, refused: set[int]
) -> None:
    circle = [category(1, 2), category(2, 3), category(3, 1)]
    world = tree_of(make_world, [category(5, 6), *circle, category(6), category(7, 77)], parent=parent)
    ran = world.sync("--only", "categories")
    assert (ran.row("categories")["refused"], held(world)) == (len(refused), {1, 2, 3, 5, 6, 7} - refused)


def test_children_of_what_did_not_arrive_wait_with_it_and_all_others_go_on(make_world: MakeWorld) -> None:
    world = broad(make_world)
    world.sandbox.crm_server.faults = FaultPlan([status_fault(403, path="/v1/products-categories", times=1)])
    ran = world.sync("--only", "categories")
    lost = {number for number in ROOTS if number not in held(world)}
    assert len(lost) in (50, 100)
    waiting = lost | {number - 400 for number in lost} | ({999} if 401 in lost else set())
    assert held(world) == {*ROOTS, *LEAVES, 999} - waiting
    row = ran.row("categories")
    assert (ran.code, row["refused"], row["failed"]) == (1, 0, len(waiting))
    assert "its parent category was not delivered" in ran.shop()["message"]

    assert world.sync("--only", "categories").row("categories")["sent"] == len(waiting)
    assert held(world) == {*ROOTS, *LEAVES, 999}


def test_a_child_is_not_held_back_where_shopimind_has_its_parent_already(make_world: MakeWorld) -> None:
    world = tree_of(make_world, [category(1, 2), category(2)])
    world.sync("--only", "categories")
    for number, parent in ((1, 2), (2, 0)):
        world.till().put("categories", {**category(number, parent), "category_name": "Autre"})
    world.sandbox.crm_server.faults = FaultPlan([status_fault(403, path="/v1/products-categories", times=1)])
    row = world.sync("--only", "categories").row("categories")
    assert (row["failed"], row["sent"]) == (1, 1)


def test_children_of_a_refused_parent_are_sent_for_shopimind_to_decide(make_world: MakeWorld) -> None:
    unnamed = {**category(2), "category_name": ""}
    for parent, refused in (("free", 1), ("must_exist", 2)):
        world = tree_of(make_world, [category(1, 2), unnamed], parent=parent)
        assert world.sync("--only", "categories").row("categories")["refused"] == refused


def test_children_refused_with_their_parent_are_replayed_once_it_was_corrected(make_world: MakeWorld) -> None:
    world = tree_of(make_world, [category(1, 2), category(3, 1), {**category(2), "category_name": ""}])
    assert world.sync("--only", "categories").row("categories")["refused"] == 3
    world.till().put("categories", category(2))
    row = world.sync("--only", "categories").row("categories")
    assert (row["sent"], row["refused"]) == (1, 2)
    assert world.refused("replay", "--entity", "categories").code == 0
    assert held(world) == {1, 2, 3}
