"""The till changes between two syncs, or during one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from connector.sandbox.fault_plan import Fault
from connector.sandbox.hiboutik_shapes import CUSTOMER
from tests.faults.little_till import CUSTOMERS, DAYS, customer, days_ago, line, product, sale, store
from tests.faults.shop_world import World


def test_an_archived_product_becomes_inactive(world: World) -> None:
    world.sync()
    world.till().put("products", {"product_id": 2, "product_arch": 1})

    again = world.sync()

    assert again.row("products")["sent"] == 1
    assert world.items("products")["100000002"]["is_active"] is False


@pytest.mark.only_local("the file of the database is deleted")
def test_a_product_that_vanished_before_the_ledger_was_lost_becomes_inactive_all_the_same(world: World) -> None:
    world.sync()
    world.till().delete("products", 3)
    for file in world.home.glob("state.sqlite*"):
        file.unlink()

    assert world.sync().status == "delivered"
    assert not world.items("products")["100000003"]["is_active"]


def test_a_product_that_vanishes_becomes_inactive_once(world: World) -> None:
    world.sync()
    world.till().delete("products", 2)

    gone = world.sync()
    after = world.sync()

    assert gone.row("products") | {"id_data_source": 0} == {
        "entity": "products",
        "store_id": None,
        "id_data_source": 0,
        "read": 6,
        "skipped": {},
        "unchanged": 5,
        "sent": 1,
        "refused": 0,
        "failed": 0,
    }
    assert world.items("products")["100000002"]["is_active"] is False
    assert (after.row("products")["read"], after.row("products")["sent"]) == (5, 0)

    world.till().put("products", product(2))
    assert world.sync().row("products")["sent"] == 1
    assert world.items("products")["100000002"]["is_active"] is True


def test_a_vanished_product_whose_last_delivery_failed_is_sent_by_the_next_run(world: World) -> None:
    world.sync()
    world.till().delete("products", 2)
    world.break_crm(Fault(kind="answer", path="/v1/products$", status=501))
    assert world.sync().row("products")["failed"] == 1

    world.mend()
    assert world.sync().row("products")["sent"] == 1
    assert world.items("products")["100000002"]["is_active"] is False


def test_a_product_list_that_is_cut_short_makes_nothing_inactive(world: World) -> None:
    world.sync()
    page = [product(number) for number in range(1, 4)]
    world.break_till(
        Fault(kind="answer", status=200, path="/products/$", body=page, headers={"content-range": "1-3/6"}, times=1),
    )
    synced = world.sync()
    assert synced.row("products")["sent"] == 0
    assert all(item["is_active"] for item in world.items("products").values())


def test_a_customer_who_is_created_between_the_list_and_his_sale_is_read_once(world: World) -> None:
    listed = [CUSTOMER | customer(number) for number in range(1, 9)]
    world.till().put("customers", customer(9))
    world.till().put_sale(sale(900, 1, days_ago(0), 9))
    world.break_till(Fault(kind="answer", status=200, path="/customers/$", body=listed))

    first = world.sync()
    assert first.status == "delivered"
    assert len(world.requests("till", "/customer/9")) == 1
    assert world.items("customers")["a_9"]["email"] == "camille.9@example.org"
    assert world.items("orders")["a_900"]["customer"]["customer_id"] == "a_9"

    again = world.sync()
    assert not world.requests("till", "/customer/9")
    assert again.row("customers")["unchanged"] == 9

    world.mend()
    listed_now = world.sync()
    assert not world.requests("till", "/customer/9")
    assert (listed_now.row("customers")["read"], listed_now.total("sent")) == (9, 0)


def test_a_customer_who_is_deleted_in_the_till_keeps_what_was_delivered(world: World) -> None:
    world.sync()
    orders = world.items("orders")
    world.till().delete("customers", 3)

    again = world.sync()

    assert again.status == "delivered"
    assert again.row("customers")["read"] == 7
    skipped = sum(again.row("orders", store_id)["skipped"].get("unknown_customer", 0) for store_id in (1, 2))
    assert skipped > 0
    assert not world.requests("till", "/customer/3")
    assert world.items("orders") == orders
    assert "a_3" in world.items("customers")


def test_an_edited_sale_is_sent_again_and_a_late_one_is_found_within_the_look_back(world: World) -> None:
    world.sync()
    edited = world.till().sales_of_day(1, date.fromisoformat(days_ago(2)), "completed_at")[0]
    world.till().put_sale({"sale_id": edited["sale_id"], "line_items": [line(6)]})
    world.till().put_sale(sale(901, 2, days_ago(2), 4))

    again = world.sync()

    assert again.row("orders", 1)["sent"] == again.row("orders", 2)["sent"] == 1
    assert world.items("orders")[f"a_{edited['sale_id']}"]["amount"] == 60.0
    assert "a_901" in world.items("orders")


def test_a_sale_that_shows_up_in_an_old_day_is_found_when_that_day_is_asked_for(world: World) -> None:
    world.sync()
    world.till().put_sale(sale(902, 1, days_ago(5), 4))
    assert world.sync().row("orders", 1)["sent"] == 0

    again = world.sync(first=date.fromisoformat(days_ago(5)), last=date.fromisoformat(days_ago(5)))

    assert again.row("orders", 1)["sent"] == 1
    assert world.days_asked(1) == {days_ago(5)}


def test_a_renamed_store_updates_its_label(world: World) -> None:
    world.sync()
    before = {number: source["label"] for number, source in world.crm().sources.items()}
    world.till().put("stores", {"store_id": 2, "store_name": "Nice Centre"})

    again = world.sync()

    assert again.status == "delivered"
    after = {number: source["label"] for number, source in world.crm().sources.items()}
    assert set(after) == set(before)
    assert {after[number] for number in after if after[number] != before[number]} == {"Alpha - Nice Centre"}


def test_a_new_store_is_read_from_its_first_day_and_the_others_are_not_read_again(world: World) -> None:
    world.sync()
    world.till().put("stores", store(3, "Brest"))
    world.till().put_sale(sale(903, 3, days_ago(5), 4))
    world.till().put_sale(sale(904, 3, days_ago(0), 4))

    again = world.sync()

    assert again.status == "delivered"
    assert again.row("orders", 3)["sent"] == 2
    assert world.days_asked(3) == {days_ago(ago) for ago in range(DAYS)}
    assert world.days_asked(1) == world.days_asked(2) == {days_ago(ago) for ago in range(3)}
    assert again.report["quota"]["limit"] == 30_000
    source = again.row("orders", 3)["id_data_source"]
    assert world.items("orders")["a_903"]["id_data_source"] == source
    assert world.crm().sources[source]["label"] == "Alpha - Brest"


def test_a_store_that_is_gone_leaves_the_others_alone(world: World) -> None:
    world.sync()
    world.till().delete("stores", 2)

    again = world.sync()

    assert again.status == "delivered"
    assert again.row("orders", 1)["unchanged"] == 6
    assert len(world.items("orders")) == 28


def test_a_backfill_moves_the_home_store_and_sends_no_order_again(world: World) -> None:
    for number, ago in enumerate((5, 5, 4)):  # older days are all Nice
        world.till().put_sale(sale(910 + number, 2, days_ago(ago), 1))
    world.till().put_sale(sale(920, 1, days_ago(0), 1))
    world.till().put_sale(sale(921, 1, days_ago(0), 1))
    first = world.sync(first=date.fromisoformat(days_ago(0)))
    lyon = first.row("orders", 1)["id_data_source"]
    assert world.items("customers")["a_1"]["id_data_source"] == lyon
    profile = next(
        p for p in world.crm().records("pos_profile") if p["home_store"] == "Lyon" and p["orders_count"] >= 2
    )

    moved = world.sync()

    nice = moved.row("orders", 2)["id_data_source"]
    assert world.items("customers")["a_1"]["id_data_source"] == nice
    assert world.items("customers")["a_1"]["created_at"].startswith(days_ago(5))
    again = next(p for p in world.crm().records("pos_profile") if p["contact_id"] == profile["contact_id"])
    assert (again["home_store"], again["id_data_source"]) == ("Nice", nice)
    assert not {"a_920", "a_921"} & {item["order_id"] for item in world.sent("orders")}


def test_an_order_is_not_sent_again_because_its_customers_e_mail_changed(world: World) -> None:
    world.sync()
    for number in range(1, 9):
        world.till().put("customers", {"customers_id": number, "email": f"new.{number}@example.org"})

    again = world.sync(first=date.fromisoformat(days_ago(6)))

    assert again.row("customers")["sent"] == 8
    assert again.row("orders", 1)["unchanged"] == again.row("orders", 2)["unchanged"] == 14


def test_the_miscellaneous_product_is_sent_when_a_line_needs_it(world: World) -> None:
    assert world.sync().row("products")["read"] == 6
    world.till().put_sale(sale(930, 1, days_ago(0), 1, line(0, product_price="4.00")))

    again = world.sync()

    assert again.row("products")["read"] == 7
    assert again.row("products")["sent"] == 1
    assert "100000000" in world.items("products")
    assert world.items("orders")["a_930"]["products"][0]["product_id"] == 100000000
    assert world.sync().row("products")["unchanged"] == 7


def test_a_sale_that_moves_to_another_day_is_counted_there_only(world: World) -> None:
    world.sync()
    moved = world.till().sales_of_day(1, date.fromisoformat(days_ago(1)), "completed_at")[0]
    at = f"{days_ago(0)} 08:00:00"
    world.till().put_sale({"sale_id": moved["sale_id"], "completed_at": at})

    again = world.sync()

    assert again.row("orders", 1)["sent"] == 1
    assert world.items("orders")[f"a_{moved['sale_id']}"]["created_at"].startswith(days_ago(0))
    with world.opened() as run:
        totals = run.sales_read.totals(days_ago(1), days_ago(0)).to_pylist()
    assert {t["day"]: t["sales"] for t in totals if t["store_id"] == 1} == {days_ago(1): 1, days_ago(0): 3}


@pytest.mark.parametrize("extra", [{}, {"customers_extra_keys": ["updated_at"]}])
def test_an_unchanged_till_costs_shopimind_no_write(world: World, extra: dict[str, Any]) -> None:
    for name, value in extra.items():
        setattr(world.sandbox.till.switches, name, value)
    world.sync()
    assert world.sync().total("sent") == 0
    assert {entry["method"] for entry in world.requests("crm")} == {"GET"}


def test_the_same_till_after_a_new_home_is_recognised(
    make_world: Callable[..., World],
) -> None:
    world = make_world()
    world.sync()
    sources = set(world.crm().sources)
    world.home = world.folder / "another-home"

    again = world.sync()

    assert again.status == "delivered"
    assert again.row("data_sources")["unchanged"] == 3
    assert set(world.crm().sources) == sources
    assert len(world.items("orders")) == 28


def test_merged_customers_leave_the_one_who_is_gone_as_he_was_and_new_sales_to_the_other(world: World) -> None:
    """What the till's merge does to the list and to sales that are read from then on."""
    world.sync()
    till = world.till()
    till.delete("customers", 3)
    for ago in range(DAYS):
        for store_id in (1, 2):
            for each in till.sales_of_day(store_id, date.fromisoformat(days_ago(ago)), "completed_at"):
                if each["customer_id"] == 3:
                    till.put_sale({"sale_id": each["sale_id"], "customer_id": 4})
    till.put_sale(sale(940, 1, days_ago(0), 4))
    profile = next(p for p in world.crm().records("pos_profile") if p["loyalty_points"] == 4)

    merged = world.sync(first=date.fromisoformat(days_ago(6)))

    assert merged.status == "delivered"
    assert "a_3" in world.items("customers"), "nothing is ever deleted in ShopiMind"
    assert {item["customer"]["customer_id"] for item in world.items("orders").values()} == {
        f"a_{number}" for number in range(1, CUSTOMERS + 1) if number != 3
    }
    survivor = next(p for p in world.crm().records("pos_profile") if p["contact_id"] == profile["contact_id"])
    assert survivor["orders_count"] > profile["orders_count"] + 1


def test_a_sale_that_is_closed_no_longer_stays_an_order_but_counts_no_longer(world: World) -> None:
    world.sync()
    gone = world.till().sales_of_day(1, date.fromisoformat(days_ago(1)), "completed_at")[0]
    loyal = gone["customer_id"]
    before = next(p for p in world.crm().records("pos_profile") if p["loyalty_points"] == loyal)
    world.till().put_sale({"sale_id": gone["sale_id"], "completed_at": "0000-00-00 00:00:00"})

    again = world.sync()

    assert again.status == "delivered"
    assert f"a_{gone['sale_id']}" in world.items("orders")
    after = next(p for p in world.crm().records("pos_profile") if p["loyalty_points"] == loyal)
    assert after["orders_count"] == before["orders_count"] - 1


def test_a_sale_that_a_rule_leaves_out_after_an_edit_stays_the_order_it_was(world: World) -> None:
    world.sync()
    edited = world.till().sales_of_day(1, date.fromisoformat(days_ago(1)), "completed_at")[0]
    order = world.items("orders")[f"a_{edited['sale_id']}"]
    world.till().put_sale({"sale_id": edited["sale_id"], "customer_id": 0})

    again = world.sync()

    assert again.row("orders", 1)["skipped"] == {"anonymous": 1}
    assert world.items("orders")[f"a_{edited['sale_id']}"] == order


def test_a_customer_whose_store_is_closed_moves_to_the_store_of_his_other_sales_else_to_the_parent(
    world: World,
) -> None:
    world.till().put("customers", customer(9))
    world.till().put_sale(sale(950, 2, days_ago(1), 9))
    first = world.sync()
    assert world.items("customers")["a_9"]["id_data_source"] == first.row("orders", 2)["id_data_source"]
    world.till().delete("stores", 2)

    again = world.sync()

    assert again.status == "delivered"
    parent = next(number for number, source in world.crm().sources.items() if source["label"] == "Alpha")
    lyon = again.row("orders", 1)["id_data_source"]
    assert world.items("customers")["a_9"]["id_data_source"] == parent
    assert {item["id_data_source"] for item in world.items("customers").values()} == {lyon, parent}
    assert world.items("orders")["a_950"]["id_data_source"] == first.row("orders", 2)["id_data_source"]
    assert {source["label"] for source in world.crm().sources.values()} == {
        "Web",
        "Alpha",
        "Alpha - Lyon",
        "Alpha - Nice",
    }


def test_a_customer_who_loses_his_e_mail_is_skipped_from_then_on_and_stays_as_he_was(world: World) -> None:
    world.sync()
    world.till().put("customers", {"customers_id": 5, "email": ""})

    again = world.sync()

    assert again.row("customers")["skipped"] == {"customer_without_email": 1}
    assert again.total("failed") == again.total("refused") == 0
    assert world.items("customers")["a_5"]["email"] == "camille.5@example.org"
