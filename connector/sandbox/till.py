"""The running till of one account: its books, what was changed while it runs, and the calls it has answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from connector.sandbox.accounts import KEYS, Key, Row, TillAccount, closing_day, is_closed, key_of
from connector.sandbox.hiboutik_shapes import line_total, money

ZERO_TIME = "0000-00-00 00:00:00"


class Till:
    """An account's books with later changes laid over them. The books themselves are never written to."""

    def __init__(self, account: TillAccount, saved: dict[str, Any] | None = None) -> None:
        self.account = account
        self.books = account.books
        self.calls: dict[str, int] = {}  # "YYYY-MM" -> calls answered
        self.under_way = 0
        self._rows: dict[str, dict[Key, Row]] = {kind: {} for kind in KEYS}
        self._gone: dict[str, set[Key]] = {kind: set() for kind in KEYS}
        self._sales: dict[int, Row] = {}
        self._keys: dict[str, list[Key]] = {}
        self._stock_of: dict[int, list[Key]] | None = None
        if saved:
            self._restore(saved)

    # --- reading ---

    def keys(self, kind: str) -> list[Key]:
        """Keys of the rows of that kind as they are now, changed rows in their old place and new ones last."""
        if kind not in self._keys:
            held = list(self.books.keys(kind))
            gone, known = self._gone[kind], set(held)
            kept = [key for key in held if key not in gone] if gone else held
            self._keys[kind] = kept + [key for key in self._rows[kind] if key not in known]
        return self._keys[kind]

    def row(self, kind: str, key: Key) -> Row | None:
        if key in self._gone[kind]:
            return None
        return self._rows[kind].get(key) or self.books.row(kind, key)

    def rows(self, kind: str) -> list[Row]:
        """All rows of that kind. For the small kinds; page through `keys` for the others."""
        return [row for key in self.keys(kind) if (row := self.row(kind, key)) is not None]

    def stock_of(self, product_id: int) -> list[Row]:
        if self._stock_of is None:
            self._stock_of = {}
            for key in self.keys("stock"):
                if isinstance(key, tuple):
                    self._stock_of.setdefault(int(key[0]), []).append(key)
        return [row for key in self._stock_of.get(product_id, []) if (row := self.row("stock", key)) is not None]

    def sale(self, sale_id: int) -> Row | None:
        return self._sales.get(sale_id) or self.books.sale(sale_id)

    def sales_of_day(self, store_id: int, day: date, dated_by: str, with_open: bool = False) -> list[Row]:
        """Closed sales in closing order; `with_open` adds the tickets opened that day that are still open."""
        text = day.isoformat()
        sales = self._laid_over(
            self.books.sales_of_day(store_id, day, dated_by),
            lambda sale: sale["store_id"] == store_id and is_closed(sale) and closing_day(sale, dated_by) == text,
        )
        if with_open:
            sales += [sale for sale in self.unclosed_sales(store_id) if sale["created_at"].startswith(text)]
        return sales

    def sales_of_customer(self, customer_id: int) -> list[Row]:
        """All sales of a customer, open ones included, newest first."""
        sales = self._laid_over(
            self.books.sales_of_customer(customer_id), lambda sale: sale["customer_id"] == customer_id
        )
        return sorted(sales, key=lambda sale: (sale["created_at"], sale["sale_id"]), reverse=True)

    def unclosed_sales(self, store_id: int) -> list[Row]:
        return self._laid_over(
            self.books.unclosed_sales(store_id), lambda sale: sale["store_id"] == store_id and not is_closed(sale)
        )

    def sales_with_reference(self, reference: str) -> list[Row]:
        """Sales whose `sale_ext_ref` is that one."""
        return self._laid_over(
            self.books.sales_with_reference(reference), lambda sale: sale.get("sale_ext_ref") == reference
        )

    def first_closed_sale(self, store_id: int) -> Row | None:
        first = self.books.first_closed_sale(store_id)
        sales = self._laid_over([first] if first else [], lambda s: s["store_id"] == store_id and is_closed(s))
        return sales[0] if sales else None

    def _laid_over(self, sales: Iterable[Row], belongs: Callable[[Row], bool]) -> list[Row]:
        kept = [sale for sale in sales if sale["sale_id"] not in self._sales]
        kept += [sale for sale in self._sales.values() if belongs(sale)]
        return sorted(kept, key=lambda sale: (sale["completed_at"], sale["sale_id"]))

    # --- changing ---

    def put(self, kind: str, change: Row) -> Row:
        """Add a row, or change the keys given of an existing one; a simple id that is missing is the next free one.

        Raises ValueError when a part of a composite key is missing.
        """
        names = KEYS[kind]
        if missing := [name for name in names if name not in change]:
            if len(names) > 1:
                raise ValueError(f"{kind}: {', '.join(missing)} missing")
            change = {
                names[0]: max((int(key) for key in self.keys(kind) if isinstance(key, int)), default=0) + 1
            } | change
        key = key_of(kind, change)
        row = (self.row(kind, key) or {}) | change
        self._rows[kind][key] = row
        self._gone[kind].discard(key)
        self._forget(kind)
        return row

    def delete(self, kind: str, key: Key) -> bool:
        """Take a row away; sales keep its id. False when there was none."""
        if self.row(kind, key) is None:
            return False
        self._gone[kind].add(key)
        self._rows[kind].pop(key, None)
        self._forget(kind)
        return True

    def put_sale(self, change: Row) -> Row:
        """Add a sale, or change an existing one (`line_items` are replaced as a whole, other keys one by one).

        A new sale without `completed_at` is an open ticket. Missing ids, times, currency, prices, rates, number and
        total are filled in the way a till would. Raises ValueError for a store or product that is needed and unknown.
        """
        last_sale, last_line = self._last_ids()
        old = self.sale(int(change.get("sale_id", 0)))
        usual: Row = {"sale_id": last_sale + 1, "vendor_id": 1, "customer_id": 0, "payment": "CB", "line_items": []}
        sale = (old or usual) | change
        if "store_id" not in sale:
            raise ValueError("a new sale needs a store_id")
        store = self.row("stores", int(sale["store_id"]))
        if store is None:
            raise ValueError(f"store {sale['store_id']} is unknown")
        sale.setdefault("completed_at", ZERO_TIME)
        sale.setdefault("created_at", sale["completed_at"])
        sale.setdefault("currency", store["store_default_currency"])
        sale["line_items"] = [
            self._filled_line(line, last_line + number) for number, line in enumerate(sale["line_items"], 1)
        ]
        if "total" not in change and (old is None or "line_items" in change):
            sale["total"] = money(sum((line_total(line, sale) for line in sale["line_items"]), Decimal(0)))
        if is_closed(sale):
            sale.setdefault("date_z", int(sale["completed_at"][:10].replace("-", "")))
            sale["unique_sale_id"] = sale.get("unique_sale_id") or self._next_number(sale)
        self._sales[sale["sale_id"]] = sale
        return sale

    def _last_ids(self) -> tuple[int, int]:
        sale_id, line_id = self.books.last_ids()
        lines = (line.get("line_item_id", 0) for sale in self._sales.values() for line in sale["line_items"])
        return max(sale_id, *self._sales, 0), max(line_id, *lines, 0)

    def _filled_line(self, line: Row, line_item_id: int) -> Row:
        product = self.row("products", int(line.get("product_id", 0))) or {}
        if not product and "product_price" not in line:
            raise ValueError(f"product {line.get('product_id')} is unknown, so its line needs a product_price")
        usual: Row = {"product_id": 0, "product_size": 0, "quantity": 1, "line_item_id": line_item_id}
        if product:
            tax = self.row("taxes", product["product_vat"]) or {}
            usual |= {"product_price": product["product_price"], "vat": tax.get("tax_value", "0.00000")}
        return {"vat": "0.20000"} | usual | line

    def _next_number(self, sale: Row) -> str:
        start = f"{sale['completed_at'][:7]}-{sale['store_id']}-"
        year, month = int(start[:4]), int(start[5:7])
        taken = [0]
        for day in range(1, 32):
            try:
                sales = self.sales_of_day(sale["store_id"], date(year, month, day), "completed_at")
            except ValueError:  # the month has fewer days
                break
            taken += [
                int(s["unique_sale_id"].rsplit("-", 1)[1]) for s in sales if s["unique_sale_id"].startswith(start)
            ]
        return f"{start}{max(taken) + 1}"

    def _forget(self, kind: str) -> None:
        self._keys.pop(kind, None)
        if kind == "stock":
            self._stock_of = None

    # --- keeping ---

    def saved(self) -> dict[str, Any]:
        """The changes and counters, as JSON-ready data for `Till(account, saved)`."""
        return {
            "rows": {kind: list(rows.values()) for kind, rows in self._rows.items() if rows},
            "gone": {kind: list(keys) for kind, keys in self._gone.items() if keys},
            "sales": list(self._sales.values()),
            "calls": self.calls,
        }

    def _restore(self, saved: dict[str, Any]) -> None:
        for kind, rows in saved["rows"].items():
            self._rows[kind] = {key_of(kind, row): row for row in rows}
        for kind, keys in saved["gone"].items():
            self._gone[kind] = {tuple(key) if isinstance(key, list) else key for key in keys}
        self._sales = {sale["sale_id"]: sale for sale in saved["sales"]}
        self.calls = saved["calls"]
