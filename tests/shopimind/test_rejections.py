"""Reading what the API says of a rejected item, in the shapes that are known and in others."""

from __future__ import annotations

from typing import Any

import pytest

from connector.shopimind.envelope import Envelope, Rejection, rejections

ITEM = {"customer_id": "c1", "email": "x", "products": []}


def read(entry: Any, key: str = "rejected_items") -> Rejection:
    (found,) = rejections(Envelope(True, 200, {"sent_count": 0, key: [entry]}, None))
    return found


EMAIL = "email must be an email"
QUANTITY = "products.0.quantity must be an integer"
DATE = "cart_updated_at is not a date"


@pytest.mark.parametrize(
    ("entry", "index", "field", "reason"),
    [
        ({"index": 3, "item": ITEM, "errors": [EMAIL]}, 3, "email", EMAIL),
        ({"index": 3, "errors": [EMAIL, "lang is short"]}, 3, "email", f"{EMAIL}; lang is short"),
        ({"index": 0, "item": ITEM, "errors": [QUANTITY]}, 0, "products.0.quantity", QUANTITY),
        ({"index": 0, "item": ITEM, "errors": ["Invalid item"]}, 0, None, "Invalid item"),
        ({"index": 0, "errors": [{"property": "email", "constraints": {"isEmail": "no"}}]}, 0, "email", "no"),
        ({"index": 0, "field": "lang", "reason": "too long"}, 0, "lang", "too long"),
        ({"index": 0, "errors": ["[0] email must be an email"]}, 0, "email", "[0] email must be an email"),
        ({"objectIndex": 4, "validationErrors": [{"message": DATE}]}, 4, "cart_updated_at", DATE),
        ({"objectIndex": 4, "validationErrors": [{"message": "Odd"}, {"message": "Bad"}]}, 4, None, "Odd; Bad"),
        ("just words", None, None, "just words"),
        (None, None, None, "null"),
        ({"surprise": 1}, None, None, '{"surprise":1}'),
        ({"index": 2, "surprise": 1}, 2, None, '{"index":2,"surprise":1}'),
        ({"index": 2, "errors": {"odd": [1]}}, 2, None, '{"odd":[1]}'),
        ({"index": 2, "source": ITEM, "why": "odd"}, 2, None, '{"index":2,"why":"odd"}'),
        ({"index": 2, "errors": [{"target": ITEM, "rule": "odd"}]}, 2, None, '[{"rule":"odd"}]'),
        ({"item": ITEM}, None, None, "rejected without a reason"),
        ([ITEM], None, None, "rejected without a reason"),
    ],
)
def test_an_entry_is_read_as_far_as_it_speaks(entry: Any, index: int | None, field: str | None, reason: str) -> None:
    found = read(entry)
    assert (found.index, found.field, found.reason) == (index, field, reason)


def test_the_item_comes_along_when_the_entry_repeats_it() -> None:
    assert read({"index": 0, "payload": ITEM, "errors": ["no"]}).item == ITEM


def test_the_older_name_of_the_list_is_read_too() -> None:
    assert read({"objectIndex": 1, "validationErrors": [{"message": "no"}]}, "invalidFields").index == 1


@pytest.mark.parametrize("data", [None, "", "<html>", [], 5, {"rejected_items": "all"}, {"rejected_items": {"0": "x"}}])
def test_a_body_of_another_shape_has_no_rejections(data: Any) -> None:
    assert rejections(Envelope(False, 400, data, None)) == []


def test_the_reason_and_the_item_are_no_part_of_a_representation() -> None:
    assert "lea" not in repr(
        read({"index": 0, "item": {"email": "lea@example.com"}, "errors": ["lea@example.com is taken"]})
    )
