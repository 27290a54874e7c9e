"""Reads how a customer can be reached: e-mail, phone, country."""

from __future__ import annotations

import re
from functools import lru_cache

import email_validator
import phonenumbers
import pycountry

from connector.mapping.text import clean

# "One with invalid syntax counts as none": a reserved domain (`.local`, `.test`) is no matter of syntax.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")  # what may stand before the @ of any valid address


@lru_cache(maxsize=2**14)
def email(text: str | None) -> str:
    """The address in lower case; `""` when there is none or its syntax is invalid. Nothing is asked of the network."""
    address = clean(text)
    local, at, domain = address.rpartition("@")
    if not at:
        return ""
    # validating the domain takes most of the time, and a shop's customers share a few hundred of them
    plain = len(local) <= 64 and len(address) <= 254 and address.isascii() and _PLAIN.fullmatch(local)
    return address.lower() if _is_valid(f"a@{domain}" if plain else address) else ""


@lru_cache(maxsize=2**12)
def _is_valid(address: str) -> bool:
    try:
        email_validator.validate_email(address, check_deliverability=False, strict=True)
    except (email_validator.EmailNotValidError, UnicodeError):
        return False
    return True


@lru_cache(maxsize=2**14)
def phone(text: str | None, *countries: str | None) -> str | None:
    """E.164 as the first of `countries` (alpha-2) in which it is a number; else as typed; None when there is none.

    A number that the country's plan holds wins over one that merely has the right length in it (plans change).
    """
    typed = clean(text)
    if not typed:
        return None
    of_right_length = None
    for country in dict.fromkeys(filter(None, countries)):
        try:
            number = phonenumbers.parse(typed, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return _e164(number)
        if of_right_length is None and phonenumbers.is_possible_number(number) and not number.italian_leading_zero:
            of_right_length = _e164(number)
    return of_right_length or typed


@lru_cache(maxsize=2**10)
def country(text: str | None) -> str | None:
    """The alpha-2 code of an alpha-2 or alpha-3 code in any case; None when there is no such country."""
    code = clean(text).upper()
    found = None
    if len(code) == 2:
        found = pycountry.countries.get(alpha_2=code)
    elif len(code) == 3:
        found = pycountry.countries.get(alpha_3=code)
    return str(found.alpha_2) if found else None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
