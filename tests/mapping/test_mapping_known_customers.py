"""Which customers exist, and by which e-mail."""

from __future__ import annotations

from till_examples import customer

from connector.mapping.known_customers import KnownCustomers
from connector.pos import rows


def page(*customers):
    return rows.to_table(customers, rows.CUSTOMERS)


def test_customers_of_all_pages_are_found_whatever_their_order():
    known = KnownCustomers()
    known.add(
        page(customer(customer_id=9, email=" NEUF@example.org "), customer(customer_id=2, email="deux@example.org"))
    )
    known.add(page(customer(customer_id=5, email="pas d'adresse")))
    known.freeze()
    assert known.find([9, 2, 5, 3, 10, 0, -1, 2**63 - 1]) == {9: "neuf@example.org", 2: "deux@example.org", 5: ""}


def test_nobody_is_found_among_nobody():
    assert KnownCustomers().find([1]) == {}


def test_a_customer_whose_row_cannot_be_sent_exists_and_one_without_id_does_not():
    known = KnownCustomers()
    known.add(page(customer(birth_date="?", problems="x: y"), customer(customer_id=None)))
    assert known.find([5]) == {5: "claire.martin@example.org"}


def test_a_later_row_of_the_same_customer_counts_also_after_freezing():
    known = KnownCustomers()
    known.add(page(customer(email="old@example.org"), customer(customer_id=6)))
    assert known.freeze().find([5]) == {5: "old@example.org"}
    known.add(page(customer(email="new@example.org")))
    assert known.find([5, 6]) == {5: "new@example.org", 6: "claire.martin@example.org"}
