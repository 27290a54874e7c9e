"""Making the API hold what a plan wants, one call at a time, although calls get lost and others do the same at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from connector.http import RETRY_AFTER_LIMIT
from connector.http_retries import tries
from connector.shopimind.envelope import BAD_RESPONSE, Envelope, InstallationInactive, ShopiMindError, masked
from connector.shopimind.transport import REPLAY

Result = Literal["unchanged", "sent", "failed", "refused"]

_MOST_STEPS = 10  # a plan that is not fulfilled after so many calls never will be
_OTHER_WAY = frozenset({400, 409, 422})  # refusals of what was asked, not of the asking


class Step(Protocol):
    """What a plan says comes next; two equal ones are the same call."""

    @property
    def needed(self) -> bool: ...

    @property
    def create(self) -> bool: ...


S = TypeVar("S", bound=Step)


class Making(Protocol[S]):
    """One thing to be made: how to plan, call, note and look again."""

    name: str  # for the reader of a reason

    def plan(self) -> S:
        """The next step by what is known now. Pure."""

    def perform(self, step: S) -> Envelope:
        """The call of that step."""

    def note(self, step: S, envelope: Envelope) -> bool:
        """Keeps what a successful call made; False when its answer does not say."""

    def read(self) -> None:
        """Looks at the API again. Raises `ShopiMindError`."""

    def other_way(self, step: S) -> bool:
        """After a refusal: whether the next plan will try something else."""


@dataclass(frozen=True)
class Settled:
    result: Result
    reason: str | None = None


class _NotYet(Exception):
    def __init__(self, envelope: Envelope) -> None:
        super().__init__()
        self.envelope = envelope


def settle(making: Making[S]) -> Settled:
    """Takes steps until the plan needs none. Raises `InstallationInactive` for a 401."""
    result: Result = "unchanged"
    for _ in range(_MOST_STEPS):
        step = making.plan()
        if not step.needed:
            return Settled(result)
        stopped = _take(making, step)
        if stopped is not None:
            return stopped
        result = "sent"
    return Settled("failed", f"{making.name}: still not as wanted after {_MOST_STEPS} calls")


def _take(making: Making[S], step: S) -> Settled | None:
    """None once the step is done, by us or by somebody else, or another way is open; else how it ended."""
    try:
        for attempt in tries(REPLAY, _wait_before_next):
            with attempt:
                envelope = making.perform(step)
                if envelope.status_code == 401:
                    raise InstallationInactive(making.name, envelope)
                if envelope.ok and making.note(step, envelope):
                    return None
                making.read()
                if making.plan() != step:
                    return None
                if step.create and _taken(envelope):
                    return Settled("failed", _untold(making.name))
                if not (envelope.ok or envelope.error is None or envelope.error.retryable):
                    other = envelope.status_code in _OTHER_WAY and making.other_way(step)
                    return None if other else Settled(_ending(envelope), _reason(making.name, envelope))
                raise _NotYet(envelope)
    except _NotYet as last:
        return Settled("failed", _reason(making.name, last.envelope))
    except InstallationInactive:
        raise
    except ShopiMindError as unread:
        return Settled("failed", str(unread))
    raise AssertionError("tries end with a result or an error")


def _taken(envelope: Envelope) -> bool:
    """Whether the API itself said 2xx to a creation, in whatever form; a web page in its place comes from elsewhere."""
    if envelope.ok:
        return True
    unreadable = envelope.status_code == 0 and envelope.error is not None and envelope.error.code == BAD_RESPONSE
    return unreadable and not (isinstance(envelope.data, str) and envelope.data.lstrip().startswith("<"))


def _untold(name: str) -> str:
    # stored later than accepted: another creation now could be a second one
    return f"{name}: ShopiMind took it, but neither gave its id nor lists it yet; the next run looks again"


def _wait_before_next(error: Exception) -> bool | float:
    """Only what the transport did not already try again, and not sooner than the API asks."""
    if not isinstance(error, _NotYet):
        return False
    failure = error.envelope.error
    if failure is None:
        return True
    if failure.attempts > REPLAY.retries:
        return False
    if failure.retry_after is None:
        return True
    return failure.retry_after if failure.retry_after <= RETRY_AFTER_LIMIT else False


def _ending(envelope: Envelope) -> Result:
    return "refused" if 400 <= envelope.status_code < 500 else "failed"


def _reason(name: str, envelope: Envelope) -> str:
    what = f"HTTP {envelope.status_code}" if envelope.status_code else (envelope.error.code if envelope.error else "?")
    return f"{name}: {masked(envelope.business_message) or 'no usable answer'} ({what})"
