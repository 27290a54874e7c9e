"""`make demo-live`: a shop installed by webhook, sales that are in ShopiMind within a minute, and a pause that loses none."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import httpx
import yaml
from cryptography.fernet import Fernet
from dagster._core.scheduler.instigation import InstigatorTick
from rich.console import Console
from rich.table import Table

from assets.installations import DAGSTER_URL_VARIABLE
from assets.instance import open_instance
from connector.config import SHOPIMIND_URL_VARIABLE, SHOPS_VARIABLE
from connector.demo import SAMPLES
from connector.sandbox.serve import Sandbox
from connector.state.database import URL_VARIABLE
from connector.state.home import HOME_VARIABLE, home, private_directory
from connector.state.lake import LAKE_VARIABLE
from connector.state.sealing import KEYS_VARIABLE

_out = Console()
REPOSITORY = Path(__file__).parent.parent
SHOP, PREFIX, ZONE = "maison-lea", "ml_", ZoneInfo("Europe/Paris")
SENSOR, SYNC = "pushed_maison_lea", "sync_maison_lea"
STORE, CUSTOMER, PRODUCT = 1, 1, 1003  # of the shop's sample; the customer has an e-mail address
EVENT = "pos_purchase"
AT_ONCE, AFTER_A_PAUSE = 60.0, 120.0  # seconds until a sale has to be told
_PATIENCE = 120.0  # seconds for a process to start, and for the first sync


class DemoFailed(Exception):
    """A step that the rest needs did not come about; says which, and where to look."""


@dataclass
class Sale:
    """A sale of the demo. Times are those of `time.monotonic`; `due_from` is the closing, or the activation it waited for."""

    number: int
    closed: float
    due_from: float | None
    limit: float
    seen: dict[str, float] = field(default_factory=dict)  # `order` and `event`: when ShopiMind had it

    @property
    def order_id(self) -> str:
        return f"{PREFIX}{self.number}"

    def is_told(self) -> bool:
        return len(self.seen) == len(_TOLD)

    def is_late(self, now: float) -> bool:
        """Also while it is not told yet."""
        if self.due_from is None:
            return False
        return (max(self.seen.values()) if self.is_told() else now) > self.due_from + self.limit


class Live:
    """The sandbox, the receiving service and Dagster, each reached by HTTP as in production. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sales = folder, list[Sale]()
        self._began = time.monotonic()
        self._open = ExitStack()
        self.sandbox = Sandbox(folder / "sandbox", SAMPLES)

    def __enter__(self) -> "Live":
        with ExitStack() as opening:
            opening.enter_context(self.sandbox)
            secret = secrets.token_urlsafe(32)
            self._write_configuration(secret)
            self._dagster = self._start_dagster(opening)
            self.receiver = self._start_receiver(opening)
            self._ask("POST", f"{self.sandbox.crm_url}/_sandbox/webhooks", {"url": self.receiver, "secret": secret})
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def say(self, text: str) -> None:
        _out.print(f"[{time.monotonic() - self._began:5.1f} s] {text}", markup=False, highlight=False, soft_wrap=True)

    # What is started

    def _write_configuration(self, secret: str) -> None:
        """The sample shop, with its token to come by webhook; the rest of the file is as the sandbox writes it."""
        file = self.folder / "shops.yaml"
        self.sandbox.write_shops_yaml(file)
        (shop,) = (each for each in yaml.safe_load(file.read_text("utf-8"))["shops"] if each["key"] == SHOP)
        del shop["shopimind"]["access_token"]
        shop["installation_id"] = f"inst_{SHOP}"
        shop["pos"]["webhook_secret"] = secrets.token_urlsafe(32)
        shop["first_day"] = datetime.now(ZONE).date() - timedelta(days=2)
        shop["events"] = [EVENT]
        document = {"receive": {"webhook_secrets": [secret]}, "shops": [shop]}
        file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
        os.environ[SHOPS_VARIABLE] = str(file)

    def _start_receiver(self, opening: ExitStack) -> str:
        receiver = self._start(opening, "receive", ["connector", "receive", "--json", "--port", "0"])
        said = self.folder / "receive.log"
        self._wait("connector receive", lambda: said.read_text("utf-8").endswith("}\n"), process=receiver)
        return str(json.loads(said.read_text("utf-8"))["receive"])

    def _start_dagster(self, opening: ExitStack) -> "subprocess.Popen[bytes]":
        """It takes longest to be there: see `wait_for_dagster`."""
        port = _free_port()
        self.dagster = os.environ[DAGSTER_URL_VARIABLE] = f"http://127.0.0.1:{port}"
        self.instance = open_instance()
        opening.callback(self.instance.dispose)
        return self._start(opening, "dagster", ["dagster", "dev", "-w", "workspace.yaml", "-p", str(port)])

    def wait_for_dagster(self) -> None:
        self._wait("dagster dev", lambda: self._answers(f"{self.dagster}/server_info"), process=self._dagster)

    def start_sensor(self) -> None:
        """As its switch in the UI does; `dagster sensor start` would load all the code once more first."""
        place = {
            "repositoryLocationName": "pos-to-shopimind",
            "repositoryName": "__repository__",
            "sensorName": SENSOR,
        }
        asked = {"query": _START_SENSOR, "variables": {"sensor": place}}
        answered = self._ask("POST", f"{self.dagster}/graphql", asked)["data"]["startSensor"]
        if answered["__typename"] != "Sensor":
            raise DemoFailed(f"Dagster did not start the sensor {SENSOR}: {answered}")

    def _start(self, opening: ExitStack, name: str, command: list[str]) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("wb") as said, (self.folder / f"{name}.err").open("wb") as told:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=REPOSITORY, start_new_session=True, stdout=said, stderr=told
            )
        opening.callback(_stop, process)
        return process

    def run(self, *command: str) -> None:
        """A command to its end. Raises `DemoFailed` with what it said."""
        ended = subprocess.run([sys.executable, "-m", *command], cwd=REPOSITORY, capture_output=True, text=True)
        if ended.returncode:
            raise DemoFailed(f"{' '.join(command)} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")

    # What is done to them

    def lifecycle(self, event: str) -> None:
        """ShopiMind does that to the installation, and sends the webhook."""
        answered = self._ask("POST", f"{self.sandbox.crm_url}/_sandbox/lifecycle/{SHOP}", {"event": event})
        if not answered["accepted"]:
            raise DemoFailed(f"the webhook of {event} was answered {answered['status']} {answered['body']}")
        self.say(f"webhook: {event}, accepted by connector receive")

    def close_sale(self, *, waits: bool = False) -> Sale:
        """At the till, which pushes it. One that `waits` is due from the next activation on."""
        now = f"{datetime.now(ZONE):%Y-%m-%d %H:%M:%S}"
        row = {"store_id": STORE, "customer_id": CUSTOMER, "completed_at": now, "line_items": [{"product_id": PRODUCT}]}
        stored = self._ask("POST", f"{self.sandbox.till_url}/_sandbox/{SHOP}/sales", row)
        closed = time.monotonic()
        sale = Sale(stored["sale_id"], closed, None if waits else closed, AFTER_A_PAUSE if waits else AT_ONCE)
        self.sales.append(sale)
        self.say(f"sale {sale.number}: closed at the till, {stored['total']} {stored['currency']}")
        return sale

    # What came of it

    def orders(self) -> Counter[str]:
        """How many records of each order ShopiMind holds."""
        return Counter(order["order_id"] for order in self.sandbox.crm.shops[SHOP].items("orders"))

    def events(self) -> Counter[str]:
        """How many events were triggered of each order; triggering is counted by call."""
        told = list(self.sandbox.crm.shops[SHOP].docs[f"triggers:{EVENT}"].values())
        return Counter(doc["payload"]["metaData"]["order_id"] for doc in told)

    def watch(self) -> bool:
        """Whether every sale is in ShopiMind with its event, each in its time; ends with the first that is not."""
        while True:
            for what, there in (("order", self.orders()), ("event", self.events())):
                for sale in self.sales:
                    if what not in sale.seen and there[sale.order_id]:
                        sale.seen[what] = time.monotonic()
                        self.say(
                            f"sale {sale.number}: {_TOLD[what]}, {sale.seen[what] - sale.closed:.1f} s after it closed"
                        )
            if any(sale.is_late(time.monotonic()) for sale in self.sales):
                return False
            if all(sale.is_told() for sale in self.sales):
                return True
            time.sleep(0.2)

    def wait_for_look(self) -> str:
        """Until the sensor of pushed sales has looked once more, and started nothing; why it did not."""
        since = time.time()
        self._wait(
            f"a look of {SENSOR}", lambda: any(tick.timestamp > since and tick.is_completed for tick in self._looks())
        )
        if started := [run for tick in self._looks() if tick.timestamp > since for run in tick.run_ids]:
            raise DemoFailed(f"{SENSOR} started a run while the installation was not active: {started[0]}")
        return next(tick.skip_reason or "" for tick in self._looks() if tick.is_completed)

    def _looks(self) -> Sequence[InstigatorTick]:
        """The newest first."""
        (sensor,) = (each for each in self.instance.all_instigator_state() if each.name == SENSOR)
        return self.instance.get_ticks(sensor.instigator_origin_id, sensor.selector_id, limit=5)

    def synced(self, times: int) -> bool:
        """Whether so many syncs of the shop have ended. Raises `DemoFailed` when one ended badly."""
        runs = self.instance.get_runs(dg.RunsFilter(job_name=SYNC))
        if failed := [run.run_id for run in runs if run.status == dg.DagsterRunStatus.FAILURE]:
            raise DemoFailed(f"a sync failed: run {failed[0]}, {self.folder / 'dagster.err'}")
        return sum(run.status == dg.DagsterRunStatus.SUCCESS for run in runs) >= times

    def _wait(self, what: str, there: Callable[[], bool], process: "subprocess.Popen[bytes] | None" = None) -> None:
        end = time.monotonic() + _PATIENCE
        while not there():
            if time.monotonic() > end or (process and process.poll() is not None):
                raise DemoFailed(f"{what} did not come about; what the processes said is in {self.folder}")
            time.sleep(0.2)

    def wait_for_sync(self, number: int) -> None:
        self._wait(f"sync {number}", lambda: self.synced(number))

    def _ask(self, method: str, url: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.request(method, url, json=body, timeout=30, trust_env=False)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _answers(self, url: str) -> bool:
        try:
            return httpx.get(url, timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


_START_SENSOR = """mutation ($sensor: SensorSelector!) {
    startSensor(sensorSelector: $sensor) { __typename ... on PythonError { message } }
}"""
_TOLD = {"order": "its order is in ShopiMind", "event": f"{EVENT} was triggered"}


def demonstrate() -> bool:
    """The whole story, told as it goes. Whether every sale is in ShopiMind with its event, once and in time."""
    with Live(_own_folder()) as live:
        live.say(
            f"till {live.sandbox.till_url}, ShopiMind {live.sandbox.crm_url}, receiver {live.receiver}, {live.dagster}"
        )
        live.lifecycle("install")
        live.lifecycle("activate")
        live.run("connector", "webhooks", "register", "--url", live.receiver, "--shop", SHOP)
        live.wait_for_dagster()
        live.start_sensor()
        live.say("the till pushes to the receiver, and Dagster's sensor looks every 20 seconds")
        live.wait_for_sync(1)
        before = live.orders()
        live.say(f"first sync, started by the activation: done, {before.total()} orders of the last three days")
        in_time = _sell(live) and _pause(live)
        return _counted(live, before) and in_time


def _sell(live: Live) -> bool:
    for _ in range(3):
        live.close_sale()
    return live.watch()


def _pause(live: Live) -> bool:
    live.lifecycle("deactivate")
    waiting = [live.close_sale(waits=True) for _ in range(2)]
    live.say(f"the sensor has looked, and started nothing: {live.wait_for_look()}")
    early = [sale for sale in waiting if live.orders()[sale.order_id] or live.events()[sale.order_id]]
    live.say(f"deactivated: {len(early)} of {len(waiting)} sales were delivered")
    live.lifecycle("activate")
    for sale in waiting:
        sale.due_from = time.monotonic()
    live.close_sale()
    if not live.watch():
        return False
    # it reads the days of all these sales again: had it told of one twice, the table would show it
    live.wait_for_sync(2)
    live.say("second sync, started by the activation: done")
    return not early


def _counted(live: Live, before: Counter[str]) -> bool:
    """The table at the end: whether there is one order and one event of each sale of the demo, in time, and nothing else."""
    table = Table(title="every sale in ShopiMind once, with one event?")
    for column in ("", "closed at the till", "in ShopiMind", "doubled", "missing"):
        table.add_column(column, justify="right" if column else "left")
    right = True
    for name, found in (("orders", live.orders() - before), ("events triggered", live.events())):
        doubled, missing = differs(live.sales, found)
        right = right and not doubled and not missing
        table.add_row(name, str(len(live.sales)), str(found.total()), str(doubled), str(missing))
    _out.print(table)
    late = [str(sale.number) for sale in live.sales if sale.is_late(time.monotonic())]
    if late:
        live.say(f"too late: {', '.join(late)} (a minute after closing, two after the activation they waited for)")
    return right and not late


def differs(sales: Sequence[Sale], found: Counter[str]) -> tuple[int, int]:
    """How many are doubled, or of no sale of the demo, and how many are missing."""
    there = sum(1 for sale in sales if found[sale.order_id])
    return found.total() - there, len(sales) - there


def _own_folder() -> Path:
    """Emptied, and the connector's home from here on: nothing of the demo is noted where production keeps its state."""
    folder = home() / "demo-live"
    shutil.rmtree(folder, ignore_errors=True)
    private_directory(folder)
    for variable in (URL_VARIABLE, LAKE_VARIABLE, SHOPIMIND_URL_VARIABLE):
        os.environ.pop(variable, None)
    os.environ[HOME_VARIABLE] = str(folder)
    os.environ["DAGSTER_HOME"] = str(folder / "dagster")
    os.environ[KEYS_VARIABLE] = Fernet.generate_key().decode()
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """With its children, and at once: what they would still note is thrown away."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> int:
    for each in (signal.SIGINT, signal.SIGTERM):  # both end what was started here
        signal.signal(each, signal.default_int_handler)
    try:
        return 0 if demonstrate() else 1
    except DemoFailed as error:
        _out.print(f"the demo failed: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
