"""When a long list of the till is read whole, and how many of its rows may be read one by one in between.

A pass over 50,000 customers costs 200 calls. So lists take turns: a list's daily passes may take a tenth of the account's
month; where they would take more, it is read at intervals that keep within that, at least once a week.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any

import pyarrow as pa

from connector.shop_run import ShopRun
from connector.state.lake import LakeMissing

SHARE = 10  # a list's passes take at most a tenth of the month's calls, and single customers another tenth
EVERY_TIME = 4  # pages: a list as short as this is always read
LONGEST = 7  # days between two passes

_MONTH = 31  # days
LISTS = {"customers": {"customers", "pos_profiles"}, "products": {"products"}}  # and the entities that each is read for


@dataclass(frozen=True)
class ListPass:
    """The last time that a list was read whole."""

    at: int  # epoch seconds
    pages: int


def days_between_passes(pages: int, monthly_limit: int) -> int:
    """1: the list is read by every sync."""
    if pages <= EVERY_TIME:
        return 1
    return min(LONGEST, max(1, math.ceil(pages * _MONTH * SHARE / monthly_limit)))


def is_due(run: ShopRun, name: str) -> bool:
    """Whether this run reads the whole list: it is its turn, or the run ignores the ledger or was asked for it."""
    if run.full or not LISTS[name].isdisjoint(run.only):
        return True
    last = last_pass(run, name)
    return last is None or _interval(run, last) == 1 or run.calls.now().date() >= _next(run, last)


def last_pass(run: ShopRun, name: str) -> ListPass | None:
    """None when there was none, when it did not see every row, or when it was not written down to its end."""
    at, _, pages = (run.memory.recall(_trait(run, name)) or "").partition(" ")
    return ListPass(int(at), int(pages)) if pages else None


def carried_over(run: ShopRun, name: str, schema: pa.Schema) -> Iterator[pa.Table] | None:
    """The list as the last pass left it in the lake, where this run need not read it; None where it must."""
    if is_due(run, name):
        return None
    try:
        tables = run.state.lake.read(run.shop.key, f"pos_{name}")
        first = next(tables)
    except LakeMissing:
        return None
    return chain([first], tables) if first.schema.equals(schema) else None


def begin(run: ShopRun, name: str) -> None:
    """From here to `written` no pass counts: if the run dies in between, the next one reads the list again."""
    forget(run, name)


def ended(run: ShopRun, name: str, pages: int) -> None:
    """This run has read the list to its end, whole or not."""
    run.passes[name] = pages


def written(run: ShopRun, name: str) -> dict[str, Any]:
    """What this run read of the list is in the lake: from now on a whole pass counts. Gives what people should see of it."""
    if name in run.passes:
        if name not in run.till.incomplete_lists:
            run.memory.learn(_trait(run, name), f"{int(run.clock())} {run.passes[name]}")
        return {"read": f"whole, {run.passes[name]} pages"}
    last = last_pass(run, name)
    if last is None:
        return {}
    return {"read": f"as of {_day(run, last)}; the next whole pass is on {_next(run, last)}"}


def forget(run: ShopRun, name: str) -> None:
    """The next run reads the list."""
    if not run.dry:
        run.memory.learn(_trait(run, name), "")


def waits_for_its_turn(run: ShopRun, name: str) -> bool:
    """Whether the list is as some earlier day left it, so that it may differ from the till's without a fault."""
    last = last_pass(run, name)
    return last is not None and _interval(run, last) > 1 and _day(run, last) < run.calls.now().date()


def singles_left(run: ShopRun) -> int:
    """How many known customers may still be asked for one by one today."""
    day, _, asked = (run.memory.recall(_singles(run)) or "").partition(" ")
    allowed = run.calls.usage().limit // (SHARE * _MONTH)
    return max(0, allowed - (int(asked) if day == str(run.calls.now().date()) else 0))


def singles_asked(run: ShopRun, number: int) -> None:
    """So many were asked for."""
    if number and not run.dry:
        day, _, asked = (run.memory.recall(_singles(run)) or "").partition(" ")
        today = str(run.calls.now().date())
        run.memory.learn(_singles(run), f"{today} {number + (int(asked) if day == today else 0)}")


def _next(run: ShopRun, last: ListPass) -> date:
    return _day(run, last) + timedelta(days=_interval(run, last))


def _interval(run: ShopRun, last: ListPass) -> int:
    return days_between_passes(last.pages, run.calls.usage().limit)


def _day(run: ShopRun, last: ListPass) -> date:
    return datetime.fromtimestamp(last.at, run.calls.zone).date()


def _trait(run: ShopRun, name: str) -> str:
    return f"pass/{name}/{run.shop.key}"


def _singles(run: ShopRun) -> str:
    return f"single_customers/{run.shop.key}"
