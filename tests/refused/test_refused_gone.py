"""A refused record whose row the till has no more leaves the list, once that is certain."""

from __future__ import annotations

from datetime import date

import pytest

from connector.sandbox.fault_plan import Fault
from tests.faults.little_till import customer
from tests.faults.shop_world import World
from tests.refused.refusals import CUSTOMER, EUROS, OLD, ORDER, PRODUCT, listed, refused

OPEN = "0000-00-00 00:00:00"
DAY = date.fromisoformat(OLD)
INACTIVE_REFUSED = {
    "statusCode": 200,
    "sent_count": 0,
    "rejected_count": 1,
    "rejected_items": [{"index": 0, "errors": ["is_active must be true"]}],
}


def test_a_sale_that_is_closed_no_more_leaves_it_when_its_day_was_read(
    refusing: World, caplog: pytest.LogCaptureFixture
) -> None:
    refusing.till().put_sale({"sale_id": 901, "completed_at": OPEN})
    refusing.sync()
    assert ORDER in listed(refusing)  # nobody has looked

    refusing.sync(first=DAY, last=DAY)

    assert set(listed(refusing)) == {CUSTOMER, PRODUCT, EUROS}
    assert "1 refused orders left the list of refused records" in caplog.text
    assert "a_901" in caplog.text


def test_a_sale_that_moved_to_another_day_stays_on_it(refusing: World) -> None:
    refusing.till().put_sale({"sale_id": 901, "completed_at": f"{date.today()} 00:01:00"})
    refusing.sync()
    refusing.sync(first=DAY, last=DAY)
    assert ORDER in listed(refusing)


@pytest.mark.parametrize(("kind", "key", "row"), [("customers", 9, CUSTOMER), ("products", 7, PRODUCT)])
def test_a_row_that_a_whole_list_does_not_have_leaves_it(
    refusing: World, kind: str, key: int, row: tuple[str, str]
) -> None:
    refusing.till().delete(kind, key)
    refusing.sync()
    assert set(listed(refusing)) == {CUSTOMER, ORDER, PRODUCT, EUROS} - {row}


def test_a_list_that_may_lack_rows_takes_nothing_off(refusing: World) -> None:
    eight = [customer(number) for number in range(1, 9)]
    refusing.break_till(
        Fault(kind="answer", status=200, path="/customers/$", nth=1, body=eight, headers={"content-range": "1-8/12"}),
        Fault(kind="answer", status=200, path="/customers/$", nth=2, body=[]),
    )
    refusing.sync()
    assert CUSTOMER in listed(refusing)


def test_a_vanished_product_that_shopimind_will_not_have_inactive_is_listed_and_troubles_no_later_run(
    world: World,
) -> None:
    assert world.sync().status == "delivered"
    world.till().delete("products", 6)
    world.break_crm(Fault(kind="answer", status=200, method="POST", path="/v1/products/?$", body=INACTIVE_REFUSED))
    assert world.sync().row("products")["refused"] == 1
    world.mend()

    later = world.sync()

    assert later.status == "delivered"
    assert set(listed(world)) == {("products", "100000006")}
    assert refused(world, "replay").code == 0
    assert world.items("products")["100000006"]["is_active"] is False
    assert world.sync().status == "delivered"
    assert not world.sent("products")
