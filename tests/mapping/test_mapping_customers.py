"""POS customer -> customer record."""

from __future__ import annotations

from typing import Any

import pytest
from till_examples import REUNION, customer, records, shop

from connector.mapping.customers import map_customers
from connector.mapping.facts import CustomerFacts
from connector.pos import rows


def mapped(*customers: dict[str, Any], facts: Any = None, **rules: Any) -> list[dict[str, Any]]:
    return records(map_customers(shop(**rules), rows.to_table(customers, rows.CUSTOMERS), facts or {}))


def one(facts: CustomerFacts | None = None, rules: Any = None, **changes: Any) -> dict[str, Any]:
    (record,) = mapped(customer(**changes), facts={5: facts} if facts else None, **(rules or {}))
    return record


def test_every_field_of_a_customer():
    record = one()
    assert record["external_id"] == "ml_5"
    assert record["outcome"] == "send"
    assert record["payload"] == {
        "customer_id": "ml_5",
        "email": "claire.martin@example.org",
        "phone_number": "+33612345678",
        "first_name": "Claire",
        "last_name": "Martin",
        "birth_date": "1987-03-14",
        "is_opt_in": False,
        "is_newsletter_subscribed": False,
        "lang": "fr",
        "group_ids": None,
        "is_active": True,
        "created_at": "2024-01-01T00:00:00+01:00",
        "updated_at": "2024-06-28T00:00:00+02:00",
    }


def test_a_customer_exists_since_his_first_closed_sale():
    payload = one(CustomerFacts(first_closed=1_717_579_352))["payload"]
    assert payload["created_at"] == "2024-06-05T11:22:32+02:00"


def test_a_customer_who_never_ordered_was_updated_when_created():
    payload = one(CustomerFacts(first_closed=1_717_579_352), last_order_date="0000-00-00")["payload"]
    assert payload["updated_at"] == payload["created_at"]


def test_consent_grants_both_and_nothing_else_does():
    payload = one(consents=True)["payload"]
    assert payload["is_opt_in"] is True
    assert payload["is_newsletter_subscribed"] is True
    assert one(consents=None)["payload"]["is_opt_in"] is False


def test_names_are_cleaned_and_may_be_empty():
    payload = one(first_name=" L&eacute;a\x00 ", last_name="")["payload"]
    assert (payload["first_name"], payload["last_name"]) == ("Léa", "")


def test_a_customer_is_tagged_by_the_home_store():
    assert one(CustomerFacts(home_store_id=3))["source_store_id"] == 3


def test_a_customer_without_home_store_is_tagged_by_the_parent():
    assert one()["source_store_id"] is None


def test_customers_source_parent_tags_all_by_the_parent():
    assert one(CustomerFacts(home_store_id=3), {"customers_source": "parent"})["source_store_id"] is None


@pytest.mark.parametrize("email", ["", "  ", None, "pas d'adresse"])
def test_a_customer_without_email_is_skipped(email):
    record = one(email=email)
    assert (record["outcome"], record["reason"], record["payload"]) == ("skipped", "customer_without_email", None)


def test_or_sent_with_an_empty_email():
    record = one(rules={"customers_without_email": "send"}, email="pas d'adresse")
    assert (record["outcome"], record["payload"]["email"]) == ("send", "")


def test_a_zero_birth_date_is_null_and_no_phone_is_null():
    payload = one(birth_date="0000-00-00", phone="")["payload"]
    assert (payload["birth_date"], payload["phone_number"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"birth_date": "1987-02-30"}, "birth_date", "impossible date"),
        ({"last_order_date": "2024-99-01"}, "updated_at", "impossible date: '2024-99-01'"),
        ({"customer_id": 100_000_000}, "customer_id", "not an id that can be sent: 100000000"),
        ({"customer_id": 0}, "customer_id", "not an id that can be sent: 0"),
        (
            {"customer_id": None, "problems": "customers_id: 'abc' is not a whole number"},
            "customer_id",
            "the row could not be read: customers_id: 'abc' is not a whole number",
        ),
        (
            {"problems": "date_of_birth: is a list or an object, not text"},
            "birth_date",
            "the row could not be read: date_of_birth: is a list or an object, not text",
        ),
    ],
)
def test_a_customer_that_breaks_a_rule_is_refused_with_field_and_reason(changes, field, reason):
    record = one(**changes)
    assert (record["outcome"], record["field"], record["reason"]) == ("refused", field, reason)
    assert record["payload"]["last_name"] == "Martin"  # the row is kept, to be looked at


def test_a_refused_customer_keeps_the_id_he_is_known_by_or_else_a_place_of_his_own():
    found = mapped(
        customer(birth_date="1987-02-30"),
        customer(customer_id=-3),
        customer(customer_id=None),
        customer(customer_id=None, last_name="Durand"),
    )
    names = [record["external_id"] for record in found]
    assert names[:2] == ["ml_5", "?customer_id=-3"]
    assert len(set(names)) == 4


def test_an_unchanged_customer_has_the_same_digest_and_a_changed_one_another():
    digest = one()["digest"]
    assert one()["digest"] == digest
    assert one(email="claire@example.org")["digest"] != digest


def test_dates_of_the_account_are_read_in_the_zone_of_the_store_with_the_lowest_id():
    table = map_customers(shop(REUNION), rows.to_table([customer()], rows.CUSTOMERS), {})
    assert records(table)[0]["payload"]["updated_at"] == "2024-06-28T00:00:00+04:00"
