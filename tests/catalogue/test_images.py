"""Images through both APIs: a page of each product, read once and again when its row changes, from calls to spare."""

from __future__ import annotations

from typing import Any

import pytest

from connector.sandbox.fault_plan import Fault, FaultPlan, status_fault
from tests.sync.conftest import MakeWorld
from tests.sync.test_sync_plan import assert_the_sync_does_what_the_plan_says
from tests.sync.world import CUSTOMERS, PRODUCTS, STORES, Ran, World, day, sale, till_account

FRONT, BACK = ({"url": f"https://img.example/{name}.jpg", "width": "9", "height": "9"} for name in ("front", "back"))
ARCHIVED = {"product_id": 14, "product_model": "Ancien", "product_price": "1.00", "product_vat": 1, "product_arch": 1}
NAMELESS = {"product_id": 15, "product_model": "", "product_price": "1.00", "product_vat": 1, "images": [FRONT]}


def switch_on(world: World, **rules: str) -> None:
    world.configure(lambda shops: shops[0].setdefault("rules", {}).update(images="send", **rules))


@pytest.fixture
def shelf(make_world: MakeWorld) -> World:
    """11 has two images, 12 one with a bad address, 13 none, 14 is archived, ShopiMind does not take 15."""
    images = {11: [FRONT, BACK], 12: [{"url": "front.jpg"}]}
    products = [row | {"images": images.get(row["product_id"], [])} for row in PRODUCTS]
    world = make_world([till_account(products=[*products, ARCHIVED, NAMELESS], sales=[sale(501, day(1))])])
    switch_on(world)
    return world


def pages(world: World, kind: str = "products") -> list[int]:
    return [int(call.split("/")[1]) for call in world.till_calls() if call.startswith(f"{kind}/")]


def outcomes(ran: Ran) -> dict[str, Any]:
    row = ran.row("images")
    return {name: row[name] for name in ("read", "skipped", "unchanged", "sent", "refused")}


def test_every_product_ends_in_one_outcome_as_planned_and_an_unchanged_night_asks_and_sends_nothing(
    shelf: World,
) -> None:
    _, done = assert_the_sync_does_what_the_plan_says(shelf)
    assert sorted(pages(shelf)) == [11, 12, 13, 15]
    skipped = {"archived_product": 1, "no_image": 1, "product_not_delivered": 1}
    assert outcomes(done) == {"read": 6, "skipped": skipped, "unchanged": 0, "sent": 2, "refused": 1}
    held = shelf.held_by_id("images", "image_id")
    assert {name: (each["product_id"], each["url"], each["is_default"]) for name, each in held.items()} == {
        "a_11-1": ("900000011", FRONT["url"], True),
        "a_11-2": ("900000011", BACK["url"], False),
    }
    links = {each["product_id"]: each["image_link"] for each in shelf.held("products")}
    assert links == {900_000_011: FRONT["url"], 900_000_012: None, 900_000_013: None, 900_000_014: None}
    paths = [call["path"] for call in shelf.crm_calls(writes=True)]
    assert paths.index("/v1/products") < paths.index("/v1/products/images/bulk")

    shelf.record()
    again = shelf.sync()
    assert pages(shelf) == shelf.crm_calls(writes=True) == []
    assert outcomes(again) == {"read": 6, "skipped": skipped, "unchanged": 2, "sent": 0, "refused": 1}


def test_a_page_is_read_again_when_the_row_changed(shelf: World) -> None:
    shelf.sync()
    shelf.till().put("products", {"product_id": 11, "updated_at": f"{day(0)} 00:00:01", "images": [BACK, FRONT]})
    shelf.record()
    ran = shelf.sync()
    assert (pages(shelf), ran.row("images")["sent"], ran.row("products")["sent"]) == ([11], 2, 1)
    assert shelf.held_by_id("images", "image_id")["a_11-1"]["url"] == BACK["url"]
    assert shelf.held_by_id("products", "product_id")[900_000_011]["image_link"] == BACK["url"]


@pytest.mark.parametrize(
    "answer",
    [
        status_fault(404, path="/products/11$"),
        Fault(kind="answer", status=200, path="/products/11$", body=[]),
        Fault(kind="answer", status=200, path="/products/11$", body=[{"product_id": 11, "product_model": "Savon"}]),
        status_fault(400, path="/products/11$"),
    ],
    ids=["404", "empty", "no key", "rejected"],
)
def test_a_page_that_the_till_does_not_give_is_not_read_keeps_what_was_known_and_is_asked_for_again(
    shelf: World, answer: Fault
) -> None:
    shelf.sync()
    shelf.till().put("products", {"product_id": 11, "updated_at": f"{day(0)} 00:00:01", "images": [BACK, FRONT]})
    shelf.sandbox.till_server.faults = FaultPlan([answer])
    for _ in range(2):
        shelf.record()
        ran = shelf.sync()
        assert (ran.code, ran.shop()["status"], pages(shelf)) == (3, "refused", [11])
        assert "images of products 11" in ran.err
        assert outcomes(ran)["unchanged"] == 2
        assert shelf.held_by_id("products", "product_id")[900_000_011]["image_link"] == FRONT["url"]
    shelf.sandbox.till_server.faults = FaultPlan()
    shelf.record()
    ran = shelf.sync()
    assert (pages(shelf), ran.row("images")["sent"]) == ([11], 2)
    assert shelf.held_by_id("images", "image_id")["a_11-1"]["url"] == BACK["url"]


def test_after_five_pages_in_vain_no_more_are_asked_for_and_the_next_sync_asks_for_those_last(shelf: World) -> None:
    """Five are in flight at once."""
    for number in (16, 17, 18):
        shelf.till().put("products", PRODUCTS[0] | {"product_id": number, "images": []})
    shelf.sandbox.till_server.faults = FaultPlan([status_fault(500, path="/products/1[35678]$")])
    ran = shelf.sync()
    assert (ran.code, set(pages(shelf))) == (1, {18, 17, 16, 15, 13})
    assert "images of products 15" in ran.shop()["message"]
    assert outcomes(ran)["skipped"] == {
        "archived_product": 1,
        "not_read_yet": 2,
        "page_not_given": 4,
        "product_not_delivered": 1,
    }
    shelf.record()
    ran = shelf.sync()
    assert (ran.code, set(pages(shelf))) == (1, {12, 11, 18, 17, 16, 15, 13})
    assert outcomes(ran)["sent"] == 2
    shelf.sandbox.till_server.faults = FaultPlan()
    shelf.record()
    assert shelf.sync().code == 3
    assert sorted(pages(shelf)) == [13, 15, 16, 17, 18]


@pytest.mark.parametrize("only", ["products", "images"])
def test_one_of_them_alone_is_planned_and_delivered(shelf: World, only: str) -> None:
    _, done = assert_the_sync_does_what_the_plan_says(shelf, "--only", only)
    sent = {entity: row["sent"] for (entity, _), row in done.rows().items()}
    assert sent[only] == {"products": 4, "images": 0}[only]  # ShopiMind has no product yet
    assert len(pages(shelf)) == 4


def test_addresses_and_images_have_250_pages_a_run_each(make_world: MakeWorld) -> None:
    products = [{**PRODUCTS[0], "product_id": n, "images": [FRONT]} for n in range(1, 256)]
    world = make_world([till_account(products=products, customers=CUSTOMERS, stores=STORES[:1], sales=[])])
    switch_on(world, addresses="send")
    price = world.plan("--price").shop()["price"]
    assert price["calls"]["pages"] == 500
    _, done = assert_the_sync_does_what_the_plan_says(world)
    assert (len(pages(world)), len(pages(world, "customer"))) == (250, 3)
    assert outcomes(done)["skipped"] == {"not_read_yet": 5}
    assert world.plan("--price").shop()["price"]["calls"]["pages"] == 5
    world.record()
    assert outcomes(world.sync())["sent"] == 5
    assert (sorted(pages(world)), pages(world, "customer")) == ([1, 2, 3, 4, 5], [])


def test_a_shop_that_did_not_ask_for_them_reads_no_page(shelf: World) -> None:
    shelf.configure(lambda shops: shops[0].update(rules={}))
    ran = shelf.sync()
    assert "images" not in {entity for entity, _ in ran.rows()}
    assert (pages(shelf), shelf.held("images")) == ([], [])
    assert {each["image_link"] for each in shelf.held("products")} == {None}
