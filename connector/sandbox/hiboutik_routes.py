"""Which path of the Hiboutik API answers with what."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from connector.sandbox.accounts import Row
from connector.sandbox.hiboutik_sale import sale_detail, turnover_row
from connector.sandbox.hiboutik_shapes import (
    CUSTOMER,
    CUSTOMER_SALE,
    PLAIN,
    SEARCHED_SALE,
    closed_sale_row,
    customer_detail,
    customer_row,
    is_return,
    picked,
    product_detail,
    product_row,
    sold_row,
    sold_rows,
)
from connector.sandbox.till import Till
from connector.sandbox.till_switches import TillSwitches


@dataclass(frozen=True)
class Call:
    """One authorised call. `path` has no slashes around it; `now` is the server's clock."""

    till: Till
    switches: TillSwitches
    method: str
    path: str
    query: dict[str, str]
    body: Row
    now: datetime


@dataclass(frozen=True)
class Listing:
    """A list, of which only the asked page is shaped. `headers`: whether it tells its paging."""

    items: Sequence[Any]
    shape: Callable[[Any], Row]
    paged: bool = True
    headers: bool = True


@dataclass(frozen=True)
class One:
    """A "get one" answer: an array of one object, or nothing."""

    row: Row | None


@dataclass(frozen=True)
class Value:
    """Any other JSON answer."""

    body: Any
    status: int = 200


Reply = Listing | One | Value | None


def reply_to(call: Call) -> Reply:
    """The answer to a call; None when there is no such path or method."""
    for method, pattern, answer in ROUTES:
        found = pattern.fullmatch(call.path)
        if found and method == call.method.replace("HEAD", "GET"):
            return answer(call, *(int(part) if part.isdecimal() else part for part in found.groups()))
    return None


# --- small lists ---


def _plain(kind: str) -> Callable[..., Reply]:
    """A small list as it is; `order_by` and `sort` work on any of its keys."""

    def answer(call: Call) -> Reply:
        rows = [picked(row, PLAIN[kind]) for row in call.till.rows(kind)]
        if (name := call.query.get("order_by")) in PLAIN[kind]:
            rows.sort(key=lambda row: row[name], reverse=call.query.get("sort", "").upper() == "DESC")
        return Listing(rows, _same, paged=call.switches.small_lists_paginated)

    return answer


def _same(row: Row) -> Row:
    return row


def _payment_types(call: Call, store_id: int) -> Reply:
    rows = [row for row in call.till.rows("payment_types") if row["store_id"] == store_id]
    return Listing([picked(row, PLAIN["payment_types"]) for row in rows], _same, paged=False)


def _sizes(call: Call, size_type_id: int) -> Reply:
    rows = [row for row in call.till.rows("sizes") if row["size_type_id"] == size_type_id]
    return Listing([picked(row, PLAIN["sizes"]) for row in rows], _same, paged=call.switches.small_lists_paginated)


def _tags(call: Call, whose: str) -> Reply:
    groups = [group for group in call.till.rows("tags") if group.get("of", "customers") == whose]
    if call.switches.tags_shape == "flat":
        return Listing([tag for group in groups for tag in group["tag_details"]], _same, paged=False)
    return Listing([picked(group, PLAIN["tags"]) for group in groups], _same, paged=False)


def _tags_of(till: Till, tag_ids: list[int]) -> list[Row]:
    details = [tag for group in till.rows("tags") for tag in group["tag_details"]]
    return [tag for tag in details if tag["tag_id"] in tag_ids]


# --- customers ---


def _customer_shape(call: Call) -> Callable[[Any], Row]:
    def shape(key: int) -> Row:
        row = call.till.row("customers", key) or {}
        return customer_row(row, _tags_of(call.till, row.get("tags", [])), call.switches)

    return shape


def _customers(call: Call) -> Reply:
    return Listing(call.till.keys("customers"), _customer_shape(call))


def _customers_search(call: Call) -> Reply:
    wanted = {name: value.lower() for name, value in call.query.items() if name in CUSTOMER}
    found = [
        key
        for key in call.till.keys("customers")
        if (row := call.till.row("customers", key)) is not None
        and all(str(row.get(name, "")).lower() == value for name, value in wanted.items())
    ]
    return Listing(found, _customer_shape(call))


def _customer(call: Call, customer_id: int) -> Reply:
    row = call.till.row("customers", customer_id)
    return One(row and customer_detail(row, call.till.sales_of_customer(customer_id)))


def _customer_sales(call: Call, customer_id: int) -> Reply:
    return Listing(call.till.sales_of_customer(customer_id), lambda sale: picked(sale, CUSTOMER_SALE))


def _customer_tags(call: Call, customer_id: int) -> Reply:
    row = call.till.row("customers", customer_id)
    return Listing(_tags_of(call.till, row.get("tags", [])), _same, paged=False) if row else One(None)


def _customer_lists(call: Call) -> Reply:
    start = call.switches.customer_list_keys
    rows = [
        {f"{start}{key.removeprefix('list_')}": value for key, value in picked(row, PLAIN["customer_lists"]).items()}
        for row in call.till.rows("customer_lists")
    ]
    return Listing(rows, _same, paged=call.switches.small_lists_paginated)


def _customer_list(call: Call, list_id: int) -> Reply:
    if call.till.row("customer_lists", list_id) is None:
        return One(None)
    members = [
        key
        for key in call.till.keys("customers")
        if list_id in (call.till.row("customers", key) or {}).get("lists", [])
    ]
    if call.switches.customer_list_rows == "ids":
        return Listing(members, lambda key: {"customers_id": key})
    return Listing(members, _customer_shape(call))


# --- products and stock ---


def _products(call: Call) -> Reply:
    till, keys = call.till, call.till.keys("products")
    if not call.switches.products_archived:
        keys = [key for key in keys if not (till.row("products", key) or {}).get("product_arch")]
    return Listing(keys, lambda key: product_row(till.row("products", key) or {}))


def _product(call: Call, product_id: int) -> Reply:
    till, row = call.till, call.till.row("products", product_id)
    if row is None:
        return One(None)
    brand = till.row("brands", row.get("product_brand", 0)) or {}
    tax = till.row("taxes", row.get("product_vat", 0)) or {}
    row = row | {"tags": _tags_of(till, row.get("tags", []))}
    return One(product_detail(row, brand, tax, till.stock_of(product_id), call.switches))


def _product_tags(call: Call, product_id: int) -> Reply:
    row = call.till.row("products", product_id)
    return Listing(_tags_of(call.till, row.get("tags", [])), _same, paged=False) if row else One(None)


def _stock(call: Call) -> Reply:
    return _stock_rows(call, lambda key: True)


def _stock_of_warehouse(call: Call, warehouse_id: int) -> Reply:
    return _stock_rows(call, lambda key: key[2] == warehouse_id)


def _stock_rows(call: Call, wanted: Callable[[Any], bool]) -> Reply:
    keys = [key for key in call.till.keys("stock") if wanted(key)]
    shape = PLAIN["stock"]
    return Listing(keys, lambda key: picked(call.till.row("stock", key) or {}, shape), call.switches.stock_paginated)


def _stock_of_product(call: Call, product_id: int) -> Reply:
    names = ("product_id", "product_size", "warehouse_id", "stock_available", "inventory_alert")
    rows = [{name: row[name] for name in names} for row in call.till.stock_of(product_id)]
    return Listing(rows, _same, paged=False)


# --- sales ---


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


_NOTHING: dict[str, Reply] = {"list": Value([]), "404": None, "object": Value({}), "null": Value(None)}


def _closed_sales(call: Call, store_id: int, year: int, month: int, day: int) -> Reply:
    when, switches = _day(year, month, day), call.switches
    if when is None or call.till.row("stores", store_id) is None:
        return Listing([], _same)
    sales = call.till.sales_of_day(store_id, when, switches.closed_sales_day, switches.closed_sales_with_open)
    if not sales:
        return _NOTHING[switches.closed_sales_empty]
    return Listing(sales, lambda sale: closed_sale_row(sale, switches), paged=switches.closed_sales_paginated)


def _sales_of(call: Call, store_id: int, year: int, month: int, day: int | None) -> list[Row]:
    """Sales that `products_sold` covers: of a day, or of a whole month."""
    days = [day] if day else range(1, 32)
    dates = [when for number in days if (when := _day(year, month, number))]
    return [s for when in dates for s in call.till.sales_of_day(store_id, when, call.switches.products_sold_day)]


def _products_sold(call: Call, store_id: int, year: int, month: int, day: int | None = None) -> Reply:
    switches = call.switches
    rows = [row for sale in _sales_of(call, store_id, year, month, day) for row in sold_rows(sale, switches)]
    if not rows and day is not None:
        return _NOTHING[switches.closed_sales_empty]
    return Listing(rows, _same, headers=switches.products_sold_paging_headers)


def _products_sold_month(call: Call, store_id: int, year: int, month: int) -> Reply:
    return _products_sold(call, store_id, year, month) if call.switches.products_sold_month else None


def _products_returned(call: Call, store_id: int, year: int, month: int, day: int) -> Reply:
    sales = _sales_of(call, store_id, year, month, day)
    rows = [sold_row(line, sale, call.switches) for sale in sales for line in sale["line_items"] if is_return(line)]
    return Listing(rows, _same, headers=call.switches.products_sold_paging_headers)


def _open_sales(call: Call, store_id: int) -> Reply:
    return Listing(call.till.unclosed_sales(store_id), lambda sale: picked(sale, SEARCHED_SALE))


def _first_closed_sale(call: Call, store_id: int) -> Reply:
    sale = call.till.first_closed_sale(store_id)
    return Value([closed_sale_row(sale, call.switches)] if sale else [])


def _sale(call: Call, sale_id: int) -> Reply:
    sale = call.till.sale(sale_id)
    return One(sale and sale_detail(sale, call.till, call.switches, call.now))


def _sales_search(call: Call) -> Reply:
    text = call.query.get("customer_id", "")
    sales = call.till.sales_of_customer(int(text)) if text.isdecimal() else []
    return Listing(sales, lambda sale: picked(sale, SEARCHED_SALE))


def _sales_by_reference(call: Call, reference: Any) -> Reply:
    found = call.till.sales_with_reference(str(reference))
    return Listing(found, lambda sale: picked(sale, SEARCHED_SALE))


def _turnover(call: Call, store_id: int, year: int, month: int) -> Reply:
    if _day(year, month, 1) is None:
        return Value([])
    rows = []
    for number in range(1, calendar.monthrange(year, month)[1] + 1):
        day = date(year, month, number)
        sales = call.till.sales_of_day(store_id, day, call.switches.closed_sales_day)
        if sales or call.switches.turnover_empty_days:
            rows.append(turnover_row(day.isoformat(), day.isoweekday(), sales))
    return Value(rows)


# --- webhooks (what is sent to them: `connector.sandbox.till_sender`) ---


def _add_webhook(call: Call) -> Reply:
    known = {name: value for name, value in call.body.items() if name in PLAIN["webhooks"] and name != "webhook_id"}
    for name in ("webhook_store_id", "webhook_async"):  # a form's values are texts
        known[name] = int(known.get(name) or 0)
    if call.switches.webhooks_app_id == "number":
        text = str(known.get("webhook_app_id_int", ""))
        known["webhook_app_id_int"] = int(text) if text.isdecimal() else 0
    row = call.till.put("webhooks", known)
    return Value({"webhook_id": row["webhook_id"]})


def _delete_webhook(call: Call, webhook_id: int) -> Reply:
    return Value({"webhook_id": webhook_id}) if call.till.delete("webhooks", webhook_id) else One(None)


def _route(method: str, path: str, answer: Callable[..., Reply]) -> tuple[str, re.Pattern[str], Callable[..., Reply]]:
    """`{n}` stands for a number (zero-padded or not), `{s}` for any text without a slash."""
    return method, re.compile(path.replace("{n}", r"(\d+)").replace("{s}", r"([^/]+)")), answer


ROUTES = [
    *(_route("GET", kind, _plain(kind)) for kind in ("stores", "warehouses", "users", "taxes", "categories")),
    *(_route("GET", kind, _plain(kind)) for kind in ("brands", "suppliers", "size_types", "webhooks")),
    _route("GET", "payment_types/{n}", _payment_types),
    _route("GET", "sizes/{n}", _sizes),
    _route("GET", "tags/(customers|products)", _tags),
    _route("GET", "customers_tags/{n}", _customer_tags),
    _route("GET", "products_tags/{n}", _product_tags),
    _route("GET", "customers/lists", _customer_lists),
    _route("GET", "customers/lists/{n}", _customer_list),
    _route("GET", "customers/search", _customers_search),
    _route("GET", "customers", _customers),
    _route("GET", "customer/{n}", _customer),
    _route("GET", "customer/{n}/sales", _customer_sales),
    _route("GET", "products", _products),
    _route("GET", "products/{n}", _product),
    _route("GET", "stock_available/all_wh", _stock),
    _route("GET", "stock_available/warehouse_id/{n}", _stock_of_warehouse),
    _route("GET", "stock_available/product_id/{n}", _stock_of_product),
    _route("GET", "open_sales/{n}", _open_sales),
    _route("GET", "closed_sales/{n}/{n}/{n}/{n}", _closed_sales),
    _route("GET", "first_closed_sale/{n}", _first_closed_sale),
    _route("GET", "sales/search", _sales_search),
    _route("GET", "sales/search/ext_ref/{s}", _sales_by_reference),
    _route("GET", "sales/{n}", _sale),
    _route("GET", "products_sold/{n}/{n}/{n}/{n}", _products_sold),
    _route("GET", "products_sold/{n}/{n}/{n}", _products_sold_month),
    _route("GET", "products_returned/{n}/{n}/{n}/{n}", _products_returned),
    _route("GET", "reports/turnover/{n}/{n}/{n}", _turnover),
    _route("POST", "webhooks", _add_webhook),
    _route("DELETE", "webhooks/{n}", _delete_webhook),
]
