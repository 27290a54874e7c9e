"""Reads a currency code."""

from __future__ import annotations

import re
from functools import lru_cache

from connector.mapping.outcomes import Refusal, refusal
from connector.mapping.text import clean

_CODE = re.compile(r"[A-Z]{3}")


@lru_cache(maxsize=2**10)
def currency(field: str, text: str | None, default: str = "") -> str:
    """The ISO 4217 code in capitals, `default` where there is no text. Raises `Refused` unless it is three letters."""
    code = clean(text).upper() or default
    if not _CODE.fullmatch(code):
        raise refusal(field, Refusal.BAD_CURRENCY, code)
    return code
