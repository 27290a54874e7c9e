"""Assets in the lake: a file per snapshot and per day, written as it comes, read when asked, and never another day's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.shop import range_tags
from assets.storage import DayRows, LakeStorage, Rows, StoredDays, StoredRows
from connector.state.errors import StateError
from connector.state.home import HOME_VARIABLE
from connector.state.lake import LAKE_VARIABLE, Lake, LakeMissing, open_lake
from tests.assets.conftest import WEEK, World, failure

SCHEMA = pa.schema([("day", pa.string()), ("amount", pa.int64())])
FIRST, SECOND, THIRD, FOURTH = DAYS = ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"]
_PARTITIONS = dg.DailyPartitionsDefinition(FIRST, end_date="2026-11-05")

Days = list[tuple[str, pa.Table]]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.delenv(LAKE_VARIABLE, raising=False)
    return open_lake(tmp_path)


def rows(day: str, *amounts: int) -> pa.Table:
    return pa.table({"day": [day] * len(amounts), "amount": list(amounts)}, schema=SCHEMA)


def day_rows(days: Any, *beyond: str) -> DayRows:
    return DayRows(SCHEMA, days, lambda table: {}, beyond=lambda: beyond)


def daily(made: Any, *beyond: str) -> dg.AssetsDefinition:
    """The asset `alpha/days`, which gives these days with their rows."""

    @dg.asset(key=["alpha", "days"], partitions_def=_PARTITIONS, metadata={"partition_expr": "day"})
    def days() -> Any:
        return day_rows(made() if callable(made) else made, *beyond)

    return days


def snapshot(tables: Callable[[], Iterator[pa.Table]] | Sequence[pa.Table]) -> dg.AssetsDefinition:
    """The asset `alpha/list`, which gives these tables."""

    @dg.asset(key=["alpha", "list"])
    def listed() -> Any:
        return Rows(SCHEMA, tables() if callable(tables) else tables)

    return listed


def run(asset: dg.AssetsDefinition, first: str | None = None, last: str | None = None, **more: Any) -> Any:
    """One run of that asset, over the days from the first to the last."""
    tags = {} if first is None else range_tags(_date(first), _date(last or first))
    return dg.materialize([asset], resources={"io_manager": LakeStorage()}, tags=tags, **more)


def _date(day: str) -> Any:
    return pa.scalar(day).cast(pa.date32()).as_py()


def held(lake: Lake) -> dict[str, list[int]]:
    """What the lake has of `alpha/days`."""
    return {
        day: pa.concat_tables(lake.read("alpha", "days", day))["amount"].to_pylist()
        for day in lake.partitions("alpha", "days")
    }


# --- writing -------------------------------------------------------------------------------------------------------


def test_a_range_of_days_is_one_run_and_one_file_a_day(lake: Lake, tmp_path: Path) -> None:
    result = run(daily([(FIRST, rows(FIRST, 1, 2)), (SECOND, rows(SECOND)), (THIRD, rows(THIRD, 3))]), FIRST, THIRD)
    assert held(lake) == {FIRST: [1, 2], SECOND: [], THIRD: [3]}
    files = [file.relative_to(tmp_path / "lake") for file in tmp_path.rglob("*.parquet")]
    assert sorted(map(str, files)) == [f"alpha/days/{day}.parquet" for day in (FIRST, SECOND, THIRD)]
    assert {event.partition for event in result.get_asset_materialization_events()} == {FIRST, SECOND, THIRD}


def test_a_snapshot_without_rows_is_a_file_with_its_columns(lake: Lake) -> None:
    run(snapshot([]))
    (table,) = lake.read("alpha", "list")
    assert (table.num_rows, table.schema) == (0, SCHEMA)


def test_a_day_made_again_leaves_the_other_days_as_they_were(lake: Lake, tmp_path: Path) -> None:
    run(daily([(day, rows(day, 1)) for day in DAYS]), FIRST, FOURTH)
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.rglob("*.parquet")}
    run(daily([(SECOND, rows(SECOND, 5, 6))]), SECOND)
    after = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.rglob("*.parquet")}
    assert {name for name in after if after[name] != before[name]} == {f"{SECOND}.parquet"}
    assert held(lake)[SECOND] == [5, 6]


def test_a_day_is_in_the_lake_before_the_next_one_is_made(lake: Lake) -> None:
    seen: list[list[str]] = []

    def made() -> Iterator[tuple[str, pa.Table]]:
        for day in (FIRST, SECOND, THIRD):
            seen.append(lake.partitions("alpha", "days"))
            yield day, rows(day, 1)

    run(daily(made), FIRST, THIRD)
    assert seen == [[], [FIRST], [FIRST, SECOND]]


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ([(SECOND, rows(THIRD, 9))], f"rows of ['{THIRD}'] do not belong to {SECOND}"),
        ([(SECOND, pa.concat_tables([rows(SECOND, 9), rows(FIRST, 9)]))], f"rows of ['{FIRST}'] do not belong to"),
        ([(FOURTH, rows(FOURTH, 9))], f"rows of {FOURTH} do not belong to this run"),
    ],
    ids=["another day's", "another day's among its own", "a day that was not asked"],
)
def test_rows_that_do_not_belong_to_the_day_or_the_run_are_refused(lake: Lake, made: Days, told: str) -> None:
    run(daily([(day, rows(day, 1)) for day in DAYS]), FIRST, FOURTH)
    with pytest.raises(dg.DagsterInvariantViolationError) as failed:
        run(daily(made), SECOND, THIRD)
    assert f"alpha/days: {told}" in str(failed.value)
    assert "was left as it was" in str(failed.value)
    assert held(lake) == {day: [1] for day in DAYS}


def test_the_history_of_a_new_store_may_lie_outside_of_the_run(lake: Lake) -> None:
    made = [(FIRST, rows(FIRST, 7)), (THIRD, rows(THIRD, 8))]
    result = run(daily(made, FIRST), THIRD)
    assert held(lake) == {FIRST: [7], THIRD: [8]}
    assert {event.partition for event in result.get_asset_materialization_events()} == {THIRD}


def test_other_columns_than_the_assets_are_refused(lake: Lake) -> None:
    run(snapshot([rows(FIRST, 1)]))
    with pytest.raises(ValueError, match="other columns"):
        run(snapshot([rows(FIRST, 2).drop_columns("amount")]))
    (table,) = lake.read("alpha", "list")
    assert table["amount"].to_pylist() == [1]


def test_a_failure_on_the_way_keeps_the_old_snapshot_and_the_days_that_were_through(lake: Lake, tmp_path: Path) -> None:
    def some_days() -> Iterator[tuple[str, pa.Table]]:
        yield FIRST, rows(FIRST, 5)
        raise LookupError("the till is gone")

    def some_rows() -> Iterator[pa.Table]:
        yield rows(FIRST, 5)
        raise LookupError("the till is gone")

    run(snapshot([rows(FIRST, 1)]))
    run(daily([(day, rows(day, 1)) for day in DAYS]), FIRST, FOURTH)
    for asset, days in ((snapshot(some_rows), []), (daily(some_days), [FIRST, FOURTH])):
        with pytest.raises(LookupError, match="the till is gone"):
            run(asset, *days)
    (table,) = lake.read("alpha", "list")
    assert table["amount"].to_pylist() == [1]
    assert held(lake) == {FIRST: [5], SECOND: [1], THIRD: [1], FOURTH: [1]}
    assert not list(tmp_path.rglob("*.tmp"))


# --- reading ---------------------------------------------------------------------------------------------------------


def loaded(asset: str, days: Sequence[str] = ()) -> StoredRows | StoredDays:
    """What a step downstream gets of `alpha/days` or `alpha/list`."""
    got: list[Any] = []

    @dg.asset(
        key=["alpha", "after"],
        ins={"before": dg.AssetIn(["alpha", asset])},
        partitions_def=_PARTITIONS if days else None,
        metadata={"partition_expr": "day"},
    )
    def after(before: Any) -> Any:
        got.append(before)
        return day_rows([]) if days else Rows(SCHEMA, [])

    upstream = dg.AssetSpec(["alpha", asset], partitions_def=_PARTITIONS if days else None)
    tags = range_tags(_date(days[0]), _date(days[-1])) if days else {}
    dg.materialize([after, upstream], resources={"io_manager": LakeStorage()}, tags=tags)
    return got[0]


def test_a_step_downstream_gets_the_days_of_its_run(lake: Lake) -> None:
    run(daily([(day, rows(day, n)) for n, day in enumerate(DAYS)]), FIRST, FOURTH)
    stored = loaded("days", [SECOND, THIRD])
    assert isinstance(stored, StoredDays)
    assert [(day, table["amount"].to_pylist()) for day, table in stored.of(None)] == [(SECOND, [1]), (THIRD, [2])]


def test_only_the_days_that_are_asked_for_are_read_each_when_its_turn_comes(lake: Lake, tmp_path: Path) -> None:
    run(daily([(day, rows(day, 1)) for day in DAYS]), FIRST, FOURTH)
    for day in (FIRST, THIRD):
        (tmp_path / "lake" / "alpha" / "days" / f"{day}.parquet").write_bytes(b"not Parquet: reading this fails")
    stored = loaded("days", [FIRST, FOURTH])
    assert isinstance(stored, StoredDays)
    assert [day for day, _ in stored.of({FOURTH, SECOND})] == [SECOND, FOURTH]
    in_turn = stored.of({SECOND, THIRD})
    assert next(in_turn)[0] == SECOND
    with pytest.raises(StateError):
        next(in_turn)


def test_a_day_that_was_never_written_is_left_out(lake: Lake) -> None:
    run(daily([(SECOND, rows(SECOND, 1))]), SECOND)
    stored = loaded("days", [FIRST, FOURTH])
    assert isinstance(stored, StoredDays)
    assert [day for day, _ in stored.of(None)] == [SECOND]


def test_a_snapshot_that_was_never_written_is_missed_when_it_is_read_and_not_before(lake: Lake) -> None:
    stored = loaded("list")
    with pytest.raises(LakeMissing, match=r"no file .*alpha/list\.parquet"):
        next(iter(stored))  # type: ignore[arg-type]
    run(snapshot([rows(FIRST, 1)]))
    (table,) = stored  # type: ignore[misc]
    assert table.num_rows == 1


def test_a_missing_input_says_which_job_makes_it(world: World) -> None:
    world.run("pos_stores", "shopimind_sources")
    result = world.run("categories", "orders", days=WEEK)
    for name in ("categories", "orders"):
        told = failure(result, name)
        assert told.startswith(f"alpha/{name}: The lake has no file ")
        assert told.endswith("Run the job sync_alpha once: it makes everything, in its order.")
