"""A sync in a process of its own, which a blow strikes when a server gets a certain request."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import httpx

import assets.launch
from connector.config import Shop
from connector.sandbox.fault_plan import Fault, FaultPlan, Side
from connector.state import database
from connector.state.errors import StateError
from connector.state.home import HOME_VARIABLE
from connector.sync_request import SyncRequest
from tests.faults.broken import promise
from tests.faults.shop_world import Synced, World, checked
from tests.faults.short_waits import unhurried_nowhere
from tests.faults.till_changes import SHOP
from tests.faults.troubles import Blow, Trouble


@dataclass
class Watched(FaultPlan):
    """A plan that strikes once at the nth request of its side that it watches, and counts the requests that came."""

    blow: Blow | None = None
    strike: Callable[[], None] = lambda: None
    came: int = 0
    watched: int = 0

    def pick(self, side: Side, method: str, path: str) -> Fault | None:
        self.came += 1
        fault = super().pick(side, method, path)
        if self.blow is not None and self.blow.side == side and re.search(self.blow.path, path):
            self.watched += 1
            if self.watched == self.blow.nth:
                self.strike()
                return fault if self.blow.applied else Fault(kind="reset")
        return fault


def sync_in_process(world: World, trouble: Trouble, plans: list[Watched]) -> Synced | None:
    """A sync that a blow strikes, or whose disk is full. None when it could give no report."""
    if trouble.blow and trouble.blow.command:
        return _sync_by_command(world, trouble.blow, plans)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["assets.launch", __name__])
    world.forget_requests()
    ours, theirs = context.Pipe(duplex=False)
    variables = {HOME_VARIABLE: str(world.home), **world.state}
    process = context.Process(target=_process, args=(world.shop(SHOP), variables, trouble.disk, theirs))
    process.start()
    theirs.close()
    with _striking(world, trouble.blow, process.pid or 0, plans):
        try:
            told = ours.recv()
        except EOFError:
            told = None
        process.join(60)
    if isinstance(told, dict):
        return checked(told)
    promise(told is None or "next" in told or "run" in told.lower(), f"says nothing of what to do: {told}")
    promise(told is not None or process.exitcode == -signal.SIGKILL, f"ended with {process.exitcode}, no report")
    return None


def _sync_by_command(world: World, blow: Blow, plans: list[Watched]) -> Synced | None:
    world.forget_requests()
    command = world.command("sync", "--json")
    with _striking(world, blow, command.pid, plans):
        out, _ = command.communicate(timeout=120)
    if command.returncode == -signal.SIGKILL:
        return None
    return checked(json.loads(out)["shops"][0])


@contextmanager
def _striking(world: World, blow: Blow | None, pid: int, plans: list[Watched]) -> Iterator[None]:
    held: list[sqlite3.Connection] = []
    timers: list[threading.Timer] = []
    files = [world.home / f"{database.FILE_NAME}{end}" for end in ("", "-wal", "-shm")]

    def strike() -> None:
        assert blow is not None
        if blow.kind == "lose":
            for file in files:
                file.unlink(missing_ok=True)
        elif blow.kind == "lock":
            locker = sqlite3.connect(files[0], timeout=5, check_same_thread=False)
            with suppress(sqlite3.OperationalError):
                locker.execute("BEGIN IMMEDIATE")
            held.append(locker)
        else:
            timers.append(threading.Timer(blow.delay, kill))
            timers[-1].start()

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    for plan in plans:
        plan.strike = strike
    yield
    for timer in timers:
        timer.cancel()
    for each in held:
        each.close()


def wait_until_quiet(world: World, plans: list[Watched], trouble: Trouble) -> None:
    """Until every request that a server got has been dealt with, so that none comes late into the next sync."""
    if trouble.blow:
        for server in (world.sandbox.till_server, world.sandbox.crm_server):
            for _ in range(2):
                httpx.get(f"{server.url}/_sandbox/faults", trust_env=False)
    end = time.monotonic() + 10
    while len(world.requests("till")) < plans[0].came or len(world.requests("crm")) < plans[1].came:
        promise(time.monotonic() < end, "the sandbox does not come to an end")
        time.sleep(0.01)


def _process(shop: Shop, variables: dict[str, str], disk: int | None, told: Connection) -> None:
    """What `connector sync` starts for a shop, without the waits, and with a disk that may be full."""
    os.environ.update(variables)
    if disk is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (disk, disk))
    with unhurried_nowhere(lock_seconds=0.3):
        try:
            with assets.launch.Launcher() as launcher:
                told.send(launcher.launch(SyncRequest(shop), lambda what, done, total: None)[1])
        except StateError as error:
            told.send(str(error))
