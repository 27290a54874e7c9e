"""Where an account's month of calls will end, and what of it is kept: for `status`, `plan` and the summary of a run."""

from __future__ import annotations

import math
from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Any

from connector.due_days import recent_from
from connector.shop_run import ShopRun
from connector.state.calls import MonthlyCalls, Quota
from connector.state.lake import LakeMissing

_DAY = timedelta(days=1)
_SETTLED = 7.0  # days after which a month speaks for itself; until then the last one helps
_PER_DAY_AND_STORE = 2  # calls that one day of one store costs, as a rule (docs/operations.md)


def quota_outlook(run: ShopRun) -> dict[str, Any] | None:
    """`connector.shop_run.ShopRun.quota`, with the month's `forecast` and what is kept from history. No call is made.

    `stopped_until` is the moment (ISO 8601) up to which the till's own 429 stops the account, or None. The whole is None
    for a till that costs no calls.
    """
    quota = run.quota()
    if quota is None:
        return None
    usage, kept = run.calls.usage(), run.calls.kept()
    return {
        **quota,
        "forecast": _forecast(run, usage),
        "kept_for_syncs": kept.for_syncs,
        "kept_for_others": kept.for_others,
        "stopped_until": None if usage.stopped_at is None else run.calls.next_month().isoformat(),
    }


def in_words(outlook: dict[str, Any]) -> str:
    """The outlook as a sentence."""
    told = (
        f"{outlook['used']} of {outlook['limit']} calls used in {outlook['month']}; at this pace "
        f"{outlook['forecast']} by its end; kept from history: {outlook['kept_for_syncs']} for the syncs of the days to "
        f"come, {outlook['kept_for_others']} for other applications"
    )
    until = outlook["stopped_until"]
    if until is None:
        return told
    return (
        f"{told}. The till said that its quota is reached: stopped until {until}; the next run finds out with one call"
    )


def _forecast(run: ShopRun, usage: Quota) -> int:
    """The calls of the whole month: those used, the daily ones to come, and what history may still take of the rest.

    Daily calls come at the pace of this month so far; in its first seven days the last month's stands in for the days
    that are missing. A day that has begun counts as a whole one while it is the only one.
    """
    now = run.calls.now()
    begun = _month_of(now)
    days = monthrange(now.year, now.month)[1]
    since = _since(usage, begun)
    counted = max(1.0, (now - since) / _DAY)
    pace = (usage.used - usage.history) / counted
    if counted < _SETTLED and (before := _pace_of_last_month(run.calls, begun)) is not None:
        pace = (pace * counted + before * (_SETTLED - counted)) / _SETTLED
    left = max(0.0, days - (since - begun) / _DAY - counted)
    daily = math.ceil(usage.used + pace * left)
    return daily + max(0, min(_history_to_come(run), usage.limit - run.calls.kept().for_others - daily))


def _pace_of_last_month(calls: MonthlyCalls, begun: datetime) -> float | None:
    """Its daily calls per day; None when there were none."""
    start = _month_of(begun - _DAY)
    usage = calls.usage_in(f"{start:%Y-%m}")
    if not usage.used:
        return None
    return (usage.used - usage.history) / max(1.0, (begun - _since(usage, start)) / _DAY)


def _since(usage: Quota, begun: datetime) -> datetime:
    """When counting began in that month."""
    return begun if usage.since is None else max(begun, datetime.fromtimestamp(usage.since, begun.tzinfo))


def _month_of(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _history_to_come(run: ShopRun) -> int:
    """The calls of the days before the look-back that still wait to be read; none while the stores are not known."""
    try:
        due = run.calendar.due()
    except LakeMissing:
        return 0
    recent = {store.store_id: recent_from(run.ctx, store.store_id, run.started) for store in run.ctx.stores}
    waiting = sum(date.fromisoformat(day) < recent[store_id] for day, stores in due.items() for store_id in stores)
    return waiting * _PER_DAY_AND_STORE
