"""`${NAME}` in the values of `shops.yaml`, and the variables that the connector itself reads for them."""

from __future__ import annotations

from datetime import date

import pytest


def test_several_variables_in_one_value_are_read(load):
    (shop,) = load(
        {"pos__base_url": "https://${HOST}/${VERSION}"}, environ={"HOST": "till.example.org", "VERSION": "api"}
    )
    assert shop.pos.base_url == "https://till.example.org/api"


def test_numbers_days_and_choices_may_come_from_the_environment(load):
    (shop,) = load(
        {
            "pos__monthly_calls": "${CALLS}",
            "identifiers__offset": "${OFFSET}",
            "first_day": "${DAY}",
            "rules__returns": "${RETURNS}",
            "key": "${KEY}",
        },
        environ={"CALLS": "500", "OFFSET": "100", "DAY": "2024-01-01", "RETURNS": "send", "KEY": "a-1"},
    )
    assert (shop.pos.monthly_calls, shop.identifiers.offset, shop.first_day) == (500, 100, date(2024, 1, 1))
    assert (shop.rules.returns, shop.key) == ("send", "a-1")


def test_a_secret_of_digits_only_stays_text(load):
    (shop,) = load({"pos__api_key": "${KEY}"}, environ={"KEY": "0012"})
    assert shop.pos.api_key.get_secret_value() == "0012"


def test_what_a_variable_holds_is_not_read_again(load):
    (shop,) = load({"pos__api_key": "${KEY}"}, environ={"KEY": "a${OTHER}b"})
    assert shop.pos.api_key.get_secret_value() == "a${OTHER}b"


@pytest.mark.parametrize(("environ", "state"), [({}, "not set"), ({"LEA_KEY": ""}, "empty")])
def test_a_missing_or_empty_variable_is_told_with_its_name_the_shop_and_the_key(told, environ, state):
    mistakes = told({"pos__api_key": "${LEA_KEY}"}, environ=environ)
    assert mistakes == {
        "shops[0].pos.api_key": f"the environment variable LEA_KEY is {state}; shop maison-lea needs it for pos.api_key"
    }


def test_every_missing_variable_of_a_value_is_told(told):
    message = told({"label": "${ONE} ${TWO} ${THREE}"}, environ={"TWO": "2"})["shops[0].label"]
    assert "ONE is not set and THREE is not set" in message


@pytest.mark.parametrize("text", ["${}", "${A-B}", "x ${A", "${1A}"])
def test_a_reference_that_names_no_variable_is_a_mistake(told, text):
    assert "'${'" in told({"label": text}, environ={"A": "a"})["shops[0].label"]


def test_the_sdks_variable_is_the_shopimind_address_of_shops_that_name_none(load):
    one, two = load(
        {},
        {
            "key": "two",
            "shopimind__base_url": "https://two.example.org",
            "shopimind__access_token": "int_2",
        },
        environ={"SHOPIMIND_CORE_API_BASE": "http://127.0.0.1:8401/"},
    )
    assert one.shopimind.base_url == "http://127.0.0.1:8401"
    assert two.shopimind.base_url == "https://two.example.org"


def test_the_sdks_variable_counts_as_unset_when_empty(load):
    (shop,) = load({}, environ={"SHOPIMIND_CORE_API_BASE": ""})
    assert shop.shopimind.base_url == "https://core.shopimind.com"


def test_a_bad_address_in_the_sdks_variable_is_told_once(told):
    mistakes = told({}, {"key": "two"}, environ={"SHOPIMIND_CORE_API_BASE": "http://crm.example.org"})
    assert "must be https" in mistakes["SHOPIMIND_CORE_API_BASE"]
