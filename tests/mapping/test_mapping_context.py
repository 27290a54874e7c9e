"""What a shop's configuration and its till say together."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from connector.config import Identifiers, Rules
from connector.mapping.context import shop_context
from connector.pos import rows


def context(*stores: dict[str, Any], country: str = "FR"):
    configured: Any = SimpleNamespace(
        key="maison-lea",
        lang="fr",
        country=country,
        label=" Maison&nbsp;L&eacute;a ",
        pos=SimpleNamespace(website="https://shop.example", account="lea"),
        identifiers=Identifiers(prefix="ml_", offset=900_000_000),
        rules=Rules(),
    )
    return shop_context(configured, date(2024, 1, 1), rows.to_table(stores, rows.STORES))


def store(
    store_id: int | None, name: str = "Lyon", time_zone: str = "Europe/Paris", currency: str = "EUR"
) -> dict[str, Any]:
    return {"store_id": store_id, "name": name, "time_zone": time_zone, "currency": currency}


def test_the_main_store_is_the_one_with_the_lowest_id():
    ctx = context(store(7), store(2, "Nantes", currency="chf"))
    assert (ctx.main_store.store_id, ctx.main_store.currency) == (2, "CHF")


def test_the_first_day_is_its_midnight_in_the_main_store():
    assert context(store(1, time_zone="Indian/Reunion")).first_day_at == "2024-01-01T00:00:00+04:00"


def test_names_and_labels_are_cleaned_text():
    ctx = context(store(1, " Caf&eacute;\tdu  port "), store(2, "\x00 "))
    assert [found.name for found in ctx.stores] == ["Café du port", "store 2"]
    assert ctx.label == "Maison Léa"


def test_a_store_of_unknown_time_zone_has_that_of_the_first_store_whose_zone_is_known():
    ctx = context(store(1, time_zone="Mars/Base"), store(2, time_zone="Indian/Reunion"), store(3, time_zone=""))
    assert [found.time_zone for found in ctx.stores] == ["Indian/Reunion"] * 3


def test_without_any_known_time_zone_it_is_that_of_the_shops_country():
    assert context(store(1, time_zone=""), country="BE").main_store.time_zone == "Europe/Brussels"


def test_a_row_without_a_store_id_is_no_store():
    assert [found.store_id for found in context(store(None), store(4)).stores] == [4]


def test_a_till_without_stores_says_so_when_it_matters():
    with pytest.raises(ValueError, match="shop maison-lea: the till of account lea lists no store"):
        _ = context().main_store
