"""Types the fields of one row, keeping what cannot be typed together with the reason. Pure, and of no system."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]

_WHOLE = re.compile(r"\s*([0-9]{1,19})(?:\.0+)?\s*", re.ASCII)
_INT64 = 2**63 - 1
_SHOWN = 40  # characters of a value in a problem


class Reader:
    """Reads one row of JSON or text. Whatever it cannot type becomes one entry of `problems`, in the till's own words."""

    def __init__(self, row: object) -> None:
        self._problems: list[str] = []
        self.row: Row = row if isinstance(row, Mapping) else {}
        self._is_object = isinstance(row, Mapping)
        if not self._is_object:
            self.problem(f"the row is {shown(row)}, not an object")

    def problem(self, text: str) -> None:
        self._problems.append(text)

    @property
    def problems(self) -> str | None:
        return "; ".join(self._problems) or None

    def has(self, *keys: str) -> bool:
        return any(key in self.row for key in keys)

    def id(self, *keys: str) -> int | None:
        """The row's own id, without which it is not one: null and a problem when missing."""
        key, value = self._first(keys)
        return self._whole(key, value)

    def link(self, *keys: str) -> int:
        """The id of another row, 0 = none (also when the key is missing)."""
        key, value = self._first(keys)
        if value is None or value == "" or value is False:
            return 0
        return self._whole(key, value) or 0

    def flag(self, *keys: str, default: bool = False) -> bool:
        """0 or 1 (also "0", "1", false, true); `default` when missing."""
        key, value = self._first(keys)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return value
        return bool(self._whole(key, value))

    def text(self, *keys: str) -> str:
        """As the till wrote it; a number as its digits, nothing as ""."""
        key, value = self._first(keys)
        if isinstance(value, list | dict):
            if value:
                self.problem(f"{key}: is a list or an object, not text")
            return ""
        return text_of(value)

    def _first(self, keys: tuple[str, ...]) -> tuple[str, Any]:
        key = next((key for key in keys if key in self.row), keys[0])
        return key, self.row.get(key)

    def _whole(self, key: str, value: Any) -> int | None:
        whole = whole_number(value)
        if whole is None and self._is_object:
            self.problem(f"{key}: {shown(value)} is not a whole number")
        return whole


def whole_number(value: object) -> int | None:
    """An id as int, from 12, "12", 12.0 or "12.0"; None when it is anything else, negative or beyond 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _WHOLE.fullmatch(text_of(value))
    if match is None or int(match[1]) > _INT64:
        return None
    return int(match[1])


def text_of(value: object) -> str:
    """A JSON scalar as text: null and false are "", a float keeps its digits and never has an exponent."""
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value)


def shown(value: object) -> str:
    """A value as a problem quotes it, not too long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
