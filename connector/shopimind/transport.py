"""One call to the ShopiMind API -> one envelope: address, headers, encoding, what is replayed, what is an answer."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import orjson

from connector.http import HttpClient
from connector.http_answers import Answer, TransportFailure
from connector.http_retries import RETRY_STATUSES, RetryPolicy
from connector.pacing import Pace
from connector.shopimind.envelope import BAD_REQUEST, BAD_RESPONSE, ApiError, Envelope

DEFAULT_BASE_URL = "https://core.shopimind.com"
BASE_URL_VARIABLE = "SHOPIMIND_CORE_API_BASE"
VERSION = "v1"

REPLAY = RetryPolicy()
# Only what certainly reached nobody is tried again: the server turned it away, or it never got there.
ONCE = RetryPolicy(statuses=frozenset({429}), codes=frozenset({"ECONNREFUSED", "ENOTFOUND"}))


class Transport:
    """Calls to one installation's API. Safe to share between threads; at most `requests_in_flight` at once, as `Pace` says."""

    def __init__(self, access_token: str, base_url: str | None, requests_in_flight: int) -> None:
        if not access_token or not access_token.isascii() or not access_token.isprintable() or " " in access_token:
            raise ValueError("the access token must be printable ASCII without spaces (its value is not shown)")
        chosen = base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
        self.requests_in_flight = requests_in_flight
        self._token = access_token.encode()
        try:
            self._http = HttpClient(
                chosen,
                headers={
                    "Accept": "application/json",
                    "Content-Type": "application/json",
                    "spm-api-key": access_token,
                },
                connections=requests_in_flight,
                pace=Pace(requests_in_flight),
            )
        except ValueError as error:
            where = "base_url" if base_url else BASE_URL_VARIABLE
            raise ValueError(f"the address of the ShopiMind API ({where}) {error}") from None

    @property
    def base_url(self) -> str:
        return self._http.base_url

    @property
    def attempts(self) -> int:
        return self._http.attempts

    def close(self) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        replay: bool = True,
        may_be_empty: bool = False,
        may_be_list: bool = False,
        stop: threading.Event | None = None,
    ) -> Envelope:
        """The envelope of `method /v1/path`. Raises nothing for a failure of HTTP or network.

        `replay` false is for calls that must not happen twice: they are tried again only after a 429 or when no
        connection came about. A 2xx must hold a JSON object, or nothing if `may_be_empty`, or an array if
        `may_be_list`. Once `stop` is set there are no more tries.
        """
        try:
            answer = self._http.request(
                method,
                f"/{VERSION}/{path}",
                params=query_pairs(query or {}) or None,
                content=body,
                headers=headers,
                retry=REPLAY if replay else ONCE,
                stop=stop,
            )
        except TransportFailure as failure:
            error = ApiError(failure.message, failure.code, failure.retryable, failure.attempts)
            return Envelope(False, 0, None, error)
        if self._token in answer.body:  # a message may repeat it
            answer = replace(answer, body=answer.body.replace(self._token, b"***"))
        return _envelope_of(answer, may_be_empty, may_be_list)


def _envelope_of(answer: Answer, may_be_empty: bool, may_be_list: bool) -> Envelope:
    data = _parse(answer.body)
    if not answer.ok:
        code = BAD_REQUEST if 400 <= answer.status < 500 else BAD_RESPONSE
        message = f"Request failed with status code {answer.status}"
        retryable = answer.status in RETRY_STATUSES
        error = ApiError(message, code, retryable, answer.attempts, retry_after=answer.retry_after)
        return Envelope(False, answer.status, data, error)
    if isinstance(data, dict) or (may_be_empty and data == "") or (may_be_list and isinstance(data, list)):
        return Envelope(True, answer.status, data, None)
    return unusable(data, f"HTTP {answer.status} without the JSON object that was expected", answer.attempts)


def unusable(data: Any, message: str, attempts: int = 1) -> Envelope:
    """The envelope of a 2xx that cannot be what it claims: nothing in it counts as done."""
    return Envelope(False, 0, data, ApiError(message, BAD_RESPONSE, True, attempts))


def _parse(body: bytes) -> Any:
    if not body:
        return ""
    try:
        return orjson.loads(body)
    except ValueError:
        return body.decode("utf-8", errors="replace")


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON; a `Decimal` becomes a number. Raises `TypeError` for what JSON has no word for."""
    return orjson.dumps(value, default=_number)


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def segment(value: Any) -> str:
    """One part of a path, percent-encoded whole, so that no id can change the route.

    Raises `ValueError` for an empty id and for dots, which would change it all the same.
    """
    text = str(value)
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} cannot be an id: the address would be that of something else")
    return quote(text, safe="")


def query_pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The query as the API reads it: `name[]=` repeated for a list, `name[key]=` for a mapping, nothing for None."""
    return [pair for name, value in query.items() for pair in _pairs(name, value)]


def _pairs(name: str, value: Any) -> Iterable[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pairs(f"{name}[{key}]", inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _pairs(f"{name}[]", inner)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, date):
        yield name, value.isoformat()
    else:
        yield name, str(value)
