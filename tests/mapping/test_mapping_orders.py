"""Closed sale -> order record: fields, rules, refusals, facts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from till_examples import (
    GENEVA,
    PARIS,
    StoreInfo,
    customer,
    known,
    line,
    mapped,
    outcome,
    records,
    sale,
    shop,
    the_order,
)

WITHOUT_EMAIL = known(customer(email=""))
NOBODY = known(customer(customer_id=999))


def test_every_field_of_an_order():
    (record,) = records(mapped(shop(), sale()).records)
    assert record["payload"] == {
        "order_id": "ml_42",
        "lang": "fr",
        "reference": "2024-06-1-1",
        "carrier_id": None,
        "status_id": "ml_completed",
        "address_delivery_id": None,
        "address_invoice_id": None,
        "customer": {
            "customer_id": "ml_5",
            "email": "claire.martin@example.org",
            "created_at": "2024-06-05T11:22:32+02:00",
        },
        "products": [
            {
                "product_id": 900_001_204,
                "product_variation_id": None,
                "price": 39.0,
                "price_without_tax": 32.5,
                "manufacturer_id": None,
                "quantity": 1,
            }
        ],
        "cart_id": "ml_42",
        "cart_updated_at": "2024-06-05T11:22:32+02:00",
        "amount": 39.0,
        "amount_without_tax": 32.5,
        "shipping_costs": 0,
        "shipping_costs_without_tax": 0,
        "shipping_number": None,
        "currency": "EUR",
        "voucher_used": None,
        "voucher_value": None,
        "is_confirmed": True,
        "created_at": "2024-06-05T11:22:32+02:00",
        "updated_at": "2024-06-05T11:22:32+02:00",
    }
    del record["payload"], record["digest"]
    assert record == {
        "external_id": "ml_42",
        "store_id": 1,
        "source_store_id": 1,
        "day": "2024-06-05",
        "outcome": "send",
        "reason": None,
        "field": None,
        "amount": Decimal("39.00"),
        "currency": "EUR",
        "once": False,
    }


def test_a_sale_is_tagged_by_its_own_store_and_dated_in_its_own_zone():
    (record,) = records(mapped(shop(), sale(store_id=3)).records)
    assert (record["store_id"], record["source_store_id"]) == (3, 3)
    assert record["payload"]["created_at"] == "2024-06-05T11:22:32+04:00"


def test_a_sale_without_receipt_number_has_no_reference():
    assert the_order(shop(), sale(reference=" "))["reference"] is None


def test_a_sale_without_currency_has_that_of_its_store():
    assert the_order(shop(), sale(store_id=5, currency=""))["currency"] == "CHF"
    assert the_order(shop(), sale(store_id=5, currency="usd"))["currency"] == "USD"


class TestCustomerOfAnOrder:
    def test_exists_since_the_first_sale_read_before(self):
        order = the_order(shop(), sale(), first_closed={5: 1_700_000_000})
        assert order["customer"]["created_at"] == "2023-11-14T23:13:20+01:00"

    def test_or_since_an_earlier_sale_of_the_same_day_even_a_skipped_one(self):
        web = sale(sale_id=41, closed_at="2024-06-05 09:00:00", external_reference="web_1")
        orders = records(mapped(shop(), sale(), web, first_closed={5: 2_000_000_000}).records)
        assert orders[0]["payload"]["customer"]["created_at"] == "2024-06-05T09:00:00+02:00"

    def test_his_new_email_or_date_does_not_change_the_order(self):
        before = records(mapped(shop(), sale()).records)[0]
        moved = known(customer(email="claire@example.org"))
        after = records(mapped(shop(), sale(), customers=moved, first_closed={5: 1}).records)[0]
        assert after["payload"] != before["payload"]
        assert after["digest"] == before["digest"]

    def test_but_another_customer_does(self):
        before = records(mapped(shop(), sale()).records)[0]
        both = known(customer(), customer(customer_id=6))
        after = records(mapped(shop(), sale(customer_id=6), customers=both).records)[0]
        assert after["digest"] != before["digest"]


class TestSkipped:
    def test_anonymous_sales(self):
        assert outcome(shop(), sale(customer_id=0)) == ("skipped", None, "anonymous")

    def test_sales_of_a_customer_that_no_longer_exists(self):
        assert outcome(shop(), sale(), customers=NOBODY) == ("skipped", None, "unknown_customer")

    def test_sales_of_a_customer_without_email(self):
        assert outcome(shop(), sale(), customers=WITHOUT_EMAIL) == ("skipped", None, "customer_without_email")

    def test_web_orders(self):
        assert outcome(shop(), sale(external_reference="wc_17")) == ("skipped", None, "web_order")

    def test_returns(self):
        assert outcome(shop(), sale(line(quantity="-1", total="-39.00"), total="-39.00")) == ("skipped", None, "return")

    def test_sales_without_any_line_left(self):
        only_returned = sale(line(quantity="-1", total="-5.00"), total="0.00")
        assert outcome(shop(), only_returned) == ("skipped", None, "no_line")
        assert outcome(shop(), sale(lines=[])) == ("skipped", None, "no_line")

    def test_the_first_rule_gives_the_reason(self):
        everything = {"external_reference": "wc_17", "total": "-1.00", "lines": []}
        assert outcome(shop(), sale(customer_id=0, **everything))[2] == "anonymous"
        assert outcome(shop(), sale(**everything), customers=WITHOUT_EMAIL)[2] == "customer_without_email"
        assert outcome(shop(), sale(**everything))[2] == "web_order"
        assert outcome(shop(web_orders="send"), sale(**everything))[2] == "return"
        assert outcome(shop(web_orders="send", returns="send"), sale(**everything))[2] == "no_line"

    def test_a_skipped_sale_still_counts_its_amount(self):
        (record,) = records(mapped(shop(), sale(customer_id=0, currency="CHF")).records)
        assert (record["amount"], record["currency"], record["store_id"]) == (Decimal("39.00"), "CHF", 1)


class TestSentByRule:
    def test_anonymous_sales_have_empty_customer_fields_and_the_date_of_the_sale(self):
        nobody = {"customer_id": "", "email": "", "created_at": "2024-06-05T11:22:32+02:00"}
        ctx = shop(anonymous_sales="send")
        assert the_order(ctx, sale(customer_id=0))["customer"] == nobody
        assert the_order(ctx, sale(), customers=NOBODY)["customer"] == nobody

    def test_sales_of_a_customer_without_email(self):
        order = the_order(shop(customers_without_email="send"), sale(), customers=WITHOUT_EMAIL)
        assert (order["customer"]["customer_id"], order["customer"]["email"]) == ("ml_5", "")

    def test_web_orders(self):
        assert the_order(shop(web_orders="send"), sale(external_reference="wc_17"))["amount"] == 39.0

    def test_a_sale_of_which_nobody_asked_whether_it_is_a_web_order(self):
        assert the_order(shop(), sale(external_reference=None))["amount"] == 39.0

    def test_returns_as_they_are(self):
        order = the_order(shop(returns="send"), sale(line(quantity="-2", total="-39.00"), total="-39.00"))
        assert (order["amount"], order["amount_without_tax"]) == (-39.0, -32.5)
        assert (order["products"][0]["quantity"], order["products"][0]["price"]) == (-2, 19.5)


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"closed_at": "2024-02-30 10:00:00"}, "created_at", "impossible date: '2024-02-30 10:00:00'"),
        ({"closed_at": "0000-00-00 00:00:00"}, "created_at", "no closing time"),
        ({"total": "abc"}, "amount", "not an amount: 'abc'"),
        ({"total": ""}, "amount", "not an amount: ''"),
        ({"total": "NaN"}, "amount", "not an amount: 'NaN'"),
        ({"currency": "EURO"}, "currency", "not a currency: 'EURO'"),
        ({"store_id": 9}, "id_data_source", "not one of the till's stores: 9"),
        ({"sale_id": 100_000_000}, "order_id", "not an id that can be sent: 100000000"),
        ({"lines_from": "none", "lines": []}, "products", "the sale's lines were not read"),
    ],
)
def test_a_sale_that_breaks_a_rule_is_refused_with_field_and_reason(changes, field, reason):
    assert outcome(shop(), sale(**changes)) == ("refused", field, reason)


@pytest.mark.parametrize(
    ("problems", "field"),
    [
        ("total: is a list or an object, not text", "amount"),
        ("line_items[1]: vat: 'x' is no rate", "products[1]"),
        ("sale 42: its own page cannot be read", "order_id"),
        ("customer_id: 'x' is not a whole number", "customer.customer_id"),
    ],
)
def test_a_sale_that_could_not_be_read_is_refused_for_that_whatever_the_rules_say(problems, field):
    found = outcome(shop(), sale(customer_id=0, problems=problems))
    assert found == ("refused", field, f"the row could not be read: {problems}")


def test_a_customer_id_that_cannot_be_sent_refuses_the_order():
    found = outcome(shop(), sale(customer_id=100_000_000), customers=known(customer(customer_id=100_000_000)))
    assert found == ("refused", "customer.customer_id", "not an id that can be sent: 100000000")


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (line(product_id=None), "products[1].product_id"),
        (line(product_id=100_000_000), "products[1].product_id"),
        (line(quantity="many"), "products[1].quantity"),
        (line(quantity=str(2**31)), "products[1].quantity"),
        (line(total=""), "products[1].price"),
        (line(rate="20"), "products[1].price_without_tax"),
    ],
)
def test_a_bad_line_refuses_its_order_and_names_the_line(bad, field):
    result = outcome(shop(), sale(line(), bad))
    assert result[:2] == ("refused", field)


def test_one_bad_sale_never_takes_its_neighbours_down():
    found = records(mapped(shop(), sale(sale_id=1), sale(sale_id=2, total="x"), sale(sale_id=3)).records)
    assert [record["outcome"] for record in found] == ["send", "refused", "send"]


def test_a_refused_sale_keeps_its_row_its_amount_and_its_place():
    (record,) = records(mapped(shop(), sale(store_id=9, sale_id=7)).records)
    assert (record["external_id"], record["store_id"], record["amount"]) == ("ml_7", 9, Decimal("39.00"))
    assert record["payload"] == sale(store_id=9, sale_id=7)


def test_no_sales_give_no_records():
    nothing = mapped(shop())
    assert (nothing.records.num_rows, nothing.facts.num_rows, nothing.needs_misc_product) == (0, 0, False)


class TestFacts:
    def facts(self, ctx: Any, *sales: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        return mapped(ctx, *sales, **more).facts.to_pylist()

    def test_a_sale_says_when_where_and_how_much(self):
        assert self.facts(shop(), sale()) == [
            {
                "sale_id": 42,
                "store_id": 1,
                "day": "2024-06-05",
                "customer_id": 5,
                "closed_at": 1_717_579_352,
                "cents": 3900,
                "currency": "EUR",
                "kind": "order",
                "sent": True,
            }
        ]

    def test_what_a_sale_counts_as(self):
        returned = {"total": "-1.00", "lines": [line(quantity="-1", total="-1.00")]}
        found = self.facts(
            shop(), sale(), sale(**returned), sale(external_reference="wc"), sale(external_reference="wc", **returned)
        )
        assert [fact["kind"] for fact in found] == ["order", "return", "web_order", "web_order"]
        assert [fact["sent"] for fact in found] == [True, False, False, False]

    def test_a_web_order_that_is_sent_is_an_order_and_a_return_that_is_sent_stays_a_return(self):
        ctx = shop(web_orders="send", returns="send")
        found = self.facts(ctx, sale(external_reference="wc"), sale(line(quantity="-1"), total="-39.00"))
        assert [(fact["kind"], fact["sent"]) for fact in found] == [("order", True), ("return", True)]

    def test_what_cannot_be_read_is_null(self):
        (fact,) = self.facts(shop(), sale(closed_at="?", total="?", currency="?"))
        assert (fact["closed_at"], fact["cents"], fact["currency"], fact["sent"]) == (None, None, None, False)

    def test_a_row_without_sale_id_has_none(self):
        assert self.facts(shop(), sale(sale_id=None)) == []


def test_orders_of_several_zones_and_currencies_in_one_table_stay_apart():
    ctx = shop(PARIS, GENEVA, StoreInfo(9, "New York", "USD", "America/New_York"))
    found = records(mapped(ctx, sale(), sale(sale_id=43, store_id=9, currency="")).records)
    assert [(r["source_store_id"], r["currency"], r["payload"]["created_at"]) for r in found] == [
        (1, "EUR", "2024-06-05T11:22:32+02:00"),
        (9, "USD", "2024-06-05T11:22:32-04:00"),
    ]
