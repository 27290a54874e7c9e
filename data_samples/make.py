"""Writes the sample accounts: `python data_samples/make.py [FOLDER]`. The same files every time; see README.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from oddities import ODD_CUSTOMERS, ODD_PRODUCTS, ODD_SALES
from reference_rows import ATELIER_NOA, MAISON_LEA
from words import (
    ARTICLES,
    CITIES,
    FIRST_NAMES,
    LAST_NAMES,
    PHONES,
    PHONES_ABROAD,
    STREETS,
    VARIANTS,
)

Row = dict[str, Any]
Item = TypeVar("Item")
TARGET = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
FIRST, LAST = date(2026, 10, 5), date(2026, 11, 20)
RUSH = date(2026, 10, 17)  # a Saturday with more than 250 lines in store 1
ZERO = "0000-00-00 00:00:00"


class Dice(Random):
    """Chance that is the same on every Python: only `random()` is promised to be."""

    def below(self, end: int) -> int:
        return int(self.random() * end)

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]

    def often(self, share: float) -> bool:
        return self.random() < share


def money(amount: Decimal | float | str) -> str:
    return str(Decimal(str(amount)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def ean13(number: int) -> str:
    """A barcode of the in-store range with its right check digit."""
    digits = f"20{number:010d}"
    odd, even = (sum(int(digit) for digit in digits[start::2]) for start in (0, 1))
    return f"{digits}{(10 - (odd + 3 * even) % 10) % 10}"


# --- people ---


def customers(dice: Dice, count: int, countries: Sequence[str], odd: dict[int, Row | None]) -> list[Row]:
    """Customers 1 to `count`; an odd one replaces keys of its row, None leaves a gap (deleted)."""
    rows = []
    for number in range(1, count + 1):
        row = _customer(dice, number, dice.pick(countries))
        change = odd.get(number, {})
        if change is not None:
            rows.append(row | change)
    return rows


def _customer(dice: Dice, number: int, country: str) -> Row:
    first, last = dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES)
    plain = f"{first}.{last}".lower().translate(str.maketrans("àâäéèêëïîôöûüç' ", "aaaeeeeiioouuc--"))
    phone = PHONES_ABROAD.get(country) or dice.pick(PHONES)
    born = date(1950, 1, 1) + timedelta(days=dice.below(20_000))
    changed = datetime(2026, 1, 5, 9) + timedelta(minutes=dice.below(400_000))
    opening = dice.below(80) if dice.often(0.2) else 0
    zip_code, city = CITIES.get(country, CITIES["FRA"])
    address = {
        "address_id": 5000 + number, "customers_id": number, "creation_date": dice.pick((ZERO, "2025-03-04 10:12:00")),
        "first_name": first, "last_name": last, "phone": "", "address": f"{dice.below(90) + 1} {dice.pick(STREETS)}",
        "zip_code": zip_code, "city": city, "country": country,
    }  # fmt: skip
    return {
        "customers_id": number, "last_name": last, "first_name": first,
        "email": f"{plain}.{number}@example.org" if dice.often(0.88) or 30 < number < 50 else "",
        "phone": phone.format(n=dice.below(100), m=dice.below(100)), "vat": "", "country": country,
        "date_of_birth": born.isoformat() if dice.often(0.6) else "0000-00-00", "validity": "0000-00-00",
        "loyalty_points": opening, "intial_loyalty_points": opening,
        "prepaid_purchases": "50.00" if dice.often(0.05) else "0.00",
        "store_credit": money(dice.below(60) / 2) if dice.often(0.15) else "0.00", "customers_ref_ext": "",
        "last_order_date": "0000-00-00", "customers_code": f"C{number:05d}" if dice.often(0.3) else "",
        "company": "", "updated_at": str(changed),
        "tags": [tag for tag in (1, 2, 3) if dice.often(0.25)], "lists": [1] if dice.often(0.4) else [],
        "customers_misc": "newsletter=oui" if dice.often(0.3) else "",
        "addresses": [address] if dice.often(0.3) else [],
    }  # fmt: skip


# --- products ---


def products(dice: Dice, first_id: int, count: int, odd: dict[int, Row | None]) -> list[Row]:
    rows = []
    for number in range(count):
        product_id = first_id + number
        row = _product(dice, product_id, number)
        change = odd.get(product_id, {})
        if change is not None:
            rows.append(row | change)
    return rows


def _product(dice: Dice, product_id: int, number: int) -> Row:
    category, article, price, tax = ARTICLES[number % len(ARTICLES)]
    sized = category == 3 and number % 2 == 0 and not 0 < number < 20  # of the odd ones only the first
    changed = datetime(2026, 2, 1, 8, 30) + timedelta(minutes=dice.below(350_000))
    row = {
        "product_id": product_id, "product_model": f"{article} {VARIANTS[number // len(ARTICLES) % len(VARIANTS)]}",
        "product_barcode": ean13(product_id) if dice.often(0.9) else "", "product_brand": dice.below(7),
        "product_supplier": dice.below(3) + 1, "product_price": money(price), "product_discount_price": "0.00",
        "product_supply_price": money(price * 0.4), "points_in": 0, "points_out": 0, "product_category": category,
        "product_size_type": 1 if sized else 0, "product_package": 0, "product_stock_management": 1,
        "product_supplier_reference": f"REF-{product_id}", "product_vat": tax, "product_display": 1,
        "product_display_www": int(dice.often(0.5)), "product_arch": 0, "products_desc": "",
        "product_font_color": "#000000", "product_bck_btn_color": "#CCCCCC", "products_ref_ext": "",
        "product_order": number, "weight": "0.00", "multiple": 1, "updated_at": str(changed),
        "product_specific_rules": [], "images": [
            {"url": f"https://images.example.org/{product_id}-{place}.jpg", "width": "1000", "height": "1000"}
            for place in range(1, 1 + number % 3)
        ],
    }  # fmt: skip
    if sized:
        row["product_size_details"] = [
            {"size_id": size, "size_name": name, "barcode": ean13(product_id * 10 + size)}
            for size, name in ((31, "S"), (32, "M"), (33, "L"))
        ]
    return row


def stock(dice: Dice, articles: list[Row], warehouses: Sequence[int]) -> list[Row]:
    """Sizes S and M are in use, L is not; every third product has stock nowhere but in the first warehouse."""
    rows = []
    for product in articles:
        for warehouse in warehouses if product["product_id"] % 3 else warehouses[:1]:
            for size in (31, 32) if product.get("product_size_type") else (0,):
                left = -3 if product["product_id"] == 1011 else dice.below(30)
                rows.append({
                    "product_id": product["product_id"], "product_size": size, "warehouse_id": warehouse,
                    "stock_available": left, "inventory_alert": 2, "product_barcode": product["product_barcode"],
                    "product_supplier_reference": product["product_supplier_reference"],
                })  # fmt: skip
    return rows


# --- sales ---


class Counter:
    """Rings up the ordinary sales of one account."""

    def __init__(
        self, dice: Dice, stores: list[Row], articles: list[Row], people: list[Row], rates: dict[int, dict[int, str]]
    ):
        self.dice, self.stores, self.rates = dice, stores, rates
        self.articles = [row for row in articles if row["product_id"] not in ODD_PRODUCTS]
        self.people = [row["customers_id"] for row in people if row["customers_id"] not in ODD_CUSTOMERS]

    def days(self, per_day: dict[int, int]) -> list[Row]:
        """Sales of every open day (no Sundays), about `per_day[store_id]` each."""
        sales = []
        for number in range((LAST - FIRST).days + 1):
            day = FIRST + timedelta(days=number)
            for store in self.stores:
                count = self.dice.below(2 * per_day[store["store_id"]]) if day.weekday() != 6 else 0
                if day == RUSH and store["store_id"] == 1 and len(self.stores) > 1:
                    count = 110
                sales += [self.sale(store, day) for _ in range(count)]
        return sales

    def sale(self, store: Row, day: date) -> Row:
        dice, store_id = self.dice, store["store_id"]
        closed = datetime(day.year, day.month, day.day, 9, 30) + timedelta(seconds=dice.below(9 * 3600))
        customer = 0
        if dice.often(0.55):  # people mostly go to "their" store
            homes = [person for person in self.people if person % len(self.stores) == self.stores.index(store)]
            customer = dice.pick(homes if dice.often(0.85) else self.people)
        lines = [self.line(store_id) for _ in range(1 + dice.below(4))]
        sale = {
            "created_at": str(closed - timedelta(seconds=20 + dice.below(900))), "completed_at": str(closed),
            "store_id": store_id, "vendor_id": 1 + dice.below(3), "customer_id": customer,
            "currency": store["store_default_currency"], "payment": dice.pick(("CB", "CB", "CB", "ESP", "CHE")),
            "line_items": lines,
        }  # fmt: skip
        if store["store_default_currency"] == "CHF" and sale["payment"] == "CHE":
            sale["payment"] = "TWI"
        return sale

    def line(self, store_id: int) -> Row:
        product = self.dice.pick(self.articles)
        line: Row = {
            "product_id": product["product_id"], "product_size": 31 if product.get("product_size_type") else 0,
            "quantity": 2 + self.dice.below(2) if self.dice.often(0.15) else 1,
            "product_price": product["product_price"], "vat": self.rates[store_id][product["product_vat"]],
        }  # fmt: skip
        if self.dice.often(0.1):
            line["discount"] = money(Decimal(line["product_price"]) * line["quantity"] / 10)
        return line


def finished(sales: list[Row], people: list[Row]) -> list[Row]:
    """Ids, totals, numbers and points given the way a till gives them; then the customers' own totals."""
    ordinary = sorted((sale for sale in sales if "sale_id" not in sale), key=lambda sale: sale["created_at"])
    for sale_id, sale in enumerate(ordinary, 1001):
        sale["sale_id"] = sale_id
    rows = [_finished(sale) for sale in sorted(sales, key=lambda sale: sale["sale_id"])]
    numbers: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: (row["completed_at"], row["sale_id"])):
        if row["completed_at"] == ZERO:
            continue
        start = f"{row['completed_at'][:7]}-{row['store_id']}"
        numbers[start] = numbers.get(start, 0) + 1
        row["unique_sale_id"] = f"{start}-{numbers[start]}"
    by_id = {person["customers_id"]: person for person in people}
    for row in rows:
        if (person := by_id.get(row["customer_id"])) and row["completed_at"] != ZERO:
            person["last_order_date"] = max(person["last_order_date"] or "", row["completed_at"][:10])
            person["loyalty_points"] = (person["loyalty_points"] or 0) + row["points"]
    return rows


def _finished(sale: Row) -> Row:
    """A sale's row in reading order. The last day is in no Z report yet: its `date_z` is 0."""
    lines = []
    for number, line in enumerate(sale["line_items"], 1):
        price, rate = Decimal(line["product_price"]), Decimal(line["vat"])
        gross = price * (1 + rate) if sale.get("prices_without_taxes") else price
        total = gross * Decimal(str(line["quantity"])) - Decimal(line.get("discount", "0"))
        lines.append({"line_item_id": sale["sale_id"] * 100 + number} | line)
        lines[-1].setdefault("item_total_gross", money(total))
    total = sum((Decimal(line["item_total_gross"]) for line in lines), Decimal(0))
    day = sale["completed_at"][:10].replace("-", "")
    known = sale["customer_id"] != 0
    usual = {
        "sale_id": sale["sale_id"], "created_at": "", "completed_at": "",
        "date_z": 0 if day in ("00000000", LAST.strftime("%Y%m%d")) else int(day), "store_id": 0, "vendor_id": 1,
        "unique_sale_id": "", "customer_id": 0, "currency": "EUR", "total": money(total), "payment": "CB",
        "points": int(total) if known else 0,
    }  # fmt: skip
    return usual | sale | {"line_items": lines}


# --- writing ---


def write(folder: str, files: dict[str, Any]) -> None:
    """One file per kind, one row a line, so that a difference reads well."""
    target = TARGET / folder
    target.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if isinstance(content, list):
            rows = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in content)
            text = f"[\n{rows}\n]\n"
        else:
            text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        (target / f"{name}.json").write_text(text, encoding="utf-8")


def by_month(sales: list[Row]) -> dict[str, list[Row]]:
    """Sales by the month they were opened in, so that no file grows too long."""
    months = sorted({sale["created_at"][:7] for sale in sales})
    return {f"sales-{month}": [sale for sale in sales if sale["created_at"].startswith(month)] for month in months}


def maison_lea() -> None:
    dice = Dice(20261005)
    people = customers(dice, 290, ("FRA", "FRA", "FRA", "REU", "CHE"), ODD_CUSTOMERS)
    articles = products(dice, 1001, 315, ODD_PRODUCTS)
    # By store, the rate of each tax id: the island and Switzerland have their own.
    rates = {1: {1: "0.20000", 2: "0.055"}, 2: {1: "0.08500", 2: "0.021"}, 5: {1: "0.08100", 2: "0.026"}}
    counter = Counter(dice, MAISON_LEA["stores"], articles, people, rates)
    sales = finished(counter.days({1: 8, 2: 5, 5: 4}) + [dict(sale) for sale in ODD_SALES], people)
    write("maison-lea", MAISON_LEA | {
        "customers": people, "products": articles, "stock": stock(dice, articles, (1, 3, 4)), **by_month(sales),
    })  # fmt: skip


def atelier_noa() -> None:
    dice = Dice(20261006)
    people = customers(dice, 45, ("BEL", "BEL", "FRA"), {})
    articles = products(dice, 1, 42, {})
    counter = Counter(dice, ATELIER_NOA["stores"], articles, people, {1: {1: "0.210", 2: "0.060"}})
    sales = finished(counter.days({1: 4}), people)
    write("atelier-noa", ATELIER_NOA | {
        "customers": people, "products": articles, "stock": stock(dice, articles, (1,)), **by_month(sales),
    })  # fmt: skip


if __name__ == "__main__":
    maison_lea()
    atelier_noa()
