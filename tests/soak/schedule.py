"""One schedule of the soak: its shop, its story, and what that came to. Everything is drawn from the seed and its number."""

from __future__ import annotations

import logging
import os
import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from connector.sandbox.serve import Sandbox
from tests.faults.shop_world import World
from tests.faults.story import Figures, Story
from tests.faults.till_changes import shop_of
from tests.faults.troubles import Trouble, draw_faults, draw_kill, draw_state_trouble

VARIANTS = 8  # tills with different changes: the faultless end state of each is found out once per worker
COMMANDS = 0.05  # the share of the kills that hit the command itself, with its start of some seconds


@dataclass(frozen=True)
class Played:
    """A schedule's figures, or what broke."""

    number: int
    figures: Figures
    broken: str | None = None


def play(seed: int, number: int, records: int) -> Played:
    """Plays one schedule in a new world."""
    logging.disable(logging.CRITICAL)
    os.environ.pop("DAGSTER_HOME", None)
    folder = Path(tempfile.mkdtemp(prefix=f"soak-{number}-"))
    account = shop_of(records)
    try:
        with Sandbox(folder / "sandbox", folder, accounts=[account]) as sandbox:
            story = Story(World(sandbox, folder, folder / "home"), len(account.books.keys("customers")))
            try:
                _tell(story, random.Random(f"{seed} {number}"), number % VARIANTS)
            except Exception as error:  # whatever it is, the soak names the schedule
                told = "\n".join(f"  {line}" for line in story.told)
                return Played(number, story.figures, f"{type(error).__name__}: {error}\n{told}")
            return Played(number, story.figures)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(story: Story, chance: random.Random, variant: int) -> None:
    """One to three syncs in trouble, with the till's changes before, between and after them; then one without any."""
    changes = random.Random(f"till {variant}")
    left = 4 * bool(variant)
    for _ in range(chance.choice((1, 1, 2, 3))):
        now = chance.randint(0, left)
        left -= now
        for _ in range(now):
            story.change(changes)
        story.sync(_trouble(chance))
    for _ in range(left):
        story.change(changes)
    story.settle()


def _trouble(chance: random.Random) -> Trouble:
    draw = chance.random()
    if draw < 0.5:
        return draw_faults(chance)
    if draw < 0.85:
        return draw_kill(chance, command=chance.random() < COMMANDS)
    return draw_state_trouble(chance)
