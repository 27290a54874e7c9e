"""From stored rows to the JSON objects of the Hiboutik API: key names, order, types and the arithmetic of a sale."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connector.sandbox.till_switches import TillSwitches

Row = dict[str, Any]

ZERO_TIME = "0000-00-00 00:00:00"
ZERO_DATE = "0000-00-00"

#: Kinds whose rows are the same in every answer: key -> value where the stored row has none.
PLAIN: dict[str, Row] = {
    "stores": {
        "store_id": 0, "store_name": "", "store_warehouse_id": 1, "store_default_currency": "EUR",
        "store_default_payment_method": "CB", "store_time_zone": "Europe/Paris", "discounts": [],
    },
    "warehouses": {"warehouse_id": 0, "warehouse_name": ""},
    "users": {
        "user_id": 0, "user_last_name": "", "user_first_name": "", "user_email": "", "user_validity": ZERO_DATE,
    },
    "taxes": {
        "tax_id": 0, "tax_name": "", "tax_value": "0.00000", "tax_enabled": 1, "tax_default": 0, "tax_position": 0,
    },
    "payment_types": {
        "payment_type": "", "currency": "EUR", "accounting_account": "", "enabled": 1, "open_drawer": 0,
    },
    "categories": {
        "category_id": 0, "category_name": "", "category_id_parent": 0, "category_enabled": 1,
        "category_enabled_www": 1, "category_position": 0, "category_bck_color": "#FFFFFF",
        "category_color": "#000000",
    },
    "brands": {"brand_id": 0, "brand_name": "", "brand_enabled": 1, "brand_enabled_www": 1, "brand_position": 0},
    "suppliers": {
        "supplier_id": 0, "supplier_name": "", "supplier_enabled": 1, "supplier_position": 0, "supplier_email": "",
        "supplier_ref_ext": "",
    },
    "size_types": {"size_type_id": 0, "size_type_name": "", "size_type_enabled": 1, "size_type_position": 0},
    "sizes": {"size_id": 0, "size_type_id": 0, "size_name": "", "size_enabled": 1, "size_position": 0},
    "tags": {"tag_cat_id": 0, "tag_cat": "", "tag_details": []},
    "customer_lists": {"list_id": 0, "list_name": ""},
    "webhooks": {
        "webhook_id": 0, "webhook_label": "", "webhook_url": "", "webhook_action": "", "webhook_app_id_int": "",
        "webhook_store_id": 0, "webhook_async": 0,
    },
    "stock": {
        "product_id": 0, "product_size": 0, "warehouse_id": 0, "stock_available": 0, "inventory_alert": 0,
        "product_barcode": "", "product_supplier_reference": "",
    },
}  # fmt: skip

CUSTOMER: Row = {
    "customers_id": 0, "last_name": "", "first_name": "", "email": "", "phone": "", "vat": "", "country": "",
    "date_of_birth": ZERO_DATE, "validity": ZERO_DATE, "loyalty_points": 0, "intial_loyalty_points": 0,
    "prepaid_purchases": "0.00", "store_credit": "0.00", "customers_ref_ext": "", "last_order_date": ZERO_DATE,
    "customers_code": "",
}  # fmt: skip
CUSTOMER_EXTRA: Row = {"company": "", "customers_misc": "", "comments": "", "updated_at": ZERO_TIME}
ADDRESS: Row = {
    "address_id": 0, "customers_id": 0, "creation_date": ZERO_TIME, "gender": 0, "first_name": "", "last_name": "",
    "company": "", "email": "", "phone": "", "address": "", "zip_code": "", "city": "", "state": "", "country": "",
    "other": "", "default": 1, "tax_number": "", "company_number": "", "legal_status": "",
}  # fmt: skip

PRODUCT: Row = {
    "product_id": 0, "product_model": "", "product_barcode": "", "product_brand": 0, "product_supplier": 0,
    "product_price": "0.00", "product_discount_price": "0.00", "product_supply_price": "0.00", "points_in": 0,
    "points_out": 0, "product_category": 0, "product_size_type": 0, "product_package": 0,
    "product_stock_management": 1, "product_supplier_reference": "", "product_vat": 0, "product_display": 1,
    "product_display_www": 1, "product_arch": 0, "products_desc": "", "product_font_color": "#000000",
    "product_bck_btn_color": "#CCCCCC", "products_ref_ext": "", "product_order": 0, "weight": "0.00", "multiple": 1,
    "updated_at": ZERO_TIME, "product_specific_rules": [],
}  # fmt: skip
PRODUCT_DETAIL: Row = {
    "short_label": "", "product_storage_location": "", "accounting_account": "", "misc_date": ZERO_DATE,
    "misc_decimal": "0.00", "misc_int": 0, "misc_text": "", "misc_varchar": "", "misc_varchar2": "",
    "active_sizes": [], "associated_products": [], "linked_products": [], "images": [], "tags": [],
}  # fmt: skip

CLOSED_SALE: Row = {
    "sale_id": 0, "created_at": ZERO_TIME, "completed_at": ZERO_TIME, "store_id": 0, "vendor_id": 0,
    "unique_sale_id": "", "customer_id": 0, "currency": "EUR", "payment": "", "billing_address": 0,
    "shipping_address": 0, "resource_id": 0, "guests_number": 0, "total": "0.00",
}  # fmt: skip
SEARCHED_SALE: Row = CLOSED_SALE | {"takeaway": 0, "pickup_date": ZERO_TIME, "sale_ext_ref": ""}
CUSTOMER_SALE: Row = {
    "sale_id": 0, "created_at": ZERO_TIME, "completed_at": ZERO_TIME, "date_z": 0, "store_id": 0, "vendor_id": 0,
    "unique_sale_id": "", "customer_id": 0, "currency": "EUR", "total": "0.00", "billing_address": 0,
    "shipping_address": 0,
}  # fmt: skip

#: The cent and the finest rate.
CENT = Decimal("0.01")


def picked(row: Row, template: Row) -> Row:
    """The template's keys in its order, with the row's values where it has them."""
    return {key: row.get(key, usual) for key, usual in template.items()}


def money(amount: Decimal | int) -> str:
    """Two decimals, half up: `"39.00"`."""
    return str(Decimal(amount).quantize(CENT, ROUND_HALF_UP))


def rate(text: str, switches: TillSwitches) -> str:
    """A tax rate in the account's format: `"0.200"` or `"0.20000"`."""
    if switches.rate_decimals is None:
        return text
    return str(Decimal(text).quantize(Decimal(1).scaleb(-switches.rate_decimals)))


def quantity(value: Any, switches: TillSwitches) -> int | float | str:
    """Whole quantities as integers, weighed ones as the switch says."""
    exact = Decimal(str(value))
    if exact == exact.to_integral_value():
        return int(exact)
    return str(exact) if switches.fractions == "text" else float(exact)


def line_gross_price(line: Row, sale: Row) -> Decimal:
    """The unit price with tax. `product_price` is net when the sale's prices are without taxes."""
    price = Decimal(line["product_price"])
    return price * (1 + Decimal(line["vat"])) if sale.get("prices_without_taxes") else price


def line_total(line: Row, sale: Row) -> Decimal:
    """What was paid for a line, with tax, in cents: the stored `item_total_gross`, else price x quantity - discount."""
    if "item_total_gross" in line:
        return Decimal(line["item_total_gross"])
    price, pieces = line_gross_price(line, sale), Decimal(str(line["quantity"]))
    return (price * pieces - Decimal(line.get("discount", "0"))).quantize(CENT, ROUND_HALF_UP)


def is_return(line: Row) -> bool:
    """A line that takes goods back."""
    return bool(line.get("line_item_id_return")) or Decimal(str(line["quantity"])) < 0


# --- customers and products ---


def customer_row(row: Row, tags: Iterable[Row], switches: TillSwitches) -> Row:
    """The list and search form; tags as `customers_tags` gives them when the switch adds that key."""
    extra = {key: row.get(key, CUSTOMER_EXTRA.get(key, "")) for key in switches.customers_extra_keys if key != "tags"}
    if "tags" in switches.customers_extra_keys:
        extra["tags"] = list(tags)
    return picked(row, CUSTOMER) | extra


def customer_detail(row: Row, sales: Iterable[Row]) -> Row:
    addresses = [
        picked(address, ADDRESS | {"customers_id": row["customers_id"]}) for address in row.get("addresses", [])
    ]
    return {
        **picked(row, CUSTOMER), **picked(row, CUSTOMER_EXTRA),
        "addresses": addresses, "sales": [picked(sale, CUSTOMER_SALE) for sale in sales],
    }  # fmt: skip


def product_row(row: Row) -> Row:
    """The list form: 28 keys, and every size of the product's size type where it has one."""
    sizes = {"product_size_details": row["product_size_details"]} if row.get("product_size_type") else {}
    return picked(row, PRODUCT) | sizes


def product_detail(row: Row, brand: Row, tax: Row, stock: list[Row], switches: TillSwitches) -> Row:
    """The detail form: the description under its other name, sizes that are in use only, stock and texts added."""
    detail = product_row(row)
    detail["product_desc"] = detail.pop("products_desc")
    levels = [{key: value for key, value in level.items() if key in STOCK_KEYS} for level in stock]
    detail |= picked(row, PRODUCT_DETAIL) | {
        "product_brand_name": brand.get("brand_name", ""),
        "product_vat_value": rate(tax.get("tax_value", "0.00000"), switches),
        "stock_available": levels,
        "stock_available_global": sum(level["stock_available"] for level in levels),
    }
    if "product_size_details" in detail:
        in_use = {level["product_size"] for level in levels}
        detail["product_size_details"] = [size for size in row["product_size_details"] if size["size_id"] in in_use]
        detail["active_sizes"] = sorted(in_use)
    return detail


STOCK_KEYS = ("product_id", "product_size", "warehouse_id", "stock_available", "inventory_alert")


# --- sales in lists ---


def closed_sale_row(sale: Row, switches: TillSwitches) -> Row:
    template = SEARCHED_SALE if switches.closed_sales_ref_key else CLOSED_SALE
    return picked(sale, template) | {key: sale.get(key, 0) for key in switches.closed_sales_extra_keys}


def sold_rows(sale: Row, switches: TillSwitches) -> list[Row]:
    """The `products_sold` rows of one sale."""
    lines = sale["line_items"]
    if not switches.products_sold_returns:
        lines = [line for line in lines if not is_return(line)]
    return [sold_row(line, sale, switches) for line in lines]


def sold_row(line: Row, sale: Row, switches: TillSwitches) -> Row:
    """One `products_sold` row. What its price and discount mean is up to the switches."""
    pieces = Decimal(str(line["quantity"])) or Decimal(1)
    discount = Decimal(line.get("discount", "0"))
    price, whole = Decimal(line["product_price"]), Decimal(line["product_price"]) * pieces
    if switches.products_sold_discount == "included":
        price, whole = (whole - discount) / pieces, whole - discount
    if switches.products_sold_discount == "unit":
        discount = discount / pieces
    if line["product_id"] and pieces < 0 and switches.return_sign == "price":
        pieces, price = -pieces, -price
    shown = whole if switches.products_sold_price == "line" else price
    day = sale["completed_at"] if switches.products_sold_date == "datetime" else sale["completed_at"][:10]
    row: Row = {"sale_id": sale["sale_id"], "sale_date": day, "store_id": sale["store_id"]}
    row["product_id"] = line["product_id"]
    for key in switches.products_sold_extra_keys:
        row[key] = line.get(key, sale.get(key, 0))
    row["quantity"] = quantity(pieces if line["quantity"] else 0, switches)
    row["product_price"] = money(shown)
    row["vat"] = rate(line["vat"], switches)
    row["discount"] = money(discount)
    return {key: value for key, value in row.items() if key not in switches.products_sold_missing_keys}
