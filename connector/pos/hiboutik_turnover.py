"""The turnover calendar of one account, and what it says of days for which the till answers nothing at all."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date
from typing import Any

from connector.pos import hiboutik_rows as wire
from connector.pos.hiboutik_calls import HiboutikCalls
from connector.pos.hiboutik_lists import listing
from connector.pos.protocol import PosError, QuotaReached
from connector.pos.sale_lines import number


def turnover_rows(calls: HiboutikCalls, store_id: int, year: int, month: int) -> list[dict[str, Any]]:
    """Rows of `TURNOVER` of one store and month, in one call. A row whose day cannot be read has none."""
    path = f"/reports/turnover/{store_id}/{year}/{month:02}"
    found = [row for page in listing(calls, path, wire.turnover_day).pages() for row in page]
    return [wire.turnover(row, store_id) for row in found]


class EmptyDays:
    """Whether a day is one without sales that the till answers with 404, `{}` or null in place of an empty list.

    Alone, such an answer may as well be a fault, and a day that counts as read is not read for ever. So it counts only
    where the turnover of its month says that there were no sales; each month is asked for once, in one call.
    """

    def __init__(self, calls: HiboutikCalls) -> None:
        self._calls = calls
        self._lock = threading.Lock()  # held while the till is asked, so that days read at once ask once
        self._busy: dict[tuple[int, int, int], frozenset[str] | None] = {}

    def confirms(self, store_id: int, day: date) -> bool:
        """Raises `QuotaReached`; a turnover that does not come or cannot be read confirms nothing."""
        place = (store_id, day.year, day.month)
        with self._lock:
            if place not in self._busy:
                self._busy[place] = self._ask(*place)
            busy = self._busy[place]
        return busy is not None and day.isoformat() not in busy

    def _ask(self, store_id: int, year: int, month: int) -> frozenset[str] | None:
        """The days with sales; None when that is not known of each."""
        try:
            rows = turnover_rows(self._calls, store_id, year, month)
        except QuotaReached:
            raise
        except PosError:
            return None
        if not all(_is_told(row, f"{year:04}-{month:02}-") for row in rows):
            return None
        return frozenset(row["day"] for row in rows if row["sales"] or number(row["total"]))


def _is_told(row: Mapping[str, Any], month: str) -> bool:
    return (
        row["problems"] is None
        and (row["day"] or "").startswith(month)
        and row["sales"] is not None
        and number(row["total"] or "") is not None
    )
