"""Definitions of custom data at the sandbox's ShopiMind, and the records that fit them."""

from __future__ import annotations

from typing import Any

import pytest
from crm_shop import Shop


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
