"""Contract, section 3: what each exit code means, which one wins over several shops, and that shops are islands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psutil
import pytest

from connector.sandbox.fault_plan import Fault, FaultPlan
from connector.state.database import URL_VARIABLE, open_database
from connector.state.leases import Lease
from tests.sync.conftest import MakeWorld
from tests.sync.world import PRODUCTS, Ran, World, day, till_account

T = TypeVar("T")

EXIT_CODES = {"fine": 0, "refuses": 3, "inactive": 4, "quota": 4, "locked-out": 1}
STATUSES = {
    "fine": "delivered", "refuses": "refused", "inactive": "inactive", "quota": "quota", "locked-out": "failed",
}  # fmt: skip


@pytest.fixture(scope="module")
def world(make_shared_world: MakeWorld) -> World:
    nameless = {"product_id": 14, "product_model": "", "product_price": "1.00", "product_vat": 1}
    accounts = [
        till_account(key, offset=0, products=[*PRODUCTS, nameless] if key == "refuses" else PRODUCTS)
        for key in EXIT_CODES
    ]
    world = make_shared_world(accounts)
    world.sandbox.crm.set_status("inactive", "revoked")

    def change(shops: list[dict]) -> None:  # type: ignore[type-arg]
        by_key = {shop["key"]: shop for shop in shops}
        by_key["quota"]["pos"]["monthly_calls"] = 7
        by_key["locked-out"]["pos"]["api_key"] = "not-the-key"

    world.configure(change)
    return world


@pytest.fixture(scope="module")
def every(world: World) -> Ran:
    return world.sync()


def test_each_shop_ends_in_its_own_status_whatever_becomes_of_the_others(every: Ran) -> None:
    assert {shop["shop"]: shop["status"] for shop in every.document["shops"]} == STATUSES
    assert (every.document["ok"], every.document["exit_code"], every.code) == (False, 1, 1)
    assert set(every.document["run_ids"]) == set(STATUSES)


def test_a_shop_that_is_not_delivered_says_why(every: Ran) -> None:
    words = {"inactive": "401", "quota": "of 21 calls in", "locked-out": "credentials"}
    for key, word in words.items():
        assert word in every.shop(key)["message"]
    assert every.shop("fine")["message"] is None


def test_the_fine_shop_is_delivered_and_so_is_all_but_one_record_of_the_refusing_one(world: World, every: Ran) -> None:
    for key in ("fine", "refuses"):
        assert (every.row("products", shop=key)["sent"], len(world.held("orders", key))) == (3, 4)
    assert every.row("products", shop="refuses")["refused"] == 1


def test_an_inactive_installation_costs_one_call_and_next_to_none_to_the_till(world: World, every: Ran) -> None:
    calls = every.shop("inactive")["calls"]
    assert calls["shopimind"] == 1
    assert calls["hiboutik"] <= 1


def test_a_till_that_refuses_the_credentials_is_asked_once(world: World, every: Ran) -> None:
    assert every.shop("locked-out")["calls"]["hiboutik"] == 1
    assert every.shop("locked-out")["quota"]["limit"] == 10_000  # one store until they are known


def test_the_quota_is_never_passed_and_what_was_read_is_delivered(world: World, every: Ran) -> None:
    quota = every.shop("quota")["quota"]
    assert (quota["used"] in (20, 21), quota["limit"]) == (True, 21)  # the last one may be kept for the days to come
    assert world.sandbox.till.calls()["quota"] == {quota["month"]: quota["used"]}
    assert every.row("products", shop="quota")["sent"] == 3
    assert 0 < len(world.held("orders", "quota")) < 4


def test_with_the_quota_used_up_the_next_sync_makes_no_call_and_when_it_is_raised_it_goes_on(
    world: World, every: Ran
) -> None:
    world.sync("--shop", "quota")  # takes the call that the history had to leave
    stuck = world.sync("--shop", "quota")
    assert (stuck.code, stuck.shop("quota")["status"]) == (4, "quota")
    assert stuck.shop("quota")["calls"]["hiboutik"] == 0
    world.configure(lambda shops: shops[3]["pos"].update(monthly_calls=100))
    freed = world.sync("--shop", "quota")
    assert freed.code == 0
    assert len(world.held("orders", "quota")) == 4
    world.configure(lambda shops: shops[3]["pos"].update(monthly_calls=7))


PRECEDENCE = [(1, {"failed"}), (4, {"inactive", "quota"}), (3, {"refused"}), (0, set())]


@pytest.mark.parametrize(
    "shops",
    [("fine",), ("refuses", "fine"), ("inactive", "refuses"), ("quota", "fine"), ("locked-out", "inactive", "refuses")],
    ids="+".join,
)
def test_over_several_shops_the_first_code_that_applies_wins(world: World, every: Ran, shops: tuple[str, ...]) -> None:
    ran = world.sync("--only", "products", *(argument for key in shops for argument in ("--shop", key)))
    assert {shop["shop"] for shop in ran.document["shops"]} == set(shops)
    statuses = {STATUSES[key] for key in shops}
    code = next(code for code, which in PRECEDENCE if which & statuses or not which)
    assert (ran.code, ran.document["exit_code"], ran.document["ok"]) == (code, code, code == 0)


def test_an_installation_that_is_active_again_gets_everything_that_waited(world: World, every: Ran) -> None:
    world.sandbox.crm.set_status("inactive", "active")
    ran = world.sync("--shop", "inactive")
    assert (ran.code, ran.shop("inactive")["status"]) == (0, "delivered")
    assert len(world.held("orders", "inactive")) == 4
    world.sandbox.crm.set_status("inactive", "revoked")


def wait_for(something: Callable[[], T], patience: float = 60.0) -> T:
    """What it gives as soon as that is true."""
    deadline = time.monotonic() + patience
    while not (found := something()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_another_sync_of_the_same_shop_is_a_failure_that_the_next_run_mends(world: World, every: Ran) -> None:
    database = open_database(world.home, world.state.get(URL_VARIABLE))
    try:
        lease = Lease.acquire(database, "fine", "sync")
        world.record()
        ran = world.sync("--shop", "fine", "--shop", "refuses", "--only", "products")
        planned = world.plan("--shop", "fine")
        lease.release()
    finally:
        database.close()
    assert (ran.code, ran.shop("fine")["status"], ran.shop("refuses")["status"]) == (1, "failed", "refused")
    assert "Another sync" in ran.shop("fine")["message"]
    assert "fine" in ran.document["run_ids"]
    assert ran.shop("fine")["calls"] == {"hiboutik": 0, "shopimind": 0}
    assert world.till_calls("fine") == world.crm_calls("fine") == []
    assert planned.code == 1
    assert world.sync("--shop", "fine").code == 0


@pytest.mark.only_local("a directory stands where a file should be")
def test_what_cannot_be_kept_is_a_failure_even_when_nobody_but_dagster_noticed(make_world: MakeWorld) -> None:
    world = make_world()
    assert world.sync("--only", "products").code == 0
    stock = world.home / "lake" / "alpha" / "pos_stock.parquet"
    stock.unlink()
    stock.mkdir()  # where a file should be
    ran = world.sync()
    assert (ran.code, ran.shop()["status"]) == (1, "failed")
    assert "pos_stock" in ran.shop()["message"]
    stock.rmdir()
    assert world.sync().code == 0


def test_a_shop_whose_process_dies_fails_alone_and_its_part_keeps_its_shape(make_world: MakeWorld) -> None:
    world = make_world([till_account(), till_account("beta", offset=0, sales=[])])
    world.sandbox.crm_server.faults = plan = FaultPlan([Fault(kind="hang", path="/v1/orders$", times=1, seconds=30)])
    started = world.start("sync", "--json", "--shops", str(world.shops_file))
    wait_for(lambda: plan._done == [1])
    wait_for(lambda: len(psutil.Process(started.pid).children()) == 1)  # beta, which has no orders, is through
    psutil.Process(started.pid).children()[0].kill()
    ran = started.wait()
    assert (ran.code, ran.shop("alpha")["status"], ran.shop("beta")["status"]) == (1, "failed", "delivered")
    assert set(ran.shop("alpha")) == set(ran.shop("beta"))
    assert set(ran.document["run_ids"]) == {"alpha", "beta"}
    assert "signal 9" in ran.shop("alpha")["message"]
    assert (ran.row("orders", 1)["read"], ran.row("orders", 1)["failed"]) == (5, 5)  # read, and not delivered yet
    assert ran.row("orders", 1)["amount_read"] == "54.55"
    assert ran.shop("alpha")["quota"]["used"] == len(world.till_calls())
    assert world.sync().code == 0
    assert len(world.held("orders")) == 4


def test_ctrl_c_ends_it_with_1_and_the_next_run_goes_on(make_world: MakeWorld) -> None:
    world = make_world()
    world.sandbox.till.switches.hold_ms = 1000
    started = world.start("sync", "--json", "--shops", str(world.shops_file))
    wait_for(lambda: world.sandbox.till.calls()["alpha"])
    started.interrupt()
    assert started.wait().code == 1
    world.sandbox.till.switches.hold_ms = 0
    ran = world.sync()
    assert (ran.code, len(world.held("orders"))) == (0, 4)
    assert ran.shop()["quota"]["month"] == f"{day(0):%Y-%m}"
