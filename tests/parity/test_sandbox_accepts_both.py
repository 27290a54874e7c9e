"""The sandbox's ShopiMind takes the calls of the official SDK, and holds the same after ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.shopimind.client import ShopiMind
from tests.parity.conftest import OfficialCalls, official_envelope
from tests.shopimind.crm import TOKEN, Crm

DAY = "2026-05-02T17:00:00.000Z"
DATES = {"created_at": DAY, "updated_at": DAY}
CHUNK = {"chunk": True}


@pytest.fixture
def theirs() -> Iterator[Crm]:
    with Crm() as running:
        yield running


@pytest.fixture
def own() -> Iterator[Crm]:
    with Crm() as running:
        yield running


def customers(source: int) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": f"p_{n}", "email": f"lea{n}@example.com", "first_name": "Léa", "last_name": "Martin",
            "phone_number": None, "birth_date": None, "is_opt_in": False, "is_newsletter_subscribed": False,
            "lang": "fr", "group_ids": None, "is_active": True, "id_data_source": source, **DATES,
        }
        for n in range(120)
    ]  # fmt: skip


def categories(source: int) -> list[dict[str, Any]]:
    fixed = {"lang": "fr", "description": "", "parent_category_id": None, "link": "https://shop.example/c"}
    return [
        {"category_id": 900 + n, "name": f"Category {n}", "is_active": True, "id_data_source": source, **fixed, **DATES}
        for n in range(101)
    ]


def products(source: int) -> list[dict[str, Any]]:
    return [
        {
            "product_id": 9000 + n, "lang": "fr", "name": f"Café {n}", "reference": None, "ean13": None,
            "description": "", "description_short": None, "link": f"https://shop.example/p/{n}", "image_link": None,
            "category_ids": [900], "manufacturer_id": None, "currency": "EUR", "price": 6.9, "price_discount": 6.9,
            "quantity_remaining": 3, "is_active": True, "id_data_source": source, **DATES,
        }
        for n in range(51)
    ]  # fmt: skip


def orders(source: int) -> list[dict[str, Any]]:
    line = {"product_id": 9000, "product_variation_id": None, "price": 6.9, "price_without_tax": 6.54}
    customer = {"customer_id": "p_1", "email": "lea1@example.com", "created_at": DAY}
    made = [
        {
            "order_id": f"p_{n}", "lang": "fr", "reference": f"T-{n}", "carrier_id": None, "status_id": "p_completed",
            "address_delivery_id": None, "address_invoice_id": None, "customer": customer,
            "products": [line | {"manufacturer_id": None, "quantity": 1}], "cart_id": f"p_{n}",
            "cart_updated_at": DAY, "amount": 6.9, "amount_without_tax": 6.54, "shipping_costs": 0,
            "shipping_costs_without_tax": 0, "shipping_number": None, "currency": "EUR", "voucher_used": None,
            "voucher_value": None, "is_confirmed": True, "id_data_source": source, **DATES,
        }
        for n in range(51)
    ]  # fmt: skip
    made[50]["cart_updated_at"] = ""  # refused, and alone
    return made


def status(source: int) -> list[dict[str, Any]]:
    named = {"status_id": "p_completed", "lang": "fr", "name": "Terminée", "is_deleted": False}
    return [{**named, "id_data_source": source, **DATES}]


DEFINITION = {
    "name": "pos_profile",
    "description": "Loyalty",
    "unique_keys": ["contact_id"],
    "fields": [
        {"name": "contact_id", "label": "Contact", "type": "number", "required": True},
        {"name": "points", "label": "Points", "type": "number", "required": False},
    ],
    "relationships": [{"sourceField": "contact_id", "targetSchemaType": "system", "targetSchema": "contacts"}],
}
PROFILES = [{"contact_id": {"by": "id_customer", "value": f"p_{n}"}, "points": n} for n in range(21)]
SOURCE = {"label": "Maison Léa", "type": "api", "config": '{"connector":"pos-to-shopimind"}'}
EVENT = {"name": "Store purchase", "code_name": "p_purchase"}
TRIGGER = {"contact": {"email": "lea1@example.com"}}


def officially(crm: Crm, official: OfficialCalls) -> list[dict[str, Any]]:
    url = crm.server.url
    (made,) = official(url, ["SpmDataSources", "create", SOURCE], token=TOKEN)
    (defined,) = official(url, ["SpmCustomDataDefinitions", "create", DEFINITION], token=TOKEN)
    source, definition = made["data"]["data"]["id_data_source"], defined["data"]["data"]["id"]
    rest = official(
        url,
        ["SpmCustomDataDefinitions", "activate", definition],
        ["SpmOrdersStatuses", "bulkSave", status(source), CHUNK],
        ["SpmProductsCategories", "bulkSave", categories(source), CHUNK],
        ["SpmCustomers", "bulkSave", customers(source), CHUNK],
        ["SpmProducts", "bulkSave", products(source), CHUNK],
        ["SpmOrders", "bulkSave", orders(source), CHUNK],
        ["SpmCustomDataRecords", "bulkSave", definition, PROFILES, CHUNK],
        ["SpmEvents", "create", EVENT],
        ["SpmEvents", "trigger", "p_purchase", TRIGGER],
        token=TOKEN,
    )
    return [made, defined, *rest]


def by_our_client(crm: Crm) -> list[Any]:
    with ShopiMind(TOKEN, crm.server.url) as client:
        made = client.data_sources.create(SOURCE)
        defined = client.custom_data_definitions.create(DEFINITION)
        source, definition = made.unwrap("source")["id_data_source"], defined.unwrap("definition")["id"]
        return [
            made,
            defined,
            client.custom_data_definitions.activate(definition),
            client.orders_statuses.bulk_save(status(source)),
            client.products_categories.bulk_save(categories(source)),
            client.customers.bulk_save(customers(source)),
            client.products.bulk_save(products(source)),
            client.orders.bulk_save(orders(source)),
            client.custom_data_records.of(definition).bulk_save(PROFILES),
            client.events.create(EVENT),
            client.events.trigger("p_purchase", TRIGGER),
        ]


def held(crm: Crm) -> dict[str, Any]:
    """Everything that the sandbox accepted, whatever the order."""
    entities = ("customers", "products", "categories", "statuses", "orders")
    kinds = [kind for kind in crm.data.tables if any(name in kind for name in entities)]
    records = {kind: sorted(map(str, crm.data.items(kind))) for kind in kinds}
    # the contact's number and the dates are the server's own
    records["pos_profile"] = sorted(str(record["points"]) for record in crm.data.records("pos_profile"))
    return records


def test_the_sandbox_takes_the_official_sdk_and_holds_the_same_after_ours(
    theirs: Crm, own: Crm, official: OfficialCalls
) -> None:
    envelopes = [official_envelope(envelope) for envelope in officially(theirs, official)]
    ours = by_our_client(own)
    assert all(envelope["ok"] for envelope in envelopes)
    assert all(envelope.ok for envelope in ours)
    assert theirs.server.state.crm.complaints == own.server.state.crm.complaints == []

    counts = [
        (envelope["data"].get("sent_count"), envelope["data"].get("rejected_count"))
        for envelope in envelopes
        if isinstance(envelope["data"], dict)
    ]
    expected = [(1, 0), (101, 0), (120, 0), (51, 0), (50, 1), (21, 0)]
    assert [count for count in counts if count != (None, None)] == expected
    assert [tuple(envelope.counts[:2]) for envelope in ours[3:9]] == expected

    kept = held(theirs)
    assert held(own) == kept
    assert sorted(map(len, kept.values())) == [1, 21, 50, 51, 101, 120]
