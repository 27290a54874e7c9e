"""How a customer can be reached."""

from __future__ import annotations

import email_validator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping import contacts


def test_an_email_is_trimmed_and_lower_cased():
    assert contacts.email("  Claire.MARTIN@Example.ORG ") == "claire.martin@example.org"


@pytest.mark.parametrize(
    "valid", ["o'brien@example.org", "a+b@example.co.uk", "é@exämple.com", "caisse@boutique.local"]
)
def test_only_the_syntax_of_an_email_is_judged(valid):
    assert contacts.email(valid) == valid


@pytest.mark.parametrize(
    "invalid",
    ["", None, "non", "claire@", "@example.org", "claire@example", "a b@example.org", "a@b@c.org", "a..b@example.org",
     "claire@example..org", "claire@-example.org", "Claire <claire@example.org>", "a@[127.0.0.1]",
     "x" * 65 + "@example.org"],
)  # fmt: skip
def test_an_email_with_invalid_syntax_counts_as_none(invalid):
    assert contacts.email(invalid) == ""


_LOCALS = st.sampled_from(["lea", "Lea.Aubrac", "a+b", "a..b", ".a", "-a", "x" * 64, "x" * 65, "o'neil", '"q q"', "é"])
_DOMAINS = st.sampled_from(
    ["example.org", "EXAMPLE.org", "x.local", "a_b.fr", "-a.fr", "é.fr", "localhost", "a..b", "", f"{'a' * 64}.fr",
     ".".join(["a" * 60] * 3) + ".fr", ".".join(["a" * 60] * 4) + ".fr"]
)  # fmt: skip


@given(_LOCALS, _DOMAINS)
def test_an_email_is_valid_exactly_when_the_library_says_so_of_all_of_it(local, domain):
    address = f"{local}@{domain}"
    try:
        email_validator.validate_email(address, check_deliverability=False, strict=True)
    except email_validator.EmailNotValidError:
        assert contacts.email(address) == ""
    else:
        assert contacts.email(address) == address.lower()


@pytest.mark.parametrize(
    "typed", ["06 12 34 56 78", "06.12.34.56.78", "+33612345678", "0033 6 12 34 56 78", "33612345678"]
)
def test_a_phone_is_e164_in_the_shops_country(typed):
    assert contacts.phone(typed, None, "FR") == "+33612345678"


def test_the_customers_country_comes_first():
    assert contacts.phone("0692 12 34 56", "RE", "FR") == "+262692123456"
    assert contacts.phone("020 7946 0018", "GB", "FR") == "+442079460018"


def test_the_shops_country_reads_what_the_customers_cannot():
    assert contacts.phone("06 12 34 56 78", "US", "FR") == "+33612345678"


def test_a_number_of_the_right_length_parses_even_where_the_plan_does_not_hold_it():
    assert contacts.phone("06 39 98 00 01", None, "FR") == "+33639980001"


@pytest.mark.parametrize(
    "typed", ["123", "demander à la caisse", "06 12 34 56", "0000000000", "06 12 34 56 78 / 01 22 33 44 55"]
)
def test_what_does_not_parse_stays_as_typed(typed):
    assert contacts.phone(f" {typed} ", "FR", "FR") == typed


def test_no_phone_is_none():
    assert contacts.phone("  ", "FR") is None
    assert contacts.phone(None, "FR") is None


@pytest.mark.parametrize(
    ("written", "alpha_2"),
    [("FRA", "FR"), ("reu", "RE"), ("CH", "CH"), (" be ", "BE"), ("XXX", None), ("France", None), ("", None),
     (None, None)],
)  # fmt: skip
def test_a_country_is_alpha_2(written, alpha_2):
    assert contacts.country(written) == alpha_2


@given(st.text(max_size=60))
def test_nothing_typed_raises(written):
    assert contacts.email(written) == contacts.email(written).lower()
    assert contacts.phone(written, "US", "FR") != ""
    assert len(contacts.country(written) or "FR") == 2
