"""Images on a product's page -> image records, each row with its one outcome."""

from __future__ import annotations

from typing import Any

import pytest
from till_examples import product, records, shop

from connector.mapping.images import first_images, map_images
from connector.mapping.products import map_products
from connector.pos import hiboutik_rows as wire
from connector.pos import rows

FRONT = {"url": "https://img.example/1204/front.jpg", "width": "1000", "height": "1000"}
BACK = {"url": "https://img.example/1204/back.jpg", "width": "1000", "height": "1000"}


def pages(*images: Any, read: bool | None = True) -> Any:
    page = {"product_id": 1204, "images": wire.images({"images": list(images)})}
    never_given = {"product_id": 1204, "images": None}
    return rows.to_table({True: [page], False: [], None: [never_given]}[read], rows.IMAGES)


def mapped(*images: Any, read: bool | None = True, delivered: bool = True, **changes: Any) -> list[dict[str, Any]]:
    products = rows.to_table([product(**changes)], rows.PRODUCTS)
    return records(map_images(shop(), products, {"900001204"} if delivered else (), pages(*images, read=read)))


def test_every_field_of_an_image():
    first, second = mapped(FRONT, BACK)
    assert (first["external_id"], first["outcome"], first["source_store_id"]) == ("ml_1204-1", "send", None)
    assert first["payload"] == {
        "image_id": "ml_1204-1",
        "product_id": "900001204",
        "lang": "fr",
        "variation_id": None,
        "url": "https://img.example/1204/front.jpg",
        "is_default": True,
    }
    assert (second["external_id"], second["payload"]["is_default"]) == ("ml_1204-2", False)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("https://img.example/a.jpg?v=2&amp;w=1%20x#y", "https://img.example/a.jpg?v=2&w=1%20x#y"),
        (" http://img.example/été 1.jpg ", "http://img.example/%C3%A9t%C3%A9%201.jpg"),
    ],
)
def test_an_address_is_sent_as_addresses_are_written(typed, sent):
    assert mapped({"url": typed})[0]["payload"]["url"] == sent


@pytest.mark.parametrize("url", ["", "front.jpg", "//img.example/a.jpg", "ftp://img.example/a.jpg", "https://", None])
def test_what_is_no_web_address_is_refused_alone(url):
    bad, good = mapped({"url": url}, BACK)
    assert (bad["outcome"], bad["field"], good["outcome"]) == ("refused", "url", "send")
    assert bad["reason"].startswith("not a web address")


@pytest.mark.parametrize("odd", ["nonsense", 5, ["https://img.example/a.jpg"]])
def test_what_is_no_image_is_refused(odd):
    (image,) = wire.images({"images": odd})
    assert "not an object" in image["problems"]
    read = rows.to_table([{"product_id": 1204, "images": [image]}], rows.IMAGES)
    (record,) = records(map_images(shop(), rows.to_table([product()], rows.PRODUCTS), {"900001204"}, read))
    assert (record["outcome"], record["field"], record["external_id"]) == ("refused", "url", "ml_1204-1")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"archived": True}, "archived_product"),
        ({"delivered": False}, "product_not_delivered"),
        ({"product_id": None}, "product_not_delivered"),
        ({"read": False}, "not_read_yet"),
        ({"read": None}, "page_not_given"),
        ({}, "no_image"),
    ],
)
def test_a_product_of_which_nothing_is_sent_is_counted_with_the_reason(how, reason):
    (record,) = mapped(**how)
    assert (record["outcome"], record["reason"]) == ("skipped", reason)


def test_of_a_product_that_vanished_from_the_list_nothing_is_said():
    assert mapped(FRONT, listed=False) == []


@pytest.mark.parametrize(("images", "link"), [([FRONT, BACK], FRONT["url"]), ([], None), ([{"url": "x"}, BACK], None)])
def test_the_product_names_its_first_image(images, link):
    products = rows.to_table([product()], rows.PRODUCTS)
    (record,) = records(map_products(shop(), products, {}, first_images(pages(*images))))
    assert record["payload"]["image_link"] == link
