"""How the sandbox's ShopiMind outlives a restart: one SQLite file, read at start and written behind by a thread.

Best effort by design: a kill loses at most the last half second. The table is a log, in which the last line of a key
counts; that is three times cheaper to write than an index, and is tidied up when it is read.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

FLUSH_EVERY = 0.5  # seconds

Row = tuple[int | None, bytes]  # the data source that tags a record, and the record as compact JSON
Line = tuple[str, str, str, int | None, bytes | None]  # shop, kind, key, then the row (a null body: deleted)


def compact(record: dict[str, Any]) -> bytes:
    """The record as compact JSON, in memory of its own size."""
    # What orjson hands out keeps the much larger buffer it was written into: 8 KB for a record of 1 KB.
    return bytes(memoryview(orjson.dumps(record)))


class WriteBehind:
    """The file at `path`; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._waiting: list[Line] = []
        self._lock, self._writing, self._stop = threading.Lock(), threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._connect() as db:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute(
                    "CREATE TABLE IF NOT EXISTS lines (shop TEXT, kind TEXT, key TEXT, source INTEGER, body BLOB)"
                )
            db.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path or "")
        db.execute("PRAGMA synchronous=OFF")
        return db

    def load(self) -> list[tuple[str, str, str, Row]]:
        """Every row kept: shop, kind, key, row."""
        if not self._path:
            return []
        db = self._connect()
        rows: dict[tuple[str, str, str], tuple[int | None, bytes | None]] = {}
        lines = 0
        for shop, kind, key, source, body in db.execute("SELECT * FROM lines ORDER BY rowid"):
            lines += 1
            rows[shop, kind, key] = (source, body)
        kept = [(*key, (source, body)) for key, (source, body) in rows.items() if body is not None]
        if lines > len(kept):
            with db:
                db.execute("DELETE FROM lines")
                db.executemany("INSERT INTO lines VALUES (?,?,?,?,?)", [(*line[:3], *line[3]) for line in kept])
        db.close()
        return kept

    def put(self, shop: str, kind: str, rows: Iterable[tuple[str, Row | None]]) -> None:
        """Notes new values; None deletes."""
        if self._path:
            lines = [(shop, kind, key, *(row or (None, None))) for key, row in rows]
            with self._lock:
                self._waiting += lines

    def start(self) -> None:
        """Writes from now on every half second."""
        if self._path and self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="sandbox-crm-writer", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Writes the rest."""
        self._stop.set()
        if self._thread:
            self._thread.join()
            self._thread = None
        self.flush()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_EVERY):
            self.flush()

    def flush(self) -> None:
        """Writes what is waiting."""
        with self._writing:
            with self._lock:
                lines, self._waiting = self._waiting, []
            if lines:
                db = self._connect()
                with db:
                    db.executemany("INSERT INTO lines VALUES (?,?,?,?,?)", lines)
                db.close()
