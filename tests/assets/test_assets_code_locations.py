"""Two code locations of the one package, each with its own `shops.yaml`: their schedules, one queue, and no shop in another's way.

As docs/operations.md recommends it: a code server per file, a workspace that names both, and Dagster's daemon over them
(its scheduler and its queue are called here, as it calls them).
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.scheduler.instigation import ScheduleInstigatorData
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import ExecuteExternalJobArgs
from dagster._scheduler.scheduler import launch_scheduled_runs

from assets.instance import dagster_home
from assets.resources import OUTCOME_TAG
from connector.config import SHOPS_VARIABLE
from connector.sandbox.fault_plan import Fault, FaultPlan
from connector.sandbox.serve import Sandbox
from connector.state.home import HOME_VARIABLE
from tests.assets.code_server import PATIENCE, code_server, wait_for
from tests.conftest import NewState
from tests.sync.world import till_account

FINE = ("one", "two", "three", "four")
LOCATIONS = {"north": ("hangs", "one", "two"), "south": ("spent", "three", "four")}


@dataclass
class Fleet:
    """Both locations, loaded, and the instance that they share."""

    sandbox: Sandbox
    instance: dg.DagsterInstance
    workspace: WorkspaceProcessContext

    def a_night(self) -> None:
        """Every nightly schedule is started, and has its one time since yesterday."""
        since = (datetime.now(UTC) - timedelta(days=1)).timestamp()
        workspace = self.workspace.create_request_context()
        assert not workspace.code_location_errors()
        for location in workspace.code_locations:
            for repository in location.get_repositories().values():
                for schedule in repository.get_schedules():
                    if schedule.name.startswith("nightly_"):
                        state = self.instance.start_schedule(schedule)
                        data = ScheduleInstigatorData(schedule.cron_schedule, start_timestamp=since)
                        self.instance.update_instigator_state(state.with_data(data))
        scheduler = launch_scheduled_runs(self.workspace, logging.getLogger("scheduler"), datetime.now(UTC), {})
        assert not list(filter(None, scheduler))

    def dequeue(self) -> None:
        """Launches what the limits of the instance allow."""
        queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        assert not list(filter(None, queue.run_iteration(self.workspace)))

    def runs(self) -> dict[str, dg.DagsterRun]:
        """The only run of every shop."""
        runs = self.instance.get_runs()
        found = {run.tags["shop"]: run for run in runs}
        assert len(found) == len(runs)
        return found


@pytest.fixture
def fleet(new_state: NewState) -> Iterator[Fleet]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-")))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.delenv(SHOPS_VARIABLE, raising=False)
        patch.setenv(HOME_VARIABLE, str(folder / "home"))
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        for variable, value in stack.enter_context(new_state()).items():
            patch.setenv(variable, value)
        accounts = [till_account(key, offset=0) for keys in LOCATIONS.values() for key in keys]
        sandbox = stack.enter_context(Sandbox(folder / "sandbox", Path(), accounts=accounts))
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(dagster_home())))
        ports = {name: stack.enter_context(code_server(file)) for name, file in shop_files(folder, sandbox).items()}
        for port in ports.values():
            wait_for(port)
        servers = [
            {"grpc_server": {"host": "127.0.0.1", "port": port, "location_name": name}} for name, port in ports.items()
        ]
        (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": servers}))
        target = WorkspaceFileTarget([str(folder / "workspace.yaml")])
        yield Fleet(sandbox, instance, stack.enter_context(WorkspaceProcessContext(instance, target)))


def shop_files(folder: Path, sandbox: Sandbox) -> dict[str, Path]:
    """Writes the configuration of each location."""
    sandbox.write_shops_yaml(folder / "all.yaml")
    shops = {shop["key"]: shop for shop in yaml.safe_load((folder / "all.yaml").read_text("utf-8"))["shops"]}
    shops["spent"]["pos"]["monthly_calls"] = 7
    files = {name: folder / f"{name}.yaml" for name in LOCATIONS}
    for name, file in files.items():
        file.write_text(yaml.safe_dump({"shops": [shops[key] for key in LOCATIONS[name]]}), encoding="utf-8")
    return files


def outcomes(fleet: Fleet) -> dict[str, str | None]:
    """How every shop's run ended, as `connector status` says it; None while it goes on."""
    return {key: run.tags.get(OUTCOME_TAG) for key, run in fleet.runs().items()}


def test_two_locations_deliver_their_own_shops_and_one_that_hangs_or_has_no_calls_delays_none(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages, start = set(), DagsterGrpcClient.start_run

    def noted(client: DagsterGrpcClient, execute_run_args: ExecuteExternalJobArgs) -> str:
        ref = execute_run_args.instance_ref
        assert ref is not None
        assert ref.event_storage_data is not None
        storages.add(ref.event_storage_data.class_name)
        return start(client, execute_run_args)

    monkeypatch.setattr(DagsterGrpcClient, "start_run", noted)
    fleet.sandbox.till_server.faults = FaultPlan([Fault(kind="hang", path="^/hangs/", seconds=600.0)])
    fleet.a_night()
    assert {run.status for run in fleet.runs().values()} == {dg.DagsterRunStatus.QUEUED}

    expected = {"hangs": None, "spent": "quota"} | dict.fromkeys(FINE, "delivered")
    deadline = time.monotonic() + PATIENCE
    while outcomes(fleet) != expected or not fleet.sandbox.till_server.faults.struck:
        assert time.monotonic() < deadline, outcomes(fleet)
        fleet.dequeue()
        time.sleep(0.5)

    assert type(fleet.instance.event_log_storage) is SqliteEventLogStorage
    assert storages == {"OpenSqliteEventLog"}  # of the runs' own processes; the daemon reads what they write
    runs = fleet.runs()
    assert runs["hangs"].status is dg.DagsterRunStatus.STARTED
    for name, keys in LOCATIONS.items():
        for key in keys:
            origin = runs[key].remote_job_origin
            assert origin is not None
            assert (origin.location_name, runs[key].job_name) == (name, f"sync_{key}")
    orders = {key: len(fleet.sandbox.crm.shops[key].items("orders")) for key in FINE}
    assert orders == dict.fromkeys(FINE, 4)
