"""The one place that knows httpx: connections, limits of time and size, every attempt of a request, and what is logged of it."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from connector.base_urls import check_base_url, is_loopback
from connector.http_answers import Answer, TransportFailure
from connector.http_retries import RETRY_STATUSES, RetryPolicy, tries
from connector.pacing import NotSent, Pace

log = logging.getLogger(__name__)

BODY_LIMIT = 25 * 1024 * 1024  # bytes, of a request and of an answer after decompression
TIMEOUT = 30.0  # seconds, per attempt
RETRY_AFTER_LIMIT = 60.0  # seconds; a longer wait is left to the next run
STOPPED = "STOPPED"  # the code of a request that was told to stop before it went
_TIME_OUTS = frozenset({"ETIMEDOUT", "ECONNABORTED"})

# httpx would write every address with its query at INFO, and a query may hold a person's e-mail.
logging.getLogger("httpx").setLevel(logging.WARNING)


class _TryAgain(Exception):
    def __init__(self, wait: float | None, answer: Answer | None, failure: TransportFailure | None) -> None:
        super().__init__()
        self.wait, self.answer, self.failure = wait, answer, failure

    def outcome(self) -> Answer:
        if self.answer is not None:
            return self.answer
        assert self.failure is not None
        raise self.failure from None


@cache
def tls() -> ssl.SSLContext:
    """The authorities that servers are to have their certificates from: reading them takes longer than a request."""
    return httpx.create_ssl_context()


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
