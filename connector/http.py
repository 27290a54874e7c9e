"""The one place that knows httpx: connections, time and size limits, retries, `Retry-After`, and what may be logged."""

from __future__ import annotations

import email.utils
import json
import logging
import re
import socket
import ssl
import threading
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import stamina
from stamina.instrumentation import set_on_retry_hooks

from connector.pacing import NotSent, Pace

log = logging.getLogger(__name__)

BODY_LIMIT = 25 * 1024 * 1024  # bytes, of a request and of an answer after decompression
TIMEOUT = 30.0  # seconds, per attempt
RETRY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
RETRY_AFTER_LIMIT = 60.0  # seconds; a longer wait is left to the next run
STOPPED = "STOPPED"  # the code of a request that was told to stop before it went
_TIME_OUTS = frozenset({"ETIMEDOUT", "ECONNABORTED"})
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_EMAIL = re.compile(r"[^\s@\"'<>]+@([^\s@\"'<>]+)")

# Our own log line says which attempt failed; stamina's would repeat it with the call's arguments.
set_on_retry_hooks([])
# httpx would write every address with its query at INFO, and a query may hold a person's e-mail.
logging.getLogger("httpx").setLevel(logging.WARNING)


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
    headers: httpx.Headers = field(repr=False)
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


@dataclass(frozen=True)
class RetryPolicy:
    """Which answers are tried again and how long to wait: `base * 2^(n-1)` plus jitter, at most `cap`, in seconds.

    `network` is whether network failures are tried again; `codes` narrows that (None: all that can pass).
    """

    statuses: frozenset[int] = RETRY_STATUSES
    retries: int = 3
    base: float = 1.0
    cap: float = 10.0
    jitter: float = 0.5
    network: bool = True
    codes: frozenset[str] | None = None

    def covers(self, failure: TransportFailure) -> bool:
        return self.network and failure.retryable and (self.codes is None or failure.code in self.codes)


NEVER = RetryPolicy(statuses=frozenset(), retries=0, network=False)


def tries(policy: RetryPolicy, on: Callable[[Exception], bool | float]) -> Iterable[stamina.Attempt]:
    """Context managers, each for one try, with the policy's waits between them.

    `on` says for the error that ends a try whether there is another one: True, or the seconds to wait instead.
    """
    return stamina.retry_context(
        on=on,
        attempts=policy.retries + 1,
        timeout=None,
        wait_initial=policy.base,
        wait_max=policy.cap,
        wait_jitter=policy.jitter,
    )


class _TryAgain(Exception):
    def __init__(self, wait: float | None, answer: Answer | None, failure: TransportFailure | None) -> None:
        super().__init__()
        self.wait, self.answer, self.failure = wait, answer, failure

    def outcome(self) -> Answer:
        if self.answer is not None:
            return self.answer
        assert self.failure is not None
        raise self.failure from None


def without_addresses(text: str) -> str:
    """What a server said, with the name part of e-mail addresses taken out."""
    return _EMAIL.sub(r"***@\1", text)


@cache
def tls() -> ssl.SSLContext:
    """The authorities that servers are to have their certificates from: reading them takes longer than a request."""
    return httpx.create_ssl_context()


def is_loopback(url: str) -> bool:
    """Whether the URL names this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK_HOSTS


def check_base_url(url: str) -> str:
    """The URL without trailing slashes. Raises `ValueError` when it is not https (plain http only to this machine)."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:  # a bad port raises ValueError
        raise ValueError("is not an http(s) address")
    if parts.username or parts.password:
        raise ValueError("must not carry credentials")
    if parts.query or parts.fragment:
        raise ValueError("must not have a query or a fragment")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError("must be https: plain http is only accepted to a loopback host")
    return url.rstrip("/")


Params = Mapping[str, Any] | list[tuple[str, str]]


@dataclass(frozen=True)
class _Request:
    """What is sent, the same for every attempt."""

    method: str
    path: str
    params: Params | None
    content: bytes | None
    headers: Mapping[str, str] | None
    stop: threading.Event | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class HttpClient:
    """Requests to one server. Safe to share between threads.

    `headers` go with every request (the credentials are among them, so they are never logged); `before_attempt` runs
    before every single attempt and may raise to prevent it; `pace`, where given, says when each may go; `attempts`
    counts them.
    """

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    connections: int = 8
    timeout: float = TIMEOUT
    before_attempt: Callable[[], None] | None = None
    pace: Pace | None = None
    attempts: int = 0
    _client: httpx.Client = field(init=False, repr=False)
    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.base_url = check_base_url(self.base_url)
        limits = httpx.Limits(max_connections=self.connections, max_keepalive_connections=self.connections)
        self._client = httpx.Client(
            headers=dict(self.headers),
            auth=self.auth,
            timeout=self.timeout,
            limits=limits,
            follow_redirects=False,
            verify=tls(),
            # a proxy from the environment must not carry calls that stay on this machine
            trust_env=not is_loopback(self.base_url),
        )

    def close(self) -> None:
        self._client.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        retry: RetryPolicy | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """The answer to one request, after retries; any HTTP status is an answer.

        `path` is appended to the base URL as it is. Raises `TransportFailure` when no answer came or a body is over
        25 MiB, and whatever `before_attempt` raises. A `Retry-After` over 60 s ends the retries with the answer that
        carried it. Once `stop` is set nothing is tried again: what the last attempt brought is final, and a request
        that still waits for its first turn is a failure with the code `STOPPED`. With a pace, a 401 sets it.
        """
        request = _Request(method, path, params, content, headers, stop)
        policy = retry or RetryPolicy()
        if content is not None and len(content) > BODY_LIMIT:
            message = f"{request}: the request body is over {BODY_LIMIT} bytes; nothing was sent"
            raise TransportFailure("ERR_BAD_REQUEST", message, retryable=False)
        last: _TryAgain | None = None
        try:
            for attempt in tries(policy, _wait_for):
                if last is not None and stop is not None and stop.is_set():
                    break
                with attempt:
                    try:
                        return self._attempt(request, policy, attempt.num)
                    except _TryAgain as unfinished:
                        last = unfinished
                        raise
        except _TryAgain:
            pass
        except NotSent:
            if last is None:
                message = f"{request}: told to stop before its turn came; nothing was sent"
                raise TransportFailure(STOPPED, message, retryable=True, attempts=0) from None
        assert last is not None
        return last.outcome()

    def _attempt(self, request: _Request, policy: RetryPolicy, number: int) -> Answer:
        if self.before_attempt is not None:
            self.before_attempt()
        try:
            answer = self._paced(request, number)
        except TransportFailure as failure:
            failure.attempts = number
            if policy.covers(failure):
                log.info("%s: %s, attempt %d", request, failure.code, number)
                raise _TryAgain(None, None, failure) from None
            raise
        if answer.status in policy.statuses:
            wait = answer.retry_after
            if wait is None or wait <= RETRY_AFTER_LIMIT:
                log.info("%s: HTTP %d, attempt %d", request, answer.status, number)
                # where there is a pace, it makes this request wait together with all others
                raise _TryAgain(0.0 if wait is not None and self.pace else wait, answer, None)
        return answer

    def _paced(self, request: _Request, number: int) -> Answer:
        """One exchange when its turn has come, and what came of it told to the pace."""
        if self.pace is None:
            return self._exchange(request, number)
        with self.pace.turn(request.stop) as turn:
            try:
                answer = self._exchange(request, number)
            except TransportFailure as failure:
                if failure.code in _TIME_OUTS:
                    turn.timed_out()
                raise
            wait = answer.retry_after if answer.status in RETRY_STATUSES else None
            turn.answered(answer.status, None if wait is None or wait > RETRY_AFTER_LIMIT else wait)
            if answer.status == 401 and request.stop is not None:
                request.stop.set()  # before the turn ends: whoever waits for it must not go
            return answer

    def _exchange(self, request: _Request, number: int) -> Answer:
        with self._lock:
            self.attempts += 1
        deadline = time.monotonic() + self.timeout
        try:
            with self._client.stream(
                request.method,
                self.base_url + request.path,
                params=request.params,  # type: ignore[arg-type]
                content=request.content,
                headers=dict(request.headers) if request.headers else None,
            ) as response:
                body = self._read_capped(request, response, deadline)
                return Answer(response.status_code, response.headers, body, number)
        except httpx.HTTPError as error:
            raise _network_failure(request, error) from None
        except httpx.InvalidURL:
            raise TransportFailure("ERR_BAD_REQUEST", f"{request}: not a valid address", retryable=False) from None

    def _read_capped(self, request: _Request, response: httpx.Response, deadline: float) -> bytes:
        declared = response.headers.get("content-length", "")
        pieces: list[bytes] = []
        size = int(declared) if declared.isdigit() else 0
        if size <= BODY_LIMIT:
            size = 0
            for piece in response.iter_bytes():
                size += len(piece)
                pieces.append(piece)
                if size > BODY_LIMIT:
                    break
                if time.monotonic() > deadline:  # httpx only limits the wait for each piece
                    raise httpx.ReadTimeout("slow answer")
        if size > BODY_LIMIT:
            message = f"{request}: the answer is over {BODY_LIMIT} bytes; it was not read"
            raise TransportFailure("ERR_BAD_RESPONSE", message, retryable=False)
        return b"".join(pieces)


def _wait_for(error: Exception) -> bool | float:
    if isinstance(error, _TryAgain):
        return True if error.wait is None else error.wait
    return False


_ERRNO_CODES = {
    111: "ECONNREFUSED",
    61: "ECONNREFUSED",
    104: "ECONNRESET",
    54: "ECONNRESET",
    32: "EPIPE",
    101: "ENETUNREACH",
    113: "EHOSTUNREACH",
    110: "ETIMEDOUT",
}


def _network_failure(request: _Request, error: httpx.HTTPError) -> TransportFailure:
    """The network's own word for what httpx met; all of them are worth another try, except a broken certificate."""
    code, meaning, retryable = _name_failure(error)
    return TransportFailure(code, f"{request}: {meaning}", retryable=retryable)


def _name_failure(error: httpx.HTTPError) -> tuple[str, str, bool]:
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return "ETIMEDOUT", "no connection within the time limit", True
    if isinstance(error, httpx.TimeoutException):
        return "ECONNABORTED", "no complete answer within the time limit", True
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "ENOTFOUND", "the host name cannot be resolved", True
        if "CERTIFICATE_VERIFY_FAILED" in str(cause):
            return "ERR_TLS_CERT", "the server's certificate cannot be verified", False
        if isinstance(cause, OSError) and cause.errno in _ERRNO_CODES:
            code = _ERRNO_CODES[cause.errno]
            return code, f"the connection failed ({code})", True
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.DecodingError):
        return "ERR_BAD_RESPONSE", "the answer cannot be decompressed", True
    return "ECONNRESET", f"the connection broke ({type(error).__name__})", True
