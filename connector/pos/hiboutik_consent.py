"""Who agreed to be written to: the shop's consent rule, read from customer rows or from one of the till's lists.

Hiboutik has no field for consent. The shapes of its customer lists and tags are not documented either, so they are read
by what they contain, not by where. No call is ever made for a single customer.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Mapping

from connector.config import Consent
from connector.pos.hiboutik_calls import HiboutikCalls
from connector.pos.hiboutik_customer_lists import CustomerLists, id_of_customer, id_of_list
from connector.pos.hiboutik_groups import TAG_KEYS
from connector.pos.row_reader import text_of

_MISC_KEYS = ("customers_misc",)


class ConsentRule:
    """Says of each customer row whether it consents; without a rule, nobody does.

    `warn` gets one sentence when the rule cannot be followed.
    """

    def __init__(
        self, rule: Consent | None, calls: HiboutikCalls, lists: CustomerLists, warn: Callable[[str], None]
    ) -> None:
        self._rule = rule or Consent()
        self._calls, self._lists, self._warn = calls, lists, warn
        self._members: frozenset[int] | None = None
        self._lock = threading.Lock()

    def grants(self, row: object) -> bool:
        """Whether this row's customer consents. A list is read once, with the first row. May raise `PosError`."""
        if not isinstance(row, Mapping):
            return False
        if self._rule.list is not None:
            return id_of_customer(row) in self._list_members(self._rule.list)
        if self._rule.misc is not None:
            wanted = _plain(self._rule.misc)
            return any(wanted in _plain(row.get(key)) for key in _MISC_KEYS)
        if self._rule.tag is not None:
            return any(_plain(self._rule.tag) in _tags(row.get(key)) for key in TAG_KEYS)
        return False

    def carried_by(self, row: object) -> bool:
        """Whether this row has the field that the rule looks at."""
        keys = _MISC_KEYS if self._rule.misc is not None else TAG_KEYS if self._rule.tag is not None else ()
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
        members = self._lists.members(list_id)
        if members.rows and not members.ids:
            self._warn(f"{who} has {members.rows} rows, none with a customer's id: nobody counts as consenting.")
        elif not members.complete:
            self._warn(
                f"{who} could not be read to its end: only the {len(members.ids)} customers seen count as consenting."
            )
        return members.ids

    def _list_id(self, name: str) -> int | None:
        for row in self._lists.rows():
            if isinstance(row, Mapping) and any(_plain(value) == _plain(name) for value in row.values()):
                found = id_of_list(row)
                if found is not None:
                    return found
        return None


def _plain(value: object) -> str:
    """Text as people compare it: no entities, no case, single spaces; "" for what is not text."""
    return " ".join(html.unescape(value).casefold().split()) if isinstance(value, str) else ""


def _tags(value: object) -> set[str]:
    """The tags of one customer: rows `{tag_id, tag}`, or bare texts."""
    if not isinstance(value, list):
        return set()
    return {_plain(item.get("tag") if isinstance(item, Mapping) else text_of(item)) for item in value}
