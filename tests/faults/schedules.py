"""A shop's troubled life, drawn from chance: faults on both sides, changes at the till, kills; and what holds all along.

A `Story` plays it against a world and checks the promises after every sync; a promise that breaks raises `Broken`.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import re
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import httpx
import stamina

import assets.launch
from connector.http import HttpClient
from connector.outcome import EXIT_CODES
from connector.pos import hiboutik_calls
from connector.sandbox.accounts import TillAccount
from connector.sandbox.fault_plan import PRESETS, Fault, FaultPlan, Side
from connector.sandbox.serve import Sandbox
from connector.state import database
from connector.state.errors import StateError
from connector.state.home import HOME_VARIABLE
from connector.sync_request import SyncRequest
from tests.faults import little_till
from tests.faults.little_till import customer, days_ago, line, product, sale, store
from tests.faults.shop_world import Synced, World, checked

SHOP = "alpha"
IN_FLIGHT = 8 * 50  # records that a killed run may have had on their way, at most
PATIENCE = 1.0  # seconds that a client waits for an answer while a server hangs for longer
SILENCE = 1.6

STATUSES = ("408", "429", "500", "502", "503", "504")
WAITS = ("429_retry_after", "429_retry_date", "503_retry_date", "503_retry_later")
ABSURD = tuple(name for name in PRESETS if name.startswith("503_absurd"))
BROKEN = ("refuse", "reset_before", "reset_after", "truncated", "cut", "hang", "drip")
SHAPES = ("html", "redirect", "wrong_shape", "wrong_rows", "null", "empty")
KINDS: dict[Side, tuple[tuple[str, ...], ...]] = {
    "till": (STATUSES, WAITS, ABSURD, BROKEN, SHAPES, ("401", "403")),
    "crm": (STATUSES, WAITS, ABSURD, BROKEN, SHAPES, ("401",), ("503_applied", "failed_count"), ("400", "413", "422")),
}
PATHS: dict[Side, tuple[str, ...]] = {
    "till": (
        "",
        "/stores",
        "/products/",
        "/customers/",
        "/closed_sales/",
        "/products_sold/",
        "/stock_available",
        "/brands",
    ),
    "crm": (
        *("", "^/v1/customers", "^/v1/products$", "^/v1/orders$", "^/v1/custom-data-records"),
        *("^/v1/data-sources", "^/v1/custom-data-definitions", "^/v1/products-"),
    ),
}
# A whole request refused is a verdict on its records, so it is drawn for saves only.
SAVES = ("^/v1/customers", "^/v1/products$", "^/v1/orders$", "^/v1/custom-data-records", "^/v1/products-")
REFUSALS = ("400", "413", "422")


class Broken(AssertionError):
    """A promise did not hold."""


def promise(holds: object, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


# --- what can happen


@dataclass(frozen=True)
class Blow:
    """Something that hits the run itself when a server gets its nth request: a kill, a lock, the loss of the database.

    With `path` (a regular expression, searched in the path) only such requests are counted.
    """

    kind: Literal["kill", "lock", "lose"]
    side: Side
    nth: int
    applied: bool = True  # whether that request is still handled
    delay: float = 0.0  # seconds between that request and a kill
    command: bool = False  # the command itself is killed, not only the process of its shop
    path: str = ""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong during one sync. `disk` is the size in bytes beyond which no file grows."""

    faults: tuple[Fault, ...] = ()
    blow: Blow | None = None
    disk: int | None = None

    @property
    def hangs(self) -> bool:
        return any(fault.kind == "hang" for fault in self.faults)

    def __str__(self) -> str:
        told = [
            f"{f.side} {f.path or 'any'} {f.kind} {f.status if f.kind == 'answer' else ''}"
            f"{' applied' if f.applied else ''} nth={f.nth} every={f.every} times={f.times}"
            for f in self.faults
        ]
        return "; ".join(
            [*told, *([str(self.blow)] if self.blow else []), *([f"disk {self.disk}"] if self.disk else [])]
        )


NOTHING = Trouble()


def draw_faults(chance: random.Random) -> Trouble:
    """One to four kinds of fault, on either side."""
    return Trouble(tuple(_draw_fault(chance) for _ in range(chance.randint(1, 4))))


def _draw_fault(chance: random.Random) -> Fault:
    side: Side = chance.choice(("till", "crm"))
    name = chance.choice(chance.choice(KINDS[side]))
    path = chance.choice(SAVES if name in REFUSALS else PATHS[side])
    fault = replace(PRESETS[name], side=side, path=path, method="POST" if name in REFUSALS else None)
    if fault.kind == "hang":
        return replace(fault, seconds=SILENCE, times=1)
    if fault.kind == "drip":
        fault = replace(fault, seconds=0.1)
    often: list[dict[str, int]] = [
        *({"times": 1}, {"times": chance.randint(2, 6)}, {"nth": chance.randint(1, 12)}),
        *({"every": chance.choice((2, 3, 5))}, {}),
    ]
    return replace(fault, **often[chance.randrange(3 if name in REFUSALS else 5)])


def draw_kill(chance: random.Random, *, command: bool = False) -> Trouble:
    """A SIGKILL around any request, or shortly after it, with or without another fault."""
    delay = chance.choice((0.0, chance.random() * 0.05, chance.random() * 0.3))
    side: Side = chance.choice(("till", "crm", "crm"))
    # a first sync of a thousand records makes some 40 requests to each side, a later one few
    nth = chance.choice((chance.randint(1, 10), chance.randint(10, 40)))
    blow = Blow("kill", side, nth, chance.random() < 0.7, delay, command)
    faults = draw_faults(chance).faults[:1] if chance.random() < 0.3 else ()
    return Trouble(tuple(fault for fault in faults if fault.kind != "hang"), blow)


def draw_state_trouble(chance: random.Random) -> Trouble:
    """A disk that is full, or a database that another process locks, or that is deleted."""
    kind: Literal["lock", "lose", "full"] = chance.choice(("lock", "lose", "full"))
    if kind == "full":
        return Trouble(disk=chance.choice((8_000, 60_000, 150_000, 400_000)))
    return Trouble(blow=Blow(kind, chance.choice(("till", "crm")), chance.randint(1, 30)))


# --- the till and its changes


def shop_of(records: int) -> TillAccount:
    """`alpha`, two stores, with about so many records: a third each are customers, their profiles, and orders."""
    third = max(8, records // 3)
    customers = [customer(number) for number in range(1, third + 1)]
    sales = [
        sale(1000 + n, 1 + n % 2, days_ago(n % little_till.DAYS), 1 + n % third, line(1 + n % little_till.PRODUCTS))
        for n in range(third)
    ]
    stores = [store(1, "Lyon"), store(2, "Nice")]
    return little_till.account(SHOP, 100_000_000, stores, sales, customers=customers)


@dataclass
class Changes:
    """What was changed at the till, so far. Sales change within the look-back only: older days are not read again."""

    world: World
    customers: int
    gone_customers: set[int] = field(default_factory=set)
    gone_products: set[int] = field(default_factory=set)
    made: int = 0

    def draw(self, chance: random.Random) -> str:
        """Makes a change; its name."""
        change = chance.choice(
            (
                *(self.sale, self.sale, self.edited_sale, self.customer, self.edited_customer, self.gone_customer),
                *(self.product, self.edited_product, self.gone_product, self.stock),
            )
        )
        change(chance)
        return change.__name__

    def sale(self, chance: random.Random) -> None:
        self.made += 1
        lines = [line(chance.choice(self._products())) for _ in range(chance.randint(1, 3))]
        day = days_ago(chance.randint(0, 1))
        self._till.put_sale(sale(500_000 + self.made, chance.randint(1, 2), day, self._customer(chance), *lines))

    def edited_sale(self, chance: random.Random) -> None:
        if self.made:
            lines = [line(chance.choice(self._products()), quantity=chance.randint(1, 3), line_item_id=self.made)]
            number = 500_000 + chance.randint(1, self.made)
            self._till.put_sale({"sale_id": number, "customer_id": self._customer(chance), "line_items": lines})

    def customer(self, chance: random.Random) -> None:
        self.customers += 1
        self._till.put("customers", customer(self.customers))

    def edited_customer(self, chance: random.Random) -> None:
        number = self._customer(chance)
        email = f"camille.{number}.{chance.randint(1, 99)}@example.org"
        change = {"loyalty_points": chance.randint(1, 900), "email": email}
        self._till.put("customers", {"customers_id": number, **change})

    def product(self, chance: random.Random) -> None:
        self._till.put("products", product(len(self._till.keys("products")) + len(self.gone_products) + 1))

    def edited_product(self, chance: random.Random) -> None:
        price = f"{chance.randint(1, 500)}.50"
        change = {"product_price": price, "product_arch": chance.choice((0, 0, 1))}
        self._till.put("products", {"product_id": chance.choice(self._products()), **change})

    def stock(self, chance: random.Random) -> None:
        places = {"product_size": 0, "warehouse_id": 1}
        number = chance.choice(self._products())
        self._till.put("stock", {"product_id": number, **places, "stock_available": chance.randint(0, 50)})

    def gone_customer(self, chance: random.Random) -> None:
        number = self._customer(chance)
        if self.customers - len(self.gone_customers) > 4:
            self._till.delete("customers", number)
            self.gone_customers.add(number)

    def gone_product(self, chance: random.Random) -> None:
        if len(self._products()) > 3:
            number = chance.choice(self._products())
            self._till.delete("products", number)
            self.gone_products.add(number)

    @property
    def _till(self) -> Any:
        return self.world.till(SHOP)

    def _customer(self, chance: random.Random) -> int:
        while (number := chance.randint(1, self.customers)) in self.gone_customers:
            pass
        return number

    def _products(self) -> list[int]:
        return [int(key) for key in self._till.keys("products")]


# --- time, made short


@contextmanager
def unhurried_nowhere(patience: float | None = None, lock_seconds: float | None = None) -> Iterator[None]:
    """Four tries as in earnest, without the waits between them, and with less patience where it is asked for."""
    pause, begin, opened, lock = (
        hiboutik_calls.sleep,
        HttpClient.__post_init__,
        assets.launch.open_instance,
        database.LOCK_SECONDS,
    )

    def impatient(client: HttpClient) -> None:
        client.timeout = patience or client.timeout
        begin(client)

    hiboutik_calls.sleep = lambda seconds: None
    HttpClient.__post_init__ = impatient  # type: ignore[method-assign]
    assets.launch.open_instance = dg.DagsterInstance.ephemeral
    database.LOCK_SECONDS = lock_seconds or lock
    try:
        with stamina.set_testing(True, attempts=4, cap=True):
            yield
    finally:
        hiboutik_calls.sleep, HttpClient.__post_init__ = pause, begin  # type: ignore[method-assign]
        assets.launch.open_instance, database.LOCK_SECONDS = opened, lock


# --- one sync in a process of its own


def _process(shops_file: Path, variables: dict[str, str], disk: int | None, told: Connection) -> None:
    """What `connector sync` starts for a shop, without the waits, and with a disk that may be full."""
    os.environ.update(variables)
    if disk is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (disk, disk))
    with unhurried_nowhere(lock_seconds=0.3):
        try:
            told.send(assets.launch.launch(SyncRequest(shops_file, SHOP), lambda what, done, total: None)[1])
        except StateError as error:
            told.send(str(error))


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


# --- the story


@dataclass
class Figures:
    """What a story came to."""

    records: int = 0
    syncs: int = 0
    kills: int = 0
    repeated: list[int] = field(default_factory=list)  # records sent again, per kill
    recovery: list[float] = field(default_factory=list)  # seconds of the faultless sync after a kill
    lost: int = 0
    refused: int = 0  # stories in which a refusal was told, and ended by `sync --full`
    faults: int = 0  # requests that were answered by a fault


IDS = {
    "customers": "customer_id",
    "orders": "order_id",
    "products": "product_id",
    "categories": "category_id",
    "manufacturers": "manufacturer_id",
    "statuses": "status_id",
    "profiles": "contact_id",
}
_ID_OF_SAVE = {
    "customers": "customer_id",
    "orders": "order_id",
    "products": "product_id",
    "products-categories": "category_id",
    "products-manufacturers": "manufacturer_id",
    "orders-statuses": "status_id",
}
_ENTITY = {"statuses": "order_statuses", "profiles": "pos_profiles"}


class Story:
    """A world, what happened to it so far, and the promises."""

    def __init__(self, world: World, customers: int) -> None:
        self.world, self.figures = world, Figures()
        self.changes = Changes(world, customers)
        self.told: list[str] = []  # what happened, for whoever reads of a broken promise
        self._answered: dict[tuple[str, str], bytes] = {}  # the last payload of each record that was answered for
        self._may_repeat: float = 0
        self._killed = False  # the last run was
        self._since_kill: int | None = None  # records sent again since a kill that no run has made up for yet

    # --- acting

    def change(self, chance: random.Random) -> None:
        self.told.append(f"changed: {self.changes.draw(chance)}")

    def sync(self, trouble: Trouble = NOTHING, **request: Any) -> Synced | None:
        """A sync in that trouble, and every promise after it. None when the run could give no report."""
        self.told.append(f"sync: {trouble or 'nothing wrong'}")
        self.figures.syncs += 1
        plans = [Watched(faults=list(trouble.faults), blow=trouble.blow) for _ in range(2)]
        servers = [self.world.sandbox.till_server, self.world.sandbox.crm_server]
        for server, plan in zip(servers, plans, strict=True):
            server.faults = plan
        if trouble.blow is None and trouble.disk is None:
            with unhurried_nowhere(PATIENCE if trouble.hangs else None):
                synced = self.world.sync(SHOP, **request)
        else:
            synced = self._sync_in_process(trouble, plans)
        self._wait_until_quiet(plans, trouble)
        self.world.mend()
        self.figures.faults += sum(1 for side in ("till", "crm") for e in self.world.requests(side) if e["fault"])
        self._check(synced, trouble, full=bool(request.get("full")))
        return synced

    def settle(self) -> None:
        """The faults are gone: one more sync, and everything is there, or it is told what waits and why."""
        killed, began = self._killed, time.monotonic()
        synced = self.sync()
        if killed:
            self.figures.recovery.append(time.monotonic() - began)
        assert synced is not None
        if synced.status == "refused":
            self.figures.refused += 1
            self._check_refused_are_named()
            again = self.sync(full=True)
            assert again is not None
            synced = again
        promise(synced.status == "delivered", f"after the faults: {synced.status}: {synced.message}")
        expected = expected_state(self.world, self.changes)
        self.figures.records += sum(map(len, expected.values()))
        different = differences(self.held(), expected)
        self.figures.lost += len(different)
        promise(not different, f"not as without faults: {sorted(different)[:10]} ({len(different)})")
        self._check_gone()

    # --- looking

    def held(self) -> dict[str, dict[str, str]]:
        return state_by_id(self.world, self.changes)

    # --- the run's process

    def _sync_in_process(self, trouble: Trouble, plans: list[Watched]) -> Synced | None:
        if trouble.blow and trouble.blow.command:
            return self._sync_by_command(trouble.blow, plans)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["assets.launch", __name__])
        self.world.forget_requests()
        ours, theirs = context.Pipe(duplex=False)
        variables = {HOME_VARIABLE: str(self.world.home), **self.world.state}
        process = context.Process(target=_process, args=(self.world.shops_file, variables, trouble.disk, theirs))
        process.start()
        theirs.close()
        with self._striking(trouble.blow, process.pid or 0, plans):
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

    def _sync_by_command(self, blow: Blow, plans: list[Watched]) -> Synced | None:
        self.world.forget_requests()
        command = self.world.command("sync", "--json")
        with self._striking(blow, command.pid, plans):
            out, _ = command.communicate(timeout=120)
        if command.returncode == -signal.SIGKILL:
            return None
        return checked(json.loads(out)["shops"][0])

    @contextmanager
    def _striking(self, blow: Blow | None, pid: int, plans: list[Watched]) -> Iterator[None]:
        held: list[sqlite3.Connection] = []
        timers: list[threading.Timer] = []
        files = [self.world.home / f"{database.FILE_NAME}{end}" for end in ("", "-wal", "-shm")]

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

    def _wait_until_quiet(self, plans: list[Watched], trouble: Trouble) -> None:
        """Until every request that a server got has been dealt with, so that none comes late into the next sync."""
        if trouble.blow:
            for server in (self.world.sandbox.till_server, self.world.sandbox.crm_server):
                for _ in range(2):
                    httpx.get(f"{server.url}/_sandbox/faults", trust_env=False)
        end = time.monotonic() + 10
        while len(self.world.requests("till")) < plans[0].came or len(self.world.requests("crm")) < plans[1].came:
            promise(time.monotonic() < end, "the sandbox does not come to an end")
            time.sleep(0.01)

    # --- promises

    def _check(self, synced: Synced | None, trouble: Trouble, *, full: bool) -> None:
        self._check_tags()
        repeated = self._count_repeated()
        if not full and not trouble.hangs:
            promise(repeated <= self._may_repeat, f"{repeated} records sent again, {self._may_repeat} may be")
        # what a killed run had in flight is sent again by the next run that gets so far: it may be stopped before
        whole = synced is not None and synced.status in ("delivered", "refused")
        if self._since_kill is not None and not full:
            self._since_kill += repeated
            if whole:
                self.figures.repeated.append(self._since_kill)
                self._since_kill = None
        self._killed = trouble.blow is not None and trouble.blow.kind == "kill" and synced is None
        self.figures.kills += self._killed
        if self._killed:
            self._since_kill = self._since_kill or 0
        self._may_repeat = 0 if whole else max(0, self._may_repeat - repeated)
        if trouble.blow and trouble.blow.kind == "lose":
            self._may_repeat = float("inf")
        elif synced is None or trouble.disk is not None or trouble.blow or trouble.hangs:
            self._may_repeat += IN_FLIGHT
        if synced is not None:
            self._check_told(synced)

    def _check_told(self, synced: Synced) -> None:
        """What the run says is true, and says enough."""
        status, rows = synced.status, synced.report["entities"]
        failed = [row for row in rows if row["failed"]]
        promise(synced.exit_code == EXIT_CODES[status], f"exit code {synced.exit_code} for {status}")  # type: ignore[index]
        if status in ("delivered", "refused"):
            promise(not failed, f"{status}, but {failed}")
            promise(any(row["refused"] for row in rows) == (status == "refused"), f"{status}: {rows}")
        else:
            promise(len(synced.message) > 20, f"{status} without a word")
        if status == "delivered":
            missing = self._missing()
            promise(not missing, f"said to be delivered, but there is no {sorted(missing)[:5]} ({len(missing)})")

    def _missing(self) -> set[str]:
        till, held = self.world.till(SHOP), self.held()
        there = {key for kind in ("customers", "products", "orders") for key in held[kind]}
        wanted = {f"a_{number}" for number in till.keys("customers")}
        wanted |= {str(100_000_000 + int(number)) for number in till.keys("products")}
        return wanted - there

    def _check_tags(self) -> None:
        """No order is under another store's source, nothing under a source that is not ours."""
        data, till = self.world.crm(SHOP), self.world.till(SHOP)
        configs = {number: json.loads(source["config"] or "{}") for number, source in data.sources.items()}
        for kind in ("customers", "products", "orders"):
            for item in data.items(kind):
                config = configs[item["id_data_source"]]
                promise(config.get("account") == SHOP, f"{kind}: {item} is under {config}")
                if kind == "orders":
                    sold = till.sale(int(item["order_id"].removeprefix("a_")))
                    at = str(sold["store_id"]) if sold else None
                    promise(config.get("store_id") == at, f"order {item['order_id']} of store {at} is under {config}")

    def _count_repeated(self) -> int:
        """Records whose very payload had been answered for before, and that were sent once more."""
        repeated = 0
        for entry in self.world.requests("crm", method="POST"):
            kind = entry["path"].split("/")[2]
            if not isinstance(entry["body"], list) or (kind not in _ID_OF_SAVE and kind != "custom-data-records"):
                continue
            answered = entry["status"] == 200 and entry["fault"] in (None, "drip", "hang")
            for item in entry["body"]:
                key = (kind, json.dumps(item[_ID_OF_SAVE.get(kind, "contact_id")]))
                mark = hashlib.blake2b(json.dumps(item, sort_keys=True).encode(), digest_size=12).digest()
                repeated += self._answered.get(key) == mark
                if answered:
                    self._answered[key] = mark
        return repeated

    def _check_refused_are_named(self) -> None:
        """Whatever is not as without faults is among the refused records, or a profile that depends on one of them."""
        with self.world.opened(SHOP) as run:
            named = {(row["entity"], row["external_id"]) for row in run.refused.all()}
        expected = expected_state(self.world, self.changes)
        buyers = {name: json.loads(text)["customer"] for name, text in expected["orders"].items()}
        told = named | {("pos_profiles", n) for e, n in named if e == "customers"}
        told |= {("pos_profiles", buyers.get(n)) for e, n in named if e == "orders"}  # a profile counts orders sent
        unnamed = []
        for kind, name in differences(self.held(), expected):
            name = name.removeprefix("customer:")
            if (_ENTITY.get(kind, kind), name) not in told:
                unnamed.append((kind, name))
        promise(not unnamed, f"neither delivered nor named: {unnamed[:10]}, named are {sorted(named)[:10]}")

    def _check_gone(self) -> None:
        """A product that is gone from the till, and that ShopiMind has, is not active there."""
        for item in self.world.crm(SHOP).items("products"):
            if item["product_id"] - 100_000_000 in self.changes.gone_products:
                promise(not item["is_active"], f"product {item['product_id']} is gone, and active")


def state_by_id(world: World, changes: Changes) -> dict[str, dict[str, str]]:
    """What ShopiMind holds, by id, but for what the till took back meanwhile: of that it may hold what it once was.

    An order keeps its customer's address and date as they were when it was sent (contract, section 5).
    """
    gone = {f"a_{number}" for number in changes.gone_customers}
    gone |= {f"customer:{name}" for name in gone} | {str(100_000_000 + n) for n in changes.gone_products}
    state = world.end_state(SHOP)
    by_id: dict[str, dict[str, str]] = {"sources": {text: text for text in state["sources"]}}
    for kind, name in IDS.items():
        by_id[kind] = {}
        for text in state.get(kind, []):
            item = json.loads(text)
            if kind == "orders":
                item["customer"] = item["customer"]["customer_id"]
            if str(item[name]) not in gone and item.get("customer") not in gone:
                by_id[kind][str(item[name])] = json.dumps(item, sort_keys=True)
    return by_id


def differences(held: dict[str, dict[str, str]], expected: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    """(kind, id) of everything that is missing, extra or not the same."""
    return [
        (kind, name)
        for kind in expected
        for name in held[kind].keys() | expected[kind].keys()
        if held[kind].get(name) != expected[kind].get(name)
    ]


_expected: dict[str, dict[str, dict[str, str]]] = {}


def expected_state(world: World, changes: Changes) -> dict[str, dict[str, str]]:
    """The end state of one sync of that till, as it is now, without any fault."""
    account, saved = world.sandbox.accounts[0], {**world.till(SHOP).saved(), "calls": {}}
    books = json.dumps([saved, len(account.books.keys("customers"))], sort_keys=True, default=str)
    key = hashlib.blake2b(books.encode(), digest_size=12).hexdigest()
    if key not in _expected:
        folder = world.folder / f"expected-{key}"
        folder.mkdir()
        with Sandbox(folder / "sandbox", folder, accounts=[account]) as sandbox, unhurried_nowhere():
            calm = World(sandbox, folder, folder / "home")
            calm.till(SHOP)._restore(json.loads(json.dumps(saved)))
            synced = calm.sync(SHOP)
            promise(synced.status == "delivered", f"without any fault: {synced.status}: {synced.message}")
            _expected[key] = state_by_id(calm, changes)
        world.enter()
    return _expected[key]
