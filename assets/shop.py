"""One shop as Dagster sees it: its assets, its jobs and its schedules."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from assets.builder import AssetBuilder, identifier, sync_job_name
from assets.delivering import delivering_assets
from assets.mapping import mapping_assets
from assets.orphans import end_orphans
from assets.reading import reading_assets
from assets.reconciling import RECONCILED, reconciling_asset
from connector.config import Shop
from connector.delivery import entities
from connector.shop_run import ShopRun, State
from connector.window import country_zone, first_and_last_day

FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

# Which assets each entity needs, for `--only`: sources and statuses are what records point to.
_NEEDED_FOR: dict[str, tuple[str, ...]] = {
    entities.DATA_SOURCES: (),
    "order_statuses": ("shopimind_order_statuses",),
    "categories": ("pos_categories", "categories", "shopimind_categories"),
    "manufacturers": ("pos_brands", "manufacturers", "shopimind_manufacturers"),
    "customer_groups": ("pos_customer_groups", "customer_groups", "shopimind_customer_groups"),
    "customers": ("pos_customers", "pos_new_customers", "customers", "shopimind_customers"),
    "newsletter": ("pos_customers", "pos_new_customers", "newsletter", "shopimind_newsletter"),
    "products": ("pos_products", "pos_stock", "products", "shopimind_products"),
    "variations": ("pos_products", "pos_stock", "variations", "shopimind_variations"),
    "orders": (
        *("pos_customers", "pos_sales", "pos_new_customers"),
        *("orders", "shopimind_order_statuses", "shopimind_orders"),
    ),
    "pos_profiles": ("pos_customers", "pos_new_customers", "pos_profiles", "shopimind_pos_profiles"),
}
_ALWAYS = frozenset({"pos_stores", "shopimind_sources", "shopimind_summary"})
# What the frequent job leaves to the nightly one: passes over whole lists, which cost calls however little has changed.
_WHOLE_LISTS = frozenset(
    {"pos_stores", "pos_categories", "pos_brands", "pos_customer_groups", "pos_products", "pos_stock", "pos_customers"}
    | {"categories", "manufacturers", "customer_groups", "products", "variations"}
    | {"shopimind_categories", "shopimind_manufacturers", "shopimind_customer_groups"}
    | {"shopimind_products", "shopimind_variations"}
)


@dataclass(frozen=True)
class ShopDefinitions:
    """Everything that one shop adds to the code location."""

    assets: list[dg.AssetsDefinition]
    jobs: list[Any]
    schedules: list[dg.ScheduleDefinition]


def shop_definitions(
    shop: Shop, first_day: date, last_day: date | None = None, *, pooled: bool = True
) -> ShopDefinitions:
    """The shop's graph, a job for all of it, one for today's sales, one that compares, and a schedule for each."""
    build = AssetBuilder(shop, first_day, last_day, pooled=pooled)
    delivered = names_for(shop, ())
    made = [*reading_assets(build), *mapping_assets(build), *delivering_assets(build)]
    assets = [asset for asset in made if asset.key.path[-1] in delivered]
    reconciliation = reconciling_asset(build)
    nightly = dg.define_asset_job(
        sync_job_name(shop),
        selection=selection(shop, delivered),
        description=f"Everything of {shop.label}, in its order. By schedule it reads the days that are due; launched by hand with "
        "a range of days (Materialize all), it reads all of these in one run. Only what is new or changed is sent.",
        tags={"shop": shop.key},
    )
    frequent = dg.define_asset_job(
        f"today_{identifier(shop)}",
        selection=selection(shop, frequent_names(shop)),
        description=f"Today's sales of {shop.label}, and the customers that they name. It reads no whole list, so it costs few "
        f"calls; {sync_job_name(shop)} must have run before.",
        tags={"shop": shop.key},
    )
    weekly = dg.define_asset_job(
        f"reconcile_{identifier(shop)}",
        selection=dg.AssetSelection.assets(reconciliation),
        description=f"Compares the till of {shop.label}, the ledger and ShopiMind's lists, and writes nothing. What does not "
        f"agree is named on the check {RECONCILED} of the orders.",
        tags={"shop": shop.key},
    )
    return ShopDefinitions(
        [*assets, reconciliation],
        [nightly, frequent, weekly],
        [_nightly(shop, nightly), _frequent(shop, frequent), _weekly(shop, weekly)],
    )


def names_for(shop: Shop, only: Sequence[str]) -> set[str]:
    """The names of the assets that deliver the given entities; of all that the shop delivers when none is given."""
    delivered = entities.names_of(shop.rules)
    return set(_ALWAYS).union(*(_NEEDED_FOR[entity] for entity in delivered if not only or entity in only))


def frequent_names(shop: Shop) -> set[str]:
    """The names of the assets of the frequent job."""
    return names_for(shop, ()) - _WHOLE_LISTS


def selection(shop: Shop, names: set[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(dg.AssetKey([shop.key, name]) for name in sorted(names)))


def _nightly(shop: Shop, job: Any) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"nightly_{identifier(shop)}",
        job=job,
        cron_schedule="15 3 * * *",
        execution_timezone=str(country_zone(shop.country)),
        description="Every night: all days that are not complete, with a look-back of two days.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        with _state() as state:
            end_orphans(context.instance, state.db, shop.key)
            run = ShopRun(shop, state, run_id="schedule", clock=context.scheduled_execution_time.timestamp)
            first, last = first_and_last_day(run)
        today = _today(shop, context)  # a store may be a day ahead of its shop's country, the partitions are not
        return dg.RunRequest(tags=range_tags(min(first, today), min(last, today)), run_config=DUE_ONLY)

    return nightly


def _frequent(shop: Shop, job: Any) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=job.name,
        job=job,
        cron_schedule="*/30 8-21 * * *",
        execution_timezone=str(country_zone(shop.country)),
        description="During opening hours: the sales of today.",
    )
    def frequent(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with _state() as state:
            end_orphans(context.instance, state.db, shop.key)
            missing = [name for name in _SNAPSHOTS if not state.lake.exists(shop.key, name)]
        if missing:
            return dg.SkipReason(
                f"{shop.key}: {' and '.join(missing)} were never read. Today's sales are read once the job "
                f"{sync_job_name(shop)} has run: wait for the night, or launch it by hand."
            )
        if context.instance.get_runs(dg.RunsFilter(tags={"shop": shop.key}, statuses=_UNDER_WAY), limit=1):
            return dg.SkipReason(f"{shop.key}: another run has not ended yet; today's sales are read at the next time.")
        today = _today(shop, context)
        return dg.RunRequest(tags=range_tags(today, today), run_config=DUE_ONLY)

    return frequent


def _weekly(shop: Shop, job: Any) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"weekly_{identifier(shop)}",
        job=job,
        cron_schedule="45 4 * * 0",
        execution_timezone=str(country_zone(shop.country)),
        description="Every Sunday, after the night's sync: does ShopiMind hold what the till and the ledger say?",
    )


@contextmanager
def _state() -> Iterator[State]:
    state = State.open()
    try:
        yield state
    finally:
        state.close()


def _today(shop: Shop, context: dg.ScheduleEvaluationContext) -> date:
    return context.scheduled_execution_time.astimezone(country_zone(shop.country)).date()


# What the frequent job takes from the last whole one.
_SNAPSHOTS = ("pos_stores", "pos_customers")
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
DUE_ONLY = {"resources": {"connector": {"config": {"only_due": True}}}}


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags that make one run of a range of days, both inclusive."""
    return {FIRST: first.isoformat(), LAST: last.isoformat()}
