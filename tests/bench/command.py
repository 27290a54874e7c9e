"""Runs `connector sync` as a person would, over an account of the sandbox, and watches its processes' memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from connector.sandbox.serve import Sandbox
from connector.sandbox.till_switches import TillSwitches
from tests.bench.till import GeneratedBooks, account

_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True)
class Synced:
    """One `connector sync --json`: its document for the only shop, wall time, and the largest process's peak memory."""

    shop: dict[str, Any]
    seconds: float
    peak: int  # bytes


@dataclass(frozen=True)
class Served:
    """A sandbox over one account, with a connector's home of its own."""

    place: Path
    sandbox: Sandbox

    def sync(self, first: date, last: date) -> Synced:
        """Syncs these closing days. Raises `RuntimeError` unless everything was delivered."""
        command = [sys.executable, "-m", "connector", "sync", "--json", "--shops", str(self.place / "shops.yaml")]
        command += ["--from", first.isoformat(), "--to", last.isoformat()]
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        environment |= {"CONNECTOR_HOME": str(self.place / "home")}
        started = time.perf_counter()
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(command, env=environment, stdout=said, stderr=errors)
            peak = _watch(process)
            seconds = time.perf_counter() - started
            for file in (said, errors):
                file.seek(0)
            document, told = json.loads(said.read() or b"{}"), errors.read().decode()
        if process.returncode:
            raise RuntimeError(
                f"connector sync ended with {process.returncode}: {str(document)[:2000]}\n{told[-2000:]}"
            )
        return Synced(document["shops"][0], seconds, peak)


@contextmanager
def served(books: GeneratedBooks, latency: float = 0.0, switches: TillSwitches | None = None) -> Iterator[Served]:
    """Serves an account with these books until the block ends."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        place = Path(folder)
        options: dict[str, Any] = {"latency": latency, "till_switches": switches, "in_process": False}
        with Sandbox(place / "sandbox", place, accounts=[account("bench", books)], **options) as sandbox:
            sandbox.write_shops_yaml(place / "shops.yaml")
            yield Served(place, sandbox)


def _watch(process: subprocess.Popen[bytes]) -> int:
    """Waits for the end; the highest memory that the process or one below it had resident."""
    root, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max([peak, *map(_resident, [root, *root.children(recursive=True)])])
        except psutil.NoSuchProcess:
            continue
        time.sleep(0.05)
    return peak


def _resident(process: psutil.Process) -> int:
    """The peak that Linux keeps of a process; elsewhere what it has now."""
    try:
        found = _PEAK.search(Path(f"/proc/{process.pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    except FileNotFoundError:
        return 0 if Path("/proc").exists() else int(process.memory_info().rss)
