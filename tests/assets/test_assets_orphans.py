"""Runs whose process was killed are ended by whoever comes next, and never those that go on."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, time

import dagster as dg
import pytest

from assets.orphans import LEASE_TAG, PROCESS_TAG, end_orphans, look_lease, run_tags
from connector.shop_run import SYNC_LEASE
from connector.state.leases import Lease, this_process
from tests.assets.conftest import WEEK, World
from tests.sync.world import PARIS, day


def dead_process() -> str:
    """How a process of this machine that is gone would have called itself."""
    told = subprocess.run(
        [sys.executable, "-c", "from connector.state.leases import this_process; print(this_process())"],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()


def begun(world: World, process: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> str:
    tags = run_tags("alpha") | {PROCESS_TAG: process}
    job = world.definitions.resolve_job_def("sync_alpha")
    return world.instance.create_run_for_job(job, tags=tags, status=status).run_id


def status(world: World, run_id: str) -> dg.DagsterRunStatus:
    run = world.instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.mark.parametrize("left", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_whose_process_is_gone_is_ended_by_the_next_tick_and_says_why(
    world: World, left: dg.DagsterRunStatus
) -> None:
    orphan = begun(world, dead_process(), left)
    moment = datetime.combine(day(0), time(3, 15), PARIS)
    context = dg.build_schedule_context(instance=world.instance, scheduled_execution_time=moment)
    world.definitions.resolve_schedule_def("nightly_alpha").evaluate_tick(context)
    assert status(world, orphan) == dg.DagsterRunStatus.FAILURE
    (failure,) = world.instance.all_logs(orphan, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert "was killed, or its machine went down" in failure.get_dagster_event().message


def test_a_run_that_goes_on_is_left_alone(world: World) -> None:
    alive = begun(world, this_process())
    with world.looking() as run:
        end_orphans(world.instance, run.state.db, "alpha")
    assert status(world, alive) == dg.DagsterRunStatus.STARTED


@pytest.mark.parametrize("holds_the_lease", [True, False])
def test_a_run_of_another_machine_goes_on_as_long_as_it_has_the_lease(world: World, holds_the_lease: bool) -> None:
    elsewhere = begun(world, "till-server/12345678:77:1700000000.00")
    with world.looking() as run:
        if holds_the_lease:
            with Lease.acquire(run.state.db, "alpha", SYNC_LEASE, holder="till-server/12345678:77:1700000000.00"):
                end_orphans(world.instance, run.state.db, "alpha")
        else:
            end_orphans(world.instance, run.state.db, "alpha")
    ended = status(world, elsewhere) == dg.DagsterRunStatus.FAILURE
    assert ended is not holds_the_lease


@pytest.mark.parametrize("holds_its_lease", [True, False])
def test_a_comparison_of_another_machine_goes_on_as_long_as_it_has_a_lease_of_its_own(
    world: World, holds_its_lease: bool
) -> None:
    process, lease = "till-server/12345678:77:1700000000.00", look_lease("f00d")
    job = world.definitions.resolve_job_def("reconcile_alpha")
    tags = run_tags("alpha", lease) | {PROCESS_TAG: process}
    elsewhere = world.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED).run_id
    with world.looking() as run, Lease.acquire(run.state.db, "alpha", SYNC_LEASE):  # a sync keeps nobody from ending it
        if holds_its_lease:
            with Lease.acquire(run.state.db, "alpha", lease, holder=process):
                end_orphans(world.instance, run.state.db, "alpha")
        else:
            end_orphans(world.instance, run.state.db, "alpha")
    ended = status(world, elsewhere) == dg.DagsterRunStatus.FAILURE
    assert ended is not holds_its_lease


def test_a_comparison_says_which_process_carries_it_out_and_what_it_holds(world: World) -> None:
    run = world.instance.get_run_by_id(world.run(job="reconcile_alpha").run_id)
    assert run is not None
    assert run.tags["shop"] == "alpha"
    assert run.tags[PROCESS_TAG] == this_process()
    assert run.tags[LEASE_TAG] == look_lease(run.run_id)


def test_a_run_that_never_began_with_the_shop_is_left_to_dagster(world: World) -> None:
    job = world.definitions.resolve_job_def("sync_alpha")
    queued = world.instance.create_run_for_job(job, tags={"shop": "alpha"}, status=dg.DagsterRunStatus.STARTED)
    with world.looking() as run:
        end_orphans(world.instance, run.state.db, "alpha")
    assert status(world, queued.run_id) == dg.DagsterRunStatus.STARTED


def test_every_run_says_which_process_carries_it_out_and_how_it_ended(world: World) -> None:
    run = world.instance.get_run_by_id(world.run(days=WEEK).run_id)
    assert run is not None
    assert run.tags["shop"] == "alpha"
    assert run.tags[PROCESS_TAG] == this_process()
    assert run.tags["outcome"] == "delivered"
