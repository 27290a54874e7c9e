"""Reads the till's free text: entities decoded once, control characters dropped, white space tidied."""

from __future__ import annotations

import html
import re

# Only references that end in ";": "fruits&sections" is no section sign.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

# C0 and C1 without those that are white space (tab, line ends), and lone surrogates, which no JSON can carry.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


def clean(text: str | None) -> str:
    """Text as it may be sent; `""` when there is none."""
    if not text:
        return ""
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found.group()), text)
    if not text.isprintable():
        text = _CONTROL.sub("", text)
    return " ".join(text.split())
