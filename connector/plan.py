"""What a sync would do, and what it would cost: the same reading, mapping and comparing, and no write to ShopiMind."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from upath import UPath

from connector import recording
from connector.config import Shop
from connector.delivering import of_parent
from connector.delivery import entities
from connector.delivery.compare import Record, Verdict, compare
from connector.delivery.entities import Entity
from connector.delivery.outbox import State as EventState
from connector.delivery.outbox import Waiting
from connector.delivery.provisioned import known_definition
from connector.due_days import day_range
from connector.mapping.context import ShopContext
from connector.mapping.records import RECORDS
from connector.mapping.reference import map_brands, map_categories, map_customer_groups, map_order_status
from connector.outcome import exit_code
from connector.pos.protocol import QuotaReached
from connector.pos.rows import CUSTOMERS, SALES
from connector.quota import quota_outlook
from connector.reading_customers import current_customers, read_customers, read_new_customers
from connector.reading_details import read_addresses, read_images
from connector.reading_lists import read_products, read_stores
from connector.reading_sales import SalesReading
from connector.recording_custom import record_custom_data
from connector.report import store_currencies
from connector.shop_definitions import declared_as, names_with_related, related, wanted_definition
from connector.shop_run import SYNC_LEASE, ShopRun, State
from connector.shop_sources import wanted_sources
from connector.shopimind.envelope import InstallationInactive
from connector.shopimind.event_types import compare_event_type, find_event_type, read_event_types
from connector.shopimind.planning import calls_needed, plan_definition, plan_sources
from connector.shopimind.provisioning import read_definitions, read_sources
from connector.shopimind.resources import PAGE
from connector.state.database import open_database
from connector.state.lake import Lake
from connector.state.leases import Lease, LeaseHeld
from connector.triggering import consenting_customers, event_specs
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
    delivered = entities.names_of(run.shop)
    plan = _Plan(run, list(days), set(delivered).intersection(only or delivered))
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
        "calls": run.calls_made(plan.calls),
        "quota": quota_outlook(run),
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
        self.events: list[Waiting] = []  # of orders that a sync would deliver
        self.lists: dict[str, list[pa.Table]] = {}  # of the till, but for the customers, as the lake calls them
        self.ready: set[str] = set()  # the definitions that would take records
        self.made = 0  # definitions that would be made

    def make(self, lake: Lake) -> None:
        """Goes the way of a sync; `lake` is a temporary one."""
        run = self.run
        stores = read_stores(run)
        sources = self._sources()
        parent = sources[None]
        of_customers = parent if of_parent(run, entities.CUSTOMERS) else None
        if self.only & {"order_statuses", "orders"}:
            self._entity(entities.ORDER_STATUSES, [map_order_status(run.ctx)], sources, parent)
        lists = self.lists
        lists["pos_stores"] = [stores]
        if "categories" in self.only or self._needs("pos_categories"):
            lists["pos_categories"] = [run.till.categories()]
        if "categories" in self.only:
            self._entity(entities.CATEGORIES, _mapped(map_categories, run, lists["pos_categories"]), sources, parent)
        if "manufacturers" in self.only or self._needs("pos_brands"):
            lists["pos_brands"] = [run.till.brands()]
        if "manufacturers" in self.only:
            self._entity(entities.MANUFACTURERS, _mapped(map_brands, run, lists["pos_brands"]), sources, parent)
        if "customer_groups" in self.only:
            groups = map_customer_groups(run.ctx, run.till.customer_groups())
            self._entity(entities.CUSTOMER_GROUPS, [groups], sources, parent)
        if self.only & {"products", "variations", "images"} or self._needs("pos_products"):
            lists["pos_products"], lists["pos_stock"] = list(read_products(run)), [run.till.stock()]
        if "variations" in self.only:  # before the orders, which name them
            variations = recording.record_variations(run, lists["pos_products"], lists["pos_stock"])
            self._entity(entities.VARIATIONS, variations, sources, parent)
        if self.only & {"customers", "addresses", "newsletter", "orders", "pos_profiles"} or self._needs(
            "pos_customers"
        ):
            lake.write(run.shop.key, "pos_customers", None, read_customers(run), CUSTOMERS)
        if "orders" in self.only:
            self._orders(lake, sources)
        if "customers" in self.only:
            customers = recording.record_customers(run, self._customers(lake))
            self._entity(entities.CUSTOMERS, customers, sources, of_customers)
        if "addresses" in self.only:
            books = list(read_addresses(run, self._customers(lake)))
            assumed = "customers" in self.only
            addresses = recording.record_addresses(run, self._customers(lake), books, assume_delivered=assumed)
            self._entity(entities.ADDRESSES, addresses, sources, of_customers)
        if "newsletter" in self.only:
            newsletter = recording.record_newsletter(run, lambda: self._customers(lake))
            self._entity(entities.NEWSLETTER, newsletter, sources, of_customers)
        pages = self._images()
        if "products" in self.only:
            products = recording.record_products(run, lists["pos_products"], lists["pos_stock"], pages)
            self._entity(entities.PRODUCTS, products, sources, parent)
        if "images" in self.only:
            assumed = "products" in self.only
            catalogue = lists["pos_products"], lists["pos_stock"]
            images = recording.record_images(run, *catalogue, pages, assume_delivered=assumed)
            self._entity(entities.IMAGES, images, sources, parent)
        if "pos_profiles" in self.only:
            profiles = recording.record_profiles(run, self._customers(lake), assume_delivered="customers" in self.only)
            self._custom_data(entities.POS_PROFILES, profiles, sources, of_customers)
        for entity in self.custom:
            records = record_custom_data(
                run, declared_as(run.shop, entity), self._lists(lake), assume_delivered=self.only
            )
            self._custom_data(entity, records, sources, parent if of_parent(run, entity) else None)
        if entities.EVENTS in self.only and run.outbox.events:
            self.rows.append(self._events(lake))
        order = {name: place for place, name in enumerate(entities.names_of(run.shop))}
        self.rows.sort(key=lambda row: (order[row["entity"]], row["store_id"] or 0))

    def _images(self) -> list[pa.Table]:
        """The images of the products, where a sync would read them: the products name one too."""
        if self.run.shop.rules.images == "skip" or not self.only & {"products", "images"}:
            return []
        return list(read_images(self.run, self.lists["pos_products"]))

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

    @cached_property
    def custom(self) -> list[Entity]:
        """The shop's own custom data that a sync would deliver: what is asked for, and before it what it relates to."""
        chosen = names_with_related(self.run.shop, self.only)
        return [each for each in entities.custom_of_shop(self.run.shop) if each.name in chosen]

    def _needs(self, name: str) -> bool:
        """Whether custom data is made of that list of the till."""
        return any(name in declared_as(self.run.shop, each).row_kind.lists for each in self.custom)

    def _lists(self, lake: Lake) -> dict[str, Iterable[pa.Table]]:
        """The lists that were read, as the lake calls them."""
        customers = {
            name: lake.read(self.run.shop.key, name) if lake.exists(self.run.shop.key, name) else []
            for name in ("pos_customers", "pos_new_customers")
        }
        return {**self.lists, **customers}

    def _customers(self, lake: Lake) -> Iterator[pa.Table]:
        listed = lake.read(self.run.shop.key, "pos_customers")
        if not lake.exists(self.run.shop.key, "pos_new_customers"):
            return listed
        return current_customers(listed, lake.read(self.run.shop.key, "pos_new_customers"))

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

    def _custom_data(self, entity: Entity, records: Iterable[pa.Table], sources: Sources, source: int | None) -> None:
        """Records of a definition, and the definition itself."""
        db, shop = self.run.state.db, self.run.shop
        before = known_definition(db, shop.key, entity.definition or "")
        moved = False  # nothing that was delivered is in another definition's table
        closed = any(n not in self.ready and known_definition(db, shop.key, n) is None for n in related(shop, entity))
        if not closed:
            action = plan_definition(self.definitions, wanted_definition(shop, entity, {}))
            self.calls += calls_needed([], action, len(self.definitions) + self.made) - 1
            self.made += action.create
            closed, moved = action.reason is not None, before not in (None, action.id)
        if not closed:
            self.ready.add(entity.definition or "")
        self._entity(entity, records, sources, source, closed=closed, nothing_delivered=moved)

    @cached_property
    def definitions(self) -> list[Mapping[str, Any]]:
        return read_definitions(self.run.crm)

    def _events(self, lake: Lake) -> dict[str, Any]:
        run, now = self.run, int(self.run.clock())
        listed = read_event_types(run.crm)
        self.calls += max(1, -(-len(listed) // PAGE))
        closed: dict[str, bool] = {}
        for spec in event_specs(run):
            row = find_event_type(listed, spec.code_name)
            self.calls += row is None
            closed[spec.code_name] = row is not None and compare_event_type(row, spec).closed is not None
        rows = [*run.outbox.open(now), *self.events]
        read = lake if lake.exists(run.shop.key, "pos_customers") else run.state.lake
        consenting = consenting_customers(run, rows, self._customers(read))
        planned = Planned(read=len(rows))
        for each in rows:
            if (drop := run.outbox.why_not(each, now, consenting)) is not None:
                planned.skipped[drop.value] += 1
            elif each.state is EventState.REFUSED:
                planned.refused += 1
            elif closed[each.event]:
                planned.failed += 1
            else:
                planned.new += 1
                self.calls += 1
        return planned.as_row(entities.EVENTS)

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
            orders: list[Record] = []
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
                if verdict in (Verdict.NEW, Verdict.CHANGED):
                    sent += 1
                    if entity is entities.ORDERS and run.outbox.events:
                        orders.append(record)
            if orders:
                self.events += run.outbox.would_add(orders)
        return planned, sent

    def _count_chunks(self, entity: Entity, sent: int) -> None:
        self.calls += -(-sent // entity.per_request)


def _mapped(
    mapping: Callable[[ShopContext, pa.Table], pa.Table], run: ShopRun, tables: Iterable[pa.Table]
) -> Iterator[pa.Table]:
    return (mapping(run.ctx, table) for table in tables)


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
    run = ShopRun(shop, state, run_id="plan", full=full, only=only, only_due=first is None and last is None, dry=True)
    try:
        with Lease.acquire(state.db, shop.key, SYNC_LEASE):
            return plan_shop(run, day_range(*asked_window(run, first, last)), only)
    except LeaseHeld as held:
        return {
            "shop": shop.key,
            "status": "failed",
            "message": str(held),
            "entities": [],
            "calls": run.calls_made(),
            "quota": quota_outlook(run),
        }
    finally:
        run.close()
