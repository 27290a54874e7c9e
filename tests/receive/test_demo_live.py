"""`make demo-live`, as the script that it is: its whole story through its real services, and that it can fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from assets.demo_live import Sale, differs

ROOT = Path(__file__).parents[2]
# The minute is what `make demo-live` holds; a machine that runs other tests beside this one is no reason to fail.
PATIENT = """
import sys
from assets import demo_live
demo_live.AT_ONCE, demo_live.AFTER_A_PAUSE = 180.0, 300.0
sys.exit(demo_live.main())
"""
# A sale is looked for at the next look of the sensor at the soonest, and carried out by a process of its own.
IMPATIENT = """
import sys
from assets import demo_live
demo_live.AT_ONCE = 1.0
sys.exit(demo_live.main())
"""


def run(program: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CONNECTOR_HOME": str(home), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )


def counted(said: str) -> dict[str, list[int]]:
    """Of the table at the end, by its first column: closed at the till, in ShopiMind, doubled, missing."""
    rows = re.findall(r"│ (orders|events triggered) +│ +(\d+) +│ +(\d+) +│ +(\d+) +│ +(\d+) +│", said)
    return {name: [int(each) for each in figures] for name, *figures in rows}


@pytest.mark.slow
def test_sales_around_a_pause_of_the_installation_are_all_told_once(tmp_path: Path) -> None:
    ran = run(PATIENT, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert counted(ran.stdout) == {"orders": [6, 6, 0, 0], "events triggered": [6, 6, 0, 0]}
    assert "0 of 2 sales were delivered" in ran.stdout
    assert "maison-lea is deactivated" in ran.stdout
    assert len(re.findall(r"pos_purchase was triggered, [\d.]+ s after", ran.stdout)) == 6


@pytest.mark.slow
def test_a_sale_that_is_not_told_in_time_fails_it(tmp_path: Path) -> None:
    ran = run(IMPATIENT, tmp_path)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert counted(ran.stdout) == {"orders": [3, 0, 0, 3], "events triggered": [3, 0, 0, 3]}
    assert "too late:" in ran.stdout


SALES = [Sale(1, closed=0.0, due_from=0.0, limit=60.0), Sale(2, closed=0.0, due_from=None, limit=120.0)]


@pytest.mark.parametrize(
    ("found", "doubled_and_missing"),
    [
        ({"ml_1": 1, "ml_2": 1}, (0, 0)),
        ({"ml_1": 2, "ml_2": 1}, (1, 0)),
        ({"ml_1": 1}, (0, 1)),
        ({"ml_1": 2}, (1, 1)),
        ({"ml_1": 1, "ml_2": 1, "ml_9": 1}, (1, 0)),
    ],
)
def test_what_is_there_twice_and_what_is_not_there_is_counted_apart(
    found: dict[str, int], doubled_and_missing: tuple[int, int]
) -> None:
    assert differs(SALES, Counter(found)) == doubled_and_missing


@pytest.mark.parametrize(
    ("seen", "now", "late"),
    [
        ({}, 59.0, False),
        ({}, 61.0, True),
        ({"order": 20.0}, 61.0, True),
        ({"order": 20.0, "event": 59.0}, 500.0, False),
        ({"order": 20.0, "event": 61.0}, 500.0, True),
    ],
)
def test_a_sale_is_late_when_its_order_or_its_event_is(seen: dict[str, float], now: float, late: bool) -> None:
    sale = Sale(1, closed=0.0, due_from=0.0, limit=60.0, seen=seen)
    assert sale.is_late(now) == late
    waiting = Sale(2, closed=0.0, due_from=None, limit=120.0, seen=seen)
    assert not waiting.is_late(now)
