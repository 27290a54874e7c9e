"""Which closing days of which stores a sync reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from connector.mapping.context import ShopContext

LOOK_BACK = 2  # days before today that are read again, because a sale can still change or be listed late

Days = dict[str, list[int]]  # YYYY-MM-DD -> ids of the stores, both in order


def today(ctx: ShopContext, store_id: int, now: datetime) -> date:
    """The store-local day at `now` (with a time zone)."""
    return now.astimezone(ctx.zone(store_id)).date()


def latest_day(ctx: ShopContext, now: datetime) -> date:
    """The day of the store where it is latest."""
    return max(today(ctx, store.store_id, now) for store in ctx.stores)


def recent_from(ctx: ShopContext, store_id: int, now: datetime) -> date:
    """The first of the store's days that every sync reads: the look-back and today."""
    return today(ctx, store_id, now) - timedelta(days=LOOK_BACK)


def days_due(
    ctx: ShopContext, complete: Mapping[int, set[str]], now: datetime, earlier: Mapping[int, set[str]] | None = None
) -> Days:
    """Every day since the shop's first that is not complete, with the look-back and today.

    `complete` gives the complete days of each store, `earlier` those before the first that are due all the same.
    """
    wanted: dict[str, list[int]] = {}
    for store in ctx.stores:
        last = today(ctx, store.store_id, now)
        done = complete.get(store.store_id, set())
        recent = recent_from(ctx, store.store_id, now)
        for day_before in (earlier or {}).get(store.store_id, ()):
            wanted.setdefault(day_before, []).append(store.store_id)
        for day in _range(ctx.first_day, last):
            if day >= recent or day.isoformat() not in done:
                wanted.setdefault(day.isoformat(), []).append(store.store_id)
    return dict(sorted(wanted.items()))


def days_asked(ctx: ShopContext, days: Iterable[str], now: datetime) -> Days:
    """The given days, of every store where they have begun."""
    return {
        day: stores
        for day in sorted(days)
        if (stores := [s.store_id for s in ctx.stores if date.fromisoformat(day) <= today(ctx, s.store_id, now)])
    }


def day_range(first: date, last: date) -> list[str]:
    """Both inclusive; empty when `last` is before `first`."""
    return [day.isoformat() for day in _range(first, last)]


def over(ctx: ShopContext, store_id: int, days: Sequence[str], now: datetime) -> list[str]:
    """Those of the days that had ended at `now`, so that nothing is missing from what was read of them."""
    last = today(ctx, store_id, now).isoformat()
    return [day for day in days if day < last]


def _range(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
