"""Shops that webhooks bring: synced like those of the file while they are activated, kept waiting while they are not."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import func, select

from assets.launch import Launcher
from connector.sandbox.serve import crm_token
from connector.shops import known_shops
from connector.state.installations import Installation
from connector.state.tables import leases, metadata, run_entities, runs, webhook_installations
from connector.sync_request import SyncRequest
from tests.receive.installed import CONFIGS, HISTORY_DAYS, Start, start
from tests.receive.service import Service
from tests.sync.world import World, day, sale

__all__ = ["start"]


def calls(world: World) -> tuple[int, int]:
    """Since `record`, to the till and to ShopiMind's API."""
    api = [e for e in world.sandbox.crm_server.journal.entries if e["path"].startswith("/v1/")]
    return len(world.till_calls()), len(api)


@pytest.mark.also_shared
def test_installed_activated_synced_deactivated_activated_again_and_nothing_is_missing_or_doubled(start: Start) -> None:
    both = start()
    world = both.world
    both.step("install", configs=CONFIGS)
    nothing = world.sync()
    assert (nothing.code, nothing.document["shops"]) == (0, [])

    both.step("activate", configs=CONFIGS)
    world.record()
    first = world.sync()
    assert first.shop()["status"] == "delivered", first.err
    orders = {item["order_id"] for item in world.held("orders")}
    assert orders
    assert all(order.startswith("pos1_") for order in orders)
    began = Installation(both.service.state.db, "alpha").first_day(date.max, dry=True)
    assert began == datetime.now(UTC).date() - timedelta(days=HISTORY_DAYS)

    both.step("deactivate")
    world.till().put_sale(sale(601, day(0), customer=102))
    world.record()
    waiting = world.sync()
    assert (waiting.code, waiting.shop()["status"]) == (4, "inactive")
    assert "inst_alpha is deactivated" in waiting.shop()["message"]
    for command in ("plan", "check", "reconcile"):
        told = world.run(command, "--json", "--shops", str(world.shops_file))
        assert told.code == 4, told.out
        assert "inst_alpha is deactivated" in told.out
    assert calls(world) == (0, 0)
    status = world.status()
    assert status.shop()["status"] == "inactive"
    (told_of,) = status.document["installations"]
    assert (told_of["installation_id"], told_of["shop"], told_of["state"]) == ("inst_alpha", "alpha", "deactivated")

    both.step("activate", configs=CONFIGS)
    assert world.sync().code == 0
    after = [item["order_id"] for item in world.held("orders")]
    assert sorted(after) == sorted(orders | {"pos1_601"})
    assert len(world.sources()) == 4  # the parent and three stores


def test_an_installed_shop_has_the_limits_of_the_section(start: Start) -> None:
    both = start(pos={"monthly_calls": 700, "calls_in_flight": 3})
    both.step("install", configs=CONFIGS)
    both.step("activate", configs=CONFIGS)
    (shop,) = known_shops(both.world.shops_file)
    assert (shop.pos.monthly_calls, shop.pos.calls_in_flight) == (700, 3)  # type: ignore[union-attr]


def test_a_shop_of_the_file_waits_for_its_installation_and_takes_the_token_from_the_webhook(start: Start) -> None:
    def listed(world: World) -> list[dict[str, Any]]:
        (shop,) = yaml.safe_load(world.shops_file.read_text())["shops"]
        shop["installation_id"] = "inst_alpha"
        del shop["shopimind"]["access_token"]
        return [shop]

    both = start(listed)
    world = both.world
    world.record()
    early = world.sync()
    assert (early.code, early.shop()["status"]) == (4, "inactive")
    assert "has not been heard of" in early.shop()["message"]
    both.step("install")
    assert "is not activated yet" in world.sync().shop()["message"]
    compared = world.run("reconcile", "--json", "--shops", str(world.shops_file))
    assert (compared.code, compared.shop()["status"]) == (4, "inactive"), compared.out
    assert calls(world) == (0, 0)

    both.step("activate", configs={})

    assert world.sync().code == 0
    tokens = {
        e["headers"].get("spm-api-key") for e in world.sandbox.crm_server.journal.entries if e["path"][:4] == "/v1/"
    }
    assert len(tokens) == 1
    assert crm_token("alpha") not in tokens
    assert {item["order_id"][:2] for item in world.held("orders")} == {"a_"}


def test_a_sync_that_had_to_wait_for_its_turn_takes_the_token_of_now(start: Start) -> None:
    both = start()
    both.step("install", configs=CONFIGS)
    both.step("activate", configs=CONFIGS)
    (shop,) = known_shops(both.world.shops_file)
    token_of_before = shop.shopimind.model_copy(update={"access_token": SecretStr("taken-back")})

    request = SyncRequest(shop.model_copy(update={"shopimind": token_of_before}))
    with Launcher() as launcher:
        _, report = launcher.launch(request, lambda *told: None)
    assert report["status"] == "delivered", report["message"]


def stored(service: Service) -> dict[str, int]:
    """Rows of the shop, by table, without the counts of its runs, and whoever holds it: the purge itself, a moment longer."""
    found = {}
    with service.state.db.read() as connection:
        for table in metadata.sorted_tables:
            if "shop" in table.c and table not in (runs, run_entities, webhook_installations, leases):
                query = select(func.count()).select_from(table).where(table.c.shop == "alpha")
                found[table.name] = connection.execute(query).scalar_one()
    return {name: number for name, number in found.items() if number}


def purged(service: Service) -> bool:
    deadline = time.monotonic() + 20
    while service.installations["inst_alpha"].to_purge and time.monotonic() < deadline:
        time.sleep(0.05)
    return not service.installations["inst_alpha"].to_purge


@pytest.mark.also_shared
def test_uninstalling_purges_the_token_and_what_is_stored_of_the_shop(start: Start) -> None:
    both = start()
    both.step("install", configs=CONFIGS)
    both.step("activate", configs=CONFIGS)
    both.world.sync()
    assert stored(both.service)
    assert both.service.state.lake.exists("alpha", "pos_customers")

    both.step("uninstall")

    assert purged(both.service)
    gone = both.service.installations["inst_alpha"]
    assert (gone.state, gone.token, gone.configs) == ("uninstalled", None, {})
    assert not stored(both.service)
    assert not both.service.state.lake.exists("alpha", "pos_customers")
    assert both.world.sync().document["shops"] == []

    both.step("install", configs=CONFIGS)
    both.step("activate", configs=CONFIGS)
    assert both.world.sync().row("orders", 1)["sent"] > 0  # it starts anew, under the same ids
    assert both.service.installations["inst_alpha"].shop == "alpha"


def test_what_is_stored_stays_where_the_setting_says_so(start: Start) -> None:
    both = start(when_uninstalled="keep")
    both.step("install", configs=CONFIGS)
    both.step("activate", configs=CONFIGS)
    both.world.sync()
    before = stored(both.service)

    both.step("uninstall")

    assert both.service.installations["inst_alpha"].token is None
    assert stored(both.service) == before
    assert both.service.state.lake.exists("alpha", "pos_customers")


def test_a_shop_is_purged_only_when_no_run_works_on_it(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    from connector.receive import purge
    from connector.shop_run import SYNC_LEASE
    from connector.state.leases import Lease

    monkeypatch.setattr(purge, "AGAIN", 0.05)
    both = start()
    both.step("install", configs=CONFIGS)
    both.step("activate", configs=CONFIGS)
    both.world.sync()
    with Lease.acquire(both.service.state.db, "alpha", SYNC_LEASE):
        both.step("uninstall")
        assert both.service.installations["inst_alpha"].to_purge
        assert both.service.state.lake.exists("alpha", "pos_customers")
    assert purged(both.service)
