"""The account's customer lists and who is on them, each read once. Their shapes are not documented: read by what they hold."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.pos.hiboutik_calls import HiboutikCalls, NotThere
from connector.pos.hiboutik_lists import listing
from connector.pos.hiboutik_rows import CUSTOMER_ID, key_of
from connector.pos.row_reader import whole_number

_LISTS = "/customers/lists/"

id_of_customer = key_of(*CUSTOMER_ID)


@dataclass(frozen=True)
class Members:
    """Who is on one list. `rows` is how many the till gave; without `complete` there may be more."""

    ids: frozenset[int]
    rows: int
    complete: bool


class CustomerLists:
    """Whoever needs them shares one of these, so that no list costs its calls twice. May raise `PosError`."""

    def __init__(self, calls: HiboutikCalls) -> None:
        self._calls = calls
        self._rows: list[Any] | None = None
        self._members: dict[int, Members] = {}
        self._lock = threading.Lock()

    def rows(self) -> list[Any]:
        """The lists, as the till describes them; none where it has no such address."""
        with self._lock:
            if self._rows is None:
                try:
                    pages = listing(self._calls, _LISTS, lambda row: None).pages()
                    self._rows = [row for page in pages for row in page]
                except NotThere:
                    self._rows = []
            return self._rows

    def members(self, list_id: int) -> Members:
        """Who is on that list."""
        with self._lock:
            if list_id not in self._members:
                pass_over = listing(self._calls, f"{_LISTS}{list_id}", id_of_customer)
                rows = [row for page in pass_over.pages() for row in page]
                ids = frozenset(found for found in map(_member, rows) if found)
                self._members[list_id] = Members(ids, len(rows), pass_over.complete)
            return self._members[list_id]


def id_of_list(row: object) -> int | None:
    """The number of a list, under whatever key ends like an id; None when there is none."""
    if not isinstance(row, Mapping):
        return None
    ids = (whole_number(value) for key, value in row.items() if key == "id" or key.endswith("_id"))
    return next((value for value in ids if value), None)


def _member(row: object) -> int | None:
    return id_of_customer(row) if isinstance(row, Mapping) else whole_number(row)
