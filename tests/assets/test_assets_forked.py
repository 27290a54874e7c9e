"""The process from which every shop's is forked has done what is the same for all of them, and nothing that a fork would lose."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

_LOOK = """
import gc, sys, threading
import assets.forked
from assets.event_log import empty_file
from connector.http import tls
absent = [name for name in assets.forked.LATE if name not in sys.modules and name != "pandas"]
kept = empty_file.cache_info().currsize, tls.cache_info().currsize
print(absent, kept, gc.get_freeze_count() > 100_000, threading.active_count())
"""


def test_it_has_imported_and_filled_everything_and_started_no_thread() -> None:
    found = subprocess.run([sys.executable, "-c", _LOOK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[] (1, 1) True 1\n"
