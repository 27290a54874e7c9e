"""The total proves the lines: whatever a bulk row's price and discount mean, the right reading is found, or none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.pos.sale_lines import (
    ALL_READINGS,
    CENT,
    Reading,
    SoldLine,
    confirmed,
    decided,
    fitting,
    line_total,
    narrowed,
    number,
    readings_from_text,
    readings_to_text,
    shown_by,
)

cents = st.integers(0, 50_000).map(lambda n: Decimal(n) / 100)
quantities = st.integers(-3, 9).filter(bool).map(Decimal) | st.sampled_from([Decimal("0.35"), Decimal("1.125")])
readings = st.sampled_from(list(Reading))


def line(quantity: str, price: str, discount: str = "0") -> SoldLine:
    return SoldLine(1, Decimal(quantity), Decimal(price), Decimal(discount), quantity, "0.20000")


sold_lines = st.lists(
    st.builds(
        SoldLine, st.integers(0, 99), quantities, cents, st.just(Decimal(0)) | cents, st.just("1"), st.just("0.2")
    ),
    min_size=1,
    max_size=5,
)


def true_totals(reading: Reading, lines: list[SoldLine]) -> tuple[Decimal, ...]:
    return tuple(line_total(reading, one).quantize(CENT, "ROUND_HALF_UP") for one in lines)


@given(lines=sold_lines, truth=readings)
def test_the_true_reading_always_adds_up(lines, truth):
    totals = true_totals(truth, lines)
    assert fitting(lines, sum(totals))[truth] == totals


@given(lines=sold_lines, truth=readings)
def test_lines_that_are_used_always_add_up_to_the_cent(lines, truth):
    total = sum(true_totals(truth, lines))
    answer = decided(fitting(lines, total), ALL_READINGS)
    assert answer is None or sum(answer).quantize(CENT, "ROUND_HALF_UP") == total


@given(lines=sold_lines, truth=readings)
def test_an_account_whose_reading_is_known_never_needs_a_page(lines, truth):
    totals = true_totals(truth, lines)
    assert decided(fitting(lines, sum(totals)), frozenset({truth})) == totals


@given(lines=sold_lines, total=cents)
def test_a_sale_that_no_reading_explains_is_left_to_its_page(lines, total):
    fits = fitting(lines, total)
    assert fits or decided(fits, ALL_READINGS) is None


@given(day=st.lists(sold_lines, max_size=6), truth=readings)
def test_a_day_never_rules_out_the_true_reading(day, truth):
    fits = [fitting(lines, sum(true_totals(truth, lines))) for lines in day]
    assert truth in narrowed(ALL_READINGS, shown_by(fits))


def test_one_piece_without_discount_needs_no_knowledge():
    assert decided(fitting([line("1", "39.00")], Decimal("39.00")), ALL_READINGS) == (Decimal("39.00"),)


def test_two_pieces_tell_a_unit_price_from_a_line_price():
    fits = fitting([line("2", "39.00")], Decimal("78.00"))
    assert {reading.value.split("-")[0] for reading in fits} == {"unit"}
    assert decided(fits, ALL_READINGS) == (Decimal("78.00"),)


def test_a_discounted_sale_of_several_pieces_tells_one_reading_from_all_others():
    assert set(fitting([line("2", "39.00", "7.80")], Decimal("70.20"))) == {Reading.UNIT_LESS_LINE}


def test_two_readings_with_different_lines_are_not_guessed_between():
    # 2 x 10 + 30 - 10 = 40 and 10 + 30 = 40: the same total, other lines
    lines = [line("2", "10.00"), line("1", "30.00", "10.00")]
    fits = fitting(lines, Decimal("40.00"))
    assert decided(fits, ALL_READINGS) is None
    assert decided(fits, frozenset({Reading.UNIT_LESS_LINE})) == (Decimal("20.00"), Decimal("20.00"))
    assert decided(fits, frozenset({Reading.LINE_INCLUDED})) == (Decimal("10.00"), Decimal("30.00"))


def test_each_line_is_rounded_half_up_before_they_are_added():
    fits = fitting([line("0.35", "4.90"), line("0.35", "4.90")], Decimal("3.44"))  # 2 x 1.715
    assert fits[Reading.UNIT_LESS_LINE] == (Decimal("1.72"), Decimal("1.72"))


def test_lines_stay_exact_where_only_their_exact_sum_meets_the_total():
    fits = fitting([line("0.35", "4.90"), line("0.35", "4.90")], Decimal("3.43"))
    assert fits[Reading.UNIT_LESS_LINE] == (Decimal("1.715"), Decimal("1.715"))


def test_no_lines_prove_a_sale_of_nothing_only():
    assert decided(fitting([], Decimal("0.00")), ALL_READINGS) == ()
    assert decided(fitting([], Decimal("12.00")), ALL_READINGS) is None


def test_most_sales_of_a_day_outvote_one_that_lacks_a_line():
    # 2 x 10 sold and one taken back, but the till left out the return: 10 adds up as a line price
    accident = fitting([line("2", "10.00")], Decimal("10.00"))
    ordinary = [fitting([line("2", price)], 2 * Decimal(price)) for price in ("39.00", "12.00")]
    known = narrowed(ALL_READINGS, shown_by([accident, *ordinary]))
    assert {reading.value.split("-")[0] for reading in known} == {"unit"}
    assert decided(accident, known) is None


def test_a_day_of_sales_that_tell_nothing_apart_teaches_nothing():
    assert shown_by([fitting([line("1", "39.00")], Decimal("39.00"))]) == ALL_READINGS
    assert shown_by([]) == ALL_READINGS


def test_a_day_that_contradicts_what_is_known_leaves_it_to_the_page():
    known = frozenset({Reading.LINE_INCLUDED})
    lines = [line("2", "39.00")]
    fits = fitting(lines, Decimal("78.00"))
    assert narrowed(known, shown_by([fits])) == known
    assert decided(fits, known) is None


def test_the_page_of_a_contradicting_sale_puts_the_memory_right():
    lines = [line("2", "39.00"), line("1", "5.00")]
    fits = fitting(lines, Decimal("83.00"))
    corrected = confirmed(frozenset({Reading.LINE_INCLUDED}), lines, fits, [Decimal("5.00"), Decimal("78.00")])
    assert corrected == {Reading.UNIT_LESS_LINE, Reading.UNIT_LESS_UNIT, Reading.UNIT_INCLUDED}
    assert decided(fits, corrected) == (Decimal("78.00"), Decimal("5.00"))


def test_a_page_that_agrees_with_what_is_known_widens_nothing():
    known = frozenset({Reading.UNIT_LESS_LINE})
    lines = [line("2", "39.00")]
    assert confirmed(known, lines, fitting(lines, Decimal("78.00")), [Decimal("78.00")]) == known


def test_the_page_of_a_sale_that_lacked_a_line_leaves_the_memory_alone():
    known = frozenset({Reading.UNIT_LESS_LINE})
    lines = [line("2", "10.00")]
    fits = fitting(lines, Decimal("10.00"))
    assert confirmed(known, lines, fits, [Decimal("20.00"), Decimal("-10.00")]) == known


@given(known=st.frozensets(readings, min_size=1))
def test_what_is_known_survives_being_written_down(known):
    assert readings_from_text(readings_to_text(known)) == known


@pytest.mark.parametrize("text", [None, "", "per piece", "unit"])
def test_a_memory_that_cannot_be_understood_is_no_knowledge(text):
    assert readings_from_text(text) == ALL_READINGS


@pytest.mark.parametrize("text", ["", "abc", "1e5", "1,5", "1_0", "--1", "٣", "NaN", "1.", "1" * 16])
def test_only_plain_decimals_are_numbers(text):
    assert number(text) is None


def test_plain_decimals_are_exact():
    assert number(" -39.10 ") == Decimal("-39.10")
