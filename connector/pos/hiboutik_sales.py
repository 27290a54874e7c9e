"""The sales of one store and day in bulk: headers, then the lines of the whole day, then the pages of unproven sales.

Two kinds of calls serve any number of sales. `connector.pos.sale_lines` says which of them are proven by their totals.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from connector.pos import hiboutik_rows as wire
from connector.pos.hiboutik_calls import HiboutikCalls, NothingSaid, NotThere, Rejected
from connector.pos.hiboutik_lists import listing, one
from connector.pos.hiboutik_month_lines import Lines, MonthLines, lines_of_sales
from connector.pos.hiboutik_turnover import EmptyDays
from connector.pos.protocol import AccountMemory, PosAccessDenied, PosError, PosUnavailable, QuotaReached, SaleNeeds
from connector.pos.row_reader import Row, whole_number
from connector.pos.sale_lines import (
    Fits,
    Reading,
    SoldLine,
    confirmed,
    decided,
    fitting,
    narrowed,
    number,
    readings_from_text,
    readings_to_text,
    shown_by,
)

MEMORY_TRAIT = "products_sold_reading"
PAGES_IN_VAIN = 3  # sales' own pages that did not come, one after another, before no more of a day are asked for
_WORTH_A_DAY = 2  # sales of a day whose lines the month does not prove, before the day's own listing is asked

_sale_id = wire.key_of("sale_id")
_line_id = wire.key_of(*wire.LINE_ID)


@dataclass(frozen=True)
class _Bulk:
    """One sale's bulk lines and the readings of them that add up; both empty when a line cannot be read."""

    lines: list[SoldLine]
    fits: Fits


class SalesReader:
    """Reads days of sales of one account; several days may be read at the same time."""

    def __init__(self, calls: HiboutikCalls, memory: AccountMemory, warn: Callable[[str], None]) -> None:
        self._calls, self._memory, self._warn = calls, memory, warn
        self._known = readings_from_text(memory.recall(MEMORY_TRAIT))
        self._months = MonthLines(calls, memory)
        self._empty_days = EmptyDays(calls)
        self._lock = threading.Lock()

    def expect_month(self, store_id: int, lines: Mapping[date, int], others: int) -> bool:
        """See `PointOfSale.expect_month`."""
        return self._months.expect(store_id, lines, others)

    def read(self, store_id: int, day: date, needs: SaleNeeds, references: Mapping[int, str]) -> list[dict[str, Any]]:
        """Rows of `SALES`, by sale id. Raises `PosError` when the till's list of the day cannot be read whole."""
        try:
            return self._read(store_id, day, needs, references)
        finally:
            self._months.day_is_read(store_id, day)

    def _read(self, store_id: int, day: date, needs: SaleNeeds, references: Mapping[int, str]) -> list[dict[str, Any]]:
        headers = [row for row in self._headers(store_id, day) if wire.is_closed_sale(row)]
        rows = [wire.sale(header, store_id, day.isoformat()) for header in headers]
        rows.sort(key=lambda row: row["sale_id"] or 0)
        for row in rows:
            if row["external_reference"] is None:
                row["external_reference"] = references.get(row["sale_id"])
        wanted = [row for row in rows if _needs_lines(row, needs)]
        in_bulk = [row for row in wanted if not needs.external_reference or row["external_reference"] is not None]
        try:
            bulk = self._bulk(store_id, day, in_bulk) if in_bulk else {}
        except PosUnavailable as error:  # the headers are read: each of these sales is known, and waits for its lines
            for row in wanted:
                _leave_unread(row, f"sale {row['sale_id']}: the lines of its day did not come: {error}")
            return rows
        self._learn(lambda known: narrowed(known, shown_by(one_sale.fits for one_sale in bulk.values())))

        duty_free = {_sale_id(header) for header in headers if _is_duty_free(header)}
        not_sales = self._give_lines(wanted, bulk, duty_free)
        return [row for row in rows if row["sale_id"] not in not_sales]

    def has_none(self, store_id: int, day: date) -> bool:
        """Whether the turnover says so of a day that the till answers nothing for. Raises `QuotaReached`."""
        return self._empty_days.confirms(store_id, day)

    def _headers(self, store_id: int, day: date) -> list[Any]:
        path = f"/closed_sales/{store_id}/{day:%Y/%m/%d}"
        pass_over = listing(self._calls, path, _sale_id)
        try:
            headers = [row for page in pass_over.pages() for row in page]
        except (NotThere, NothingSaid):
            if pass_over.unique or not self.has_none(store_id, day):
                raise
            return []
        if not pass_over.complete:
            what = f"Hiboutik account {self._calls.account}: {path}: the till gave {pass_over.unique} sales"
            if pass_over.repeats and pass_over.total is not None:
                raise PosError(
                    f"{what} of {pass_over.total} and repeats them for every page. The others cannot be read, so "
                    "nothing of this day was used."
                )
            self._warn(f"{what} where it has, or may have, more. Those that it gave are used.")
        return headers

    def _bulk(self, store_id: int, day: date, sales: list[dict[str, Any]]) -> dict[int, _Bulk]:
        """The lines of these sales: from their month, where it is read at once, else from their day.

        Where the month proves two sales or more not, the day's own listing costs less than their pages, and decides.
        """
        of_month = self._months.of_sales(store_id, day, [sale["sale_id"] for sale in sales])
        if of_month is None:
            return self._bulk_of_day(store_id, day, sales)
        bulk = {}
        for sale in sales:  # one without any line may have been left out, even if nothing was paid for it
            lines = of_month[sale["sale_id"]]
            bulk[sale["sale_id"]] = _bulk_of(sale, lines) if lines else _Bulk([], {})
        unproven = [sale_id for sale_id, each in bulk.items() if not each.fits]
        if len(unproven) < _WORTH_A_DAY:
            return bulk
        of_day = self._bulk_of_day(store_id, day, sales)
        if any(of_day[sale_id].fits for sale_id in unproven if sale_id in of_day):
            self._months.misled()
        return of_day or bulk

    def _bulk_of_day(self, store_id: int, day: date, sales: list[dict[str, Any]]) -> dict[int, _Bulk]:
        """The day's lines of these sales, joined on the sale id; nothing when the till will not give them in bulk."""
        path = f"/products_sold/{store_id}/{day:%Y/%m/%d}/"
        # rows that a page leaves out need no care here: their sales do not add up
        try:
            pages = listing(self._calls, path, _line_id, numbered=True).pages()
            lines = lines_of_sales(row for page in pages for row in page)
        except (NotThere, NothingSaid, Rejected) as error:
            self._warn(f"{error} The own page of every sale of that day is read instead, one call each.")
            return {}
        return {sale["sale_id"]: _bulk_of(sale, lines.get(sale["sale_id"], [])) for sale in sales}

    def _give_lines(
        self, wanted: list[dict[str, Any]], bulk: Mapping[int, _Bulk], duty_free: set[int | None]
    ) -> set[int]:
        """Gives each row its bulk lines or those of its own page. Returns the ids of those that are no closed sales."""
        not_sales = set()
        in_vain = 0  # how many pages in a row the till did not answer for
        for row in wanted:
            sale_id = row["sale_id"]
            sale = bulk.get(sale_id)
            if sale is not None and self._prove(row, sale, duty_free):
                continue
            if in_vain >= PAGES_IN_VAIN:
                _leave_unread(row, f"sale {sale_id}: its own page was not asked for, after {in_vain} that did not come")
                continue
            try:
                if not self._read_page(row, sale):
                    not_sales.add(sale_id)
                in_vain = 0
            except (QuotaReached, PosAccessDenied):
                raise
            except PosError as error:
                in_vain = in_vain + 1 if isinstance(error, PosUnavailable) else 0
                _leave_unread(row, f"sale {sale_id}: its own page cannot be read: {error}")
        return not_sales

    def _prove(self, row: dict[str, Any], sale: _Bulk, duty_free: set[int | None]) -> bool:
        """Gives the row its bulk lines, if the sale's total decides what they are."""
        totals = decided(sale.fits, self._known)
        if totals is None:
            return False
        row["lines"] = [
            {
                "product_id": line.product_id,
                "quantity": line.quantity_text,
                "total": format(total, "f"),
                "tax_rate": "0" if row["sale_id"] in duty_free else line.tax_rate,
                "size_id": line.size_id,
            }
            for line, total in zip(sale.lines, totals, strict=True)
        ]
        row["lines_from"] = "bulk"
        return True

    def _read_page(self, row: dict[str, Any], sale: _Bulk | None) -> bool:
        """Gives the row the lines of the sale's own page, and what the list left out. False: it is no closed sale.

        Raises `PosError` when the page cannot be read.
        """
        sale_id = row["sale_id"]
        page = one(self._calls, f"/sales/{sale_id}", ("sale_id",), sale_id)
        if page is None:
            _leave_unread(row, f"sale {sale_id}: listed by the till, but its own page does not exist (any more)")
            return True
        if not wire.is_closed_sale(page):
            return False
        row["lines"], problems = wire.detail_lines(page)
        row["lines_from"] = "detail"
        for problem in problems:
            _add_problem(row, problem)
        _fill_gaps(row, page)
        self._learn_from_page(row, sale)
        return True

    def _learn_from_page(self, row: Mapping[str, Any], sale: _Bulk | None) -> None:
        totals = [number(line["total"]) for line in row["lines"]]
        if sale is not None and None not in totals:
            exact = [total for total in totals if total is not None]
            self._learn(lambda known: confirmed(known, sale.lines, sale.fits, exact))

    def _learn(self, change: Callable[[frozenset[Reading]], frozenset[Reading]]) -> None:
        with self._lock:
            known = change(self._known)
            if known != self._known:
                self._known = known
                self._memory.learn(MEMORY_TRAIT, readings_to_text(known))


def _needs_lines(row: Mapping[str, Any], needs: SaleNeeds) -> bool:
    """Whether anybody will look at the sale's lines: a rule skips neither it, nor is it refused already."""
    if row["problems"] is not None:
        return False
    if needs.external_reference and row["external_reference"]:
        return False
    return bool(row["customer_id"]) or needs.anonymous_lines


def _bulk_of(sale: Mapping[str, Any], found: Lines) -> _Bulk:
    lines = [line for line in found if line is not None]
    total = number(sale["total"])
    if total is None or len(lines) < len(found):
        return _Bulk([], {})
    return _Bulk(lines, fitting(lines, total))


def _is_duty_free(header: object) -> bool:
    return isinstance(header, Mapping) and whole_number(header.get("without_taxes")) == 1


def _fill_gaps(row: dict[str, Any], page: Row) -> None:
    """What the list did not say, or not readably, as the sale's own page says it."""
    told = wire.sale(page, row["store_id"], row["day"])
    if number(row["total"]) is None and number(told["total"]) is not None:
        row["total"] = told["total"]
    for name in ("closed_at", "reference", "currency"):
        row[name] = row[name] or told[name]
    if row["external_reference"] is None:
        row["external_reference"] = told["external_reference"] or ""


def _leave_unread(row: dict[str, Any], problem: str) -> None:
    row["lines_from"] = "unread"
    _add_problem(row, problem)


def _add_problem(row: dict[str, Any], problem: str) -> None:
    row["problems"] = problem if row["problems"] is None else f"{row['problems']}; {problem}"
