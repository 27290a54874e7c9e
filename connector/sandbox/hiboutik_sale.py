"""The detail form of a sale, `/sales/{sale_id}`: some eighty header keys, full lines, totals and taxes."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from connector.sandbox.hiboutik_shapes import (
    ZERO_DATE,
    ZERO_TIME,
    Row,
    is_return,
    line_gross_price,
    line_total,
    money,
    picked,
    quantity,
    rate,
)
from connector.sandbox.till_switches import TillSwitches

SALE: Row = {
    "sale_id": 0, "created_at": ZERO_TIME, "completed_at": ZERO_TIME, "store_id": 0, "vendor_id": 0,
    "unique_sale_id": "", "invoice_id": "", "customer_id": 0, "currency": "EUR", "total": "0.00",
    "billing_address": 0, "shipping_address": 0, "payment": "", "without_taxes": 0, "prices_without_taxes": 0,
    "ressource_id": 0, "points": 0, "sale_ext_ref": "", "service_charge": "0.00", "guests_number": 0, "takeaway": 0,
    "shipping_ref": "", "customs_duty": "0.00", "vat_number": "", "date_z": 0, "sale_key": "", "quotation": 0,
    "sale_misc": "", "sale_num_fac": "", "pickup_date": ZERO_TIME, "nth_closed_store": 0, "cash_tendered": "0.00",
    "account_status": 0, "sale_language": "", "sale_conditions": "", "eu_vat_code": "", "payment_ext": "",
    "logo_account": "", "url_receipt": "", "url_qrcode": "", "hiboutik_version": "2026.10", "comments": "",
    "balance": "0.00", "ressource_name": "",
}  # fmt: skip
#: Header keys that older accounts do not send.
SINCE_2025 = (
    "invoice_id", "sale_key", "quotation", "sale_misc", "sale_num_fac", "nth_closed_store", "account_status",
    "sale_language", "sale_conditions", "eu_vat_code", "payment_ext", "store_address", "taxes_conc", "logo_account",
    "url_receipt", "url_qrcode", "hiboutik_version",
)  # fmt: skip
STORE_ADDRESS: Row = {
    "company": "", "address": "", "zippostal_code": "", "city": "", "country": "", "tax_number": "",
    "company_number": "", "legal_status": "", "code_naf": "", "email": "", "phone": "", "iban": "",
}  # fmt: skip
LINE: Row = {
    "package": 0, "points": 0, "stock_withdrawal": 1, "credit_note": 0, "credit_note_id": 0, "product_comments": "",
    "serial_number": "", "line_item_id_return": 0, "date_return": 0, "kitchen_pos": 1,
}  # fmt: skip
#: What a line repeats of its product.
LINE_PRODUCT: Row = {
    "product_supply_price": "0.00", "product_model": "", "product_barcode": "", "product_brand": 0,
    "product_supplier": 0, "product_category": 0, "product_size_type": 0, "product_package": 0,
    "product_stock_management": 0, "product_supplier_reference": "", "product_arch": 0, "products_ref_ext": "",
    "product_display_www": 0, "accounting_account": "", "misc_date": ZERO_DATE, "misc_decimal": "0.00",
    "misc_int": 0, "misc_varchar": "", "misc_varchar2": "", "misc_text": "", "multiple": 1, "tags": [],
}  # fmt: skip


class Catalogue(Protocol):
    """What a sale's page looks up in the till."""

    def row(self, kind: str, key: int) -> Row | None: ...

    def rows(self, kind: str) -> list[Row]: ...

    def stock_of(self, product_id: int) -> list[Row]: ...


def sale_detail(sale: Row, till: Catalogue, switches: TillSwitches, now: datetime) -> Row:
    """The detail of a stored sale. A sale still open has zero closing parts; `date_z` 0 gives `false` parts."""
    store = till.row("stores", sale["store_id"]) or {}
    vendor = till.row("users", sale["vendor_id"]) or {}
    header = picked(sale, SALE) | {"ressource_id": sale.get("resource_id", 0)} | _date_parts(sale, now)
    lines = [_line(line, sale, store, till, switches) for line in sale["line_items"]]
    detail = header | {"line_items": lines, "payment_details": _payment_details(sale)} | _totals(lines)
    detail |= _taxes(lines) | {
        "sale_tags": [], "closed_day": 0, "payment_accounting_account": "",
        "vendor_last_name": vendor.get("user_last_name", ""),
        "vendor_first_name": vendor.get("user_first_name", ""),
        "warehouse_id": store.get("store_warehouse_id", 0),
        "store_address": picked(store.get("store_address", {}), STORE_ADDRESS),
    }  # fmt: skip
    if switches.sale_detail == "2021":
        detail = {key: value for key, value in detail.items() if key not in SINCE_2025}
    return detail


def _date_parts(sale: Row, now: datetime) -> Row:
    parts: Row = {}
    for name in ("created_at", "completed_at", "pickup_date"):
        text = sale.get(name, ZERO_TIME)
        start = "pickup_date" if name == "pickup_date" else f"{name}_date"
        if name != "pickup_date":
            parts[start] = text[:10]
        for part, place in {
            "yyyy": (0, 4),
            "mm": (5, 7),
            "dd": (8, 10),
            "hh": (11, 13),
            "min": (14, 16),
            "ss": (17, 19),
        }.items():
            parts[f"{start}_{part}"] = text[slice(*place)]
    parts["pickup_date_utc"] = sale.get("pickup_date", ZERO_TIME)
    parts["completed_at_yyyymmddhhmmss"] = "".join(char for char in sale["completed_at"] if char.isdigit())
    parts["current_date"] = now.strftime("%Y-%m-%d")
    day = str(sale.get("date_z", 0))
    parts |= {"date_z_yyyy": day[:4], "date_z_mm": day[4:6] or False, "date_z_dd": day[6:8] or False}
    return parts


def _payment_details(sale: Row) -> list[Row]:
    rows = sale.get("payment_details", []) if sale.get("payment") == "DIV" else []
    usual = {"payment_detail_id": 0, "payment_type": "", "payment_amount": "0.00"}
    return [picked({"payment_detail_id": sale["sale_id"] * 10 + n} | row, usual) for n, row in enumerate(rows, 1)]


def _line(line: Row, sale: Row, store: Row, till: Catalogue, switches: TillSwitches) -> Row:
    product = till.row("products", line["product_id"]) or {}
    size = _size(product, line.get("product_size", 0))
    tax = next((row for row in till.rows("taxes") if Decimal(row["tax_value"]) == Decimal(line["vat"])), {})
    category = till.row("categories", product.get("product_category", 0)) or {}
    percent = Decimal(line["vat"]) * 100
    price, pieces = Decimal(line["product_price"]), Decimal(str(line["quantity"]))
    if line["product_id"] and pieces < 0 and switches.return_sign == "price":
        price, pieces = -price, -pieces
    described = picked(product, LINE_PRODUCT) | {
        "product_model": line.get("product_model", product.get("product_model", "")),
        "product_model_short": "",
        "product_barcode": size.get("barcode", product.get("product_barcode", "")),
        "product_desc": product.get("products_desc", ""),
        "storage_location": "",
        "category_name": category.get("category_name", ""),
        "size_name": size.get("size_name", ""),
        "modifiers": [],
        "modifiers_conc": "",
    }
    levels = [
        level for level in till.stock_of(line["product_id"]) if level["product_size"] == line.get("product_size", 0)
    ]
    shown = ("warehouse_id", "stock_available", "inventory_alert")
    return {
        "product_id": line["product_id"], "product_size": line.get("product_size", 0),
        "quantity": quantity(pieces, switches), "product_price": money(price),
        "product_currency": sale.get("currency", "EUR"), "vat": rate(line["vat"], switches), **picked(line, LINE),
        "discount": money(Decimal(line.get("discount", "0"))), "line_item_id": line["line_item_id"],
        "detail_commande_id": line["line_item_id"], **_amounts(line, sale), "tax_label": tax.get("tax_name", ""),
        "tax_value": int(percent) if percent == percent.to_integral_value() else float(percent), **described,
        "stock_available": [{key: level.get(key, 0) for key in shown} for level in levels],
        "multiple_quantity": quantity(pieces, switches),
        "multiple_product_price": int(price) if price == price.to_integral_value() else float(price),
    }  # fmt: skip


def _size(product: Row, size_id: int) -> Row:
    sizes: list[Row] = product.get("product_size_details", [])
    return next((size for size in sizes if size["size_id"] == size_id), {})


def _amounts(line: Row, sale: Row) -> Row:
    """Unit and line amounts. Net = gross / (1 + rate) half up, tax = gross - net, so that they always add up."""
    factor = 1 + Decimal(line["vat"])
    pieces = Decimal(str(line["quantity"])) or Decimal(1)
    gross_wo = line_gross_price(line, sale)
    total = line_total(line, sale)
    discount = (gross_wo * pieces).quantize(Decimal("0.01"), ROUND_HALF_UP) - total
    before = total + discount
    unit_gross, unit_net = total / pieces, total / pieces / factor
    net, discount_net = Decimal(money(total / factor)), Decimal(money(discount / factor))
    percent = discount / before * 100 if before else Decimal(0)
    return {
        "item_unit_net_wo_discount": money(gross_wo / factor), "item_unit_gross_wo_discount": money(gross_wo),
        "item_unit_discount_net": money(discount / pieces / factor),
        "item_unit_discount_gross": money(discount / pieces), "item_unit_net": money(unit_net),
        "item_unit_tax": money(unit_gross - unit_net), "item_unit_gross": money(unit_gross),
        "item_discount_net": money(discount_net), "item_discount_tax": money(discount - discount_net),
        "item_discount_gross": money(discount), "item_discount_percentage": money(percent),
        "item_total_net": money(net), "item_total_gross": money(total), "item_total_tax": money(total - net),
        "item_discount_percentage_round_0": str(int(percent.to_integral_value(ROUND_HALF_UP))),
    }  # fmt: skip


def _sum(lines: list[Row], key: str) -> Decimal:
    return sum((Decimal(line[key]) for line in lines), Decimal(0))


def _totals(lines: list[Row]) -> Row:
    """`sale_total_quantity` counts lines, not pieces, as the real API does."""
    names = {f"sale_total_{part}": f"item_total_{part}" for part in ("net", "tax", "gross")}
    names |= {f"sale_total_discount_{part}": f"item_discount_{part}" for part in ("net", "tax", "gross")}
    totals: dict[str, Any] = {name: money(_sum(lines, key)) for name, key in names.items()}
    totals["sale_total_quantity"] = len(lines)
    for part in ("net", "gross"):
        amount = _sum(lines, f"item_total_{part}") + _sum(lines, f"item_discount_{part}")
        totals[f"sale_total_{part}_wo_discount"] = money(amount)
    return totals


def _taxes(lines: list[Row]) -> Row:
    by_rate: dict[str, list[Row]] = {}
    for line in lines:
        by_rate.setdefault(line["vat"], []).append(line)
    taxes = []
    for number, (text, taxed) in enumerate(sorted(by_rate.items())):
        net, gross = _sum(taxed, "item_total_net"), _sum(taxed, "item_total_gross")
        taxes.append({
            "tax_value": text, "tax_value_p": f"{Decimal(text) * 100:f}".rstrip("0").rstrip(".") + "%",
            "tax_label": taxed[0]["tax_label"], "tax_accounting_account": "", "total_net": money(net),
            "total_vat": money(gross - net), "total_gross": money(gross), "tax_letter_id": chr(65 + number),
        })  # fmt: skip
    return {"taxes": taxes, "taxes_conc": ", ".join(f"{tax['tax_value_p']}: {tax['total_vat']}" for tax in taxes)}


def turnover_row(day: str, weekday: int, sales: list[Row]) -> Row:
    """One day of the turnover calendar; `nb_products` counts pieces sold, those taken back not subtracted."""
    gross = net = pieces = Decimal(0)
    for sale in sales:
        for line in sale["line_items"]:
            total = line_total(line, sale)
            gross += total
            net += Decimal(money(total / (1 + Decimal(line["vat"]))))
            pieces += 0 if is_return(line) else Decimal(str(line["quantity"]))
    return {
        "date": day, "day_of_week": weekday, "total_incl_taxes": money(gross), "total_excl_taxes": money(net),
        "nb_sales": len(sales), "nb_products": int(pieces.to_integral_value(ROUND_HALF_UP)),
    }  # fmt: skip
