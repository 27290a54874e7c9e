"""An installed shop's till pushes by a secret of the shop's own, where the setting says so, for as long as it is installed."""

from __future__ import annotations

import logging
import time
from typing import Any

import dagster as dg
import httpx
import pytest

from assets.builder import sync_job_name
from assets.definitions import definitions_of
from assets.installations import DAGSTER_URL_VARIABLE, installations_sensor
from connector.config import Shop
from connector.shops import known_shops
from connector.state.changed_customers import ChangedCustomers
from connector.state.till_inbox import Message, TillInbox
from tests.receive.installed import CONFIGS, Both, Start, start
from tests.sync.world import Ran, day, sale

__all__ = ["start"]


def installed(start: Start, **receive: Any) -> Both:
    """Installed, activated and synced once."""
    both = start(**{"pos": {"webhook_secret": "generate"}} | receive)
    both.step("install", configs=CONFIGS)
    both.step("activate", configs=CONFIGS)
    assert both.world.sync().code == 0
    return both


def secret_of(both: Both) -> str | None:
    return both.service.installations["inst_alpha"].webhook_secret


def webhooks(both: Both, *argv: str) -> Ran:
    return both.world.run("webhooks", *argv, "--json", "--shops", str(both.world.shops_file))


def register(both: Both) -> Ran:
    return webhooks(both, "register", "--url", both.service.url, "--shop", "alpha")


def close_sale(both: Both, sale_id: int) -> None:
    """At the till, which pushes it."""
    row = sale(sale_id, day(0), customer=102)
    httpx.post(f"{both.world.sandbox.till_url}/_sandbox/alpha/sales", json=row).raise_for_status()


def kept(both: Both, number: int) -> list[Message]:
    """What the receiver has stored, once it is so much: the till waits for nobody."""
    inbox, deadline = TillInbox(both.service.state.db, "alpha", both.service.state.sealer), time.monotonic() + 10
    while len(found := inbox.waiting()) < number and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def push(both: Both, secret: str | None) -> int:
    """The status of an answer to somebody who knows the address."""
    return httpx.post(f"{both.service.url}/pos/alpha/{secret}", data={"sale_id": "601"}).status_code


@pytest.mark.also_shared
def test_what_its_till_pushes_is_stored_and_delivered(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    both = installed(start)
    secret = secret_of(both)
    assert secret is not None
    registered = register(both)
    assert (registered.code, registered.shop()["registered"]) == (0, 1), registered.out
    (webhook,) = both.world.till().rows("webhooks")
    assert webhook["webhook_url"] == f"{both.service.url}/pos/alpha/{secret}"

    close_sale(both, 601)
    assert [each.sale_id for each in kept(both, 1)] == [601]
    synced = both.world.sync()

    assert synced.code == 0, synced.err
    assert "pos1_601" in {item["order_id"] for item in both.world.held("orders")}
    assert kept(both, 0) == []
    listed, status = webhooks(both, "list"), both.world.status()
    for ran in (registered, synced, listed, status, webhooks(both, "remove")):
        assert secret not in ran.out + ran.err
    assert secret not in caplog.text
    assert both.world.till().rows("webhooks") == []


def test_while_it_is_deactivated_what_is_pushed_waits_and_no_webhook_is_registered(start: Start) -> None:
    both = installed(start)
    register(both)
    both.step("deactivate")
    close_sale(both, 601)
    assert [each.sale_id for each in kept(both, 1)] == [601]

    both.world.record()
    assert both.world.sync().code == 4
    refused = register(both)
    assert (refused.code, refused.shop()["status"]) == (4, "inactive")
    assert "inst_alpha is deactivated" in refused.shop()["message"]
    assert both.world.till_calls() == []
    assert len(kept(both, 1)) == 1

    both.step("activate", configs=CONFIGS)
    assert both.world.sync().code == 0
    assert [item["order_id"] for item in both.world.held("orders")].count("pos1_601") == 1
    assert kept(both, 0) == []


@pytest.mark.parametrize("policy", ["purge", "keep"])
def test_once_it_is_uninstalled_its_address_is_gone_and_another_installation_has_another(
    start: Start, policy: str
) -> None:
    both = installed(start, when_uninstalled=policy)
    first = secret_of(both)
    assert push(both, first) == 200
    both.step("uninstall")
    assert secret_of(both) is None
    assert push(both, first) == 404

    both.step("install", configs=CONFIGS)
    assert push(both, first) == 404
    both.step("activate", configs=CONFIGS)
    assert secret_of(both) not in (None, first)
    assert push(both, first) == 404
    assert push(both, secret_of(both)) == 200


def test_the_secret_stays_the_same_through_a_pause_and_a_changed_configuration(start: Start) -> None:
    both = installed(start)
    first = secret_of(both)
    both.step("deactivate")
    both.step("activate", configs=CONFIGS)
    both.service.tell("config_updated", at=time.time() + 30, configs=CONFIGS)
    assert secret_of(both) == first


def test_without_the_setting_there_is_no_secret_and_no_address(start: Start) -> None:
    both = installed(start, pos={})
    assert secret_of(both) is None
    assert push(both, None) == 404
    told = register(both)
    assert told.code == 2
    assert "webhook_secret: generate" in told.out


def test_a_customer_who_was_deleted_at_the_till_is_erased_where_the_setting_says_so(start: Start) -> None:
    both = installed(start, pos={"webhook_secret": "generate", "erase_deleted": True})
    register(both)
    told = ChangedCustomers(both.service.state.db, "alpha")
    httpx.delete(f"{both.world.sandbox.till_url}/_sandbox/alpha/customers/104").raise_for_status()
    deadline = time.monotonic() + 10
    while not told.told_before(int(time.time()) + 1) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert both.world.sync(ago_days=-3 / 1440).code == 0  # when ShopiMind lists what it was sent
    assert "pos1_104" not in {each["customer_id"] for each in both.world.held("customers")}


def test_its_sensor_runs_by_itself(start: Start) -> None:
    both = installed(start)
    sensor = definitions_of(known_shops(both.world.shops_file)).resolve_sensor_def("pushed_alpha")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_dagster_loads_its_shops_anew_once_their_tills_may_push(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    both = installed(start)
    monkeypatch.setenv(DAGSTER_URL_VARIABLE, "http://127.0.0.1:9")  # nobody is there: what it says is enough
    (shop,) = known_shops(both.world.shops_file)
    silent = shop.model_copy(update={"pos": shop.pos.model_copy(update={"webhook_secret": None})})

    def told(loaded: Shop) -> str | None:
        jobs = [definitions_of([loaded]).resolve_job_def(sync_job_name(loaded))]
        sensor = installations_sensor(both.world.shops_file, [loaded], jobs)
        with dg.DagsterInstance.ephemeral() as instance:
            return sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).skip_message

    assert "The shops have changed" in (told(silent) or "")
    assert told(shop) is None
