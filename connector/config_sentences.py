"""What pydantic found wrong with a value of `shops.yaml`, in a sentence for a person, which never quotes the value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic_core import ErrorDetails

from connector.config_document import is_plain_key
from connector.config_models import POS_ACCOUNTS
from connector.config_values import Strict

_SENTENCES = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_unicode": "must be text of Unicode characters",
    "int_type": "must be a whole number",
    "list_type": "must be a list: each of its values starts with '- '",
    "too_short": "must not be empty",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list: each of its values starts with '- '",
    "model_type": "must be a mapping (lines of key: value)",
}


def sentence(detail: ErrorDetails, value: Any, model: type[Strict]) -> str:
    """What pydantic found, for a person, without the value."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        return unknown_key(str(detail["loc"][-1]), _known_keys(model, detail["loc"][:-1]))
    if value is None and kind != "missing":
        return "is empty: give it a value or remove the key"
    if kind == "literal_error":
        if detail["loc"][-1] == "system":
            return "must be " + " or ".join(POS_ACCOUNTS)
        said = "must be " + _one_of(re.findall(r"'([^']*)'", context["expected"]))
    else:
        said = _SENTENCES.get(kind, "is not a valid value").format(**context)
    if isinstance(value, bool):
        said += " (YAML reads unquoted yes, no, on, off, true and false as a truth value)"
    elif kind == "string_type" and not isinstance(value, dict | list):
        said += " (YAML reads it as a number or a date; quotes make it text)"
    return said


def _one_of(choices: list[str]) -> str:
    return f"one of: {', '.join(choices)}" if len(choices) > 1 else choices[0]


def _known_keys(model: type[Strict], steps: Sequence[str | int]) -> list[str]:
    """The keys of the mapping that pydantic's steps lead to from `model`."""
    for step in steps:
        if isinstance(step, str):  # the others are places in a list
            model = POS_ACCOUNTS.get(step) or _model_under(model, step) or model
    return list(model.model_fields)


def _model_under(model: type[Strict], key: str) -> type[Strict] | None:
    """The class of the mapping under a key; None where that is decided by the next step (an account's system)."""
    found = list(_models_in(model.model_fields[key].annotation)) if key in model.model_fields else []
    return found[0] if len(found) == 1 else None


def _models_in(annotation: Any) -> Iterator[type[Strict]]:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def unknown_key(key: str, known: list[str]) -> str:
    if not is_plain_key(key):
        return f"has an unknown key (a space may be missing after ':'); the keys here are {', '.join(known)}"
    nearest = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1, cutoff=0.7)
    return (
        f"unknown key; did you mean {nearest[0]}?" if nearest else f"unknown key; the keys here are {', '.join(known)}"
    )
