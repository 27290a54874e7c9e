"""What every call to the ShopiMind API gives back: one envelope, whatever happened, and how to read what is in it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from connector.http_answers import without_addresses

BAD_REQUEST = "ERR_BAD_REQUEST"  # any HTTP 4xx, and a request too large to send
BAD_RESPONSE = "ERR_BAD_RESPONSE"  # any other HTTP failure, and a 2xx that is not what it should be
PARTIAL_FAILURE = "PARTIAL_FAILURE"  # at least one chunk, or some items of one, failed
NOT_SENT = "NOT_SENT"  # a chunk that was held back after a 401
UNIDENTIFIED = "UNIDENTIFIED"  # some items of a chunk were not taken, and nothing says which

NO_REASON = "rejected without a reason"

_BESIDE_DATA = frozenset(
    {"data", "statusCode", "status", "success", "message", "code", "meta", "pagination", "timestamp", "path"}
)
_REASON_LIMIT = 500  # characters of an API message that an error repeats


class Counts(NamedTuple):
    """Items of a bulk call: accepted, rejected one by one, and lost in chunks that failed."""

    sent: int
    rejected: int
    failed: int


@dataclass(frozen=True)
class ApiError:
    """Why a call failed.

    `message` is the transport's text (the API's own is `Envelope.business_message`); `code` one of the words of the
    official SDK (`ERR_BAD_REQUEST`, `ERR_BAD_RESPONSE`, `ECONNRESET`, `ECONNABORTED` for a time-out, `PARTIAL_FAILURE`,
    ...); `retryable` whether trying again later can help; `attempts` the tries that were made; `details` the errors of
    the failed chunks; `retry_after` the seconds that the API asked to wait.
    """

    message: str
    code: str
    retryable: bool
    attempts: int
    details: tuple[ApiError, ...] = ()
    retry_after: float | None = None


@dataclass(frozen=True)
class Envelope:
    """The outcome of a call; HTTP and network failures are told here and never raised.

    `status_code` is the HTTP status, 0 when there was no usable answer, and never a 2xx when `ok` is false. `data` is
    the parsed JSON of the answer (its text when it is not JSON, `""` for an empty one, None when there was none); it
    may hold personal data, so it is no part of the representation.
    """

    ok: bool
    status_code: int
    data: Any = dataclasses.field(repr=False)
    error: ApiError | None

    @property
    def counts(self) -> Counts:
        """The counters of a bulk answer; a missing one is 0."""
        body = self.data if isinstance(self.data, dict) else {}
        return Counts(*(whole(body.get(name)) or 0 for name in ("sent_count", "rejected_count", "failed_count")))

    @property
    def business_message(self) -> str:
        """What the API says about a failure, else what the transport says; empty when all is well."""
        if isinstance(self.data, dict):
            said = _words(self.data.get("message")) or _words(self.data.get("error"))
            if said:
                return said
        return self.error.message if self.error else ""

    def unwrap(self, context: str) -> Any:
        """The payload: what is under `data` when nothing but the usual wrapping is beside it, else the body.

        Raises `InstallationInactive` for a 401 and `ShopiMindError` for any other failure. `context` says what was
        asked, for the reader of the error.
        """
        if self.status_code == 401:
            raise InstallationInactive(context, self)
        if not self.ok:
            raise ShopiMindError(context, self)
        body = self.data
        if isinstance(body, dict) and "data" in body and ("statusCode" in body or body.keys() <= _BESIDE_DATA):
            return body["data"]
        return body

    def rows(self, context: str) -> list[Any]:
        """The items of a list: the body itself, or what is under its `data`. Raises as `unwrap` does."""
        payload = self.unwrap(context)
        found = payload.get("data") if isinstance(payload, dict) else payload
        if not isinstance(found, list):
            error = ApiError("the answer is not the list that was expected", BAD_RESPONSE, True, 1)
            raise ShopiMindError(context, Envelope(False, 0, None, error))
        return found


class ShopiMindError(Exception):
    """A call that had to succeed did not. The envelope has the whole answer; the message has no personal data."""

    def __init__(self, context: str, envelope: Envelope) -> None:
        self.status_code = envelope.status_code
        self.code = envelope.error.code if envelope.error else "UNKNOWN"
        self.envelope = envelope
        what = f"HTTP {self.status_code}" if self.status_code else self.code
        super().__init__(f"ShopiMind {context} failed ({what}): {masked(envelope.business_message)}")


class InstallationInactive(ShopiMindError):
    """401: the installation is not active, so its key opens nothing. Nothing of this shop may be asked any more."""


@dataclass(frozen=True)
class Rejection:
    """One item that the API refused.

    `index` is its place in the request (None when the API does not say), `field` the attribute that it names, `reason`
    its own words, `item` the item as the API repeats it.
    """

    index: int | None
    field: str | None
    reason: str = dataclasses.field(repr=False)
    item: dict[str, Any] | None = dataclasses.field(repr=False)


def rejections(envelope: Envelope) -> list[Rejection]:
    """The rejected items of a bulk answer, in the order in which the API lists them. Never raises.

    The key names inside `rejected_items` are not published, so both known shapes are read (`index` / `item` / `errors`
    and `objectIndex` / `validationErrors`); of an unknown one the reason is the entry as JSON, without the objects in
    it: one of them may be the item, which is somebody's personal data.
    """
    return [_rejection(entry) for entry in rejected_entries(envelope.data)]


def whole_rejection(envelope: Envelope) -> Rejection:
    """Why a request with one item was refused as a whole: its entry when there is one, else the answer's message."""
    named = rejections(envelope)
    if named:
        return dataclasses.replace(named[0], index=0)
    said = envelope.data.get("message") if isinstance(envelope.data, dict) else None
    return Rejection(0, _field_of(said, None), envelope.business_message or NO_REASON, None)


def rejected_entries(body: Any) -> list[Any]:
    """The entries of a bulk answer for its rejected items, as the API wrote them (an older one: `invalidFields`)."""
    entries = (body.get("rejected_items") or body.get("invalidFields")) if isinstance(body, dict) else None
    return entries if isinstance(entries, list) else []


_INDEX_KEYS = ("index", "objectIndex", "object_index", "itemIndex", "item_index", "position")
_ITEM_KEYS = ("item", "payload", "data", "object", "value", "original", "record")
_ERROR_KEYS = ("errors", "validationErrors", "validation_errors", "messages", "error", "message", "reason", "reasons")
_FIELD_KEYS = ("field", "property", "path", "attribute", "key")
_WORD = re.compile(
    r"^(?:\[\d+\][.\s]*|\d+\.)?[\"'`]?([A-Za-z_]\w*(?:\.\w+|\[\d+\])*)[\"'`]?(?=[\s:]|$)( must\b| should\b)?"
)


def _rejection(entry: Any) -> Rejection:
    if not isinstance(entry, dict):
        return Rejection(None, None, _words(entry) or _compact_without_items(_bare(entry)), None)
    index = next((number for key in _INDEX_KEYS if (number := whole(entry.get(key))) is not None), None)
    item = next((entry[key] for key in _ITEM_KEYS if isinstance(entry.get(key), dict)), None)
    errors = next((entry[key] for key in _ERROR_KEYS if entry.get(key)), None)
    if errors is None:
        return Rejection(index, None, _compact_without_items(entry), item)
    named = next((entry[key] for key in _FIELD_KEYS if isinstance(entry.get(key), str)), None)
    return Rejection(index, named or _field_of(errors, item), _words(errors) or _compact_without_items(errors), item)


def _field_of(errors: Any, item: Mapping[str, Any] | None) -> str | None:
    """The attribute that the first error speaks of: named apart, else its first word when that is an attribute."""
    if isinstance(errors, list):
        return _field_of(errors[0], item) if errors else None
    if isinstance(errors, dict):
        named = next((errors[key] for key in _FIELD_KEYS if isinstance(errors.get(key), str)), None)
        return named or _field_of(_words(errors), item)
    found = _WORD.match(errors) if isinstance(errors, str) else None
    if found is None:
        return None
    word, verb = found.group(1), found.group(2)
    known = re.split(r"[.\[]", word)[0] in (item or {})
    # a message may well begin with a plain English word
    return word if known or "_" in word or "." in word or verb else None


def _words(value: Any) -> str:
    """A message as text: a string, a list of them, or objects that hold one (also as `constraints`, by rule name)."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return "; ".join(filter(None, map(_words, value)))
    if isinstance(value, dict):
        named = next((value[key] for key in ("message", "messages", "msg", "reason", "error") if value.get(key)), None)
        constraints = value.get("constraints")
        return _words(named) if named else _words(list(constraints.values())) if isinstance(constraints, dict) else ""
    return ""


def _compact_without_items(value: Any) -> str:
    """What is left as JSON once the objects within an entry, or within each of a list of errors, are taken out."""
    if isinstance(value, list):
        left: Any = [bare for each in value if (bare := _bare(each)) not in ({}, [])]
    else:
        left = _bare(value)
    return _compact(left) if left not in ({}, []) else NO_REASON


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items() if not isinstance(inner, dict)}
    if isinstance(value, list):
        return [_bare(inner) for inner in value if not isinstance(inner, dict)]
    return value


def _compact(value: Any) -> str:
    return orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


def masked(text: str) -> str:
    """The text, shortened, with the name part of e-mail addresses taken out."""
    return without_addresses(text)[:_REASON_LIMIT]


def whole(value: Any) -> int | None:
    """A number that the API may also write as a string (ids and counters); None when it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,18}\s*", value):
        return int(value)
    return None
