"""What came of a request: a server's answer, or the failure to get one; and what may be repeated of its text."""

from __future__ import annotations

import email.utils
import json
import re
import time
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

_EMAIL = re.compile(r"[^\s@\"'<>]+@([^\s@\"'<>]+)")


class TransportFailure(Exception):
    """No usable answer came: `code` is the network's word for it (`ECONNREFUSED`, `ECONNABORTED` for a time-out, ...).

    `retryable` says whether trying again can help; `attempts` is how many times it was tried.
    """

    def __init__(self, code: str, message: str, *, retryable: bool, attempts: int = 1) -> None:
        super().__init__(message)
        self.code, self.message, self.retryable, self.attempts = code, message, retryable, attempts


@dataclass(frozen=True)
class Answer:
    """What a server said: any status, redirects included (they are never followed)."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # by their names in lower case
    body: bytes = field(repr=False)
    attempts: int = 1

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The parsed body. Raises `ValueError` when it is not JSON.

        Half a surrogate pair (what is left of an emoji cut in two) becomes "?": it costs its character, not the list.
        A byte order mark in front is no part of it.
        """
        body = self.body.removeprefix(BOM_UTF8)
        try:
            return orjson.loads(body)
        except ValueError:
            if b"\\u" not in body:
                raise
            return _without_half_characters(body)

    @property
    def retry_after(self) -> float | None:
        """Seconds that `Retry-After` asks for (a number or an HTTP date), at least 0; None when absent or garbled."""
        text = self.headers.get("retry-after", "").strip()
        if not text:
            return None
        try:
            seconds = float(text)
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
            except (ValueError, OverflowError):
                return None
        if seconds != seconds:  # "nan" parses as a number
            return None
        return max(0.0, seconds)


def _without_half_characters(body: bytes) -> Any:
    """JSON as the standard library reads it, without the lone surrogates that it lets pass."""
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return orjson.loads(text.encode("utf-8", "replace"))


def without_addresses(text: str) -> str:
    """What a server said, with the name part of e-mail addresses taken out."""
    return _EMAIL.sub(r"***@\1", text)
