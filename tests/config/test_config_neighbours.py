"""What two shops may not share, and what they may."""

from __future__ import annotations

import pytest

from connector.shops import sharing

OTHER = {
    "key": "other",
    "label": "Other",
    "identifiers__prefix": "ot_",
    "identifiers__offset": 1_000_000_000,
}


def test_shops_under_one_token_that_share_nothing_else_are_accepted(load):
    assert [shop.key for shop in load({}, OTHER)] == ["maison-lea", "other"]


def test_shops_may_share_a_pos_account(load):
    load({"pos__account": "same"}, OTHER | {"pos__account": "same"})


def test_shops_with_different_tokens_may_share_prefix_label_and_integer_ids(load):
    load({}, {"key": "other", "shopimind__access_token": "int_other"})


def test_a_key_belongs_to_one_shop_whatever_the_token(told):
    mistakes = told({}, OTHER | {"key": "maison-lea", "shopimind__access_token": "int_other"})
    assert set(mistakes) == {"shops[1].key"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"identifiers__prefix": "ml_"}, "identifiers.prefix"),
        ({"identifiers__prefix": "ml_2"}, "identifiers.prefix"),
        ({"label": " MAISON  LÉA "}, "label"),
        ({"label": "Maison L&eacute;a"}, "label"),
        ({"identifiers__offset": 900_000_000}, "identifiers.offset"),
        ({"identifiers__offset": 999_999_999}, "identifiers.offset"),
        ({"identifiers__offset": 800_000_001}, "identifiers.offset"),
    ],
)
def test_under_one_token_ids_and_labels_must_not_meet(told, change, place):
    mistakes = told({}, OTHER | change)
    assert set(mistakes) == {f"shops[1].{place}"}
    assert "shop maison-lea has the same access token" in mistakes[f"shops[1].{place}"]


def test_prefixes_that_only_begin_alike_are_accepted(load):
    load({}, OTHER | {"identifiers__prefix": "ml_x"})


@pytest.mark.parametrize("offset", [800_000_000, 1_000_000_000])
def test_integer_ids_may_touch(load, offset):
    load({}, OTHER | {"identifiers__offset": offset})


def test_one_token_behind_two_variables_is_one_token(told):
    mistakes = told(
        {"shopimind__access_token": "${ONE}"},
        OTHER | {"shopimind__access_token": "${TWO}", "identifiers__prefix": "ml_"},
        environ={"ONE": "int_same", "TWO": "int_same"},
    )
    assert set(mistakes) == {"shops[1].identifiers.prefix"}
    assert "int_same" not in str(mistakes)


def test_neighbours_are_compared_even_when_they_have_other_mistakes(told):
    mistakes = told({"lang": "french"}, OTHER | {"identifiers__prefix": "ml_", "country": "France"})
    assert set(mistakes) == {"shops[0].lang", "shops[1].country", "shops[1].identifiers.prefix"}


def test_shops_whose_tokens_are_missing_are_not_taken_for_neighbours(told):
    mistakes = told(
        {"shopimind__access_token": "${ONE}"},
        {"key": "other", "shopimind__access_token": "${ONE}"},
    )
    assert set(mistakes) == {"shops[0].shopimind.access_token", "shops[1].shopimind.access_token"}


@pytest.mark.parametrize(
    ("own", "shares"),
    [
        ((8, 8), [4, 4]),
        ((8, 8, 8), [2, 2, 2]),
        ((8, 2), [1, 1]),  # whoever knows that it takes no more than two
        ((8,) * 9, [1] * 9),
    ],
)
def test_shops_of_one_token_divide_the_lowest_ceiling_that_one_of_them_has(load, own, shares):
    shops = [
        {
            "key": f"shop-{n}",
            "label": f"Shop {n}",
            "identifiers__prefix": f"s{n}_",
            "identifiers__offset": n * 100_000_000,
        }
        | {"shopimind__requests_in_flight": most, "pos__account": f"account-{n}"}
        for n, most in enumerate(own)
    ]
    shared = sharing(load(*shops))
    assert [shop.shopimind.requests_in_flight for shop in shared] == shares
    assert {shop.pos.calls_in_flight for shop in shared} == {5}


def test_shops_of_one_account_divide_the_lowest_ceiling_that_one_of_them_has(load):
    tokens = (
        {"shopimind__access_token": f"int_{n}", "key": f"shop-{n}", "pos__calls_in_flight": 5 - 3 * n} for n in range(2)
    )
    shared = sharing(load(*tokens))
    assert [shop.pos.calls_in_flight for shop in shared] == [1, 1]
    assert {shop.shopimind.requests_in_flight for shop in shared} == {8}
