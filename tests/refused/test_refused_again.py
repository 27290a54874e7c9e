"""When a refused record is tried again by itself: its row, the mapping's version or a rule changed. And only then."""

from __future__ import annotations

from datetime import date

import pytest

from connector.mapping import edition
from tests.faults.shop_world import World
from tests.refused.refusals import CUSTOMER, EUROS, OLD, ORDER, PRODUCT, listed


def tries(world: World) -> dict[tuple[str, str], int]:
    return {key: row["tries"] for key, row in listed(world).items()}


def test_a_new_version_of_the_mapping_tries_every_refused_record_once_more_and_no_delivered_one(
    refusing: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edition, "MAPPING_VERSION", 2)

    assert refusing.sync().status == "refused"

    assert [item["customer_id"] for item in refusing.sent("customers")] == ["a_9"]
    assert [item["order_id"] for item in refusing.sent("orders")] == ["a_901"]
    assert not refusing.sent("products")
    assert OLD in refusing.days_asked(1) & refusing.days_asked(2)
    assert tries(refusing) == {CUSTOMER: 2, ORDER: 2, PRODUCT: 2, EUROS: 2}
    refusing.sync()
    assert not refusing.requests("crm", method="POST")
    assert OLD not in refusing.days_asked(1) | refusing.days_asked(2)


def test_so_does_a_changed_rule(refusing: World) -> None:
    refusing.configure(rules={"customers_without_email": "send", "returns": "send"})
    refusing.sync()
    assert [item["order_id"] for item in refusing.sent("orders")] == ["a_901"]
    assert tries(refusing) == {CUSTOMER: 2, ORDER: 2, PRODUCT: 2, EUROS: 2}


def test_a_rule_that_leaves_them_out_takes_them_off_the_list_even_of_days_long_complete(refusing: World) -> None:
    refusing.configure(rules={"customers_without_email": "skip"})
    refusing.sync()
    assert set(listed(refusing)) == {PRODUCT, EUROS}


def test_another_token_or_label_is_no_reason(refusing: World) -> None:
    refusing.configure(label="Un autre nom")
    refusing.sync()
    assert set(tries(refusing).values()) == {1}


def test_an_order_that_was_refused_for_its_customers_email_is_tried_again_when_that_changes(refusing: World) -> None:
    refusing.till().put("customers", {"customers_id": 9, "email": "enfin@example.org"})
    refusing.sync()
    assert ORDER in listed(refusing)  # its day is complete, and its own row did not change
    refusing.sync(first=date.fromisoformat(OLD), last=date.fromisoformat(OLD))
    assert [item["order_id"] for item in refusing.sent("orders")] == ["a_901"]
    assert set(listed(refusing)) == {PRODUCT, EUROS}
