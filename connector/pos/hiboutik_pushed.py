"""A sale as the Hiboutik till pushes it (a form with PHP's bracket keys) -> the row that reading it would give. Pure.

The form carries every key of the sale's own page, all values as text, an empty list as an empty text. So the page is put
together again and read as a page is: `connector.pos.hiboutik_rows` stays the only reader.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from connector.pos import hiboutik_rows as wire
from connector.pos.row_reader import text_of

_MOST_FIELDS = 100_000  # of one form: a sale of a thousand lines has some seventy thousand
_DEEPEST = 6  # brackets after a key; a sale has three
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])", re.ASCII)


class NotASale(ValueError):
    """The form is no closed sale with its lines: nothing of it is used. The message names no value of it."""


@dataclass(frozen=True, slots=True)
class PushedSale:
    """A closed sale with its place. `row` is a row of `connector.pos.rows.SALES`, its lines from the sale's own page."""

    sale_id: int
    store_id: int
    day: str
    row: dict[str, Any]


def pushed_sale_id(body: bytes) -> int | None:
    """Which sale the form is about, open or closed; None when it is about something else, or cannot be read."""
    try:
        page = page_of(body)
    except NotASale:
        return None
    return wire.key_of("sale_id")(page) if "line_items" in page else None


def pushed_customer_id(body: bytes) -> int | None:
    """Which customer the form is about, whatever became of him; None when it is about something else, or cannot be read."""
    try:
        page = page_of(body)
    except NotASale:
        return None
    is_of_a_sale = not {"sale_id", "line_items", "line_item"}.isdisjoint(page)
    return None if is_of_a_sale else wire.key_of(*wire.CUSTOMER_ID)(page)


def pushed_sale(body: bytes) -> PushedSale:
    """The closed sale that the form is about. Raises `NotASale` for any other form, open tickets and quotes included."""
    page = page_of(body)
    if "line_items" not in page:
        raise NotASale("has no line_items")
    if not wire.is_closed_sale(page):
        raise NotASale("is an open ticket or a quote")
    sale_id, store_id = (wire.key_of(key)(page) for key in ("sale_id", "store_id"))
    closed_at = text_of(page.get("completed_at")).strip()
    if not sale_id or not store_id or not _DAY.match(closed_at):
        raise NotASale("has no sale_id, store_id or completed_at that can be read")
    row = wire.sale(page, store_id, closed_at[:10])
    row["lines"], problems = wire.detail_lines(page)
    row["lines_from"] = "detail"
    row["problems"] = "; ".join(filter(None, [row["problems"], *problems])) or None
    return PushedSale(sale_id, store_id, closed_at[:10], row)


def page_of(body: bytes) -> Mapping[str, Any]:
    """The sale's page of which the till made the form, with texts for values. Raises `NotASale` when it is no form."""
    try:
        fields = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise NotASale("is not a form") from None
    page: dict[str, Any] = {}
    for name, value in fields:
        _put(page, _path(name), value)
    page = {key: _listed(value) for key, value in page.items()}
    if page.get("line_items") == "":
        page["line_items"] = []
    return page


def _path(name: str) -> list[str]:
    """`line_items[0][product_id]` -> its three parts."""
    match = _KEY.fullmatch(name)
    if match is None:
        return [name]
    return [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]


def _put(page: dict[str, Any], path: list[str], value: str) -> None:
    if len(path) > _DEEPEST:
        raise NotASale("is nested too deep")
    place = page
    for part in path[:-1]:
        inner = place.get(part)
        if not isinstance(inner, dict):
            inner = place[part] = {}
        place = inner
    place[path[-1] or str(len(place))] = value  # PHP's `key[]` is the next one


def _listed(value: Any) -> Any:
    """Numbered keys are a list, in the order of their numbers."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(each) for key, each in value.items()}
    if all(key.isascii() and key.isdigit() and len(key) < 10 for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
