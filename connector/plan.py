"""What a sync would do, and what it would cost: the same reading, mapping and comparing, and no write to ShopiMind."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from upath import UPath

from connector import recording
from connector.config import Shop
from connector.delivering import of_parent
from connector.delivery import entities
from connector.delivery.compare import Verdict, compare
from connector.delivery.entities import Entity
from connector.delivery.provisioned import known_definition
from connector.due_days import day_range
from connector.mapping.profiles import PROFILE_DEFINITION
from connector.mapping.records import RECORDS
from connector.mapping.reference import map_brands, map_categories, map_customer_groups, map_order_status
from connector.outcome import exit_code
from connector.pos.protocol import QuotaReached
from connector.pos.rows import CUSTOMERS, SALES
from connector.reading_customers import read_customers, read_new_customers
from connector.reading_lists import read_products, read_stores
from connector.reading_sales import SalesReading
from connector.report import store_currencies
from connector.shop_run import SYNC_LEASE, ShopRun, State
from connector.shop_sources import wanted_sources
from connector.shopimind.envelope import InstallationInactive
from connector.shopimind.planning import DefinitionSpec, calls_needed, plan_definition, plan_sources
from connector.shopimind.provisioning import read_definitions, read_sources
from connector.state.database import open_database
from connector.state.lake import Lake
from connector.state.leases import Lease, LeaseHeld
from connector.window import asked_window

Sources = Mapping[int | None, int]


@dataclass
class Planned:
    """What would become of the rows of one entity (of one store)."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def as_row(self, entity: str, store_id: int | None = None, source: int | None = None) -> dict[str, Any]:
        return {
            "entity": entity,
            "store_id": store_id,
            "id_data_source": source,
            "read": self.read,
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "skipped": dict(self.skipped),
            "refused": self.refused,
            "failed": self.failed,
        }


def plan_shop(run: ShopRun, days: Sequence[str], only: Sequence[str]) -> dict[str, Any]:
    """One shop's part of the document. `run` is `dry`; `days` are those asked, `only` the entities (none: all).

    Never raises for what the till or ShopiMind answers: the part then says `failed`, `inactive` or `quota`, and why.
    """
    plan = _Plan(run, list(days), set(entities.names_of(run.shop.rules)).intersection(only or entities.NAMES))
    status = "planned"
    try:
        with run.told("plan"), tempfile.TemporaryDirectory(prefix="connector-plan-") as folder:
            _plan_in(Path(folder), run, plan)
    except QuotaReached:
        status = "quota"
    except InstallationInactive:
        run.stop_inactive()
        run.problems.clear()
        status = "inactive"
    except Exception:
        status = "failed"
    if status == "planned" and run.problems:
        status = "failed"
    elif status == "planned" and "quota" in run.stop_reasons:
        status = "quota"
    return {
        "shop": run.shop.key,
        "status": status,
        "message": " ".join([*run.stop_reasons.values(), *run.problems]) or None,
        "entities": plan.rows,
        "calls": {"hiboutik": run.calls.spent, "shopimind": plan.calls},
        "quota": run.quota(),
    }


def _plan_in(folder: Path, run: ShopRun, plan: _Plan) -> None:
    with closing(open_database(folder, f"sqlite:///{folder}/plan.sqlite")) as scratch:
        # what a plan reads must not decide what a later sync delivers
        run.sales_read = run.sales_read.copy_to(scratch)
        plan.make(Lake(UPath(folder)))


class _Plan:
    def __init__(self, run: ShopRun, days: list[str], only: set[str]) -> None:
        self.run, self.days, self.only = run, days, only
        self.rows: list[dict[str, Any]] = []
        self.calls = 0  # to ShopiMind, that a sync would make

    def make(self, lake: Lake) -> None:
        """Goes the way of a sync; `lake` is a temporary one."""
        run = self.run
        read_stores(run)
        sources = self._sources()
        parent = sources[None]
        of_customers = parent if of_parent(run, entities.CUSTOMERS) else None
        if self.only & {"order_statuses", "orders"}:
            self._entity(entities.ORDER_STATUSES, [map_order_status(run.ctx)], sources, parent)
        if "categories" in self.only:
            self._entity(entities.CATEGORIES, [map_categories(run.ctx, run.till.categories())], sources, parent)
        if "manufacturers" in self.only:
            self._entity(entities.MANUFACTURERS, [map_brands(run.ctx, run.till.brands())], sources, parent)
        if "customer_groups" in self.only:
            groups = map_customer_groups(run.ctx, run.till.customer_groups())
            self._entity(entities.CUSTOMER_GROUPS, [groups], sources, parent)
        products, stock = self._products()
        if "variations" in self.only:  # before the orders, which name them
            variations = recording.record_variations(run, products, [stock])
            self._entity(entities.VARIATIONS, variations, sources, parent)
        if self.only & {"customers", "newsletter", "orders", "pos_profiles"}:
            lake.write(run.shop.key, "pos_customers", None, read_customers(run), CUSTOMERS)
        if "orders" in self.only:
            self._orders(lake, sources)
        if "customers" in self.only:
            customers = recording.record_customers(run, self._customers(lake))
            self._entity(entities.CUSTOMERS, customers, sources, of_customers)
        if "newsletter" in self.only:
            newsletter = recording.record_newsletter(run, lambda: self._customers(lake))
            self._entity(entities.NEWSLETTER, newsletter, sources, of_customers)
        if "products" in self.only:
            self._entity(entities.PRODUCTS, recording.record_products(run, products, [stock]), sources, parent)
        if "pos_profiles" in self.only:
            self._profiles(lake, sources, of_customers)
        order = {name: place for place, name in enumerate(entities.NAMES)}
        self.rows.sort(key=lambda row: (order[row["entity"]], row["store_id"] or 0))

    def _sources(self) -> dict[int | None, int]:
        """The sources that exist; those that a sync would make have ids below zero."""
        run = self.run
        wanted = wanted_sources(run.shop, run.ctx)
        actions = plan_sources(read_sources(run.crm), [source for _, source in wanted])
        self.calls += calls_needed(actions)
        planned = Planned(read=len(actions))
        found: dict[int | None, int] = {}
        for number, ((store_id, _), action) in enumerate(zip(wanted, actions, strict=True), 1):
            found[store_id] = action.id_data_source if action.id_data_source is not None else -number
            planned.new += action.kind == "create"
            planned.changed += action.kind == "update"
            planned.unchanged += action.kind == "unchanged"
        if "data_sources" in self.only or planned.new or planned.changed:
            self.rows.append(planned.as_row(entities.DATA_SOURCES))
        return found

    def _products(self) -> tuple[Iterable[pa.Table], pa.Table]:
        if not self.only & {"products", "variations"}:
            return [], None
        products = list(read_products(self.run))
        return products, self.run.till.stock()

    def _customers(self, lake: Lake) -> Iterator[pa.Table]:
        yield from lake.read(self.run.shop.key, "pos_customers")
        if lake.exists(self.run.shop.key, "pos_new_customers"):
            yield from lake.read(self.run.shop.key, "pos_new_customers")

    def _orders(self, lake: Lake, sources: Sources) -> None:
        run, key = self.run, self.run.shop.key
        for day, table in SalesReading(run, run.days_to_read(self.days)):
            lake.write(key, "pos_sales", day, [table], SALES)
        read = sorted(run.read_pairs or {})
        sales = (table for day in read for table in lake.read(key, "pos_sales", day))
        new = read_new_customers(run, sales, lake.read(key, "pos_customers"))
        lake.write(key, "pos_new_customers", None, [new], CUSTOMERS)
        days = ((day, pa.concat_tables(lake.read(key, "pos_sales", day))) for day in read)
        records = recording.record_orders(run, days, self._customers(lake))
        of_store, sent = self._compare(entities.ORDERS, (table for _, table in records), sources)
        recording.forget_refused_orders(run)
        self._count_chunks(entities.ORDERS, sent)
        currencies = store_currencies(run)
        for store in run.ctx.stores:
            planned = of_store.get(store.store_id, Planned())
            row = planned.as_row(entities.ORDERS.name, store.store_id, _made(sources[store.store_id]))
            row["amount_read"] = f"{planned.amounts.pop(currencies[store.store_id], Decimal(0)):.2f}"
            if planned.amounts:
                row["amount_read_other"] = {currency: f"{amount:.2f}" for currency, amount in planned.amounts.items()}
            self.rows.append(row)

    def _profiles(self, lake: Lake, sources: Sources, source: int | None) -> None:
        spec = DefinitionSpec(**PROFILE_DEFINITION)
        listed = read_definitions(self.run.crm)
        action = plan_definition(listed, spec)
        self.calls += calls_needed([], action, len(listed)) - 1
        records = recording.record_profiles(self.run, self._customers(lake), assume_delivered=True)
        before = known_definition(self.run.state.db, self.run.shop.key, spec.name)
        moved = before not in (None, action.id)  # nothing that was delivered is in another definition's table
        self._entity(
            entities.POS_PROFILES, records, sources, source, closed=action.reason is not None, nothing_delivered=moved
        )

    def _entity(
        self,
        entity: Entity,
        tables: Iterable[pa.Table],
        sources: Sources,
        source: int | None,
        *,
        closed: bool = False,
        nothing_delivered: bool = False,
    ) -> None:
        planned, sent = self._compare(entity, tables, sources, nothing_delivered=nothing_delivered)
        total = Planned()
        for part in planned.values():
            total.read += part.read
            total.new += part.new
            total.changed += part.changed
            total.unchanged += part.unchanged
            total.refused += part.refused
            total.failed += part.failed
            total.skipped.update(part.skipped)
        if closed:  # the definition takes no records: what would be sent waits
            total.failed, total.new, total.changed, sent = total.failed + total.new + total.changed, 0, 0, 0
        self._count_chunks(entity, sent)
        if entity.name in self.only or sent:  # a prerequisite that nobody asked for is told when it has to be made
            self.rows.append(total.as_row(entity.name, None, _made(source)))

    def _compare(
        self, entity: Entity, tables: Iterable[pa.Table], sources: Sources, *, nothing_delivered: bool = False
    ) -> tuple[dict[int | None, Planned], int]:
        run = self.run
        planned: dict[int | None, Planned] = {}
        sent = 0
        for table in tables:
            assert table.schema.equals(RECORDS)
            for verdict, record in compare(
                table,
                entity.name,
                sources=sources,
                ledger=run.ledger,
                refused=run.refused,
                full=run.full,
                nothing_delivered=nothing_delivered,
            ):
                of_store = planned.setdefault(record.store_id, Planned())
                of_store.read += 1
                if record.amount is not None:
                    currency = record.currency or ""
                    of_store.amounts[currency] = of_store.amounts.get(currency, Decimal(0)) + record.amount
                _count(of_store, verdict, record.reason)
                sent += verdict in (Verdict.NEW, Verdict.CHANGED)
        return planned, sent

    def _count_chunks(self, entity: Entity, sent: int) -> None:
        self.calls += -(-sent // entity.per_request)


def _count(planned: Planned, verdict: Verdict, reason: str | None) -> None:
    if verdict is Verdict.NEW:
        planned.new += 1
    elif verdict is Verdict.CHANGED:
        planned.changed += 1
    elif verdict is Verdict.UNCHANGED:
        planned.unchanged += 1
    elif verdict in (Verdict.NOT_READ, Verdict.NO_SOURCE):
        planned.failed += 1
    elif verdict is Verdict.SKIPPED:
        planned.skipped[reason or "?"] += 1
    else:
        planned.refused += 1


def _made(source: int | None) -> int | None:
    """The id of a source that exists."""
    return source if source is not None and source > 0 else None


def plan_shops(
    shops: Sequence[Shop], first: date | None, last: date | None, only: Sequence[str], full: bool
) -> dict[str, Any]:
    """The document that `connector plan --json` prints; shops side by side, each as a sync would read it."""
    state = State.open()
    try:
        with ThreadPoolExecutor(max_workers=max(1, min(len(shops), 16)), thread_name_prefix="plan") as pool:
            found = list(pool.map(lambda shop: _planned(shop, state, first, last, only, full), shops))
    finally:
        state.close()
    code = exit_code(["delivered" if each["status"] == "planned" else each["status"] for each in found])
    return {"ok": code == 0, "exit_code": code, "shops": found}


def _planned(
    shop: Shop, state: State, first: date | None, last: date | None, only: Sequence[str], full: bool
) -> dict[str, Any]:
    run = ShopRun(shop, state, run_id="plan", full=full, only_due=first is None and last is None, dry=True)
    try:
        with Lease.acquire(state.db, shop.key, SYNC_LEASE):
            return plan_shop(run, day_range(*asked_window(run, first, last)), only)
    except LeaseHeld as held:
        return {
            "shop": shop.key,
            "status": "failed",
            "message": str(held),
            "entities": [],
            "calls": {"hiboutik": 0, "shopimind": 0},
            "quota": run.quota(),
        }
    finally:
        run.close()
