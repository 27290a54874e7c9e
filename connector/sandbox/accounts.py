"""The accounts whose tills the sandbox plays: their credentials and the books (rows) each till starts with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import orjson

Row = dict[str, Any]
Key = int | tuple[int | str, ...]

#: What identifies a row of each kind, in Hiboutik's own key names. Sales are kept apart (see `Books`).
KEYS: dict[str, tuple[str, ...]] = {
    "stores": ("store_id",),
    "warehouses": ("warehouse_id",),
    "users": ("user_id",),
    "taxes": ("tax_id",),
    "payment_types": ("store_id", "payment_type"),
    "categories": ("category_id",),
    "brands": ("brand_id",),
    "suppliers": ("supplier_id",),
    "size_types": ("size_type_id",),
    "sizes": ("size_id",),
    "tags": ("tag_cat_id",),
    "customer_lists": ("list_id",),
    "customers": ("customers_id",),
    "products": ("product_id",),
    "stock": ("product_id", "product_size", "warehouse_id"),
    "webhooks": ("webhook_id",),
}


def key_of(kind: str, row: Row) -> Key:
    """The key of a row: its id, or a tuple where the kind has a composite key. Raises KeyError for a missing part."""
    names = KEYS[kind]
    return int(row[names[0]]) if len(names) == 1 else tuple(row[name] for name in names)


class Books(Protocol):
    """What a till holds, in stored form: rows with Hiboutik's key names where absent keys mean the usual value.

    A stored sale carries its lines in `line_items`; a line needs only `product_id`, `quantity`, `product_price`
    (unit, with tax), `vat` and, where there is one, `discount` (an amount for the whole line).
    """

    def keys(self, kind: str) -> Sequence[Key]:
        """Keys of all rows of that kind (see `KEYS`), in the order the lists give them."""
        ...

    def row(self, kind: str, key: Key) -> Row | None: ...

    def sale(self, sale_id: int) -> Row | None: ...

    def sales_of_day(self, store_id: int, day: date, dated_by: str) -> Iterable[Row]:
        """Closed sales of a store on a day; `dated_by` is `completed_at` or `date_z`."""
        ...

    def sales_of_customer(self, customer_id: int) -> Iterable[Row]: ...

    def unclosed_sales(self, store_id: int) -> Iterable[Row]:
        """Open tickets and quotes."""
        ...

    def sales_with_reference(self, reference: str) -> Iterable[Row]:
        """Sales whose `sale_ext_ref` is that one, never empty."""
        ...

    def first_closed_sale(self, store_id: int) -> Row | None: ...

    def last_ids(self) -> tuple[int, int]:
        """The highest sale id and the highest line item id."""
        ...


@dataclass
class TillAccount:
    """One Hiboutik account as the sandbox plays it, with what a `shops.yaml` entry for it needs."""

    account: str
    login: str
    api_key: str = field(repr=False)
    oauth_token: str = field(repr=False)
    label: str
    lang: str
    country: str
    prefix: str
    offset: int
    first_day: date
    books: Books = field(repr=False)


def is_closed(sale: Row) -> bool:
    """Closed for good: not an open ticket (no closing time) and not a quote."""
    return not sale.get("completed_at", "0000").startswith("0000") and not sale.get("quotation")


def closing_day(sale: Row, dated_by: str) -> str:
    """The `YYYY-MM-DD` a closed sale is listed under. A sale that is in no Z report yet counts by its closing time."""
    date_z = sale.get("date_z", 0)
    if dated_by == "date_z" and date_z:
        text = str(date_z)
        return f"{text[:4]}-{text[4:6]}-{text[6:8]}"
    return str(sale["completed_at"])[:10]


class MemoryBooks:
    """Books small enough to be held as plain rows: those of the sample files."""

    def __init__(self, rows: dict[str, list[Row]], sales: list[Row]) -> None:
        self._rows: dict[str, dict[Key, Row]] = {
            kind: {key_of(kind, row): row for row in rows.get(kind, [])} for kind in KEYS
        }
        self._sales = {int(sale["sale_id"]): sale for sale in sales}
        self._by_day: dict[tuple[str, int, str], list[Row]] = {}
        self._by_customer: dict[int, list[Row]] = {}
        self._unclosed: dict[int, list[Row]] = {}
        for sale in sales:
            self._by_customer.setdefault(sale["customer_id"], []).append(sale)
            if not is_closed(sale):
                self._unclosed.setdefault(sale["store_id"], []).append(sale)
                continue
            for dated_by in ("completed_at", "date_z"):
                place = (dated_by, sale["store_id"], closing_day(sale, dated_by))
                self._by_day.setdefault(place, []).append(sale)

    def keys(self, kind: str) -> Sequence[Key]:
        return list(self._rows[kind])

    def row(self, kind: str, key: Key) -> Row | None:
        return self._rows[kind].get(key)

    def sale(self, sale_id: int) -> Row | None:
        return self._sales.get(sale_id)

    def sales_of_day(self, store_id: int, day: date, dated_by: str) -> Iterable[Row]:
        return self._by_day.get((dated_by, store_id, day.isoformat()), [])

    def sales_of_customer(self, customer_id: int) -> Iterable[Row]:
        return self._by_customer.get(customer_id, [])

    def unclosed_sales(self, store_id: int) -> Iterable[Row]:
        return self._unclosed.get(store_id, [])

    def sales_with_reference(self, reference: str) -> Iterable[Row]:
        return [sale for sale in self._sales.values() if sale.get("sale_ext_ref") == reference]

    def first_closed_sale(self, store_id: int) -> Row | None:
        closed = (sale for sale in self._sales.values() if sale["store_id"] == store_id and is_closed(sale))
        return min(closed, key=lambda sale: (sale["completed_at"], sale["sale_id"]), default=None)

    def last_ids(self) -> tuple[int, int]:
        lines = (line.get("line_item_id", 0) for sale in self._sales.values() for line in sale["line_items"])
        return max(self._sales, default=0), max(lines, default=0)


def load_accounts(data: Path) -> list[TillAccount]:
    """One account per sub-folder of `data` that has an `account.json`, in name order.

    A kind of row is read from `<kind>.json` or from several `<kind>-*.json` (sales by month).
    Raises FileNotFoundError when no sub-folder is an account.
    """
    folders = sorted(path.parent for path in data.glob("*/account.json"))
    if not folders:
        raise FileNotFoundError(f"{data} has no sub-folder with an account.json: nothing to play a till with")
    return [_load_account(folder) for folder in folders]


def _load_account(folder: Path) -> TillAccount:
    about = orjson.loads((folder / "account.json").read_bytes())
    rows = {kind: _read(folder, kind) for kind in KEYS}
    books = MemoryBooks(rows, _read(folder, "sales"))
    return TillAccount(**(about | {"first_day": date.fromisoformat(about["first_day"])}), books=books)


def _read(folder: Path, kind: str) -> list[Row]:
    files = sorted([*folder.glob(f"{kind}.json"), *folder.glob(f"{kind}-*.json")])
    return [row for file in files for row in orjson.loads(file.read_bytes())]
