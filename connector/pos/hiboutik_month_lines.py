"""The bulk lines of a whole month of a store in one listing, where the account's till gives them.

Whether `/products_sold/{store}/{y}/{m}/` exists is not documented. So an account is asked once, and what it answered is
remembered. Nothing is believed of such an answer but lines that prove a sale (`connector.pos.sale_lines`).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connector.pos import hiboutik_rows as wire
from connector.pos.hiboutik_calls import HiboutikCalls, NotThere, Rejected, RightMissing
from connector.pos.hiboutik_lists import listing
from connector.pos.paging import pages_of
from connector.pos.protocol import AccountMemory, PosAccessDenied, PosError, PosUnavailable, QuotaReached
from connector.pos.sale_lines import SoldLine

MONTH_TRAIT = "products_sold_month"  # in the account's memory
YES, NO = "yes", "no"

_MOST_LINES = 20_000  # of a month that is read at once: some 10 MB

Lines = list[SoldLine | None]  # of one sale; None for a row that cannot be read


def pays(of_days: Collection[int], others: int) -> bool:
    """Whether the lines of a month cost fewer calls at once than day by day, with at most so many a day.

    Fewer lines than that may cost less either way. With none on other days, the month is still never dearer than its
    days: each of them ends with a page that is not full, the month with one. Else it must cost less than a page a day.
    """
    lines = sum(of_days) + others
    by_day = len(of_days) if others else sum(map(pages_of, of_days))
    return lines <= _MOST_LINES and pages_of(lines) < by_day


def lines_of_sales(rows: Iterable[Any]) -> dict[int | None, Lines]:
    """The rows of `products_sold` joined on the sale id, each sale's in the order of its lines."""
    of_sale = defaultdict(list)
    for row in rows:
        of_sale[wire.key_of("sale_id")(row)].append(row)
    return {sale_id: list(map(wire.sold_line, wire.in_line_order(found))) for sale_id, found in of_sale.items()}


@dataclass
class _Month:
    waiting: set[date]  # its days that are still to be read; nothing of it is kept after the last one
    lines: dict[int | None, Lines] | None = None
    asked: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class MonthLines:
    """The months of one account that are being read. Safe to share between threads."""

    def __init__(self, calls: HiboutikCalls, memory: AccountMemory) -> None:
        self._calls, self._memory = calls, memory
        self._months: dict[tuple[int, int, int], _Month] = {}
        self._finding_out = threading.Lock()  # held while nobody knows whether the account answers

    def expect(self, store_id: int, lines: Mapping[date, int], others: int) -> bool:
        """See `PointOfSale.expect_month`."""
        if self._memory.recall(MONTH_TRAIT) == NO or not pays(lines.values(), others):
            return False
        day = min(lines)
        self._months[store_id, day.year, day.month] = _Month(set(lines))
        return True

    def of_sales(self, store_id: int, day: date, sale_ids: Collection[int]) -> dict[int, Lines] | None:
        """The lines of that day's sales, none for those that the month does not have; None where the day is to be asked.

        The first day of a month reads it. Raises `QuotaReached`, and `PosAccessDenied` for refused credentials.
        """
        month = self._months.get((store_id, day.year, day.month))
        if month is None:
            return None
        with month.lock:
            if not month.asked:
                month.asked = True
                with self._finding_out if self._memory.recall(MONTH_TRAIT) is None else nullcontext():
                    month.lines = self._read(store_id, day, sale_ids)
            if month.lines is None or self._memory.recall(MONTH_TRAIT) == NO:
                return None
            return {sale_id: month.lines.pop(sale_id, []) for sale_id in sale_ids}

    def day_is_read(self, store_id: int, day: date) -> None:
        """Nobody asks for the lines of that day any more."""
        place = (store_id, day.year, day.month)
        month = self._months.get(place)
        if month is not None:
            month.waiting.discard(day)
            if not month.waiting:
                self._months.pop(place, None)

    def misled(self) -> None:
        """A day's own listing had lines that the month's did not: the account is not asked for months any more."""
        self._memory.learn(MONTH_TRAIT, NO)

    def _read(self, store_id: int, day: date, sale_ids: Collection[int]) -> dict[int | None, Lines] | None:
        known = self._memory.recall(MONTH_TRAIT)
        if known == NO:
            return None
        path = f"/products_sold/{store_id}/{day:%Y/%m}/"
        # a 403 is one of this address: the days' own may be allowed
        pass_over = listing(self._calls, path, wire.key_of(*wire.LINE_ID), numbered=True, stop_without_right=False)
        try:
            lines = lines_of_sales(row for page in pass_over.pages() for row in page)
        except (NotThere, Rejected, RightMissing):
            self._memory.learn(MONTH_TRAIT, NO)
            return None
        except (QuotaReached, PosAccessDenied):
            raise
        except PosUnavailable:
            return None
        except PosError:
            if known is None:
                self._memory.learn(MONTH_TRAIT, NO)
            return None
        if known is None:
            self._memory.learn(MONTH_TRAIT, YES if any(sale_id in lines for sale_id in sale_ids) else NO)
        return lines
