"""What can go wrong during one sync, drawn from chance: faults on both sides, kills, and a state in trouble."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

from connector.sandbox.fault_plan import PRESETS, Fault, Side

PATIENCE = 1.0  # seconds that a client waits for an answer while a server hangs for longer
SILENCE = 1.6

STATUSES = ("408", "429", "500", "502", "503", "504")
WAITS = ("429_retry_after", "429_retry_date", "503_retry_date", "503_retry_later")
ABSURD = tuple(name for name in PRESETS if name.startswith("503_absurd"))
BROKEN = ("refuse", "reset_before", "reset_after", "truncated", "cut", "hang", "drip")
SHAPES = ("html", "redirect", "wrong_shape", "wrong_rows", "null", "empty")
KINDS: dict[Side, tuple[tuple[str, ...], ...]] = {
    "till": (STATUSES, WAITS, ABSURD, BROKEN, SHAPES, ("401", "403")),
    "crm": (STATUSES, WAITS, ABSURD, BROKEN, SHAPES, ("401",), ("503_applied", "failed_count"), ("400", "413", "422")),
}
PATHS: dict[Side, tuple[str, ...]] = {
    "till": (
        "",
        "/stores",
        "/products/",
        "/customers/",
        "/closed_sales/",
        "/products_sold/",
        "/stock_available",
        "/brands",
    ),
    "crm": (
        *("", "^/v1/customers", "^/v1/products$", "^/v1/orders$", "^/v1/custom-data-records"),
        *("^/v1/data-sources", "^/v1/custom-data-definitions", "^/v1/products-"),
    ),
}
# A whole request refused is a verdict on its records, so it is drawn for saves only.
SAVES = ("^/v1/customers", "^/v1/products$", "^/v1/orders$", "^/v1/custom-data-records", "^/v1/products-")
REFUSALS = ("400", "413", "422")


@dataclass(frozen=True)
class Blow:
    """Something that hits the run itself when a server gets its nth request: a kill, a lock, the loss of the database.

    With `path` (a regular expression, searched in the path) only such requests are counted.
    """

    kind: Literal["kill", "lock", "lose"]
    side: Side
    nth: int
    applied: bool = True  # whether that request is still handled
    delay: float = 0.0  # seconds between that request and a kill
    command: bool = False  # the command itself is killed, not only the process of its shop
    path: str = ""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong during one sync. `disk` is the size in bytes beyond which no file grows."""

    faults: tuple[Fault, ...] = ()
    blow: Blow | None = None
    disk: int | None = None

    @property
    def hangs(self) -> bool:
        return any(fault.kind == "hang" for fault in self.faults)

    @property
    def cuts_off(self) -> bool:
        """Whether answers may be lost on their way that no fault was meant for: of others that were asked for meanwhile."""
        return any(fault.kind in ("hang", "refuse") for fault in self.faults)

    def __str__(self) -> str:
        told = [
            f"{f.side} {f.path or 'any'} {f.kind} {f.status if f.kind == 'answer' else ''}"
            f"{' applied' if f.applied else ''} nth={f.nth} every={f.every} times={f.times}"
            for f in self.faults
        ]
        return "; ".join(
            [*told, *([str(self.blow)] if self.blow else []), *([f"disk {self.disk}"] if self.disk else [])]
        )


NOTHING = Trouble()


def draw_faults(chance: random.Random) -> Trouble:
    """One to four kinds of fault, on either side."""
    return Trouble(tuple(_draw_fault(chance) for _ in range(chance.randint(1, 4))))


def _draw_fault(chance: random.Random) -> Fault:
    side: Side = chance.choice(("till", "crm"))
    name = chance.choice(chance.choice(KINDS[side]))
    path = chance.choice(SAVES if name in REFUSALS else PATHS[side])
    fault = replace(PRESETS[name], side=side, path=path, method="POST" if name in REFUSALS else None)
    if fault.kind == "hang":
        return replace(fault, seconds=SILENCE, times=1)
    if fault.kind == "drip":
        fault = replace(fault, seconds=0.1)
    often: list[dict[str, int]] = [
        *({"times": 1}, {"times": chance.randint(2, 6)}, {"nth": chance.randint(1, 12)}),
        *({"every": chance.choice((2, 3, 5))}, {}),
    ]
    return replace(fault, **often[chance.randrange(3 if name in REFUSALS else 5)])


def draw_kill(chance: random.Random, *, command: bool = False) -> Trouble:
    """A SIGKILL around any request, or shortly after it, with or without another fault."""
    delay = chance.choice((0.0, chance.random() * 0.05, chance.random() * 0.3))
    side: Side = chance.choice(("till", "crm", "crm"))
    # a first sync of a thousand records makes some 40 requests to each side, a later one few
    nth = chance.choice((chance.randint(1, 10), chance.randint(10, 40)))
    blow = Blow("kill", side, nth, chance.random() < 0.7, delay, command)
    faults = draw_faults(chance).faults[:1] if chance.random() < 0.3 else ()
    return Trouble(tuple(fault for fault in faults if fault.kind != "hang"), blow)


def draw_state_trouble(chance: random.Random) -> Trouble:
    """A disk that is full, or a database that another process locks, or that is deleted."""
    kind: Literal["lock", "lose", "full"] = chance.choice(("lock", "lose", "full"))
    if kind == "full":
        return Trouble(disk=chance.choice((8_000, 60_000, 150_000, 400_000)))
    return Trouble(blow=Blow(kind, chance.choice(("till", "crm")), chance.randint(1, 30)))
