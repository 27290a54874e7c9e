"""The connector's own memory fails: a full or broken disk, a clock that jumps."""

from __future__ import annotations

import functools
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import assets.launch
import assets.resources
from connector.shop_run import ShopRun
from tests.faults.little_till import alpha, days_ago, sale
from tests.faults.shop_world import World

DAY = 86_400


@pytest.mark.only_local("a directory stands where a file should be")
def test_a_lake_that_cannot_be_written_is_told_and_the_next_run_delivers_everything(
    world: World, undisturbed: Callable[..., Any]
) -> None:
    in_the_way = world.home / "lake" / "alpha" / "pos_products.parquet"
    (in_the_way / "something").mkdir(parents=True)

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "pos_products.parquet" in failed.message
    assert "disk" in failed.message
    assert failed.row("products")["sent"] == 0

    shutil.rmtree(in_the_way)
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


@pytest.mark.only_local("a directory stands where a file should be")
def test_a_day_that_cannot_be_kept_is_read_again(world: World, undisturbed: Callable[..., Any]) -> None:
    world.sync(only=("order_statuses",))
    day = world.home / "lake" / "alpha" / "pos_sales" / f"{days_ago(4)}.parquet"
    (day / "something").mkdir(parents=True)

    failed = world.sync()

    assert failed.exit_code == 1
    assert days_ago(4) in failed.message
    shutil.rmtree(day)
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_a_home_that_cannot_be_used_is_told_in_one_sentence_with_exit_code_1(world: World) -> None:
    file = world.folder / "a-file"
    file.write_text("not a directory")
    for home in (file, file / "below"):
        process = world.command("sync", "--json", home=home)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "Traceback" not in err
        assert str(file) in out
        assert '"ok": false' in out or '"ok":false' in out
    assert not world.requests("till")


def damage(database: Path) -> None:
    for path in database.parent.glob(f"{database.name}-*"):
        path.unlink()
    database.write_bytes(b"this is no database, but somebody's notes" * 100)


@pytest.mark.only_local("the database is a file")
def test_a_damaged_database_is_told_and_left_alone(world: World) -> None:
    world.sync()
    database = world.home / "state.sqlite"
    damage(database)

    process = world.command("sync", "--json")
    out, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "is not a SQLite database" in out
    assert "Traceback" not in err
    assert database.read_bytes().startswith(b"this is no database")
    assert world.run("status")[0] == 1


def test_damaged_records_of_dagster_are_told_and_only_history(world: World) -> None:
    assert world.command("sync", "--json").wait(timeout=60) == 0
    runs = world.home / "dagster" / "history" / "runs.db"
    damage(runs)

    process = world.command("sync", "--json")
    out, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "Dagster's records of runs and events in" in out
    assert "file is not a database" in out
    assert "Traceback" not in err
    (world.home / "dagster").rename(world.home / "away")
    assert world.command("sync", "--json").wait(timeout=60) == 0


def test_a_full_disk_fails_the_run_and_loses_nothing(world: World, undisturbed: Callable[..., Any]) -> None:
    # no file may grow beyond this, which is what a full disk does to whoever writes
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (300_000, 300_000))
    assert world.sync(only=("order_statuses",)).status == "delivered"

    process = world.command("sync", "--json", before=limit)
    out, _ = process.communicate(timeout=100)

    assert process.returncode == 1, out
    assert '"status": "failed"' in out or '"status":"failed"' in out
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


# --- the clock ---


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the connector's clock so many days ahead of (or behind) the right time."""

    def jump(days: float) -> None:
        def now() -> float:
            return time.time() + days * DAY

        for module in (assets.launch, assets.resources):
            monkeypatch.setattr(module, "ShopRun", functools.partial(ShopRun, clock=now))

    return jump


def test_a_clock_that_goes_back_loses_nothing(
    world: World, undisturbed: Callable[..., Any], clock: Callable[[float], None]
) -> None:
    clock(-3)
    assert world.sync().status == "delivered"
    clock(0)
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())
    clock(-2)
    assert world.sync().status == "delivered"
    assert world.status()["status"] == "delivered"
    clock(0)
    assert world.sync().total("sent") == 0
    assert world.end_state() == undisturbed(alpha())


def test_days_that_a_clock_ahead_took_for_over_are_read_when_they_are(
    world: World, clock: Callable[[float], None]
) -> None:
    clock(2)  # and two more days go by before the next sync but one
    assert world.sync().status == "delivered"
    clock(0)
    assert world.sync().status == "delivered"
    world.till().put_sale(sale(940, 1, days_ago(-1), 1))
    clock(5)

    late = world.sync()

    assert late.row("orders", 1)["sent"] == 1
    assert "a_940" in world.items("orders")


def test_the_month_of_the_quota_is_that_of_the_clock(world: World, clock: Callable[[float], None]) -> None:
    world.configure(pos={"monthly_calls": 9})
    stopped = world.sync()
    clock(40)
    world.till().put_sale(sale(940, 1, days_ago(-40), 1))
    resumed = world.sync()
    assert resumed.report["quota"]["month"] > stopped.report["quota"]["month"]
    assert resumed.report["quota"]["used"] == len(world.requests("till")) <= 18
    assert resumed.row("orders", 1)["sent"] == 1
