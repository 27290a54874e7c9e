"""`make soak`: many schedules of faults, many records, and the figures in docs/reliability.md."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults.resent import IN_FLIGHT
from tests.soak import events
from tests.soak.schedule import Played, play

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BLOCKS = {
    False: ("<!-- soak: written by `make soak` -->", "<!-- /soak -->"),
    True: ("<!-- events: written by `make soak ARGS=--events` -->", "<!-- /events -->"),
}
EVENTS_RECORDS = 24  # of a schedule of events, beside the sales that are to be told of


@dataclass
class Soaked:
    """All schedules so far."""

    schedules: int = 0
    records: int = 0
    syncs: int = 0
    faults: int = 0
    kills: int = 0
    lost: int = 0
    refused: int = 0
    repeated: list[int] = field(default_factory=list)
    recovery: list[float] = field(default_factory=list)

    def add(self, played: Played) -> None:
        figures = played.figures
        self.schedules += 1
        for name in ("records", "syncs", "faults", "kills", "lost", "refused"):
            setattr(self, name, getattr(self, name) + getattr(figures, name))
        self.repeated += figures.repeated
        self.recovery += figures.recovery

    def progress(self) -> str:
        return f"{self.records:,} records, {self.kills} kills"

    def rows(self) -> Iterator[str]:
        yield "| figure | measured | promised |"
        yield "|---|---|---|"
        yield f"| schedules | {self.schedules:,} | |"
        yield f"| records compared by id with a run without faults | {self.records:,} | |"
        yield f"| syncs | {self.syncs:,} | |"
        yield f"| requests answered by a fault | {self.faults:,} | |"
        yield f"| records lost, extra or different | {self.lost} | 0 |"
        yield f"| kills (SIGKILL) | {self.kills:,} | |"
        if self.repeated:
            worst, middle = max(self.repeated), median(self.repeated)
            in_flight = f"those of {IN_FLIGHT} requests of one entity at most"
            yield f"| records sent again after a kill: most, median | {worst}, {middle:.0f} | {in_flight} |"
        if self.recovery:
            worst, middle = max(self.recovery), median(self.recovery)
            yield f"| seconds of the sync after a kill until all is delivered: most, median | {worst:.1f}, {middle:.1f} | |"
        yield f"| schedules whose refused records were named, then taken by `sync --full` | {self.refused:,} | |"


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no worker is left behind
    began = time.monotonic()
    soaked: Any = events.Soaked() if options.events else Soaked()
    for played in _play_all(options, began):
        soaked.add(played)
        if played.broken:
            _say(f"\nBROKEN: schedule {played.number} of seed {options.seed}: {played.broken}")
            alone = f"--first {played.number} --schedules 1 --records {_each(options)} --print"
            _say(f'again: make soak ARGS="{_kind(options)}--seed {options.seed} {alone}"')
            sys.exit(1)
        _say(
            f"{soaked.schedules} of {options.schedules} schedules, {soaked.progress()}, {time.monotonic() - began:,.0f} s"
        )
    lines = "\n".join(_figures(soaked, options, time.monotonic() - began))
    sys.stdout.write(lines + "\n")
    if not options.print:
        _write(lines, *BLOCKS[options.events])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--events", action="store_true", help="lost and doubled triggers instead of records")
    parser.add_argument("--schedules", type=int, default=1_000)
    parser.add_argument(
        "--records", type=int, default=None, help="in total; default: 1,000 a schedule, 24 with --events"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first schedule")
    parser.add_argument("--minutes", type=float, default=None, help="begin no schedule after so many minutes")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--print", action="store_true", help="leave docs/reliability.md as it is")
    return parser.parse_args()


def _each(options: argparse.Namespace) -> int:
    if options.records is None:
        return EVENTS_RECORDS if options.events else 1_000
    return max(24, options.records // options.schedules)


def _kind(options: argparse.Namespace) -> str:
    return "--events " if options.events else ""


def _play_all(options: argparse.Namespace, began: float) -> Iterator[Played | events.Played]:
    """Every schedule as it ends. Each worker takes the next one when it is free."""
    player: Any = events.play if options.events else play
    numbers = iter(range(options.first, options.first + options.schedules))
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as workers:
        under_way: set[Future[Any]] = set()
        while True:
            in_time = options.minutes is None or time.monotonic() - began < 60 * options.minutes
            while in_time and len(under_way) < options.workers and (number := next(numbers, None)) is not None:
                under_way.add(workers.submit(player, options.seed, number, _each(options)))
            if not under_way:
                return
            ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in ended)


def _figures(soaked: Any, options: argparse.Namespace, seconds: float) -> Iterator[str]:
    command = f"{_kind(options)}--schedules {soaked.schedules} --records {soaked.schedules * _each(options)} --seed {options.seed}"
    command += f" --first {options.first}" if options.first else ""
    machine = f"{options.workers} workers on {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f} at the end"
    yield f"{datetime.now(UTC):%Y-%m-%d}, {seconds / 60:,.0f} minutes with {machine}:"
    yield f'`make soak ARGS="{command}"`'
    yield ""
    yield from soaked.rows()


def _write(lines: str, begin: str, end: str) -> None:
    text = PAGE.read_text("utf-8")
    block = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not block.search(text):
        sys.exit(f"{PAGE} lacks the lines {begin} and {end}; nothing was written")
    PAGE.write_text(block.sub(lambda found: f"{begin}\n\n{lines}\n\n{end}", text), "utf-8")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
