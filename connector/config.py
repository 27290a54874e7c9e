"""`shops.yaml` -> validated shops. No network."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from connector.config_checks import (
    check_across,
    check_consent,
    check_events,
    check_first_day,
    check_newsletter,
    check_of_files,
    check_sign_in,
    check_token,
    spoken_name,
    value_at,
)
from connector.config_custom_data import CustomData, CustomField, check_custom_data
from connector.config_document import Document, Mistake, NotADocument, is_plain_key, read_document
from connector.config_document import Path as Place
from connector.config_events import EventType
from connector.config_files import FilesAccount, is_website
from connector.config_models import (
    DEFAULT_SHOPIMIND_URL,
    IDS_PER_SHOP,
    Consent,
    Identifiers,
    Rules,
    Shop,
    ShopiMindAccount,
    system_of,
)
from connector.config_pos import HiboutikAccount, PosAccount
from connector.config_receive import InstalledShops, Receive
from connector.config_sentences import sentence, unknown_key
from connector.config_values import FromEnvironment, Strict, check_address

__all__ = [
    "DEFAULT_SHOPIMIND_URL",
    "IDS_PER_SHOP",
    "ConfigError",
    "Configuration",
    "Consent",
    "CustomData",
    "CustomField",
    "EventType",
    "FilesAccount",
    "HiboutikAccount",
    "Identifiers",
    "InstalledShops",
    "Mistake",
    "PosAccount",
    "Receive",
    "Rules",
    "Shop",
    "ShopiMindAccount",
    "find_shops_file",
    "load_configuration",
    "load_shops",
]

SECRET_KEYS = frozenset({"access_token", "api_key", "oauth_token", "webhook_secret"})
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


@dataclass(frozen=True)
class Configuration:
    """What a file says. `receive` is None where no webhooks are received."""

    shops: list[Shop]
    receive: Receive | None


def load_shops(path: Path, environ: Mapping[str, str] | None = None) -> list[Shop]:
    """The shops that a file names, in its order; those that were installed by webhook are in `connector.shops`."""
    return load_configuration(path, environ).shops


def load_configuration(path: Path, environ: Mapping[str, str] | None = None) -> Configuration:
    """Everything of a file, with `${NAME}` read from `environ` (default: the process's own environment).

    Raises `ConfigError` with every mistake of the file at once.
    """
    environ = os.environ if environ is None else environ
    try:
        document = read_document(_read_text(path), SECRET_KEYS)
    except NotADocument as error:
        raise ConfigError([Mistake(str(path), error.message, error.line)], path) from None
    receive = _receive_of(document, environ)
    shops = _shops_of(document, environ, path.absolute().parent)
    if document.mistakes:
        raise ConfigError(sorted(document.mistakes, key=lambda mistake: mistake.line or 0), path)
    return Configuration(shops, receive)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise NotADocument("is not UTF-8 text: save it with that encoding", line) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise NotADocument(f"cannot be read: {reason or type(error).__name__}", None) from None


_RECEIVE: Place = ("receive",)


def _receive_of(document: Document, environ: Mapping[str, str]) -> Receive | None:
    raw = value_at(document.value, _RECEIVE)
    if raw is None:
        if isinstance(document.value, dict) and "receive" in document.value:
            document.mistake(_RECEIVE, "is empty: give it a value or remove the key")
        return None
    raw = _expand(document, raw, _RECEIVE, environ, "receive", 1)
    installed = value_at(raw, ("installed_shops",))
    check_sign_in(document, value_at(installed, ("pos", "configs")), (*_RECEIVE, "installed_shops", "pos", "configs"))
    check_consent(document, value_at(installed, ("rules",)), (*_RECEIVE, "installed_shops", "rules", "consent"))
    if isinstance(installed, dict):
        _take_shopimind_url(document, installed, environ, "shopimind_url")
    return _validated(document, raw, _RECEIVE, Receive)


def _shops_of(document: Document, environ: Mapping[str, str], folder: Path) -> list[Shop]:
    raw_shops = _list_of_shops(document)
    receives = isinstance(document.value, dict) and "receive" in document.value
    shops: list[Shop] = []
    for index, raw in enumerate(raw_shops):
        place: Place = ("shops", index)
        if document.is_mistaken(place):
            continue
        raw = raw_shops[index] = _expand(document, raw, place, environ, f"shop {spoken_name(index, raw)}", 2)
        if isinstance(raw, dict):
            check_token(document, raw, place, receives=receives)
            check_sign_in(document, raw.get("pos"), (*place, "pos"))
            check_consent(document, raw.get("rules"), (*place, "rules", "consent"))
            check_first_day(document, raw, place)
            check_newsletter(document, raw.get("rules"), (*place, "rules"))
            check_events(document, raw, place)
            check_custom_data(document, raw.get("custom_data"), (*place, "custom_data"))
            check_of_files(document, raw, place)
            if raw.get("installation_id") is not None and raw.get("shopimind") is None:
                raw["shopimind"] = {}
            _take_shopimind_url(document, raw.get("shopimind"), environ, "base_url")
            _complete_files(raw, folder)
        shop = _validated(document, raw, place, Shop)
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
        document.mistake((), "must be a mapping with the key shops")
    else:
        for key in top:
            if key not in ("shops", "receive"):
                document.mistake((key,), unknown_key(key, ["shops", "receive"]))
        shops = top.get("shops")
        if isinstance(shops, list) and shops:
            return shops
        if not shops and value_at(top, ("receive", "installed_shops")) is not None:
            return []  # they come by webhook
        if shops is None or shops == []:
            document.mistake(("shops",), "no shops: it must be a list with at least one shop")
        elif not document.is_mistaken(("shops",)):
            document.mistake(("shops",), "must be a list: each shop starts with '- '")
    return []


_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _expand(document: Document, value: Any, place: Place, environ: Mapping[str, str], owner: str, depth: int) -> Any:
    """The value with every `${NAME}` in it replaced. What a variable holds is taken as it is, never read again.

    `owner` is what a message says needs it; its place is `depth` steps long.
    """
    if isinstance(value, dict):
        return {key: _expand(document, item, (*place, key), environ, owner, depth) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(document, item, (*place, index), environ, owner, depth) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    if "${" in _REFERENCE.sub("", value):
        document.mistake(place, "has a '${' that is not followed by the name of an environment variable and '}'")
        return None
    names = dict.fromkeys(_REFERENCE.findall(value))
    unset = [f"{name} is {'empty' if name in environ else 'not set'}" for name in names if not environ.get(name)]
    if unset:
        key = ".".join(str(step) for step in place[depth:] if isinstance(step, int) or is_plain_key(step))
        document.mistake(
            place, f"the environment variable {' and '.join(unset)}; {owner} needs it for {key or 'itself'}"
        )
        return None
    return FromEnvironment(_REFERENCE.sub(lambda match: environ[match[1]], value))


def _take_shopimind_url(document: Document, account: Any, environ: Mapping[str, str], key: str) -> None:
    """The environment's base URL, where the file names none. Empty counts as unset, as in the official SDK."""
    url = environ.get(SHOPIMIND_URL_VARIABLE)
    if not url or not isinstance(account, dict) or key in account:
        return
    try:
        account[key] = check_address(url)
    except ValueError as error:
        mistake = Mistake(SHOPIMIND_URL_VARIABLE, f"the environment variable {error}")
        if mistake not in document.mistakes:
            document.mistakes.append(mistake)


def _complete_files(shop: dict[str, Any], folder: Path) -> None:
    """Of an export folder: its path from the file's own folder, and where its pages are unless a rule says it."""
    pos = shop.get("pos")
    if not isinstance(pos, dict) or system_of(pos) != "files":
        return
    if isinstance(pos.get("folder"), str) and pos["folder"].strip():
        pos["folder"] = str(folder / pos["folder"].strip())
    rules = {} if shop.get("rules") is None else shop["rules"]
    if isinstance(rules, dict) and "product_link" not in rules and is_website(pos.get("website")):
        shop["rules"] = {**rules, "product_link": f"{pos['website'].rstrip('/')}/?product_id={{product_id}}"}


_Model = TypeVar("_Model", bound=Strict)


def _validated(document: Document, raw: Any, place: Place, model: type[_Model]) -> _Model | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        details: list[ErrorDetails] = error.errors(include_url=False, include_input=False)
    for detail in details:
        steps = detail["loc"]
        if steps[:1] == ("pos",):  # pydantic names the account's system as a step of its own
            steps = ("pos", *steps[2:])
        where = (*place, *steps)
        # a default that is made from other keys is not made when one of them is a mistake, which is told anyway
        if detail["type"] != "default_factory_not_called" and not document.is_mistaken(where):
            document.mistake(where, sentence(detail, value_at(raw, steps), model))
    return None
