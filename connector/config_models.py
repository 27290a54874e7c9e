"""What a configured shop is: its keys, their defaults, and what each value may be."""

from __future__ import annotations

import re
import string
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import pycountry
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from connector.http import check_base_url

HIGHEST_ID = 2**31 - 1  # the largest integer id that ShopiMind is given
IDS_PER_SHOP = 100_000_000  # a shop owns offset .. offset + 99,999,999

DEFAULT_SHOPIMIND_URL = "https://core.shopimind.com"


class FromEnvironment(str):
    """Text that `${NAME}` gave: YAML never typed it, so a number may be read out of it."""


def _matching(pattern: str, sentence: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(sentence)
        return str(value)

    return AfterValidator(check)


def _check_text(value: str) -> str:
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in value):
        raise ValueError("must not contain control characters or line breaks")
    if not value.strip():
        raise ValueError("must not be empty")
    return value.strip()


def _check_login(value: str) -> str:
    if ":" in value:
        raise ValueError("must not contain ':' (it ends the login in HTTP basic authentication)")
    return value


def _check_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text:
        raise ValueError("must not be empty")
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError(
            "has a character that no token has: white space, a line break, a control or non-ASCII character"
        )
    return value


def _check_lang(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}", value) or pycountry.languages.get(alpha_2=value) is None:
        raise ValueError("must be an ISO 639-1 language: two lower-case letters, like fr")
    return str(value)


def _check_country(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", value) or pycountry.countries.get(alpha_2=value) is None:
        raise ValueError("must be an ISO 3166 alpha-2 country: two capital letters, like FR")
    return str(value)


def check_address(value: str) -> str:
    """The base URL of an API, without trailing slashes. Raises `ValueError`, whose message does not quote it."""
    # urlsplit's own messages quote the address, which may carry a password
    if not re.fullmatch(r"[!-~]+", value) or _host_of(value) is None:
        raise ValueError("must be an address like https://host/path")
    return check_base_url(value)


def _host_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        return parts.hostname if parts.port != 0 else None
    except ValueError:
        return None


def _check_product_link(value: str) -> str:
    allowed = {"account", "product_id"}
    try:
        fields = [part[1:] for part in string.Formatter().parse(value) if part[1] is not None]
    except ValueError:
        raise ValueError("has a brace that is not closed or not opened") from None
    if any(name not in allowed or spec or conversion for name, spec, conversion in fields):
        raise ValueError("may only use {account} and {product_id}")
    filled = value.format(account="a", product_id=1)
    if not filled.startswith("https://") or not re.fullmatch(r"[!-~]+", filled) or _host_of(filled) is None:
        raise ValueError("must be an https address, like https://shop.example/{product_id}")
    return str(value)


def _read_whole_number(value: Any) -> Any:
    if isinstance(value, FromEnvironment) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return value


def _read_day(value: Any) -> date:
    if type(value) is date:
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("is not a day of the calendar") from None
    raise ValueError("must be a day like 2024-01-01")


def _check_not_future(value: date) -> date:
    # until it is known in which time zone the stores are, the day is today where today begins first
    if value > (datetime.now(UTC) + timedelta(hours=14)).date():
        raise ValueError("must not be in the future")
    return value


def _check_offset(value: int) -> int:
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


def _empty_mapping(value: Any) -> Any:
    return {} if value is None else value


Text = Annotated[str, AfterValidator(_check_text)]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
Address = Annotated[str, AfterValidator(check_address)]
WholeNumber = Annotated[int, BeforeValidator(_read_whole_number), Field(strict=True)]
Day = Annotated[date, BeforeValidator(_read_day)]


class _Strict(BaseModel):
    # hide_input_in_errors: a validation error must never print what stood in the file
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Consent(_Strict):
    """Where the merchant keeps a customer's agreement to be written to. Exactly one of the three."""

    tag: Text | None = None
    list: Text | None = None
    misc: Text | None = None


class Rules(_Strict):
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
    customers_source: Literal["home_store", "parent"] = "home_store"
    product_link: Annotated[str, AfterValidator(_check_product_link)] = (
        "https://{account}.hiboutik.com/?product_id={product_id}"
    )


class Identifiers(_Strict):
    """How the shop's ids are kept apart from everyone else's in ShopiMind."""

    prefix: Annotated[str, _matching(r"[A-Za-z0-9_-]{1,16}", "must be 1 to 16 letters, digits, '_' or '-'")]
    offset: Annotated[WholeNumber, AfterValidator(_check_offset)]


class ShopiMindAccount(_Strict):
    access_token: Secret
    base_url: Address = DEFAULT_SHOPIMIND_URL


class PosAccount(_Strict):
    """Either `login` and `api_key`, or `oauth_token`: a loaded shop has exactly one of the two."""

    system: Literal["hiboutik"]
    account: Annotated[
        str, _matching(r"[A-Za-z0-9-]+", "must be letters, digits or '-': the part before .hiboutik.com")
    ]
    login: Annotated[Text, AfterValidator(_check_login)] | None = None
    api_key: Secret | None = None
    oauth_token: Secret | None = None
    base_url: Address = Field(default_factory=lambda data: f"https://{data.get('account', '')}.hiboutik.com/api")
    monthly_calls: Annotated[WholeNumber, Field(gt=0)] = 10_000  # per store


class Shop(_Strict):
    """One tenant: one ShopiMind installation fed by one POS account."""

    key: Annotated[str, _matching(r"[a-z0-9-]{1,40}", "must be 1 to 40 lower-case letters, digits or '-'")]
    label: Text
    lang: Annotated[str, AfterValidator(_check_lang)]
    country: Annotated[str, AfterValidator(_check_country)] = "FR"
    shopimind: ShopiMindAccount
    pos: PosAccount
    identifiers: Identifiers
    # None: 365 days before the first sync, remembered from then on
    first_day: Annotated[Day, AfterValidator(_check_not_future)] | None = None
    rules: Annotated[Rules, BeforeValidator(_empty_mapping)] = Rules()
