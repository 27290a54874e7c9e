"""The check `reconciled` in Dagster: in a job of its own, told as an error with the ids, and never part of a sync."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from connector import reconciliation
from connector.sandbox.serve import crm_token
from connector.shopimind.client import ShopiMind
from tests.assets.conftest import WEEK, World, failure, making_world
from tests.conftest import NewState

STEP = "alpha__reconciliation"


@pytest.fixture(scope="module")
def synced(new_state: NewState) -> Iterator[tuple[World, dg.ExecuteInProcessResult]]:
    """A world after one run of everything, of which nothing is waited for any more."""
    with making_world(new_state) as world, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconciliation, "VISIBLE_WITHIN", 0.0)
        world.sandbox.crm.switch(visibility_delay=0.0)
        yield world, world.run(days=WEEK)


def reconciled(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    return [each for each in result.get_asset_check_evaluations() if each.check_name == "reconciled"]


def test_it_passes_after_a_sync_and_leaves_no_trace_of_a_sync(
    synced: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    world, _ = synced
    with world.looking() as run:
        before = run.log.last_run("alpha")
    journal = world.sandbox.crm_server.journal
    journal.on = True

    result = world.run(job="reconcile_alpha")

    (check,) = reconciled(result)
    assert result.success
    assert check.passed
    assert check.asset_key == dg.AssetKey(["alpha", "reconciliation"])
    assert check.metadata["missing"].value == 0
    assert check.metadata["calls to the till"].value == 2 + 3 * len({f"{day:%Y-%m}" for day in WEEK[:-1]})
    assert {entry["method"] for entry in journal.entries} == {"GET"}
    with world.looking() as run:
        assert run.log.last_run("alpha") == before


def test_a_sync_does_not_run_it(synced: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, result = synced
    assert result.success
    assert reconciled(result) == []
    jobs = {name: world.definitions.resolve_job_def(name) for name in ("sync_alpha", "today_alpha", "reconcile_alpha")}
    assert [name for name, job in jobs.items() if STEP in {node.name for node in job.nodes}] == ["reconcile_alpha"]


def test_drift_fails_the_check_as_an_error_that_names_the_records(
    synced: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    world, _ = synced
    with ShopiMind(crm_token("alpha"), world.sandbox.crm_url) as crm:
        assert crm.orders.delete("a_501").ok
    result = world.run(job="reconcile_alpha")
    (check,) = reconciled(result)
    assert result.success  # the check is no part of anybody's way
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert "1 missing: orders a_501" in (check.description or "")
    assert check.metadata["missing"].value == 1


def test_a_server_that_cannot_be_read_fails_the_step(synced: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, _ = synced
    world.sandbox.till.switches.forbidden = ["reports"]
    result = world.run(job="reconcile_alpha")
    world.sandbox.till.switches.forbidden = []
    assert not result.success
    assert "read_reports" in failure(result, "reconciliation")


def test_a_stop_on_purpose_is_only_a_warning(synced: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, _ = synced
    world.sandbox.crm.set_status("alpha", "revoked")
    (check,) = reconciled(world.run(job="reconcile_alpha"))
    world.sandbox.crm.set_status("alpha", "active")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "not active" in (check.description or "")


def test_the_schedule_is_weekly_in_the_shops_country_and_off(
    synced: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    schedule = synced[0].definitions.resolve_schedule_def("weekly_alpha")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("45 4 * * 0", "Europe/Paris")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "reconcile_alpha"
