"""An account of any size for the sandbox's till: every row is made from its number when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from connector.sandbox.accounts import Key, Row, TillAccount

FIRST_DAY = date(2026, 1, 1)

_FIRST = ("Alix", "Bérénice", "Côme", "Dorian", "Élodie", "Faustine", "Gaspard", "Hélène", "Inès", "Jules", "Léa")
_LAST = ("Aubrac", "Beaulieu", "Cévennes", "Dordogne", "Estérel", "Forez", "Guérande", "Hurepoix", "Luberon", "Morvan")
_VAT = ("0.20000", "0.20000", "0.20000", "0.05500", "0.10000")
_LINES = (1, 1, 2, 2, 2, 2, 3, 3, 4, 5)  # 2.5 on average


@dataclass(frozen=True)
class GeneratedBooks:
    """`connector.sandbox.accounts.Books` of `stores` stores with about `per_day` sales each on `days` days from `begin` on."""

    days: int
    per_day: int = 100
    stores: int = 1
    customers: int = 1_000
    products: int = 400
    anonymous: float = 0.0  # share of the sales without a customer
    begin: date = FIRST_DAY

    def keys(self, kind: str) -> Sequence[Key]:
        numbers = {"stores": self.stores, "customers": self.customers, "products": self.products}
        if kind == "stock":
            return [(number, 0, 1) for number in range(1, self.products + 1)]
        small = {"categories": 20, "brands": 10, "taxes": 1, "warehouses": 1, "users": 1}
        return range(1, (numbers | small).get(kind, 0) + 1)

    def row(self, kind: str, key: Key) -> Row | None:
        number = key if isinstance(key, int) else int(key[0])
        makers = {"customers": _customer, "products": _product}
        if kind in makers:
            return makers[kind](number)
        return {
            "stores": {"store_id": number, "store_name": f"Magasin {number}", "store_time_zone": "Europe/Paris"},
            "categories": {"category_id": number, "category_name": f"Rayon {number}"},
            "brands": {"brand_id": number, "brand_name": f"Marque {number}"},
            "stock": {"product_id": number, "product_size": 0, "warehouse_id": 1, "stock_available": number % 40},
            "taxes": {"tax_id": number, "tax_name": "TVA", "tax_value": "0.20000"},
        }.get(kind)

    def sale(self, sale_id: int) -> Row | None:
        block, place = divmod(sale_id - 1, 2 * self.per_day)
        number, store = divmod(block, self.stores)
        if not 0 <= number < self.days or place >= self._count(block):
            return None
        return self._sale(block, place, store + 1, self.begin + timedelta(days=number))

    def sales_of_day(self, store_id: int, day: date, dated_by: str) -> Iterable[Row]:
        number = (day - self.begin).days
        if not 0 <= number < self.days:
            return []
        block = number * self.stores + store_id - 1
        return [self._sale(block, place, store_id, day) for place in range(self._count(block))]

    def sales_of_customer(self, customer_id: int) -> Iterable[Row]:
        return []

    def unclosed_sales(self, store_id: int) -> Iterable[Row]:
        return []

    def sales_with_reference(self, reference: str) -> Iterable[Row]:
        return []

    def first_closed_sale(self, store_id: int) -> Row | None:
        return self._sale(store_id - 1, 0, store_id, self.begin)

    def last_ids(self) -> tuple[int, int]:
        last = self.days * self.stores * 2 * self.per_day
        return last, 10 * last

    def _count(self, block: int) -> int:
        """A day has a fifth more or less sales than usual."""
        spread = self.per_day // 5
        return self.per_day + (Random(-block - 1).randint(-spread, spread) if spread else 0)

    def _sale(self, block: int, place: int, store_id: int, day: date) -> Row:
        sale_id = block * 2 * self.per_day + place + 1
        chance = Random(sale_id)
        closed = datetime.combine(day, time(9)) + timedelta(seconds=place * 18_000 // self.per_day + store_id)
        lines = [_line(chance, sale_id * 10 + n, self.products) for n in range(_LINES[chance.randrange(10)])]
        known = chance.random() >= self.anonymous
        cents = sum(line.pop("cents") for line in lines)
        return {
            "sale_id": sale_id, "created_at": str(closed - timedelta(minutes=2)), "completed_at": str(closed),
            "date_z": int(f"{day:%Y%m%d}"), "store_id": store_id, "vendor_id": 1, "payment": "CB", "currency": "EUR",
            "unique_sale_id": f"{day:%Y-%m}-{store_id}-{sale_id}", "total": _money(cents), "line_items": lines,
            "customer_id": chance.randint(1, self.customers) if known else 0,
        }  # fmt: skip


def account(name: str, books: GeneratedBooks) -> TillAccount:
    """The books as an account that the sandbox can serve."""
    return TillAccount(
        account=name, login="ops@example.org", api_key="bench-key", oauth_token="bench-token", label=name.capitalize(),
        lang="fr", country="FR", prefix="b_", offset=500_000_000, first_day=books.begin, books=books,
    )  # fmt: skip


def _line(chance: Random, line_id: int, products: int) -> dict[str, Any]:
    product, pieces = chance.randint(1, products), 1 + (chance.random() < 0.2)
    cents = _price(product) * pieces
    discount = cents // 10 if chance.random() < 0.15 else 0
    return {
        "line_item_id": line_id, "product_id": product, "quantity": pieces, "product_price": _money(_price(product)),
        "vat": _VAT[product % 5], "discount": _money(discount), "cents": cents - discount,
    }  # fmt: skip


def _customer(number: int) -> Row:
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    return {
        "customers_id": number, "first_name": first, "last_name": last, "email": f"client.{number}@example.org",
        "phone": f"06 {number // 10_000 % 100:02d} {number // 100 % 100:02d} {number % 100:02d} 10 20",
        "country": "FRA", "date_of_birth": f"19{number % 40 + 50}-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        "loyalty_points": number % 300,
    }  # fmt: skip


def _product(number: int) -> Row:
    return {
        "product_id": number, "product_model": f"Article {number}", "product_price": _money(_price(number)),
        "product_category": number % 20 + 1, "product_brand": number % 10 + 1, "products_desc": "Coton bio, tissé ici.",
        "updated_at": "2026-01-01 08:00:00",
    }  # fmt: skip


def _price(product: int) -> int:
    """Cents, with tax."""
    return 490 + product * 37 % 9_000


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
