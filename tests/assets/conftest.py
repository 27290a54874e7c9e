"""A small shop between two sandbox servers, and Dagster in this process over it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.defs_state.base import _current_storage

from assets.definitions import definitions_of
from assets.instance import open_instance
from assets.shop import range_tags
from connector.config import SHOPS_VARIABLE, Shop, load_shops
from connector.sandbox.serve import Sandbox
from connector.shop_run import ShopRun, State
from connector.state.database import URL_VARIABLE
from connector.state.home import HOME_VARIABLE
from connector.state.lake import LAKE_VARIABLE
from connector.state.sealing import KEYS_VARIABLE
from tests.conftest import NewState
from tests.sync.world import day, till_account

WEEK = [day(ago) for ago in range(6, -1, -1)]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class World:
    """The shop `alpha`, with three stores and the sales of `tests.sync.world`; nothing of it was ever read."""

    folder: Path
    sandbox: Sandbox
    instance: dg.DagsterInstance

    @cached_property
    def shops(self) -> list[Shop]:
        return load_shops(self.folder / "shops.yaml")

    @cached_property
    def definitions(self) -> dg.Definitions:
        return definitions_of(self.shops)

    def run(
        self, *names: str, days: Sequence[date] = (), job: str = "sync_alpha", **settings: Any
    ) -> dg.ExecuteInProcessResult:
        """One run of a job, or of those of its assets, over the days from the first to the last."""
        config = {"resources": {"connector": {"config": {"wait_for_other_run": 0.0, **settings}}}}
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config=config | QUIET,
            instance=self.instance,
            tags=range_tags(days[0], days[-1]) if days else {},
            asset_selection=[dg.AssetKey(["alpha", name]) for name in names] or None,
            raise_on_error=False,
        )

    @contextmanager
    def looking(self) -> Iterator[ShopRun]:
        """The shop's state, to look at or to break."""
        state = State.open()
        try:
            yield ShopRun(self.shops[0], state, run_id="test")
        finally:
            state.close()

    def orders(self) -> dict[str, dict[str, Any]]:
        """What ShopiMind holds, by order id."""
        return {item["order_id"]: item for item in self.sandbox.crm.shops["alpha"].items("orders")}


@contextmanager
def making_world(new_state: NewState) -> Iterator[World]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="assets-", dir=memory) as name,
        new_state() as state,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(name)
        patch.setenv(HOME_VARIABLE, str(folder / "home"))
        patch.setenv(SHOPS_VARIABLE, str(folder / "shops.yaml"))
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        for variable in (URL_VARIABLE, LAKE_VARIABLE, KEYS_VARIABLE):
            patch.delenv(variable, raising=False)
        for variable, value in state.items():
            patch.setenv(variable, value)
        with Sandbox(folder / "sandbox", Path(), accounts=[till_account()]) as sandbox:
            sandbox.write_shops_yaml(folder / "shops.yaml")
            with open_instance() as instance:
                yield World(folder, sandbox, instance)


@pytest.fixture(autouse=True)
def no_instance_of_before() -> None:
    """Of an instance that is entered twice, as a schedule's test context does, Dagster 1.13 leaves behind what is gone with it."""
    _current_storage.set(None)


@pytest.fixture
def world(new_state: NewState) -> Iterator[World]:
    """A world for one test."""
    with making_world(new_state) as made:
        yield made


@dataclass
class Synced:
    """A world after one run of everything over `WEEK`, for tests that only look."""

    world: World
    result: dg.ExecuteInProcessResult


@pytest.fixture(scope="module")
def synced(new_state: NewState) -> Iterator[Synced]:
    with making_world(new_state) as made:
        yield Synced(made, made.run(days=WEEK))


def failure(result: dg.ExecuteInProcessResult, name: str) -> str:
    """What a person reads of the step that failed."""
    told = result.failure_data_for_node(f"alpha__{name}")
    assert told is not None, f"{name} did not fail"
    assert told.user_failure_data is not None
    return told.user_failure_data.description or ""


def metadata(result: dg.ExecuteInProcessResult, name: str, day: date | None = None) -> dict[str, dg.MetadataValue[Any]]:
    """The metadata of an asset's materialization (of one day)."""
    for event in result.all_events:
        if event.is_step_materialization:
            found = event.step_materialization_data.materialization
            if found.asset_key.path[-1] == name and found.partition in (None, day and day.isoformat()):
                return dict(found.metadata)
    raise AssertionError(f"{name} was not materialized")


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, set[str | None]]:
    """The partitions that were materialized, by asset."""
    found: dict[str, set[str | None]] = {}
    for event in result.get_asset_materialization_events():
        assert event.asset_key is not None
        found.setdefault(event.asset_key.path[-1], set()).add(event.partition)
    return found
