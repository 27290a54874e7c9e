"""The event log that stays open writes the files of Dagster's own class: either reads what the other wrote, at any time."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import sqlalchemy as sa
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from assets.event_log import OpenSqliteEventLog
from assets.event_log_batch import write_to_all
from assets.instance import dagster_home, open_instance

ROOT = Path(__file__).parents[2]
KEY = dg.AssetKey(["alpha", "pos_sales"])
EACH = 12  # materializations of each writer
DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-04-01")
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_PROFILE_CHECKS = [dg.AssetCheckSpec(name, asset=dg.AssetKey(["alpha", "profiles"])) for name in ("a", "b")]
_TAGS = "SELECT * FROM asset_event_tags ORDER BY event_id, key"
# Ids of runs, times, how long something took, process numbers, addresses, and hashes of what contains them
_CHANGES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?|\b\d+(\.\d+)?m?s\b|\b\d{10}\.\d+\b"
    r"|pid: \d+|\"pid\": \"\d+\"|0x[0-9a-f]+|\b[0-9a-f]{64}\b|\"(duration_ms|start|end|label|log_key)\": [^,}]+"
)

_MATERIALIZATION = dg.DagsterEventType.ASSET_MATERIALIZATION

Row = dict[str, Any]
OURS, STOCK = "ours", "Dagster's"
both_ways = pytest.mark.parametrize(("writing", "reading"), [(OURS, STOCK), (STOCK, OURS)])


@dg.asset(key=KEY, check_specs=[dg.AssetCheckSpec("adds_up", asset=KEY)])
def sales() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"sales": 7}, check_results=[dg.AssetCheckResult(passed=True)])


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # hundreds of small writes, each durable
    with tempfile.TemporaryDirectory(prefix="log-", dir=memory) as folder:
        monkeypatch.setenv("DAGSTER_HOME", str(Path(folder, "dagster")))
        yield Path(folder, "dagster")


@contextmanager
def instance(kind: str) -> Iterator[dg.DagsterInstance]:
    """The command line's instance, or the one that the web server and the daemon make of the same settings."""
    made = open_instance() if kind == OURS else dg.DagsterInstance.from_config(str(dagster_home()))
    with made:
        assert type(made.event_log_storage) is (OpenSqliteEventLog if kind == OURS else SqliteEventLogStorage)
        yield made


def report(into: dg.DagsterInstance, number: int) -> None:
    into.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata={"number": number}))


def numbers(of: dg.DagsterInstance) -> list[object]:
    """Of all reported materializations, in order."""
    records = of.fetch_materializations(KEY, limit=1000, ascending=True).records
    return [found.metadata["number"].value for each in records if (found := each.asset_materialization)]


# --- one after the other -------------------------------------------------------------------------------------------


@both_ways
def test_a_run_that_one_wrote_is_read_by_the_other_whole(writing: str, reading: str) -> None:
    with instance(writing) as writer:
        run_id = dg.materialize([sales], instance=writer).run_id
        written = writer.all_logs(run_id)
    with instance(reading) as reader:
        assert reader.all_logs(run_id) == written
        assert len(written) > 8
        assert reader.get_asset_keys() == [KEY]
        latest = reader.get_latest_materialization_event(KEY)
        assert latest is not None
        assert latest.asset_materialization is not None
        assert latest.asset_materialization.metadata["sales"].value == 7
        checks = reader.event_log_storage.get_latest_asset_check_execution_by_key([dg.AssetCheckKey(KEY, "adds_up")])
        assert [record.run_id for record in checks.values()] == [run_id]


@both_ways
def test_each_goes_on_where_the_other_stopped(writing: str, reading: str) -> None:
    for number, kind in enumerate((writing, reading, writing, reading)):
        with instance(kind) as each:
            report(each, number)
            assert numbers(each) == list(range(number + 1))


def test_a_write_does_not_wait_for_the_disk_and_a_power_failure_damages_nothing() -> None:
    with instance(OURS) as ours:
        report(ours, 0)
        log = ours.event_log_storage
        assert isinstance(log, OpenSqliteEventLog)
        with log.index_connection() as connection:
            settings = [
                connection.execute(sa.text(f"PRAGMA {name}")).scalar() for name in ("synchronous", "journal_mode")
            ]
    assert settings == [1, "wal"]  # NORMAL: never damaged in this mode; the last events may be lost with the power


def test_a_run_s_file_is_made_as_dagster_makes_it(place: Path) -> None:
    def made(kind: str) -> list[tuple[object, ...]]:
        with instance(kind) as maker:
            run_id = dg.materialize([sales], instance=maker).run_id
        with closing(sqlite3.connect(place / "history" / "runs" / f"{run_id}.db")) as file:
            tables = file.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
            return [*tables, *file.execute("SELECT * FROM alembic_version"), *file.execute("PRAGMA journal_mode")]

    assert made(OURS) == made(STOCK)


def test_a_run_s_file_that_another_has_begun_is_not_made_anew(place: Path) -> None:
    """The web server opens a run's file as soon as the run is listed."""
    file = place / "history" / "runs" / "begun.db"
    with instance(OURS) as ours:
        file.touch()
        begun = file.stat().st_ino
        assert ours.all_logs("begun") == []
        assert file.stat().st_ino == begun
    with instance(STOCK) as stock:
        assert stock.all_logs("begun") == []


@dg.asset(key=dg.AssetKey(["alpha", "orders"]), partitions_def=DAYS)
def orders(context) -> dg.MaterializeResult:  # type: ignore[no-untyped-def]
    context.add_asset_metadata({"orders": 3}, partition_key="2026-03-02")
    context.log.info("read")
    return dg.MaterializeResult(tags={"kind": "daily"}, data_version=dg.DataVersion("7"))


@dg.asset(key=dg.AssetKey(["alpha", "profiles"]), deps=[sales, orders], check_specs=_PROFILE_CHECKS)
def profiles() -> dg.MaterializeResult:
    failed = dg.AssetCheckResult(passed=False, check_name="a", severity=dg.AssetCheckSeverity.WARN)
    return dg.MaterializeResult(check_results=[failed, dg.AssetCheckResult(passed=True, check_name="b")])


@dg.asset(key=dg.AssetKey(["alpha", "fails"]), deps=[profiles])
def fails() -> None:
    raise dg.Failure("on purpose", allow_retries=False)


def test_what_is_written_together_leaves_the_same_rows_as_dagster_s_own_writing(place: Path) -> None:
    def written(kind: str) -> dict[str, list[Row]]:
        shutil.rmtree(place, ignore_errors=True)
        tags = {FIRST: "2026-03-01", LAST: "2026-03-03"}
        with instance(kind) as into:
            for _ in range(2):  # the second finds the assets there
                run_id = dg.materialize(
                    [sales, orders, profiles, fails], instance=into, tags=tags, raise_on_error=False
                ).run_id
            report(into, 1)
        history = place / "history" / "runs"
        return {
            f"{file}.{table}": rows_of(history / f"{name}.db", table)
            for file, name in (("all", "index"), ("run", run_id))
            for table in ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions")
        }

    ours, stock = written(OURS), written(STOCK)
    assert {table: len(rows) for table, rows in ours.items()} == {table: len(rows) for table, rows in stock.items()}
    assert ours == stock
    assert all(ours[f"all.{table}"] for table in ("asset_keys", "asset_event_tags", "asset_check_executions"))


def rows_of(file: Path, table: str) -> list[Row]:
    """The rows in their order, without what differs from one run to the next: its id, times, process numbers and folders."""
    with closing(sqlite3.connect(file)) as connection:
        cursor = connection.execute(f"SELECT * FROM {table} ORDER BY id" if table != "asset_event_tags" else _TAGS)
        names = [column[0] for column in cursor.description]
        return [
            {name: _CHANGES.sub("*", value) if isinstance(value, str) else value for name, value in row.items()}
            for row in (dict(zip(names, values, strict=True)) for values in cursor)
        ]


def test_of_a_batch_that_cannot_be_written_nothing_is() -> None:
    with instance(OURS) as ours:
        run_id = dg.materialize([sales], instance=ours).run_id
        before = ours.all_logs(run_id)
        with pytest.raises(OverflowError):
            ours.event_log_storage.store_event_batch([before[0], before[0]._replace(timestamp=float("inf"))])
        assert ours.all_logs(run_id) == before


@pytest.mark.parametrize("write", ["write_to_run", "write_to_all"])
def test_what_could_not_be_written_is_told_and_written_once_when_it_can_be(
    monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    def full(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    with instance(OURS) as ours:
        run_id = dg.materialize([sales], instance=ours).run_id
        (said, *_) = [entry for entry in ours.all_logs(run_id) if entry.step_key]
        with monkeypatch.context() as fault:
            fault.setattr(f"assets.event_log.{write}", full)
            ours.event_log_storage.store_event(said._replace(user_message="first"))
            with pytest.raises(sa.exc.OperationalError, match="disk is full"):
                ours.all_logs(run_id)
            with pytest.raises(sa.exc.OperationalError, match="disk is full"):
                ours.all_logs(run_id)
            ours.event_log_storage.store_event(said._replace(user_message="second"))
            ours.event_log_storage.store_event_batch([said._replace(user_message="of a batch")])
        messages = [entry.user_message for entry in ours.all_logs(run_id)]
        assert (messages[-3:], messages.count("first")) == (["first", "second", "of a batch"], 1)
        ours.event_log_storage.store_event(said._replace(user_message="third"))
    with instance(STOCK) as stock:
        assert [entry.user_message for entry in stock.all_logs(run_id)][-4:] == [
            "first",
            "second",
            "of a batch",
            "third",
        ]


def test_an_event_that_can_never_be_written_is_told_once_and_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(log: OpenSqliteEventLog, events: list[tuple[EventLogEntry, Row]], of_all: sa.Connection) -> object:
        if any(event.user_message == "broken" for event, _ in events):
            raise ValueError("no such event")
        return write_to_all(log, events, of_all)

    monkeypatch.setattr("assets.event_log.write_to_all", broken)
    with instance(OURS) as ours:
        run_id = dg.materialize([sales], instance=ours).run_id
        (made,) = [entry for entry in ours.all_logs(run_id) if entry.dagster_event_type == _MATERIALIZATION]
        before = len(ours.fetch_materializations(KEY, limit=9).records)
        for message in ("fine", "broken", "fine as well"):
            ours.event_log_storage.store_event(made._replace(user_message=message))
        with pytest.raises(ValueError, match="no such event"):
            ours.all_logs(run_id)
        assert [entry.user_message for entry in ours.all_logs(run_id)][-3:] == ["fine", "broken", "fine as well"]
        assert len(ours.fetch_materializations(KEY, limit=9).records) == before + 2


def test_many_runs_of_a_process_leave_few_files_open(place: Path) -> None:
    with instance(OURS) as ours:
        for _ in range(8):
            dg.materialize([sales], instance=ours)
        open_now = {file.path for file in psutil.Process().open_files() if file.path.startswith(str(place / "history"))}
    assert len([path for path in open_now if path.endswith(".db")]) <= 4 + 2  # and those of all runs


def test_what_another_process_reports_of_an_asset_is_not_overlooked() -> None:
    with instance(OURS) as ours, instance(STOCK) as stock:
        report(ours, 1)
        report(stock, 2)
        latest = ours.get_latest_materialization_event(KEY)
        assert latest is not None
        assert latest.asset_materialization is not None
        assert latest.asset_materialization.metadata["number"].value == 2


# --- at the same time ----------------------------------------------------------------------------------------------


def test_while_both_are_open_each_sees_at_once_what_the_other_writes() -> None:
    with instance(OURS) as ours, instance(STOCK) as stock:
        for number, (writer, reader) in enumerate([(ours, stock), (stock, ours)] * 3):
            report(writer, number)
            assert numbers(reader) == list(range(number + 1))


def test_a_run_under_way_can_be_watched_in_the_web_server() -> None:
    with instance(OURS) as ours, instance(STOCK) as stock:
        seen: list[str] = []

        @dg.op
        def watched(context) -> None:  # type: ignore[no-untyped-def]  # Dagster takes no annotation that is text
            context.log.info("halfway")
            until = time.monotonic() + 30  # it is there after a second, while nothing else is said
            while "halfway" not in seen and time.monotonic() < until:
                seen[:] = [entry.message for entry in stock.all_logs(context.run_id)]
                time.sleep(0.05)

        @dg.job
        def watched_job() -> None:
            watched()

        watched_job.execute_in_process(instance=ours)
    assert "halfway" in seen


_WRITER = """
import sys
from tests.assets.test_assets_event_log import EACH, OURS, instance, report
with instance(OURS) as into:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(EACH):
        report(into, number)
"""


def test_processes_that_write_at_once_lose_nothing() -> None:
    """Another sync in a process of its own; a sync and the daemon in this one."""
    with instance(OURS) as ours, instance(STOCK) as stock:
        other = subprocess.Popen(
            [sys.executable, "-c", _WRITER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("go\n")
        other.stdin.flush()
        for number in range(EACH):
            report(ours, 100 + number)
            report(stock, 200 + number)
        other.communicate(timeout=60)
        assert other.returncode == 0
        for reader in (ours, stock):
            found = numbers(reader)
            assert len(found) == 3 * EACH
            for first in (0, 100, 200):
                own = range(first, first + EACH)
                assert [each for each in found if each in own] == list(own)


def test_threads_of_one_process_write_side_by_side() -> None:
    with instance(OURS) as ours:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: report(ours, number), range(20)))
        assert set(numbers(ours)) == set(range(20))


# --- connections -----------------------------------------------------------------------------------------------------


def test_what_fails_midway_leaves_nothing_and_the_next_write_goes_on() -> None:
    with instance(OURS) as ours:
        report(ours, 0)
        log = ours.event_log_storage
        assert isinstance(log, OpenSqliteEventLog)
        with suppress(LookupError), log.index_connection() as connection:
            connection.execute(sa.text("DELETE FROM event_logs"))
            raise LookupError("something went wrong")
        report(ours, 1)
        assert numbers(ours) == [0, 1]


def test_files_stay_open_while_the_instance_is_used_and_not_longer(place: Path) -> None:
    def open_files() -> list[str]:
        return [file.path for file in psutil.Process().open_files() if file.path.startswith(str(place / "history"))]

    with instance(OURS) as ours:
        report(ours, 0)
        assert any(path.endswith("index.db") for path in open_files())
    assert open_files() == []


def test_a_log_that_somebody_keeps_elsewhere_is_left_to_dagster(place: Path, tmp_path: Path) -> None:
    dagster_home()
    with (place / "dagster.yaml").open("a", encoding="utf-8") as settings:
        settings.write(
            "event_log_storage:\n  module: dagster._core.storage.event_log\n  class: SqliteEventLogStorage\n"
            f"  config:\n    base_dir: {tmp_path / 'elsewhere'}\n"
        )
    with open_instance() as made:
        assert type(made.event_log_storage) is SqliteEventLogStorage
        report(made, 1)
    assert (tmp_path / "elsewhere" / "index.db").exists()
