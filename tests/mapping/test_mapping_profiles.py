"""What a customer's closed sales say, and the profile made of it."""

from __future__ import annotations

from typing import Any

import pytest
from till_examples import customer, records, shop

from connector.mapping.facts import SALE_GROUPS, CustomerFacts, customer_facts
from connector.mapping.profiles import PROFILE_DEFINITION, map_profiles
from connector.pos import rows

JUNE, JULY, AUGUST = 1_717_579_352, 1_720_000_000, 1_723_000_000


def group(**changes: Any) -> dict[str, Any]:
    return {
        "customer_id": 5, "store_id": 1, "currency": "EUR", "kind": "order", "sent": True,
        "sales": 1, "cents": 1000, "first_closed": JUNE, "last_closed": JUNE, **changes,
    }  # fmt: skip


def facts(*groups: dict[str, Any]) -> CustomerFacts:
    return customer_facts(shop(), rows.to_table(groups, SALE_GROUPS))[5]


def profile(of: CustomerFacts | None = None, rules: Any = None, **changes: Any) -> dict[str, Any]:
    table = rows.to_table([customer(**changes)], rows.CUSTOMERS)
    (record,) = records(map_profiles(shop(**(rules or {})), table, {5: of} if of else {}, {"ml_5"}))
    return record


class TestHomeStore:
    def test_is_the_store_with_most_closed_sales(self):
        assert facts(group(sales=2, last_closed=AUGUST), group(store_id=3, sales=3)).home_store_id == 3

    def test_counts_sales_of_every_currency_sent_or_not(self):
        split = (group(store_id=3, sales=2), group(store_id=3, sales=2, currency="CHF", sent=False))
        assert facts(group(sales=3), *split).home_store_id == 3

    def test_counts_neither_returns_nor_skipped_web_orders(self):
        others = (group(store_id=3, sales=9, kind="return"), group(store_id=5, sales=9, kind="web_order"))
        assert facts(group(sales=1), *others).home_store_id == 1

    def test_a_tie_goes_to_the_latest_closing(self):
        assert facts(group(last_closed=JUNE), group(store_id=3, last_closed=JULY)).home_store_id == 3
        assert facts(group(last_closed=JULY), group(store_id=3, last_closed=JUNE)).home_store_id == 1

    def test_is_a_store_that_the_till_still_lists(self):
        assert facts(group(store_id=77, sales=9), group(store_id=3)).home_store_id == 3
        assert facts(group(store_id=77)).home_store_id is None


def test_the_first_closed_sale_is_of_any_kind():
    found = facts(
        group(first_closed=JULY), group(kind="web_order", sent=False, first_closed=JUNE), group(first_closed=None)
    )
    assert found.first_closed == JUNE


def test_orders_are_those_sent_in_the_currency_of_the_store_with_the_lowest_id():
    found = facts(
        group(sales=2, cents=3000, first_closed=JULY, last_closed=JULY),
        group(store_id=3, sales=1, cents=500, first_closed=AUGUST, last_closed=AUGUST),
        group(sent=False, cents=9999),
        group(currency="CHF", store_id=5, cents=9999),
        group(kind="web_order", sent=False, cents=9999),
    )
    assert (found.orders_count, found.orders_cents, found.spent_cents) == (3, 3500, 3500)
    assert (found.first_order, found.first_order_store, found.last_order, found.last_order_store) == (
        JULY,
        1,
        AUGUST,
        3,
    )


def test_returns_that_are_not_sent_are_subtracted_from_what_was_spent_and_count_nowhere_else():
    returned = group(kind="return", sent=False, cents=-400, first_closed=AUGUST, last_closed=AUGUST)
    found = facts(group(cents=1000), returned, group(kind="return", sent=False, cents=-1, currency="CHF"))
    assert (found.spent_cents, found.orders_count, found.orders_cents, found.last_order) == (600, 1, 1000, JUNE)


def test_returns_that_are_sent_are_orders_as_any_other():
    returned = group(kind="return", sent=True, cents=-400, first_closed=AUGUST, last_closed=AUGUST)
    found = facts(group(cents=1000), returned, group(kind="return", sent=True, cents=-1, currency="CHF"))
    assert (found.spent_cents, found.orders_count, found.orders_cents, found.last_order) == (600, 2, 600, AUGUST)


def test_anonymous_sales_are_nobodys():
    assert customer_facts(shop(), rows.to_table([group(customer_id=0)], SALE_GROUPS)) == {}


def test_every_field_of_a_profile():
    found = facts(
        group(sales=2, cents=3001, first_closed=JUNE, last_closed=JULY),
        group(store_id=3, sales=1, cents=999, first_closed=AUGUST, last_closed=AUGUST),
        group(kind="return", sent=False, cents=-250),
    )
    record = profile(found)
    assert (record["external_id"], record["source_store_id"]) == ("ml_5", 1)
    assert record["payload"] == {
        "contact_id": {"by": "id_customer", "value": "ml_5"},
        "loyalty_points": 101,
        "store_credit": 12.5,
        "prepaid_balance": 0.0,
        "home_store": "Lyon",
        "home_store_id": 1,
        "orders_count": 3,
        "amount_spent": 37.5,
        "average_basket": 13.33,
        "currency": "EUR",
        "first_order_at": "2024-06-05T11:22:32+02:00",
        "last_order_at": "2024-08-07T07:06:40+04:00",
    }


def test_what_is_not_known_is_left_out():
    payload = profile(loyalty_points="", store_credit=None, prepaid_balance=" ")["payload"]
    assert payload == {
        "contact_id": {"by": "id_customer", "value": "ml_5"},
        "orders_count": 0,
        "amount_spent": 0.0,
        "currency": "EUR",
    }


def test_every_field_sent_is_in_the_definition_with_its_type():
    types = {field["name"]: field["type"] for field in PROFILE_DEFINITION["fields"]}
    payload = profile(facts(group()))["payload"]
    assert set(payload) | {"id_data_source"} == set(types)
    of_type = {"number": int, "decimal": float, "text": str, "datetime": str}
    for name, value in payload.items():
        if name != "contact_id":
            assert type(value) is of_type[types[name]], name


def test_only_delivered_customers_have_a_profile():
    table = rows.to_table([customer(), customer(customer_id=6), customer(customer_id=None)], rows.CUSTOMERS)
    found = records(map_profiles(shop(), table, {}, {"ml_6"}))
    assert [record["external_id"] for record in found] == ["ml_6"]


def test_customers_source_parent_tags_profiles_by_the_parent_too():
    record = profile(facts(group()), {"customers_source": "parent"})
    assert (record["source_store_id"], record["payload"]["home_store"]) == (None, "Lyon")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"loyalty_points": "beaucoup"}, "loyalty_points"),
        ({"loyalty_points": "1.5"}, "loyalty_points"),
        ({"store_credit": "NaN"}, "store_credit"),
        ({"prepaid_balance": "x"}, "prepaid_balance"),
        ({"problems": "prepaid_purchases: is a list or an object, not text"}, "prepaid_balance"),
    ],
)
def test_a_balance_that_cannot_be_read_refuses_the_profile(changes, field):
    record = profile(**changes)
    assert (record["outcome"], record["field"]) == ("refused", field)


def test_the_definition_relates_to_contacts_by_its_unique_key():
    assert PROFILE_DEFINITION["unique_keys"] == ["contact_id"]
    (relation,) = PROFILE_DEFINITION["relationships"]
    assert relation == {"sourceField": "contact_id", "targetSchemaType": "system", "targetSchema": "contacts"}
    assert [field["name"] for field in PROFILE_DEFINITION["fields"] if field["required"]] == [
        "contact_id",
        "id_data_source",
    ]
