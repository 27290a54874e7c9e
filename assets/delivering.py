"""The right side of a shop's graph: what ShopiMind has of it, and the account of the run."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import chain

import dagster as dg

from assets import checks, showing
from assets.builder import DELIVERED, SOURCES, AssetBuilder, Delivered, Ended
from assets.storage import StoredDays, StoredRows
from connector import delivering
from connector.delivery import entities
from connector.delivery.counts import Counts
from connector.delivery.entities import POS_PROFILES, Entity
from connector.delivery.provisioned import known_sources
from connector.erasure_deleted import erase_deleted
from connector.outcome import shop_status
from connector.quota import in_words, quota_outlook
from connector.reading_inbox import settle_inbox
from connector.shop_definitions import related
from connector.shop_run import ShopRun, Stopped
from connector.status import history

_DONE = ("delivered", "refused")  # nothing waits
_CHECKED = (checks.ADDS_UP, checks.ALL_DELIVERED)
_CHART_DAYS = timedelta(days=59)  # before today


def delivering_assets(build: AssetBuilder) -> list[dg.AssetsDefinition | None]:
    """Sources, then each entity (new and changed records only), then the summary that fails when something waits."""
    return [
        build.asset(
            "shopimind_sources",
            SOURCES,
            "The data sources in ShopiMind: one parent for the shop and one child per store, found again or made. Every record "
            "carries the id of one of them. When ShopiMind says that the installation is not active, the run ends here, before "
            "the till is asked for anything more.",
            _sources,
            after=["pos_stores"],
            checked=[*_CHECKED, checks.SOURCE_FOR_EVERY_STORE],
        ),
        build.asset(
            "shopimind_order_statuses",
            DELIVERED,
            "The one order status, 'completed', that every order carries.",
            lambda run: _delivered({"order_statuses": delivering.deliver_order_status(run)}),
            after=["shopimind_sources"],
            checked=_CHECKED,
        ),
        *(_entity_asset(build, entity) for entity in _SIMPLE),
        build.asset(
            "shopimind_orders",
            DELIVERED,
            f"The orders that ShopiMind accepted, by closing day. {_ONLY_CHANGES}",
            _orders,
            inputs=["orders"],
            after=["shopimind_sources", "shopimind_order_statuses"],
            daily=True,
            checked=[*_CHECKED, checks.RIGHT_SOURCE],
        ),
        build.asset(
            "shopimind_pos_profiles",
            DELIVERED,
            "The loyalty profiles that ShopiMind accepted, as records of the custom data definition pos_profile; the definition is "
            f"made, and extended, by itself. {_ONLY_CHANGES}",
            lambda run, records: _delivered(
                {"pos_profiles": delivering.deliver_custom_data(run, POS_PROFILES, records)}
            ),
            inputs=["pos_profiles"],
            after=["shopimind_sources"],
            checked=_CHECKED,
        ),
        *(_custom_asset(build, entity) for entity in entities.custom_of_shop(build.shop)),
        *([_events_asset(build)] if build.shop.events else []),
        build.asset(
            "shopimind_summary",
            DELIVERED,
            "The account of the run: what was read, skipped, sent, refused, and what waits, by entity and store. It fails when "
            "something waits, and says what and why; refused records do not fail it: see `connector refused list`.",
            _summary,
            after=[f"shopimind_{name}" for name in entities.names_of(build.shop) if name != entities.DATA_SOURCES],
        ),
    ]


_ONLY_CHANGES = "Only new and changed ones are sent, and every answer is noted in the ledger before it counts."
_SIMPLE = (
    *(entities.CATEGORIES, entities.MANUFACTURERS, entities.CUSTOMER_GROUPS),
    *(entities.CUSTOMERS, entities.ADDRESSES, entities.NEWSLETTER),
    *(entities.PRODUCTS, entities.VARIATIONS, entities.IMAGES),
)


def _entity_asset(build: AssetBuilder, entity: Entity) -> dg.AssetsDefinition | None:
    def body(run: ShopRun, records: StoredRows) -> Delivered:
        return _delivered({entity.name: delivering.deliver_records(run, entity, records)})

    return build.asset(
        f"shopimind_{entity.name}",
        DELIVERED,
        f"The {entity.name} that ShopiMind accepted. {_ONLY_CHANGES}",
        body,
        inputs=[entity.name],
        after=["shopimind_sources"],
        checked=_CHECKED,
    )


def _events_asset(build: AssetBuilder) -> dg.AssetsDefinition | None:
    def body(run: ShopRun, listed: StoredRows, new: StoredRows) -> Delivered:
        return _delivered({entities.EVENTS: delivering.deliver_events(run, chain(listed, new))})

    names = ", ".join(event.code_name for event in build.shop.events)
    return build.asset(
        f"shopimind_{entities.EVENTS}",
        DELIVERED,
        f"The events that ShopiMind was told of ({names}): each once per sale, after its order and customer were delivered. The "
        "event types are declared by itself, and never changed.",
        body,
        inputs=["pos_customers", "pos_new_customers"],  # whose consent an event may ask for
        after=["shopimind_sources", "shopimind_customers", "shopimind_orders"],
        checked=_CHECKED,
    )


def _custom_asset(build: AssetBuilder, entity: Entity) -> dg.AssetsDefinition | None:
    def body(run: ShopRun, records: StoredRows) -> Delivered:
        return _delivered({entity.name: delivering.deliver_custom_data(run, entity, records)})

    return build.asset(
        f"shopimind_{entity.name}",
        DELIVERED,
        f"The records of the custom data definition {entity.definition} that ShopiMind accepted; the definition is made, and "
        f"extended, by itself. {_ONLY_CHANGES}",
        body,
        inputs=[entity.snapshot],
        after=["shopimind_sources", *(f"shopimind_{name}" for name in related(build.shop, entity))],
        checked=_CHECKED,
    )


def _delivered(counts: Mapping[str, Counts], *more: dg.AssetCheckResult) -> Delivered:
    return Delivered(showing.of_delivery(counts), [*checks.of_delivery(counts), *more])


def _sources(run: ShopRun) -> Delivered:
    counts = delivering.deliver_sources(run)
    known = known_sources(run.state.db, run.shop.key)
    if run.inactive or not known:  # nothing can be delivered: reading on would cost the till's calls in vain
        raise Stopped(" ".join([*run.stop_reasons.values(), *run.problems]) or "no data source could be set up")
    missing = [showing.store_name(store) for store in run.ctx.stores if store.store_id not in known]
    return _delivered({entities.DATA_SOURCES: counts}, checks.source_for_every_store(missing))


def _orders(run: ShopRun, days: StoredDays) -> Delivered:
    counts = delivering.deliver_orders(run, days.of(run.read_pairs))
    name = entities.ORDERS.name
    sources = {k: v for k, v in known_sources(run.state.db, run.shop.key).items() if k is not None}
    names = {store.store_id: showing.store_name(store) for store in run.ctx.stores}
    by_store = {names[store_id]: part for store_id, part in counts.items()}
    held = run.ledger.held_by_day(name, run.partition_days[0], run.partition_days[-1])
    return Delivered(
        showing.of_delivery_of_days(by_store, len(run.partition_days)),
        [*checks.of_delivery(by_store), checks.right_source(run.ledger.strays(name, sources, run.run_id))],
        showing.of_days_delivered(run.ctx, held),
    )


def _summary(run: ShopRun) -> Delivered:
    settle_inbox(run, delivered=shop_status(run) in _DONE)  # first: whatever becomes of an erasure, sales are delivered
    deleted = erase_deleted(run)
    status = shop_status(run)
    metadata = {
        "status": status,
        **showing.of_run(run.ctx, run.log.entities(run.run_id, run.shop.key), entities.names_of(run.shop)),
        "sales of the last days": showing.sales_chart(run.ctx, run.sales_read.totals(_chart_start(run))),
        "history": " ".join(f"{word} {value}" for word, value in history(run).items()),
        "calls to the till": run.calls.spent,
        "calls to ShopiMind": run.crm.attempts,
    }
    if deleted.erased:
        metadata["customers erased, whom the till has deleted"] = deleted.erased
    if deleted.left:
        metadata["customers who may have been deleted, left to the next sync"] = deleted.left
    if outlook := quota_outlook(run):
        metadata["quota of the month"] = in_words(outlook)
    if status not in _DONE:
        raise Ended(f"{status}. {' '.join([*run.stop_reasons.values(), *run.problems])}", metadata)
    return Delivered(metadata)


def _chart_start(run: ShopRun) -> str:
    return (run.started.date() - _CHART_DAYS).isoformat()
