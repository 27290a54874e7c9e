"""Addresses on a customer's page -> address records, each row with its one outcome."""

from __future__ import annotations

from typing import Any

import pytest
from till_examples import customer, records, shop

from connector.mapping.addresses import AddressNumbers, map_addresses
from connector.mapping.facts import CustomerFacts
from connector.pos import hiboutik_rows as wire
from connector.pos import rows

HIS = {
    "address_id": 9, "customers_id": 5, "creation_date": "2022-10-06 12:02:10", "gender": 0, "first_name": "Claire",
    "last_name": "Martin-Duval", "company": "Atelier", "email": "", "phone": "06 12 34 56 78", "address": "4 rue des Lilas",
    "zip_code": "69003", "city": "Lyon", "state": "", "country": "FRA", "other": "", "default": 1,
}  # fmt: skip


def mapped(
    *addresses: Any, of: dict[str, Any] | None = None, delivered: bool = True, read: bool | None = True, **rules: Any
) -> list[dict[str, Any]]:
    book = {"customer_id": 5, "addresses": wire.addresses({"addresses": list(addresses)})}
    never_given = {"customer_id": 5, "addresses": None}
    books = rows.to_table({True: [book], False: [], None: [never_given]}[read], rows.ADDRESSES)
    people = rows.to_table([customer(**(of or {}))], rows.CUSTOMERS)
    names = {"ml_5"} if delivered else set()
    facts = {5: CustomerFacts(home_store_id=3)}
    return records(map_addresses(shop(**rules), people, facts, names, books, AddressNumbers(books)))


def outcome(*addresses: Any, **more: Any) -> tuple[str, str | None, str | None]:
    (record,) = mapped(*addresses, **more)
    return record["outcome"], record["field"], record["reason"]


def test_every_field_of_an_address():
    (record,) = mapped(HIS)
    assert (record["external_id"], record["outcome"], record["source_store_id"]) == ("900000009", "send", 3)
    assert record["payload"] == {
        "address_id": 900_000_009,
        "customer_id": "ml_5",
        "first_name": "Claire",
        "last_name": "Martin-Duval",
        "primary_phone": "+33612345678",
        "secondary_phone": None,
        "company": "Atelier",
        "address_line_1": "4 rue des Lilas",
        "address_line_2": None,
        "postal_code": "69003",
        "city": "Lyon",
        "country": "FR",
        "is_active": True,
    }


def test_what_an_address_does_not_say_is_the_customers_or_nothing():
    (record,) = mapped({"address_id": 9, "address": "1 rue Une", "city": "Lyon"})
    told = record["payload"]
    assert (told["first_name"], told["last_name"], told["country"]) == ("Claire", "Martin", "FR")
    assert told["primary_phone"] is told["company"] is told["postal_code"] is None


@pytest.mark.parametrize(
    ("typed", "first", "second"),
    [
        ("4 rue des Lilas\r\nBâtiment B\n\n3e étage", "4 rue des Lilas", "Bâtiment B, 3e étage"),
        (" \n4  rue des&amp;Lilas ", "4 rue des&Lilas", None),
    ],
)
def test_further_lines_are_the_second_one(typed, first, second):
    told = mapped(HIS | {"address": typed})[0]["payload"]
    assert (told["address_line_1"], told["address_line_2"]) == (first, second)


@pytest.mark.parametrize(
    ("typed", "sent"), [("F-69 003", "F-69 003"), ("69003.", "69003"), ("(69)", "69"), ("--", "--"), ("...", None)]
)
def test_a_postal_code_keeps_what_shopimind_takes(typed, sent):
    assert mapped(HIS | {"zip_code": typed})[0]["payload"]["postal_code"] == sent


def test_an_unknown_country_is_none():
    assert mapped(HIS | {"country": "ZZZ"}, of={"country": ""})[0]["payload"]["country"] is None


@pytest.mark.parametrize(("missing", "field"), [("address", "address_line_1"), ("city", "city")])
def test_an_address_without_street_or_city_is_refused(missing, field):
    assert outcome(HIS | {missing: "  "}) == ("refused", field, "there is no value, and the field needs one")


def test_an_address_that_says_no_place_is_skipped():
    assert outcome(HIS | {"address": "", "zip_code": " ", "city": ""}) == ("skipped", None, "empty_address")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"of": {"email": "nonsense"}}, "customer_without_email"),
        ({"delivered": False}, "customer_not_delivered"),
        ({"of": {"customer_id": None}}, "customer_not_delivered"),
        ({"read": False}, "not_read_yet"),
        ({"read": None}, "page_not_given"),
        ({}, "no_address"),
    ],
)
def test_a_customer_of_whom_nothing_is_sent_is_counted_with_the_reason(how, reason):
    assert outcome(**how) == ("skipped", None, reason)


def test_a_customer_without_email_who_is_sent_has_his_addresses_sent():
    assert outcome(HIS, of={"email": ""}, customers_without_email="send") == ("send", None, None)


@pytest.mark.parametrize("number", [0, None, "x", 100_000_000])
def test_an_address_without_a_number_that_can_be_sent_is_refused_alone(number):
    bad, good = mapped(HIS | {"address_id": number}, HIS)
    assert (bad["outcome"], bad["field"], good["outcome"]) == ("refused", "address_id", "send")


@pytest.mark.parametrize("page", [{"addresses": []}, {"addresses": None}, {"addresses": ""}])
def test_a_page_without_addresses_has_none(page):
    assert wire.addresses(page) == []


@pytest.mark.parametrize("odd", ["nonsense", 5, ["nonsense"]])
def test_what_is_no_address_is_refused(odd):
    (address,) = wire.addresses({"addresses": odd})
    assert "not an object" in address["problems"]
    books = rows.to_table([{"customer_id": 5, "addresses": [address]}], rows.ADDRESSES)
    people = rows.to_table([customer()], rows.CUSTOMERS)
    (record,) = records(map_addresses(shop(), people, {}, {"ml_5"}, books, AddressNumbers(books)))
    assert (record["outcome"], record["field"]) == ("refused", "address_id")


def test_an_address_counts_once_with_its_customer_and_is_refused_with_another():
    assert len(mapped(HIS, HIS)) == 1
    book = wire.addresses({"addresses": [HIS]})
    books = rows.to_table([{"customer_id": n, "addresses": book} for n in (5, 6)], rows.ADDRESSES)
    people = rows.to_table([customer(), customer(customer_id=6)], rows.CUSTOMERS)
    first, second = records(map_addresses(shop(), people, {}, {"ml_5", "ml_6"}, books, AddressNumbers(books)))
    assert (first["outcome"], second["outcome"], second["field"]) == ("send", "refused", "address_id")
    assert second["external_id"] != first["external_id"]


def test_an_address_that_went_to_another_customer_is_his_and_not_gone():
    (address,) = wire.addresses({"addresses": [HIS]})
    read = [{"customer_id": 5, "addresses": [address | {"listed": False}]}, {"customer_id": 6, "addresses": [address]}]
    books = rows.to_table(read, rows.ADDRESSES)
    people = rows.to_table([customer(), customer(customer_id=6)], rows.CUSTOMERS)
    first, second = records(map_addresses(shop(), people, {}, {"ml_5", "ml_6"}, books, AddressNumbers(books)))
    assert (first["outcome"], first["reason"]) == ("skipped", "no_address")
    assert (second["outcome"], second["payload"]["customer_id"], second["payload"]["is_active"]) == (
        "send",
        "ml_6",
        True,
    )


def test_an_address_that_is_gone_becomes_inactive_once():
    address = wire.addresses({"addresses": [HIS]})[0] | {"listed": False}
    books = rows.to_table([{"customer_id": 5, "addresses": [address]}], rows.ADDRESSES)
    (record,) = records(
        map_addresses(shop(), rows.to_table([customer()], rows.CUSTOMERS), {}, {"ml_5"}, books, AddressNumbers(books))
    )
    assert (record["payload"]["is_active"], record["once"]) == (False, True)


def test_no_reason_shows_what_was_typed():
    for odd in (HIS | {"city": ""}, HIS | {"city": {"x": "Lyon-Secret"}}, HIS | {"address_id": "x"}):
        assert not {"Claire", "Martin-Duval", "Lilas", "Secret"} & set((mapped(odd)[0]["reason"] or "").split())
