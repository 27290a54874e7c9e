"""`shops.yaml` -> validated shops. No network."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from connector.config_checks import check_across, check_consent, check_newsletter, check_sign_in, spoken_name, value_at
from connector.config_document import Document, Mistake, NotADocument, is_plain_key, read_document
from connector.config_document import Path as Place
from connector.config_models import (
    DEFAULT_SHOPIMIND_URL,
    IDS_PER_SHOP,
    Consent,
    FromEnvironment,
    Identifiers,
    PosAccount,
    Rules,
    Shop,
    ShopiMindAccount,
    check_address,
)

__all__ = [
    "DEFAULT_SHOPIMIND_URL",
    "IDS_PER_SHOP",
    "ConfigError",
    "Consent",
    "Identifiers",
    "Mistake",
    "PosAccount",
    "Rules",
    "Shop",
    "ShopiMindAccount",
    "find_shops_file",
    "load_shops",
]

SECRET_KEYS = frozenset({"access_token", "api_key", "oauth_token"})
SHOPS_VARIABLE = "CONNECTOR_SHOPS"
SHOPIMIND_URL_VARIABLE = "SHOPIMIND_CORE_API_BASE"  # the name that the official SDK reads


class ConfigError(Exception):
    """The configuration cannot be used. `mistakes` are all of them; no message holds a value from the file."""

    def __init__(self, mistakes: list[Mistake], file: Path | None = None) -> None:
        super().__init__(mistakes, file)
        self.mistakes, self.file = mistakes, file

    def __str__(self) -> str:
        return "\n".join(self._describe(mistake) for mistake in self.mistakes)

    def _describe(self, mistake: Mistake) -> str:
        parts = [
            str(self.file) if self.file else "",
            mistake.where if mistake.where != str(self.file) else "",
            mistake.message,
        ]
        if self.file and mistake.line:
            parts[0] += f":{mistake.line}"
        return ": ".join(part for part in parts if part)


def find_shops_file(explicit: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The file to read: `--shops`, else `$CONNECTOR_SHOPS`, else `./shops.yaml`. Raises `ConfigError` if missing."""
    variable = (os.environ if environ is None else environ).get(SHOPS_VARIABLE, "")
    if explicit is not None:
        source, path = "--shops", explicit
    elif variable:
        source, path = "CONNECTOR_SHOPS", Path(variable)
    else:
        source, path = "shops.yaml", Path("shops.yaml")
    if os.path.exists(path):
        return path
    places = "looked for: --shops PATH, else $CONNECTOR_SHOPS, else ./shops.yaml"
    raise ConfigError([Mistake(source, f"there is no file {path} ({places})")])


def load_shops(path: Path, environ: Mapping[str, str] | None = None) -> list[Shop]:
    """The shops of a file, in its order, with `${NAME}` read from `environ` (default: the process's own environment).

    Raises `ConfigError` with every mistake of the file at once.
    """
    environ = os.environ if environ is None else environ
    try:
        document = read_document(_read_text(path), SECRET_KEYS)
    except NotADocument as error:
        raise ConfigError([Mistake(str(path), error.message, error.line)], path) from None
    shops = _shops_of(document, environ)
    if document.mistakes:
        raise ConfigError(sorted(document.mistakes, key=lambda mistake: mistake.line or 0), path)
    return shops


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise NotADocument("is not UTF-8 text: save it with that encoding", line) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise NotADocument(f"cannot be read: {reason or type(error).__name__}", None) from None


def _shops_of(document: Document, environ: Mapping[str, str]) -> list[Shop]:
    raw_shops = _list_of_shops(document)
    shops: list[Shop] = []
    for index, raw in enumerate(raw_shops):
        place: Place = ("shops", index)
        if document.is_mistaken(place):
            continue
        raw = raw_shops[index] = _expand(document, raw, place, environ, spoken_name(index, raw))
        if isinstance(raw, dict):
            check_sign_in(document, raw.get("pos"), (*place, "pos"))
            check_consent(document, raw.get("rules"), (*place, "rules", "consent"))
            check_newsletter(document, raw.get("rules"), (*place, "rules"))
            _take_shopimind_url(document, raw.get("shopimind"), environ)
        shop = _validated(document, raw, place)
        if shop is not None:
            shops.append(shop)
    check_across(document, raw_shops)
    return shops


def _list_of_shops(document: Document) -> list[Any]:
    top = document.value
    if document.mistakes and not isinstance(top, dict):
        return []
    if top is None:
        document.mistake(("shops",), "no shops: the file is empty", line=1)
    elif not isinstance(top, dict):
        document.mistake((), "must be a mapping with one key, shops")
    else:
        for key in top:
            if key != "shops":
                document.mistake((key,), _unknown_key(key, ["shops"]))
        shops = top.get("shops")
        if isinstance(shops, list) and shops:
            return shops
        if shops is None or shops == []:
            document.mistake(("shops",), "no shops: it must be a list with at least one shop")
        elif not document.is_mistaken(("shops",)):
            document.mistake(("shops",), "must be a list: each shop starts with '- '")
    return []


_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _expand(document: Document, value: Any, place: Place, environ: Mapping[str, str], shop: str) -> Any:
    """The value with every `${NAME}` in it replaced. What a variable holds is taken as it is, never read again."""
    if isinstance(value, dict):
        return {key: _expand(document, item, (*place, key), environ, shop) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(document, item, (*place, index), environ, shop) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    if "${" in _REFERENCE.sub("", value):
        document.mistake(place, "has a '${' that is not followed by the name of an environment variable and '}'")
        return None
    names = dict.fromkeys(_REFERENCE.findall(value))
    unset = [f"{name} is {'empty' if name in environ else 'not set'}" for name in names if not environ.get(name)]
    if unset:
        key = ".".join(str(step) for step in place[2:] if isinstance(step, int) or is_plain_key(step))
        document.mistake(
            place, f"the environment variable {' and '.join(unset)}; shop {shop} needs it for {key or 'itself'}"
        )
        return None
    return FromEnvironment(_REFERENCE.sub(lambda match: environ[match[1]], value))


def _take_shopimind_url(document: Document, account: Any, environ: Mapping[str, str]) -> None:
    """The environment's base URL, where the file names none. Empty counts as unset, as in the official SDK."""
    url = environ.get(SHOPIMIND_URL_VARIABLE)
    if not url or not isinstance(account, dict) or "base_url" in account:
        return
    try:
        account["base_url"] = check_address(url)
    except ValueError as error:
        mistake = Mistake(SHOPIMIND_URL_VARIABLE, f"the environment variable {error}")
        if mistake not in document.mistakes:
            document.mistakes.append(mistake)


def _validated(document: Document, raw: Any, place: Place) -> Shop | None:
    try:
        return Shop.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    for detail in details:
        where = (*place, *detail["loc"])
        # a default that is made from other keys is not made when one of them is a mistake, which is told anyway
        if detail["type"] != "default_factory_not_called" and not document.is_mistaken(where):
            document.mistake(where, _sentence(detail, value_at(raw, detail["loc"])))
    return None


_SENTENCES = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_unicode": "must be text of Unicode characters",
    "int_type": "must be a whole number",
    "greater_than": "must be more than {gt}",
    "model_type": "must be a mapping (lines of key: value)",
}


def _sentence(detail: ErrorDetails, value: Any) -> str:
    """What pydantic found, for a person, without the value."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        return _unknown_key(str(detail["loc"][-1]), _known_keys(detail["loc"][:-1]))
    if value is None and kind != "missing":
        return "is empty: give it a value or remove the key"
    if kind == "literal_error":
        sentence = "must be " + _one_of(re.findall(r"'([^']*)'", context["expected"]))
    else:
        sentence = _SENTENCES.get(kind, "is not a valid value").format(**context)
    if isinstance(value, bool):
        sentence += " (YAML reads unquoted yes, no, on, off, true and false as a truth value)"
    elif kind == "string_type" and not isinstance(value, dict | list):
        sentence += " (YAML reads it as a number or a date; quotes make it text)"
    return sentence


def _one_of(choices: list[str]) -> str:
    return f"one of: {', '.join(choices)}" if len(choices) > 1 else choices[0]


def _known_keys(steps: tuple[str | int, ...]) -> list[str]:
    models: dict[str | int, type[BaseModel]] = {
        "shopimind": ShopiMindAccount,
        "pos": PosAccount,
        "identifiers": Identifiers,
        "rules": Rules,
        "consent": Consent,
    }
    return list((models[steps[-1]] if steps else Shop).model_fields)


def _unknown_key(key: str, known: list[str]) -> str:
    if not is_plain_key(key):
        return f"has an unknown key (a space may be missing after ':'); the keys here are {', '.join(known)}"
    nearest = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1, cutoff=0.7)
    return (
        f"unknown key; did you mean {nearest[0]}?" if nearest else f"unknown key; the keys here are {', '.join(known)}"
    )
