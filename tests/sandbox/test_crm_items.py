"""Which customers, products and orders the sandbox's ShopiMind takes, which it refuses, and what it keeps of them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from crm_shop import NOW, Shop


def test_a_saved_item_is_an_upsert_on_its_id_and_never_on_its_source(shop: Shop) -> None:
    store = shop.data_of("POST", "data-sources", {"label": "Lyon", "parent_id": shop.web})["id_data_source"]

    shop.call("POST", "customers", [shop.customer(1), shop.customer(2)])
    shop.call("POST", "customers", [shop.customer(1, first_name="Zoé", id_data_source=store)])

    assert [c["first_name"] for c in shop.data_of("GET", "customers")] == ["Zoé", "Léa"]
    assert shop.data.contents()["entities"]["customers"] == {"count": 2, "by_source": {str(store): 1, str(shop.web): 1}}


def test_translated_entities_have_one_row_per_language(shop: Shop) -> None:
    shop.call("POST", "products", [shop.product(), shop.product(lang="en"), shop.product(name="Café moulu")])

    assert [(p["lang"], p["name"]) for p in shop.data_of("GET", "products")] == [("fr", "Café moulu"), ("en", "Café")]


def test_bad_items_do_not_stop_their_neighbours(shop: Shop) -> None:
    bad = shop.customer(2, email="nobody")

    answer = shop.call("POST", "customers", [shop.customer(1), bad, shop.customer(3)])

    assert answer.status_code == 200
    assert answer.json() == {
        "statusCode": 200,
        "sent_count": 2,
        "rejected_count": 1,
        "rejected_items": [{"index": 1, "item": bad, "errors": ["email must be an email"]}],
    }


def test_the_other_shape_of_a_rejected_item(shop: Shop) -> None:
    shop.crm.switch(reject_shape="objectIndex", all_rejected_status=400)
    bad = shop.customer(email=None)

    answer = shop.call("POST", "customers", [bad])

    assert answer.status_code == 400
    assert answer.json()["rejected_items"] == [
        {"objectIndex": 0, "object": bad, "validationErrors": [{"message": "email should not be null"}]}
    ]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"customer_id": 4821}, "customer_id must be a string"),
        ({"customer_id": ""}, "customer_id should not be empty"),
        ({"email": "nobody"}, "email must be an email"),
        ({"first_name": None}, "first_name should not be null"),
        ({"gender": 3}, "gender must be one of"),
        ({"birth_date": "12/04/1990"}, "birth_date must be a date"),
        ({"birth_date": "1990-02-30"}, "birth_date must be a date"),
        ({"is_active": 1}, "is_active must be a boolean"),
        ({"lang": "FR"}, "lang must be an ISO 639-1"),
        ({"created_at": ""}, "created_at must be a valid ISO 8601"),
        ({"created_at": "2026-05-02T17:05:00"}, "created_at must be a valid ISO 8601"),
        ({"created_at": "2026-05-02 17:05:00+02:00"}, "created_at must be a valid ISO 8601"),
        ({"created_at": "0000-00-00T00:00:00Z"}, "created_at must be a valid ISO 8601"),
        ({"group_ids": [3]}, "group_ids each value must be a string"),
        ({"id_data_source": "1"}, "id_data_source must be an integer"),
        ({"id_data_source": None}, "id_data_source is required"),
        ({"id_data_source": 4_000}, "id_data_source 4000 is not a data source of this shop"),
    ],
)
def test_a_customer_with_a_bad_value_is_refused(shop: Shop, changes: dict[str, Any], complaint: str) -> None:
    assert complaint in shop.errors_of("customers", shop.customer(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"email": ""},
        {"phone_number": None},
        {"birth_date": "1990-04-12", "gender": 2},
        {"created_at": "2026-05-07T08:00:00.000000+02:00"},
        {"updated_at": "2026-05-07T08:00:00Z"},
        {"something_new": 1},
    ],
)
def test_a_customer_with_an_unusual_value_is_taken(shop: Shop, changes: dict[str, Any]) -> None:
    assert shop.errors_of("customers", shop.customer(**changes)) == ""


@pytest.mark.parametrize("missing", ["customer_id", "email", "lang", "is_newsletter_subscribed", "created_at"])
def test_a_customer_without_a_required_field_is_refused(shop: Shop, missing: str) -> None:
    customer = shop.customer()
    del customer[missing]

    assert shop.errors_of("customers", customer) == f"{missing} is required"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"product_id": "117"}, "product_id must be an integer"),
        ({"product_id": 2**31}, "product_id must be between"),
        ({"price": "6.90"}, "price must be a number"),
        ({"price": 6.905}, "price must have at most 2 decimals"),
        ({"price": True}, "price must be a number"),
        ({"quantity_remaining": 4.5}, "quantity_remaining must be an integer"),
        ({"quantity_remaining": True}, "quantity_remaining must be an integer"),
        ({"link": ""}, "link must be a URL"),
        ({"currency": "euro"}, "currency must be an ISO 4217"),
        ({"category_ids": ["4"]}, "category_ids each value must be an integer"),
    ],
)
def test_a_product_with_a_bad_value_is_refused(shop: Shop, changes: dict[str, Any], complaint: str) -> None:
    assert complaint in shop.errors_of("products", shop.product(**changes))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"order_id": 1}, "order_id must be a string"),
        ({"cart_updated_at": ""}, "cart_updated_at must be a valid ISO 8601"),
        ({"products": []}, "products should not be empty"),
        ({"products": [{"price": 1, "price_without_tax": 1, "quantity": 1}]}, "products.0.product_id is required"),
        (
            {"products": [{"product_id": 1, "price": 1, "price_without_tax": 1, "quantity": 1.5}]},
            "products.0.quantity must be an integer",
        ),
        ({"customer": {"customer_id": "ml_1", "email": "p1@example.com"}}, "customer.created_at is required"),
        ({"voucher_value": 3}, "voucher_value must be a number string"),
        ({"voucher_used": "x" * 257}, "voucher_used must be shorter"),
        ({"amount": 13.805}, "amount must have at most 2 decimals"),
        ({"address_delivery_id": 7}, "address_delivery_id must be a string"),
    ],
)
def test_an_order_with_one_bad_value_is_refused_whole(shop: Shop, changes: dict[str, Any], complaint: str) -> None:
    assert complaint in shop.errors_of("orders", shop.order(**changes))
    assert shop.data.items("orders") == []


NOBODY = {"customer_id": "", "email": "", "created_at": NOW}


@pytest.mark.parametrize(
    ("switch", "path", "changes"),
    [
        ({"unknown_item_fields": "refuse"}, "orders", {"something_new": 1}),
        ({"empty_order_customer": "refuse"}, "orders", {"customer": NOBODY}),
        ({"negative_amounts": "refuse"}, "orders", {"amount": -13.8}),
        ({"order_references": "must_exist"}, "orders", {}),
        ({"empty_email": "refuse"}, "customers", {"email": ""}),
    ],
)
def test_a_switch_decides_where_the_real_answer_is_unknown(
    shop: Shop, switch: dict[str, Any], path: str, changes: dict[str, Any]
) -> None:
    item = (shop.order if path == "orders" else shop.customer)(**changes)

    assert shop.errors_of(path, item) == ""
    shop.crm.switch(**switch)
    assert shop.errors_of(path, item) != ""


def test_another_shops_source_is_unknown(shop: Shop, other_shop: Shop) -> None:
    assert "is not a data source of this shop" in shop.errors_of(
        "customers", shop.customer(id_data_source=other_shop.web)
    )


def test_shops_hold_the_same_id_side_by_side(shop: Shop, other_shop: Shop) -> None:
    shop.call("POST", "customers", [shop.customer(1)])

    assert other_shop.data_of("GET", "customers") == []


@pytest.mark.parametrize(("path", "limit"), [("customers", 50), ("orders", 50), ("products-categories", 100)])
def test_a_request_over_the_items_limit_is_refused_whole(shop: Shop, path: str, limit: int) -> None:
    assert shop.call("POST", path, [{}] * limit).status_code == 200
    assert shop.call("POST", path, [{}] * (limit + 1)).status_code == 400


def test_a_put_changes_what_it_names_and_keeps_the_rest(shop: Shop) -> None:
    shop.call("POST", "customers", [shop.customer(1)])

    shop.call("PUT", "customers", [{"customer_id": "ml_1", "first_name": "Zoé"}])

    assert shop.data.items("customers") == [shop.customer(1, first_name="Zoé")]
    assert shop.call("PUT", "customers", [{"customer_id": "ml_2"}]).json()["rejected_count"] == 1


def test_deleting_is_idempotent_and_takes_every_language(shop: Shop) -> None:
    shop.call("POST", "products", [shop.product(), shop.product(lang="en"), shop.product(product_id=1170)])

    assert shop.call("DELETE", "products/117").status_code == 200
    assert shop.call("DELETE", "products/117").status_code == 200
    assert [p["product_id"] for p in shop.data_of("GET", "products")] == [1170]
    assert shop.call("POST", "products/bulk-delete", {"product_ids": [1170]}).json()["sent_count"] == 1
    assert shop.data_of("GET", "products") == []


def test_addresses_are_saved_under_their_customer_or_flat(shop: Shop) -> None:
    address = {
        "address_id": 7, "first_name": "Léa", "last_name": "Martin", "address_line_1": "3 rue des Lilas",
        "postal_code": "69003", "city": "Lyon", "country": "FR", "is_active": True, "id_data_source": shop.web,
    }  # fmt: skip

    shop.call("POST", "customers/ml_1/addresses", [address])
    shop.call("POST", "customers/addresses/bulk", [address | {"address_id": 8, "customer_id": "ml_2"}])

    assert [a["address_id"] for a in shop.data_of("GET", "customers/ml_1/addresses")] == [7]
    assert [a["address_id"] for a in shop.data_of("GET", "customers/ml_2/addresses")] == [8]
    assert "postal_code must match" in shop.errors_of("customers/ml_1/addresses", address | {"postal_code": ""})


def test_writes_are_seen_after_a_delay(shop: Shop) -> None:
    shop.crm.switch(visibility_delay=0.1)
    shop.call("POST", "customers", [shop.customer(1)])

    assert shop.data_of("GET", "customers") == []
    assert shop.call("GET", "customers/ml_1").status_code == 404
    assert len(shop.data.items("customers")) == 1
    time.sleep(0.15)
    assert shop.data_of("GET", "customers/ml_1")["customer_id"] == "ml_1"


def test_an_order_is_found_by_its_id_and_by_its_reference(shop: Shop) -> None:
    shop.call("POST", "orders", [shop.order(), shop.order(order_id="ml_2", reference="T-2")])

    assert shop.data_of("GET", "orders/id/ml_2")["reference"] == "T-2"
    assert shop.data_of("GET", "orders/reference/T-2")["order_id"] == "ml_2"
    assert shop.call("GET", "orders/reference/T-3").status_code == 404
