"""The form that a till pushes, read as the page that it was made of."""

from __future__ import annotations

from typing import Any

import pytest

from connector.pos.hiboutik_pushed import NotASale, page_of, pushed_sale, pushed_sale_id
from connector.sandbox.till_sender import encoded

SALE: dict[str, Any] = {
    "sale_id": 42,
    "store_id": 1,
    "customer_id": 5,
    "completed_at": "2024-06-05 11:22:32",
    "unique_order_id": "2024-06-1-",
    "unique_sale_id": "2024-06-1-7",
    "currency": "EUR",
    "total": "12.00",
    "sale_ext_ref": "",
    "line_items": [
        {"product_id": 11, "quantity": 2, "vat": "0.20000", "item_total_gross": "12.00", "line_item_id": 9, "tags": []}
    ],
    "store_address": {"city": "Lyon & côte"},
    "taxes": [],
}


def test_brackets_become_lists_and_objects_and_all_values_are_texts() -> None:
    page = page_of(encoded(SALE))
    assert page["line_items"] == [
        {
            "product_id": "11",
            "quantity": "2",
            "vat": "0.20000",
            "item_total_gross": "12.00",
            "line_item_id": "9",
            "tags": "",
        }
    ]
    assert page["store_address"] == {"city": "Lyon & côte"}
    assert page["taxes"] == ""


def test_lines_are_in_the_order_of_their_numbers() -> None:
    body = b"&".join(b"line_items[%d][line_item_id]=%d" % (n, n) for n in (10, 2, 1, 0))
    assert [each["line_item_id"] for each in page_of(body)["line_items"]] == ["0", "1", "2", "10"]


def test_brackets_may_be_percent_encoded_or_not() -> None:
    assert page_of(b"a%5Bb%5D=1") == page_of(b"a[b]=1") == {"a": {"b": "1"}}


def test_a_key_without_number_is_the_next_one() -> None:
    assert page_of(b"tags[]=x&tags[]=y") == {"tags": ["x", "y"]}


def test_the_number_of_a_sale_is_the_whole_one() -> None:
    """`unique_order_id` arrives cut off."""
    assert pushed_sale(encoded(SALE)).row["reference"] == "2024-06-1-7"


def test_an_empty_list_of_lines_comes_as_an_empty_text() -> None:
    assert pushed_sale(encoded(SALE | {"line_items": []})).row["lines"] == []


def test_what_of_a_sale_cannot_be_typed_is_kept_with_its_reason() -> None:
    row = pushed_sale(encoded(SALE | {"customer_id": "abc"})).row
    assert row["problems"] == "customer_id: 'abc' is not a whole number"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"completed_at": "0000-00-00 00:00:00"}, "open ticket"),
        ({"quotation": 1}, "quote"),
        ({"store_id": ""}, "cannot|can be read"),
        ({"completed_at": "yesterday"}, "can be read"),
        ({"line_items": None}, "no line_items"),
    ],
)
def test_what_is_no_closed_sale_says_why(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotASale, match=reason):
        pushed_sale(encoded(SALE | change))


@pytest.mark.parametrize(
    "body", [b"", b"=", b"&&", b"a[b=1", b"[x]=1", b"a[b][=1", b"\x00=\x00", b"sale_id=-1&line_items="]
)
def test_no_form_breaks_anything(body: bytes) -> None:
    assert pushed_sale_id(body) is None
