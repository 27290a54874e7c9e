"""Customers -> newsletter subscribers: one per e-mail address."""

from __future__ import annotations

from typing import Any

from till_examples import customer, records, shop

from connector.mapping.newsletter import Addresses, map_newsletter
from connector.pos import rows


def mapped(*customers: dict[str, Any]) -> list[dict[str, Any]]:
    table = rows.to_table(customers, rows.CUSTOMERS)
    return records(map_newsletter(shop(), table, {}, Addresses([table])))


def test_every_field_of_a_subscriber():
    (record,) = mapped(customer(consents=True))
    assert (record["external_id"], record["outcome"]) == ("ml_5", "send")
    assert record["payload"] == {
        "email": "claire.martin@example.org",
        "is_subscribed": True,
        "first_name": "Claire",
        "last_name": "Martin",
        "postal_code": None,
        "lang": "fr",
        "updated_at": "2024-06-28T00:00:00+02:00",
    }


def test_who_has_no_address_is_skipped():
    assert mapped(customer(email="nobody"))[0]["reason"] == "customer_without_email"


def test_an_address_of_several_customers_is_one_subscriber_who_agreed_only_if_all_of_them_did():
    shared = [customer(customer_id=7, consents=True), customer(customer_id=6, email=" CLAIRE.martin@example.org")]
    skipped, sent = mapped(*shared)
    assert (skipped["outcome"], skipped["reason"]) == ("skipped", "shared_email")
    assert (sent["external_id"], sent["payload"]["is_subscribed"]) == ("ml_6", False)
    assert mapped(*({**each, "consents": True} for each in shared))[1]["payload"]["is_subscribed"] is True


def test_a_purchase_is_no_change():
    (before,), (after,) = mapped(customer()), mapped(customer(last_order_date="2024-07-01"))
    assert before["digest"] == after["digest"]
    assert mapped(customer(consents=True))[0]["digest"] != before["digest"]


def test_the_address_is_no_part_of_what_lists_show():
    (refused,) = mapped(customer(problems="email: is a list or an object, not text"))
    assert (refused["external_id"], refused["field"]) == ("ml_5", "email")
