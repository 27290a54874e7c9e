"""The command is killed, stopped, or started twice."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from connector.sandbox.fault_plan import Fault
from connector.shop_run import SYNC_LEASE
from connector.state.leases import Lease
from tests.faults.little_till import alpha, beta, crowded
from tests.faults.shop_world import World

IN_FLIGHT = 8 * 50  # records, at most
KILLED_AT = (("till", "/closed_sales/"), ("crm", "/v1/customers"), ("crm", "/v1/orders"))
PATIENCE = 200.0  # to start the command takes seconds, and many of them where everything else runs at the same time


def wait_for(condition: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def family(pid: int) -> list[psutil.Process]:
    """The command and everything it started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


class Patience:
    """The seconds that a process took, without those in which it was ready to run and the machine was busy elsewhere."""

    def __init__(self, pid: int) -> None:
        self._file = Path(f"/proc/{pid}/schedstat")
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._waited = self._waited_before = self._waited_for_a_core()

    def __enter__(self) -> Patience:
        self._began = time.monotonic()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        took = time.monotonic() - self._began
        self._over.set()
        self._watch.join()
        self.seconds = took - (self._waited - self._waited_before)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self._waited = max(self._waited, self._waited_for_a_core())

    def _waited_for_a_core(self) -> float:
        try:
            return int(self._file.read_text().split()[1]) / 1e9
        except (OSError, IndexError):  # it has ended, or this is not Linux
            return 0.0


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.also_shared
def test_a_second_sync_of_the_same_shop_fails_at_once_names_the_holder_and_makes_no_call(world: World) -> None:
    with world.opened() as run, Lease.acquire(run.state.db, "alpha", SYNC_LEASE):
        second = world.sync()

    assert (second.status, second.exit_code) == ("failed", 1)
    assert f":{os.getpid()}:" in second.message
    assert not world.requests("till")
    assert not world.requests("crm")
    assert world.sync().status == "delivered"


def test_a_second_command_for_the_same_shop_ends_at_once_while_the_first_goes_on(world: World) -> None:
    world.break_till(Fault(kind="hang", path="/closed_sales/", seconds=30.0))
    first = world.command("sync", "--json")
    try:
        wait_for(lambda: world.sandbox.till_server.faults.struck, "a call that hangs")  # from here on it stands still
        before = len(world.requests("till")) + len(world.requests("crm"))
        code, document, _ = world.run("sync")
        after = [entry for entry in world.requests("till") if "/closed_sales/" not in entry["path"]]

        assert (code, document["shops"][0]["status"]) == (1, "failed")
        assert str(first.pid) in document["shops"][0]["message"] or "held by" in document["shops"][0]["message"]
        assert len(after) + len(world.requests("crm")) <= before
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()


@pytest.mark.only_local("each home with its own; of two that share one, the other is told that the shop is held")
def test_two_first_syncs_at_once_from_two_homes_make_one_source_per_store(
    make_world: Callable[..., World], undisturbed: Callable[..., Any]
) -> None:
    world = make_world(latency=0.1)
    world.sandbox.till.switches.concurrency = 60
    both = [world.command("sync", "--json", home=world.folder / f"home{number}") for number in range(2)]
    documents = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in both]

    assert [document["exit_code"] for document in documents] == [0, 0]
    assert world.end_state() == undisturbed(alpha())
    posts = world.requests("crm", "/v1/data-sources", "POST")
    assert {entry["status"] for entry in posts} - {200} <= {400}  # one of them came too late, and looked again
    assert len(world.crm().definitions) == 1


def test_killed_again_and_again_it_ends_as_if_undisturbed_and_sends_little_twice(
    make_world: Callable[..., World], undisturbed: Callable[..., Any]
) -> None:
    world = make_world(crowded(), latency=0.05)
    chance = random.Random(11)
    for side, path in KILLED_AT:
        process = world.command("sync", "--json")
        before = len(world.requests(side, path))
        wait_for(lambda: len(world.requests(side, path)) > before, f"a request to {path}")  # noqa: B023
        time.sleep(chance.random() * 0.1)
        whole = family(process.pid)
        process.kill()
        process.communicate()
        wait_for(lambda: not alive(whole), "the end of all its processes")  # noqa: B023
    code, document, _ = world.run("sync")

    assert (code, document["shops"][0]["status"]) == (0, "delivered")
    assert world.end_state() == undisturbed(crowded())
    for entity, name in (("customers", "customer_id"), ("orders", "order_id"), ("products", "product_id")):
        times = Counter(item[name] for item in world.sent(entity))
        assert times.total() - len(times) <= KILLED_AT.count(("crm", f"/v1/{entity}")) * IN_FLIGHT


@pytest.mark.parametrize(
    ("stop", "side", "path"),
    [
        (signal.SIGINT, "till", "/closed_sales/"),
        (signal.SIGTERM, "till", "/closed_sales/"),
        (signal.SIGTERM, "crm", "^/v1/customers$"),
        (signal.SIGTERM, "crm", "^/v1/orders$"),
    ],
)
def test_stopped_from_outside_it_ends_within_seconds_says_so_and_loses_nothing(
    make_world: Callable[..., World], undisturbed: Callable[..., Any], stop: signal.Signals, side: str, path: str
) -> None:
    world = make_world()
    (world.break_till if side == "till" else world.break_crm)(Fault(kind="hang", path=path, seconds=20.0))
    hanging = world.sandbox.till_server if side == "till" else world.sandbox.crm_server
    process = world.command("sync", "--json")
    wait_for(lambda: hanging.faults.struck, "a call that hangs")
    whole = family(process.pid)

    with Patience(process.pid) as took:
        process.send_signal(stop)
        out, err = process.communicate(timeout=PATIENCE)

    assert took.seconds < 10
    assert process.returncode == 1
    assert "next run" in err
    assert "Traceback" not in err
    document = json.loads(out)
    assert (document["ok"], document["exit_code"]) == (False, 1)
    wait_for(lambda: not alive(whole), "the end of all its processes")
    world.mend()
    assert world.sync().status == "delivered"  # the lease of the dead one holds nobody up
    assert world.end_state() == undisturbed(alpha())


@pytest.mark.parametrize("command", [["reconcile"], ["refused", "replay"], ["plan"], ["check"]], ids=" ".join)
def test_any_command_that_is_stopped_ends_within_seconds_while_a_server_hangs(world: World, command: list[str]) -> None:
    world.break_crm(Fault(kind="answer", status=422, path="^/v1/products-manufacturers", times=1))
    assert world.sync().status == "refused"
    world.break_crm(Fault(kind="hang", seconds=60.0))
    process = world.command(*command, "--json")
    wait_for(lambda: world.sandbox.crm_server.faults.struck, "a call that hangs")

    with Patience(process.pid) as took:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)

    assert took.seconds < 10
    assert process.returncode == 1
    assert "next run" in err
    assert "Traceback" not in err
    assert json.loads(out)["exit_code"] == 1


def test_a_shop_whose_till_hangs_does_not_delay_another_shop(make_world: Callable[..., World]) -> None:
    world = make_world(alpha(), beta())
    world.break_till(Fault(kind="hang", path="^/alpha/", seconds=60.0))

    process = world.command("sync", "--json")
    try:
        wait_for(lambda: len(world.crm("beta").records("pos_profile")) == 8, "everything of beta")
        assert process.poll() is None
        assert not world.items("orders", "alpha")
    finally:
        process.kill()
        process.wait()
