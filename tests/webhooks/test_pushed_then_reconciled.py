"""A reconciliation after pushed sales: of customers and profiles, too, it says what should be delivered of all of them."""

from __future__ import annotations

from connector.reconciliation import reconcile_shop
from connector.reconciliation_lines import Line
from tests.assets.conftest import WEEK
from tests.webhooks.conftest import Pushing


def lines(pushing: Pushing) -> dict[str, Line]:
    with pushing.world.looking() as run:
        found = reconcile_shop(run, only=["customers", "pos_profiles"]).document()
        assert run.problems == []
        return {line["entity"]: line for line in found["lines"]}


def test_customers_whom_no_pushed_sale_names_are_compared_too(unsynced: Pushing) -> None:
    unsynced.world.sandbox.crm.switch(visibility_delay=0.0)
    assert unsynced.world.run(days=WEEK, only_due=True).success
    before = lines(unsynced)
    assert before["customers"]["to_send"] == before["pos_profiles"]["to_send"] == {"records": 3}
    unsynced.close_sale(601, customer=102)
    unsynced.deliver()
    assert lines(unsynced) == before
