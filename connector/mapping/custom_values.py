"""The value of a custom data field's expression for one row of the till."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connector.config_expressions import Call, Column, Constant, Expression
from connector.mapping import identifiers, money, times
from connector.mapping.context import ShopContext
from connector.mapping.outcomes import Refusal, Refused, refusal
from connector.mapping.text import clean

_PLACES = Decimal("0.000001")  # of a decimal number that is no money

# text, whole and decimal numbers, truth values, dates as ISO 8601 text, a contact as its resolver; None: nothing is known
Value = str | int | Decimal | bool | dict[str, str] | None


@dataclass(frozen=True)
class Where:
    """The row that a value is made for, and the field that it is for, which a refusal names."""

    ctx: ShopContext
    row: Mapping[str, Any]
    field: str


def value_of(expression: Expression, where: Where) -> Value:
    """The value. Raises `Refused` where the row holds nothing that the expression could be computed from.

    A function of what is not known is not known, but for `default` and `concat`. No reason shows what was found: any
    column may hold personal data.
    """
    if isinstance(expression, Constant):
        return expression.value
    if isinstance(expression, Column):
        return _known(where.row[expression.name])
    values = [value_of(argument, where) for argument in expression.arguments]
    if expression.function == "default":
        return values[1] if values[0] is None else values[0]
    if expression.function == "concat":
        return _known("".join("" if value is None else str(value) for value in values))
    return None if values[0] is None else _called(expression, values[0], where)


def _known(value: Any) -> Value:
    """A column's value as it may be sent; text of nothing is nothing."""
    if isinstance(value, str):
        return clean(value) or None
    known: Value = value
    return known


def _called(call: Call, value: Value, where: Where) -> Value:
    made: Value = _FUNCTIONS[call.function](value, where)
    return made


def _number(value: str, where: Where) -> int:
    read = money.decimal(value)
    if read is None or abs(read) > money.MAX_QUANTITY or read != read.to_integral_value():
        raise refusal(where.field, Refusal.BAD_NUMBER)
    return int(read)


def _decimal(value: str | int, where: Where) -> Decimal:
    read = money.decimal(str(value))
    if read is None or abs(read) >= money.MAX_AMOUNT:
        raise refusal(where.field, Refusal.BAD_NUMBER)
    return read.quantize(_PLACES, ROUND_HALF_UP)


def _money(value: str | int | Decimal, where: Where) -> Decimal:
    read = value if isinstance(value, Decimal) else money.decimal(str(value))
    if read is None or abs(read) >= money.MAX_AMOUNT:
        raise refusal(where.field, Refusal.BAD_AMOUNT)
    return money.amount(money.cents(where.field, f"{read:f}"))


def _datetime(value: str, where: Where) -> str | None:
    try:
        moment = times.moment(where.field, value, where.ctx.zone(where.row.get("store_id")))
    except Refused:
        raise refusal(where.field, Refusal.BAD_DATE) from None  # without what was found: it may be a date of birth
    return None if moment is None else moment.iso


def _contact(value: int, where: Where) -> dict[str, str]:
    return {"by": "id_customer", "value": _prefixed(value, where)}


def _prefixed(value: int, where: Where) -> str:
    return identifiers.text_id(where.ctx.identifiers, where.field, value)


def _offset(value: int, where: Where) -> int:
    return identifiers.number_id(where.ctx.identifiers, where.field, value)


def _store_name(value: int, where: Where) -> str | None:
    store = where.ctx.store(value)
    return store.name if store else None


_FUNCTIONS: Mapping[str, Callable[[Any, Where], Value]] = {
    "lower": lambda value, where: value.lower(),
    "upper": lambda value, where: value.upper(),
    "text": lambda value, where: str(value),
    "number": _number,
    "decimal": _decimal,
    "money": _money,
    "date": lambda value, where: times.birth_date(where.field, value),
    "datetime": _datetime,
    "contact": _contact,
    "product": _offset,
    "prefixed": _prefixed,
    "offset": _offset,
    "store_name": _store_name,
}
