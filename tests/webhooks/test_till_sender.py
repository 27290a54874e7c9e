"""The played till pushes as the real one is known to."""

from __future__ import annotations

from urllib.parse import parse_qs

from tests.webhooks.conftest import Pushing


def test_a_message_is_a_form_of_texts_with_the_old_keys_and_the_whole_sale(unsynced: Pushing) -> None:
    unsynced.receiver.journal.on = True
    unsynced.close_sale(601, customer=0)
    (entry,) = unsynced.receiver.journal.entries
    assert "HiboutikCallBack" in entry["headers"]["user-agent"]
    assert entry["headers"]["content-type"] == "application/x-www-form-urlencoded"
    fields = parse_qs(entry["body"], keep_blank_values=True)
    assert fields["order_id"] == fields["sale_id"] == ["601"]
    assert fields["unique_order_id"][0] + "601" == fields["unique_sale_id"][0]
    assert fields["line_items[0][product_id]"] == ["11"]
    assert fields["sale_tags"] == [""]
    assert fields["store_address[city]"] == [""]


def test_a_webhook_may_be_for_one_store(unsynced: Pushing) -> None:
    unsynced.webhook(webhook_id=1, webhook_store_id=2)
    unsynced.close_sale(601, store=1)
    unsynced.close_sale(602, store=2)
    assert [each.sale_id for each in unsynced.waiting()] == [602]


def test_store_0_may_stand_for_none(unsynced: Pushing) -> None:
    unsynced.switch(webhooks_all_stores=False)
    unsynced.close_sale(601, store=1)
    assert unsynced.waiting() == []


def test_customers_are_pushed_with_their_id(unsynced: Pushing) -> None:
    unsynced.receiver.journal.on = True
    unsynced.webhook(webhook_action="customer")
    unsynced.at_till("customers", {"customers_id": 101, "first_name": "Inès"})
    (entry,) = unsynced.receiver.journal.entries
    assert (entry["body"], entry["status"]) == ("customer_id=101", 200)
