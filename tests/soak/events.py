"""One schedule of `make soak ARGS="--events"`: sales that close while triggers go wrong, and how often each was told of.

The trouble is around the calls that matter to events: the trigger, the event type's declaration, the save of orders.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from connector.sandbox.fault_plan import PRESETS
from connector.sandbox.serve import Sandbox
from tests.faults.broken import promise
from tests.faults.little_till import line, sale
from tests.faults.shop_world import World
from tests.faults.story import Story
from tests.faults.till_changes import SHOP, shop_of
from tests.faults.troubles import NOTHING, SILENCE, Blow, Trouble

EVENT = "pos_purchase"
MODES = {False: "default", True: "at_least_once"}
TRIGGER, DECLARE, ORDERS = "/events/trigger/", "^/v1/events$", "^/v1/orders$"
# Answers that are clear, and those after which nobody can know whether the event was triggered.
CLEAR = ("429", "429_retry_after", "503_retry_later", "401")
UNCLEAR = (
    *("500", "502", "503", "504", "503_applied", "reset_before", "reset_after", "refuse"),
    *("truncated", "cut", "hang", "drip", "html"),
)  # not "empty": what a trigger answers with is not published, so that a 2xx without a body is believed
_CALM = 4  # syncs without trouble in the end, at most: three unclear answers in a row leave the rest to the next


@dataclass
class EventFigures:
    """What schedules of one mode came to."""

    schedules: int = 0
    sales: int = 0
    syncs: int = 0
    faults: int = 0
    kills: int = 0
    lost: int = 0  # sales that ShopiMind was never told of
    doubled: int = 0  # triggers beyond the first of a sale
    unclear: int = 0  # sales that the connector itself names as perhaps not told of

    def add(self, other: EventFigures) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True)
class Played:
    """A schedule's figures, or what broke."""

    number: int
    at_least_once: bool
    figures: EventFigures
    broken: str | None = None


@dataclass
class Soaked:
    """All schedules so far, by mode."""

    modes: dict[bool, EventFigures] = field(default_factory=lambda: {mode: EventFigures() for mode in MODES})

    @property
    def schedules(self) -> int:
        return sum(figures.schedules for figures in self.modes.values())

    def add(self, played: Played) -> None:
        self.modes[played.at_least_once].add(played.figures)

    def progress(self) -> str:
        told = (f"{MODES[m]}: {f.sales} sales, {f.lost} lost, {f.doubled} doubled" for m, f in self.modes.items())
        return "; ".join(told)

    def rows(self) -> Iterator[str]:
        default, repeating = (self.modes[mode] for mode in MODES)
        yield "| figure | default | promised | `at_least_once` | promised |"
        yield "|---|---|---|---|---|"
        for name, label in (
            ("schedules", "schedules"),
            ("sales", "sales to be told of"),
            ("syncs", "syncs"),
            ("faults", "requests answered by a fault"),
            ("kills", "kills (SIGKILL)"),
        ):
            yield f"| {label} | {getattr(default, name):,} | | {getattr(repeating, name):,} | |"
        yield f"| triggers doubled | {default.doubled} | 0 | {repeating.doubled} | counted |"
        yield f"| triggers lost | {default.lost} | counted | {repeating.lost} | 0 |"
        unclear = f"{default.unclear} | at least the lost ones | {repeating.unclear} | |"
        yield f"| sales that `connector status` names as `unclear` | {unclear}"


def play(seed: int, number: int, records: int) -> Played:
    """Plays one schedule in a new world; even numbers by default, odd ones with `at_least_once`."""
    logging.disable(logging.CRITICAL)
    os.environ.pop("DAGSTER_HOME", None)
    folder = Path(tempfile.mkdtemp(prefix=f"events-{number}-"))
    account = shop_of(records, newest=1)  # each closed before the event begins, whatever the hour
    figures, at_least_once = EventFigures(schedules=1), bool(number % 2)
    try:
        with Sandbox(folder / "sandbox", folder, accounts=[account]) as sandbox:
            customers = len(account.books.keys("customers"))
            told = Telling(Story(World(sandbox, folder, folder / "home"), customers), customers, at_least_once)
            try:
                told.play(random.Random(f"events {seed} {number}"))
                told.check()
            except Exception as error:  # whatever it is, the soak names the schedule
                happened = "\n".join(f"  {each}" for each in told.story.told)
                return Played(number, at_least_once, figures, f"{type(error).__name__}: {error}\n{happened}")
            figures.add(told.figures())
            return Played(number, at_least_once, figures)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Telling:
    """A story of sales that close between syncs in trouble."""

    def __init__(self, story: Story, customers: int, at_least_once: bool) -> None:
        self.story, self.customers, self.at_least_once = story, customers, at_least_once
        self.closed: list[str] = []  # the order ids of the sales that are to be told of
        story.world.sandbox.crm.switch(visibility_delay=0.0)
        _declare(story.world.shops_file, at_least_once)

    def play(self, chance: random.Random) -> None:
        """A first sync, without which no event has begun; then sales and trouble; then none until nothing waits."""
        self.story.sync(NOTHING)
        for _ in range(chance.choice((2, 3, 4))):
            for _ in range(chance.randint(1, 4)):
                self.close(chance)
            self.story.sync(draw_trouble(chance))
        for _ in range(_CALM):
            self.story.sync(NOTHING)
            if not self._open():
                return
        promise(False, f"{self._open()} events still wait after {_CALM} syncs without trouble")

    def close(self, chance: random.Random) -> None:
        """A sale that closes now, to a customer who can be reached."""
        now = datetime.now(ZoneInfo("Europe/Paris"))
        number = 700_000 + len(self.closed)
        at = f"{now:%Y-%m-%d %H:%M:%S}"
        row = sale(number, chance.randint(1, 2), f"{now:%Y-%m-%d}", chance.randint(1, self.customers), line())
        self.story.world.till(SHOP).put_sale(row | {"created_at": at, "completed_at": at})
        self.closed.append(f"a_{number}")

    def check(self) -> None:
        """The promise of the mode; and what is lost by default is named as unclear."""
        figures = self.figures()
        if self.at_least_once:
            promise(not figures.lost, f"with at_least_once {figures.lost} of {figures.sales} sales were lost")
        else:
            promise(not figures.doubled, f"{figures.doubled} triggers came twice")
            promise(figures.lost <= figures.unclear, f"{figures.lost} lost, {figures.unclear} told of as unclear")
        promise(not set(self._told()) - set(self.closed), "told of a sale that nobody was to be told of")

    def figures(self) -> EventFigures:
        told, story = self._told(), self.story.figures
        return EventFigures(
            sales=len(self.closed),
            syncs=story.syncs,
            faults=story.faults,
            kills=story.kills,
            lost=sum(1 for order in self.closed if not told[order]),
            doubled=sum(number - 1 for number in told.values()),
            unclear=self._totals()["unclear"],
        )

    def _told(self) -> Counter[str]:
        docs = self.story.world.crm(SHOP).docs[f"triggers:{EVENT}"].values()
        return Counter(doc["payload"]["metaData"]["order_id"] for doc in docs)

    def _open(self) -> int:
        totals = self._totals()
        return totals["waiting"] + totals["sending"]

    def _totals(self) -> Counter[str]:
        with self.story.world.opened(SHOP) as run:
            return run.outbox.totals()[EVENT]


def draw_trouble(chance: random.Random) -> Trouble:
    """A kill around one of the calls, or one or two kinds of answer that go wrong."""
    if chance.random() < 0.4:
        path = chance.choice((TRIGGER, TRIGGER, TRIGGER, ORDERS, DECLARE))
        nth = chance.randint(1, 4) if path == TRIGGER else 1
        delay = chance.choice((0.0, chance.random() * 0.02, chance.random() * 0.1))
        return Trouble(blow=Blow("kill", "crm", nth, chance.random() < 0.6, delay, path=path))
    return Trouble(tuple(_draw_fault(chance) for _ in range(chance.choice((1, 1, 2)))))


def _draw_fault(chance: random.Random) -> Any:
    name = chance.choice(chance.choice((CLEAR, UNCLEAR, UNCLEAR)))
    path = chance.choice((TRIGGER, TRIGGER, TRIGGER, DECLARE))
    often: dict[str, int] = chance.choice(({"times": 1}, {"nth": chance.randint(1, 4)}, {"every": 2}, {}))
    fault = replace(PRESETS[name], side="crm", path=path)
    if fault.kind == "hang":
        return replace(fault, seconds=SILENCE, times=1)
    return replace(fault, seconds=0.1 if fault.kind == "drip" else fault.seconds, **often)


def _declare(shops_file: Path, at_least_once: bool) -> None:
    document = yaml.safe_load(shops_file.read_text("utf-8"))
    document["shops"][0]["events"] = [{"code_name": EVENT, "at_least_once": at_least_once}]
    shops_file.write_text(yaml.safe_dump(document), "utf-8")
