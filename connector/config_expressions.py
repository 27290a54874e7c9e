"""The expressions of custom data fields: parsed and type-checked when `shops.yaml` is loaded, never evaluated as code.

An expression is a column (`email`), a constant (`'gold'`, `3`, `0.5`, `true`) or a function of expressions
(`default(lower(email), 'none')`). Python's own parser reads it; whatever else Python has is refused here.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from connector.config_values import cannot_be_sent

LONGEST = 300  # characters of an expression
MAX_NUMBER = 2**31 - 1


class ValueType(StrEnum):
    """What an expression gives, in the words of a message."""

    TEXT = "text"
    WHOLE = "a whole number"
    DECIMAL = "a decimal number"
    BOOL = "a truth value"
    DATE = "a date"
    DATETIME = "a date with time"
    CONTACT = "a contact"
    PRODUCT = "a product"


T = ValueType
_PLAIN = frozenset({T.TEXT, T.WHOLE, T.DECIMAL, T.BOOL, T.DATE, T.DATETIME})


@dataclass(frozen=True)
class Function:
    """`takes` are the types that each argument may have, the last one repeated when there may be `more`."""

    takes: tuple[frozenset[ValueType], ...]
    gives: ValueType | None  # None: the type of its arguments, which is one
    more: bool = False


def _one_of(*types: ValueType) -> frozenset[ValueType]:
    return frozenset(types)


FUNCTIONS: Mapping[str, Function] = {
    "lower": Function((_one_of(T.TEXT),), T.TEXT),
    "upper": Function((_one_of(T.TEXT),), T.TEXT),
    "concat": Function((_one_of(T.TEXT, T.WHOLE), _one_of(T.TEXT, T.WHOLE)), T.TEXT, more=True),
    "text": Function((_one_of(T.WHOLE, T.DATE, T.DATETIME),), T.TEXT),
    "default": Function((_PLAIN, _PLAIN), None),
    "number": Function((_one_of(T.TEXT),), T.WHOLE),
    "decimal": Function((_one_of(T.TEXT, T.WHOLE),), T.DECIMAL),
    "money": Function((_one_of(T.TEXT, T.WHOLE, T.DECIMAL),), T.DECIMAL),
    "date": Function((_one_of(T.TEXT),), T.DATE),
    "datetime": Function((_one_of(T.TEXT),), T.DATETIME),
    "contact": Function((_one_of(T.WHOLE),), T.CONTACT),
    "product": Function((_one_of(T.WHOLE),), T.PRODUCT),
    "prefixed": Function((_one_of(T.WHOLE),), T.TEXT),
    "offset": Function((_one_of(T.WHOLE),), T.WHOLE),
    "store_name": Function((_one_of(T.WHOLE),), T.TEXT),
}


@dataclass(frozen=True)
class Column:
    name: str
    type: ValueType


@dataclass(frozen=True)
class Constant:
    value: str | int | Decimal | bool
    type: ValueType


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[Expression, ...]
    type: ValueType


Expression = Column | Constant | Call


class NotAnExpression(Exception):
    """Why a text is none; the message repeats nothing of the text but plain names."""


def parse(text: str, columns: Mapping[str, ValueType]) -> Expression:
    """The expression over rows with these columns. Raises `NotAnExpression`."""
    return _parsed(text, tuple(sorted(columns.items())))


@lru_cache(maxsize=512)
def _parsed(text: str, columns: tuple[tuple[str, ValueType], ...]) -> Expression:
    if len(text) > LONGEST:
        raise NotAnExpression(f"is longer than {LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise NotAnExpression(
            "is not an expression: a column, a constant ('text' in quotes, 3, 0.5, true) or function(...) of these"
        ) from None
    return _expression(tree.body, dict(columns))


def columns_of(expression: Expression) -> set[str]:
    """The columns that an expression reads."""
    if isinstance(expression, Call):
        return set().union(*map(columns_of, expression.arguments))
    return {expression.name} if isinstance(expression, Column) else set()


def _expression(node: ast.expr, columns: Mapping[str, ValueType]) -> Expression:
    if isinstance(node, ast.Name):
        return _name(node.id, columns)
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        positive = _constant(node.operand.value)
        if positive.type in (T.WHOLE, T.DECIMAL):
            return Constant(
                -Decimal(positive.value) if positive.type is T.DECIMAL else -int(positive.value), positive.type
            )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            raise NotAnExpression("has an argument with a name or a '*': arguments are separated by commas alone")
        return _call(node.func.id, tuple(_expression(each, columns) for each in node.args))
    raise NotAnExpression("may only have columns, constants and functions; there are no operators")


def _name(name: str, columns: Mapping[str, ValueType]) -> Column | Constant:
    if name in columns:
        return Column(name, columns[name])
    if name in ("true", "false"):
        return Constant(name == "true", T.BOOL)
    raise NotAnExpression(f"{_spoken('column', name, columns)}; the columns here are {', '.join(sorted(columns))}")


def _spoken(what: str, name: str, known: Mapping[str, object]) -> str:
    """An unknown name; it is repeated only where it cannot be a secret."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    return (
        f"names the unknown {what} {name}{hint}" if re.fullmatch(r"[a-z_]{1,30}", name) else f"names an unknown {what}"
    )


def _constant(value: object) -> Constant:
    if isinstance(value, bool):
        return Constant(value, T.BOOL)
    if isinstance(value, str):
        if cannot_be_sent(value):
            raise NotAnExpression(
                "has a text that cannot be sent: a control character, a line break or half a character"
            )
        return Constant(value, T.TEXT)
    if isinstance(value, int | float):
        exact = Decimal(str(value)) if isinstance(value, float) else value
        if not abs(value) <= MAX_NUMBER:
            raise NotAnExpression(f"has a number past {MAX_NUMBER:,}")
        return Constant(exact, T.DECIMAL if isinstance(exact, Decimal) else T.WHOLE)
    raise NotAnExpression("has a constant that is neither text, number nor truth value")


def _call(name: str, arguments: tuple[Expression, ...]) -> Call:
    function = FUNCTIONS.get(name)
    if function is None:
        known = ", ".join(sorted(FUNCTIONS))
        raise NotAnExpression(f"{_spoken('function', name, FUNCTIONS)}; the functions are {known}")
    least = len(function.takes)
    if len(arguments) < least or (len(arguments) > least and not function.more):
        raise NotAnExpression(
            f"{name} takes {least} argument(s){' or more' if function.more else ''}, not {len(arguments)}"
        )
    for place, argument in enumerate(arguments):
        allowed = function.takes[min(place, least - 1)]
        if argument.type not in allowed:
            raise NotAnExpression(
                f"{name} takes {' or '.join(sorted(allowed))} as argument {place + 1}, and gets {argument.type}"
            )
    if function.gives is not None:
        return Call(name, arguments, function.gives)
    types = {argument.type for argument in arguments}
    if len(types) > 1:
        raise NotAnExpression(f"{name} takes arguments of one type, and gets {' and '.join(sorted(types))}")
    return Call(name, arguments, types.pop())
