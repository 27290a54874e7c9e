"""What a single value of `shops.yaml` may be, whatever key it stands under."""

from __future__ import annotations

import html
import re
import unicodedata
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlsplit

import pycountry
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from connector.base_urls import check_base_url


class FromEnvironment(str):
    """Text that `${NAME}` gave: YAML never typed it, so a number may be read out of it."""


def matching(pattern: str, sentence: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(sentence)
        return str(value)

    return AfterValidator(check)


def cannot_be_sent(text: str) -> bool:
    """Whether there is a control character in it, a line break, or half a character (a lone surrogate)."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _check_text(value: str) -> str:
    if cannot_be_sent(value):
        raise ValueError("must not contain control characters, line breaks or half a character")
    if not html.unescape(value).strip():  # texts are compared and sent decoded
        raise ValueError("must not be empty")
    return value.strip()


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
    if not re.fullmatch(r"[!-~]+", value) or host_of(value) is None:
        raise ValueError("must be an address like https://host/path")
    return check_base_url(value)


def host_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        return parts.hostname if parts.port != 0 else None
    except ValueError:
        return None


def _read_whole_number(value: Any) -> Any:
    if isinstance(value, FromEnvironment) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return value


def _read_flag(value: Any) -> Any:
    if isinstance(value, FromEnvironment):
        return {"true": True, "false": False}.get(value, value)
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


Text = Annotated[str, AfterValidator(_check_text)]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
Address = Annotated[str, AfterValidator(check_address)]
WholeNumber = Annotated[int, BeforeValidator(_read_whole_number), Field(strict=True)]
Flag = Annotated[bool, BeforeValidator(_read_flag), Field(strict=True)]
Lang = Annotated[str, AfterValidator(_check_lang)]
Country = Annotated[str, AfterValidator(_check_country)]
Day = Annotated[date, BeforeValidator(_read_day)]


class Strict(BaseModel):
    # hide_input_in_errors: a validation error must never print what stood in the file
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
