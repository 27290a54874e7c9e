"""Calls to one Hiboutik account: counted, limited in flight, tried again where that can help, every answer told apart.

Statuses, page forms and the error body are those of the Hiboutik API; what it leaves open is read tolerantly.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any
from urllib.parse import urlencode, urlsplit

from connector.http import RETRY_AFTER_LIMIT, TIMEOUT, HttpClient
from connector.http_answers import Answer, TransportFailure, without_addresses
from connector.http_retries import NEVER, RetryPolicy
from connector.pos.protocol import CallCounter, CallsKept, PosAccessDenied, PosError, PosUnavailable, QuotaReached

RETRIES = RetryPolicy(
    statuses=frozenset({408, 500, 502, 503, 504})
)  # 429 has its own rule: it may mean a month's quota
QUOTA_PAUSE = 2.0  # seconds before the one more try after a 429 without Retry-After: it may only mean too many at once
UNREADABLE_RETRIES = 2  # how often an answer that should be JSON and is not is asked for again
UNREADABLE_PAUSE = 1.0  # seconds before each of those
QUOTED = 200  # characters of the till's own words in an error

# What the merchant has to allow, by the start of the path: a user's right (basic) and an application's scope (OAuth).
_RIGHTS = (
    ("/stores", "the settings right (points of sale), scope read_settings"),
    ("/stock_available", "the Products tab (stock), scope read_inventory"),
    ("/products_sold", "the Sales tab and the summaries, scopes read_sales and read_reports"),
    ("/closed_sales", "the Sales tab with validated sales, scope read_sales"),
    ("/sales", "the Sales tab with validated sales, scope read_sales"),
    ("/webhooks", "the settings right (API and webhooks), scope write_settings"),
    ("/reports", "the summaries, scope read_reports"),
    ("/customer", "the Customers tab, scope read_customers"),
    ("", "the Products tab, scope read_products"),  # products, categories, brands
)


class NotThere(PosError):
    """404: the till has nothing under this address (any more)."""


class NothingSaid(PosError):
    """`{}` or null in place of a list."""


class Rejected(PosError):
    """400, 422 or another 4xx: the till will not answer this request; asking again cannot help."""


class RightMissing(PosAccessDenied):
    """403: these credentials are accepted, but not for this address."""


@dataclass(frozen=True)
class Reply:
    """A JSON answer and the header that counts its rows (`Content-Range`, "" when absent)."""

    value: Any
    content_range: str


@dataclass(frozen=True)
class _Request:
    what: str  # as an error names it
    method: str
    path: str
    params: Mapping[str, int]
    form: bytes | None = None


class HiboutikCalls:
    """Requests to one account, all of them GET but for those about its webhooks. Safe to share between threads.

    After the first 401 or exhausted quota (ours or the till's) nothing more is sent: every later call raises that same
    error. After a 403 that holds for the kind of address (of that store, where it names one); the others are still
    asked. At most `calls_in_flight` requests are open at any time. With `once_within` (seconds) a call has no longer than
    that, and nothing is tried again: somebody waits for the answer.
    """

    def __init__(
        self,
        account: str,
        base_url: str,
        *,
        authorization: Mapping[str, str],
        basic: tuple[str, str] | None,
        counter: CallCounter,
        calls_in_flight: int,
        once_within: float | None = None,
    ) -> None:
        self.account = account
        self._once = once_within is not None
        secrets = (
            [basic[1], b64encode(":".join(basic).encode()).decode()]
            if basic is not None
            else [value.removeprefix("Bearer ") for value in authorization.values()]
        )
        self._secrets = [secret for secret in secrets if secret]
        self._counter = counter
        self._stopped: PosError | None = None
        self._denied: dict[str, str] = {}  # what lacks a right, by `_scope` -> the sentence
        self._in_flight = threading.BoundedSemaphore(calls_in_flight)
        # held while somebody waits after a 429, so that nobody else sends meanwhile
        self._pause = threading.RLock()
        self._http = HttpClient(
            base_url,
            headers={"accept": "application/json", **authorization},
            auth=basic,
            connections=calls_in_flight,
            timeout=once_within or TIMEOUT,
            before_attempt=self._before_attempt,
        )

    def __repr__(self) -> str:
        return f"HiboutikCalls({self.account!r})"

    @property
    def attempts(self) -> int:
        """How many requests were sent, tries again included."""
        return self._http.attempts

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, *, page: int | None = None, stop_without_right: bool = True) -> Reply:
        """The JSON at `path` (with `?p=page`). Raises `PosError` or one of its kinds, see above.

        `stop_without_right=False` does not remember a 403: for finding out which rights are missing.
        """
        what = f"Hiboutik account {self.account}: GET {path}" + ("" if page is None else f"?p={page}")
        tries = 1 if self._once else UNREADABLE_RETRIES + 1
        for attempt in range(tries):
            if attempt:
                sleep(UNREADABLE_PAUSE)
            answer = self._answer(_Request(what, "GET", path, {} if page is None else {"p": page}))
            if not answer.ok:
                self._refuse(what, path, answer, stop_without_right)
            if answer.status == 204:  # says that there is nothing to read
                return Reply(None, "")
            try:
                return Reply(answer.json(), answer.headers.get("content-range", ""))
            except ValueError:
                body = answer.body
            if body.lstrip()[:1] == b"<":  # no damage that another call would mend
                raise PosUnavailable(
                    f"{what}: answered HTML instead of JSON: is base_url right? Nothing of it was used."
                )
        raise PosError(
            f"{what}: the answer is not JSON ({len(body)} bytes, cut off or damaged), asked {tries} "
            "times. Nothing of it was used; the next run asks again."
        )

    def write(self, method: str, path: str, fields: Mapping[str, str]) -> Any:
        """The JSON answer to a POST with these form fields, or to a DELETE; None where it is not JSON.

        It is sent once: a write whose answer was lost may have happened, so whoever writes reads first. Raises as `get`.
        """
        what = f"Hiboutik account {self.account}: {method} {path}"
        answer = self._answer(_Request(what, method, path, {}, urlencode(fields).encode()))
        if not answer.ok:
            self._refuse(what, path, answer, stop_without_right=False)
        try:
            return answer.json()
        except ValueError:
            return None

    def _answer(self, request: _Request) -> Answer:
        """Any answer but 429, which ends in `QuotaReached` when one more try after a wait meets it again.

        Where an earlier run was stopped by it, there is no such try: one call tells whether that still holds.
        """
        with self._in_flight:
            if (denied := self._denied.get(_scope(request.path))) is not None:
                raise RightMissing(denied)
            answer = self._send(request)
            if answer.status != 429:
                return self._passed_on(answer)
            with self._pause:
                self._raise_if_stopped()
                wait = QUOTA_PAUSE if answer.retry_after is None else answer.retry_after
                if wait <= RETRY_AFTER_LIMIT and not self._once and not self._counter.probing:
                    sleep(wait)
                    answer = self._send(request)
                    if answer.status != 429:
                        return self._passed_on(answer)
                until = self._counter.stop()
                raise self._stop(
                    QuotaReached(
                        f"{request.what}: the till answers 429, its quota of calls is reached. Account {self.account} is "
                        f"stopped until {until:%Y-%m-%d %H:%M} ({until.tzname()}), or until calls are bought: the next run "
                        "finds out with one call. What was read before is kept."
                    )
                )

    def _passed_on(self, answer: Answer) -> Answer:
        if answer.status < 500:  # a failing server says nothing of its quota
            self._counter.answered()
        return answer

    def _send(self, request: _Request) -> Answer:
        form = None if request.form is None else {"content-type": "application/x-www-form-urlencoded"}
        try:
            return self._http.request(
                request.method,
                request.path,
                params=request.params or None,
                content=request.form,
                headers=form,
                retry=RETRIES if request.method == "GET" and not self._once else NEVER,
            )
        except TransportFailure as failure:
            tried = "once" if failure.attempts == 1 else f"{failure.attempts} times"
            raise PosUnavailable(
                f"{request.what}: no usable answer ({failure.code}, tried {tried}): {failure.message}. The next run asks again."
            ) from None

    def _before_attempt(self) -> None:
        with self._pause:
            self._raise_if_stopped()
            try:
                self._counter.spend()
            except CallsKept:
                raise  # history ends here, the day's own reading does not
            except QuotaReached as reached:
                self._stop(reached)
                raise

    def _stop(self, error: PosError) -> PosError:
        with self._pause:
            self._stopped = self._stopped or error
            return type(self._stopped)(str(self._stopped))  # a new one: several threads may raise it at once

    def _raise_if_stopped(self) -> None:
        if self._stopped is not None:
            raise type(self._stopped)(str(self._stopped))

    def _refuse(self, what: str, path: str, answer: Answer, stop_without_right: bool) -> None:
        """Raises what an answer outside 200..299 means."""
        status, words = answer.status, self._words(answer)
        if 300 <= status < 400:
            target = urlsplit(answer.headers.get("location", ""))
            raise PosError(
                f"{what}: HTTP {status}, redirected to {target.hostname or ''}{target.path or '(nowhere)'}. "
                "Redirects are not followed; set base_url to where the API is."
            )
        if status == 401 or (status == 400 and _names_the_token(answer)):
            raise self._stop(
                PosAccessDenied(
                    f"{what}: HTTP {status}, the credentials are not accepted{words}. "
                    "Check pos.login and pos.api_key (or pos.oauth_token): a key that was reset or a token that "
                    "expired must be replaced."
                )
            )
        if status == 403:
            denied = (
                f"{what}: HTTP 403, these credentials lack {_right(path)}{words}. "
                "The merchant grants it in the till's settings."
            )
            raise RightMissing(self._denied.setdefault(_scope(path), denied) if stop_without_right else denied)
        if status == 404:
            raise NotThere(f"{what}: HTTP 404, the till has nothing there{words}.")
        if status < 500 and status not in RETRIES.statuses:
            raise Rejected(f"{what}: HTTP {status}, the till rejects the request{words}.")
        raise PosUnavailable(
            f"{what}: HTTP {status}{words}, after {answer.attempts} attempt(s). The next run asks again."
        )

    def _words(self, answer: Answer) -> str:
        """What the error body says of itself, or "": it need not be JSON nor have any of its documented keys."""
        text = self.quoted(_error_body(answer))
        return f" ({text})" if text else ""

    def quoted(self, body: Mapping[str, Any]) -> str:
        """The till's own words in an object that tells an error, fit to be shown: it may repeat what it was asked."""
        parts = [str(body[key]) for key in ("error_description", "error") if body.get(key)][:1]
        details = body.get("details")
        if isinstance(details, Mapping):
            parts += [f"{key}: {text}" for key, text in details.items()]
        text = " ".join("; ".join(parts).split())
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return without_addresses(text)[:QUOTED]


def _error_body(answer: Answer) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _names_the_token(answer: Answer) -> bool:
    # code 1 is "access token invalid", whatever status comes with it
    return _error_body(answer).get("code") == 1


def _scope(path: str) -> str:
    """What one 403 speaks for: the kind of address, and of the closed sales only those of that store."""
    kind, *more = path.strip("/").split("/")
    return f"{kind}/{more[0]}" if kind == "closed_sales" else kind


def _right(path: str) -> str:
    return next(right for start, right in _RIGHTS if path.startswith(start))
