"""Only what happens now is told of: nothing from a backfill, nothing of a day that is history, nothing a second time."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import yaml

from assets.shop import names_for
from tests.assets.conftest import WEEK, making_world
from tests.conftest import NewState
from tests.events.telling import Events, counted
from tests.reconcile.conftest import reconcile, shopimind
from tests.sync.conftest import MakeWorld
from tests.sync.world import PARIS, day, sale

A_WEEK = {"code_name": "pos_purchase", "max_age_hours": 168}


def test_a_day_before_the_look_back_is_history_however_old_a_sale_may_be(make_world: MakeWorld) -> None:
    events = Events(make_world())
    events.declare([A_WEEK])
    late = datetime.combine(day(5), time(23, 30), PARIS)  # after the sales of that day
    events.sync(hours_later=(late - datetime.now(PARIS)) / timedelta(hours=1))  # since then the event exists
    events.world.till().put_sale(sale(601, day(2)))
    events.world.till().put_sale(sale(602, day(3)))
    planned = events.world.plan("--from", str(day(5))).row("events")
    ran = events.sync("--from", str(day(5)))
    assert {"a_601", "a_602", "a_508", "a_504"} <= set(events.world.held_by_id("orders", "order_id"))
    assert events.orders_told() == {"a_508": 1, "a_601": 1}
    assert (planned["new"], counted(ran)) == (2, {"read": 2, "sent": 2})


def test_a_repair_and_a_full_sync_deliver_orders_again_and_trigger_nothing_again(events: Events) -> None:
    told, vanished = events.close(), events.close()
    events.sync()
    with shopimind(events.world) as crm:
        crm.orders.delete(f"a_{vanished}")
    assert f"a_{vanished}" not in events.world.held_by_id("orders", "order_id")
    repaired = reconcile(events.world, "--repair")
    assert repaired.shop["repaired"]["status"] == "delivered"
    assert f"a_{vanished}" in events.world.held_by_id("orders", "order_id")
    full = events.sync("--full")
    assert full.row("orders", 1)["sent"] > 1
    assert counted(full) == {}
    assert events.orders_told() == {f"a_{told}": 1, f"a_{vanished}": 1}


def test_what_waits_outlives_a_repair_and_is_told_once(events: Events) -> None:
    number = events.close()
    assert events.sync("--only", "orders").code == 0
    assert events.status()["waiting"] == 1
    with shopimind(events.world) as crm:
        crm.orders.delete(f"a_{number}")
    reconcile(events.world, "--repair")
    events.sync("--full")
    assert events.orders_told() == {f"a_{number}": 1}


def test_a_backfill_triggers_nothing_not_even_what_waits(new_state: NewState) -> None:
    with making_world(new_state) as world:
        world.sandbox.crm.switch(visibility_delay=0.0)
        shops_file = world.folder / "shops.yaml"
        document: dict[str, Any] = yaml.safe_load(shops_file.read_text("utf-8"))
        document["shops"][0]["events"] = [A_WEEK]
        shops_file.write_text(yaml.safe_dump(document), "utf-8")
        triggers = world.sandbox.crm.shops["alpha"].docs

        assert world.run(days=WEEK[-3:]).success
        now = datetime.now(PARIS)
        world.sandbox.till.tills["alpha"].put_sale(sale(601, now.date(), at=f"{now:%H:%M:%S}"))
        assert world.run(*names_for(world.shops[0], ["orders"]), days=WEEK[-1:]).success
        assert world.run(job="history_alpha", days=[WEEK[0], WEEK[3]], backfill=True).success
        assert {"a_501", "a_601"} <= set(world.orders())
        assert not triggers["triggers:pos_purchase"]

        assert world.run(days=WEEK[-1:]).success
        told = [each["payload"]["metaData"]["order_id"] for each in triggers["triggers:pos_purchase"].values()]
        assert told == ["a_601"]
