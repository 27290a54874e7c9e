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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil

from connector.sandbox.accounts import TillAccount
from connector.sandbox.fault_plan import FaultPlan
from connector.sandbox.serve import Sandbox
from connector.sandbox.till_switches import TillSwitches
from tests.bench.till import GeneratedBooks, account

_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True)
class Synced:
    """One `connector sync --json`: its shops' parts of the document, and what it took."""

    shops: list[dict[str, Any]]
    seconds: float
    peak: int  # bytes, of the largest process
    cpu: float  # seconds, of all processes together

    @property
    def shop(self) -> dict[str, Any]:
        """The only one."""
        (shop,) = self.shops
        return shop


@dataclass(frozen=True)
class Served:
    """A sandbox, with a connector's home of its own."""

    place: Path
    sandbox: Sandbox

    def answer_after(self, seconds: float) -> None:
        """Makes both servers wait so long before each answer."""
        for url in (self.sandbox.till_url, self.sandbox.crm_url):
            httpx.post(
                f"{url}/_sandbox/faults", json=FaultPlan(latency=seconds).to_json(), trust_env=False
            ).raise_for_status()

    def sync(self, first: date | None = None, last: date | None = None) -> Synced:
        """Syncs these closing days, or what is due. Raises `RuntimeError` unless everything was delivered."""
        command = [sys.executable, "-m", "connector", "sync", "--json", "--shops", str(self.place / "shops.yaml")]
        if first and last:
            command += ["--from", first.isoformat(), "--to", last.isoformat()]
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        environment |= {"CONNECTOR_HOME": str(self.place / "home")}
        started = time.perf_counter()
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(command, env=environment, stdout=said, stderr=errors)
            peak, cpu = _watch(process)
            seconds = time.perf_counter() - started
            for file in (said, errors):
                file.seek(0)
            document, told = json.loads(said.read() or b"{}"), errors.read().decode()
        if process.returncode:
            raise RuntimeError(
                f"connector sync ended with {process.returncode}: {str(document)[:2000]}\n{told[-2000:]}"
            )
        return Synced(document["shops"], seconds, peak, cpu)


@contextmanager
def served(books: GeneratedBooks, latency: float = 0.0, switches: TillSwitches | None = None) -> Iterator[Served]:
    """Serves an account with these books until the block ends."""
    with served_accounts([account("bench", books)], latency, switches) as one:
        yield one


@contextmanager
def served_accounts(
    accounts: list[TillAccount], latency: float = 0.0, switches: TillSwitches | None = None
) -> Iterator[Served]:
    """Serves these accounts until the block ends. `latency`: seconds before each answer, of till and ShopiMind."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        place = Path(folder)
        options: dict[str, Any] = {"latency": latency, "till_switches": switches, "in_process": False}
        with Sandbox(place / "sandbox", place, accounts=accounts, **options) as sandbox:
            sandbox.write_shops_yaml(place / "shops.yaml")
            yield Served(place, sandbox)


def _watch(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Waits for the end; the highest memory that the process or one below it had resident, and the CPU time of all."""
    root, peak = psutil.Process(process.pid), 0
    spent: dict[int, float] = {}
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            for each in [root, *root.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    peak = max(peak, _resident(each))
                    times = each.cpu_times()
                    spent[each.pid] = times.user + times.system
        time.sleep(0.1)
    return peak, sum(spent.values())


def _resident(process: psutil.Process) -> int:
    """The peak that Linux keeps of a process; elsewhere what it has now."""
    try:
        found = _PEAK.search(Path(f"/proc/{process.pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    except FileNotFoundError:
        return 0 if Path("/proc").exists() else int(process.memory_info().rss)
