"""One shop as Dagster sees it: its assets, its jobs and its schedules."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
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
from connector.delivery.entities import custom_entity
from connector.pos.protocol import QuotaReached
from connector.run_calendar import HISTORY_SLICE
from connector.shop_definitions import names_with_related
from connector.shop_run import ShopRun, State
from connector.shops import ShopOfInstallation
from connector.state.till_inbox import TillInbox
from connector.state.way import GIVES_WAY_IN, ask_for_way, backfills, reads_history
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
    "addresses": ("pos_customers", "pos_new_customers", "pos_addresses", "addresses", "shopimind_addresses"),
    "newsletter": ("pos_customers", "pos_new_customers", "newsletter", "shopimind_newsletter"),
    "products": ("pos_products", "pos_stock", "products", "shopimind_products"),
    "variations": ("pos_products", "pos_stock", "variations", "shopimind_variations"),
    "images": ("pos_products", "pos_stock", "pos_images", "images", "shopimind_images"),
    "orders": (
        *("pos_customers", "pos_sales", "pos_new_customers"),
        *("orders", "shopimind_order_statuses", "shopimind_orders"),
    ),
    "pos_profiles": ("pos_customers", "pos_new_customers", "pos_profiles", "shopimind_pos_profiles"),
    entities.EVENTS: ("shopimind_events",),  # those that wait; more come with the orders
}
_ALWAYS = frozenset({"pos_stores", "shopimind_sources", "shopimind_summary"})
# What the frequent job leaves to the nightly one: passes over whole lists, which cost calls however little has changed, and
# pages of single customers and products, which can wait.
_WHOLE_LISTS = frozenset(
    {"pos_stores", "pos_categories", "pos_brands", "pos_customer_groups", "pos_products", "pos_stock", "pos_customers"}
    | {"pos_addresses", "addresses", "shopimind_addresses", "pos_images", "images", "shopimind_images"}
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
    sensors: list[dg.SensorDefinition]


def shop_definitions(
    shop: Shop, first_day: date, last_day: date | None = None, *, pooled: bool = True
) -> ShopDefinitions:
    """The shop's graph, a job for all of it, one for today's sales, one that compares, and a schedule for each.

    A shop whose till may push has one for pushed sales too, with a sensor.
    """
    delivered = names_for(shop, ())
    build = AssetBuilder(shop, first_day, last_day, delivered, pooled=pooled)
    made = [*reading_assets(build), *mapping_assets(build), *delivering_assets(build)]
    assets = [asset for asset in made if asset is not None]
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
    history = dg.define_asset_job(
        f"history_{identifier(shop)}",
        selection=selection(shop, frequent_names(shop)),
        description=f"The next days that are due of the history of {shop.label}, newest first: {HISTORY_SLICE} at most, for some "
        "minutes, from the calls that the daily syncs leave. It gives way to any other run of the shop.",
        tags={"shop": shop.key},
    )
    weekly = dg.define_asset_job(
        f"reconcile_{identifier(shop)}",
        selection=dg.AssetSelection.assets(reconciliation),
        description=f"Compares the till of {shop.label}, the ledger and ShopiMind's lists, and writes nothing. What does not "
        f"agree is named on the check {RECONCILED} of the orders.",
        tags={"shop": shop.key},
    )
    jobs, sensors = [nightly, frequent, history, weekly], []
    if shop.pos.webhook_secret is not None:
        pushed = dg.define_asset_job(
            f"pushed_{identifier(shop)}",
            selection=selection(shop, frequent_names(shop)),
            description=f"The sales that the till of {shop.label} has pushed, and the customers that they name. It asks the till "
            f"for nothing but customers who are new; {sync_job_name(shop)} must have run before.",
            tags={"shop": shop.key},
        )
        jobs.append(pushed)
        sensors.append(_pushed(shop, pushed))
    return ShopDefinitions(
        [*assets, reconciliation],
        jobs,
        [_nightly(shop, nightly), _frequent(shop, frequent), _history(shop, history), _weekly(shop, weekly)],
        sensors,
    )


def names_for(shop: Shop, only: Sequence[str]) -> set[str]:
    """The names of the assets that deliver the given entities; of all of the shop's when none is given."""
    wanted = only or entities.names_of(shop)
    custom = (_needed_for_custom_data(shop, name) for name in names_with_related(shop, wanted))
    # a product names its first image
    more = {"pos_images"} if shop.rules.images == "send" and "products" in wanted else set[str]()
    return set(_ALWAYS).union(*(_NEEDED_FOR[name] for name in wanted if name in _NEEDED_FOR), *custom, more)


def _needed_for_custom_data(shop: Shop, name: str) -> set[str]:
    declared = next(each for each in shop.custom_data if each.name == name)
    return {*declared.row_kind.lists, custom_entity(declared).snapshot, f"shopimind_{name}"}


def frequent_names(shop: Shop) -> set[str]:
    """The names of the assets of the frequent job: custom data of lists that it does not read is not among them."""
    names = names_for(shop, ()) - _WHOLE_LISTS
    for declared in shop.custom_data:
        if not set(declared.row_kind.lists) <= names | set(_SNAPSHOTS):
            names -= _needed_for_custom_data(shop, declared.name)
    return names


def selection(shop: Shop, names: set[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(dg.AssetKey([shop.key, name]) for name in sorted(names)))


def _nightly(shop: Shop, job: Any) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"nightly_{identifier(shop)}",
        job=job,
        cron_schedule="15 3 * * *",
        execution_timezone=str(country_zone(shop.country)),
        description="Every night: all days that are not complete, with a look-back of two days.",
        default_status=_by_itself(shop),
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with _state() as state:
            end_orphans(context.instance, state.db, shop.key)
            if reads_history(state.db, shop.key):
                ask_for_way(state.db, shop.key)
            run = ShopRun(shop, state, run_id="schedule", clock=context.scheduled_execution_time.timestamp)
            if deferred := run.deferred:
                return dg.SkipReason(deferred)
            first, last = first_and_last_day(run)
            first = max(first, run.first_day)  # days before it are no partitions: the history reads them
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
        default_status=_by_itself(shop),
    )
    def frequent(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with _state() as state:
            end_orphans(context.instance, state.db, shop.key)
            if deferred := ShopRun(shop, state, run_id="schedule").deferred:
                return dg.SkipReason(deferred)
            missing = _missing(shop, state)
            gives_way = reads_history(state.db, shop.key)
            if gives_way and not missing:
                ask_for_way(state.db, shop.key)
        if missing:
            return dg.SkipReason(missing)
        if not gives_way and context.instance.get_runs(
            dg.RunsFilter(tags={"shop": shop.key}, statuses=_UNDER_WAY), limit=1
        ):
            return dg.SkipReason(f"{shop.key}: another run has not ended yet; today's sales are read at the next time.")
        today = _today(shop, context)
        return dg.RunRequest(tags=range_tags(today, today), run_config=DUE_ONLY)

    return frequent


def _history(shop: Shop, job: Any) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=job.name,
        job=job,
        cron_schedule="5 0-2,4-7,22-23 * * *",
        execution_timezone=str(country_zone(shop.country)),
        description="Every hour of the night: the next days of the history, while any are due.",
        default_status=_by_itself(shop),
    )
    def history(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with _state() as state:
            end_orphans(context.instance, state.db, shop.key)
            if missing := _missing(shop, state):
                return dg.SkipReason(missing)
            run = ShopRun(shop, state, "schedule", backfill=True, clock=context.scheduled_execution_time.timestamp)
            if deferred := run.deferred:
                return dg.SkipReason(deferred)
            days = [max(date.fromisoformat(day), run.first_day) for day in run.calendar.to_read([])]
            try:
                run.calls.keep_reserve()
            except QuotaReached as reached:
                return dg.SkipReason(f"{shop.key}: {reached}")
        if not days:
            return dg.SkipReason(f"{shop.key}: the whole history is there.")
        if context.instance.get_runs(dg.RunsFilter(tags={"shop": shop.key}, statuses=_UNDER_WAY), limit=1):
            return dg.SkipReason(f"{shop.key}: another run has not ended yet; the history goes on at the next time.")
        return dg.RunRequest(tags={**range_tags(min(days), max(days)), "reads": "history"}, run_config=BACKFILL)

    return history


def _pushed(shop: Shop, job: Any) -> dg.SensorDefinition:
    @dg.sensor(
        name=job.name,
        job=job,
        minimum_interval_seconds=20,
        description="What the till has pushed since: it is delivered within a minute.",
        # a shop of the file had its secret before: what is started by hand there must not begin by itself
        default_status=dg.DefaultSensorStatus.RUNNING
        if isinstance(shop, ShopOfInstallation)
        else dg.DefaultSensorStatus.STOPPED,
    )
    def pushed(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with _state() as state:
            if not TillInbox(state.db, shop.key, state.sealer).is_due():
                return dg.SkipReason(f"{shop.key}: nothing was pushed, or what waits is tried again later.")
            end_orphans(context.instance, state.db, shop.key)
            if deferred := ShopRun(shop, state, run_id="sensor").deferred:
                return dg.SkipReason(deferred)
            if missing := _missing(shop, state):
                return dg.SkipReason(missing)
            # No other run: each sale would end at once what a person started to have old days now.
            if backfills(state.db, shop.key):
                ask_for_way(state.db, shop.key)
                return dg.SkipReason(f"{shop.key}: the run that reads history was asked to give way to pushed sales.")
        if context.instance.get_runs(dg.RunsFilter(tags={"shop": shop.key}, statuses=_UNDER_WAY), limit=1):
            return dg.SkipReason(f"{shop.key}: another run has not ended yet; pushed sales wait for the next tick.")
        today = datetime.now(country_zone(shop.country)).date()
        return dg.RunRequest(tags=range_tags(today, today), run_config=INBOX_ONLY)

    return pushed


def _missing(shop: Shop, state: State) -> str | None:
    """Why nothing can be read that leaves the whole lists out; None when it can."""
    missing = [name for name in _SNAPSHOTS if not state.lake.exists(shop.key, name)]
    if not missing:
        return None
    return (
        f"{shop.key}: {' and '.join(missing)} were never read. Nothing else is read until the job "
        f"{sync_job_name(shop)} has run: wait for the night, or launch it by hand."
    )


def _weekly(shop: Shop, job: Any) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"weekly_{identifier(shop)}",
        job=job,
        cron_schedule="45 4 * * 0",
        execution_timezone=str(country_zone(shop.country)),
        description="Every Sunday, after the night's sync: does ShopiMind hold what the till and the ledger say?",
        default_status=_by_itself(shop),
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with _state() as state:
            deferred = ShopRun(shop, state, run_id="schedule").deferred
        return dg.SkipReason(deferred) if deferred else dg.RunRequest()

    return weekly


def _by_itself(shop: Shop) -> dg.DefaultScheduleStatus:
    """Whether its schedules run without a person who turns them on: nobody watches when webhooks activate it."""
    return dg.DefaultScheduleStatus.STOPPED if shop.installation_id is None else dg.DefaultScheduleStatus.RUNNING


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
DUE_ONLY = {"resources": {"connector": {"config": {"only_due": True, "wait_for_other_run": GIVES_WAY_IN}}}}
BACKFILL = {"resources": {"connector": {"config": {"backfill": True}}}}
INBOX_ONLY = {"resources": {"connector": {"config": {"inbox_only": True}}}}


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags that make one run of a range of days, both inclusive."""
    return {FIRST: first.isoformat(), LAST: last.isoformat()}
