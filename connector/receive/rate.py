"""How often somebody may call: a bucket of tokens each, in this process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

_REMEMBERED = 10_000  # callers; the one that was quiet longest is forgotten first


@dataclass
class RateLimit:
    """Each caller may take `burst` tokens at once, and gets `per_second` back, up to that. Not for several threads."""

    per_second: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)  # caller -> tokens, when

    def allows(self, caller: str) -> bool:
        """Whether the caller has a token left; takes none."""
        return self._tokens(caller) >= 1

    def take(self, caller: str) -> bool:
        """Takes one of the caller's tokens; False when there is none."""
        tokens = self._tokens(caller)
        allowed = tokens >= 1
        self._left[caller] = (tokens - 1 if allowed else tokens, self.clock())
        self._left.move_to_end(caller)
        if len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        return allowed

    def _tokens(self, caller: str) -> float:
        if caller not in self._left:
            return self.burst
        tokens, at = self._left[caller]
        return min(self.burst, tokens + (self.clock() - at) * self.per_second)
