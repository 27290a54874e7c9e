"""What no single key of `shops.yaml` can tell: how a shop signs in, and what two shops may not share."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector.config_document import Document, Path
from connector.config_events import PURCHASE, PURCHASE_PROPERTIES
from connector.config_models import IDS_PER_SHOP, Consent, system_of
from connector.config_values import FromEnvironment


def spoken_name(index: int, raw: Any) -> str:
    """What a message calls a shop: its key, where that can be said."""
    key = raw.get("key") if isinstance(raw, dict) else None
    if isinstance(key, str) and not isinstance(key, FromEnvironment) and re.fullmatch(r"[a-z0-9-]{1,40}", key):
        return key
    return f"number {index + 1}"


def value_at(raw: Any, steps: tuple[str | int, ...]) -> Any:
    """The value that the steps lead to; None when there is none."""
    for step in steps:
        if isinstance(raw, list):
            raw = raw[step] if isinstance(step, int) and step < len(raw) else None
        else:
            raw = raw.get(step) if isinstance(raw, dict) else None
    return raw


def _is_given(document: Document, raw: Mapping[str, Any], place: Path, key: str) -> bool:
    return raw.get(key) is not None or document.is_mistaken((*place, key))


def check_sign_in(document: Document, pos: Any, place: Path) -> None:
    """Of an account that is signed in to, exactly one way: `login` and `api_key`, or `oauth_token`."""
    if not isinstance(pos, dict) or system_of(pos) != "hiboutik":
        return
    login, api_key, oauth = (_is_given(document, pos, place, key) for key in ("login", "api_key", "oauth_token"))
    if oauth and (login or api_key):
        document.mistake(
            (*place, "oauth_token"), "there are two ways to sign in: keep oauth_token, or login and api_key"
        )
    elif login and not api_key:
        document.mistake((*place, "api_key"), "is missing: login needs it")
    elif api_key and not login:
        document.mistake((*place, "login"), "is missing: api_key needs it")
    elif not oauth and not login:
        document.mistake((*place, "login"), "is missing: give login and api_key, or oauth_token")


_EMPTY = "is empty: give it a value or remove the key"


def check_token(document: Document, raw: Mapping[str, Any], place: Path, *, receives: bool) -> None:
    """The access token is in the file, or comes by webhook for the installation that the shop names."""
    account = raw.get("shopimind")
    in_file = isinstance(account, dict) and _is_given(document, account, (*place, "shopimind"), "access_token")
    governed = _is_given(document, raw, place, "installation_id")
    if governed and in_file:
        document.mistake(
            (*place, "installation_id"), "the token of an installation comes by webhook: remove shopimind.access_token"
        )
    elif governed and not receives:
        document.mistake((*place, "installation_id"), "needs the section receive, which takes ShopiMind's webhooks")
    elif not governed and account is None:
        document.mistake((*place, "shopimind"), _EMPTY if "shopimind" in raw else "is missing")
    elif not governed and isinstance(account, dict) and not in_file:
        document.mistake((*place, "shopimind", "access_token"), _EMPTY if "access_token" in account else "is missing")


def check_first_day(document: Document, raw: Mapping[str, Any], place: Path) -> None:
    """The first day is said in one way at most."""
    if raw.get("first_day") is not None and raw.get("history_days") is not None:
        document.mistake(
            (*place, "history_days"), "there are two ways to say where history begins: keep first_day, or this"
        )


def check_newsletter(document: Document, rules: Any, place: Path) -> None:
    """Nobody's newsletter status is sent where nothing says who agreed."""
    if isinstance(rules, dict) and rules.get("newsletter") == "send" and rules.get("consent") in (None, "none"):
        document.mistake((*place, "newsletter"), "needs the rule consent, which says who agreed to it", closes=False)


def check_consent(document: Document, rules: Any, place: Path) -> None:
    """Exactly one carrier of the customers' consent, when the rule is there."""
    consent = rules.get("consent") if isinstance(rules, dict) else None
    if isinstance(consent, dict):
        given = [key for key in Consent.model_fields if _is_given(document, consent, place, key)]
        if len(given) != 1:
            document.mistake(
                place,
                f"must have exactly one of tag, list and misc; it has {' and '.join(given) or 'none'}",
                closes=False,
            )


def check_events(document: Document, raw: Mapping[str, Any], place: Path) -> None:
    """No code name twice, and a consent to ask for where an event asks for it."""
    consent = value_at(raw, ("rules", "consent"))
    seen: set[str] = set()
    for index, event in enumerate(_entries(raw)):
        code_name = _code_name(event)
        if code_name is not None and code_name in seen:
            at = (*place, "events", index, *(() if isinstance(event, str) else ("code_name",)))
            document.mistake(at, "another event of this shop above has this code name; every event needs its own")
        elif code_name is not None:
            seen.add(code_name)
        if isinstance(event, dict) and event.get("consent") in (True, "true") and consent in (None, "none"):
            message = "needs the rule consent (rules.consent), which says where a customer's consent is kept"
            document.mistake((*place, "events", index, "consent"), message)


def _entries(raw: Any) -> list[Any]:
    events = value_at(raw, ("events",))
    return events if isinstance(events, list) else []


def _code_name(event: Any) -> str | None:
    found = event if isinstance(event, str) else value_at(event, ("code_name",))
    return str(found) if isinstance(found, str) else None


# Rules about what no export has, and their defaults.
_NOT_OF_FILES = {
    "variations": "skip",
    "customer_groups": "none",
    "newsletter": "skip",
    "addresses": "skip",
    "images": "skip",
}


def check_of_files(document: Document, shop: Mapping[str, Any], place: Path) -> None:
    """What an export folder has no use for: its customers' consent is a column, the rest is in none."""
    rules = shop.get("rules")
    if system_of(shop.get("pos")) != "files" or not isinstance(rules, dict):
        return
    if rules.get("consent") not in (None, "none"):
        document.mistake(
            (*place, "rules", "consent"),
            "is not for system: files: name the column that says it in pos.customers.columns.consents",
        )
    for rule, usual in _NOT_OF_FILES.items():
        if rules.get(rule) not in (None, usual):
            document.mistake((*place, "rules", rule), f"is not for system: files; leave it {usual}", closes=False)


@dataclass(frozen=True)
class _Claim:
    """What a shop takes for itself; None for what is missing or a mistake, so that it is compared with nothing."""

    name: str
    key: str | None
    installation_id: str | None
    token: str | None
    prefix: str | None
    label: str | None
    offset: int | None
    events: Mapping[str, tuple[int, frozenset[str] | None]]  # by code name: place, and properties where they are told


def _claim(document: Document, index: int, raw: Any) -> _Claim:
    def sound(kind: type[Any], *steps: str) -> Any:
        value = value_at(raw, steps)
        return value if isinstance(value, kind) and not document.is_mistaken(("shops", index, *steps)) else None

    offset = sound(str, "identifiers", "offset") or sound(int, "identifiers", "offset")
    return _Claim(
        name=spoken_name(index, raw),
        key=sound(str, "key"),
        installation_id=sound(str, "installation_id"),
        token=sound(str, "shopimind", "access_token"),
        prefix=sound(str, "identifiers", "prefix"),
        label=sound(str, "label"),
        offset=None if offset is None else int(offset),
        events={
            name: (place, _properties(event))
            for place, event in enumerate(_entries(raw))
            if (name := _code_name(event)) is not None
        },
    )


def _properties(event: Any) -> frozenset[str] | None:
    told = value_at(event, ("properties",))
    if told is None and _code_name(event) == PURCHASE:
        return frozenset(PURCHASE_PROPERTIES)
    return frozenset(map(str, told)) if isinstance(told, list) else None


def check_across(document: Document, raw_shops: list[Any]) -> None:
    """What two shops may not share: a key; and under one access token a prefix, a label, an integer id."""
    claims = [_claim(document, index, raw) for index, raw in enumerate(raw_shops)]
    for index, claim in enumerate(claims):
        for other in claims[:index]:
            for steps, message in _clashes(claim, other):
                document.mistake(("shops", index, *steps), message)


def _clashes(claim: _Claim, other: _Claim) -> Iterator[tuple[Path, str]]:
    if claim.key is not None and claim.key == other.key:
        yield ("key",), "another shop above has this key; every shop needs its own"
    if claim.installation_id is not None and claim.installation_id == other.installation_id:
        yield ("installation_id",), f"shop {other.name} has this installation; every shop needs its own"
    if claim.token is None or claim.token != other.token:
        return
    under = f"shop {other.name} has the same access token"
    if claim.prefix is not None and other.prefix is not None:
        short, long = sorted((claim.prefix, other.prefix), key=len)
        if short == long:
            yield ("identifiers", "prefix"), f"{under} and the same prefix: their records would overwrite each other"
        elif long.startswith(short) and long[len(short) :].isdigit():
            yield (
                ("identifiers", "prefix"),
                f"{under} and a prefix that differs by end digits only, so that two ids could be one: end it with '_'",
            )
    if claim.label is not None and other.label is not None and _same_label(claim.label, other.label):
        yield ("label",), f"{under} and the same label: a data source is found by its label"
    if claim.offset is not None and other.offset is not None and abs(claim.offset - other.offset) < IDS_PER_SHOP:
        yield (
            ("identifiers", "offset"),
            f"{under}, and its integer ids overlap with these: two offsets must be {IDS_PER_SHOP:,} or more apart",
        )
    for code_name in claim.events.keys() & other.events.keys():
        place, properties = claim.events[code_name]
        if properties != other.events[code_name][1]:
            yield (
                ("events", place),
                f"{under} and an event of this code name with other properties, and ShopiMind has one for both: give them "
                "the same properties, or two code names",
            )


def _same_label(one: str, other: str) -> bool:
    # as ShopiMind will hold them: entities decoded, white space made one space
    return " ".join(html.unescape(one).split()).casefold() == " ".join(html.unescape(other).split()).casefold()
