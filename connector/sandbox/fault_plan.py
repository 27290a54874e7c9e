"""A plan of what goes wrong: scripted faults for chosen requests, or faults by chance from a seed."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter

Kind = Literal["answer", "reset", "refuse", "hang", "drip", "truncated", "cut", "oversize"]
Side = Literal["till", "crm"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong, and for which requests.

    `kind`: `answer` (this `status`, `headers` and `body` instead of the app's), `reset` (the connection is reset
    without an answer), `refuse` (every connection is reset, and for `seconds` no new one is taken, as when a server is
    started again), `hang` (`seconds` of silence, then as usual), `drip` (the answer takes `seconds`), `truncated`
    (half of the body, as if it were whole), `cut` (half of the body, then a reset), `oversize` (`size` bytes of JSON,
    which gzip shrinks on the wire when `compressed`).
    `applied`: whether the app handles the request first, so that a write is done although its answer is lost.
    Matching: `side`, `method`, `path` (a regular expression, searched in the path); of the matching requests only the
    `nth` (from 1), or one in `every`, or all; at most `times` in total.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: Kind
    side: Side | None = None
    method: str | None = None
    path: str = ""
    nth: int | None = None
    every: int | None = None
    times: int | None = None
    applied: bool = False
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    retry_in: float | None = None  # `Retry-After` as the HTTP date so many seconds after the answer
    body: Any = None  # a text is sent as it is, anything else as JSON; None: the usual error body of the status
    seconds: float = 1.0
    size: int = 26 * 1024 * 1024
    compressed: bool = False

    def matches(self, side: Side, method: str, path: str) -> bool:
        return self.side in (None, side) and self.method in (None, method) and re.search(self.path, path) is not None


def status_fault(status: int, *, retry_after: float | str | None = None, **rest: Any) -> Fault:
    """This status instead of the app's answer."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Fault(kind="answer", status=status, headers=headers, **rest)


#: What a `Retry-After` must never hold, and does: each is a reason for patience of our own, or to leave it to the next run.
ABSURD_WAITS = (
    *("", "-1", "nan", "inf", "soon", "1e309", "99999999999", "0x10"),
    *("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Wed, 32 Foo 2026 99:99:99 GMT"),
)

HTML = "<html><body><h1>Maintenance</h1></body></html>"

#: Ready faults by name, for a plan by chance: `{"503": 0.05, "reset_after": 0.02}`.
PRESETS: Mapping[str, Fault] = {
    **{str(code): status_fault(code) for code in (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504)},
    "429_retry_after": status_fault(429, retry_after=1),
    "429_retry_date": Fault(kind="answer", status=429, retry_in=2.0),
    "503_retry_date": Fault(kind="answer", status=503, retry_in=2.0),
    "503_retry_later": status_fault(503, retry_after=86_400),
    **{f"503_absurd_{number}": status_fault(503, retry_after=text) for number, text in enumerate(ABSURD_WAITS)},
    "503_applied": status_fault(503, applied=True),
    "reset_before": Fault(kind="reset"),
    "reset_after": Fault(kind="reset", applied=True),
    "refuse": Fault(kind="refuse", seconds=0.2),
    "hang": Fault(kind="hang", seconds=2.0),
    "drip": Fault(kind="drip", seconds=2.0),
    "truncated": Fault(kind="truncated", applied=True),
    "cut": Fault(kind="cut", applied=True),
    "html": Fault(kind="answer", status=200, headers={"content-type": "text/html"}, body=HTML),
    "redirect": Fault(kind="answer", status=302, headers={"location": "https://elsewhere.example/"}, body=""),
    "wrong_shape": Fault(kind="answer", status=200, body={"surprise": True}),
    "wrong_rows": Fault(kind="answer", status=200, body=[None, 7, "row"]),
    "null": Fault(kind="answer", status=200, body="null"),
    "empty": Fault(kind="answer", status=200, body=""),
    "failed_count": Fault(
        kind="answer", status=200, body={"statusCode": 200, "sent_count": 0, "rejected_count": 0, "failed_count": 50}
    ),
    "oversize": Fault(kind="oversize"),
}


@dataclass
class FaultPlan:
    """Scripted `faults` (the first that matches wins), else one by `chances` (a preset's name to its probability).

    `latency` seconds are added to every answer. The same `seed` gives the same sequence of chances per server.
    Shared by both servers, each in its own thread.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    faults: list[Fault] = field(default_factory=list)
    chances: dict[str, float] = field(default_factory=dict)
    seed: int = 0
    latency: float = 0.0

    def __post_init__(self) -> None:
        for name, chance in self.chances.items():
            if not 0 <= chance <= 1:
                raise ValueError(f"{name}={chance:g}: a chance is a number from 0 to 1")
        if unknown := set(self.chances) - set(PRESETS):
            raise ValueError(f"unknown faults {sorted(unknown)}; known are {', '.join(PRESETS)}")
        self._lock = threading.Lock()
        self._seen = [0] * len(self.faults)
        self._done = [0] * len(self.faults)
        self._random = {"till": random.Random(f"till {self.seed}"), "crm": random.Random(f"crm {self.seed}")}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FaultPlan:
        """A plan from its JSON form; a fault may be a preset's name with `preset`. Raises `ValueError`."""
        faults = [
            replace(PRESETS[rest.pop("preset")], **rest) if "preset" in (rest := dict(each)) else rest
            for each in value.get("faults", [])
        ]
        return TypeAdapter(cls).validate_python({**value, "faults": faults})

    @classmethod
    def parse(cls, text: str) -> FaultPlan:
        """A plan by chance from `503=0.05,reset_after=0.02,seed=7,latency=0.1`. Raises `ValueError`."""
        values: dict[str, str] = {}
        for part in filter(None, map(str.strip, text.split(","))):
            name, is_given, value = part.partition("=")
            if not is_given or not re.fullmatch(r"\d+(\.\d+)?", value):
                raise ValueError(f"{part!r} is not of the form 503=0.05")
            values[name] = value
        seed, latency = int(float(values.pop("seed", 0))), float(values.pop("latency", 0))
        return cls(chances={name: float(chance) for name, chance in values.items()}, seed=seed, latency=latency)

    def to_json(self) -> dict[str, Any]:
        """The plan as `from_json` takes it."""
        value: dict[str, Any] = TypeAdapter(FaultPlan).dump_python(self)
        return value

    @property
    def quiet(self) -> bool:
        """Whether nothing can go wrong."""
        return not (self.faults or self.chances or self.latency)

    @property
    def struck(self) -> int:
        """How many requests a scripted fault has hit so far, those included that have no answer yet."""
        return sum(self._done)

    def pick(self, side: Side, method: str, path: str) -> Fault | None:
        """What goes wrong with this request; counts it."""
        with self._lock:
            chosen = None
            for place, fault in enumerate(self.faults):
                if fault.matches(side, method, path):
                    self._seen[place] += 1
                    if chosen is None and self._due(place, fault):
                        self._done[place] += 1
                        chosen = fault
            if chosen is None and self.chances:
                draw = self._random[side].random()
                for name, chance in self.chances.items():
                    draw -= chance
                    if draw < 0:
                        return PRESETS[name]
            return chosen

    def _due(self, place: int, fault: Fault) -> bool:
        if fault.times is not None and self._done[place] >= fault.times:
            return False
        if fault.nth is not None:
            return self._seen[place] == fault.nth
        return fault.every is None or self._seen[place] % fault.every == 0
