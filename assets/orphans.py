"""Runs whose process was killed: Dagster would show them as going on for ever, and hold other runs of the shop back."""

from contextlib import suppress

import dagster as dg

from connector.shop_run import SYNC_LEASE
from connector.state.database import Database
from connector.state.leases import Lease, LeaseHeld, is_dead, is_of_this_machine, this_process

PROCESS_TAG = "connector/process"  # which process carries a run out
LEASE_TAG = "connector/lease"  # which lease of the shop it holds meanwhile

_GOING_ON = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def run_tags(shop: str, lease: str = SYNC_LEASE) -> dict[str, str]:
    """What every run over a shop is tagged with once it has begun."""
    return {"shop": shop, PROCESS_TAG: this_process(), LEASE_TAG: lease}


def look_lease(run_id: str) -> str:
    """What a run holds that only looks: a lease of its own, by which others see that it lives, and wait for nothing."""
    return f"look {run_id}"


def end_orphans(instance: dg.DagsterInstance, db: Database, shop: str) -> None:
    """Marks the shop's runs failed whose process is gone, and gives back what they held.

    Runs that deliver are left as they are while another one delivers. A process of another machine (or of this one before
    it was started anew) is gone when it has not got its lease.
    """
    going_on = instance.get_runs(dg.RunsFilter(tags={"shop": shop}, statuses=_GOING_ON))
    for run in going_on:
        if PROCESS_TAG not in run.tags or not _may_be_gone(run.tags[PROCESS_TAG]):
            continue
        with suppress(LeaseHeld), Lease.acquire(db, shop, run.tags.get(LEASE_TAG, SYNC_LEASE)):
            instance.report_run_failed(
                run,
                f"The process of this run over shop {shop} was killed, or its machine went down. What was delivered is in the "
                "ledger; the next run goes on from there.",
            )
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _may_be_gone(process: str) -> bool:
    return is_dead(process) or not is_of_this_machine(process)
