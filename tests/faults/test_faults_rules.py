"""The rules, end to end, and what a changed rule sends again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.faults.little_till import account, customer, days_ago, line, sale, store
from tests.faults.shop_world import Synced, World

FIRST = date.fromisoformat(days_ago(6))
STORES = [store(1, "Lyon"), store(2, "Nice")]


@pytest.fixture
def odd(make_world: Callable[..., World]) -> World:
    """A shop with one sale of each kind that a rule is about, five days ago."""
    at = days_ago(5)
    sales = [
        sale(1, 1, at, 1, line(1)),
        sale(2, 1, at, 2, line(1), sale_ext_ref="WEB-2"),
        sale(3, 1, at, 0, line(1)),
        sale(4, 1, at, 99, line(1)),  # nobody has this number
        sale(5, 1, at, 1, line(1, quantity=-1)),
        sale(6, 1, at, 5, line(2)),  # has no e-mail
        sale(7, 1, at, 1, line(3), line(1, quantity=-1)),
        sale(8, 1, at, 1, line(0, product_price="7.00"), line(2)),
        sale(9, 1, at, 1, line(2, quantity=1.5)),
        sale(10, 2, at, 2, line(1)),
    ]
    customers = [customer(1), customer(2), customer(5, email="")]
    return make_world(account("alpha", 100_000_000, STORES, sales, customers=customers))


def everything(world: World) -> Synced:
    return world.sync(first=FIRST)


def test_by_default_the_rules_leave_out_what_they_say(odd: World) -> None:
    synced = odd.sync()

    assert synced.row("orders", 1)["skipped"] == {
        "web_order": 1,
        "anonymous": 1,
        "unknown_customer": 1,
        "return": 1,
        "customer_without_email": 1,
    }
    assert synced.row("customers")["skipped"] == {"customer_without_email": 1}
    assert set(odd.items("orders")) == {"a_1", "a_7", "a_8", "a_9", "a_10"}
    orders = odd.items("orders")
    assert [each["quantity"] for each in orders["a_9"]["products"]] == [1]
    assert [each["product_id"] for each in orders["a_7"]["products"]] == [100000003]
    assert orders["a_7"]["amount"] == 20.0
    assert [each["product_id"] for each in orders["a_8"]["products"]] == [100000000, 100000002]


@pytest.mark.parametrize(
    ("rules", "orders", "resent"),
    [
        ({"web_orders": "send"}, {"a_2"}, {"a_2"}),
        ({"anonymous_sales": "send"}, {"a_3", "a_4"}, {"a_3", "a_4"}),
        ({"returns": "send"}, {"a_5"}, {"a_5"}),
        ({"customers_without_email": "send"}, {"a_6"}, {"a_6"}),
        ({"return_lines": "send"}, set(), {"a_7"}),
        ({"line_without_product": "drop"}, set(), {"a_8"}),
        ({"fractional_quantity": "round"}, set(), {"a_9"}),
    ],
)
def test_a_changed_rule_sends_what_it_changes_and_nothing_else(
    odd: World, rules: dict[str, str], orders: set[str], resent: set[str]
) -> None:
    odd.sync()
    before = set(odd.items("orders"))
    odd.configure(rules=rules)

    changed = everything(odd)

    assert changed.status == "delivered", changed.message
    assert set(odd.items("orders")) == before | orders
    assert {item["order_id"] for item in odd.sent("orders")} == resent
    if "customers_without_email" in rules:
        assert odd.items("customers")["a_5"]["email"] == ""
        assert {item["customer_id"] for item in odd.sent("customers")} == {"a_5"}
    if "anonymous_sales" in rules:
        sent = odd.items("orders")["a_3"]
        assert sent["customer"] == {"customer_id": "", "email": "", "created_at": sent["created_at"]}


def test_customers_of_the_parent_move_there_with_their_profiles(odd: World) -> None:
    first = odd.sync()
    parent = first.row("products")["id_data_source"]
    assert {item["id_data_source"] for item in odd.items("customers").values()} == {
        first.row("orders", 1)["id_data_source"],
        first.row("orders", 2)["id_data_source"],
    } - ({first.row("orders", 1)["id_data_source"]} & set())
    odd.configure(rules={"customers_source": "parent"})

    moved = odd.sync()

    assert moved.row("customers")["sent"] == moved.row("pos_profiles")["sent"] == 2
    assert {item["id_data_source"] for item in odd.items("customers").values()} == {parent}
    assert {item["id_data_source"] for item in odd.crm().records("pos_profile")} == {parent}
    assert moved.total("failed") == 0


@pytest.mark.parametrize(
    ("consent", "keys"),
    [
        ({"list": "Newsletter"}, []),
        ({"tag": "VIP"}, ["tags"]),
        ({"misc": "newsletter=oui"}, ["customers_misc"]),
    ],
)
def test_consent_is_granted_by_a_list_a_tag_or_a_misc_field_and_taken_back(
    odd: World, consent: dict[str, str], keys: list[str]
) -> None:
    odd.sandbox.till.switches.customers_extra_keys = keys
    till = odd.till()
    till.put("customer_lists", {"list_id": 1, "list_name": "Newsletter"})
    till.put("tags", {"of": "customers", "tag_cat_id": 1, "tag_cat": "F", "tag_details": [{"tag_id": 1, "tag": "VIP"}]})
    granted = {"customers_id": 2, "tags": [1], "lists": [1], "customers_misc": "newsletter=oui"}
    till.put("customers", granted)
    odd.sync()
    assert not any(item["is_opt_in"] for item in odd.items("customers").values())
    odd.configure(rules={"consent": consent})

    agreed = odd.sync()

    assert agreed.row("customers")["sent"] == 1
    assert {name: item["is_opt_in"] for name, item in odd.items("customers").items()} == {"a_1": False, "a_2": True}
    assert odd.items("customers")["a_2"]["is_newsletter_subscribed"] is True

    till.put("customers", granted | {"tags": [], "lists": [], "customers_misc": ""})
    assert odd.sync().row("customers")["sent"] == 1
    assert odd.items("customers")["a_2"]["is_opt_in"] is False


def test_a_changed_product_link_sends_the_products_again(odd: World) -> None:
    odd.sync()
    odd.configure(rules={"product_link": "https://shop.example/{product_id}"})
    changed: Any = odd.sync()
    assert changed.row("products")["sent"] == changed.row("products")["read"] == 7
    assert odd.items("products")["100000002"]["link"] == "https://shop.example/2"


def test_a_web_order_is_known_by_its_own_page_where_the_list_lacks_the_key(odd: World) -> None:
    odd.sandbox.till.switches.closed_sales_ref_key = False
    synced = odd.sync()
    assert synced.row("orders", 1)["skipped"]["web_order"] == 1
    assert odd.requests("till", "/api/sales/2")
    assert not odd.requests("till", "/api/sales/3")  # anonymous: skipped anyway
