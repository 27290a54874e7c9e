"""What all assets of one shop have in common: key, group, partitions, pool, checks, freshness, and how a failure is told."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa
from dagster._utils.warnings import disable_dagster_warnings

from assets import checks
from assets.resources import Connector
from assets.storage import DayRows, Metadata, Rows, Telling, column_schema
from connector.config import Shop
from connector.shop_run import ShopRun, Stopped
from connector.state.lake import LakeMissing
from connector.window import country_zone

# The groups. They are numbered because people see them in alphabetical order, and none of them needs a later one.
SOURCES, READ, MAPPED, DELIVERED = "1_sources", "2_read", "3_mapped", "4_delivered"

_SINGLE_RUN = dg.BackfillPolicy.single_run()
# Two nights missed are an incident, one late night is a warning.
_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))


@dataclass
class Delivered:
    """What a step leaves that writes nothing to the lake; `of_days` is the metadata of single days, made as it is shown."""

    metadata: Metadata
    checks: Sequence[dg.AssetCheckResult] = ()
    of_days: Iterable[tuple[str, Metadata]] = ()


class Ended(Stopped):
    """A step that fails for what the run has told already, and shows how far it came."""

    def __init__(self, message: str, metadata: Metadata) -> None:
        super().__init__(message)
        self.metadata = metadata


def partitions(shop: Shop, first_day: date, last_day: date | None = None) -> dg.DailyPartitionsDefinition:
    """The days of a shop up to today in its country, or to `last_day` where a store is a day ahead of that."""
    zone = country_zone(shop.country)
    ahead = 0 if last_day is None else max(0, (last_day - datetime.now(zone).date()).days)
    return dg.DailyPartitionsDefinition(first_day.isoformat(), timezone=str(zone), end_offset=1 + ahead)


def identifier(shop: Shop) -> str:
    """The shop's key where Dagster takes no hyphen."""
    return shop.key.replace("-", "_")


def sync_job_name(shop: Shop) -> str:
    """The job that does everything of a shop in its order."""
    return f"sync_{identifier(shop)}"


class AssetBuilder:
    """Makes the assets of one shop, in the order in which a run takes them."""

    def __init__(
        self, shop: Shop, first_day: date, last_day: date | None, wanted: Collection[str], *, pooled: bool = True
    ) -> None:
        self.shop = shop
        self._wanted = wanted
        self._pooled = pooled
        self._days = partitions(shop, first_day, last_day)
        self._made = 0

    @property
    def pool(self) -> str | None:
        """What keeps two runs from reading the shop's till at once."""
        return f"{self.shop.pos.system}_{identifier(self.shop)}" if self._pooled else None

    def asset(
        self,
        name: str,
        group: str,
        description: str,
        body: Callable[..., Rows | DayRows | Delivered],
        *,
        schema: pa.Schema | None = None,
        inputs: Sequence[str] = (),
        after: Sequence[str] = (),
        daily: bool = False,
        reads_till: bool = False,
        checked: Sequence[str] = (),
    ) -> dg.AssetsDefinition | None:
        """One asset, None when it is not among the shop's.

        `body(run, *inputs)` gives `Rows` or `DayRows` (`run.partition_days` are the days asked) of `schema`, or `Delivered`
        where there is none, because the result is in ShopiMind. `after` are assets it needs done, but not loaded; `checked`
        names its checks, of `assets.checks`.
        """
        key = dg.AssetKey([self.shop.key, name])
        shop = self.shop
        self._made += 1
        if name not in self._wanted:
            return None

        def compute(context: dg.AssetExecutionContext, loaded: Mapping[str, Any]) -> Iterator[Any]:
            run = _opened(context.resources.connector, shop)
            if daily:
                run.partition_days = list(context.partition_keys)
            with _telling(run, name):
                made = body(run, *(loaded[i] for i in inputs))
            yield _result(context, made, partial(_telling, run, name))

        return definition(
            dg.AssetSpec(
                key,
                group_name=f"{identifier(shop)}_{group}",
                description=description,
                deps=[dg.AssetKey([shop.key, i]) for i in (*inputs, *after)],
                partitions_def=self._days if daily else None,
                metadata=_definition_metadata(schema, daily),
                freshness_policy=_FRESH if schema is None else None,
                kinds={"shopimind"} if schema is None else {shop.pos.system, "parquet"} if reads_till else {"parquet"},
                tags={"shop": shop.key},
            ),
            compute,
            loaded=inputs,
            stored=schema is not None,
            pool=self.pool if reads_till else None,
            # steps of a run go one after another in this order: reference data before what names it
            priority=-self._made,
            check_specs=[checks.spec(check, key) for check in checked],
        )


def definition(
    spec: dg.AssetSpec,
    compute: Callable[[dg.AssetExecutionContext, Mapping[str, Any]], Iterator[Any]],
    *,
    loaded: Sequence[str] = (),
    stored: bool = False,
    pool: str | None,
    priority: int,
    check_specs: Sequence[dg.AssetCheckSpec] = (),
) -> dg.AssetsDefinition:
    """What `@dg.asset` makes, without its looking through every function, which takes most of the time with many shops.

    `loaded` are those of the asset's upstream whose tables `compute` is given, by their names; it waits for the others.
    """
    inputs = {dep.asset_key.path[-1]: dep.asset_key for dep in spec.deps}
    name = spec.key.to_python_identifier()
    op = dg.OpDefinition(
        compute_fn=compute,
        name=name,
        description=spec.description,
        ins={each: dg.In(dg.Any if each in loaded else dg.Nothing) for each in inputs},
        outs={
            "result": dg.Out(dg.Any if stored else dg.Nothing, metadata=spec.metadata),
            **{check.get_python_identifier(): dg.Out(dg.Nothing) for check in check_specs},
        },
        required_resource_keys={"connector"},
        tags={"dagster/priority": str(priority)},
        pool=pool,
    )
    # A backfill policy is beta, and a range of days must be one run all the same. Dagster's own switch, because a filter
    # of `warnings` is the whole process's: another thread that leaves its own takes it away in the middle of this.
    with disable_dagster_warnings():
        return dg.AssetsDefinition(
            keys_by_input_name=inputs,
            keys_by_output_name={"result": spec.key},
            node_def=op,
            specs=[spec],
            check_specs_by_output_name={check.get_python_identifier(): check for check in check_specs},
            backfill_policy=_SINGLE_RUN,
        )


def _definition_metadata(schema: pa.Schema | None, daily: bool) -> Metadata:
    metadata: Metadata = {} if schema is None else {"dagster/column_schema": column_schema(schema)}
    return metadata | ({"partition_expr": "day"} if daily and schema is not None else {})


def _result(context: dg.AssetExecutionContext, made: Rows | DayRows | Delivered, telling: Telling) -> Any:
    def show(day: str, metadata: Metadata) -> None:
        context.add_asset_metadata(metadata, partition_key=day)

    if isinstance(made, Delivered):
        with telling():
            for day, metadata in made.of_days:
                show(day, metadata)
        return dg.MaterializeResult(metadata=made.metadata, check_results=made.checks)
    made.telling = telling  # the rows are read while they are written, after this
    if isinstance(made, DayRows):
        made.show = show
    return dg.MaterializeResult(value=made)


def _opened(connector: Connector, shop: Shop) -> ShopRun:
    try:
        return connector.run(shop.key)
    except dg.Failure:
        raise
    except Exception as error:
        raise dg.Failure(f"{shop.key}: {error}", allow_retries=False) from error


@contextmanager
def _telling(run: ShopRun, name: str) -> Iterator[None]:
    """Whatever ends the work becomes a sentence in the run's outcome, and a failure that Dagster does not retry."""
    try:
        with run.told(name):
            yield
    except Exception as error:
        job = sync_job_name(run.shop)
        advice = (
            f" Run the job {job} once: it makes everything, in its order." if isinstance(error, LakeMissing) else ""
        )
        metadata = error.metadata if isinstance(error, Ended) else None
        raise dg.Failure(f"{run.shop.key}/{name}: {error}{advice}", metadata=metadata, allow_retries=False) from error
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        run.problems.append(
            f"{name}: stopped from outside. What was delivered is in the ledger; the next run goes on from there."
        )
        raise
