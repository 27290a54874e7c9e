"""A sandbox with one or two little shops, and ways to sync them: in this process, or as the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from assets.launch import Launcher, SyncRequest
from connector.config import Shop, load_shops
from connector.outcome import exit_code
from connector.sandbox.crm_state import ShopData
from connector.sandbox.fault_plan import Fault, FaultPlan
from connector.sandbox.serve import Sandbox
from connector.sandbox.till import Till
from connector.shop_run import ShopRun, State
from connector.state.database import URL_VARIABLE
from connector.state.home import HOME_VARIABLE
from connector.state.lake import LAKE_VARIABLE
from connector.state.sealing import KEYS_VARIABLE
from connector.status import status_of_shop

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Synced:
    """What a sync of one shop came to."""

    report: dict[str, Any]
    exit_code: int

    @property
    def status(self) -> str:
        return str(self.report["status"])

    @property
    def message(self) -> str:
        return self.report["message"] or ""

    def row(self, entity: str, store_id: int | None = None) -> dict[str, Any]:
        return next(r for r in self.report["entities"] if (r["entity"], r["store_id"]) == (entity, store_id))

    def total(self, count: str) -> int:
        """A count over all entities and stores."""
        return sum(row[count] for row in self.report["entities"])


@dataclass
class World:
    """A running sandbox, its configuration, and the connector's home. Days of its tills end today."""

    sandbox: Sandbox
    folder: Path
    home: Path
    state: Mapping[str, str] = field(default_factory=dict)  # the variables that lead to a state outside the home
    shops_file: Path = field(init=False)

    def __post_init__(self) -> None:
        self.shops_file = self.folder / "shops.yaml"
        self.sandbox.write_shops_yaml(self.shops_file)
        self.sandbox.crm_server.journal.on = True
        self.sandbox.till_server.journal.on = True

    def enter(self) -> None:
        """From now on this process is a worker of this world."""
        for name in (URL_VARIABLE, LAKE_VARIABLE, KEYS_VARIABLE):
            os.environ.pop(name, None)
        os.environ.update(self.state)
        os.environ[HOME_VARIABLE] = str(self.home)

    def shop(self, key: str = "alpha") -> Shop:
        """As shops.yaml has it now."""
        return next(each for each in load_shops(self.shops_file) if each.key == key)

    # --- syncing

    def sync(self, shop: str = "alpha", **request: Any) -> Synced:
        """One sync in this process; afterwards the journals hold its requests only."""
        self.forget_requests()
        self.enter()
        with Launcher() as launcher:
            _, report = launcher.launch(SyncRequest(self.shop(shop), **request), lambda what, done, total: None)
        self.last = checked(report)
        return self.last

    def command(
        self,
        *arguments: str,
        home: Path | None = None,
        before: Callable[[], None] | None = None,
        **environment: str,
    ) -> subprocess.Popen[str]:
        """The command, started in a process group of its own; `before` runs in its process first."""
        return subprocess.Popen(
            [sys.executable, "-m", "connector", *arguments, "--shops", str(self.shops_file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            start_new_session=True,
            preexec_fn=before,
            env=os.environ
            | self.state
            | {"PYTHONPATH": str(ROOT), HOME_VARIABLE: str(home or self.home), "COLUMNS": "500"}
            | environment,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, dict[str, Any], str]:
        """The command's exit code, its JSON document and its standard error."""
        process = self.command(*arguments, "--json", **environment)
        out, err = process.communicate(timeout=200)
        return process.returncode, json.loads(out), err

    # --- looking

    def crm(self, shop: str = "alpha") -> ShopData:
        return self.sandbox.crm.shops[shop]

    def till(self, shop: str = "alpha") -> Till:
        till: Till = self.sandbox.till.tills[shop]
        return till

    def items(self, entity: str, shop: str = "alpha") -> dict[str, dict[str, Any]]:
        """What ShopiMind holds of an entity, by external id. Profiles go by their customer's."""
        data = self.crm(shop)
        if entity == "pos_profiles":
            return {str(item["contact_id"]): item for item in data.records("pos_profile")}
        return {str(item[_KEYS[entity]]): item for item in data.items(entity)}

    def end_state(self, shop: str = "alpha") -> dict[str, Any]:
        """Everything that ShopiMind holds of a shop, without numbers that it gives itself."""
        data = self.crm(shop)
        names = {number: str(source["config"]) for number, source in data.sources.items()}
        contacts = {each["id_contact"]: each["key"] for each in data.docs["contacts"].values()}
        said = {"id_data_source": names, "contact_id": contacts}

        def plain(item: dict[str, Any]) -> dict[str, Any]:
            return {k: said[k].get(v, v) if k in said else v for k, v in item.items()}

        def ordered(items: list[dict[str, Any]]) -> list[str]:
            return sorted(json.dumps(plain(item), sort_keys=True) for item in items)

        held = {kind: ordered(data.items(kind)) for kind in sorted(data.tables) if not kind.startswith("records:")}
        # an order keeps the customer's date that was known when it was sent (contract, section 5)
        orders = [each | {"customer": each["customer"] | {"created_at": None}} for each in data.items("orders")]
        held["orders"] = ordered(orders)
        sources = [
            (s["label"], s["type"], s["active"], s["config"], names.get(s["parent_id"])) for s in data.sources.values()
        ]
        of_the_crm = ("id", "created_at", "updated_at")
        profiles = [{k: v for k, v in p.items() if k not in of_the_crm} for p in data.records("pos_profile")]
        return held | {"profiles": ordered(profiles), "sources": sorted(map(str, sources))}

    def requests(self, side: str, path: str = "", method: str | None = None) -> list[dict[str, Any]]:
        """Requests since the last sync began, by a part of their path."""
        server = self.sandbox.crm_server if side == "crm" else self.sandbox.till_server
        return [
            entry
            for entry in list(server.journal.entries)
            if path in entry["path"] and (method is None or entry["method"] == method)
        ]

    def days_asked(self, store_id: int, shop: str = "alpha") -> set[str]:
        """The closing days of a store that the till was asked for since the last sync began."""
        start = f"/{shop}/api/closed_sales/{store_id}/"
        found = (entry["path"] for entry in self.requests("till", start))
        return {path.removeprefix(start).strip("/").replace("/", "-") for path in found}

    def sent(self, entity: str) -> list[dict[str, Any]]:
        """Every item of every save of that entity since the last sync began, answered or not."""
        path = {"manufacturers": "products-manufacturers", "categories": "products-categories"}.get(entity, entity)
        return [item for e in self.requests("crm", "", "POST") if e["path"] == f"/v1/{path}" for item in e["body"]]

    def forget_requests(self) -> None:
        self.sandbox.crm_server.journal.entries.clear()
        self.sandbox.till_server.journal.entries.clear()

    def status(self, shop: str = "alpha") -> dict[str, Any]:
        """What `connector status --json` says of the shop."""
        with self.opened(shop) as run:
            return status_of_shop(run)

    def opened(self, shop: str = "alpha", **changes: Any) -> Any:
        """A `ShopRun` over the shop's state, to look into it (a context manager)."""
        return _Opened(self, shop, changes)

    # --- breaking

    def break_crm(self, *faults: Fault) -> None:
        self.sandbox.crm_server.faults = FaultPlan(faults=list(faults))

    def break_till(self, *faults: Fault) -> None:
        self.sandbox.till_server.faults = FaultPlan(faults=list(faults))

    def mend(self) -> None:
        self.break_crm()
        self.break_till()

    def configure(self, shop: str = "alpha", **changes: Any) -> None:
        """Changes keys of a shop in shops.yaml; a mapping is merged into what is there."""
        document = yaml.safe_load(self.shops_file.read_text())
        entry = next(each for each in document["shops"] if each["key"] == shop)
        for key, value in changes.items():
            entry[key] = entry.get(key, {}) | value if isinstance(value, dict) else value
        self.shops_file.write_text(yaml.safe_dump(document, allow_unicode=True))


class _Opened:
    def __init__(self, world: World, shop: str, changes: dict[str, Any]) -> None:
        self.world, self.shop, self.changes = world, shop, changes

    def __enter__(self) -> ShopRun:
        self.world.enter()
        self.state = State.open()
        self.run = ShopRun(self.world.shop(self.shop), self.state, **({"run_id": "look"} | self.changes))
        return self.run

    def __exit__(self, *_: object) -> None:
        self.run.close()
        self.state.close()


_KEYS = {
    "customers": "customer_id",
    "orders": "order_id",
    "products": "product_id",
    "categories": "category_id",
    "manufacturers": "manufacturer_id",
}


def checked(report: dict[str, Any]) -> Synced:
    """The report, whose arithmetic holds whatever happened."""
    for row in report["entities"]:
        parts = sum(row["skipped"].values()) + row["unchanged"] + row["sent"] + row["refused"] + row["failed"]
        assert row["read"] == parts, row
    return Synced(report, exit_code([report["status"]]))
