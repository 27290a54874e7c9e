"""Data sources at the sandbox's ShopiMind: labels, parents, the default one, and what deleting means."""

from __future__ import annotations

from typing import Any

import pytest
from crm_shop import Shop


def test_sources_are_listed_whole_ordered_by_parent_then_creation(shop: Shop) -> None:
    parents = [shop.data_of("POST", "data-sources", {"label": f"Shop {n}"})["id_data_source"] for n in (1, 2)]
    for number in range(6):
        shop.data_of("POST", "data-sources", {"label": f"Store {number}", "parent_id": parents[number % 2]})

    labels = [source["label"] for source in shop.data_of("GET", "data-sources", limit=2)]

    assert labels == ["Web", "Shop 1", "Shop 2", "Store 0", "Store 2", "Store 4", "Store 1", "Store 3", "Store 5"]


def test_a_source_config_comes_back_as_text(shop: Shop) -> None:
    given = shop.data_of("POST", "data-sources", {"label": "A", "type": "api", "config": {"store_id": "3"}})

    assert given["config"] == '{"store_id":"3"}'
    assert shop.data_of("POST", "data-sources", {"label": "B", "config": '{"x": 1}'})["config"] == '{"x": 1}'
    assert shop.data_of("POST", "data-sources", {"label": "C"})["config"] is None


@pytest.mark.parametrize("label", ["Lyon", " lyon "])
def test_a_source_label_is_unique_even_among_deactivated_ones(shop: Shop, label: str) -> None:
    source = shop.data_of("POST", "data-sources", {"label": "Lyon"})
    shop.call("DELETE", f"data-sources/{source['id_data_source']}")
    shop.crm.switch(duplicate_label_status=409)

    assert shop.call("POST", "data-sources", {"label": label}).status_code == 409
    assert shop.call("PUT", f"data-sources/{shop.web}", {"label": label}).status_code == 409
    assert shop.call("PUT", f"data-sources/{source['id_data_source']}", {"label": label}).status_code == 200


def test_a_deleted_source_stays_listed_inactive_and_can_come_back(shop: Shop) -> None:
    parent = shop.data_of("POST", "data-sources", {"label": "Shop"})["id_data_source"]
    child = shop.data_of("POST", "data-sources", {"label": "Store", "parent_id": parent})["id_data_source"]

    shop.call("DELETE", f"data-sources/{parent}")

    assert shop.data.sources[parent]["active"] is False
    assert shop.data.sources[child]["parent_id"] is None
    assert shop.data_of("PUT", f"data-sources/{parent}", {"active": True})["active"] is True


def test_the_default_source_cannot_be_deleted(shop: Shop) -> None:
    assert shop.call("DELETE", f"data-sources/{shop.web}").status_code == 400


def test_a_source_cannot_be_below_itself_or_below_nothing(shop: Shop) -> None:
    top = shop.data_of("POST", "data-sources", {"label": "Top"})["id_data_source"]
    low = shop.data_of("POST", "data-sources", {"label": "Low", "parent_id": top})["id_data_source"]

    assert shop.call("PUT", f"data-sources/{top}", {"parent_id": low}).status_code == 400
    assert shop.call("PUT", f"data-sources/{top}", {"parent_id": top}).status_code == 400
    assert shop.call("POST", "data-sources", {"label": "New", "parent_id": 4_000}).status_code == 400


@pytest.mark.parametrize("body", [{}, {"label": " "}, {"label": "A", "active": True}, {"label": "A", "parent_id": "1"}])
def test_a_source_with_missing_unknown_or_mistyped_fields_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    assert shop.call("POST", "data-sources", body).status_code == 400
