"""Shops side by side: a till that hangs, and one whose calls are used up, keep no other shop from being delivered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from connector.sandbox.fault_plan import Fault, FaultPlan
from tests.sync.conftest import MakeWorld
from tests.sync.world import ROOT, World, till_account

FINE = ("one", "two", "three", "four")
PATIENCE = 100.0  # seconds; the till that hangs is waited for longer: each attempt has 30 of them


def statuses(world: World) -> dict[str, str]:
    return {shop["shop"]: shop["status"] for shop in world.status().document["shops"]}


def test_one_shop_that_hangs_and_one_without_calls_delay_no_other(make_world: MakeWorld) -> None:
    world = make_world([till_account(key, offset=0) for key in ("hangs", "spent", *FINE)])
    world.configure(lambda shops: shops[1]["pos"].update(monthly_calls=7))
    world.sandbox.till_server.faults = FaultPlan([Fault(kind="hang", path="^/hangs/", seconds=600.0)])
    sync = world.start("sync", "--json", "--shops", str(world.shops_file))
    try:
        expected = {"hangs": "running", "spent": "quota"} | dict.fromkeys(FINE, "delivered")
        deadline = time.monotonic() + PATIENCE
        while (found := statuses(world)) != expected:
            assert time.monotonic() < deadline, found
        assert all(len(world.held("orders", key)) == 4 for key in FINE)
        assert world.held("orders", "spent")  # what it could still read
        assert world.held("orders", "hangs") == []
    finally:
        sync.kill()  # its processes end with it


# A machine with one core that other programs keep busy.
_BUSY = """
import json, os, sys
from pathlib import Path
import psutil
from connector import sync
from connector.config import load_shops
from connector.sync_request import SyncRequest

os.cpu_count, psutil.cpu_percent = lambda: 1, lambda: 100.0
heard = []

if __name__ == "__main__":
    document = sync.sync([SyncRequest(shop) for shop in load_shops(Path(sys.argv[1]))], lambda shop, *_: heard.append(shop))
    print(json.dumps([[shop["status"] for shop in document["shops"]], heard]))
"""


def on_its_own(world: World, script: str) -> Any:
    """What that program prints, given `shops.yaml`."""
    file = world.folder / "its_own.py"
    file.write_text(script, encoding="utf-8")
    env = os.environ | {"CONNECTOR_HOME": str(world.home), "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, str(file), str(world.shops_file)], env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.only_local("its own process")
def test_a_shop_that_hangs_delays_none_on_a_busy_machine_either(make_world: MakeWorld) -> None:
    world = make_world([till_account(key, offset=0) for key in ("hangs", "fine")])
    world.sandbox.till_server.faults = FaultPlan([Fault(kind="hang", path="^/hangs/", times=1, seconds=20.0)])
    statuses, heard = on_its_own(world, _BUSY)
    assert statuses == ["delivered", "delivered"]
    assert heard[-1] == "hangs"  # it was through last, though it was the first, and the only one to begin with


# One process at most, however many cores there are; while it is at the shop `dies` it is killed.
_ONE_PROCESS = """
import json, os, re, sys
from multiprocessing import forkserver
from pathlib import Path
import psutil
from assets.instance import open_instance
from connector import sync
from connector.config import load_shops
from connector.sync_request import SyncRequest

sync.SIDE_BY_SIDE, os.cpu_count = 1, lambda: 64

def watch(shop, what, done, total):
    if shop == "dies":
        for process in psutil.Process(forkserver._forkserver._forkserver_pid).children():
            process.kill()

if __name__ == "__main__":
    document = sync.sync([SyncRequest(shop) for shop in load_shops(Path(sys.argv[1]))], watch)
    with open_instance() as instance:
        logs = {shop: instance.all_logs(run_id) for shop, run_id in document["run_ids"].items()}
    pids = {shop: re.search("in process .pid: ([0-9]+)", str(log))[1] for shop, log in logs.items()}
    print(json.dumps([{shop["shop"]: shop["status"] for shop in document["shops"]}, pids]))
"""


@pytest.mark.only_local("its own process")
def test_a_process_goes_on_with_the_next_shop_and_one_that_dies_takes_only_its_own(make_world: MakeWorld) -> None:
    names = ("one", "two", "dies", "three", "four")
    world = make_world([till_account(key, offset=0) for key in names])
    found, processes = on_its_own(world, _ONE_PROCESS)
    assert found == dict.fromkeys(names, "delivered") | {"dies": "failed"}
    assert processes["one"] == processes["two"] == processes["dies"]
    assert processes["three"] == processes["four"] != processes["dies"]
    assert all(len(world.held("orders", key)) == 4 for key in names if key != "dies")
