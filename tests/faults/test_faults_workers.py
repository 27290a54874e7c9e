"""Two workers: processes with a home each, and one database, one lake and the same keys."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from connector.sandbox.accounts import TillAccount
from connector.sandbox.fault_plan import Fault
from connector.state.calls import Quota
from connector.state.sealing import KEYS_VARIABLE
from tests.conftest import NewState
from tests.faults.little_till import CUSTOMERS, account, alpha, beta, customer, days_ago, sale, store
from tests.faults.shop_world import World, checked
from tests.shared_state import SharedState

SHOPS = {"alpha": alpha(), "beta": beta()}
IDS = (("customers", "customer_id"), ("orders", "order_id"), ("products", "product_id"))
PATIENCE = 60.0
HELD_UP = 6.0  # seconds; a command needs some three to begin


@pytest.fixture
def new_state(shared_state: SharedState) -> NewState:
    """Every world here is of workers that share their state."""
    return shared_state.new


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, json.loads(out), err


def start(world: World, worker: str, *arguments: str) -> subprocess.Popen[str]:
    return world.command("sync", "--json", *arguments, home=world.folder / worker)


def assert_nothing_came_twice(world: World) -> None:
    for entity, key in IDS:
        assert set(Counter(item[key] for item in world.sent(entity)).values()) <= {1}, entity


def test_two_workers_that_start_at_once_deliver_every_record_once(
    make_world: Callable[..., World], undisturbed: Callable[..., Any]
) -> None:
    world = make_world(*SHOPS.values())
    both = [ended(process) for process in [start(world, worker) for worker in ("one", "two")]]

    for code, document, err in both:
        assert "Traceback" not in err
        statuses = {shop["shop"]: shop["status"] for shop in document["shops"]}
        assert set(statuses.values()) <= {"delivered", "failed"}
        assert code == (1 if "failed" in statuses.values() else 0)
        for shop in document["shops"]:
            checked(shop)
            assert shop["status"] == "delivered" or "Another sync holds shop" in shop["message"]
    for name in SHOPS:
        assert any(shop["status"] == "delivered" for _, document, _ in both for shop in document["shops"]), name
        assert world.end_state(name) == undisturbed(SHOPS[name])  # which has one source for each store
    assert_nothing_came_twice(world)

    world.forget_requests()
    code, document, _ = ended(start(world, "two"))
    assert (code, {shop["status"] for shop in document["shops"]}) == (0, {"delivered"})
    assert sum(row["sent"] for shop in document["shops"] for row in shop["entities"]) == 0
    assert {entry["method"] for entry in world.requests("crm")} == {"GET"}


@pytest.mark.slow
def test_two_workers_share_the_load_of_many_shops_and_each_goes_on_from_what_the_other_delivered(
    make_world: Callable[..., World], undisturbed: Callable[..., Any]
) -> None:
    shops = {name: shop(name, number) for number, name in enumerate(("alpha", "beta", "gamma", "delta"), start=1)}
    world = make_world(*shops.values())

    sent = shared(world, first="one", second="two", busy=("alpha", "gamma"))
    assert sent == {"one": {"alpha", "gamma"}, "two": {"beta", "delta"}}
    assert_nothing_came_twice(world)
    for name, each in shops.items():
        assert world.end_state(name) == undisturbed(each)  # which has one source for each store
        with world.opened(name) as run:
            assert run.calls.usage().used == len(world.requests("till", f"/{name}/"))

    for name in shops:
        world.till(name).put_sale(sale(900, 1, days_ago(0), 1))
    world.forget_requests()
    sent = shared(world, first="two", second="one", busy=("alpha", "gamma"))
    assert sent == {"two": {"alpha", "gamma"}, "one": {"beta", "delta"}}
    assert sorted(item["order_id"] for item in world.sent("orders")) == ["a_900", "b_900", "d_900", "g_900"]
    assert_nothing_came_twice(world)


def shop(name: str, number: int) -> TillAccount:
    """One store, 14 sales; the tills of all these shops have the same ids."""
    return replace(account(name, 100_000_000 * number, [store(1, "Lille")]), label=f"{name.title()} of many")


def shared(world: World, *, first: str, second: str, busy: tuple[str, ...]) -> dict[str, set[str]]:
    """The shops of which each worker sent something: one has begun with those that keep it busy when another takes all."""
    world.break_till(*(Fault(kind="hang", path=f"^/{name}/", times=1, seconds=HELD_UP) for name in busy))
    begun = start(world, first, *(word for name in busy for word in ("--shop", name)))
    end = time.monotonic() + PATIENCE
    while world.sandbox.till_server.faults.struck < len(busy):
        assert time.monotonic() < end
        assert begun.poll() is None, begun.communicate()
        time.sleep(0.02)
    documents = {second: ended(start(world, second))[1], first: ended(begun)[1]}
    for each in documents[second]["shops"]:  # of those that are busy it says so, if it came to them in that time
        assert each["status"] == "delivered" or (each["shop"] in busy and "Another sync holds" in each["message"])
    assert {each["status"] for each in documents[first]["shops"]} == {"delivered"}
    return {
        worker: {each["shop"] for each in document["shops"] if checked(each).total("sent")}
        for worker, document in documents.items()
    }


def test_a_worker_goes_on_where_another_one_was_stopped_by_the_quota(world: World) -> None:
    world.configure(pos={"monthly_calls": 9})
    code, first, _ = ended(start(world, "one"))
    asked = len(world.requests("till"))
    _, second, _ = ended(start(world, "two"))

    assert (code, first["shops"][0]["status"]) == (4, "quota")
    assert second["shops"][0]["quota"]["used"] == len(world.requests("till")) <= 18
    assert first["shops"][0]["quota"]["used"] == asked
    with world.opened() as run:
        assert run.calls.usage() == Quota(second["shops"][0]["quota"]["month"], len(world.requests("till")), 18)


def test_what_one_worker_sealed_another_opens_with_the_same_keys_only(make_world: Callable[..., World]) -> None:
    born = customer(CUSTOMERS, date_of_birth="1980-02-31")  # no such day: refused
    world = make_world(alpha(customers=[*(customer(number) for number in range(1, CUSTOMERS)), born]))
    assert world.sync().row("customers")["refused"] == 1
    shutil.rmtree(world.home)  # what follows has nothing but what is shared

    code, document, _ = world.run("refused", "show", f"a_{CUSTOMERS}", "--unmasked")
    assert code == 0
    assert document["refused"][0]["payload"]["email"] == born["email"]

    other = {KEYS_VARIABLE: Fernet.generate_key().decode()}
    code, document, err = world.run("refused", "show", f"a_{CUSTOMERS}", "--unmasked", **other)
    assert code == 1
    assert "cannot be opened with the keys of CONNECTOR_KEYS" in json.dumps(document)
    assert "Add the key that sealed it" in json.dumps(document)
    assert born["email"] not in json.dumps(document) + err
    assert other[KEYS_VARIABLE] not in json.dumps(document) + err
