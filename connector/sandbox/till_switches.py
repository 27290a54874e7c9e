"""One switch for every question about the Hiboutik API that its public sources leave open."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TillSwitches(BaseModel):
    """How the played till behaves. The defaults are the likeliest answers; every other value is a possible one."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    # GET /products_sold/
    #: `product_price` of one piece, or of the whole line.
    products_sold_price: Literal["unit", "line"] = "unit"
    #: `line`: an amount of the whole line, not subtracted from the price; `unit`: the same for one piece;
    #: `included`: an amount of the whole line that the price already has subtracted.
    products_sold_discount: Literal["line", "unit", "included"] = "line"
    #: Keys beyond the confirmed ones; known are line_item_id, product_size, customer_id, vendor_id, currency,
    #: line_item_id_return.
    products_sold_extra_keys: list[str] = ["product_size"]
    #: Keys that are absent all the same, such as `vat`.
    products_sold_missing_keys: list[str] = []
    products_sold_returns: bool = True
    products_sold_paging_headers: bool = True
    #: Whether `/products_sold/{store}/{y}/{m}/` (without a day) exists.
    products_sold_month: bool = False
    products_sold_date: Literal["datetime", "date"] = "datetime"
    products_sold_day: Literal["completed_at", "date_z"] = "completed_at"

    # GET /closed_sales/
    closed_sales_day: Literal["completed_at", "date_z"] = "completed_at"
    closed_sales_ref_key: bool = True
    #: Further keys of the sale that the rows carry, such as `date_z`, `points`, `quotation`.
    closed_sales_extra_keys: list[str] = []
    closed_sales_paginated: bool = True
    #: Whether open tickets are listed too (zero `completed_at`), under the day they were opened.
    closed_sales_with_open: bool = False
    #: What a day without sales is answered with; the same for its lines.
    closed_sales_empty: Literal["list", "404", "object", "null"] = "list"

    # Paging
    paging_headers: bool = True
    link_next: bool = True
    ignore_page: bool = False
    #: Added to the total that `Content-Range` tells.
    content_range_error: int = 0
    #: So many rows of a page are repeated on the next one (the order of rows is not guaranteed).
    page_overlap: int = Field(default=0, ge=0, lt=250)
    small_lists_paginated: bool = False
    stock_paginated: bool = False

    # Rows
    products_archived: bool = True
    unknown_id: Literal["404", "empty"] = "404"
    #: Keys beyond the 16 known ones in customer list rows: tags, customers_misc, comments, company, updated_at.
    customers_extra_keys: list[str] = []
    #: `/customers/lists/{id}` gives whole customer rows, or only their ids.
    customer_list_rows: Literal["customers", "ids"] = "customers"
    #: `/tags/customers/` gives groups with `tag_details`, or the tags themselves.
    tags_shape: Literal["groups", "flat"] = "groups"
    #: What the keys of `/customers/lists/` rows begin with: `list_id`, `customers_list_id`, or nothing (`id`, `name`).
    customer_list_keys: Literal["list_", "customers_list_", ""] = "list_"
    #: A return line is a negative quantity, or one taken back at a negative price.
    return_sign: Literal["quantity", "price"] = "quantity"
    #: Weighed quantities are JSON numbers or strings.
    fractions: Literal["number", "text"] = "number"
    #: `0.200` or `0.20000`; None: as the books have it.
    rate_decimals: int | None = None
    #: Keys of the sale detail: those seen in 2021, or those of 2025.
    sale_detail: Literal["2021", "2025"] = "2025"
    #: The turnover calendar has a row for every day of the month, or only for days with sales.
    turnover_empty_days: bool = True
    #: The other form of a path (with or without the last slash) answers directly, or redirects to this one.
    slash_redirect: Literal["none", "slash", "plain"] = "none"

    # Webhooks
    #: What becomes of `webhook_app_id_int`: kept as it was given, or read as a number (0 for a text).
    webhooks_app_id: Literal["text", "number"] = "text"
    #: Whether store 0 stands for all of them, or for none.
    webhooks_all_stores: bool = True
    #: Nothing is sent.
    webhooks_lost: bool = False
    #: How many times everything is sent.
    webhooks_copies: int = Field(default=1, ge=1)
    #: A message is held back until the next one was sent.
    webhooks_reordered: bool = False
    webhooks_delay_ms: int = Field(default=0, ge=0)

    # Limits
    #: Calls per calendar month and account, 429 beyond; None: 10,000 per store.
    quota: int | None = Field(default=None, ge=0)
    concurrency: int = Field(default=30, ge=0)
    #: Seconds in `Retry-After` of a 429; None: no such header.
    retry_after: int | None = None
    #: Every answer is held so long, counting as a call under way.
    hold_ms: int = Field(default=0, ge=0)

    # Errors; paths are prefixes after `/api/`, `""` is every path
    #: The user lacks the right to these: 403.
    forbidden: list[str] = []
    #: These answer 200 with an HTML page (a maintenance notice).
    html: list[str] = []
    error_body: Literal["json", "no_description", "text"] = "json"
