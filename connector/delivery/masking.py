"""Personal data made unreadable wherever people look, by the name of the field that holds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

_PERSONAL = frozenset(
    {
        "email",
        "first_name",
        "last_name",
        "phone",
        "phone_number",
        "birth_date",
        "date_of_birth",
        "company",
        "postal_code",
    }
)

_LONG_NUMBER = re.compile(r"(?<![\w-])\+?\d{8,}(?!\w)")  # may be somebody's telephone number
_BETWEEN_DIGITS = r"[\s().\-/]*"


def masked_payload(value: Any) -> Any:
    """The same structure; of a personal field the first character, of an e-mail also its domain."""
    if isinstance(value, dict):
        return {key: _masked(item) if key in _PERSONAL else masked_payload(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked_payload(item) for item in value]
    return value


def without_persons(text: str, payloads: Iterable[str | None]) -> str:
    """The text without the personal data of these records (JSON): an API may quote what it was sent.

    Telephone numbers are found however they are written.
    """
    for value in sorted(_found(payloads, personal=True), key=len, reverse=True):
        if len(value) > 1:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "***", text, flags=re.IGNORECASE)
        digits = re.sub(r"\D", "", value)
        if len(digits) >= 8 and not re.search(r"[A-Za-z]", value):
            last = _BETWEEN_DIGITS.join(digits[-8:])
            text = re.sub(rf"(?<!\w)(?:[+(]*\d{_BETWEEN_DIGITS}){{0,7}}{last}(?!\w)", "***", text)
    return text


def without_long_numbers(text: str, payloads: Iterable[str | None]) -> str:
    """The text without runs of eight digits or more, but with those that are ids or amounts of these records."""
    plain = _found(payloads, personal=False)
    return _LONG_NUMBER.sub(lambda run: run.group() if run.group() in plain else "***", text)


def _found(payloads: Iterable[str | None], *, personal: bool) -> set[str]:
    found = (each for payload in payloads if payload for each in _values(orjson.loads(payload)))
    return {value for is_personal, value in found if is_personal is personal}


def _values(value: Any, personal: bool = False) -> Iterator[tuple[bool, str]]:
    """Every text and number in it, and whether it is under a personal field's name."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _values(item, personal or key in _PERSONAL)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, personal)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield personal, str(value)


def _masked(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return value
    domain = value[value.index("@") :] if "@" in value else ""
    return f"{value[0]}***{domain}"
