"""Delivering one shop's records: sources first, then every entity, each with its line in the run log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery import entities
from connector.delivery.counts import INACTIVE, Counts
from connector.delivery.deliver import Delivery
from connector.delivery.entities import Entity
from connector.delivery.provisioned import known_sources, remember_sources
from connector.delivery.unseen import Unseen
from connector.due_days import over
from connector.mapping.reference import map_order_status
from connector.reading_customers import list_is_whole
from connector.recording import forget_refused_orders
from connector.shop_definitions import declared_as, records_resource
from connector.shop_run import ShopRun
from connector.shop_sources import wanted_sources
from connector.shopimind.envelope import InstallationInactive
from connector.shopimind.provisioning import ensure_sources
from connector.shopimind.resources import Saved
from connector.triggering import trigger_events

PARENT_SOURCE = frozenset(
    {entities.ORDER_STATUSES, entities.CATEGORIES, entities.MANUFACTURERS, entities.CUSTOMER_GROUPS}
    | {entities.PRODUCTS, entities.VARIATIONS, entities.IMAGES}
)
OF_CUSTOMERS = frozenset({entities.CUSTOMERS, entities.ADDRESSES, entities.NEWSLETTER, entities.POS_PROFILES})
_TOLD = 5  # reasons why records of one kind wait, before the others are only counted
_LISTS = {  # what the till calls the list of which the records are made
    entities.CATEGORIES: "categories",
    entities.MANUFACTURERS: "brands",
    entities.PRODUCTS: "products",
    entities.VARIATIONS: "products",
    entities.IMAGES: "products",
    entities.NEWSLETTER: "customers",
    entities.CUSTOMERS: "customers",
    entities.ADDRESSES: "customers",
    entities.POS_PROFILES: "customers",
}


def deliver_sources(run: ShopRun) -> Counts:
    """One parent source and one child per store, found or made. From here on records can be tagged.

    A 401 ends it with everything failed and the installation marked inactive: the one call by which a run asks.
    """
    run.refused.reseal()
    run.inbox.reseal()
    run.tombstones.reseal()
    wanted = wanted_sources(run.shop, run.ctx)
    counts = Counts(read=len(wanted))
    try:
        outcomes = ensure_sources(run.crm, [source for _, source in wanted])
    except InstallationInactive:
        run.stop_inactive()
        counts.fail(INACTIVE, len(wanted))
    else:
        run.installation.mark_active()
        run.outbox.begin()
        found: dict[int | None, int] = {}
        for (store_id, source), outcome in zip(wanted, outcomes, strict=True):
            if outcome.id_data_source is not None:
                found[store_id] = outcome.id_data_source
            if outcome.outcome == "unchanged":
                counts.unchanged += 1
            elif outcome.outcome == "sent":
                counts.sent += 1
            elif outcome.outcome == "refused":
                reason = outcome.reason or f"source {source.label!r} was refused"
                counts.refuse("label", reason)
                # no refused record: it is no row that a replay could send, and the next run asks for it again
                run.warn(f"shop {run.shop.key}: ShopiMind refuses data source {source.label!r} ({reason}).")
            else:
                counts.fail(outcome.reason or f"source {source.label!r} could not be set up")
        remember_sources(run.state.db, run.shop.key, found, int(run.clock()))
    run.write_counts(entities.DATA_SOURCES, counts)
    _tell_failures(run, entities.DATA_SOURCES, counts)
    return counts


def deliver_order_status(run: ShopRun) -> Counts:
    """The one status that every order has."""
    return deliver_records(run, entities.ORDER_STATUSES, [map_order_status(run.ctx)])


def deliver_records(run: ShopRun, entity: Entity, tables: Iterable[pa.Table]) -> Counts:
    """Records of an entity without days: reference data, products, customers."""
    unseen = Unseen(run.refused, run.ledger, run.shop.key, entity)
    delivery = _deliver(run, entity, unseen.watch(tables), entities.resource_of(run.crm, entity))
    if list_is_whole(run, _LISTS.get(entity, "")):
        unseen.drop()
    return _close(run, entity, delivery)


def deliver_custom_data(run: ShopRun, entity: Entity, tables: Iterable[pa.Table]) -> Counts:
    """The records of a custom data definition (the loyalty profiles are some), which is made or extended first."""
    resource, closed = records_resource(run, entity)
    unseen = Unseen(run.refused, run.ledger, run.shop.key, entity)
    delivery = _deliver(run, entity, unseen.watch(tables), resource, closed=closed)
    if all(list_is_whole(run, name) for name in _lists_of(run, entity)):
        unseen.drop()
    return _close(run, entity, delivery)


def _lists_of(run: ShopRun, entity: Entity) -> list[str]:
    """What the till calls the lists of which custom data is made."""
    if entity == entities.POS_PROFILES:
        return [_LISTS[entity]]
    return [name.removeprefix("pos_") for name in declared_as(run.shop, entity).row_kind.lists]


def deliver_events(run: ShopRun, customers: Iterable[pa.Table]) -> Counts:
    """The events of the sales that were delivered, each triggered once."""
    counts = trigger_events(run, customers)
    run.write_counts(entities.EVENTS, counts)
    _tell_failures(run, entities.EVENTS, counts)
    return counts


def deliver_orders(run: ShopRun, days: Iterable[tuple[str, pa.Table]]) -> dict[int, Counts]:
    """Orders per store, the stores without any included. A day of which nothing waits is complete when it is over."""

    def tables() -> Iterator[pa.Table]:
        for number, (day, table) in enumerate(days, 1):
            run.progress("orders", number, None)
            yield from _slices(_of_read_stores(run, day, table))

    unseen = Unseen(run.refused, run.ledger, run.shop.key, entities.ORDERS)
    delivery = _deliver(run, entities.ORDERS, unseen.watch(tables()), entities.resource_of(run.crm, entities.ORDERS))
    unseen.drop(lambda place: _is_read(run, *place))
    forget_refused_orders(run)
    sources = known_sources(run.state.db, run.shop.key)
    counts: dict[int, Counts] = {}
    for store in run.ctx.stores:
        counts[store.store_id] = delivery.counts.pop(store.store_id, Counts())
    for stray in delivery.counts.values():  # rows of a store that the till does not list: refused, but counted
        counts[run.ctx.main_store.store_id].add(stray)
    for store_id, of_store in counts.items():
        run.write_counts(entities.ORDERS.name, of_store, store_id=store_id, source=sources.get(store_id))
        _tell_failures(run, f"orders of store {store_id}", of_store)
    if run.read_pairs is not None:
        _complete_days(run, delivery)
    return counts


def _deliver(
    run: ShopRun, entity: Entity, tables: Iterable[pa.Table], resource: Saved | None, *, closed: str | None = None
) -> Delivery:
    done = 0

    def progress(records: int) -> None:
        nonlocal done
        done += records
        run.progress(entity.name, done, None)

    delivery = run.deliverer.deliver(
        entity,
        tables,
        resource,
        known_sources(run.state.db, run.shop.key),
        inactive=run.inactive,
        closed=closed,
        progress=progress,
    )
    if delivery.inactive:
        run.stop_inactive()
    return delivery


def _close(run: ShopRun, entity: Entity, delivery: Delivery) -> Counts:
    counts = Counts()
    for part in delivery.counts.values():
        counts.add(part)
    source = known_sources(run.state.db, run.shop.key).get(None) if of_parent(run, entity) else None
    run.write_counts(entity.name, counts, source=source)
    _tell_failures(run, entity.name, counts)
    return counts


def of_parent(run: ShopRun, entity: Entity) -> bool:
    """Whether every record of the entity carries the parent source."""
    if entity in PARENT_SOURCE:
        return True
    if entity in OF_CUSTOMERS:
        tagged_by = "home_store"
    elif entity.definition is not None:
        tagged_by = declared_as(run.shop, entity).tagged_by
    else:
        return False
    return tagged_by == "parent" or (tagged_by == "home_store" and run.shop.rules.customers_source == "parent")


def _tell_failures(run: ShopRun, what: str, counts: Counts) -> None:
    told = [(reason, number) for reason, number in counts.failures.items() if reason != INACTIVE]
    for reason, number in told[:_TOLD]:
        run.problems.append(f"{what}: {number} not delivered ({reason}); the next run tries them again.")
    if rest := sum(number for _, number in told[_TOLD:]):
        run.problems.append(f"{what}: {rest} more not delivered, for other reasons; the next run tries them again.")


def _complete_days(run: ShopRun, delivery: Delivery) -> None:
    by_store: dict[int, list[str]] = {}
    open_pairs = delivery.waiting | run.unread | run.changed  # what changed may change again: one more reading tells
    for day, stores in (run.read_pairs or {}).items():
        for store_id in stores:
            if (store_id, day) not in open_pairs:
                by_store.setdefault(store_id, []).append(day)
    for store_id, days in by_store.items():
        run.days.mark_complete(store_id, over(run.ctx, store_id, days, run.started), int(run.clock()))


def _is_read(run: ShopRun, store_id: int | None, day: str | None) -> bool:
    """Whether this run has read every sale of that store and day."""
    stores = (run.read_pairs or {}).get(day or "", [])
    return store_id in stores and (store_id, day) not in run.unread


def _of_read_stores(run: ShopRun, day: str, table: pa.Table) -> pa.Table:
    if run.read_pairs is None:
        return table
    stores = pa.array(run.read_pairs.get(day, []), pa.int64())
    return table.filter(pc.or_(pc.is_in(table["store_id"], value_set=stores), pc.is_null(table["store_id"])))


def _slices(table: pa.Table, rows: int = 2_000) -> Iterator[pa.Table]:
    return (table.slice(start, rows) for start in range(0, table.num_rows, rows))
