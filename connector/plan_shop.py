"""What a sync of one shop would do: the same reading, mapping and comparing, in the same order, and no write to ShopiMind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

import pyarrow as pa

from connector import recording
from connector.delivering import of_parent
from connector.delivery import entities
from connector.delivery.compare import Record, Verdict, compare
from connector.delivery.entities import Entity
from connector.delivery.outbox import State as EventState
from connector.delivery.outbox import Waiting
from connector.delivery.provisioned import known_definition
from connector.delivery.requests import in_requests, in_turns
from connector.mapping.context import ShopContext
from connector.mapping.records import RECORDS
from connector.mapping.reference import map_brands, map_categories, map_customer_groups, map_order_status
from connector.plan_counts import Planned, total_of
from connector.pos.rows import CUSTOMERS, SALES
from connector.reading_customers import current_customers, read_customers, read_new_customers
from connector.reading_details import read_addresses, read_images
from connector.reading_inbox import with_inbox
from connector.reading_lists import read_products, read_stores
from connector.reading_sales import SalesReading
from connector.recording_custom import record_custom_data
from connector.report import store_currencies
from connector.shop_definitions import declared_as, names_with_related, related, wanted_definition
from connector.shop_run import ShopRun
from connector.shop_sources import wanted_sources
from connector.shopimind.event_types import compare_event_type, find_event_type, read_event_types
from connector.shopimind.planning import calls_needed, plan_definition, plan_sources
from connector.shopimind.provisioning import read_definitions, read_sources
from connector.shopimind.resources import PAGE
from connector.state.lake import Lake
from connector.triggering import consenting_customers, event_specs

_OF_CUSTOMERS = {"customers", "addresses", "newsletter", "orders", "pos_profiles"}  # what the till's list is read for

Sources = Mapping[int | None, int]


class ShopPlan:
    """The walk of a sync over one `dry` run. `days` are those asked, `only` the entities; `rows` fills as it goes."""

    def __init__(self, run: ShopRun, days: list[str], only: set[str]) -> None:
        self.run, self.days, self.only = run, days, only
        self.rows: list[dict[str, Any]] = []
        self.calls = 0  # to ShopiMind, that a sync would make
        self.events: list[Waiting] = []  # of orders that a sync would deliver
        self.tried_again: list[str] = []  # refused orders that a sync would send, because they changed
        self.lists: dict[str, list[pa.Table]] = {}  # of the till, but for the customers, as the lake calls them
        self.ready: set[str] = set()  # the definitions that would take records
        self.made = 0  # definitions that would be made

    def make(self, lake: Lake) -> None:
        """Goes the way of a sync; `lake` is a temporary one. Raises what the till and ShopiMind raise."""
        self.lists["pos_stores"] = [read_stores(self.run)]
        sources = self._sources()
        parent = sources[None]
        of_customers = parent if of_parent(self.run, entities.CUSTOMERS) else None
        self._reference(sources, parent)
        self._read_products()
        if "variations" in self.only:  # before the orders, which name them
            variations = recording.record_variations(self.run, self.lists["pos_products"], self.lists["pos_stock"])
            self._entity(entities.VARIATIONS, variations, sources, parent)
        if self.only & _OF_CUSTOMERS or self._needs("pos_customers"):
            lake.write(self.run.shop.key, "pos_customers", None, read_customers(self.run), CUSTOMERS)
        if "orders" in self.only:
            self._orders(lake, sources)
        self._customers_and_theirs(lake, sources, of_customers)
        self._products_and_theirs(sources, parent)
        self._all_custom_data(lake, sources, parent, of_customers)
        if entities.EVENTS in self.only and self.run.outbox.events:
            self.rows.append(self._events(lake))
        order = {name: place for place, name in enumerate(entities.names_of(self.run.shop))}
        self.rows.sort(key=lambda row: (order[row["entity"]], row["store_id"] or 0))

    # --- the lists, and what is made of them

    def _reference(self, sources: Sources, parent: int | None) -> None:
        run, only, lists = self.run, self.only, self.lists
        if only & {"order_statuses", "orders"}:
            self._entity(entities.ORDER_STATUSES, [map_order_status(run.ctx)], sources, parent)
        if "categories" in only or self._needs("pos_categories"):
            lists["pos_categories"] = [run.till.categories()]
        if "categories" in only:
            self._entity(entities.CATEGORIES, _mapped(map_categories, run, lists["pos_categories"]), sources, parent)
        if "manufacturers" in only or self._needs("pos_brands"):
            lists["pos_brands"] = [run.till.brands()]
        if "manufacturers" in only:
            self._entity(entities.MANUFACTURERS, _mapped(map_brands, run, lists["pos_brands"]), sources, parent)
        if "customer_groups" in only:
            groups = map_customer_groups(run.ctx, run.till.customer_groups())
            self._entity(entities.CUSTOMER_GROUPS, [groups], sources, parent)

    def _read_products(self) -> None:
        if self.only & {"products", "variations", "images"} or self._needs("pos_products"):
            self.lists["pos_products"] = list(read_products(self.run))
            self.lists["pos_stock"] = [self.run.till.stock()]

    def _customers_and_theirs(self, lake: Lake, sources: Sources, source: int | None) -> None:
        run, only = self.run, self.only
        if "customers" in only:
            customers = recording.record_customers(run, self._customers(lake))
            self._entity(entities.CUSTOMERS, customers, sources, source)
        if "addresses" in only:
            books = list(read_addresses(run, self._customers(lake)))
            assumed = "customers" in only
            addresses = recording.record_addresses(run, lambda: self._customers(lake), books, assume_delivered=assumed)
            self._entity(entities.ADDRESSES, addresses, sources, source)
        if "newsletter" in only:
            newsletter = recording.record_newsletter(run, lambda: self._customers(lake))
            self._entity(entities.NEWSLETTER, newsletter, sources, source)

    def _products_and_theirs(self, sources: Sources, parent: int | None) -> None:
        run, only = self.run, self.only
        if not only & {"products", "images"}:
            return
        catalogue = self.lists["pos_products"], self.lists["pos_stock"]
        # the products name an image too
        pages = [] if run.shop.rules.images == "skip" else list(read_images(run, catalogue[0]))
        if "products" in only:
            self._entity(entities.PRODUCTS, recording.record_products(run, *catalogue, pages), sources, parent)
        if "images" in only:
            images = recording.record_images(run, *catalogue, pages, assume_delivered="products" in only)
            self._entity(entities.IMAGES, images, sources, parent)

    def _all_custom_data(self, lake: Lake, sources: Sources, parent: int | None, of_customers: int | None) -> None:
        run = self.run
        if "pos_profiles" in self.only:
            assumed = "customers" in self.only
            profiles = recording.record_profiles(run, self._customers(lake), assume_delivered=assumed)
            self._custom_data(entities.POS_PROFILES, profiles, sources, of_customers)
        for entity in self.custom:
            declared, lists = declared_as(run.shop, entity), self._lists(lake)
            records = record_custom_data(run, declared, lists, assume_delivered=self.only)
            self._custom_data(entity, records, sources, parent if of_parent(run, entity) else None)

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

    # --- sales, definitions, events

    def _orders(self, lake: Lake, sources: Sources) -> None:
        run, key = self.run, self.run.shop.key

        def written(day: str) -> pa.Table | None:
            if lake.exists(key, "pos_sales", day):
                return pa.concat_tables(lake.read(key, "pos_sales", day))
            return run.snapshot("pos_sales", SALES, day)

        run.partition_days = self.days
        for day, table in with_inbox(run, SalesReading(run, run.calendar.to_read(self.days)), written):
            lake.write(key, "pos_sales", day, [table], SALES)
        read = sorted(run.read_pairs or {})
        sales = (table for day in read for table in lake.read(key, "pos_sales", day))
        new = read_new_customers(run, sales, lake.read(key, "pos_customers"))
        lake.write(key, "pos_new_customers", None, [new], CUSTOMERS)
        days = ((day, pa.concat_tables(lake.read(key, "pos_sales", day))) for day in read)
        records = recording.record_orders(run, days, self._customers(lake))
        of_store, requests = self._compare(entities.ORDERS, (table for _, table in records), sources)
        recording.forget_refused_orders(run)
        recording.expect_orders(run, self.tried_again)
        self.calls += requests
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

    # --- comparing

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
        planned, requests = self._compare(entity, tables, sources, nothing_delivered=nothing_delivered)
        total = total_of(planned.values())
        if closed:  # the definition takes no records
            total.keep_waiting()
        else:
            self.calls += requests
        if entity.name in self.only or total.sent:  # what nobody asked for is told when it has to be made first
            self.rows.append(total.as_row(entity.name, None, _made(source)))

    def _compare(
        self, entity: Entity, tables: Iterable[pa.Table], sources: Sources, *, nothing_delivered: bool = False
    ) -> tuple[dict[int | None, Planned], int]:
        """The counts by store (of an order; None for all else), and the requests that a sync would send."""
        run, requests = self.run, 0
        planned: dict[int | None, Planned] = {}

        def to_send(tables: Iterable[pa.Table]) -> Iterator[Record]:
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
                    planned.setdefault(record.store_id, Planned()).add(verdict, record)
                    if verdict in (Verdict.NEW, Verdict.CHANGED):
                        yield record

        for turn in in_turns(entity, tables, lambda above: set()):
            for request in in_requests(entity, to_send(turn)):
                requests += 1
                if entity is entities.ORDERS:
                    self._expect(request)
        return planned, requests

    def _expect(self, orders: list[Record]) -> None:
        """What follows from orders that a sync would send."""
        self.tried_again += [order.external_id for order in orders if order.refused_before]
        if self.run.outbox.events:
            self.events += self.run.outbox.would_add(orders)


def _mapped(
    mapping: Callable[[ShopContext, pa.Table], pa.Table], run: ShopRun, tables: Iterable[pa.Table]
) -> Iterator[pa.Table]:
    return (mapping(run.ctx, table) for table in tables)


def _made(source: int | None) -> int | None:
    """The id of a source that exists."""
    return source if source is not None and source > 0 else None
