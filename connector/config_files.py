"""What an export folder is in `shops.yaml` (`pos.system: files`): its files, how they are written, which column is what.

A field without a default is one that its file must have; the others are read only when they are given a column.
"""

from __future__ import annotations

import io
import re
from pathlib import PurePath
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from connector.config_pos import PosAccount
from connector.config_values import Strict, Text, host_of, matching


def _check_pattern(value: str) -> str:
    if PurePath(value).is_absolute() or ".." in PurePath(value).parts:
        raise ValueError("must be a name inside the folder, like sales.csv or sales-*.csv")
    return value


def _check_encoding(value: str) -> str:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=value).close()
    except LookupError:
        raise ValueError("is no encoding that is known; utf-8, cp1252, iso-8859-15 and utf-16 are") from None
    return value


def _check_delimiter(value: str) -> str:
    value = {"tab": "\t"}.get(value, value)
    if len(value) != 1 or value in '"\r\n':
        raise ValueError("must be one character, like ';', or the word tab")
    return value


def _check_website(value: str) -> str:
    if not re.fullmatch(r"https://[!-z|~]+", value) or host_of(value) is None:
        raise ValueError("must be an https address, like https://shop.example")
    return value.rstrip("/")


def is_website(value: object) -> bool:
    """Whether it can be a `website`."""
    try:
        return isinstance(value, str) and bool(_check_website(value))
    except ValueError:
        return False


Pattern = Annotated[Text, AfterValidator(_check_pattern)]
Column = Text | None


class StoresColumns(Strict):
    store_id: Text
    name: Text
    currency: Text
    time_zone: Text


class SalesColumns(Strict):
    sale_id: Text
    store_id: Text
    customer_id: Text
    closed_at: Text
    total: Text
    day: Column = None
    reference: Column = None
    currency: Column = None
    external_reference: Column = None


class LinesColumns(Strict):
    sale_id: Text
    product_id: Text
    quantity: Text
    total: Text
    tax_rate: Text


class CustomersColumns(Strict):
    customer_id: Text
    email: Text
    first_name: Column = None
    last_name: Column = None
    phone: Column = None
    country: Column = None
    birth_date: Column = None
    last_order_date: Column = None
    loyalty_points: Column = None
    store_credit: Column = None
    prepaid_balance: Column = None
    consents: Column = None


class ProductsColumns(Strict):
    product_id: Text
    name: Text
    price: Text
    description: Column = None
    barcode: Column = None
    reference: Column = None
    promo_price: Column = None
    category_id: Column = None
    brand_id: Column = None
    archived: Column = None
    updated_at: Column = None


class CategoriesColumns(Strict):
    category_id: Text
    name: Text
    parent_id: Column = None
    enabled: Column = None


class BrandsColumns(Strict):
    brand_id: Text
    name: Text
    enabled: Column = None


class StockColumns(Strict):
    product_id: Text
    available: Text
    size_id: Column = None
    warehouse_id: Column = None


class _File(Strict):
    file: Pattern  # a name or a pattern; of several files, the newest in the order of their names counts


class StoresFile(_File):
    columns: StoresColumns


class SalesFile(_File):
    columns: SalesColumns


class LinesFile(_File):
    columns: LinesColumns


class CustomersFile(_File):
    columns: CustomersColumns


class ProductsFile(_File):
    columns: ProductsColumns


class CategoriesFile(_File):
    columns: CategoriesColumns


class BrandsFile(_File):
    columns: BrandsColumns


class StockFile(_File):
    columns: StockColumns


AnyFile = StoresFile | SalesFile | LinesFile | CustomersFile | ProductsFile | CategoriesFile | BrandsFile | StockFile


class FilesAccount(PosAccount):
    """A folder into which a till exports CSV or Parquet files."""

    monthly_calls: ClassVar[None] = None
    calls_for_others: ClassVar[int] = 0
    webhook_secret: ClassVar[None] = None
    erase_deleted: ClassVar[bool] = False

    system: Literal["files"]
    account: Annotated[str, matching(r"[A-Za-z0-9-]+", "must be letters, digits or '-'")]
    folder: Text  # of a loaded shop absolute; in the file it may be relative to it
    website: Annotated[str, AfterValidator(_check_website)]
    encoding: Annotated[Text, AfterValidator(_check_encoding)] = "utf-8"
    delimiter: Annotated[str, AfterValidator(_check_delimiter)] = ","
    decimal: Literal[".", ","] = "."
    dates: Literal["year_first", "day_first", "month_first"] = "year_first"
    tax_rates: Literal["fraction", "percent"] = "fraction"
    stores: StoresFile
    sales: SalesFile
    lines: LinesFile
    customers: CustomersFile
    products: ProductsFile
    categories: CategoriesFile | None = None
    brands: BrandsFile | None = None
    stock: StockFile | None = None
