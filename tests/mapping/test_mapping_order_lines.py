"""The lines of an order: unit prices as paid, discounts, returns, weights, and an amount without tax that adds up."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from till_examples import line, mapped, outcome, sale, shop, the_order

from connector.mapping.lines import order_lines


def lines(one_sale: dict[str, Any], **rules: Any) -> list[tuple[int, int, float, float]]:
    """(POS product id, quantity, price, price without tax) of each line of the order."""
    products = the_order(shop(**rules), one_sale)["products"]
    return [(p["product_id"] - 900_000_000, p["quantity"], p["price"], p["price_without_tax"]) for p in products]


def test_a_unit_price_is_the_line_total_by_the_quantity():
    assert lines(sale(line(total="70.20", quantity="2"), total="70.20")) == [(1204, 2, 35.1, 29.25)]


def test_unit_prices_are_rounded_half_up():
    assert lines(sale(line(total="10.00", quantity="3", rate="0.055"))) == [(1204, 3, 3.33, 3.16)]
    assert lines(sale(line(total="0.25", quantity="2", rate="0"))) == [(1204, 2, 0.13, 0.13)]


def test_the_amount_is_the_sales_total_whatever_its_lines_say():
    assert the_order(shop(), sale(line(total="39.00"), total="38.50"))["amount"] == 38.5


def test_the_amount_without_tax_is_the_sum_of_the_lines_nets():
    order = the_order(shop(), sale(line(total="70.20"), line(total="10.00", rate="0.055"), line(total="5", rate="0")))
    assert order["amount_without_tax"] == 58.50 + 9.48 + 5.00


class TestReturnLines:
    exchange = sale(line(total="50.00"), line(88, total="-11.00", quantity="-1", rate="0.10"), total="39.00")

    def test_are_dropped_while_the_amounts_stay_the_sales(self):
        assert lines(self.exchange) == [(1204, 1, 50.0, 41.67)]
        order = the_order(shop(), self.exchange)
        assert (order["amount"], order["amount_without_tax"]) == (39.0, 31.67)

    def test_or_sent_as_they_are(self):
        assert lines(self.exchange, return_lines="send")[1] == (88, -1, 11.0, 10.0)

    def test_are_all_sent_in_a_return(self):
        back = sale(line(total="10.00"), line(88, total="-30.00", quantity="-2"), total="-20.00")
        assert lines(back, returns="send") == [(1204, 1, 10.0, 8.33), (88, -2, 15.0, 12.5)]


class TestLinesWithoutProduct:
    def test_become_the_miscellaneous_product(self):
        found = mapped(shop(), sale(line(), line(0, total="4.00", quantity="2")))
        assert found.needs_misc_product
        assert lines(sale(line(), line(0, total="4.00", quantity="2")))[1] == (0, 2, 2.0, 1.67)

    def test_nothing_else_needs_it(self):
        assert not mapped(shop(), sale(line(), line(0, total="-4.00"))).needs_misc_product
        assert not mapped(shop(), sale(line(), line(0, total="4.00"), customer_id=0)).needs_misc_product

    def test_or_are_dropped_while_the_amounts_stay_the_sales(self):
        one_sale = sale(line(total="40.00", rate="0"), line(0, total="-1.00", rate="0"), total="39.00")
        assert lines(one_sale, line_without_product="drop") == [(1204, 1, 40.0, 40.0)]
        assert the_order(shop(line_without_product="drop"), one_sale)["amount_without_tax"] == 39.0

    def test_a_sale_of_nothing_else_is_skipped_when_they_are_dropped(self):
        assert outcome(shop(line_without_product="drop"), sale(line(0)))[2] == "no_line"


class TestDiscounts:
    def test_are_spread_over_the_other_lines_in_proportion(self):
        one_sale = sale(line(1, "30.00", rate="0"), line(2, "10.00", rate="0"), line(0, "-4.00"), total="36.00")
        assert lines(one_sale) == [(1, 1, 27.0, 27.0), (2, 1, 9.0, 9.0)]
        assert the_order(shop(), one_sale)["amount_without_tax"] == 36.0

    def test_cents_that_do_not_divide_go_to_the_largest_remainders_then_to_the_first_lines(self):
        one_sale = sale(line(1, "10.00"), line(2, "10.00"), line(3, "10.00"), line(0, "-1.00"))
        assert [price for _, _, price, _ in lines(one_sale)] == [9.66, 9.67, 9.67]

    def test_several_are_one(self):
        one_sale = sale(line(1, "30.00"), line(0, "-1.00"), line(0, "-2.00"))
        assert [price for _, _, price, _ in lines(one_sale)] == [27.0]

    def test_reach_lines_without_product_too_but_no_returned_ones(self):
        one_sale = sale(line(0, "10.00"), line(2, "-5.00", quantity="-1"), line(0, "-1.00"))
        assert lines(one_sale, return_lines="send") == [(0, 1, 9.0, 7.5), (2, -1, 5.0, 4.17)]

    def test_with_nothing_to_be_spread_over_are_no_line(self):
        assert outcome(shop(), sale(line(0, "-5.00"), line(1, "0.00"), total="0.00"))[0] == "send"
        assert lines(sale(line(0, "-5.00"), line(1, "0.00"), total="0.00")) == [(1, 1, 0.0, 0.0)]
        assert outcome(shop(), sale(line(0, "-5.00"), total="0.00"))[2] == "no_line"

    def test_what_a_customer_brings_back_without_product_is_no_discount(self):
        one_sale = sale(line(1, "10.00"), line(0, "-30.00", quantity="-1"), total="-20.00")
        assert lines(one_sale, returns="send") == [(1, 1, 10.0, 8.33), (0, -1, 30.0, 25.0)]

    def test_a_return_that_is_nothing_but_an_amount_is_sent_as_it_is(self):
        assert lines(sale(line(0, "-15.00"), total="-15.00"), returns="send") == [(0, 1, -15.0, -12.5)]


class TestQuantities:
    def test_a_fraction_is_one_at_the_lines_price(self):
        assert lines(sale(line(total="4.48", quantity="0.345"))) == [(1204, 1, 4.48, 3.73)]
        assert lines(sale(line(total="30.00", quantity="2.5"))) == [(1204, 1, 30.0, 25.0)]

    def test_or_rounded_half_up_to_at_least_one(self):
        assert lines(sale(line(total="30.00", quantity="2.5")), fractional_quantity="round") == [(1204, 3, 10.0, 8.33)]
        assert lines(sale(line(total="4.48", quantity="0.3")), fractional_quantity="round") == [(1204, 1, 4.48, 3.73)]

    def test_a_returned_fraction_stays_a_return(self):
        back = sale(line(total="-4.48", quantity="-0.345"), total="-4.48")
        assert lines(back, returns="send") == [(1204, -1, 4.48, 3.73)]

    def test_whole_numbers_may_be_written_with_decimals(self):
        assert lines(sale(line(total="30.00", quantity="2.000"))) == [(1204, 2, 15.0, 12.5)]

    def test_zero_pieces_for_nothing_are_no_line(self):
        assert len(lines(sale(line(), line(7, total="0.00", quantity="0")))) == 1

    def test_zero_pieces_that_cost_something_are_one(self):
        assert lines(sale(line(7, total="5.00", quantity="0", rate="0"))) == [(7, 1, 5.0, 5.0)]
        assert lines(sale(line(7, total="5.00", quantity="0", rate="0")), fractional_quantity="round") == [
            (7, 1, 5.0, 5.0)
        ]

    def test_a_free_item_is_a_line(self):
        assert lines(sale(line(), line(7, total="0.00")))[1] == (7, 1, 0.0, 0.0)


_LINES = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2]),
        st.sampled_from(["1", "2", "-1", "0.5", "0"]),
        st.integers(-50_000, 50_000).map(lambda cents: f"{cents / 100:.2f}"),
        st.sampled_from(["0", "0.055", "0.2"]),
        st.sampled_from([None, 0, 32]),
    ),
    max_size=8,
)


@given(_LINES, st.booleans())
def test_no_cent_is_lost_whatever_the_lines(raw, is_return):
    """At a tax rate of zero the amount without tax is the sum of the lines: discounts moved, but nothing vanished."""
    untaxed = [(product, quantity, total, "0", size) for product, quantity, total, _, size in raw]
    found = order_lines(shop(), untaxed, is_return=is_return)
    assert found.net_cents == sum(round(float(total) * 100) for _, _, total, _, _ in raw)


@given(_LINES)
def test_lines_of_one_piece_add_up_to_what_was_paid(raw):
    single = [(product, "1", total, rate, size) for product, _, total, rate, size in raw]
    found = order_lines(shop(return_lines="send"), single, is_return=True)
    assert round(sum(line["price"] * line["quantity"] for line in found.products) * 100) == sum(
        round(float(t) * 100) for _, _, t, _, _ in raw
    )


@given(_LINES, st.sampled_from(["one", "round"]), st.sampled_from(["misc_product", "drop"]), st.booleans())
def test_every_line_that_is_sent_is_one_that_shopimind_takes(raw, fractional, without_product, is_return):
    ctx = shop(fractional_quantity=fractional, line_without_product=without_product)
    for product in order_lines(ctx, raw, is_return=is_return).products:
        assert isinstance(product["quantity"], int)
        assert product["quantity"] != 0
        assert is_return or product["quantity"] > 0
        assert product["product_id"] >= 900_000_000 + (without_product == "drop")
