"""Amounts without floats, text without leftovers of forms and databases."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping import money, text
from connector.mapping.currencies import currency
from connector.mapping.outcomes import Refused


@pytest.mark.parametrize(
    ("written", "cents"),
    [("39.00", 3900), ("0.005", 1), ("0.0049", 0), ("-0.005", -1), ("2.675", 268), ("1.005", 101), ("-12", -1200),
     (" 7.5 ", 750), ("+3", 300), (".5", 50), ("1e2", 10000)],
)  # fmt: skip
def test_amounts_are_rounded_half_up_to_the_cent(written, cents):
    assert money.cents("amount", written) == cents


@pytest.mark.parametrize(
    "written", ["", None, "NaN", "Infinity", "-inf", "1,50", "12 €", "1_000", "1e99", "9" * 13, "٣"]
)
def test_what_is_no_amount_is_refused(written):
    with pytest.raises(Refused) as refused:
        money.cents("amount", written)
    assert refused.value.reason.startswith("not an amount")


@given(st.integers(-(10**14) + 1, 10**14 - 1))
def test_an_amount_as_a_json_number_is_exact_to_the_cent(cents):
    assert Decimal(repr(money.number(cents))) == Decimal(cents) / 100


@given(st.integers(-(10**12), 10**12), st.integers(-(10**6), 10**6).filter(bool))
def test_half_up_is_the_nearest_whole_number_with_halves_away_from_zero(numerator, denominator):
    rounded = money.half_up(numerator, denominator)
    exact = Decimal(numerator) / Decimal(denominator)
    assert rounded == int(exact.quantize(Decimal(1), "ROUND_HALF_UP"))


@pytest.mark.parametrize("rate", ["-0.2", "20", "1.01", "", "abc", "NaN", None])
def test_a_tax_rate_is_a_fraction_from_0_to_1(rate):
    with pytest.raises(Refused):
        money.with_tax("price_without_tax", rate)


def test_a_tax_rate_is_exact():
    assert money.with_tax("price_without_tax", "0.05500") == (211, 200)


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("Caf&eacute; &amp; Th&eacute;", "Café & Thé"),
        ("&amp;amp;", "&amp;"),  # once
        ("&#039;quoted&#x27;", "'quoted'"),
        ("fruits&sections", "fruits&sections"),
        ("R&D &co", "R&D &co"),
        ("  Léa \t\n  Martin ", "Léa Martin"),
        ("a b　c", "a b c"),
        ("Cl\x00ai\x07re\x7f\x9f", "Claire"),
        ("a\r\nb", "a b"),
        ("x&#13;y&nbsp;z", "x y z"),
        ("bad\ud800pair", "badpair"),
        ("\x01\x02", ""),
        (None, ""),
        ("👩‍👧 Léa", "👩‍👧 Léa"),
    ],
)
def test_text_is_decoded_once_and_tidied(written, cleaned):
    assert text.clean(written) == cleaned


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_can_be_sent_after_cleaning(written):
    cleaned = text.clean(written)
    cleaned.encode("utf-8")
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned


def test_a_currency_is_three_letters():
    assert currency("currency", "eur") == "EUR"
    assert currency("currency", "", "CHF") == "CHF"
    for wrong in ["", "€", "EURO", "EU1"]:
        with pytest.raises(Refused):
            currency("currency", wrong)
