"""Who agreed to be written to: the shop's consent rule, read from customer rows or from one of the till's lists.

Hiboutik has no field for consent. The shapes of its customer lists and tags are not documented either, so they are read
by what they contain, not by where. No call is ever made for a single customer.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Mapping
from typing import Any

from connector.config import Consent
from connector.pos.hiboutik_calls import HiboutikCalls, NotThere
from connector.pos.hiboutik_lists import listing
from connector.pos.hiboutik_rows import CUSTOMER_ID, key_of
from connector.pos.row_reader import text_of, whole_number

_LISTS = "/customers/lists/"
_MISC_KEYS = ("customers_misc",)
_TAG_KEYS = ("tags", "customers_tags")

_id_of_customer = key_of(*CUSTOMER_ID)


class ConsentRule:
    """Says of each customer row whether it consents; without a rule, nobody does.

    `warn` gets one sentence when the rule cannot be followed.
    """

    def __init__(self, rule: Consent | None, calls: HiboutikCalls, warn: Callable[[str], None]) -> None:
        self._rule = rule or Consent()
        self._calls, self._warn = calls, warn
        self._members: frozenset[int] | None = None
        self._lock = threading.Lock()

    def grants(self, row: object) -> bool:
        """Whether this row's customer consents. A list is read once, with the first row. May raise `PosError`."""
        if not isinstance(row, Mapping):
            return False
        if self._rule.list is not None:
            return _id_of_customer(row) in self._list_members(self._rule.list)
        if self._rule.misc is not None:
            wanted = _plain(self._rule.misc)
            return any(wanted in _plain(row.get(key)) for key in _MISC_KEYS)
        if self._rule.tag is not None:
            return any(_plain(self._rule.tag) in _tags(row.get(key)) for key in _TAG_KEYS)
        return False

    def carried_by(self, row: object) -> bool:
        """Whether this row has the field that the rule looks at."""
        keys = _MISC_KEYS if self._rule.misc is not None else _TAG_KEYS if self._rule.tag is not None else ()
        return not keys or (isinstance(row, Mapping) and any(key in row for key in keys))

    def warn_not_carried(self) -> None:
        """To be called after a pass over customers of whom none carried the field."""
        what = "misc field" if self._rule.misc is not None else "tags"
        self._warn(
            f"Hiboutik account {self._calls.account}: the consent rule looks at the customer's {what}, which the list "
            "of customers does not give: nobody counts as consenting. A rule by customer list may work instead."
        )

    def _list_members(self, name: str) -> frozenset[int]:
        with self._lock:
            if self._members is None:
                self._members = self._read_members(name)
            return self._members

    def _read_members(self, name: str) -> frozenset[int]:
        who = f"Hiboutik account {self._calls.account}: the consent rule's customer list {name!r}"
        list_id = self._list_id(name)
        if list_id is None:
            self._warn(f"{who} does not exist in the till: nobody counts as consenting.")
            return frozenset()
        rows: list[Any] = []
        members = listing(self._calls, f"{_LISTS}{list_id}", _id_of_customer)
        for page in members.pages():
            rows += page
        ids = frozenset(found for found in map(_member, rows) if found)
        if rows and not ids:
            self._warn(f"{who} has {len(rows)} rows, none with a customer's id: nobody counts as consenting.")
        elif not members.complete:
            self._warn(f"{who} could not be read to its end: only the {len(ids)} customers seen count as consenting.")
        return ids

    def _list_id(self, name: str) -> int | None:
        try:
            lists = [row for page in listing(self._calls, _LISTS, lambda row: None).pages() for row in page]
        except NotThere:
            return None
        for row in lists:
            if isinstance(row, Mapping) and any(_plain(value) == _plain(name) for value in row.values()):
                ids = (whole_number(value) for key, value in row.items() if key == "id" or key.endswith("_id"))
                found = next((value for value in ids if value), None)
                if found is not None:
                    return found
        return None


def _member(row: object) -> int | None:
    return _id_of_customer(row) if isinstance(row, Mapping) else whole_number(row)


def _plain(value: object) -> str:
    """Text as people compare it: no entities, no case, single spaces; "" for what is not text."""
    return " ".join(html.unescape(value).casefold().split()) if isinstance(value, str) else ""


def _tags(value: object) -> set[str]:
    """The tags of one customer: rows `{tag_id, tag}`, or bare texts."""
    if not isinstance(value, list):
        return set()
    return {_plain(item.get("tag") if isinstance(item, Mapping) else text_of(item)) for item in value}
