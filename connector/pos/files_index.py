"""What was read of an export folder, kept for one run in a temporary database on disk: no file is read twice.

A file counts only once it was read to its end and was the same afterwards. Memory does not grow with the export.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

_PAGE = 1000  # rows handed on at once
_TABLES = """
CREATE TABLE listed (kind TEXT, key TEXT, row BLOB, UNIQUE (kind, key));
CREATE TABLE sales (key TEXT UNIQUE, store INTEGER, day TEXT, row BLOB);
CREATE INDEX of_day ON sales (store, day);
CREATE TABLE lines (sale INTEGER, file INTEGER, row BLOB);
CREATE INDEX of_sale ON lines (sale, file);
"""

Row = dict[str, Any]


class Index:
    """Rows by kind and key, sales by store and day, lines by sale. Safe to share between threads.

    Of rows with the same key the first that is put in counts; a row without a key is always kept.
    """

    def __init__(self) -> None:
        # "" is a database of SQLite's own in a file without a name: private, and gone when it is closed
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.executescript(_TABLES)
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def put_rows(self, kind: str, rows: Iterable[tuple[str | None, Row]]) -> int:
        """All of them or, when reading them fails, none. Returns how many repeat a key, and are left out."""
        texts = ((kind, key, orjson.dumps(row)) for key, row in rows)
        return self._put("INSERT OR IGNORE INTO listed VALUES (?, ?, ?)", texts)

    def put_sales(self, rows: Iterable[tuple[str | None, Row]]) -> int:
        """The same for rows of `SALES` without their lines."""
        texts = ((key, row["store_id"], row["day"], orjson.dumps(row)) for key, row in rows)
        return self._put("INSERT OR IGNORE INTO sales VALUES (?, ?, ?, ?)", texts)

    def put_lines(self, rows: Iterable[tuple[int | None, int, Row]]) -> None:
        """Rows of `LINE` with the sale's id and the number of their file."""
        texts = ((sale_id, file, orjson.dumps(row)) for sale_id, file, row in rows)
        self._put("INSERT INTO lines VALUES (?, ?, ?)", texts)

    def pages(self, kind: str) -> Iterator[list[Row]]:
        """The rows of a kind in the order in which they were put in."""
        last = 0
        while True:
            found = self._all(
                "SELECT rowid, row FROM listed WHERE kind = ? AND rowid > ? ORDER BY rowid LIMIT ?", kind, last, _PAGE
            )
            if not found:
                return
            last = found[-1][0]
            yield [orjson.loads(row) for _, row in found]

    def row(self, kind: str, key: str) -> Row | None:
        found = self._all("SELECT row FROM listed WHERE kind = ? AND key = ?", kind, key)
        return orjson.loads(found[0][0]) if found else None

    def count(self, kind: str) -> int:
        """How many rows of a kind there are."""
        return int(self._all("SELECT count(*) FROM listed WHERE kind = ?", kind)[0][0])

    def sales(self, store_id: int, first: str, last: str) -> list[Row]:
        """The sales of a store from one day to another, both inclusive, by day and id; their lines are not in them."""
        query = (
            "SELECT row FROM sales WHERE store = ? AND day BETWEEN ? AND ? ORDER BY day, CAST(key AS INTEGER), rowid"
        )
        return [orjson.loads(row) for (row,) in self._all(query, store_id, first, last)]

    def lines(self, sale_id: int) -> list[Row]:
        """The lines of a sale, in their order, of the newest file that has any."""
        query = "SELECT row FROM lines WHERE sale = ?1 AND file = (SELECT min(file) FROM lines WHERE sale = ?1) ORDER BY rowid"
        return [orjson.loads(row) for (row,) in self._all(query, sale_id)]

    def lines_without_sale(self) -> int:
        """How many lines belong to no sale that is known."""
        query = (
            "SELECT count(*) FROM lines WHERE sale IS NULL "
            "OR NOT EXISTS (SELECT 1 FROM sales WHERE sales.key = CAST(lines.sale AS TEXT))"
        )
        return int(self._all(query)[0][0])

    def _put(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> int:
        given = 0

        def counted() -> Iterator[tuple[Any, ...]]:
            nonlocal given
            for given, row in enumerate(rows, 1):  # noqa: B007
                yield row

        with self._lock:
            before = self._db.total_changes
            self._db.execute("BEGIN")
            try:
                self._db.executemany(statement, counted())
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            return given - (self._db.total_changes - before)

    def forget_rows(self, kind: str) -> None:
        """Takes out what `put_rows` put in."""
        with self._lock:
            self._db.execute("DELETE FROM listed WHERE kind = ?", (kind,))

    def forget_sales(self) -> None:
        """Takes out what `put_sales` and `put_lines` put in."""
        with self._lock:
            self._db.executescript("DELETE FROM sales; DELETE FROM lines;")

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()
