"""Records per second into the sandbox's ShopiMind: the connector's own path next to the official SDK's `bulkSave`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
import pyarrow as pa

from connector.config import Identifiers, Rules
from connector.delivery import entities
from connector.delivery.deliver import Deliverer
from connector.delivery.ledger import Ledger
from connector.delivery.refused import RefusedStore
from connector.mapping.context import ShopContext, StoreInfo
from connector.mapping.customers import map_customers
from connector.mapping.known_customers import KnownCustomers
from connector.mapping.orders import map_orders
from connector.pos import rows
from connector.pos.hiboutik_rows import customer
from connector.sandbox.serve import Sandbox, crm_token
from connector.shopimind.client import ShopiMind
from connector.state.database import open_database
from connector.state.sealing import Sealer
from tests.bench.till import FIRST_DAY, GeneratedBooks, account

HERE = Path(__file__).parent
SDK = HERE.parent / "parity"  # its lock file says which version

NAME, PREFIX, OFFSET = "bench", "b_", 500_000_000
BOOKS = GeneratedBooks(days=60, per_day=100, stores=3, customers=6_000)
CASES: dict[str, dict[str, Any]] = {  # what the server does to every answer, as its faults take it
    "0 ms": {"latency": 0.0},
    "30 ms": {"latency": 0.03},
    "30 ms, 1 % of the requests get 429": {"latency": 0.03, "chances": {"429": 0.01}, "seed": 1},
}
REPETITIONS = 5
PAGE = 250  # customers a page


def measure(place: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Both sides in turn, each time in a new process over an empty ledger. Seconds are of the delivery alone."""
    sdk = official_sdk(place)
    payloads = place / "payloads.json"
    results: dict[str, Any] = {"sdk": sdk if isinstance(sdk, str) else None, "cases": {}}
    with Sandbox(place / "crm", place, accounts=[account(NAME, BOOKS)], in_process=False) as sandbox:
        server = psutil.Process().children()[-1]
        write_payloads(payloads, sandbox.crm_url)
        for number_of_case, (case, plan) in enumerate(CASES.items()):
            sides: dict[str, list[dict[str, Any]]] = {"connector": [], "official": []}
            for number in range(REPETITIONS):
                state = place / f"state-{number_of_case}-{number}"
                command = [sys.executable, "-m", "tests.bench.throughput", sandbox.crm_url, str(state)]
                set_faults(sandbox.crm_url, plan)
                sides["connector"].append(_timed(command, server, {}))
                if isinstance(sdk, Path):
                    command = ["node", str(HERE / "official.js"), sandbox.crm_url, crm_token(NAME), str(payloads)]
                    set_faults(sandbox.crm_url, plan)  # the same seed again
                    sides["official"].append(_timed(command, server, {"NODE_PATH": str(sdk)}))
                say(f"{case}, {number + 1} of {REPETITIONS}")
            results["cases"][case] = {side: summed_up(runs) for side, runs in sides.items() if runs}
    return results


def set_faults(url: str, plan: dict[str, Any]) -> None:
    httpx.post(f"{url}/_sandbox/faults", json=plan).raise_for_status()


def summed_up(runs: list[dict[str, Any]]) -> dict[str, float]:
    """The repetitions' medians."""
    return {
        "records": runs[0]["records"],
        "per_second": median(run["records"] / run["seconds"] for run in runs),
        "client_cpu": median(run["cpu"] / run["records"] * 1000 for run in runs),  # seconds per 1,000 records
        "server_cpu": median(run["server_cpu"] / run["records"] * 1000 for run in runs),
    }


def official_sdk(place: Path) -> Path | str:
    """Where the official SDK is installed; else the reason why there is none to compare with."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"not measured: {program} is not installed"
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SDK / name, place)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=240, check=False)
    return f"not measured: npm ci: {done.stderr.strip()[-200:]}" if done.returncode else place / "node_modules"


def _timed(command: list[str], server: psutil.Process, more: dict[str, str]) -> dict[str, Any]:
    before = server.cpu_times()
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | more
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=240, check=True)
    after = server.cpu_times()
    result: dict[str, Any] = json.loads(done.stdout)
    return {**result, "server_cpu": after.user + after.system - before.user - before.system}


# --- the connector's side, in a process of its own ---


def deliver_all(url: str, state: Path) -> dict[str, Any]:
    """Maps, validates, compares, sends and notes every record; the rows are there before the clock starts."""
    customers, days = customer_pages(), sales_days()
    state.mkdir(parents=True)
    db = open_database(state)
    with ShopiMind(crm_token(NAME), url) as crm:
        source = _source(crm)
        sources: dict[int | None, int] = dict.fromkeys([None, *range(1, BOOKS.stores + 1)], source)
        deliverer = Deliverer(db, Ledger(db, NAME), RefusedStore(db, NAME, Sealer(state)), run_id="bench")
        cpu, started = time.process_time(), time.perf_counter()
        people, orders = records(customers, days)
        delivered = [
            deliverer.deliver(entities.CUSTOMERS, people, crm.customers, sources),
            deliverer.deliver(entities.ORDERS, orders, crm.orders, sources),
        ]
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    counts = [part for delivery in delivered for part in delivery.counts.values()]
    sent = sum(part.sent for part in counts)
    if sent != sum(part.read for part in counts):
        raise SystemExit(f"of {sum(part.read for part in counts)} records only {sent} were delivered")
    db.close()
    return {"records": sent, "seconds": seconds, "cpu": cpu}


def records(customers: list[pa.Table], days: list[pa.Table]) -> tuple[Iterator[pa.Table], Iterator[pa.Table]]:
    """`RECORDS` of the customers and of the orders, made as they are asked for."""
    ctx = _context()
    known = KnownCustomers()
    for page in customers:
        known.add(page)
    return (map_customers(ctx, page, {}) for page in customers), (
        map_orders(ctx, day, known, {}).records for day in days
    )


def write_payloads(file: Path, url: str) -> None:
    """What the connector would send, for the official SDK to send."""
    with ShopiMind(crm_token(NAME), url) as crm:
        source = _source(crm)
    tables = records(customer_pages(), sales_days())
    payloads = [
        [{**json.loads(text), "id_data_source": source} for table in of_entity for text in table["payload"].to_pylist()]
        for of_entity in tables
    ]
    file.write_text(json.dumps(dict(zip(("customers", "orders"), payloads, strict=True))))


def customer_pages() -> list[pa.Table]:
    numbers = list(BOOKS.keys("customers"))
    return [
        rows.to_table(
            [customer(BOOKS.row("customers", n), False, None) for n in numbers[at : at + PAGE]], rows.CUSTOMERS
        )
        for at in range(0, len(numbers), PAGE)
    ]


def sales_days() -> list[pa.Table]:
    days = [FIRST_DAY + timedelta(days=number) for number in range(BOOKS.days)]
    return [
        rows.to_table(
            [
                _sale_row(sale)
                for store_id in range(1, BOOKS.stores + 1)
                for sale in BOOKS.sales_of_day(store_id, day, "completed_at")
            ],
            rows.SALES,
        )
        for day in days
    ]


def _sale_row(sale: dict[str, Any]) -> dict[str, Any]:
    lines = [
        {
            "product_id": line["product_id"],
            "quantity": str(line["quantity"]),
            "total": f"{float(line['product_price']) * line['quantity'] - float(line['discount']):.2f}",
            "tax_rate": line["vat"],
        }
        for line in sale["line_items"]
    ]
    return {
        "sale_id": sale["sale_id"], "store_id": sale["store_id"], "day": sale["completed_at"][:10],
        "customer_id": sale["customer_id"], "closed_at": sale["completed_at"], "reference": sale["unique_sale_id"],
        "currency": sale["currency"], "total": sale["total"], "external_reference": "", "lines": lines,
        "lines_from": "bulk",
    }  # fmt: skip


def _context() -> ShopContext:
    stores = tuple(StoreInfo(n, f"Magasin {n}", "EUR", "Europe/Paris") for n in range(1, BOOKS.stores + 1))
    return ShopContext(
        NAME,
        NAME,
        "https://shop.example",
        "fr",
        "FR",
        "Bench",
        Identifiers(prefix=PREFIX, offset=OFFSET),
        Rules(),
        FIRST_DAY,
        stores,
    )


def _source(crm: ShopiMind) -> int:
    found = crm.data_sources.list().unwrap("list of sources")
    return int(found[0]["id_data_source"])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(deliver_all(sys.argv[1], Path(sys.argv[2]))))
