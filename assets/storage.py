"""Parquet in the lake for Dagster: what an asset yields is written as it is read, and loaded as it is needed.

A snapshot is one file, a daily asset one file per day. Nothing holds a whole history in memory: outputs and inputs are
iterables of Arrow tables.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import dagster as dg
import pyarrow as pa

from connector.state.home import home
from connector.state.lake import Lake, LakeMissing, open_lake

Metadata = dict[str, Any]
_LEFT = "left as it was: the run had no need to read this day again, or was stopped before it"
Telling = Callable[[], AbstractContextManager[None]]  # around the writing: says whatever ends it


@dataclass
class Rows:
    """A snapshot on its way out: tables of one schema. `metadata` is asked when all of them were written."""

    schema: pa.Schema
    tables: Iterable[pa.Table]
    metadata: Callable[[], Metadata] = field(default=dict)
    telling: Telling = nullcontext


@dataclass
class DayRows:
    """A daily asset on its way out: each day with its rows, whose column `partition_expr` (the asset's metadata) is that day.

    `of_day` gives the metadata of a day that was written, `show` attaches it to that day's materialization. `beyond` names
    days outside the run's partitions that may be written all the same: the history of a store that is new.
    """

    schema: pa.Schema
    days: Iterable[tuple[str, pa.Table]]
    of_day: Callable[[pa.Table], Metadata]
    show: Callable[[str, Metadata], None] = lambda day, metadata: None
    telling: Telling = nullcontext
    beyond: Callable[[], Collection[str]] = tuple


@dataclass(frozen=True)
class StoredRows:
    """A snapshot on its way in: its tables, read when they are asked for. Raises `LakeMissing` then."""

    lake: Lake
    shop: str
    name: str

    def __iter__(self) -> Iterator[pa.Table]:
        return self.lake.read(self.shop, self.name)


@dataclass(frozen=True)
class StoredDays:
    """A daily asset on its way in: the days asked for, of which `of` reads those that were ever written."""

    lake: Lake
    shop: str
    name: str
    days: list[str]

    def of(self, chosen: Collection[str] | None) -> Iterator[tuple[str, pa.Table]]:
        """Each day with its rows, in order; with `chosen` those days, which may lie before the run's own."""
        for day in sorted(self.days if chosen is None else chosen):
            try:
                yield day, pa.concat_tables(self.lake.read(self.shop, self.name, day))
            except LakeMissing:
                continue


@lru_cache
def column_schema(schema: pa.Schema) -> dg.TableSchema:
    """The columns as Dagster shows them."""
    return dg.TableSchema([dg.TableColumn(column.name, str(column.type)) for column in schema])


class LakeStorage(dg.IOManager):
    """Writes `Rows` and `DayRows` into the lake, which is opened when it is first needed, and gives them back lazily."""

    @cached_property
    def lake(self) -> Lake:
        return open_lake(home())

    def handle_output(self, context: dg.OutputContext, obj: Rows | DayRows) -> None:
        """Replaces the snapshot, or the file of every day that comes; days that do not come stay as they are."""
        shop, name = context.asset_key.path
        with obj.telling():
            if isinstance(obj, Rows):
                rows = self.lake.write(shop, name, None, obj.tables, obj.schema)
                context.add_output_metadata({"dagster/row_count": rows, **obj.metadata()})
            else:
                self._write_days(context, shop, name, obj)
        context.add_output_metadata({"dagster/uri": str(self.lake.root / shop / name)})

    def load_input(self, context: dg.InputContext) -> StoredRows | StoredDays:
        """What the lake holds, not read yet; of a daily asset the days asked for."""
        shop, name = context.asset_key.path
        if not context.has_asset_partitions:
            return StoredRows(self.lake, shop, name)
        return StoredDays(self.lake, shop, name, list(context.asset_partition_keys))

    def _write_days(self, context: dg.OutputContext, shop: str, name: str, obj: DayRows) -> None:
        asked, written = set(context.asset_partition_keys), set[str]()
        column = context.definition_metadata["partition_expr"]
        for day, table in obj.days:
            strangers = set(table[column].to_pylist()) - {day}
            if strangers or (day not in asked and day not in obj.beyond()):
                raise dg.DagsterInvariantViolationError(
                    f"{shop}/{name}: rows of {sorted(map(str, strangers)) or day} do not belong to "
                    f"{day if strangers else 'this run'}; the file of {day} was left as it was."
                )
            self.lake.write(shop, name, day, [table], obj.schema)
            if day in asked:
                obj.show(day, {"dagster/row_count": table.num_rows, **obj.of_day(table)})
                written.add(day)
        for day in asked - written:
            obj.show(day, {"note": _LEFT})
