"""Reads the till's numbers (amounts, quantities, tax rates) without ever passing through a float.

Amounts are whole cents here; only `number` turns them into what JSON carries.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from connector.mapping.outcomes import Refusal, refusal

MAX_AMOUNT = Decimal(10) ** 12  # beyond it, it is no amount, and a JSON number would no longer show its cents
MAX_QUANTITY = 2**31 - 1
_CENT = Decimal("0.01")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")


def decimal(text: str | None) -> Decimal | None:
    """The number that `text` writes, exactly; None when it writes none (NaN, infinity, words, nothing)."""
    text = (text or "").strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=2**14)
def cents(field: str, text: str | None) -> int:
    """An amount in whole cents, rounded half up. Raises `Refused` when it is none."""
    value = decimal(text)
    if value is None or not -MAX_AMOUNT < value < MAX_AMOUNT:
        raise refusal(field, Refusal.BAD_AMOUNT, text or "")
    return int(value.quantize(_CENT, ROUND_HALF_UP).scaleb(2))


def cents_or_none(field: str, text: str | None) -> int | None:
    """As `cents`; None when the till has nothing there."""
    return cents(field, text) if text and text.strip() else None


@lru_cache(maxsize=2**12)
def with_tax(field: str, rate: str | None) -> tuple[int, int]:
    """`1 + rate` as a fraction (numerator, denominator) of whole numbers: `"0.20000"` -> 120000 / 100000.

    Raises `Refused` unless the rate is a number from 0 to 1 (a fraction, not a percentage).
    """
    value = decimal(rate)
    if value is None or not 0 <= value <= 1:
        raise refusal(field, Refusal.BAD_TAX_RATE, rate or "")
    return (1 + value).as_integer_ratio()


@lru_cache(maxsize=2**12)
def pieces(field: str, text: str | None) -> tuple[int | None, int]:
    """A quantity as (whole pieces, nearest number of pieces). The first is None for a fraction of a piece.

    The nearest is rounded half up and at least one piece; both are below zero for what is given back. Raises `Refused`.
    """
    value = decimal(text)
    if value is None or not -MAX_QUANTITY <= value <= MAX_QUANTITY:
        raise refusal(field, Refusal.BAD_QUANTITY, text or "")
    nearest = max(1, int(abs(value).quantize(Decimal(1), ROUND_HALF_UP)))
    whole = int(value) if value == value.to_integral_value() else None
    return whole, -nearest if value < 0 else nearest


def points(field: str, text: str | None) -> int | None:
    """Loyalty points; None when the till has none written. Raises `Refused` for anything but a whole number."""
    if not text or not text.strip():
        return None
    value = decimal(text)
    if value is None or value != value.to_integral_value() or not -MAX_QUANTITY <= value <= MAX_QUANTITY:
        raise refusal(field, Refusal.BAD_POINTS)
    return int(value)


def half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` as the nearest whole number, halves away from zero."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def number(cents: int) -> float:
    """Cents as the JSON number of an amount: 1380 -> 13.8. Exact to the cent below `MAX_AMOUNT`."""
    return cents / 100


def amount(cents: int) -> Decimal:
    """Cents as a decimal with two places: 1380 -> 13.80."""
    return Decimal(cents).scaleb(-2)
