"""How many requests a server is sent at once: one more as long as it answers fast, half as many when it has too many."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

TOO_MUCH = frozenset({408, 429, 503, 504})
FAST = 3.0  # seconds; a slower answer is no reason to ask for more at once
PATIENCE = 50  # good answers just below the number that was too much, before that number is tried again
_LOOK = 0.1  # seconds between two looks at whether one who waits is still to go on


class NotSent(Exception):
    """Told to stop while waiting for its turn: the request never left."""


class Turn:
    """One request on its way. Whoever sends it says here what came of it; saying nothing means neither good nor bad."""

    def __init__(self, cuts: int, full: bool) -> None:
        self.cuts, self.full = cuts, full  # as it was when the request went
        self.started = time.monotonic()
        self.good = self.too_much = False
        self.pause: float | None = None

    def answered(self, status: int, pause: float | None) -> None:
        """`pause`: the seconds for which the server asked to be left alone, None when it did not ask."""
        self.too_much = status in TOO_MUCH
        self.good = status < 500 and not self.too_much and time.monotonic() - self.started <= FAST
        self.pause = pause

    def timed_out(self) -> None:
        self.too_much = True


class Pace:
    """The requests in flight to one server. Safe to share between threads.

    `limit` begins at half the `ceiling`. It is raised by one after as many fast answers as it allows at once, counting
    only requests that went while no other could have: without them nothing shows that more would do. It is halved by an
    answer that says too much (`TOO_MUCH`, a time-out), once for all requests that were in flight together, and what was
    too much then is only tried again after `PATIENCE` good answers just below it. When the server asks for a pause, it
    holds for every request, not only for the one that was told.
    """

    def __init__(self, ceiling: int) -> None:
        if ceiling < 1:
            raise ValueError("at least one request must be allowed at once")
        self.ceiling = ceiling
        self.limit = max(1, ceiling // 2)
        self._in_flight = self._good = self._cuts = 0
        self._was_too_much: int | None = None
        self._paused_until = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, stop: threading.Event | None = None) -> Iterator[Turn]:
        """Waits until one more request may go, which the block then sends. Raises `NotSent` once `stop` is set."""
        turn = self._enter(stop)
        try:
            yield turn
        finally:
            self._leave(turn)

    def _enter(self, stop: threading.Event | None) -> Turn:
        with self._changed:
            while (wait := self._to_wait()) > 0 and not _told(stop):
                self._changed.wait(min(wait, _LOOK))
            if _told(stop):
                raise NotSent
            self._in_flight += 1
            return Turn(self._cuts, full=self._in_flight == self.limit)

    def _to_wait(self) -> float:
        if self._in_flight >= self.limit:
            return _LOOK
        return self._paused_until - time.monotonic()

    def _leave(self, turn: Turn) -> None:
        with self._changed:
            self._in_flight -= 1
            if turn.pause is not None:
                self._paused_until = max(self._paused_until, time.monotonic() + turn.pause)
            if turn.cuts == self._cuts:  # else it went before the last cut, and says nothing about what is allowed now
                if turn.too_much:
                    self._cut()
                elif turn.good and turn.full:
                    self._count_good()
            self._changed.notify()

    def _cut(self) -> None:
        self._was_too_much, self._good = self.limit, 0
        self.limit = max(1, self.limit // 2)
        self._cuts += 1
        log.info("too much for the server: %d request(s) at once from here on", self.limit)

    def _count_good(self) -> None:
        self._good += 1
        below = self.limit + 1 == self._was_too_much
        if self.limit < self.ceiling and self._good >= (PATIENCE if below else self.limit):
            self.limit, self._good = self.limit + 1, 0
            if self._was_too_much is not None and self.limit > self._was_too_much:
                self._was_too_much = None
            self._changed.notify()


def _told(stop: threading.Event | None) -> bool:
    return stop is not None and stop.is_set()
