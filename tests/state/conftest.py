"""Every test runs on a real SQLite file and, where a server can be reached, on a PostgreSQL database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.state.database import Database, open_database
from tests.shared_state import Databases

WORKER = Path(__file__).with_name("worker.py")
REPOSITORY = WORKER.parents[2]


@dataclass(frozen=True)
class Place:
    """Where a state lives; nothing is there yet."""

    home: Path
    url: str | None

    def open(self) -> Database:
        return open_database(self.home, self.url)


class Worker:
    """A process of its own, ready to do what `worker.py` offers under that name."""

    def __init__(self, place: Place, *words: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), str(place.home), place.url or "", *map(str, words)],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY) + os.pathsep + os.environ.get("PYTHONPATH", "")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "ready"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def workers() -> Iterator[Callable[..., Worker]]:
    """Starts workers; whatever still runs at the end is killed."""
    started: list[Worker] = []

    def start(place: Place, *words: object) -> Worker:
        started.append(Worker(place, *words))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONNECTOR_HOME", "CONNECTOR_DATABASE_URL", "CONNECTOR_LAKE", "CONNECTOR_KEYS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place of each kind."""
    return Place(tmp_path, request.getfixturevalue("postgres_url") if request.param == "postgresql" else None)


@pytest.fixture
def sqlite_place(tmp_path: Path) -> Place:
    return Place(tmp_path, None)


@pytest.fixture
def db(place: Place) -> Iterator[Database]:
    """An open database of each kind."""
    database = place.open()
    yield database
    database.close()


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """A new, empty PostgreSQL database, dropped afterwards."""
    with databases.new() as url:
        yield url
