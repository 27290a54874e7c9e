"""The range of closing days that a run spans, before it knows which of them are due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connector.due_days import latest_day
from connector.mapping.times import zone_of_country
from connector.shop_run import ShopRun
from connector.state.lake import LakeMissing

_EARLIEST_ZONE = timedelta(hours=14)  # where every day begins first


def first_and_last_day(run: ShopRun) -> tuple[date, date]:
    """From the earliest day that is due, to today; from the shop's first day when its stores are not known yet."""
    now = datetime.fromtimestamp(run.clock(), UTC)
    try:
        ctx = run.ctx
    except LakeMissing:
        return run.first_day, max(run.first_day, (now + _EARLIEST_ZONE).date())
    due = run.calendar.due()
    last = max(latest_day(ctx, now), run.first_day)
    return (date.fromisoformat(min(due)) if due else last), last


def asked_window(run: ShopRun, first: date | None, last: date | None) -> tuple[date, date]:
    """The range that `--from` and `--to` mean: what is not given is the first day and today; no day after today."""
    if first is None and last is None:
        return first_and_last_day(run)
    latest = max(first_and_last_day(run)[1], run.first_day)
    end = min(last or latest, latest)
    return min(first or run.first_day, end), end


def country_zone(country: str) -> ZoneInfo:
    """The zone in which a shop's days are cut for Dagster: the first of its country."""
    return ZoneInfo(zone_of_country(country))
