"""Whether a webhook is ShopiMind's: HMAC-SHA256 over its time stamp and its raw body, with any of our secrets."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence

TIMESTAMP_HEADER, SIGNATURE_HEADER = "x-shopimind-timestamp", "x-shopimind-signature"
TOLERANCE = 300  # seconds that a time stamp may lie in the past
FUTURE = 60  # and in the future, or the tolerance where that is less

_DIGITS = re.compile(r"[0-9]{1,15}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Unsigned(Exception):
    """The webhook is not believed. `reason` is for our log, never for the answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature, in hexadecimal digits."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def check_headers(
    headers: Mapping[str, str], *, tolerance: int = TOLERANCE, clock: Callable[[], float] = time.time
) -> None:
    """What can be told before the body is read. Raises `Unsigned` when no body could make these headers right."""
    timestamp, signature = headers.get(TIMESTAMP_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
    if not timestamp and not signature:
        raise Unsigned("missing_signature_headers")
    if not signature:
        raise Unsigned("missing_signature")
    if not _DIGITS.fullmatch(timestamp):
        raise Unsigned("invalid_timestamp")
    if not -min(FUTURE, tolerance) <= clock() - int(timestamp) <= tolerance:
        raise Unsigned("timestamp_out_of_tolerance")


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    *,
    tolerance: int = TOLERANCE,
    clock: Callable[[], float] = time.time,
) -> int:
    """The time stamp (epoch seconds) of a webhook that one of the secrets signed. Raises `Unsigned`."""
    if not secrets:
        raise Unsigned("no_secret_configured")
    check_headers(headers, tolerance=tolerance, clock=clock)
    timestamp, given = headers[TIMESTAMP_HEADER], headers[SIGNATURE_HEADER].lower()
    # every secret is tried whichever matches, and each comparison takes the same time wherever it differs
    matches = [hmac.compare_digest(sign(secret, timestamp, body).encode(), given.encode()) for secret in secrets]
    if not _DIGEST.fullmatch(given) or not any(matches):
        raise Unsigned("signature_mismatch")
    return int(timestamp)
