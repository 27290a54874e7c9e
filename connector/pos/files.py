"""An export folder behind the `PointOfSale` protocol: CSV or Parquet files that a till writes (`pos.system: files`)."""

from __future__ import annotations

import logging
import threading
from calendar import monthrange
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType, TracebackType
from typing import Any, Self

import pyarrow as pa

from connector.config_files import FilesAccount
from connector.pos import files_rows as written
from connector.pos import rows
from connector.pos.files_index import Index
from connector.pos.files_tables import State, Table
from connector.pos.protocol import PointOfSale, PosError, PosUnavailable, SaleNeeds
from connector.pos.sale_lines import number

log = logging.getLogger(__name__)

_LISTS = ("stores", "categories", "brands", "products", "stock", "customers")
_KINDS = (*_LISTS, "sales", "lines")


class ExportFolder(PointOfSale):
    """One export folder, read as `PointOfSale`. Safe to share between threads; a context manager.

    Each kind of file is read once, when it is first needed, and is what it was then until the object is closed. Of ids
    that come several times, the newest file (the last name) counts. Nothing here is a call: no quota is spent.
    """

    def __init__(self, account: FilesAccount) -> None:
        self.account = account.account
        self.warnings: list[str] = []
        self.incomplete_lists: set[str] = set()
        self._percent = account.tax_rates == "percent"
        given = {kind: getattr(account, kind) for kind in _KINDS}
        self._tables = {kind: Table(account, kind, about) for kind, about in given.items() if about is not None}
        self._index = Index()
        self._lock = threading.Lock()
        self._read: dict[str, PosError | None] = {}  # what was read, and the error when it could not be

    def __repr__(self) -> str:
        return f"ExportFolder({self.account!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forgets what was read."""
        self._index.close()

    def check_rights(self) -> list[str]:
        """What keeps the files from being read as `shops.yaml` says: those that are missing, columns that they lack."""
        return [fault for table in self._tables.values() for fault in table.faults()]

    def stores(self) -> pa.Table:
        """`STORES`, ordered by `store_id`. Raises `PosError` with all that `check_rights` finds, before any row is read."""
        faults = self.check_rights()
        if faults:
            raise PosError(" ".join(faults))
        found = [row for page in self._pages("stores") for row in page]
        if not any(row["store_id"] is not None for row in found):
            raise PosError(
                f"files account {self.account}: stores: {self._tables['stores'].pattern} lists no store, so no sale can "
                "be attributed. Nothing was delivered. Give it one row per store."
            )
        found.sort(key=lambda row: (row["store_id"] is None, row["store_id"]))
        return rows.to_table(found, rows.STORES)

    def categories(self) -> pa.Table:
        """`CATEGORIES`; none when the account has no such file."""
        return self._whole("categories", rows.CATEGORIES)

    def brands(self) -> pa.Table:
        """`BRANDS`; none when the account has no such file."""
        return self._whole("brands", rows.BRANDS)

    def customer_groups(self) -> pa.Table:
        """None: an export has no such file, and the configuration takes no rule that asks for it."""
        return rows.CUSTOMER_GROUPS.empty_table()

    def addresses(self, customer_id: int) -> pa.Table:
        """None: an export has no such file, and the configuration takes no rule that asks for it."""
        return rows.to_table([{"customer_id": customer_id, "addresses": []}], rows.ADDRESSES)

    def images(self, product_id: int) -> pa.Table:
        """None, as of addresses."""
        return rows.to_table([{"product_id": product_id, "images": []}], rows.IMAGES)

    def stock(self) -> pa.Table:
        """`STOCK`; none when the account has no such file."""
        return self._whole("stock", rows.STOCK)

    def products(self) -> Iterator[pa.Table]:
        """`PRODUCTS`, page by page, all `listed`."""
        for page in self._pages("products"):
            yield rows.to_table(page, rows.PRODUCTS)

    def customers(self) -> Iterator[pa.Table]:
        """`CUSTOMERS`, page by page."""
        for page in self._pages("customers"):
            yield rows.to_table(page, rows.CUSTOMERS)

    def customers_by_id(self, customer_ids: Collection[int]) -> pa.Table:
        """`CUSTOMERS` of these ids, in their order; one that is not in the files gives no row."""
        self._need("customers")
        found = [self._index.row("customers", str(customer_id)) for customer_id in sorted(set(customer_ids))]
        return rows.to_table([row for row in found if row is not None], rows.CUSTOMERS)

    def sales(
        self, store_id: int, day: date, needs: SaleNeeds, references: Mapping[int, str] = MappingProxyType({})
    ) -> pa.Table:
        """`SALES` of one store and closing day, ordered by sale id. Those without closing time (open tickets) are not in it.

        A sale whose lines do not add up to its total has `problems`. The files cost nothing to read, so `needs` and
        `references` change nothing.
        """
        self._need_sales()
        found = self._index.sales(store_id, day.isoformat(), day.isoformat())
        for row in found:
            if row["sale_id"] is not None:
                written.give_lines(row, self._index.lines(row["sale_id"]))
        return rows.to_table(found, rows.SALES)

    def turnover(self, store_id: int, year: int, month: int) -> pa.Table:
        """`TURNOVER` of one store and month, counted from the sales; totals that are no numbers are left out."""
        self._need_sales()
        last = monthrange(year, month)[1]
        days: dict[str, list[Decimal]] = {}
        for row in self._index.sales(store_id, f"{year}-{month:02}-01", f"{year}-{month:02}-{last:02}"):
            days.setdefault(row["day"], []).append(number(row["total"]) or Decimal(0))
        found = [
            {"store_id": store_id, "day": day, "sales": len(totals), "total": format(sum(totals, Decimal(0)), "f")}
            for day, totals in days.items()
        ]
        return rows.to_table(found, rows.TURNOVER)

    def customers_total(self) -> int | None:
        """How many customers the files have."""
        self._need("customers")
        return self._index.count("customers")

    def products_total(self) -> int | None:
        """How many products the files have."""
        self._need("products")
        return self._index.count("products")

    # --- reading, once

    def _whole(self, kind: str, schema: pa.Schema) -> pa.Table:
        found = [row for page in self._pages(kind) for row in page] if kind in self._tables else []
        return rows.to_table(found, schema)

    def _pages(self, kind: str) -> Iterator[list[dict[str, Any]]]:
        self._need(kind)
        yield from self._index.pages(kind)

    def _need(self, kind: str) -> None:
        """Reads a list into the index, unless that was done. Raises the same `PosError` whenever it could not be."""
        key, typed = written.LISTS[kind]

        def read() -> None:
            found = (typed(row) for _, row in self._tables[kind].rows())
            repeated = self._index.put_rows(kind, ((key(row), row) for row in found))
            self._tell_repeated(kind, repeated)

        self._once(kind, (kind,), read, lambda: self._index.forget_rows(kind))

    def _need_sales(self) -> None:
        self._need("stores")

        def read() -> None:
            stores = {row["store_id"] for page in self._index.pages("stores") for row in page} - {None}
            reader = written.SalesWriter(stores, self._tables["sales"].written_on())
            sales = reader.sales(row for _, row in self._tables["sales"].rows())
            repeated = self._index.put_sales(
                (None if row["sale_id"] is None else str(row["sale_id"]), row) for row in sales
            )
            self._tell_repeated("sales", repeated)
            self._index.put_lines(self._lines())
            if reader.open_tickets:
                self._warn(
                    f"files account {self.account}: sales: {reader.open_tickets} rows have no closing time. They count as "
                    "open tickets and are not sales."
                )
            if orphans := self._index.lines_without_sale():
                self._warn(
                    f"files account {self.account}: lines: {orphans} rows belong to no sale of the files; they are left out."
                )

        self._once("sales", ("sales", "lines"), read, self._index.forget_sales)

    def _lines(self) -> Iterator[tuple[int | None, int, dict[str, Any]]]:
        for file, row in self._tables["lines"].rows():
            yield written.line(row, file, percent=self._percent)

    def _once(self, name: str, kinds: Collection[str], read: Callable[[], None], forget: Callable[[], None]) -> None:
        with self._lock:
            if name not in self._read:
                try:
                    before = self._states(kinds)
                    read()
                    if self._states(kinds) != before:
                        raise PosUnavailable(
                            f"files account {self.account}: {' and '.join(kinds)}: a file changed while it was read, so "
                            "nothing of it was used. The next run reads it again; let the till finish its export first."
                        )
                    self._read[name] = None
                except PosError as error:
                    forget()
                    self._read[name] = error
            if (known := self._read[name]) is not None:
                raise type(known)(str(known))

    def _states(self, kinds: Collection[str]) -> list[State]:
        return [self._tables[kind].state() for kind in kinds]

    def _tell_repeated(self, kind: str, number: int) -> None:
        if number:
            self._warn(
                f"files account {self.account}: {kind}: {number} rows repeat an id. Of each id the first row of the file "
                "whose name comes last is used."
            )

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)
            log.warning(sentence)
