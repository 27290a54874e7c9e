"""Walking through the pages of a list that may miscount itself, repeat itself or not be paged at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from connector.pos.protocol import PosError

PAGE_SIZE = 250  # rows; fixed by the Hiboutik API
PAGE_LIMIT = 4000  # pages of one list; a till that never ends must not eat the month's quota

_RANGE = re.compile(r"(?:\w+\s+)?(\d{1,12})-(\d{1,12})/(\d{1,12})", re.ASCII)


@dataclass(frozen=True)
class Page:
    """One page as the till gave it; `total`: how many rows it claims for the whole list, None when it says nothing."""

    rows: list[Any]
    total: int | None


def pages_of(rows: int) -> int:
    """The calls that a list of so many rows takes: a full page never ends one."""
    return max(0, rows) // PAGE_SIZE + 1


def total_rows(content_range: str) -> int | None:
    """Z of `Content-Range: X-Y/Z`; None when the header is absent or cannot be read."""
    match = _RANGE.fullmatch(content_range.strip())
    return int(match[3]) if match else None


class Listing:
    """One pass over a list. Iterate `pages()`; then `complete` says whether every row was seen.

    `fetch` gives page n (from 1). `key` gives what makes a row itself, None when it has nothing: such a row is never
    taken for a repetition, because two equal rows may both be meant. The end is the first of: an empty page; a page
    that brings nothing new (the till ignores `p`); a page that is not full, unless `Content-Range` claims more rows
    than were seen. A full page never ends a list, whatever the header claims; a first page of more than 250 rows is a
    list without pages.
    """

    def __init__(self, what: str, fetch: Callable[[int], Page], key: Callable[[Any], Hashable | None]) -> None:
        self.what, self._fetch, self._key = what, fetch, key
        self._seen: set[Hashable] = set()
        self.unique = 0
        self.total: int | None = None
        self.repeats = False  # the till answered a later page with a full one that it had given before
        self._ended = False

    @property
    def complete(self) -> bool:
        """Whether the pass came to an end without a sign that rows are missing."""
        if self.total is None:
            return self._ended and not self.repeats
        return self._ended and self.unique >= self.total

    def pages(self) -> Iterator[list[Any]]:
        """The rows of each page that no earlier page had. Raises `PosError` after `PAGE_LIMIT` pages."""
        previous: list[Any] | None = None
        for number in range(1, PAGE_LIMIT + 1):
            page = self._fetch(number)
            # the latest claim: rows come and go while the pages are read
            self.total = self.total if page.total is None else page.total
            fresh = self._fresh(page.rows)
            if page.rows and (not fresh or page.rows == previous):
                self.repeats = len(page.rows) >= PAGE_SIZE
                break
            self.unique += len(fresh)
            if fresh:
                yield fresh
            if self._is_last(number, len(page.rows)):
                break
            previous = page.rows
        else:
            raise PosError(
                f"{self.what}: no end after {PAGE_LIMIT} pages; nothing more was asked. Is the till repeating itself?"
            )
        self._ended = True

    def _fresh(self, rows: list[Any]) -> list[Any]:
        fresh = []
        for row in rows:
            key = self._key(row)
            if key is None or key not in self._seen:
                fresh.append(row)
                self._seen.add(key)
        return fresh

    def _is_last(self, number: int, rows: int) -> bool:
        if rows == 0:
            return True
        if self.total is not None and self.unique < self.total:
            return False
        return rows < PAGE_SIZE or (number == 1 and rows > PAGE_SIZE)
