"""Delivering one shop's records: sources first, then every entity, each with its line in the run log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery import entities
from connector.delivery.counts import INACTIVE, Counts
from connector.delivery.deliver import Delivery
from connector.delivery.entities import Entity
from connector.delivery.provisioned import (
    known_definition,
    known_sources,
    remember_definition,
    remember_sources,
)
from connector.delivery.unseen import Unseen
from connector.due_days import over
from connector.mapping.profiles import PROFILE_DEFINITION
from connector.mapping.reference import map_order_status
from connector.reading_customers import list_is_whole
from connector.recording import forget_refused_orders
from connector.shop_run import ShopRun
from connector.shop_sources import wanted_sources
from connector.shopimind.envelope import InstallationInactive
from connector.shopimind.provisioning import DefinitionSpec, ensure_definition, ensure_sources
from connector.shopimind.resources import Saved

PARENT_SOURCE = frozenset(
    {entities.ORDER_STATUSES, entities.CATEGORIES, entities.MANUFACTURERS, entities.CUSTOMER_GROUPS}
    | {entities.PRODUCTS, entities.VARIATIONS}
)
OF_CUSTOMERS = frozenset({entities.CUSTOMERS, entities.NEWSLETTER, entities.POS_PROFILES})
_TOLD = 5  # reasons why records of one kind wait, before the others are only counted
_LISTS = {  # what the till calls the list of which the records are made
    entities.CATEGORIES: "categories",
    entities.MANUFACTURERS: "brands",
    entities.PRODUCTS: "products",
    entities.VARIATIONS: "products",
    entities.NEWSLETTER: "customers",
    entities.CUSTOMERS: "customers",
    entities.POS_PROFILES: "customers",
}


def deliver_sources(run: ShopRun) -> Counts:
    """One parent source and one child per store, found or made. From here on records can be tagged.

    A 401 ends it with everything failed and the installation marked inactive: the one call by which a run asks.
    """
    run.refused.reseal()
    wanted = wanted_sources(run.shop, run.ctx)
    counts = Counts(read=len(wanted))
    try:
        outcomes = ensure_sources(run.crm, [source for _, source in wanted])
    except InstallationInactive:
        run.stop_inactive()
        counts.fail(INACTIVE, len(wanted))
    else:
        run.installation.mark_active()
        found: dict[int | None, int] = {}
        for (store_id, source), outcome in zip(wanted, outcomes, strict=True):
            if outcome.id_data_source is not None:
                found[store_id] = outcome.id_data_source
            if outcome.outcome == "unchanged":
                counts.unchanged += 1
            elif outcome.outcome == "sent":
                counts.sent += 1
            elif outcome.outcome == "refused":
                counts.refuse("label", outcome.reason or f"source {source.label!r} was refused")
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


def deliver_profiles(run: ShopRun, tables: Iterable[pa.Table]) -> Counts:
    """The loyalty profiles, into the definition `pos_profile`, which is made or extended first."""
    resource, closed = profiles_resource(run)
    unseen = Unseen(run.refused, run.ledger, run.shop.key, entities.POS_PROFILES)
    delivery = _deliver(run, entities.POS_PROFILES, unseen.watch(tables), resource, closed=closed)
    if list_is_whole(run, _LISTS[entities.POS_PROFILES]):
        unseen.drop()
    return _close(run, entities.POS_PROFILES, delivery)


def profiles_resource(run: ShopRun) -> tuple[Saved | None, str | None]:
    """Where profiles are saved, and else why they cannot be; neither when the installation is not active."""
    if run.inactive:
        return None, None
    try:
        definition = ensure_definition(run.crm, DefinitionSpec(**PROFILE_DEFINITION))
    except InstallationInactive:
        run.stop_inactive()
        return None, None
    if definition.outcome in ("failed", "refused") or definition.id is None:
        return None, f"definition pos_profile: {definition.reason}"
    _use_definition(run, definition.id)
    return run.crm.custom_data_records.of(definition.id), None


def _use_definition(run: ShopRun, definition_id: int) -> None:
    """A definition has its own table: when it is another than before, what was delivered is not in it."""
    name = PROFILE_DEFINITION["name"]
    before = known_definition(run.state.db, run.shop.key, name)
    if before == definition_id:
        return
    with run.state.db.begin() as connection:
        if before is not None:
            run.ledger.forget_all(connection, entities.POS_PROFILES.name)
        remember_definition(connection, run.shop.key, name, definition_id, int(run.clock()))


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
    return entity in PARENT_SOURCE or (entity in OF_CUSTOMERS and run.shop.rules.customers_source == "parent")


def _tell_failures(run: ShopRun, what: str, counts: Counts) -> None:
    told = [(reason, number) for reason, number in counts.failures.items() if reason != INACTIVE]
    for reason, number in told[:_TOLD]:
        run.problems.append(f"{what}: {number} not delivered ({reason}); the next run tries them again.")
    if rest := sum(number for _, number in told[_TOLD:]):
        run.problems.append(f"{what}: {rest} more not delivered, for other reasons; the next run tries them again.")


def _complete_days(run: ShopRun, delivery: Delivery) -> None:
    by_store: dict[int, list[str]] = {}
    for day, stores in (run.read_pairs or {}).items():
        for store_id in stores:
            if (store_id, day) not in delivery.waiting and (store_id, day) not in run.unread:
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
