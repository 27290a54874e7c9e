"""Checks of single values, and of an object by its table of fields: what the sandbox's ShopiMind validates with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

Check = Callable[[Any], str | None]  # what is wrong with a value ("must be a string"), or None
LARGEST_ID = 2**31 - 1
MISSING = object()

_LANG = re.compile(r"[a-z]{2}").fullmatch
_CURRENCY = re.compile(r"[A-Z]{3}").fullmatch
_COUNTRY = re.compile(r"[A-Z]{2}").fullmatch
_POSTAL_CODE = re.compile(r"[\w\s\-]+").fullmatch
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+").fullmatch
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}").fullmatch


# --- checks of one value -------------------------------------------------------------------------------------------


def text(value: Any) -> str | None:
    return None if type(value) is str else "must be a string"


def filled(value: Any) -> str | None:
    if type(value) is not str:
        return "must be a string"
    return None if value.strip() else "should not be empty"


def boolean(value: Any) -> str | None:
    return None if type(value) is bool else "must be a boolean value"


def integer(value: Any) -> str | None:
    return None if type(value) is int else "must be an integer number"


def number(value: Any) -> str | None:
    return None if type(value) is int or type(value) is float else "must be a number"


def integer_id(value: Any) -> str | None:
    if type(value) is not int:
        return "must be an integer number"
    return None if 0 <= value <= LARGEST_ID else f"must be between 0 and {LARGEST_ID}"


def money(value: Any) -> str | None:
    if type(value) is float:
        return None if round(value, 2) == value else "must have at most 2 decimals"
    return None if type(value) is int else "must be a number"


def not_negative(check: Check) -> Check:
    def checked(value: Any) -> str | None:
        return check(value) or ("must not be less than 0" if value < 0 else None)

    return checked


def instant(value: Any) -> str | None:
    if type(value) is str and len(value) >= 20 and value[4] == value[7] == "-" and value[10] == "T":
        try:
            if value[13] == value[16] == ":" and datetime.fromisoformat(value).tzinfo is not None:
                return None
        except ValueError:
            pass
    return "must be a valid ISO 8601 date string with an offset"


def day(value: Any) -> str | None:
    if type(value) is str and _DAY(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return None
    return "must be a date in the format YYYY-MM-DD"


def matching(pattern: Callable[[str], Any], complaint: str) -> Check:
    def checked(value: Any) -> str | None:
        return None if type(value) is str and pattern(value) else complaint

    return checked


def one_of(*allowed: Any) -> Check:
    complaint = "must be one of the following values: " + ", ".join(map(str, allowed))
    types = {type(each) for each in allowed}

    def checked(value: Any) -> str | None:
        return None if type(value) in types and value in allowed else complaint

    return checked


def list_of(check: Check) -> Check:
    def checked(value: Any) -> str | None:
        if type(value) is not list:
            return "must be an array"
        for place, each in enumerate(value):
            if problem := check(each):
                return f"each value {problem} (at {place})"
        return None

    return checked


def at_most(length: int) -> Check:
    def checked(value: Any) -> str | None:
        if type(value) is not str:
            return "must be a string"
        return None if len(value) <= length else f"must be shorter than or equal to {length} characters"

    return checked


def number_as_text(value: Any) -> str | None:
    if type(value) is str:
        try:
            float(value)
        except ValueError:
            pass
        else:
            return None
    return "must be a number string"


email = matching(_EMAIL, "must be an email")
lang = matching(_LANG, "must be an ISO 639-1 code in lower case")
currency = matching(_CURRENCY, "must be an ISO 4217 code")
country = matching(_COUNTRY, "must be an ISO 3166-1 alpha-2 code in upper case")
postal_code = matching(_POSTAL_CODE, r"must match ^[\w\s\-]+$")
link = matching(re.compile(r"https?://\S+").fullmatch, "must be a URL address")


# --- fields of an item ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    check: Check
    required: bool = True
    nullable: bool = False


Fields = Mapping[str, Field]


def req(check: Check) -> Field:
    return Field(check)


def opt(check: Check) -> Field:
    return Field(check, required=False, nullable=True)


def field_errors(item: Mapping[str, Any], fields: Fields, *, unknown: str = "ignore", at: str = "") -> list[str]:
    """Every complaint about `item`, each starting with the path of its field."""
    errors: list[str] = []
    get = item.get
    for name, field in fields.items():
        value = get(name, MISSING)
        if value is None:
            if not field.nullable:
                errors.append(f"{at}{name} should not be null")
        elif value is MISSING:
            if field.required:
                errors.append(f"{at}{name} is required")
        elif problem := field.check(value):
            errors.append(f"{at}{name} {problem}")
    if unknown == "refuse":
        errors += [f"{at}property {name} should not exist" for name in item if name not in fields]
    return errors
