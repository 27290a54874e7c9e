"""Which answers and failures are tried again, how often, and how long is waited between two tries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import stamina
from stamina.instrumentation import set_on_retry_hooks

from connector.http_answers import TransportFailure

RETRY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})

# Our own log line says which attempt failed; stamina's would repeat it with the call's arguments.
set_on_retry_hooks([])


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
