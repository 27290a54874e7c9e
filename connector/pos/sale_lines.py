"""Proves the lines of a sale by its total: which reading of a bulk row's price and discount adds up. Pure.

The Hiboutik API does not say whether a price of `products_sold` is of one piece or of the whole line, nor what its
discount is counted on. The six possible readings are therefore tried on every sale. What an account has shown so far is
the set of readings that are still possible for it (`known`): all six at first, narrowed by every day whose sales tell
readings apart.

A sale is decided when all readings that are both known and add up give the same lines. Otherwise its own page is read,
which is the truth; it also teaches (`confirmed`), so that a set that was wrong is put right by one such page instead of
costing one for every sale that contradicts it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

CENT = Decimal("0.01")

_NUMBER = re.compile(r"\s*(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*", re.ASCII)


def number(text: str) -> Decimal | None:
    """Plain decimal text as a number; None for anything else."""
    match = _NUMBER.fullmatch(text)
    return Decimal(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class SoldLine:
    """One bulk row; the texts are as the till wrote them."""

    product_id: int
    quantity: Decimal
    price: Decimal
    discount: Decimal
    quantity_text: str
    tax_rate: str
    size_id: int | None = None  # null: the row does not say


class Reading(Enum):
    """What the price of a bulk row is of, and what its discount is of ("included": already taken off the price)."""

    UNIT_LESS_LINE = "unit-line"
    UNIT_LESS_UNIT = "unit-unit"
    UNIT_INCLUDED = "unit-included"
    LINE_LESS_LINE = "line-line"
    LINE_LESS_UNIT = "line-unit"
    LINE_INCLUDED = "line-included"


ALL_READINGS = frozenset(Reading)

Totals = tuple[Decimal, ...]  # of each line, in the order of the lines
Fits = dict[Reading, Totals]  # the readings of one sale that add up


def line_total(reading: Reading, line: SoldLine) -> Decimal:
    """What one line costs under one reading, unrounded."""
    price_of, discount_of = reading.value.split("-")
    total = line.price * (line.quantity if price_of == "unit" else 1)
    if discount_of == "included":
        return total
    return total - line.discount * (line.quantity if discount_of == "unit" else 1)


def fitting(lines: Sequence[SoldLine], total: Decimal) -> Fits:
    """Every reading under which the lines add up to the sale's total, to the cent, half up.

    Lines are rounded to the cent one by one; only where those miss the total and exact ones meet it are they exact.
    """
    fits: Fits = {}
    for reading in Reading:
        exact = tuple(line_total(reading, line) for line in lines)
        rounded = tuple(map(_to_cent, exact))
        if sum(rounded) == _to_cent(total):
            fits[reading] = rounded
        elif _to_cent(sum(exact, Decimal(0))) == _to_cent(total):
            fits[reading] = exact
    return fits


def shown_by(day: Iterable[Fits]) -> frozenset[Reading]:
    """The readings that add up for most of a day's sales, of those that tell readings apart; all when none does.

    Most, not all: a sale of which the till left out a line can add up by accident under a wrong reading.
    """
    votes = Counter(reading for fits in day if 0 < len(fits) < len(ALL_READINGS) for reading in fits)
    return frozenset(reading for reading in ALL_READINGS if votes[reading] == max(votes.values(), default=0))


def narrowed(known: frozenset[Reading], shown: frozenset[Reading]) -> frozenset[Reading]:
    """What is still possible after a day. One that contradicts all of it changes nothing: its pages will teach."""
    return known & shown or known


def decided(fits: Fits, known: frozenset[Reading]) -> Totals | None:
    """The totals of a sale's lines, None when no known reading adds up or two of them give different lines."""
    answers = {totals for reading, totals in fits.items() if reading in known}
    return answers.pop() if len(answers) == 1 else None


def confirmed(
    known: frozenset[Reading], lines: Sequence[SoldLine], fits: Fits, page: Sequence[Decimal]
) -> frozenset[Reading]:
    """What is possible after a sale's own page gave the line totals `page`, in any order.

    Unchanged when no reading that adds up agrees with the page: then the bulk lines are not those of the sale.
    """
    truth = sorted(map(_to_cent, page))
    right = frozenset(reading for reading, totals in fits.items() if sorted(map(_to_cent, totals)) == truth)
    return (known & right or right) if right and len(lines) == len(page) else known


def readings_from_text(text: str | None) -> frozenset[Reading]:
    """What `readings_to_text` wrote; all readings when that is nothing that can be understood."""
    names = set((text or "").split(","))
    return frozenset(reading for reading in Reading if reading.value in names) or ALL_READINGS


def readings_to_text(known: frozenset[Reading]) -> str:
    return ",".join(reading.value for reading in Reading if reading in known)


def _to_cent(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
