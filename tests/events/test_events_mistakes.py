"""Mistakes in the section `events` of `shops.yaml`: all at once, each with its place; and what two shops may share."""

from __future__ import annotations

from typing import Any

import pytest

from tests.config.conftest import Load, Told, load, told  # noqa: F401

VISIT = {"code_name": "visit", "name": "Visit", "properties": ["total", "store"]}
OTHER: dict[str, Any] = {
    "key": "other",
    "label": "Other",
    "identifiers__prefix": "ot_",
    "identifiers__offset": 1_000_000_000,
}


def test_all_mistakes_are_told_at_once_with_their_place(told: Told) -> None:  # noqa: F811
    mistakes = told(
        {
            "events": [
                "pos_refund",
                {"code_name": "Visit", "name": "Visit", "properties": ["total", "colour"]},
                {"code_name": "empty", "name": "Empty", "properties": []},
                {"code_name": "twice", "name": "Twice", "properties": ["total", "total"]},
                {**VISIT, "max_age_hours": 169, "at_least_once": "perhaps", "consent": True},
                {**VISIT, "when": "closed"},
                {"code_name": "bare"},
            ]
        }
    )
    assert set(mistakes) == {
        "shops[0].events[0]",
        "shops[0].events[1].code_name",
        "shops[0].events[1].properties[1]",
        "shops[0].events[2].properties",
        "shops[0].events[3].properties",
        "shops[0].events[4].max_age_hours",
        "shops[0].events[4].at_least_once",
        "shops[0].events[4].consent",
        "shops[0].events[5].code_name",
        "shops[0].events[5].when",
        "shops[0].events[6].name",
        "shops[0].events[6].properties",
    }
    assert "not a built-in event" in mistakes["shops[0].events[0]"]
    assert "rules.consent" in mistakes["shops[0].events[4].consent"]
    assert "another event of this shop" in mistakes["shops[0].events[5].code_name"]


def test_the_built_in_event_may_be_named_or_changed_in_part(load: Load) -> None:  # noqa: F811
    (named,) = load({"events": ["pos_purchase"]})
    (changed,) = load({"events": [{"code_name": "pos_purchase", "at_least_once": True}]})
    assert changed.events[0].properties == named.events[0].properties
    assert (named.events[0].at_least_once, changed.events[0].at_least_once) == (False, True)


def test_under_one_token_an_event_of_one_name_has_the_same_properties(told: Told) -> None:  # noqa: F811
    more = {**VISIT, "properties": ["total"]}
    mistakes = told({"events": ["pos_purchase", VISIT]}, OTHER | {"events": ["pos_purchase", more]})
    assert set(mistakes) == {"shops[1].events[1]"}
    assert "shop maison-lea has the same access token" in mistakes["shops[1].events[1]"]


@pytest.mark.parametrize(
    "changes",
    [
        {"events": [VISIT]},
        {"events": [{**VISIT, "properties": ["store", "total"], "at_least_once": True}]},
        {"events": [{**VISIT, "properties": ["total"]}], "shopimind__access_token": "int_other"},
    ],
    ids=["the same", "in another order, and repeated", "under another token"],
)
def test_shops_may_share_an_event_that_says_the_same_or_is_under_another_token(
    load: Load,  # noqa: F811
    changes: dict[str, Any],
) -> None:
    assert len(load({"events": [VISIT]}, OTHER | changes)) == 2
