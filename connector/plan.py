"""`connector plan`: what a sync would do to each shop, and the calls that it would cost. Nothing is written to ShopiMind."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from upath import UPath

from connector.config import Shop
from connector.delivery import entities
from connector.due_days import day_range
from connector.outcome import exit_code
from connector.plan_shop import ShopPlan
from connector.pos.protocol import QuotaReached
from connector.quota import quota_outlook
from connector.shop_run import SYNC_LEASE, ShopRun, State
from connector.shopimind.envelope import InstallationInactive
from connector.state.database import open_database
from connector.state.lake import Lake
from connector.state.leases import Lease, LeaseHeld
from connector.window import asked_window


def plan_shops(
    shops: Sequence[Shop], first: date | None, last: date | None, only: Sequence[str], full: bool
) -> dict[str, Any]:
    """The document that `connector plan --json` prints; shops side by side, each as a sync would read it."""
    state = State.open()
    try:
        with ThreadPoolExecutor(max_workers=max(1, min(len(shops), 16)), thread_name_prefix="plan") as pool:
            found = list(pool.map(lambda shop: _planned(shop, state, first, last, only, full), shops))
    finally:
        state.close()
    code = exit_code(["delivered" if each["status"] == "planned" else each["status"] for each in found])
    return {"ok": code == 0, "exit_code": code, "shops": found}


def _planned(
    shop: Shop, state: State, first: date | None, last: date | None, only: Sequence[str], full: bool
) -> dict[str, Any]:
    run = ShopRun(shop, state, run_id="plan", full=full, only=only, only_due=first is None and last is None, dry=True)
    try:
        with Lease.acquire(state.db, shop.key, SYNC_LEASE):
            return plan_shop(run, day_range(*asked_window(run, first, last)), only)
    except LeaseHeld as held:
        return {
            "shop": shop.key,
            "status": "failed",
            "message": str(held),
            "entities": [],
            "calls": run.calls_made(),
            "quota": quota_outlook(run),
        }
    finally:
        run.close()


def plan_shop(run: ShopRun, days: Sequence[str], only: Sequence[str]) -> dict[str, Any]:
    """One shop's part of the document. `run` is `dry`; `days` are those asked, `only` the entities (none: all).

    Never raises for what the till or ShopiMind answers: the part then says `failed`, `inactive` or `quota`, and why.
    """
    delivered = entities.names_of(run.shop)
    plan = ShopPlan(run, list(days), set(delivered).intersection(only or delivered))
    status = "planned"
    try:
        with run.told("plan"), tempfile.TemporaryDirectory(prefix="connector-plan-") as folder:
            _plan_in(Path(folder), run, plan)
    except QuotaReached:
        status = "quota"
    except InstallationInactive:
        run.stop_inactive()
        run.problems.clear()
        status = "inactive"
    except Exception:
        status = "failed"
    if status == "planned" and run.problems:
        status = "failed"
    elif status == "planned" and "quota" in run.stop_reasons:
        status = "quota"
    return {
        "shop": run.shop.key,
        "status": status,
        "message": " ".join([*run.stop_reasons.values(), *run.problems]) or None,
        "entities": plan.rows,
        "calls": run.calls_made(plan.calls),
        "quota": quota_outlook(run),
    }


def _plan_in(folder: Path, run: ShopRun, plan: ShopPlan) -> None:
    with closing(open_database(folder, f"sqlite:///{folder}/plan.sqlite")) as scratch:
        # what a plan reads must not decide what a later sync delivers
        run.sales_read = run.sales_read.copy_to(scratch)
        plan.make(Lake(UPath(folder)))
