"""What each key of `shops.yaml` may be, and what it is when it is left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

CONTRACT_EXAMPLE = """\
shops:
  - key: maison-lea
    label: Maison Léa
    lang: fr
    country: FR
    shopimind:
      access_token: ${MAISON_LEA_SHOPIMIND_TOKEN}
      base_url: https://core.shopimind.com
    pos:
      system: hiboutik
      account: maison-lea
      login: ops@example.org
      api_key: ${MAISON_LEA_HIBOUTIK_KEY}
      base_url: https://maison-lea.hiboutik.com/api
      monthly_calls: 10000
    identifiers:
      prefix: ml_
      offset: 900000000
    first_day: 2024-01-01
    rules: {}
"""
EXAMPLE_ENVIRON = {"MAISON_LEA_SHOPIMIND_TOKEN": "int_1", "MAISON_LEA_HIBOUTIK_KEY": "key_1"}


def test_the_contracts_example_loads(load):
    (shop,) = load(CONTRACT_EXAMPLE, environ=EXAMPLE_ENVIRON)
    assert (shop.key, shop.label, shop.lang, shop.country) == ("maison-lea", "Maison Léa", "fr", "FR")
    assert shop.shopimind.access_token.get_secret_value() == "int_1"
    assert shop.pos.api_key.get_secret_value() == "key_1"
    assert (shop.identifiers.prefix, shop.identifiers.offset) == ("ml_", 900_000_000)
    assert shop.first_day == date(2024, 1, 1)


@pytest.mark.parametrize("disguise", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
def test_a_byte_order_mark_or_windows_line_ends_change_nothing(load, disguise):
    assert load(disguise(CONTRACT_EXAMPLE), environ=EXAMPLE_ENVIRON) == load(CONTRACT_EXAMPLE, environ=EXAMPLE_ENVIRON)


def test_what_is_left_out_has_its_default(load):
    (shop,) = load({})
    assert shop.country == "FR"
    assert shop.shopimind.base_url == "https://core.shopimind.com"
    assert shop.pos.base_url == "https://maison-lea.hiboutik.com/api"
    assert (shop.pos.monthly_calls, shop.pos.calls_for_others) == (10_000, 1_000)
    assert (shop.shopimind.requests_in_flight, shop.pos.calls_in_flight) == (8, 5)
    assert (shop.first_day, shop.history_days) == (None, 365)
    assert shop.rules.model_dump() == {
        "customers_without_email": "skip",
        "anonymous_sales": "skip",
        "web_orders": "skip",
        "returns": "skip",
        "return_lines": "drop",
        "line_without_product": "misc_product",
        "fractional_quantity": "one",
        "consent": None,
        "variations": "skip",
        "addresses": "skip",
        "images": "skip",
        "customer_groups": "none",
        "newsletter": "skip",
        "customers_source": "home_store",
        "product_link": "https://{account}.hiboutik.com/?product_id={product_id}",
    }


def test_secrets_are_not_in_the_repr_of_a_shop(load):
    (shop,) = load({})
    assert "s3cr3t" not in repr(shop) + str(shop.model_dump())
    assert "k3y" not in repr(shop) + str(shop.model_dump())


@pytest.mark.parametrize(
    "change",
    [
        {"key": "a" * 40},
        {"label": "  Maison & fils "},
        {"lang": "nl", "country": "BE"},
        {"shopimind__base_url": "http://127.0.0.1:8401"},
        {"pos__base_url": "http://localhost:8402/api/"},
        {"pos__login": None, "pos__api_key": None, "pos__oauth_token": "0auth-t0ken"},
        {"identifiers__prefix": "A-z_0"},
        {"identifiers__offset": 0},
        {"identifiers__offset": 2**31 - 1 - 99_999_999},
        {"first_day": "2024-02-29"},
        {"history_days": 36_500},
        {"pos__webhook_secret": "0123456789abcdef", "pos__erase_deleted": True},
        {"first_day": datetime.now(UTC).date()},
        {"rules": None},
        {"rules__consent": "none"},
        {"rules__consent": {"tag": "Newsletter"}},
        {"rules__consent": {"list": "VIP"}},
        {"rules__consent": {"misc": "optin"}},
        {"rules__product_link": "https://shop.example/p/{product_id}?from={account}"},
        {
            "rules": {
                "customers_without_email": "send",
                "anonymous_sales": "send",
                "web_orders": "send",
                "returns": "send",
                "return_lines": "send",
                "line_without_product": "drop",
                "fractional_quantity": "round",
                "customers_source": "parent",
            }
        },
    ],
)
def test_accepted(load, change):
    load(change)


def test_the_label_is_trimmed_and_a_base_url_loses_its_last_slash(load):
    (shop,) = load({"label": "  Maison Léa ", "shopimind__base_url": "https://crm.example.org/"})
    assert shop.label == "Maison Léa"
    assert shop.shopimind.base_url == "https://crm.example.org"


TOMORROW_EVERYWHERE = (datetime.now(UTC) + timedelta(days=2)).date()


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("key", "Maison", "lower-case"),
        ("key", "a" * 41, "1 to 40"),
        ("key", "maison\n", "1 to 40"),
        ("label", "   ", "must not be empty"),
        ("label", "two\nlines", "control characters"),
        ("label", "half \ud83d", "half a character"),
        ("label", 12, "must be text"),
        ("lang", "FR", "two lower-case letters"),
        ("lang", "xx", "ISO 639-1"),
        ("lang", False, "truth value"),
        ("country", "fr", "two capital letters"),
        ("country", "ZZ", "ISO 3166"),
        ("country", "FRA", "ISO 3166"),
        ("pos.erase_deleted", True, "needs webhook_secret"),
        ("pos.erase_deleted", "yes", "must be true or false"),
        ("history_days", 0, "must be more than 0"),
        ("history_days", 36_501, "must be at most 36500"),
        ("first_day", TOMORROW_EVERYWHERE, "must not be in the future"),
        ("first_day", "2024-02-30", "is not a day of the calendar"),
        ("first_day", "01/02/2024", "must be a day like 2024-01-01"),
        ("first_day", datetime(2024, 1, 1, 10), "must be a day like 2024-01-01"),
        ("first_day", 20240101, "must be a day like 2024-01-01"),
        ("shopimind", "int_s3cr3t", "must be a mapping"),
        ("shopimind", None, "is empty"),
        ("shopimind.access_token", "", "must not be empty"),
        ("shopimind.access_token", "two words", "white space"),
        ("shopimind.access_token", "line\n", "line break"),
        ("shopimind.access_token", 12345, "must be text"),
        ("shopimind.access_token", ["int_1"], "must be text"),
        ("shopimind.base_url", "http://crm.example.org", "must be https"),
        ("shopimind.base_url", "https://user:pass@crm.example.org", "must not carry credentials"),
        ("shopimind.base_url", "core.shopimind.com", "must be an address"),
        ("shopimind.base_url", "https://[::1", "must be an address"),
        ("shopimind.base_url", "https://crm.example.org:99999", "must be an address"),
        ("pos.system", "lightspeed", "must be hiboutik"),
        ("pos.account", "maison.lea", "letters, digits or '-'"),
        ("pos.login", "ops:example", "must not contain ':'"),
        ("pos.base_url", "http://maison-lea.hiboutik.com/api", "must be https"),
        ("pos.monthly_calls", 0, "must be more than 0"),
        ("pos.monthly_calls", "10000", "must be a whole number"),
        ("pos.monthly_calls", 10.5, "must be a whole number"),
        ("pos.monthly_calls", True, "must be a whole number"),
        ("pos.monthly_calls", None, "is empty"),
        ("pos.calls_for_others", -1, "0 or more"),
        ("pos.calls_in_flight", 0, "more than 0"),
        ("pos.calls_in_flight", 6, "at most 5"),
        ("shopimind.requests_in_flight", 0, "more than 0"),
        ("shopimind.requests_in_flight", 9, "at most 8"),
        ("shopimind.requests_in_flight", "many", "whole number"),
        ("pos.calls_for_others", 10_000, "less than monthly_calls"),
        ("identifiers.prefix", "", "1 to 16"),
        ("identifiers.prefix", "a" * 17, "1 to 16"),
        ("identifiers.prefix", "é_", "1 to 16"),
        ("identifiers.offset", -1, "0 or more"),
        ("identifiers.offset", 2**31 - 99_999_999, "no id may pass 2147483647"),
        ("identifiers.offset", 1e9, "must be a whole number"),
        ("rules", ["skip"], "must be a mapping"),
        ("rules.returns", "keep", "must be one of: skip, send"),
        ("rules.returns", True, "truth value"),
        ("rules.line_without_product", "skip", "must be one of: misc_product, drop"),
        ("rules.fractional_quantity", "ceil", "must be one of: one, round"),
        ("rules.consent", {}, "exactly one of tag, list and misc; it has none"),
        ("rules.consent", {"tag": "a", "misc": "b"}, "it has tag and misc"),
        ("rules.consent", "Newsletter", "must be a mapping"),
        ("rules.consent.tag", "", "must not be empty"),
        ("rules.consent.misc", "&nbsp;", "must not be empty"),  # decoded it is in every customer's field
        ("label", " &#32; ", "must not be empty"),
        ("rules.product_link", "http://shop.example/{product_id}", "must be an https address"),
        ("rules.product_link", "https://{shop}.example/{product_id}", "only use {account} and {product_id}"),
        ("rules.product_link", "https://shop.example/{product_id!r}", "only use {account} and {product_id}"),
        ("rules.product_link", "https://shop.example/{product_id", "brace"),
        ("rules.product_link", "https:///{product_id}", "must be an https address"),
    ],
)
def test_refused(told, key: str, value: Any, sentence: str):
    mistakes = told({key.replace(".", "__"): value})
    assert set(mistakes) == {f"shops[0].{key}"}
    assert sentence in mistakes[f"shops[0].{key}"]


@pytest.mark.parametrize("key", ["key", "label", "lang", "shopimind", "pos", "identifiers"])
def test_a_shop_without_a_required_key_is_refused(told, absent, key):
    assert told({key: absent}) == {f"shops[0].{key}": "is missing"}


@pytest.mark.parametrize(
    ("change", "place", "sentence"),
    [
        ({"pos__oauth_token": "t"}, "shops[0].pos.oauth_token", "two ways to sign in"),
        ({"pos__api_key": None, "pos__oauth_token": "t"}, "shops[0].pos.oauth_token", "two ways to sign in"),
        ({"pos__api_key": None}, "shops[0].pos.api_key", "login needs it"),
        ({"pos__login": None}, "shops[0].pos.login", "api_key needs it"),
        ({"pos__login": None, "pos__api_key": None}, "shops[0].pos.login", "login and api_key, or oauth_token"),
    ],
)
def test_a_shop_signs_in_to_its_till_in_exactly_one_way(told, change, place, sentence):
    mistakes = told(change)
    assert set(mistakes) == {place}
    assert sentence in mistakes[place]


def test_where_history_begins_is_said_in_one_way(told):
    mistakes = told({"first_day": "2024-01-01", "history_days": 90})
    assert mistakes == {
        "shops[0].history_days": "there are two ways to say where history begins: keep first_day, or this"
    }
