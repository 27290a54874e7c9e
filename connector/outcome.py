"""How a run over a shop ended, in one word, and which exit code that is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from connector.delivery.counts import INACTIVE

if TYPE_CHECKING:
    from connector.shop_run import ShopRun

Status = Literal["delivered", "refused", "failed", "inactive", "quota"]

# The first that applies (contract, section 3); 2, a wrong command or configuration, is never a run's.
EXIT_CODES: dict[Status, int] = {"failed": 1, "inactive": 4, "quota": 4, "refused": 3, "delivered": 0}


def shop_status(run: ShopRun) -> Status:
    """What to call the run: what failed by itself comes before what was stopped on purpose."""
    lines = run.log.entities(run.run_id, run.shop.key)
    failures = [reason for line in lines for reason in line["counts"].get("failures", {})]
    stopped = bool(run.stop_reasons)
    if run.problems or (not stopped and any(line["counts"]["failed"] for line in lines)):
        return "failed"
    if "inactive" in run.stop_reasons or INACTIVE in failures:
        return "inactive"
    if "quota" in run.stop_reasons:
        return "quota"
    return "refused" if any(line["counts"]["refused"] for line in lines) else "delivered"


def exit_code(statuses: Iterable[Status]) -> int:
    """The exit code of a command over several shops."""
    codes = {EXIT_CODES[status] for status in statuses}
    return next((code for code in (1, 4, 3) if code in codes), 0)
