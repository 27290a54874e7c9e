"""The lines of one sale -> the lines of its order and the order's amount without tax. All in whole cents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connector.mapping import identifiers, money
from connector.mapping.context import ShopContext
from connector.mapping.outcomes import Refused
from connector.mapping.variations import NamedSizes

# product_id, quantity, total, tax_rate, size_id: the fields of `connector.pos.rows.LINE`
RawLine = tuple[int | None, str | None, str | None, str | None, int | None]


@dataclass(frozen=True, slots=True)
class OrderLines:
    """What a sale's lines become."""

    products: list[dict[str, Any]]
    net_cents: int  # of all the sale's lines, those that are dropped included
    misc: bool  # a line points to the miscellaneous product


@dataclass(slots=True)
class _Line:
    product_id: int  # the till's; 0 = none
    size_id: int | None  # the till's; 0 = none
    number: int  # the product's integer id for ShopiMind
    pieces: int | None  # None: not a whole number
    nearest: int  # whole number to the quantity, at least one piece, below zero for a return
    cents: int
    gross: int  # gross / net is 1 + the line's tax rate
    net: int


def order_lines(
    ctx: ShopContext, lines: Sequence[RawLine], sizes: NamedSizes | None = None, *, is_return: bool
) -> OrderLines:
    """`sizes` names the variations, where the shop has them.

    Raises `Refused` (field `products[i].…`, i = place among `lines`) when any line cannot be read.
    """
    read = [_read(ctx, place, line) for place, line in enumerate(lines)]
    unspread: list[_Line] = []
    if ctx.rules.line_without_product == "misc_product" and any(line.product_id == 0 for line in read):
        read, unspread = _spread_discounts(read, is_return)
        if is_return:  # with nothing to take it off, it is itself what was given back
            read, unspread = read + unspread, []
    products = []
    misc = False
    for line in read:
        if _is_sent(ctx, line, is_return):
            misc = misc or line.product_id == 0
            products.append(_product(ctx, line, sizes))
    net_cents = sum(money.half_up(line.cents * line.net, line.gross) for line in read + unspread)
    return OrderLines(products, net_cents, misc)


def _read(ctx: ShopContext, place: int, line: RawLine) -> _Line:
    product_id, quantity_text, total, rate, size_id = line
    try:
        if product_id == 0:
            number = identifiers.misc_product_id(ctx.identifiers)
        else:
            number = identifiers.number_id(ctx.identifiers, "product_id", product_id)
        pieces, nearest = money.pieces("quantity", quantity_text)
        cents = money.cents("price", total)
        gross, net = money.with_tax("price_without_tax", rate)
    except Refused as refused:
        raise Refused(f"products[{place}].{refused.field}", refused.reason) from None
    if product_id and cents < 0 < nearest:  # some tills mark what comes back by its price, not by its quantity
        pieces, nearest = None if pieces is None else -pieces, -nearest
    return _Line(product_id or 0, size_id, number, pieces, nearest, cents, gross, net)


def _spread_discounts(lines: list[_Line], is_return: bool) -> tuple[list[_Line], list[_Line]]:
    """Takes every line without product and below zero off the lines above zero, in proportion and to the cent.

    In a return, one of negative quantity is no discount but what the customer brought back.

    Gives the lines without those discounts, and the discounts when there was no line to take them off. Cents that do
    not divide go to the lines with the largest remainders, the first ones where these are equal.
    """
    discounts: list[_Line] = []
    others: list[_Line] = []
    for line in lines:
        is_discount = line.product_id == 0 and line.cents < 0 and not (is_return and line.nearest < 0)
        (discounts if is_discount else others).append(line)
    bearers = [line for line in others if line.cents > 0]
    if not discounts or not bearers:
        return others, discounts
    discount = -sum(line.cents for line in discounts)
    whole = sum(line.cents for line in bearers)
    shares = [divmod(discount * line.cents, whole) for line in bearers]
    left = discount - sum(share for share, _ in shares)
    by_remainder = sorted(range(len(bearers)), key=lambda place: -shares[place][1])
    extra = set(by_remainder[:left])
    for place, line in enumerate(bearers):
        line.cents -= shares[place][0] + (place in extra)
    return others, []


def _is_sent(ctx: ShopContext, line: _Line, is_return: bool) -> bool:
    rules = ctx.rules
    if line.product_id == 0 and rules.line_without_product == "drop":
        return False
    if line.pieces == 0 and line.cents == 0:  # a comment on the ticket
        return False
    return is_return or line.nearest > 0 or rules.return_lines == "send"


def _product(ctx: ShopContext, line: _Line, sizes: NamedSizes | None) -> dict[str, Any]:
    if line.pieces:
        quantity = line.pieces
    elif ctx.rules.fractional_quantity == "round":
        quantity = line.nearest
    else:
        quantity = 1 if line.nearest > 0 else -1
    return {
        "product_id": line.number,
        "product_variation_id": sizes.id_of(line.product_id, line.size_id) if sizes and line.product_id else None,
        "price": money.number(money.half_up(line.cents, quantity)),
        "price_without_tax": money.number(money.half_up(line.cents * line.net, line.gross * quantity)),
        "manufacturer_id": None,
        "quantity": quantity,
    }
