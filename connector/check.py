"""`connector check`: can this shop be synced? Asks the till and ShopiMind, and writes nothing to either."""

from __future__ import annotations

from typing import Any

from connector.mapping import times
from connector.mapping.text import clean
from connector.pos.protocol import PosError, QuotaReached
from connector.shop_run import ShopRun
from connector.shopimind.envelope import InstallationInactive, ShopiMindError
from connector.shopimind.provisioning import read_sources


def check_shop(run: ShopRun) -> dict[str, Any]:
    """One shop's part of the document. `inactive` and `quota` say that a problem is a stop on purpose."""
    if (deferred := run.deferred) is not None:
        return {"shop": run.shop.key, "ok": False, "status": "inactive", "problems": [deferred], "stores": []}
    problems: list[str] = []
    stores: list[dict[str, Any]] = []
    stopped = None
    try:
        problems += run.till.check_rights()
        stores = [_store(row, problems) for row in run.till.stores().to_pylist()]
        if not stores:
            problems.append("the till lists no store: check that the user's rights include the points of sale")
    except QuotaReached as stop:
        stopped = "quota"
        problems.append(str(stop))
    except PosError as error:
        if str(error) not in " ".join(problems):  # the check of the rights may have met it already
            problems.append(str(error))
    try:
        read_sources(run.crm)
    except InstallationInactive as error:
        stopped = stopped or "inactive"
        problems.append(f"{error}. The installation is not active: activate the integration, or put its new token in.")
    except ShopiMindError as error:
        problems.append(str(error))
    failed = len(problems) > (1 if stopped else 0)
    return {
        "shop": run.shop.key,
        "ok": not problems,
        "status": "failed" if failed else stopped or "delivered",
        "problems": problems,
        "stores": stores,
    }


def _store(row: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    zone = clean(row["time_zone"])
    if not times.zone(zone):
        problems.append(
            f"store {row['store_id']}: {zone!r} is not a time zone; the first known one of the account is used"
        )
    if row["problems"]:
        problems.append(f"store {row['store_id']}: {row['problems']}")
    return {
        "store_id": row["store_id"],
        "name": clean(row["name"]),
        "currency": clean(row["currency"]),
        "time_zone": zone,
    }
