"""With `erase_deleted`, a customer who was deleted at the till is erased: once its list and his page lack him, and only then."""

from __future__ import annotations

import time
from itertools import count

import httpx
import pytest

from connector.config import load_shops
from connector.erasure_deleted import Search, erase_deleted
from connector.pos.rows import CUSTOMERS
from connector.reading_customers import read_customers
from connector.sandbox.fault_plan import FaultPlan, status_fault
from connector.shop_run import ShopRun
from connector.state.changed_customers import ChangedCustomers
from connector.state.till_inbox import TillInbox
from connector.webhooks import webhook_path
from tests.erasure.conftest import SECRET, SOON, Telling
from tests.erasure.test_erasure import EMAIL, NAME, named
from tests.erasure.test_erasure_of_what_waits import pushed
from tests.sync.world import World, day, line, sale


@pytest.mark.parametrize("answer", ["404", "empty"])
def test_who_was_deleted_is_erased_by_the_next_sync_and_does_not_come_back(telling: Telling, answer: str) -> None:
    world = telling.world
    world.sandbox.till.switches.unknown_id = answer
    telling.delete_at_the_till(101)
    ran = telling.sync()
    assert (ran.code, ran.shop()["status"]) == (0, "delivered"), ran.err
    assert named(world) == []
    assert EMAIL not in ran.out + ran.err
    assert telling.told() == set()

    world.record()
    assert telling.sync().code == 0
    assert not [call for call in world.till_calls() if call.startswith("customer/")]
    assert named(world) == []


def test_who_was_changed_stays_and_is_not_asked_for(telling: Telling) -> None:
    telling.change_at_the_till(101)
    telling.world.record()
    assert telling.sync().code == 0
    assert NAME in telling.world.held_by_id("customers", "customer_id")
    assert not [call for call in telling.world.till_calls() if call.startswith("customer/")]
    assert telling.told() == set()


def test_who_has_become_part_of_another_customer_is_not_erased(telling: Telling) -> None:
    world = telling.world
    orders = world.held_by_id("orders", "order_id")
    for number, ago in ((501, 5), (504, 4)):
        world.till().put_sale(sale(number, day(ago), customer=102))
    telling.delete_at_the_till(101)
    ran = telling.sync()
    assert ran.code == 0
    assert set(world.held_by_id("orders", "order_id")) == set(orders)
    assert NAME in world.held_by_id("customers", "customer_id")
    assert telling.told() == set()
    assert "looks like a merge" in ran.err


@pytest.mark.parametrize("lost_before", [False, True])
def test_nor_is_he_whose_last_sale_is_read_as_the_others_by_the_same_sync_or_an_earlier_one(
    telling: Telling, lost_before: bool
) -> None:
    """A duplicate of yesterday: the sync that looks for him has just read his only sale, which is in the look-back, anew."""
    world = telling.world
    world.till().put("customers", {"customers_id": 150, "last_name": "Double", "email": "double@example.org"})
    world.till().put_sale(sale(590, day(1), line(), customer=150))
    assert telling.sync().code == 0
    world.till().put_sale(sale(590, day(1), line(), customer=102))
    if lost_before:
        assert telling.sync("--only", "orders").code == 0
    telling.delete_at_the_till(150)
    ran = telling.sync()
    assert ran.code == 0, ran.err
    assert "a_150" in world.held_by_id("customers", "customer_id")
    assert telling.told() == set()
    assert "looks like a merge" in ran.err


def test_who_lost_his_sale_to_nobody_is_erased(telling: Telling) -> None:
    world = telling.world
    world.till().put("customers", {"customers_id": 150, "last_name": "Seul", "email": "seul@example.org"})
    world.till().put_sale(sale(590, day(1), line(), customer=150))
    assert telling.sync().code == 0
    world.till().put_sale(sale(590, day(1), line(), customer=0))
    telling.delete_at_the_till(150)
    assert telling.sync().code == 0
    assert "a_150" not in world.held_by_id("customers", "customer_id")
    assert "a_590" not in world.held_by_id("orders", "order_id")


@pytest.mark.parametrize("status", [403, 500])
def test_who_could_not_be_asked_for_waits_for_the_next_sync(telling: Telling, status: int) -> None:
    world = telling.world
    telling.delete_at_the_till(101)
    world.sandbox.till_server.faults = FaultPlan([status_fault(status, path="/customer/101")])
    ran = telling.sync()
    assert ran.code == 1
    assert "may have been deleted" in ran.shop()["message"]
    assert telling.told() == {101}
    assert NAME in world.held_by_id("customers", "customer_id")

    world.sandbox.till_server.faults = FaultPlan()
    assert telling.sync().code == 0
    assert named(world) == []


def test_without_an_answer_of_shopimind_he_waits_for_the_next_sync(telling: Telling) -> None:
    world = telling.world
    telling.delete_at_the_till(101)
    world.sandbox.crm_server.faults = FaultPlan([status_fault(503, method="DELETE", path="/customers/")])
    ran = telling.sync()
    assert ran.code == 1
    assert "whom the till has deleted" in ran.shop()["message"]
    assert telling.told() == {101}

    world.sandbox.crm_server.faults = FaultPlan()
    assert telling.sync().code == 0
    assert named(world) == []


@pytest.mark.parametrize("fault", [(400, "/customer/101"), (404, "/closed_sales/1/")])
def test_of_whom_the_till_cannot_tell_a_warning_tells_and_the_others_are_erased(
    telling: Telling, fault: tuple[int, str]
) -> None:
    """101 bought in store 1, where 102 never did."""
    world = telling.world
    status, path = fault
    telling.delete_at_the_till(101)
    telling.delete_at_the_till(104)
    world.sandbox.till_server.faults = FaultPlan([status_fault(status, path=path + old_day(path))])
    ran = telling.sync()
    assert ran.code == 0, ran.err
    assert "customer 101 may have been deleted" in ran.err
    assert NAME in world.held_by_id("customers", "customer_id")
    assert "a_104" not in world.held_by_id("customers", "customer_id")
    assert telling.told() == {101}

    world.sandbox.till_server.faults = FaultPlan()
    assert telling.sync().code == 0
    assert named(world) == []


def old_day(path: str) -> str:
    """The day of his newest sale, where it is a day's path."""
    return f"{day(4):%Y/%m/%d}" if "sales" in path else ""


def test_after_three_who_could_not_be_asked_for_no_more_are_and_the_next_sync_begins_with_those(
    telling: Telling,
) -> None:
    world = telling.world
    for number in range(201, 206):
        telling.change_at_the_till(number)
        world.till().delete("customers", number)
    world.sandbox.till_server.faults = FaultPlan([status_fault(500, path="/customer/20[1-4]")])
    world.record()
    assert telling.sync().code == 1
    assert set(asked(world)) == {"201", "202", "203"}
    assert telling.told() == {201, 202, 203, 204, 205}

    world.record()
    assert telling.sync().code == 1
    assert list(dict.fromkeys(asked(world))) == ["204", "205", "201", "202", "203"]
    assert telling.told() == {201, 202, 203, 204}


def test_when_its_time_is_up_the_others_are_left_to_the_next_sync_which_begins_with_them(
    telling: Telling, caplog: pytest.LogCaptureFixture
) -> None:
    """Each look at this clock is 100 s later than the one before, and the pass has 300."""
    caplog.set_level("INFO")
    world = telling.world
    for number in (101, 102, 104):
        telling.delete_at_the_till(number)
    (shop,) = load_shops(world.shops_file)
    for erased, left, there in ((2, 1, {104}), (1, 0, set())):
        caplog.clear()
        run = ShopRun(shop, telling.state, "run", clock=lambda: time.time() + 120)
        telling.state.lake.write("alpha", "pos_customers", None, read_customers(run), CUSTOMERS)
        assert erase_deleted(run, clock=count(0, 100).__next__) == Search(erased, left)
        run.close()
        assert telling.told() == there
        assert bool(left) == ("1 customers who may have been deleted were not looked for" in caplog.text)
    assert named(world) == []
    assert not {"a_102", "a_104"} & set(world.held_by_id("customers", "customer_id"))


def asked(world: World) -> list[str]:
    return [call.split("/")[1] for call in world.till_calls() if call.startswith("customer/")]


def test_a_number_that_no_customer_can_have_is_settled(telling: Telling) -> None:
    ChangedCustomers(telling.state.db, "alpha").put(100_000_000)
    assert telling.sync().code == 0
    assert telling.told() == set()


def test_a_pushed_sale_that_was_delivered_does_not_wait_for_an_erasure(telling: Telling) -> None:
    world = telling.world
    inbox = TillInbox(telling.state.db, "alpha", telling.state.sealer)
    inbox.put(601, pushed(601, 102))
    telling.delete_at_the_till(101)
    world.sandbox.crm_server.faults = FaultPlan([status_fault(422, method="DELETE", path="/customers/")])
    assert telling.sync().code == 1
    assert telling.told() == {101}
    assert inbox.waiting() == []


@pytest.mark.only_local("a file of the lake is damaged")
def test_an_erasure_that_was_broken_off_in_the_lake_is_finished_by_the_next_sync(telling: Telling) -> None:
    world = telling.world
    (broken,) = world.home.rglob(f"orders/{day(5)}.parquet")
    whole = broken.read_bytes()
    telling.delete_at_the_till(101)
    broken.write_bytes(b"not a table")
    assert telling.sync().code == 1
    assert NAME not in world.held_by_id("customers", "customer_id")

    broken.write_bytes(whole)
    assert telling.sync().code == 0
    files = world.lake_files()
    assert not [name for name, rows in files.items() if "a_101" in rows or '"customer_id": 101' in rows]
    assert telling.told() == set()


def test_a_list_of_nobody_erases_nobody(telling: Telling) -> None:
    world = telling.world
    telling.delete_at_the_till(101)
    for row in world.till().rows("customers"):
        world.till().delete("customers", row["customers_id"])
    telling.sync()
    assert NAME in world.held_by_id("customers", "customer_id")
    assert telling.told() == {101}


def test_who_is_missing_without_a_word_of_the_till_is_not_erased(telling: Telling) -> None:
    world = telling.world
    world.till().delete("customers", 101)
    assert telling.sync().code == 0
    assert NAME in world.held_by_id("customers", "customer_id")


def test_the_command_settles_what_the_till_told(telling: Telling) -> None:
    telling.delete_at_the_till(101)
    assert telling.world.run("erase", "--shop", "alpha", "--customer", "101", "--json", ago_days=SOON).code == 0
    assert telling.told() == set()


def test_the_till_is_asked_to_tell_of_customers_only_with_the_setting(telling: Telling) -> None:
    world = telling.world
    assert {each["webhook_action"] for each in world.till().rows("webhooks")} == {"sale", "customer"}
    world.configure(lambda shops: shops[0]["pos"].pop("erase_deleted"))
    argv = ("register", "--url", telling.receiver.url, "--json", "--shops", str(world.shops_file))
    assert world.run("webhooks", *argv).shop()["removed"] == 1
    assert {each["webhook_action"] for each in world.till().rows("webhooks")} == {"sale"}


@pytest.mark.parametrize(
    "form",
    [{"product_id": 11}, {"sale_id": 7, "customer_id": 101}, {"customer_id": "x"}, {}, {"customers_id": 100_000_000}],
)
def test_of_other_messages_no_customer_is_kept(telling: Telling, form: dict[str, object]) -> None:
    answer = httpx.post(telling.receiver.url + webhook_path("alpha", SECRET), data=form)
    assert answer.status_code == 200
    assert telling.told() == set()
