"""How the sandbox's ShopiMind pages, filters and cuts its lists."""

from __future__ import annotations

import pytest
from crm_shop import Shop


def test_a_list_is_paged_by_limit_and_offset(shop: Shop) -> None:
    shop.call("POST", "customers", [shop.customer(n) for n in range(25)])

    answer = shop.call("GET", "customers", limit=20, offset=20).json()

    assert [c["customer_id"] for c in answer["data"]] == [f"ml_{n}" for n in range(20, 25)]
    assert answer["meta"]["pagination"] == {
        "total_items": 25, "items_per_page": 20, "total_pages": 2, "current_page": 2, "offset": 20,
        "has_previous_page": True, "has_next_page": False, "next_page": None, "previous_page": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "given"), [({}, 10), ({"limit": 25}, 25), ({"limit": 100}, 30), ({"limit": 101}, 10)]
)
def test_a_page_holds_ten_and_a_limit_above_a_hundred_falls_back_to_ten(
    shop: Shop, limit: dict[str, int], given: int
) -> None:
    shop.call("POST", "customers", [shop.customer(n) for n in range(30)])

    assert len(shop.data_of("GET", "customers", **limit)) == given


def test_a_list_can_be_filtered_and_cut_to_some_fields(shop: Shop) -> None:
    shop.call("POST", "customers", [shop.customer(n) for n in range(3)])

    found = shop.data_of("GET", "customers", **{"filters[email][eq]": "p2@example.com", "fields[]": ["email", "lang"]})

    assert found == [{"email": "p2@example.com", "lang": "fr"}]


def test_lists_may_give_numeric_ids_as_text(shop: Shop) -> None:
    shop.crm.switch(numeric_ids="string")
    shop.call("POST", "products", [shop.product(category_ids=[4])])

    product = shop.data_of("GET", "products")[0]

    assert (product["product_id"], product["category_ids"], product["price"]) == ("117", ["4"], 6.9)
    assert shop.data_of("GET", "data-sources")[0]["id_data_source"] == str(shop.web)
