"""What a configured shop is: its keys, their defaults, and what each value may be."""

from __future__ import annotations

import re
import string
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from connector.config_custom_data import CustomDataList
from connector.config_events import EventList
from connector.config_files import FilesAccount
from connector.config_pos import HiboutikAccount
from connector.config_values import Address, Country, Day, Lang, Secret, Strict, Text, WholeNumber, host_of, matching

HIGHEST_ID = 2**31 - 1  # the largest integer id that ShopiMind is given
IDS_PER_SHOP = 100_000_000  # a shop owns offset .. offset + 99,999,999

DEFAULT_HISTORY_DAYS = 365
HistoryDays = Annotated[WholeNumber, Field(gt=0, le=36_500)]  # a century: every day is looked at

DEFAULT_SHOPIMIND_URL = "https://core.shopimind.com"


def _check_product_link(value: str) -> str:
    allowed = {"account", "product_id"}
    try:
        fields = [part[1:] for part in string.Formatter().parse(value) if part[1] is not None]
    except ValueError:
        raise ValueError("has a brace that is not closed or not opened") from None
    if any(name not in allowed or spec or conversion for name, spec, conversion in fields):
        raise ValueError("may only use {account} and {product_id}")
    filled = value.format(account="a", product_id=1)
    if not filled.startswith("https://") or not re.fullmatch(r"[!-~]+", filled) or host_of(filled) is None:
        raise ValueError("must be an https address, like https://shop.example/{product_id}")
    return str(value)


def _check_not_future(value: date) -> date:
    # until it is known in which time zone the stores are, the day is today where today begins first
    if value > (datetime.now(UTC) + timedelta(hours=14)).date():
        raise ValueError("must not be in the future")
    return value


def check_offset(value: int) -> int:
    """An offset whose whole range of ids is allowed. Raises `ValueError`."""
    if value < 0:
        raise ValueError("must be 0 or more")
    if value + IDS_PER_SHOP - 1 > HIGHEST_ID:
        raise ValueError(
            f"must be at most {HIGHEST_ID - IDS_PER_SHOP + 1}: the shop owns offset to offset + 99,999,999, "
            f"and no id may pass {HIGHEST_ID}"
        )
    return value


def _none_word(value: Any) -> Any:
    return None if value == "none" else value


def empty_mapping(value: Any) -> Any:
    """A key that is there without a value counts as an empty mapping."""
    return {} if value is None else value


class Consent(Strict):
    """Where the merchant keeps a customer's agreement to be written to. Exactly one of the three."""

    tag: Text | None = None
    list: Text | None = None
    misc: Text | None = None


class Rules(Strict):
    """Section 5 of the contract; every rule has a default."""

    customers_without_email: Literal["skip", "send"] = "skip"
    anonymous_sales: Literal["skip", "send"] = "skip"
    web_orders: Literal["skip", "send"] = "skip"
    returns: Literal["skip", "send"] = "skip"
    return_lines: Literal["drop", "send"] = "drop"
    line_without_product: Literal["misc_product", "drop"] = "misc_product"
    fractional_quantity: Literal["one", "round"] = "one"
    consent: Annotated[Consent | None, BeforeValidator(_none_word)] = None
    variations: Literal["skip", "send"] = "skip"
    customer_groups: Literal["none", "tags", "lists"] = "none"
    newsletter: Literal["skip", "send"] = "skip"
    addresses: Literal["skip", "send"] = "skip"
    images: Literal["skip", "send"] = "skip"
    customers_source: Literal["home_store", "parent"] = "home_store"
    product_link: Annotated[str, AfterValidator(_check_product_link)] = (
        "https://{account}.hiboutik.com/?product_id={product_id}"
    )


class Identifiers(Strict):
    """How the shop's ids are kept apart from everyone else's in ShopiMind."""

    prefix: Annotated[str, matching(r"[A-Za-z0-9_-]{1,16}", "must be 1 to 16 letters, digits, '_' or '-'")]
    offset: Annotated[WholeNumber, AfterValidator(check_offset)]


class ShopiMindAccount(Strict):
    """A loaded shop has a token, unless it names an `installation_id`: then the webhook brings it."""

    access_token: Secret | None = None
    base_url: Address = DEFAULT_SHOPIMIND_URL
    # at most: `connector.shops` divides it among the shops of one token
    requests_in_flight: Annotated[WholeNumber, Field(gt=0, le=8)] = 8


POS_ACCOUNTS: dict[str, type[HiboutikAccount] | type[FilesAccount]] = {
    "hiboutik": HiboutikAccount,
    "files": FilesAccount,
}


def system_of(pos: Any) -> str:
    """By which system's keys an account is checked; what names none that exists, by those it looks most like."""
    system = pos.get("system") if isinstance(pos, dict) else getattr(pos, "system", None)
    if system in POS_ACCOUNTS:
        return str(system)
    return "files" if isinstance(pos, dict) and "folder" in pos else "hiboutik"


class Shop(Strict):
    """One tenant: one ShopiMind installation fed by one POS account."""

    key: Annotated[str, matching(r"[a-z0-9-]{1,40}", "must be 1 to 40 lower-case letters, digits or '-'")]
    label: Text
    lang: Lang
    country: Country = "FR"
    installation_id: Text | None = None  # ShopiMind's webhooks about this installation govern the shop
    shopimind: Annotated[ShopiMindAccount, BeforeValidator(empty_mapping)] = ShopiMindAccount()
    pos: Annotated[
        Annotated[HiboutikAccount, Tag("hiboutik")] | Annotated[FilesAccount, Tag("files")], Discriminator(system_of)
    ]
    identifiers: Identifiers
    # None: `history_days` before the first sync, remembered from then on
    first_day: Annotated[Day, AfterValidator(_check_not_future)] | None = None
    history_days: HistoryDays = DEFAULT_HISTORY_DAYS
    rules: Annotated[Rules, BeforeValidator(empty_mapping)] = Rules()
    # none unless asked for: an event can start a campaign
    events: EventList = ()
    custom_data: CustomDataList = ()  # definitions beside pos_profile
