"""A small world to sync in: both sandbox servers over hand-made tills, a `shops.yaml`, a home, and the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pytest
import yaml

from connector.sandbox.accounts import MemoryBooks, Row, TillAccount
from connector.sandbox.serve import Sandbox, crm_token
from connector.sandbox.till import Till
from connector.state.lake import open_lake

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds for a command to end

PARIS = ZoneInfo("Europe/Paris")
REUNION = ZoneInfo("Indian/Reunion")  # of the store where a day of these tills begins first


# --- tills -----------------------------------------------------------------------------------------------------------


def day(ago: int, zone: ZoneInfo = PARIS) -> date:
    """The store-local day so many days before today."""
    return datetime.now(zone).date() - timedelta(days=ago)


STORES: list[Row] = [
    {"store_id": 1, "store_name": "Lyon", "store_default_currency": "EUR", "store_time_zone": "Europe/Paris"},
    {"store_id": 2, "store_name": "Saint-Denis", "store_default_currency": "EUR", "store_time_zone": "Indian/Reunion"},
    {"store_id": 5, "store_name": "Genève", "store_default_currency": "CHF", "store_time_zone": "Europe/Zurich"},
]
PRODUCTS: list[Row] = [
    {"product_id": 11, "product_model": "Savon", "product_price": "6.00", "product_vat": 1, "product_category": 1},
    {"product_id": 12, "product_model": "Bougie", "product_price": "20.00", "product_vat": 1, "product_brand": 1},
    {"product_id": 13, "product_model": "Thé vert", "product_price": "10.55", "product_vat": 2},
]
CUSTOMERS: list[Row] = [
    {"customers_id": 101, "first_name": "Inès", "last_name": "Morvane", "email": "ines.morvane@example.org",
     "phone": "06 39 98 01 01", "loyalty_points": 40},
    {"customers_id": 102, "first_name": "Bastien", "last_name": "Ourgaud", "email": "bastien.ourgaud@example.org",
     "phone": "0692 12 00 02", "country": "REU"},
    {"customers_id": 103, "first_name": "Sans", "last_name": "Courriel", "email": ""},
    {"customers_id": 104, "first_name": "Jamais", "last_name": "Venue", "email": "jamais.venue@example.org"},
]  # fmt: skip


def line(product_id: int = 11, quantity: float = 1, price: str = "6.00", vat: str = "0.20000", **more: Any) -> Row:
    """One line of a sale."""
    return {"product_id": product_id, "quantity": quantity, "product_price": price, "vat": vat, **more}


def sale(
    sale_id: int,
    on: date,
    *lines: Row,
    store: int = 1,
    customer: int = 101,
    at: str = "10:00:00",
    **more: Any,
) -> Row:
    """One closed sale; its total is that of its lines, its currency that of its store among `STORES`."""
    rows = list(lines) or [line()]
    total = sum(round(float(each["product_price"]) * each["quantity"], 2) for each in rows)
    closed = f"{on} {at}"
    return {
        "sale_id": sale_id,
        "store_id": store,
        "customer_id": customer,
        "vendor_id": 1,
        "created_at": closed,
        "completed_at": closed,
        "date_z": int(f"{on:%Y%m%d}"),
        "unique_sale_id": f"{on:%Y-%m}-{store}-{sale_id}",
        "currency": "CHF" if store == 5 else "EUR",
        "total": f"{total:.2f}",
        "payment": "CB",
        "line_items": [{"line_item_id": sale_id * 100 + n, **each} for n, each in enumerate(rows)],
        **more,
    }


def usual_sales() -> list[Row]:
    """Five days of two stores: 4 orders, and one sale of each kind that the rules skip. The third store has none."""
    return [
        sale(501, day(5)),
        sale(502, day(5), line(12, 2, "20.00"), customer=102, store=2),
        sale(503, day(4), customer=0),
        sale(504, day(4), line(13, 1, "10.55", "0.05500"), line(11), customer=101),
        sale(505, day(3), customer=103),
        sale(506, day(3), customer=102, store=2, sale_ext_ref="WEB-1"),
        sale(507, day(1), line(12, -1, "20.00"), customer=102, store=2),
        sale(508, day(1), line(12, 1, "20.00"), customer=102, store=1, at="18:30:00"),
    ]


def first_sync_calls() -> int:
    """Calls of a first sync of the usual till. Where the day of Saint-Denis has begun before that of Paris, it is read too."""
    return 33 + (day(0, REUNION) - day(0)).days


def till_account(
    name: str = "alpha",
    *,
    offset: int = 900_000_000,
    first_day: date | None = None,
    sales: Sequence[Row] | None = None,
    **rows: list[Row],
) -> TillAccount:
    """A till of three stores with a handful of everything; `rows` replace a kind of `connector.sandbox.accounts`."""
    usual: dict[str, list[Row]] = {
        "stores": STORES,
        "warehouses": [{"warehouse_id": 1, "warehouse_name": "Réserve"}],
        "users": [{"user_id": 1, "user_last_name": "Vendeur"}],
        "taxes": [
            {"tax_id": 1, "tax_name": "20%", "tax_value": "0.20000", "tax_default": 1},
            {"tax_id": 2, "tax_name": "5,5%", "tax_value": "0.05500"},
        ],
        "categories": [{"category_id": 1, "category_name": "Bain"}, {"category_id": 2, "category_name": "Maison"}],
        "brands": [{"brand_id": 1, "brand_name": "Atelier Brume"}],
        "customers": CUSTOMERS,
        "products": PRODUCTS,
        "stock": [{"product_id": 11, "product_size": 0, "warehouse_id": 1, "stock_available": 7}],
    }
    books = MemoryBooks({**usual, **rows}, list(usual_sales() if sales is None else sales))
    return TillAccount(
        account=name,
        login="ops@example.org",
        api_key=f"hiboutik-key-{name}",
        oauth_token=f"hiboutik-oauth-{name}",
        label=f"Maison {name.capitalize()}",
        lang="fr",
        country="FR",
        prefix=f"{name[0]}_",
        offset=offset,
        first_day=first_day or day(6),
        books=books,
    )


# --- the command line ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @cached_property
    def document(self) -> Any:
        """Standard output as the one JSON document that it has to be."""
        return json.loads(self.out)

    def shop(self, key: str = "alpha") -> dict[str, Any]:
        """That shop's part of the document."""
        return next(each for each in self.document["shops"] if each["shop"] == key)

    def row(self, entity: str, store_id: int | None = None, shop: str = "alpha") -> dict[str, Any]:
        """The one row of that entity (of that store)."""
        (row,) = [r for r in self.shop(shop)["entities"] if (r["entity"], r["store_id"]) == (entity, store_id)]
        return row

    def rows(self, shop: str = "alpha") -> dict[tuple[str, int | None], dict[str, Any]]:
        """Every row by entity and store."""
        rows = {(row["entity"], row["store_id"]): row for row in self.shop(shop)["entities"]}
        assert len(rows) == len(self.shop(shop)["entities"])
        return rows


class Started:
    """A command that runs."""

    def __init__(self, connection: socket.socket, folder: Path, name: str) -> None:
        self._file = connection.makefile("r", encoding="utf-8")
        self._connection, self._out, self._err = connection, folder / f"{name}.out", folder / f"{name}.err"
        self.pid = int(self._file.readline())

    def kill(self) -> None:
        """kill -9, of the command only: what it started has to notice by itself."""
        os.kill(self.pid, signal.SIGKILL)

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.kill(self.pid, signal.SIGINT)

    def wait(self) -> Ran:
        """Its exit code (minus the signal that ended it) and its output."""
        try:
            code = int(self._file.readline())
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.kill()
            raise AssertionError(f"the command did not end; it said: {self._err.read_text()[-2000:]}") from None
        finally:
            self._connection.close()
        return Ran(code, self._out.read_text(encoding="utf-8"), self._err.read_text(encoding="utf-8"))


class Warm:
    """The process of `tests.sync.warm`; one is enough for a whole test session. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._address = str(folder / "warm.socket")
        self.empty_home = folder / "home"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sync.warm", self._address, str(self.empty_home)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self, request: dict[str, Any], folder: Path, name: str) -> Started:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(self._address)
        outputs = {"stdout": str(folder / f"{name}.out"), "stderr": str(folder / f"{name}.err")}
        connection.sendall(json.dumps(request | outputs).encode() + b"\n")
        return Started(connection, folder, name)


# --- the world -------------------------------------------------------------------------------------------------------


class World:
    """Both sandbox servers, a configuration for them, an empty home, and commands over them. A context manager.

    `sandbox` is in this process: its switches, journals and fault plans can be set directly (`sandbox.till.switches`,
    `sandbox.crm.switch(...)`, `sandbox.crm_server.faults = FaultPlan(...)`). `waits` is the factor on pauses between
    retries. `state` are the variables that lead to the state, where that is not in the home.
    """

    def __init__(
        self,
        folder: Path,
        warm: Warm,
        accounts: Sequence[TillAccount] | None = None,
        *,
        waits: float = 0.01,
        state: Mapping[str, str] | None = None,
        **sandbox: Any,
    ) -> None:
        self.folder, self.waits = folder, waits
        self.state = dict(state or {})
        self.home, self.shops_file = folder / "home", folder / "shops.yaml"
        shutil.copytree(warm.empty_home, self.home)  # as a first sync makes it, but for the time that takes
        self._warm, self._commands = warm, 0
        self._output = folder / "output"
        self._output.mkdir(parents=True)
        self.env: dict[str, str] = {}  # further variables of every command
        self.sandbox = Sandbox(folder / "sandbox", Path(), accounts=list(accounts or [till_account()]), **sandbox)

    def __enter__(self) -> World:
        self.sandbox.start()
        self.sandbox.crm.switch(visibility_delay=0.0)
        self.sandbox.write_shops_yaml(self.shops_file)
        self.record()
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.stop()

    # commands

    def start(self, *argv: str, ago_days: float = 0) -> Started:
        """Starts `connector ARGV`; `ago_days` puts the connector's clock back."""
        self._commands += 1
        env = {name: value for name, value in os.environ.items() if not name.startswith(("CONNECTOR", "DAGSTER"))}
        request = {
            "argv": [*map(str, argv)],
            "env": env | {"CONNECTOR_HOME": str(self.home), "PYTHONPATH": str(ROOT)} | self.state | self.env,
            "cwd": str(self.folder),
            "waits": self.waits,
            "ago": ago_days * 86_400,
        }
        return self._warm.start(request, self._output, f"{self._commands:03}-{argv[0]}")

    def run(self, *argv: str, ago_days: float = 0) -> Ran:
        """`connector ARGV`, to its end."""
        return self.start(*argv, ago_days=ago_days).wait()

    def sync(self, *argv: str, ago_days: float = 0) -> Ran:
        """`connector sync --json`, in which every row adds up."""
        ran = self.run("sync", "--json", "--shops", str(self.shops_file), *argv, ago_days=ago_days)
        for shop in ran.document.get("shops", ()):
            for row in shop["entities"]:
                assert_adds_up(row)
        return ran

    def plan(self, *argv: str, ago_days: float = 0) -> Ran:
        """`connector plan --json`."""
        return self.run("plan", "--json", "--shops", str(self.shops_file), *argv, ago_days=ago_days)

    def status(self, *argv: str, ago_days: float = 0) -> Ran:
        """`connector status --json`."""
        return self.run("status", "--json", "--shops", str(self.shops_file), *argv, ago_days=ago_days)

    def refused(self, *argv: str) -> Ran:
        """`connector refused ... --json`."""
        return self.run("refused", *argv, "--json", "--shops", str(self.shops_file))

    def configure(self, change: Callable[[list[dict[str, Any]]], None]) -> None:
        """Changes the list of shops in `shops.yaml`."""
        document = yaml.safe_load(self.shops_file.read_text(encoding="utf-8"))
        change(document["shops"])
        self.shops_file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")

    # what the servers saw and hold

    def record(self) -> None:
        """Starts both journals afresh."""
        for server in (self.sandbox.till_server, self.sandbox.crm_server):
            server.journal.entries.clear()
            server.journal.on = True

    def till_calls(self, account: str = "alpha") -> list[str]:
        """What was asked of a till since `record`, failed attempts included, e.g. `closed_sales/1/2026/11/23`."""
        start = f"/{account}/api/"
        calls = [e for e in self.sandbox.till_server.journal.entries if e["path"].startswith(start)]
        return [e["path"].removeprefix(start).strip("/") + (f"?{e['query']}" if e["query"] else "") for e in calls]

    def days_read(self, account: str = "alpha") -> dict[int, list[str]]:
        """The closing days that were asked of each store since `record`, in order."""
        days: dict[int, set[str]] = {}
        for path in self.till_calls(account):
            kind, _, rest = path.partition("?")[0].partition("/")
            if kind == "closed_sales":
                store, year, month, of_month = rest.split("/")
                days.setdefault(int(store), set()).add(f"{year}-{month}-{of_month}")
        return {store: sorted(found) for store, found in sorted(days.items())}

    def crm_calls(self, shop: str = "alpha", *, writes: bool = False) -> list[dict[str, Any]]:
        """Journal entries of a shop's calls to ShopiMind since `record`; with `writes` all but the reading ones."""
        token = crm_token(shop)
        entries = [e for e in self.sandbox.crm_server.journal.entries if e["headers"].get("spm-api-key") == token]
        return [e for e in entries if e["method"] != "GET"] if writes else entries

    def till(self, account: str = "alpha") -> Till:
        """The running till, to be changed: `put`, `delete`, `put_sale`."""
        till: Till = self.sandbox.till.tills[account]
        return till

    def held(self, entity: str, shop: str = "alpha") -> list[dict[str, Any]]:
        """Every record that ShopiMind accepted of an entity (its own name of it), or of a definition."""
        data = self.sandbox.crm.shops[shop]
        return data.items(entity) if entity in data.tables else data.records(entity)

    def held_by_id(self, entity: str, key: str, shop: str = "alpha") -> dict[Any, dict[str, Any]]:
        """The same, by id."""
        return {item[key]: item for item in self.held(entity, shop)}

    def lake_files(self, shop: str = "alpha") -> dict[str, str]:
        """Every file of the shop in the lake, wherever that is: its rows as JSON, by what the file is called there."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in self.state.items():
                environment.setenv(name, value)
            lake = open_lake(self.home)
            tables = {each: pa.concat_tables(lake.read(shop, *each)) for each in lake.files(shop)}
        return {
            f"{name}/{partition}" if partition else name: json.dumps(table.to_pylist(), default=str)
            for (name, partition), table in tables.items()
        }

    def sources(self, shop: str = "alpha") -> dict[str | None, int]:
        """Our sources: id by store id (as text, as their config has it), the parent's under None."""
        found: dict[str | None, int] = {}
        for source in self.sandbox.crm.shops[shop].sources.values():
            config = orjson.loads(source["config"]) if source["config"] else {}
            if config.get("connector") == "pos-to-shopimind":
                assert config.get("store_id") not in found, "two sources for one store"
                found[config.get("store_id")] = source["id_data_source"]
        return found


def assert_adds_up(row: dict[str, Any]) -> None:
    """Section 3: always."""
    ends = sum(row["skipped"].values()) + row["unchanged"] + row["sent"] + row["refused"] + row["failed"]
    assert row["read"] == ends, row
