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

from tests.faults.schedules import IN_FLIGHT
from tests.soak.schedule import Played, play

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: written by `make soak` -->", "<!-- /soak -->"


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


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no worker is left behind
    began = time.monotonic()
    soaked = Soaked()
    for played in _play_all(options, began):
        soaked.add(played)
        if played.broken:
            _say(f"\nBROKEN: schedule {played.number} of seed {options.seed}: {played.broken}")
            again = f"--seed {options.seed} --first {played.number} --schedules 1 --records {_each(options)} --print"
            _say(f'again: make soak ARGS="{again}"')
            sys.exit(1)
        _say(
            f"{soaked.schedules} of {options.schedules} schedules, {soaked.records:,} records, {soaked.kills} kills, "
            f"{time.monotonic() - began:,.0f} s"
        )
    lines = "\n".join(_figures(soaked, options, time.monotonic() - began))
    sys.stdout.write(lines + "\n")
    if not options.print:
        _write(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1_000)
    parser.add_argument("--records", type=int, default=None, help="in total; default: 1,000 a schedule")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first schedule")
    parser.add_argument("--minutes", type=float, default=None, help="begin no schedule after so many minutes")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--print", action="store_true", help="leave docs/reliability.md as it is")
    return parser.parse_args()


def _each(options: argparse.Namespace) -> int:
    return 1_000 if options.records is None else max(24, options.records // options.schedules)


def _play_all(options: argparse.Namespace, began: float) -> Iterator[Played]:
    """Every schedule as it ends. Each worker takes the next one when it is free."""
    numbers = iter(range(options.first, options.first + options.schedules))
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as workers:
        under_way: set[Future[Played]] = set()
        while True:
            in_time = options.minutes is None or time.monotonic() - began < 60 * options.minutes
            while in_time and len(under_way) < options.workers and (number := next(numbers, None)) is not None:
                under_way.add(workers.submit(play, options.seed, number, _each(options)))
            if not under_way:
                return
            ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in ended)


def _figures(soaked: Soaked, options: argparse.Namespace, seconds: float) -> Iterator[str]:
    command = f"--schedules {soaked.schedules} --records {soaked.schedules * _each(options)} --seed {options.seed}"
    command += f" --first {options.first}" if options.first else ""
    machine = f"{options.workers} workers on {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f} at the end"
    yield f"{datetime.now(UTC):%Y-%m-%d}, {seconds / 60:,.0f} minutes with {machine}:"
    yield f'`make soak ARGS="{command}"`'
    yield ""
    yield "| figure | measured | promised |"
    yield "|---|---|---|"
    yield f"| schedules | {soaked.schedules:,} | |"
    yield f"| records compared by id with a run without faults | {soaked.records:,} | |"
    yield f"| syncs | {soaked.syncs:,} | |"
    yield f"| requests answered by a fault | {soaked.faults:,} | |"
    yield f"| records lost, extra or different | {soaked.lost} | 0 |"
    yield f"| kills (SIGKILL) | {soaked.kills:,} | |"
    if soaked.repeated:
        worst, middle = max(soaked.repeated), median(soaked.repeated)
        yield f"| records sent again after a kill: most, median | {worst}, {middle:.0f} | {IN_FLIGHT} at most |"
    if soaked.recovery:
        worst, middle = max(soaked.recovery), median(soaked.recovery)
        yield f"| seconds of the sync after a kill until all is delivered: most, median | {worst:.1f}, {middle:.1f} | |"
    yield f"| schedules whose refused records were named, then taken by `sync --full` | {soaked.refused:,} | |"


def _write(lines: str) -> None:
    text = PAGE.read_text("utf-8")
    block = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not block.search(text):
        sys.exit(f"{PAGE} lacks the lines {BEGIN} and {END}; nothing was written")
    PAGE.write_text(block.sub(lambda found: f"{BEGIN}\n\n{lines}\n\n{END}", text), "utf-8")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
