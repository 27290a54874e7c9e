"""What no single key of `shops.yaml` can tell: how a shop signs in, and what two shops may not share."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector.config_document import Document, Path
from connector.config_models import IDS_PER_SHOP, Consent, FromEnvironment


def spoken_name(index: int, raw: Any) -> str:
    """What a message calls a shop: its key, where that can be said."""
    key = raw.get("key") if isinstance(raw, dict) else None
    if isinstance(key, str) and not isinstance(key, FromEnvironment) and re.fullmatch(r"[a-z0-9-]{1,40}", key):
        return key
    return f"number {index + 1}"


def value_at(raw: Any, steps: tuple[str | int, ...]) -> Any:
    """The value that the steps lead to; None when there is none."""
    for step in steps:
        raw = raw.get(step) if isinstance(raw, dict) else None
    return raw


def _is_given(document: Document, raw: Mapping[str, Any], place: Path, key: str) -> bool:
    return raw.get(key) is not None or document.is_mistaken((*place, key))


def check_sign_in(document: Document, pos: Any, place: Path) -> None:
    """Exactly one way: `login` and `api_key`, or `oauth_token`."""
    if not isinstance(pos, dict):
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


@dataclass(frozen=True)
class _Claim:
    """What a shop takes for itself; None for what is missing or a mistake, so that it is compared with nothing."""

    name: str
    key: str | None
    token: str | None
    prefix: str | None
    label: str | None
    offset: int | None


def _claim(document: Document, index: int, raw: Any) -> _Claim:
    def sound(kind: type[Any], *steps: str) -> Any:
        value = value_at(raw, steps)
        return value if isinstance(value, kind) and not document.is_mistaken(("shops", index, *steps)) else None

    offset = sound(str, "identifiers", "offset") or sound(int, "identifiers", "offset")
    return _Claim(
        name=spoken_name(index, raw),
        key=sound(str, "key"),
        token=sound(str, "shopimind", "access_token"),
        prefix=sound(str, "identifiers", "prefix"),
        label=sound(str, "label"),
        offset=None if offset is None else int(offset),
    )


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


def _same_label(one: str, other: str) -> bool:
    # as ShopiMind will hold them: entities decoded, white space made one space
    return " ".join(html.unescape(one).split()).casefold() == " ".join(html.unescape(other).split()).casefold()
