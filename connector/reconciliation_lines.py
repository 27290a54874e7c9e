"""A line of a reconciliation: how many records, and how much money, each place has of one entity, store and day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

Line = dict[str, Any]

# The places, from the till to ShopiMind. The first two are null where the till has no total, or no list, of the entity.
PLACES = ("till", "read", "to_send", "ledger", "shopimind")


def money(cents: int | None) -> str | None:
    """Cents as the documents write an amount."""
    return None if cents is None else format(Decimal(cents) / 100, ".2f")


def plain_line(entity: str, to_send: int, ledger: int, shopimind: int, *, agrees: bool) -> Line:
    """Of an entity without days and money."""
    counts = {"to_send": to_send, "ledger": ledger, "shopimind": shopimind}
    nowhere: Line = {"entity": entity, "store_id": None, "day": None, "till": None, "read": None}
    return {**nowhere, **{name: {"records": number} for name, number in counts.items()}, "agrees": agrees}


def summed(lines: Iterable[Line]) -> list[Line]:
    """The lines of a shop with all days of a store in one: `records` and `amount` added up."""
    totals: dict[tuple[str, int | None], Line] = {}
    for line in lines:
        key = (line["entity"], line["store_id"])
        if key not in totals:
            totals[key] = {"entity": key[0], "store_id": key[1], "till": None, "read": None, "agrees": True}
        total = totals[key]
        total["agrees"] = total["agrees"] and line["agrees"]
        for name in PLACES:
            total[name] = _added(total.get(name), line[name])
    return list(totals.values())


def _added(total: Mapping[str, Any] | None, part: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The numbers of a day added to those of the others; None where there are none."""
    if total is None or part is None:
        return {**(total or {}), **(part or {})} or None
    added = dict(total)
    for name, value in part.items():
        before = added.get(name)
        if name == "skipped":
            added[name] = {why: total[name].get(why, 0) + value.get(why, 0) for why in {**total[name], **value}}
        elif name == "agrees":
            added[name] = before and value
        elif value is not None:
            added[name] = (
                format(Decimal(before or 0) + Decimal(value), ".2f") if name == "amount" else (before or 0) + value
            )
    return added
