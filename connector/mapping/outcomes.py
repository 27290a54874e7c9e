"""Every reason for which a row of the till does not become a record, in one place.

A row ends in exactly one outcome: it is sent, skipped (a rule of the shop leaves it out), refused (it breaks a rule of
ShopiMind, or cannot be read) or failed (the till has not given all of it yet). A skip's reason is the bare word; a
refusal's reason is one of the sentences below, mostly followed by `: ` and what was found. Names, contact details and
birth dates are never part of a reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum


class Skip(StrEnum):
    """Why a rule of the shop leaves a row out. The first that applies, in this order."""

    ERASED = "erased"  # customer: he was erased (connector erase)
    ANONYMOUS = "anonymous"  # sale: it has no customer (customer 0), rule anonymous_sales
    UNKNOWN_CUSTOMER = "unknown_customer"  # sale: its customer no longer exists in the till, rule anonymous_sales
    CUSTOMER_WITHOUT_EMAIL = "customer_without_email"  # customer, or sale of one, rule customers_without_email
    WEB_ORDER = "web_order"  # sale: it came from a web shop (external reference), rule web_orders
    RETURN = "return"  # sale: its total is below zero, rule returns
    SHARED_EMAIL = "shared_email"  # newsletter subscriber: another customer stands for the same address
    CUSTOMER_NOT_DELIVERED = "customer_not_delivered"  # customer whose addresses wait: ShopiMind does not have him
    NOT_READ_YET = "not_read_yet"  # customer, product: the till's page of it has its turn in a later run
    PAGE_NOT_GIVEN = "page_not_given"  # customer, product: the till was asked for the page of it, and did not give it
    NO_ADDRESS = "no_address"  # customer: the till has no address of his
    EMPTY_ADDRESS = "empty_address"  # address: neither street nor postal code nor city
    ARCHIVED_PRODUCT = "archived_product"  # product whose images are not asked for: nobody can buy it any more
    PRODUCT_NOT_DELIVERED = "product_not_delivered"  # product whose images wait: ShopiMind does not have it
    NO_IMAGE = "no_image"  # product: the till has no image of it
    NO_LINE = "no_line"  # sale: no line is left to send


class Refusal(StrEnum):
    """What of a row breaks a rule of ShopiMind, or cannot be read at all."""

    ROW_UNREADABLE = "the row could not be read"  # any row: the till's value has the wrong type (`problems`)
    BAD_ID = "not an id that can be sent"  # any id: missing, not 1 to 99,999,999, or past 2^31 - 1 with the offset
    EMPTY_NAME = "the name is empty"  # product, category, manufacturer, variation, customer group
    BAD_DATE = "impossible date"  # any date: not of the calendar, or not written as the till writes dates
    NO_DATE = "no closing time"  # sale: a closed sale without the time of its closing
    BAD_AMOUNT = "not an amount"  # any money: not a decimal number below 10^12
    NEGATIVE_PRICE = "the price is below zero"  # product, variation
    BAD_URL = "not a web address"  # image
    BAD_QUANTITY = "not a quantity"  # stock, line: not a number, or past 2^31 - 1
    BAD_TAX_RATE = "not a tax rate"  # line: not a fraction from 0 to 1
    BAD_POINTS = "not a whole number of points"  # profile
    BAD_CURRENCY = "not a currency"  # sale, product, profile: not three capital letters
    UNKNOWN_STORE = "not one of the till's stores"  # sale: no child source to tag it with
    BAD_NUMBER = (
        "not a number that can be sent"  # custom data: not a number, with a fraction where none may be, too large
    )
    BAD_OPTION = "not one of the list's options"  # custom data
    NO_VALUE = "there is no value, and the field needs one"  # custom data: a required field, or a unique key; address
    SAME_KEY = "another row has the same unique key"  # custom data, address: the first of such rows is sent
    LINES_NOT_READ = (
        "the sale's lines were not read"  # sale: no rule skips it, yet the till was not asked for its lines
    )


class Refused(Exception):
    """A row cannot be sent because of one ShopiMind field. Caught where the row becomes a record, never beyond."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def refusal(field: str, kind: Refusal, found: object = None) -> Refused:
    """The exception for `kind`, with what was found (`None`: nothing worth showing), cut after 40 characters."""
    if found is None:
        return Refused(field, kind.value)
    shown = found[:40] if isinstance(found, str) else found
    return Refused(field, f"{kind.value}: {shown!r}")


def not_read_whole(problems: str | None) -> str:
    """Why a sale fails whose lines, or what else of it is needed, did not come from the till."""
    why = re.sub(r"^sale \d+: ", "", problems or "")
    return "the till did not give all of it" + (f": {why}" if why else "")


_KEY_OF_PROBLEM = re.compile(r"\s*([A-Za-z_]*)(\[[0-9]+\])?:")


def unreadable_row(problems: str, fields: Mapping[str, str]) -> Refused:
    """The exception for a row whose `problems` the till's reader wrote as `<key>: <what>` or `<key>[<place>]: <what>`.

    `fields` says which ShopiMind field each key would have filled; the first one stands for problems of no key.
    """
    found = _KEY_OF_PROBLEM.match(problems)
    known = found is not None and found[1] in fields
    field = fields[found[1]] + (found[2] or "") if found and known else next(iter(fields.values()))
    return Refused(field, f"{Refusal.ROW_UNREADABLE.value}: {problems}")
