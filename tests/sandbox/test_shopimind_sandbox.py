"""What the sandbox's ShopiMind takes, refuses and answers, over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.sandbox.crm_state import CrmState, Installation
from connector.sandbox.crm_switches import CrmSwitches
from connector.sandbox.serve import Server
from connector.sandbox.shopimind import create_crm

NOW = "2026-05-02T17:05:00.000Z"


class Shop:
    """One installation as a client sees it, and the server's state behind it."""

    def __init__(self, url: str, token: str, crm: CrmState) -> None:
        self.http = httpx.Client(base_url=url + "/v1/", headers={"spm-api-key": token})
        self.crm, self.data = crm, crm.shop(token.removeprefix("int_"))

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self.http.request(method, path, json=body, params=query) if body is not None else self.http.request(
            method, path, params=query
        )  # fmt: skip

    def data_of(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.call(method, path, body, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    @property
    def web(self) -> int:
        """The id of the default source, which every shop has."""
        return int(next(n for n, source in self.data.sources.items() if source["is_default"]))

    def customer(self, number: object = 1, **changes: Any) -> dict[str, Any]:
        return {
            "customer_id": f"ml_{number}", "email": f"p{number}@example.com",
            "first_name": "Léa", "last_name": "Martin", "is_opt_in": True,
            "is_newsletter_subscribed": False, "lang": "fr", "is_active": True,
            "created_at": NOW, "updated_at": NOW, "id_data_source": self.web, **changes,
        }  # fmt: skip

    def product(self, **changes: Any) -> dict[str, Any]:
        return {
            "product_id": 117, "lang": "fr", "name": "Café", "description": "", "link": "https://shop.example/p/117",
            "currency": "EUR", "price": 6.9, "quantity_remaining": 42, "is_active": True,
            "created_at": NOW, "updated_at": NOW, "id_data_source": self.web, **changes,
        }  # fmt: skip

    def order(self, **changes: Any) -> dict[str, Any]:
        return {
            "order_id": "ml_1", "lang": "fr", "reference": "T-1", "status_id": "ml_completed",
            "customer": {"customer_id": "ml_1", "email": "p1@example.com", "created_at": NOW},
            "products": [{"product_id": 117, "price": 6.9, "price_without_tax": 6.54, "quantity": 2}],
            "cart_id": "ml_1", "cart_updated_at": NOW, "amount": 13.8, "amount_without_tax": 13.08,
            "shipping_costs": 0, "shipping_costs_without_tax": 0, "currency": "EUR", "is_confirmed": True,
            "created_at": NOW, "updated_at": NOW, "id_data_source": self.web, **changes,
        }  # fmt: skip

    def definition(self, **changes: Any) -> Any:
        field = {"name": "points", "label": "Points", "type": "number", "required": False}
        key = {"name": "contact_id", "label": "Contact", "type": "number", "required": True}
        relation = {"sourceField": "contact_id", "targetSchemaType": "system", "targetSchema": "contacts"}
        body = {
            "name": "pos_profile",
            "unique_keys": ["contact_id"],
            "fields": [key, field],
            "relationships": [relation],
        }
        return self.data_of("POST", "custom-data-definitions", body | changes)

    def active_definition(self, **changes: Any) -> int:
        number = int(self.definition(**changes)["id"])
        self.data_of("PATCH", f"custom-data-definitions/{number}/activate")
        return number

    def errors_of(self, path: str, item: Any) -> str:
        """Why the server refuses this one item; "" when it takes it."""
        answer = self.call("POST", path, [item]).json()
        assert answer["sent_count"] + answer["rejected_count"] == 1
        return "; ".join(error for entry in answer["rejected_items"] for error in entry["errors"])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(create_crm([]), "crm") as running:
        yield running


@pytest.fixture
def crm(server: Server) -> CrmState:
    crm: CrmState = server.state.crm
    crm.complaints.clear()
    crm.switch_to(CrmSwitches(visibility_delay=0))
    return crm


def installed(server: Server, name: str) -> Shop:
    crm: CrmState = server.state.crm
    crm.shops.pop(name, None)
    crm.install(Installation(f"int_{name}", name))
    return Shop(server.url, f"int_{name}", crm)


@pytest.fixture
def shop(server: Server, crm: CrmState) -> Shop:
    return installed(server, "lea")


@pytest.fixture
def other_shop(server: Server, crm: CrmState) -> Shop:
    return installed(server, "noa")


# --- credentials and routes ----------------------------------------------------------------------------------------


def test_an_unknown_key_is_unauthorized(server: Server, shop: Shop) -> None:
    answer = httpx.get(server.url + "/v1/data-sources", headers={"spm-api-key": "int_nobody"})

    assert (answer.status_code, answer.json()) == (401, {"statusCode": 401, "message": "Unauthorized"})


def test_a_revoked_installation_is_unauthorized_on_everything_until_it_is_active_again(shop: Shop) -> None:
    shop.crm.set_status("lea", "revoked")

    assert [
        shop.call(*each).status_code for each in (("GET", "data-sources"), ("POST", "orders", []), ("GET", "x"))
    ] == [
        401,
        401,
        401,
    ]
    shop.crm.set_status("lea", "active")
    assert shop.call("GET", "data-sources").status_code == 200


def test_an_unknown_route_or_method_is_not_found(shop: Shop) -> None:
    assert shop.call("GET", "nothing").json()["message"] == "Cannot GET /v1/nothing"
    assert shop.call("PATCH", "customers", {}).status_code == 404


def test_a_body_that_is_not_json_is_refused(shop: Shop) -> None:
    answer = shop.http.post("customers", content=b'[{"customer_id":', headers={"content-type": "application/json"})

    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["customers", "integration-config", "data-sources"])
def test_a_label_source_anywhere_is_refused_and_remembered_as_the_clients_mistake(shop: Shop, path: str) -> None:
    method = "PUT" if path == "integration-config" else "POST"

    answer = shop.call(method, path, [{"nested": {"label_source": "web"}}])

    assert answer.status_code == 400
    assert "label_source must not be sent" in shop.crm.complaints[0]


# --- items ---------------------------------------------------------------------------------------------------------


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


# --- lists ---------------------------------------------------------------------------------------------------------


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


# --- data sources --------------------------------------------------------------------------------------------------


def test_sources_are_listed_whole_ordered_by_parent_then_creation(shop: Shop) -> None:
    parents = [shop.data_of("POST", "data-sources", {"label": f"Shop {n}"})["id_data_source"] for n in (1, 2)]
    for number in range(6):
        shop.data_of("POST", "data-sources", {"label": f"Store {number}", "parent_id": parents[number % 2]})

    labels = [source["label"] for source in shop.data_of("GET", "data-sources", limit=2)]

    assert labels == ["Web", "Shop 1", "Shop 2", "Store 0", "Store 2", "Store 4", "Store 1", "Store 3", "Store 5"]


def test_a_source_config_comes_back_as_text(shop: Shop) -> None:
    given = shop.data_of("POST", "data-sources", {"label": "A", "type": "api", "config": {"store_id": "3"}})

    assert given["config"] == '{"store_id":"3"}'
    assert shop.data_of("POST", "data-sources", {"label": "B", "config": '{"x": 1}'})["config"] == '{"x": 1}'
    assert shop.data_of("POST", "data-sources", {"label": "C"})["config"] is None


@pytest.mark.parametrize("label", ["Lyon", " lyon "])
def test_a_source_label_is_unique_even_among_deactivated_ones(shop: Shop, label: str) -> None:
    source = shop.data_of("POST", "data-sources", {"label": "Lyon"})
    shop.call("DELETE", f"data-sources/{source['id_data_source']}")
    shop.crm.switch(duplicate_label_status=409)

    assert shop.call("POST", "data-sources", {"label": label}).status_code == 409
    assert shop.call("PUT", f"data-sources/{shop.web}", {"label": label}).status_code == 409
    assert shop.call("PUT", f"data-sources/{source['id_data_source']}", {"label": label}).status_code == 200


def test_a_deleted_source_stays_listed_inactive_and_can_come_back(shop: Shop) -> None:
    parent = shop.data_of("POST", "data-sources", {"label": "Shop"})["id_data_source"]
    child = shop.data_of("POST", "data-sources", {"label": "Store", "parent_id": parent})["id_data_source"]

    shop.call("DELETE", f"data-sources/{parent}")

    assert shop.data.sources[parent]["active"] is False
    assert shop.data.sources[child]["parent_id"] is None
    assert shop.data_of("PUT", f"data-sources/{parent}", {"active": True})["active"] is True


def test_the_default_source_cannot_be_deleted(shop: Shop) -> None:
    assert shop.call("DELETE", f"data-sources/{shop.web}").status_code == 400


def test_a_source_cannot_be_below_itself_or_below_nothing(shop: Shop) -> None:
    top = shop.data_of("POST", "data-sources", {"label": "Top"})["id_data_source"]
    low = shop.data_of("POST", "data-sources", {"label": "Low", "parent_id": top})["id_data_source"]

    assert shop.call("PUT", f"data-sources/{top}", {"parent_id": low}).status_code == 400
    assert shop.call("PUT", f"data-sources/{top}", {"parent_id": top}).status_code == 400
    assert shop.call("POST", "data-sources", {"label": "New", "parent_id": 4_000}).status_code == 400


@pytest.mark.parametrize("body", [{}, {"label": " "}, {"label": "A", "active": True}, {"label": "A", "parent_id": "1"}])
def test_a_source_with_missing_unknown_or_mistyped_fields_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    assert shop.call("POST", "data-sources", body).status_code == 400


# --- definitions and records ---------------------------------------------------------------------------------------


def test_a_definition_is_creating_until_it_is_activated(shop: Shop) -> None:
    made = shop.definition()

    assert made["status"] == "creating"
    assert made["id"] == made["id_definition"]
    assert shop.data_of("PATCH", f"custom-data-definitions/{made['id']}/activate")["status"] == "active"
    assert shop.call("PATCH", f"custom-data-definitions/{made['id']}/activate").status_code == 409


@pytest.mark.parametrize("name", ["POS_PROFILE", "pos_profile  ", "pös_profile"])
def test_a_definition_name_is_unique_without_case_accents_and_trailing_spaces(shop: Shop, name: str) -> None:
    shop.definition()

    answer = shop.call("POST", "custom-data-definitions", {"name": name, "fields": []})

    assert (answer.status_code, answer.json()["message"]) == (400, "custom data definition name is already used.")


def test_a_deleted_definition_stays_listed_unreadable_and_gives_its_name_back(shop: Shop) -> None:
    old = shop.definition()["id"]

    shop.call("DELETE", f"custom-data-definitions/{old}")
    new = shop.definition()["id"]

    listed = {each["id"]: each["status"] for each in shop.data_of("GET", "custom-data-definitions")}
    assert listed == {old: "deleted", new: "creating"}
    answer = shop.call("GET", f"custom-data-definitions/{old}")
    assert (answer.status_code, answer.json()["message"]) == (400, "Custom data definition not found")


def test_extending_a_definition_only_appends(shop: Shop) -> None:
    number = shop.definition()["id"]
    city = {"name": "city", "label": "City", "type": "text", "required": False}

    extended = shop.data_of("PATCH", f"custom-data-definitions/{number}/extend", {"fields": [city]})

    assert [field["name"] for field in extended["fields"]] == ["contact_id", "points", "city"]
    assert shop.call("PATCH", f"custom-data-definitions/{number}/extend", {"fields": [city]}).status_code == 400
    assert shop.call("PATCH", f"custom-data-definitions/{number}/extend", {"unique_keys": []}).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"unique_keys": ["nothing"]},
        {"fields": [{"name": "a", "label": "A", "type": "string", "required": False}]},
        {"fields": [{"name": "a", "label": "A", "type": "list", "required": False}], "unique_keys": []},
        {"relationships": [{"sourceField": "points", "targetSchemaType": "system", "targetSchema": "customers"}]},
        {"relationships": [{"source_field": "points", "targetSchemaType": "system", "targetSchema": "contacts"}]},
        {"surprise": 1},
    ],
)
def test_a_definition_that_does_not_hold_together_is_refused(shop: Shop, changes: dict[str, Any]) -> None:
    body = {"name": "x", "unique_keys": ["points"], "relationships": []}
    body |= {"fields": [{"name": "points", "label": "P", "type": "number", "required": True}]}

    assert shop.call("POST", "custom-data-definitions", body | changes).status_code == 400


@pytest.mark.parametrize(
    ("switch", "keys", "relation"),
    [
        ({"definition_id_key": "id"}, {"id"}, "sourceField"),
        ({"definition_id_key": "id_definition"}, {"id_definition"}, "sourceField"),
        ({"relationships_case": "snake"}, {"id", "id_definition"}, "source_field"),
    ],
)
def test_definitions_may_be_spelled_differently(
    shop: Shop, switch: dict[str, Any], keys: set[str], relation: str
) -> None:
    shop.definition()
    shop.crm.switch(**switch)

    listed = shop.data_of("GET", "custom-data-definitions")[0]

    assert {"id", "id_definition"} & set(listed) == keys
    assert relation in listed["relationships"][0]


def test_records_are_refused_while_the_definition_is_not_active(shop: Shop) -> None:
    number = shop.definition()["id"]

    assert "not active" in shop.errors_of(f"custom-data-records/{number}", {"contact_id": 1})
    assert shop.call("POST", "custom-data-records/4000", []).status_code == 400


def test_a_record_is_an_upsert_on_the_unique_keys_after_its_relation_is_resolved(shop: Shop) -> None:
    path = f"custom-data-records/{shop.active_definition()}"
    shop.call("POST", "customers", [shop.customer(1), shop.customer(2)])
    for points in (10, 20):
        shop.call("POST", path, [{"contact_id": {"by": "id_customer", "value": "ml_1"}, "points": points}])
    shop.call("POST", path, [{"contact_id": {"by": "email", "value": "P1@example.com"}, "points": 30}])
    shop.call("POST", path, [{"contact_id": {"by": "id_customer", "value": "ml_2"}, "points": 5}])

    assert [(r["contact_id"], r["points"]) for r in shop.data_of("GET", path)] == [
        (shop.data_of("GET", "contacts", id_customer_shop="ml_1")["id_contact"], 30),
        (shop.data_of("GET", "contacts", id_customer_shop="ml_2")["id_contact"], 5),
    ]


def test_a_record_sent_before_its_customer_is_the_same_record_afterwards(shop: Shop) -> None:
    path = f"custom-data-records/{shop.active_definition()}"
    record = {"contact_id": {"by": "id_customer", "value": "ml_1"}, "points": 1}

    for step in (record, shop.customer(1), record):
        shop.call("POST", path if step is record else "customers", [step])

    assert len(shop.data.records("pos_profile")) == 1


def test_an_unresolved_relation_may_be_refused(shop: Shop) -> None:
    path = f"custom-data-records/{shop.active_definition()}"
    shop.crm.switch(unresolved_relation="reject")

    assert "no contact has id_customer ml_9" in shop.errors_of(
        path, {"contact_id": {"by": "id_customer", "value": "ml_9"}}
    )


def test_customers_who_share_an_address_may_be_one_contact(shop: Shop) -> None:
    shop.crm.switch(contact_per="email")
    path = f"custom-data-records/{shop.active_definition()}"
    shop.call("POST", "customers", [shop.customer(1), shop.customer(2, email="p1@example.com")])

    for customer in ("ml_1", "ml_2"):
        shop.call("POST", path, [{"contact_id": {"by": "id_customer", "value": customer}}])

    assert len(shop.data.records("pos_profile")) == 1


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({"contact_id": 1, "surprise": 1}, "property surprise should not exist"),
        ({"points": 1}, "contact_id is required"),
        ({"contact_id": "ml_1"}, "contact_id must be a number"),
        ({"contact_id": {"by": "name", "value": "x"}}, "contact_id is not a resolver"),
        ({"contact_id": {"by": "id_customer", "value": 1}}, "contact_id is not a resolver"),
        ({"contact_id": 1, "points": "12"}, "points must be a number"),
    ],
)
def test_a_record_that_does_not_fit_its_definition_is_refused(shop: Shop, record: Any, complaint: str) -> None:
    assert complaint in shop.errors_of(f"custom-data-records/{shop.active_definition()}", record)


def test_twenty_records_a_request(shop: Shop) -> None:
    path = f"custom-data-records/{shop.active_definition()}"

    assert shop.call("POST", path, [{"contact_id": n} for n in range(20)]).json()["sent_count"] == 20
    assert shop.call("POST", path, [{"contact_id": n} for n in range(21)]).status_code == 400


def test_records_are_changed_and_deleted_by_their_own_id(shop: Shop) -> None:
    path = f"custom-data-records/{shop.active_definition()}"
    shop.call("POST", path, [{"contact_id": n, "points": n} for n in (1, 2, 3)])
    first, second, third = (record["id"] for record in shop.data_of("GET", path))

    assert shop.data_of("PATCH", f"{path}/{first}", {"points": 50})["points"] == 50
    shop.call("DELETE", path, id=second)
    assert shop.call("POST", f"{path}/bulk-delete", [third, 4_000]).json()["sent_count"] == 1
    assert [record["points"] for record in shop.data.records("pos_profile")] == [50]


# --- events, config, lists -----------------------------------------------------------------------------------------

EVENT = {
    "name": {"fr": "Achat"},
    "code_name": "purchase",
    "properties": {"metaData": [{"name": "total", "type": "decimal", "required": True}]},
}


def test_an_event_is_declared_once(shop: Shop) -> None:
    assert shop.data_of("POST", "events", EVENT)["id_event"] > 0
    assert shop.call("POST", "events", EVENT).status_code == 409


def test_each_trigger_counts(shop: Shop) -> None:
    shop.data_of("POST", "events", EVENT)
    for _ in range(2):
        shop.data_of(
            "POST", "events/trigger/purchase", {"contact": {"email": "a@example.com"}, "metaData": {"total": 1}}
        )

    assert shop.data.contents()["events"][0]["triggered"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"metaData": {"total": 1}},
        {"contact": {"email": "a@example.com"}},
        {"contact": {"email": "a@example.com"}, "metaData": {"total": "1"}},
        {"contact": {"email": "a@example.com"}, "metaData": {"total": 1}, "surprise": 1},
    ],
)
def test_a_trigger_without_a_person_or_with_other_properties_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    shop.data_of("POST", "events", EVENT)

    assert shop.call("POST", "events/trigger/purchase", body).status_code == 400
    assert shop.call("POST", "events/trigger/nothing", body).status_code == 404


def test_integration_config_keeps_plain_values(shop: Shop) -> None:
    assert shop.data_of("PUT", "integration-config", {"account": "lea", "on": True}) == {
        "success": True,
        "saved_count": 2,
    }
    assert shop.data_of("GET", "integration-config") == {"values": {"account": "lea", "on": True}}
    assert shop.call("PUT", "integration-config", {"account": {}}).status_code == 400


def test_a_contact_is_asked_for_by_exactly_one_identifier(shop: Shop) -> None:
    shop.call("POST", "customers", [shop.customer(1)])

    assert shop.data_of("GET", "contacts", contact_data_email="p1@example.com")["id_customer_shop"] == ["ml_1"]
    assert shop.call("GET", "contacts").status_code == 400


def test_lists_are_made_changed_and_deleted(shop: Shop) -> None:
    number = shop.data_of("POST", "lists", {"name": "VIP", "type": "list"})["id_shop_list"]

    assert shop.data_of("PATCH", f"lists/{number}", {"name": "VIP Lyon"})["name"] == "VIP Lyon"
    assert shop.call("DELETE", f"lists/{number}").status_code == 200
    assert shop.call("GET", f"lists/{number}").status_code == 404
    assert shop.call("POST", "lists", {"name": "VIP", "type": "other"}).status_code == 400


# --- the sandbox's own controls ------------------------------------------------------------------------------------


def test_switches_and_token_states_change_over_http(server: Server, shop: Shop) -> None:
    changed = httpx.post(server.url + "/_sandbox/switches", json={"all_rejected_status": 400})
    httpx.post(server.url + "/_sandbox/installations/lea", json={"status": "revoked"})

    assert changed.json()["all_rejected_status"] == 400
    assert shop.crm.switches.all_rejected_status == 400
    assert shop.call("GET", "data-sources").status_code == 401
    assert httpx.post(server.url + "/_sandbox/switches", json={"no_such_switch": 1}).status_code == 400


def test_contents_and_items_can_be_read_over_http(server: Server, shop: Shop) -> None:
    shop.call("POST", "customers", [shop.customer(1)])

    contents = httpx.get(server.url + "/_sandbox/contents", params={"token": "int_lea"}).json()
    items = httpx.get(server.url + "/_sandbox/items", params={"shop": "lea", "entity": "customers"}).json()

    assert contents["entities"]["customers"]["by_source"] == {str(shop.web): 1}
    assert items == [shop.customer(1)]


def test_the_page_shows_counts_and_refusals_but_no_address(server: Server, shop: Shop) -> None:
    shop.call("POST", "customers", [shop.customer(1), shop.customer(2, lang="français")])
    shop.active_definition()

    page = httpx.get(server.url + "/").text

    assert "lang must be an ISO 639-1 code" in page
    assert "pos_profile" in page
    assert "p***@example.com" in page
    assert "p2@example.com" not in page


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    def run(step: int) -> Shop:
        crm_app = create_crm([Installation("int_lea", "lea")], tmp_path / "crm.sqlite", CrmSwitches(visibility_delay=0))
        with Server(crm_app, "crm") as server:
            shop = Shop(server.url, "int_lea", server.state.crm)
            shop.call("POST", "customers", [shop.customer(step)])
            if step == 1:
                number = shop.active_definition()
                shop.call("POST", "customers", [shop.customer("gone")])
                shop.call("DELETE", "customers/ml_gone")
            else:
                number = next(iter(shop.data.definitions))
            record = {"contact_id": {"by": "id_customer", "value": "ml_1"}, "points": step}
            shop.call("POST", f"custom-data-records/{number}", [record])
            return shop

    first, second = run(1), run(2)

    assert second.data.sources == first.data.sources
    assert [c["customer_id"] for c in second.data.items("customers")] == ["ml_1", "ml_2"]
    assert [r["points"] for r in second.data.records("pos_profile")] == [2]
    assert second.crm.next_id("data_sources") > second.web
