"""Events, the integration's configuration, contacts and their lists at the sandbox's ShopiMind."""

from __future__ import annotations

from typing import Any

import pytest
from crm_shop import Shop

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
